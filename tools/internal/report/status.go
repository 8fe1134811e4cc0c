package report

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/revision"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

//go:embed status.schema.json
var statusSchema []byte

// StatusSchema is the JSON Schema of what StatusJSON writes.
func StatusSchema() []byte { return statusSchema }

// StatusOptions say what is written of a status.
type StatusOptions struct {
	Color  bool
	Drift  bool      // each field that drifts, and not their number alone
	Shared bool      // each workload that is not promoted, and not their number alone
	Now    time.Time // that days are counted to; zero counts none, for a page that has no flags either
}

// hint is a flag that says more.
func (o StatusOptions) hint(flag string) string {
	if o.Now.IsZero() {
		return ""
	}
	return ": " + flag
}

// statusJSON is the status as programs read it.
type statusJSON struct {
	Version      string              `json:"version"`
	Past         string              `json:"past,omitempty"`
	Environments []statusEnvironment `json:"environments"`
	Services     []statusService     `json:"services"`
	Shared       []statusShared      `json:"shared"`
}

type statusEnvironment struct {
	Name    string   `json:"name"`
	From    string   `json:"from,omitempty"`
	Soak    string   `json:"soak,omitempty"`
	Ladder  []int    `json:"ladder,omitempty"`
	Targets []string `json:"targets"`
}

type statusService struct {
	Name   string        `json:"name"`
	Places []statusPlace `json:"places"`
}

type statusPlace struct {
	Environment string           `json:"environment"`
	Target      string           `json:"target"`
	Stable      statusTrack      `json:"stable"`
	Canary      *statusTrack     `json:"canary,omitempty"`
	Weight      *statusWeight    `json:"weight,omitempty"`
	Rollout     *statusRollout   `json:"rollout,omitempty"`
	Replicas    []statusReplicas `json:"replicas"`
	Sampling    []statusRate     `json:"sampling"`
	Behind      *statusBehind    `json:"behind,omitempty"`
	Drift       []statusDrift    `json:"drift"`
}

type statusTrack struct {
	Workloads []manifest.ID      `json:"workloads"`
	Container string             `json:"container"`
	Image     string             `json:"image"`
	Name      string             `json:"name"`
	Tag       string             `json:"tag,omitempty"`
	Digest    string             `json:"digest,omitempty"`
	Own       bool               `json:"own"`
	Chart     *statusChart       `json:"chart,omitempty"`
	Position  *manifest.Position `json:"position,omitempty"`
	Since     statusSince        `json:"since"`
}

// statusChart is the Helm chart of which a track is a release.
type statusChart struct {
	Name    string      `json:"name"`
	Release manifest.ID `json:"release"`
}

// statusRollout is how a controller moves traffic by itself.
type statusRollout struct {
	Controller manifest.ID        `json:"controller"`
	Strategy   string             `json:"strategy"`
	Steps      []float64          `json:"steps"`
	Position   *manifest.Position `json:"position,omitempty"`
}

type statusSince struct {
	Known  string        `json:"known"`
	Commit *statusCommit `json:"commit,omitempty"`
	Merge  *statusCommit `json:"merge,omitempty"`
}

type statusCommit struct {
	Hash    string `json:"hash"`
	Time    string `json:"time"`
	Author  string `json:"author"`
	Subject string `json:"subject"`
}

type statusWeight struct {
	Percent  float64            `json:"percent"`
	Position *manifest.Position `json:"position,omitempty"`
	Since    statusSince        `json:"since"`
}

type statusReplicas struct {
	Workload   manifest.ID        `json:"workload"`
	Canary     bool               `json:"canary"`
	Min        string             `json:"min"`
	Max        string             `json:"max,omitempty"`
	Autoscaler *manifest.ID       `json:"autoscaler,omitempty"`
	Position   *manifest.Position `json:"position,omitempty"`
}

type statusRate struct {
	Ratio    float64            `json:"ratio"`
	Position *manifest.Position `json:"position,omitempty"`
}

type statusBehind struct {
	From     string          `json:"from"`
	State    string          `json:"state"`
	Versions []statusVersion `json:"versions"`
	Since    string          `json:"since,omitempty"`
}

