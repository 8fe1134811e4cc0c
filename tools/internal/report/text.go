package report

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// Text writes the report for a person: a line a target, then every finding below the line to edit, then a line an
// exemption that let something pass, then what the run did not look at, then a summary. A finding begins as a compiler's
// message does, file:line:column: severity: message, which editors know how to follow.
func Text(w io.Writer, r Report, options Options) error {
	out := newText(w, r.sources(), options.Color)
	out.dir, out.from = r.Dir, options.From
	if r.Comparison != nil && !r.Comparison.Alone {
		out.change(r, options.Now, options.Verbose)
	} else {
		for _, t := range r.overview() {
			out.target(t)
		}
	}
	for _, o := range r.obstacles() {
		out.Line("")
		out.failure(o.Failure)
		if in := o.elsewhere(); in != nil {
			out.field("in", terminal.Line(strings.Join(in, ", ")))
		}
	}
	for _, f := range r.Findings {
		out.Line("")
		out.finding(f)
	}
	if r.Comparison != nil && !r.Comparison.Alone {
		if err := out.entries(r.Comparison, options.Verbose); err != nil {
			return err
		}
	}
	if len(r.Findings) > 0 || len(r.Errors) > 0 || r.Comparison != nil && len(r.Comparison.Entries) > 0 {
		out.Line("")
	}
	for _, e := range r.exemptions() {
		out.exemption(e, options.Verbose)
	}
	for _, n := range r.notes() {
		out.Line("%s: %s", out.Paint(terminal.Bold, "note"), terminal.Line(out.said(n.String())))
		if n.About == baseline && options.Verbose {
			out.passed(r.Passed)
		}
	}
	out.summary(r)
	return out.Flush()
}

// status is what a run says of a target, or of a file that findings are about without a target, such as kgate.yaml.
type status struct {
	Target
	asked    bool
	rendered bool
	findings int
	failures int
}

// overview is the targets in their order, then the files.
func (r Report) overview() []*status {
	var all []*status
	byPath := map[string]*status{}
	get := func(path string) *status {
		s := byPath[path]
		if s == nil {
			s = &status{Target: Target{Path: path}}
			byPath[path] = s
			all = append(all, s)
		}
		return s
	}
	for _, path := range r.Asked {
		get(path).asked = true
	}
	for _, t := range r.Targets {
		s := get(t.Path)
		s.Target, s.rendered = t, true
	}
	for _, f := range r.Findings {
		for _, target := range reached(f) {
			get(target).findings++
		}
	}
	for _, e := range r.Exempted {
		for _, target := range e.Finding.Targets() {
			get(target)
		}
	}
	for _, f := range r.Errors {
		get(f.Target).failures++
	}
	return all
}

// reached are the targets that a finding shows in, or something that follows from it, each once.
func reached(f check.Finding) []string {
	targets := f.Targets()
	for _, follower := range f.Follows {
		for _, target := range follower.Targets() {
			if !slices.Contains(targets, target) {
				targets = append(targets, target)
			}
		}
	}
	return targets
}

type text struct {
	*terminal.Page
	sources *sources
	dir     string // of the repository
	from    string // where kgate was started
}

func newText(w io.Writer, sources *sources, color bool) *text {
	return &text{Page: terminal.NewPage(w, color), sources: sources}
}

func (t *text) target(s *status) {
	name := terminal.File(s.Path)
	if name == "" {
		name = "kgate"
	}
	verdict := t.Paint(terminal.Green, "ok")
	switch {
	case s.failures > 0:
		verdict = t.Paint(terminal.Red, "not checked")
	case s.findings > 0:
		verdict = t.Paint(terminal.Red, plural(s.findings, "finding"))
	}
	head := t.Paint(terminal.Bold, name)
	if s.rendered {
		head += t.Paint(terminal.Dim, "  "+plural(s.objects(), "object"))
	}
	t.Line("%s  %s", head, verdict)
}

func (t *text) failure(f Failure) {
	where := terminal.File(f.Target)
	if !f.Source.IsZero() {
		where = t.place(f.Source)
	} else if where == "" {
		where = "kgate"
	}
	t.Line("%s: %s", t.Paint(terminal.Bold, where), t.Paint(terminal.Red, "cannot check")+": "+terminal.Message(t.said(f.Message)))
	t.quote(f.Source, terminal.Red)
}

