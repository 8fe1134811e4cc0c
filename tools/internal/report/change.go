package report

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/argocd"
	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/difference"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// Comparison is what a report has besides where its run compares two sides: its findings are those that the change brings.
type Comparison struct {
	change.Set
	Standing []check.Finding // what both sides have
	Mended   []check.Finding // what the side before has alone
	Unjudged bool            // nobody asked what is found
	Syncs    []argocd.Sync   // what Argo CD does with the change, by Application
	Alone    bool            // the report is to say what the change brings, and not what it changes
}

// said says in one line what a change is from and to.
func (c *Comparison) said() string {
	return "from " + c.Before.Shown() + " to " + c.After.Shown()
}

// revision is what messages put behind the name of a file of the side before; "" where nothing is compared.
func (c *Comparison) revision() string {
	if c == nil {
		return ""
	}
	return "@" + c.Before.Name
}

// standing is a finding as formats show it that know only files of the side after. One in a file of the side before, because
// the change removes what it is about, is at the kustomization of its target, and says where that was.
func (r Report) standing(f check.Finding) check.Finding {
	place := func(p manifest.Position, target string) (manifest.Position, string) {
		name, isBefore := strings.CutSuffix(p.File, r.Comparison.revision())
		if r.Comparison == nil || !isBefore {
			return p, ""
		}
		said := "; it was at " + manifest.Position{File: name, Line: p.Line}.String() + " of " + r.Comparison.Before.Name
		files := []string{target}
		for _, kustomization := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
			files = append(files, path.Join(target, kustomization))
		}
		for _, file := range append(files, name, "kgate.yaml") {
			if r.ReadFile == nil {
				break
			}
			if _, err := r.ReadFile(file); err == nil {
				return manifest.Position{File: file}, said
			}
		}
		return manifest.Position{File: name}, said
	}
	var said string
	f.Source, said = place(f.Source, f.Target)
	f.Message += said
	f.With = slices.Clone(f.With)
	for i := range f.With {
		f.With[i].Source, _ = place(f.With[i].Source, f.Target)
	}
	f.Related = slices.Clone(f.Related)
	for i := range f.Related {
		f.Related[i], _ = place(f.Related[i], f.Target)
	}
	f.Follows = slices.Clone(f.Follows)
	for i := range f.Follows {
		f.Follows[i] = r.standing(f.Follows[i])
	}
	return f
}

// tally is how many objects become what, in words.
func (c *Comparison) tally() string {
	return fmt.Sprintf("%d added, %d changed, %d removed", c.Count(change.Added), c.Count(change.Changed), c.Count(change.Removed))
}

// unknown is how many targets could not be compared.
func (c *Comparison) unknown() int {
	if c == nil {
		return 0
	}
	n := 0
	for _, t := range c.Targets {
		if t.Kind == change.Unknown {
			n++
		}
	}
	return n
}

// touched says how many targets differ.
func (c *Comparison) touched() string {
	touched, unknown := 0, 0
	for _, t := range c.Touched() {
		if t.Kind == change.Unknown {
			unknown++
		} else {
			touched++
		}
	}
	said := fmt.Sprintf("%d of %s change", touched, plural(len(c.Targets), "target"))
	switch touched {
	case 0:
		said = fmt.Sprintf("none of %s changes", plural(len(c.Targets), "target"))
	case 1:
		said += "s"
	}
	if unknown > 0 {
		said += fmt.Sprintf(" and %d not compared", unknown)
	}
	return said
}

// verdict says how findings differ.
func (c *Comparison) verdict(brought int) string {
	return fmt.Sprintf("%s brought, %d mended, %d as before", plural(brought, "finding"), len(c.Mended), len(c.Standing))
}