type statusVersion struct {
	Version string       `json:"version"`
	Digest  string       `json:"digest,omitempty"`
	Since   *statusSince `json:"since,omitempty"`
}

type statusDrift struct {
	Topic   string        `json:"topic"`
	Field   string        `json:"field,omitempty"`
	Objects []manifest.ID `json:"objects"`
	There   statusSide    `json:"there"`
	Here    statusSide    `json:"here"`
}

type statusSide struct {
	Set      bool               `json:"set"`
	Text     string             `json:"text,omitempty"`
	Position *manifest.Position `json:"position,omitempty"`
}

type statusShared struct {
	Service      string      `json:"service"`
	Workload     manifest.ID `json:"workload"`
	Images       []string    `json:"images"`
	Environments []string    `json:"environments"`
}

func commitOf(c revision.Commit) *statusCommit {
	return &statusCommit{c.Hash, c.When.Format(time.RFC3339), c.Author, c.Subject}
}

func changeOf(c revision.Change) (commit, merge *statusCommit) {
	commit = commitOf(c.Commit)
	if c.Merged.Hash != c.Hash {
		merge = commitOf(c.Merged)
	}
	return commit, merge
}

func sinceOf(s promotion.Since) statusSince {
	out := statusSince{Known: string(s.Knowledge)}
	if s.Knowledge == promotion.Known {
		out.Commit, out.Merge = changeOf(s.Change)
	}
	return out
}

func trackOf(t promotion.Track, since promotion.Since) statusTrack {
	out := statusTrack{
		Container: t.Image.Container, Image: t.Image.Text, Name: t.Image.Name, Tag: t.Image.Tag, Digest: t.Image.Digest, Own: t.Own(),
		Position: position(t.Image.Said.Version().Position), Since: sinceOf(since), Workloads: []manifest.ID{},
	}
	if t.Chart != nil {
		out.Chart = &statusChart{t.Chart.Name, t.Chart.Release}
	}
	for _, o := range t.Workloads {
		out.Workloads = append(out.Workloads, o.ID)
	}
	return out
}

// foremost is the workload that stands for all of them; nil for a chart, which has none here.
func foremost(workloads []*manifest.Object) *manifest.Object {
	if len(workloads) == 0 {
		return nil
	}
	return workloads[0]
}

func placeOf(r promotion.Row) statusPlace {
	p := statusPlace{
		Environment: r.Environment, Target: r.Target(foremost(r.Place.Stable.Workloads)), Stable: trackOf(r.Place.Stable, r.StableSince),
		Replicas: []statusReplicas{}, Sampling: []statusRate{}, Drift: []statusDrift{},
	}
	if len(r.Place.Canary.Workloads) > 0 {
		canary := trackOf(r.Place.Canary, r.CanarySince)
		p.Canary = &canary
	}
	if len(r.Weights) > 0 {
		p.Weight = &statusWeight{r.Weights[0].Percent, position(r.Weights[0].Canary.Scalar.Position), sinceOf(r.WeightSince)}
	}
	if o := r.Rollout; o != nil {
		p.Rollout = &statusRollout{Controller: o.By, Strategy: o.Strategy, Steps: append([]float64{}, o.Steps...)}
		if len(o.Values) > 0 {
			p.Rollout.Position = position(o.Values[0].Scalar.Position)
		}
	}
	for _, n := range r.Replicas {
		one := statusReplicas{Workload: n.Workload, Canary: n.Canary, Min: n.Min.Text, Max: n.Max.Text, Position: position(n.Min.Scalar.Position)}
		if n.By != (manifest.ID{}) {
			one.Autoscaler = &n.By
		}
		p.Replicas = append(p.Replicas, one)
	}
	for _, rate := range r.Sampling {
		p.Sampling = append(p.Sampling, statusRate{rate.Ratio, position(rate.Value.Scalar.Position)})
	}
	if r.Behind.From != "" {
		b := &statusBehind{From: r.Behind.From, State: string(r.Behind.State), Versions: []statusVersion{}}
		for _, c := range r.Behind.Between {
			is := promotion.ParseIdentity(c.Value)
			v := statusVersion{Version: is.Version(), Digest: is.Digest}
			if c.Hash != "" {
				since := sinceOf(promotion.Since{Knowledge: promotion.Known, Change: c})
				v.Since = &since
			}
			b.Versions = append(b.Versions, v)
		}
		if !r.Behind.At.IsZero() {
			b.Since = r.Behind.At.Format(time.RFC3339)
		}
		p.Behind = b
	}
	for _, d := range r.Drift {
		side := func(s promotion.Side) statusSide { return statusSide{s.Set, s.Text, position(s.At)} }
		p.Drift = append(p.Drift, statusDrift{string(d.Topic), d.Field, d.Objects, side(d.There), side(d.Here)})
	}
	return p
}