func (t *text) finding(f check.Finding) {
	color := terminal.Red
	if f.Severity == check.Warning {
		color = terminal.Yellow
	}
	where := t.place(f.Source)
	if f.Source.IsZero() {
		where = terminal.File(f.Target)
	}
	t.Line("%s: %s", t.Paint(terminal.Bold, where), t.Paint(color, string(f.Severity))+": "+terminal.Message(t.said(f.Message)))
	t.quote(f.Source, color)
	t.fields("in", objects(f))
	var over, with []string
	for _, r := range f.Related {
		over = append(over, t.shown(r))
	}
	for _, w := range f.With {
		with = append(with, t.shown(w.Source)+"  "+weighed(w))
	}
	t.fields("over", over)
	t.fields("with", with)
	t.field("fix", terminal.Continued(t.said(f.Fix), "       | "))
	t.field("why", "kgate explain "+terminal.Line(f.Check))
	var then []string
	for _, follower := range f.Follows[:min(len(f.Follows), mostFollowers)] {
		then = append(then, t.follower(follower))
	}
	if more := len(f.Follows) - len(then); more > 0 {
		then = append(then, fmt.Sprintf("and %d more: `--output json` lists them", more))
	}
	t.fields("then", then)
}

// mostFollowers is how many findings a person reads of one cause. One line of an ApplicationSet may have thousands.
const mostFollowers = 20

// follower is a finding in the one line that it has below the one that it follows from.
func (t *text) follower(f check.Finding) string {
	where := t.place(f.Source)
	if f.Source.IsZero() {
		where = terminal.File(f.Target)
	}
	said := fmt.Sprintf("%s: %s: %s (%s)", where, f.Severity, terminal.Continued(t.said(f.Message), "       | "), terminal.Line(f.Check))
	var in []string
	for _, o := range occurrences(f) {
		if o.object != nil && !slices.Contains(in, o.object.String()) {
			in = append(in, o.object.String())
		}
	}
	if len(in) > 0 {
		said += "  in " + terminal.Line(strings.Join(in, ", "))
	}
	return said
}

// shown is a position with what is written there.
func (t *text) shown(p manifest.Position) string {
	said := t.place(p)
	if line, _, _ := t.sources.shown(p); line != "" {
		said += "  " + t.Paint(terminal.Dim, strings.TrimSpace(line))
	}
	return said
}

// fields prints values of which only the first has the label.
func (t *text) fields(label string, values []string) {
	for _, value := range values {
		t.field(label, value)
		label = ""
	}
}

func (t *text) field(label, value string) {
	t.Line("  %s %s", t.Paint(terminal.Dim, fmt.Sprintf("%-4s", label)), value)
}

// objects says which objects of which targets a finding shows in, a line an object.
func objects(f check.Finding) []string {
	var lines []string
	for _, o := range occurrences(f) {
		line := ""
		if o.object != nil {
			line = o.object.String()
			if o.path != "" {
				line += "  " + o.path
			}
			line += "  of "
		}
		lines = append(lines, terminal.Line(line+strings.Join(o.targets, ", ")))
	}
	return lines
}

// weighed says of which object a field is that a finding weighs.
func weighed(w check.Part) string {
	return terminal.Line(strings.TrimSuffix(fmt.Sprintf("in %s  %s", w.Object, w.Path), "  "))
}

// place is a position as it is seen from here.
func (t *text) place(p manifest.Position) string {
	if p.File != "" {
		p.File = t.fromHere(p.File)
	}
	return place(p)
}

// fromHere is a file of the repository as it is seen from where kgate was started, so that an editor finds it.
func (t *text) fromHere(file string) string {
	if t.from == "" || t.dir == "" || filepath.IsAbs(file) {
		return file
	}
	seen, err := filepath.Rel(t.from, filepath.Join(t.dir, filepath.FromSlash(file)))
	if err != nil {
		return file
	}
	return filepath.ToSlash(seen)
}

// said is a message, with the places that it names as they are seen from here.
func (t *text) said(message string) string {
	if t.from == t.dir || t.from == "" || t.dir == "" {
		return message
	}
	return placed.ReplaceAllStringFunc(message, func(p string) string {
		file, line, _ := strings.Cut(p, ":")
		if len(t.sources.lines(file)) == 0 {
			return p
		}
		return t.fromHere(file) + ":" + line
	})
}

// placed finds what may be a place in a message.
var placed = regexp.MustCompile(`[\w.@+/-]+:[0-9]+`)

// place is a position as compilers write it.
func place(p manifest.Position) string {
	if p.Column == 0 {
		return terminal.File(p.String())
	}
	return terminal.File(fmt.Sprintf("%s:%d", p, p.Column))
}

// quote prints the line that a position names, with the field marked.
func (t *text) quote(p manifest.Position, color string) {
	line, begin, end := t.sources.shown(p)
	if strings.TrimSpace(line) == "" {
		return
	}
	number := fmt.Sprint(p.Line)
	gutter := t.Paint(terminal.Dim, strings.Repeat(" ", len(number))+" |")
	t.Line("  %s %s", t.Paint(terminal.Dim, number+" |"), line)
	t.Line("  %s %s%s", gutter, strings.Repeat(" ", begin), t.Paint(color, strings.Repeat("^", max(end-begin, 1))))
}