// hidden says what is not shown, and how it is.
func (c *Comparison) hidden() string {
	if len(c.Hidden) == 0 {
		return ""
	}
	reasons := map[difference.Equality][2]string{ // of one field, and of several
		"default": {"default that the server fills in", "defaults that the server fills in"}, "quantity": {"the same amount in another unit"},
		"format": {"the same value, written in another way"}, "order": {"an item at another place of a list whose order means nothing", "items at another place of lists whose order means nothing"},
		"suffix": {"name that follows a generated object's content", "names that follow a generated object's content"}, "status": {"status, which the server does not take"},
	}
	total := 0
	var parts []string
	for _, h := range c.Hidden {
		total += h.Count
		reason := cmp.Or(reasons[h.Reason][0], string(h.Reason))
		if h.Count != 1 {
			reason = cmp.Or(reasons[h.Reason][1], reason)
		}
		parts = append(parts, fmt.Sprintf("%d %s", h.Count, reason))
	}
	verbs := [2]string{"differ", "mean"}
	if total == 1 {
		verbs = [2]string{"differs", "means"}
	}
	return fmt.Sprintf("%s %s in the text and %s the same: %s; --all shows them", plural(total, "field"), verbs[0], verbs[1], strings.Join(parts, ", "))
}

// change begins the report of a comparison: what there is to decide on.
func (t *text) change(r Report, now time.Time, verbose bool) {
	c := r.Comparison
	t.Line("%s", t.Paint(terminal.Bold, terminal.Line(c.said())))
	t.Line("  %s", terminal.Line(c.touched()+": "+c.tally()))
	for _, target := range c.Touched() {
		switch target.Kind {
		case change.Added, change.Removed:
			t.Line("  %s  %s", terminal.File(target.Path), target.Kind)
		case change.Unknown:
			t.Line("  %s  %s", terminal.File(target.Path), t.Paint(terminal.Red, "not compared"))
		default:
			was := ""
			if target.Was != "" {
				was = "was " + target.Was + ", "
			}
			t.Line("  %s  %s%d added, %d changed, %d removed", terminal.File(target.Path), terminal.File(was), target.Added, target.Changed, target.Removed)
		}
	}
	label := "image"
	for _, i := range c.Images {
		t.changeField(label, terminal.Line(imageSaid(i)+"  of "+placesSaid(i.Places)))
		label = ""
	}
	label = "pods"
	for _, restart := range c.Restarts {
		said := placesSaid(restart.Places) + " restart: " + t.place(restart.Line) + "  " + terminal.Line(restart.Name)
		if of := restartedBy(restart); of != "" {
			said += terminal.Line(" of " + of)
		}
		if restart.More > 0 {
			said += fmt.Sprintf(", and %d more", restart.More)
		}
		t.changeField(label, said)
		label = ""
	}
	t.syncs(c, now, verbose)
	if !c.Unjudged {
		t.changeField("found", c.verdict(len(r.Findings)))
	}
	if said := c.hidden(); said != "" {
		t.changeField("", terminal.Line(said))
	}
	for _, f := range c.Mended {
		t.changeField("", t.Paint(terminal.Green, "mended")+" "+terminal.Line(f.Message)+" ("+terminal.Line(f.Check)+")")
	}
}

func (t *text) changeField(label, value string) {
	t.Line("  %s %s", t.Paint(terminal.Dim, fmt.Sprintf("%-5s", label)), value)
}

// restartedBy is the object whose field makes pods restart, where that is not their workload; "" where it is.
func restartedBy(r change.Restart) string {
	if r.Of.Kind == "" || r.Of == r.Places[0].ID() {
		return ""
	}
	return r.Of.Kind + " " + r.Of.Name
}

// imageSaid is an image before and after, what both have said once.
func imageSaid(i change.Image) string {
	switch {
	case i.Old == "":
		return i.New + " (new)"
	case i.New == "":
		return i.Old + " (no more)"
	}
	return i.Old + " → " + i.New
}

// namedObject is an object with the targets that have it.
type namedObject struct {
	Name    string
	Targets []string
}

// names are objects, each once, with the targets that have them.
func names(places []change.Place) []namedObject {
	var all []namedObject
	known := map[string]int{}
	for _, p := range places {
		id := p.ID()
		name := id.Kind + " " + id.Name
		i, ok := known[name]
		if !ok {
			i = len(all)
			known[name], all = i, append(all, namedObject{Name: name})
		}
		if !slices.Contains(all[i].Targets, p.Target) {
			all[i].Targets = append(all[i].Targets, p.Target)
		}
	}
	return all
}