// StatusJSON writes a status for programs. Its keys are those of StatusSchema.
func StatusJSON(w io.Writer, s promotion.Status) error {
	out := statusJSON{Version: "v1", Past: s.Past, Environments: []statusEnvironment{}, Services: []statusService{}, Shared: []statusShared{}}
	for _, e := range s.Environments {
		one := statusEnvironment{Name: e.Name, From: e.Promotion.From, Ladder: e.Promotion.Ladder, Targets: e.Targets}
		if e.Promotion.Soak > 0 {
			one.Soak = e.Promotion.Soak.String()
		}
		out.Environments = append(out.Environments, one)
	}
	for _, r := range s.Rows {
		if n := len(out.Services); n == 0 || out.Services[n-1].Name != r.Service {
			out.Services = append(out.Services, statusService{Name: r.Service})
		}
		last := &out.Services[len(out.Services)-1]
		last.Places = append(last.Places, placeOf(r))
	}
	for _, o := range s.Shared {
		out.Shared = append(out.Shared, statusShared{o.Service, o.Object, o.Images, o.Environments})
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(terminal.JSON(text), '\n'))
	return err
}

// statusHead are the columns of a status.
func statusHead() []string {
	return []string{"SERVICE", "ENVIRONMENT", "VERSION", "SINCE", "CANARY", "REPLICAS", "SAMPLING", "BEHIND"}
}

// cells are a row as people read it, the service aside.
func (o StatusOptions) cells(r promotion.Row) []string {
	return []string{
		r.Environment, version(r, r.Place.Stable), sinceText(r.StableSince), canaryText(r), replicasText(r), samplingText(r), o.behindText(r.Behind),
	}
}

func version(r promotion.Row, t promotion.Track) string {
	v := cmp.Or(r.Version(t.Image.Reference), "latest")
	if t.Chart != nil {
		v = "chart " + v
	}
	if !t.Own() {
		v += " (shared)"
	}
	return v
}

func sinceText(s promotion.Since) string {
	switch s.Knowledge {
	case promotion.Known:
		return s.Change.Merged.When.Format(time.DateOnly)
	case promotion.Uncommitted:
		return "not committed"
	}
	return "?"
}

func canaryText(r promotion.Row) string {
	if len(r.Place.Canary.Workloads) == 0 {
		return rolloutText(r.Rollout)
	}
	text := version(r, r.Place.Canary)
	for i, w := range r.Weights {
		join := " "
		if i > 0 {
			join = ", "
		}
		text += join + figure(w.Percent) + "%"
	}
	return text
}

// rolloutText is the steps that a controller takes by itself. On which it is, git does not say.
func rolloutText(r *promotion.Rollout) string {
	switch {
	case r == nil:
		return "-"
	case len(r.Steps) == 0:
		return r.Strategy
	}
	var all []string
	for _, share := range r.Steps {
		all = append(all, figure(share))
	}
	const most = 6
	if len(all) > most {
		all = append(append(all[:most-2:most-2], "…"), all[len(all)-1])
	}
	return "steps " + strings.Join(all, ", ") + "%"
}