// exempted prints one finding that an exemption let pass with that exemption, for formats that have a place for each.
func (t *text) exempted(e check.Exempted) {
	t.Line("%s: %s: %s", t.Paint(terminal.Bold, t.place(e.Finding.Source)), t.Paint(terminal.Dim, "exempted"), terminal.Message(t.said(e.Finding.Message)))
	for _, of := range objects(e.Finding) {
		t.field("in", of)
	}
	t.field("by", terminal.Continued(fmt.Sprintf("%s until %s: %s", e.Exemption.Owner, e.Exemption.Expires.Format(time.DateOnly), e.Exemption.Reason), "       | "))
	t.field("at", t.place(e.Exemption.Source))
	t.field("why", "kgate explain "+terminal.Line(e.Finding.Check))
}

// leniency is an exemption with what it let pass.
type leniency struct {
	check.Exemption
	findings []check.Finding // of each line to edit one, with all its places
	passed   int             // findings before they were put together
}

// exemptions are those that let something pass, in the order in which they are written.
func (r Report) exemptions() []*leniency {
	type decision struct {
		position                    manifest.Position
		check, path, reason, expiry string
	}
	var all []*leniency
	known := map[decision]*leniency{}
	for _, x := range r.Exempted {
		e := x.Exemption
		key := decision{e.Source, e.Check, e.Path.String(), e.Reason, e.Expires.Format(time.DateOnly)}
		l := known[key]
		if l == nil {
			l = &leniency{Exemption: e}
			known[key] = l
			all = append(all, l)
		}
		l.passed++
		same := slices.IndexFunc(l.findings, func(f check.Finding) bool {
			return !f.Source.IsZero() && f.Source == x.Finding.Source && f.Message == x.Finding.Message
		})
		if same < 0 {
			l.findings = append(l.findings, x.Finding)
		} else {
			l.findings[same].Also = append(slices.Clone(l.findings[same].Also), x.Finding.Places()...)
		}
	}
	slices.SortStableFunc(all, func(a, b *leniency) int {
		return cmp.Or(cmp.Compare(a.Source.File, b.Source.File), cmp.Compare(a.Source.Line, b.Source.Line), cmp.Compare(a.Source.Column, b.Source.Column))
	})
	return all
}

// exemption says on one line who lets what pass until when, and why; verbose, also what.
func (t *text) exemption(e *leniency, verbose bool) {
	t.Line("%s: %s", t.Paint(terminal.Bold, t.place(e.Source)), t.Paint(terminal.Dim, terminal.Line(e.String())))
	if !verbose {
		return
	}
	t.passed(e.findings)
}

// passed lists findings that something lets pass.
func (t *text) passed(findings []check.Finding) {
	for _, f := range findings {
		where := t.place(f.Source)
		if f.Source.IsZero() {
			where = terminal.File(f.Target)
		}
		t.Line("  %s: %s", where, terminal.Continued(t.said(f.Message), "    | "))
		for i, of := range objects(f) {
			label := "in"
			if i > 0 {
				label = ""
			}
			t.Line("    %s %s", t.Paint(terminal.Dim, fmt.Sprintf("%-2s", label)), of)
		}
	}
}

// String says on one line who lets what pass until when, and why.
func (l *leniency) String() string {
	by := oneLine(l.Owner)
	if l.OnObject() {
		by += ", on the object itself"
	}
	return fmt.Sprintf("%s lets %s pass until %s (%s): %s", oneLine(l.Check), plural(l.passed, "finding"), l.Expires.Format(time.DateOnly), by, oneLine(l.Reason))
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func (t *text) summary(r Report) {
	if r.Comparison != nil && r.Comparison.Unjudged && len(r.Errors) == 0 {
		t.Line("%s", plural(len(r.Comparison.Targets), "target")+": nothing was checked, as asked")
		return
	}
	errors, warnings := r.Count(check.Error), r.Count(check.Warning)
	color := terminal.Green
	switch {
	case errors > 0 || len(r.Errors) > 0:
		color = terminal.Red
	case warnings > 0:
		color = terminal.Yellow
	}
	t.Line("%s", t.Paint(color, r.summary()))
}

// summary is the run in one line.
func (r Report) summary() string {
	summary := fmt.Sprintf("%s, %s: %s, %s, %d exempted", plural(len(r.Targets), "target"), plural(r.Objects(), "object"),
		r.counted(check.Error), r.counted(check.Warning), len(r.Exempted))
	if n := len(r.Passed); n > 0 {
		summary += fmt.Sprintf(", %d in the baseline", n)
	}
	if len(r.Errors) > 0 {
		summary += fmt.Sprintf(", %d not checked", len(r.Errors))
	} else if n := r.Comparison.unknown(); n > 0 {
		summary += fmt.Sprintf(", %d not compared", n)
	}
	return summary
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