// placesSaid are objects with the targets that have them.
func placesSaid(places []change.Place) string {
	list := names(places)
	same := !slices.ContainsFunc(list, func(n namedObject) bool { return !slices.Equal(n.Targets, list[0].Targets) })
	const most = 4
	var parts []string
	for i, n := range list {
		if i == most && len(list) > most+1 {
			parts = append(parts, fmt.Sprintf("%d more", len(list)-most))
			break
		}
		part := n.Name
		if !same {
			part += " (" + strings.Join(n.Targets, ", ") + ")"
		}
		parts = append(parts, part)
	}
	said := strings.Join(parts, ", ")
	if same && len(list) > 0 {
		said += " (" + strings.Join(list[0].Targets, ", ") + ")"
	}
	return said
}

var signs = map[change.Kind]string{change.Added: "+", change.Removed: "-", change.Changed: "~", change.Renamed: "→"}

func (t *text) sign(kind change.Kind) string {
	colors := map[change.Kind]string{change.Added: terminal.Green, change.Removed: terminal.Red}
	return t.Paint(colors[kind], signs[kind])
}

// entries prints what changes, object by object.
func (t *text) entries(c *Comparison, verbose bool) error {
	for _, e := range c.Entries {
		t.Line("")
		said := placesSaid(e.Places)
		if namespace := e.Places[0].ID().Namespace; e.Kind != change.Changed && namespace != "" && !slices.ContainsFunc(e.Places, func(p change.Place) bool { return p.ID().Namespace != namespace }) {
			said += " in namespace " + namespace // what comes and goes may do so in another one
		}
		t.Line("%s %s", t.sign(e.Kind), t.Paint(terminal.Bold, terminal.Line(said)))
		if e.Kind == change.Renamed {
			t.Line("    %s", terminal.Line("was "+e.Places[0].Old.ID.String()+": a cluster deletes that one and creates this"))
		}
		for _, line := range e.Lines {
			t.Line("    %s", t.line(e, line))
		}
		if verbose && (e.Kind == change.Added || e.Kind == change.Removed) {
			if err := t.whole(e); err != nil {
				return err
			}
		}
		for i, f := range e.Fields {
			t.changed(e, f, verbose)
			if i+1 < len(e.Fields) && reflect.DeepEqual(f.Lines, e.Fields[i+1].Lines) && f.Change.Lines == nil {
				continue // one line made both
			}
			for _, line := range f.Lines {
				t.Line("    %s", t.line(e, line))
			}
		}
	}
	return nil
}

// whole prints an object that is added or removed, as it is in each of its targets.
func (t *text) whole(e change.Entry) error {
	sign, color := "+", terminal.Green
	if e.Kind == change.Removed {
		sign, color = "-", terminal.Red
	}
	contents, err := contentsOf(e)
	for _, c := range contents {
		if len(contents) > 1 {
			t.Line("  %s", terminal.Line("in "+targetsOf(e, c.in)+":"))
		}
		for _, line := range yamlLines(c.shown) {
			t.Line("    %s", t.Paint(color, terminal.Line(sign+" "+line)))
		}
	}
	return err
}

// line is where a change was made, and what stood there.
func (t *text) line(e change.Entry, l change.Line) string {
	said := t.place(l.Source)
	if l.Gone {
		said = t.place(l.Source) + " " + t.Paint(terminal.Dim, "(before)")
	} else if shown, _, _ := t.sources.shown(l.Source); shown != "" {
		said += "  " + t.Paint(terminal.Dim, strings.TrimSpace(shown))
	}
	if wasElsewhere(l) {
		said += t.Paint(terminal.Dim, "  was "+t.place(l.Was))
	}
	if len(l.In) < len(e.Places) {
		said += "  " + terminal.Line("of "+targetsOf(e, l.In))
	}
	return said
}

// wasElsewhere reports a line that stood at another place before.
func wasElsewhere(l change.Line) bool {
	return !l.Gone && !l.Was.IsZero() && (l.Was.File != l.Source.File || l.Was.Line != l.Source.Line)
}

func targetsOf(e change.Entry, in []int) string { return strings.Join(targetsIn(e, in), ", ") }

func targetsIn(e change.Entry, in []int) []string {
	var targets []string
	for _, at := range in {
		if target := e.Places[at].Target; !slices.Contains(targets, target) {
			targets = append(targets, target)
		}
	}
	return targets
}

// widestValue is how long a value may be that stands on one line with another one.
const widestValue = 60