func figure(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func replicasText(r promotion.Row) string {
	var all []string
	for _, n := range r.Replicas {
		text := n.Min.Text
		if n.Max.Text != "" {
			text += "-" + n.Max.Text
		}
		if n.Canary {
			text = "+" + text
		}
		all = append(all, text)
	}
	return cmp.Or(strings.Join(all, " "), "-")
}

func samplingText(r promotion.Row) string {
	var rates []string
	for _, rate := range r.Sampling {
		if text := figure(rate.Ratio); !slices.Contains(rates, text) {
			rates = append(rates, text)
		}
	}
	return cmp.Or(strings.Join(rates, ", "), "-")
}

func (o StatusOptions) behindText(b promotion.Behind) string {
	switch {
	case b.From == "":
		return "-"
	case b.State == promotion.Same:
		return "as " + b.From
	case b.State == promotion.Unseen:
		return "never in " + b.From
	case b.State == promotion.Back:
		return "taken back in " + b.From
	case b.State == promotion.Unclear:
		return "not " + b.From + "'s"
	case b.At.IsZero(), o.Now.IsZero():
		return plural(len(b.Between), "version")
	}
	return plural(len(b.Between), "version") + ", " + strconv.Itoa(days(b.At, o.Now)) + "d"
}

func days(from, to time.Time) int { return max(0, int(to.Sub(from).Hours()/24)) }

// sentences say of a row what the table has no room for.
func (o StatusOptions) sentences(r promotion.Row) []string {
	var out []string
	name := r.Service + " in " + r.Environment
	if b := r.Behind; b.State == promotion.Late || b.State == promotion.Back {
		var between []string
		for _, c := range b.Between {
			text := r.Version(promotion.ParseIdentity(c.Value))
			if c.Hash != "" {
				text += fmt.Sprintf(" since %s (%.7s by %s)", c.Merged.When.Format(time.DateOnly), c.Hash, c.Author)
			} else {
				text += ", which is not committed"
			}
			between = append(between, text)
		}
		what := name + " is behind " + b.From
		if b.State == promotion.Back {
			what = name + " runs what " + b.From + " took back"
		}
		out = append(out, what+": "+strings.Join(between, ", "))
	} else if b.State == promotion.Unseen {
		out = append(out, fmt.Sprintf("%s runs what %s never ran, as far back as its file goes", name, b.From))
	}
	if r.StableSince.Knowledge == promotion.Uncommitted {
		out = append(out, name+" runs what is not committed: "+r.Place.Stable.Image.Said.Version().String())
	}
	if r.CanarySince.Knowledge == promotion.Uncommitted {
		out = append(out, "the canary of "+name+" runs what is not committed: "+r.Place.Canary.Image.Said.Version().String())
	}
	if !o.Drift && len(r.Drift) > 0 {
		return append(out, fmt.Sprintf("%s differs from %s in %s besides%s", name, r.Behind.From, plural(len(r.Drift), "field"), o.hint("--drift names them")))
	}
	for _, d := range r.Drift {
		out = append(out, name+" differs from "+r.Behind.From+" in "+driftOf(r, d))
	}
	return out
}

func driftOf(r promotion.Row, d promotion.Drift) string {
	side := func(environment string, s promotion.Side) string {
		text := "nothing"
		switch {
		case s.Set && d.Field == "":
			text = "there"
		case s.Set:
			text = strings.Join(strings.Fields(s.Text), " ")
		}
		if s.Set && !s.At.IsZero() {
			text += " (" + s.At.String() + ")"
		}
		return text + " in " + environment
	}
	var objects []string
	for _, o := range d.Objects {
		objects = append(objects, o.String())
	}
	what := strings.Join(objects, ", ")
	if d.Field != "" {
		what = d.Field + " of " + what
	}
	return what + ": " + side(r.Behind.From, d.There) + ", " + side(r.Environment, d.Here)
}

// statusNotes say what is not in the table.
func (o StatusOptions) statusNotes(s promotion.Status) []string {
	var out []string
	if len(s.Rows) == 0 {
		out = append(out, "there is no service: no workload that targets of environments render has a tag or a digest which a file of one environment's own says")
	}
	for i, r := range s.Rows {
		if r.Behind.From == "" && i > 0 && s.Rows[i-1].Service == r.Service && !slices.ContainsFunc(s.Environments, func(e promotion.Environment) bool { return e.Promotion.From != "" }) {
			out = append(out, "kgate.yaml does not say where versions come from: `promotion: {from: NAME}` of an environment says how far behind it is")
			break
		}
	}
	if s.Past != "" {
		out = append(out, s.Past)
	}
	if len(s.Shared) == 0 {
		return out
	}
	if o.Shared {
		for _, w := range s.Shared {
			out = append(out, fmt.Sprintf("%s of %s is the same wherever it runs, as files say that every environment reads: %s", w.Object, strings.Join(w.Environments, ", "), strings.Join(w.Images, ", ")))
		}
		return out
	}
	return append(out, plural(len(s.Shared), "workload")+" with one version for all environments"+o.hint("--shared names them"))
}

// widest is how many columns a status has at most, but for names that are long by themselves.
const widest = 100

// StatusText writes a status for people: a table, and below it what it has no room for.
func StatusText(w io.Writer, s promotion.Status, o StatusOptions) error {
	page := terminal.NewPage(w, o.Color)
	if len(s.Rows) == 0 {
		for _, sentence := range o.statusNotes(s) {
			page.Line("%s", terminal.Line(sentence))
		}
		return page.Flush()
	}
	rows := [][]string{statusHead()}
	for _, r := range s.Rows {
		row := append([]string{r.Service}, o.cells(r)...)
		for i := range row {
			row[i] = terminal.Line(row[i])
		}
		rows = append(rows, row)
	}
	rows = narrowed(rows)
	apart := width(rows) > widest // each service has a line of its own
	last := rows[0][0]
	for i, row := range rows {
		service := row[0]
		if row[0] = ""; service != last || i == 0 {
			row[0] = service
		}
		last = service
	}
	if apart {
		for i, row := range rows {
			rows[i] = append([]string{"  " + row[1]}, row[2:]...)
			if row[0] != "" && i > 0 {
				rows[i] = append([]string{row[0] + "\n" + rows[i][0]}, rows[i][1:]...)
			}
		}
	}
	for i, line := range lined(rows) {
		if i == 0 {
			line = page.Paint(terminal.Bold, line)
		}
		page.Line("%s", line)
	}
	var below []string
	for _, r := range s.Rows {
		below = append(below, o.sentences(r)...)
	}
	below = append(below, o.statusNotes(s)...)
	if len(below) > 0 {
		page.Line("")
	}
	for _, sentence := range below {
		page.Line("%s", terminal.Line(sentence))
	}
	return page.Flush()
}

// lastLine is what a cell has in its last line.
func lastLine(cell string) string { return cell[strings.LastIndex(cell, "\n")+1:] }

func widths(rows [][]string) []int {
	all := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			all[i] = max(all[i], utf8.RuneCountInString(lastLine(cell)))
		}
	}
	return all
}

func width(rows [][]string) int {
	sum := 0
	for _, n := range widths(rows) {
		sum += n + 2
	}
	return sum - 2
}

// lined are the rows of a table as lines.
func lined(rows [][]string) []string {
	all := widths(rows)
	var lines []string
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			b.WriteString(strings.Repeat(" ", all[i]-utf8.RuneCountInString(lastLine(cell))+2))
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// narrowed leaves out columns in which nothing is said.
func narrowed(rows [][]string) [][]string {
	var kept []int
	for i := range rows[0] {
		if i < 3 || slices.ContainsFunc(rows[1:], func(row []string) bool { return row[i] != "-" }) {
			kept = append(kept, i)
		}
	}
	out := make([][]string, len(rows))
	for i, row := range rows {
		for _, column := range kept {
			out[i] = append(out[i], row[column])
		}
	}
	return out
}

// StatusMarkdown writes a status for a comment or the summary of a job.
func StatusMarkdown(w io.Writer, s promotion.Status, o StatusOptions) error {
	var b strings.Builder
	var rows [][]string
	for _, r := range s.Rows {
		rows = append(rows, append([]string{r.Service}, o.cells(r)...))
	}
	if len(rows) > 0 {
		rows = narrowed(slices.Concat([][]string{statusHead()}, rows))
	}
	for i, row := range rows {
		cells := make([]string, len(row))
		for j, cell := range row {
			if cells[j] = asText(cell); i == 0 {
				cells[j] = cell[:1] + strings.ToLower(cell[1:])
			}
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			fmt.Fprintf(&b, "|%s\n", strings.Repeat(" --- |", len(row)))
		}
	}
	var below []string
	for _, r := range s.Rows {
		below = append(below, o.sentences(r)...)
	}
	for i, sentence := range append(below, o.statusNotes(s)...) {
		if i == 0 && len(rows) > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "- %s\n", asText(sentence))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