// Of a field no more is shown, unless somebody asks for all of it.
const (
	mostLines      = 200
	mostCharacters = 1000 // of a line
)

func (t *text) changed(e change.Entry, f change.Field, verbose bool) {
	path := terminal.Line(fieldName(e, f))
	switch {
	case f.Moved:
		t.Line("  %s: moved from %s", path, terminal.Line(f.OldPath.String()))
	case f.Change.Lines != nil:
		t.Line("  %s:", path)
		var lines []signed
		eachLine(f.Change.Lines, func(sign, said string) { lines = append(lines, signed{sign, said}) })
		t.lines(lines, verbose)
	default:
		old, new := yamlLines(f.Old), yamlLines(f.New)
		switch {
		case len(old) == 1 && len(new) == 1 && utf8.RuneCountInString(old[0]) <= widestValue && utf8.RuneCountInString(new[0]) <= widestValue:
			t.Line("  %s: %s → %s", path, t.Paint(terminal.Red, terminal.Line(old[0])), t.Paint(terminal.Green, terminal.Line(new[0])))
		case len(old)+len(new) == 1:
			t.Line("  %s: %s", path, t.signed(append(signedLines("-", old), signedLines("+", new)...)[0], verbose))
		default:
			t.Line("  %s:", path)
			t.lines(append(signedLines("-", old), signedLines("+", new)...), verbose)
		}
	}
}

// fieldName is a field as a reader knows it.
func fieldName(e change.Entry, f change.Field) string {
	at := e.Places[f.In[0]]
	return f.Name(at.Old, at.New)
}

// signed is a line of a value, with what became of it.
type signed struct{ sign, text string }

func signedLines(sign string, lines []string) []signed {
	all := make([]signed, len(lines))
	for i, line := range lines {
		all[i] = signed{sign, line}
	}
	return all
}

// lines prints those of a value, and counts those that are beyond what somebody reads.
func (t *text) lines(lines []signed, verbose bool) {
	shown := lines
	if !verbose {
		shown = lines[:min(len(lines), mostLines)]
	}
	for _, line := range shown {
		t.Line("    %s", t.signed(line, verbose))
	}
	if left := len(lines) - len(shown); left > 0 {
		t.Line("    %s", t.Paint(terminal.Dim, terminal.Line(folded+" "+more(left, "line")+": --verbose shows them")))
	}
}

func (t *text) signed(line signed, verbose bool) string {
	said := line.sign + " " + line.text
	if left := utf8.RuneCountInString(line.text) - mostCharacters; left > 0 && !verbose {
		said = fmt.Sprintf("%s %s… %s: --verbose shows them", line.sign, string([]rune(line.text)[:mostCharacters]), more(left, "character"))
	}
	colors := map[string]string{"+": terminal.Green, "-": terminal.Red, folded: terminal.Dim}
	if color := colors[line.sign]; color != "" {
		return t.Paint(color, terminal.Line(said))
	}
	return terminal.Line(said)
}

// folded is the sign of lines that are left out.
const folded = "…"

// eachLine gives a text by line, each with its sign, and what is far from any change counted.
func eachLine(lines []difference.Line, give func(sign, said string)) {
	count := 0
	flush := func() {
		if count > 0 {
			give(folded, plural(count, "line")+" as before")
		}
		count = 0
	}
	for _, l := range lines {
		if l.Folded {
			count++
			continue
		}
		flush()
		sign := " "
		switch {
		case l.Old == 0:
			sign = "+"
		case l.New == 0:
			sign = "-"
		}
		said := l.Text()
		if l.Open {
			said += " (no end of line)"
		}
		give(sign, said)
	}
	flush()
}

// yamlLines are the lines of a value as YAML writes it. A field that is not there has none.
func yamlLines(value any) []string {
	if value == nil {
		return nil
	}
	switch value.(type) {
	case string, difference.Secret, difference.Null:
		text, ok := value.(string)
		if !ok {
			text = fmt.Sprint(value)
		}
		if !strings.Contains(text, "\n") && text != "" && strings.TrimSpace(text) == text {
			return []string{text}
		}
	}
	text, err := yaml.Marshal(value)
	if err != nil {
		return []string{fmt.Sprint(value)}
	}
	return strings.Split(string(bytes.TrimRight(text, "\n")), "\n")
}
