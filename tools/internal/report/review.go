package report

import (
	_ "embed"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/difference"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

//go:embed review.html
var reviewHTML string

//go:embed review.css
var reviewCSS string

// review is the page of a comparison: what a person decides on.
type review struct {
	page
	Targets   []reviewTarget
	Untouched int
	Images    []reviewImage
	Restarts  []reviewRestart
	Syncs     []reviewSync
	Hidden    string
	Verdict   verdict
	Mended    []reviewFinding
	Standing  []reviewFinding
	Unlisted  int // standing findings that are not listed
	Groups    []reviewGroup
	Tree      []reviewBranch
	Filters   []reviewFilter
	Changes   int
	Cut       int // entries whose lines are not on the page
}

type reviewTarget struct {
	Path, Environment, Kind string
	Added, Changed, Removed int
	Unknown                 bool
	Entries                 string // where the first of its changes is
	Verdict                 verdict
}

type reviewImage struct {
	Old, New []difference.Word
	In       []namedObject
	Place    string
}

type reviewRestart struct {
	In             []namedObject
	Place, Written string
	Field, Of      string
	More           int
}

type reviewFinding struct {
	Severity, Message, Place, Check string
	Before                          bool // the place is one of the side before
}

// reviewGroup are the changes that show in the same targets.
type reviewGroup struct {
	Targets []string
	Entries []*reviewEntry
}

// reviewBranch is a target in the tree of changes.
type reviewBranch struct {
	Path, Kind string
	Entries    []*reviewEntry
	More       int // that are not listed
	Open       bool
}

type reviewFilter struct {
	Name, Label string
	Choices     []reviewChoice
}

type reviewChoice struct {
	ID, Label, Class string
	N                int
}

type reviewEntry struct {
	ID, Kind, Sign, Class string
	Title                 string
	More                  int // objects that the title does not name
	Names                 []namedObject
	Was                   string // what a renamed object was called
	Findings              []reviewMark
	Lines                 []reviewLine
	Fields                []reviewField
	Wholes                []reviewWhole
	Cut                   int // lines that are left out, as the page would be too large
}

type reviewMark struct {
	Href, Severity, Message string
}

type reviewField struct {
	Path, Moved string
	Targets     []string // where not all objects of the entry have the change
	Rows        []row
	Numbered    bool
	One         bool // there is one side alone
	Lines       []reviewLine
}

// reviewWhole is an object that is added or removed, as it is in some targets.
type reviewWhole struct {
	Targets []string
	Rows    []row
}

// reviewLine is a line of a file that made a change.
type reviewLine struct {
	Place, Text, Was string
	Gone             bool
	Targets          []string
}

// row is a line of a value: of the side before, of the one after, or of both. Side by side, a row that is empty fills the
// place of what the other side does not have.
type row struct {
	Class    string // o, n, both, fold; e is empty
	Old, New int
	Words    []difference.Word
	Rows     []row // of a fold
}

// Bounds of the page. What is beyond them is counted on it.
const (
	reviewBytes    = 4 << 20 // of the lines of values
	rowBytes       = 96      // what a line takes besides what it says
	widestRow      = 2000    // characters of a line
	longestBranch  = 400     // changes of a target in the tree
	openBranch     = 40      // of a target that is open to begin with
	mostStanding   = 500
	titleNames     = 3
	shortestFolded = 2
)

// writeReview writes the page of a comparison.
func writeReview(w io.Writer, r Report, o Options) error {
	p, err := newReview(r, o)
	if err != nil {
		return err
	}
	return writePage(w, "review", p, pageCSS+reviewCSS+p.rules(), r.linking(o.SourceURL))
}

// rules are the styles by which a filter works: what is chosen hides everything else.
func (p *review) rules() string {
	var b strings.Builder
	for _, f := range p.Filters {
		for _, c := range f.Choices {
			if c.Class != "" {
				fmt.Fprintf(&b, ":root:has(#%s:checked) :is(.filed:not(.%s), .group:not(:has(.%s))) { display: none; }\n", c.ID, c.Class, c.Class)
			}
		}
	}
	return b.String()
}

func newReview(r Report, o Options) (*review, error) {
	c, s := r.Comparison, r.sources()
	p := &review{page: newPage(r), Hidden: c.hidden(), Changes: len(c.Entries)}
	p.Verdict = weigh(r)
	p.Counts = []count{
		counted(len(c.Touched()), "target", ""), {c.Count(change.Added), "added", ""}, {c.Count(change.Changed), "changed", ""}, {c.Count(change.Removed), "removed", ""},
		counted(r.Count(check.Error), "error", "error"), counted(r.Count(check.Warning), "warning", "warning"),
		{len(c.Mended), "mended", ""}, {len(c.Standing), "as before", ""},
	}
	p.facts(r, o)
	for _, i := range c.Images {
		was, is := difference.Words(i.Old, i.New)
		p.Images = append(p.Images, reviewImage{Old: was, New: is, In: names(i.Places), Place: place(i.Line)})
	}
	for _, restart := range c.Restarts {
		line, _, _ := s.shown(restart.Line)
		if restart.Of.Kind == "Secret" && restart.Of.Group() == "" {
			line = "" // it holds what the Secret does
		}
		p.Restarts = append(p.Restarts, reviewRestart{names(restart.Places), place(restart.Line), strings.TrimSpace(line), restart.Name, restartedBy(restart), restart.More})
	}
	p.Syncs = reviewSyncs(c, o.Now)
	p.Mended = told(c.Mended, true)
	p.Standing = told(c.Standing[:min(len(c.Standing), mostStanding)], false)
	p.Unlisted = len(c.Standing) - len(p.Standing)
	if err := p.entries(c, s); err != nil {
		return nil, err
	}
	p.touched(c)
	return p, nil
}

// weigh is judge, for a change.
func weigh(r Report) verdict {
	v := judge(r)
	switch {
	case v.Class == "unknown":
		v.Word, v.Says = "Not compared", "A side could not be rendered or judged, so nobody knows what this changes."
	case v.Class == "error":
		v.Says = "This change is not to be merged as it is."
	case v.Class == "warning":
		v.Says = "This change is to be weighed by a person."
	case len(r.Comparison.Entries) == 0:
		v.Word, v.Says = "No change", "What the targets render is the same to the server."
	default:
		v.Word, v.Says = "Nothing found against it", "Every check that ran passed, on the update as well."
	}
	return v
}

func (p *review) facts(r Report, o Options) {
	c := r.Comparison
	p.Facts = nil
	if r.Dir != "" {
		p.Facts = append(p.Facts, fact{Name: "Repository", Value: filepath.Base(r.Dir)})
	}
	side := func(name string, s change.Side) {
		f := fact{Name: name, Value: s.Name, Note: s.Commit}
		if s.Commit != "" && strings.HasPrefix(s.Commit, s.Name) {
			f.Value = s.Shown()
		}
		if name == "After" && s.Commit == "" && r.Commit != "" {
			f.Value, f.Note = f.Value+", on "+checkedOut(r), r.Commit
		}
		p.Facts = append(p.Facts, f)
	}
	side("Before", c.Before)
	side("After", c.After)
	if !o.Now.IsZero() {
		p.Facts = append(p.Facts, fact{Name: "Compared", Value: o.Now.UTC().Format("2006-01-02 15:04 UTC")})
	}
}

func told(findings []check.Finding, before bool) []reviewFinding {
	var all []reviewFinding
	for _, f := range findings {
		where := place(f.Source)
		if f.Source.IsZero() {
			where = f.Target
		}
		all = append(all, reviewFinding{string(f.Severity), strings.TrimSpace(f.Message), where, f.Check, before})
	}
	return all
}

// filing gives what a reader may choose by a class each.
type filing struct {
	choices []reviewChoice
	known   map[string]int
	prefix  string
}

func (f *filing) class(label string) string {
	i, ok := f.known[label]
	if !ok {
		i = len(f.choices)
		class := fmt.Sprintf("%s%d", f.prefix, i+1)
		f.known[label], f.choices = i, append(f.choices, reviewChoice{ID: "by-" + class, Label: label, Class: class})
	}
	return f.choices[i].Class
}

// count tells an entry to each of its choices.
func (f *filing) count(classes []string) {
	for i := range f.choices {
		if slices.Contains(classes, f.choices[i].Class) {
			f.choices[i].N++
		}
	}
}

// filter is the choice between what was filed; "" of no use.
func (f *filing) filter(name, label string, entries int) (reviewFilter, bool) {
	if len(f.choices) < 2 {
		return reviewFilter{}, false
	}
	return reviewFilter{name, label, append([]reviewChoice{{ID: "by-" + f.prefix + "0", Label: "any", N: entries}}, f.choices...)}, true
}

func (p *review) entries(c *Comparison, s *sources) error {
	environment := map[string]string{}
	for _, t := range c.Targets {
		environment[t.Path] = t.Environment
		if t.Environment == "" {
			environment[t.Path] = t.Path
		}
	}
	marks := map[string][]reviewMark{}
	for _, of := range p.Checks {
		for _, f := range of.Findings {
			for _, at := range f.Places {
				if at.Object != nil {
					key := ofTarget(at.Target, *at.Object)
					marks[key] = append(marks[key], reviewMark{fmt.Sprintf("#f-%d", f.Number), f.Severity, f.Message})
				}
			}
		}
	}
	kinds, environments, becomes := &filing{known: map[string]int{}, prefix: "k"}, &filing{known: map[string]int{}, prefix: "e"}, &filing{known: map[string]int{}, prefix: "w"}
	for _, t := range c.Touched() { // in their order
		environments.class(environment[t.Path])
	}
	budget := &budget{left: reviewBytes}
	groups := map[string]int{}
	branches := map[string]int{}
	for _, t := range c.Touched() {
		branches[t.Path] = len(p.Tree)
		p.Tree = append(p.Tree, reviewBranch{Path: t.Path, Kind: string(t.Kind)})
	}
	for i, e := range c.Entries {
		out := &reviewEntry{ID: fmt.Sprintf("c-%d", i+1), Kind: string(e.Kind), Sign: signs[e.Kind], Names: names(e.Places)}
		for n, name := range out.Names {
			switch {
			case n == 0:
				out.Title = name.Name
			case n < titleNames:
				out.Title += ", " + name.Name
			default:
				out.More++
			}
		}
		if e.Kind == change.Renamed {
			out.Was = e.Places[0].Old.ID.String()
		}
		var classes []string
		file := func(class string) {
			if !slices.Contains(classes, class) {
				classes = append(classes, class)
			}
		}
		for _, at := range e.Places {
			file(kinds.class(at.ID().Kind))
			file(environments.class(environment[at.Target]))
			for _, mark := range marks[ofTarget(at.Target, at.ID())] {
				if !slices.Contains(out.Findings, mark) {
					out.Findings = append(out.Findings, mark)
				}
			}
		}
		file(becomes.class(string(e.Kind)))
		if len(out.Findings) > 0 {
			file(becomes.class("with findings"))
			slices.SortStableFunc(out.Findings, func(a, b reviewMark) int { return strings.Compare(a.Severity, b.Severity) })
		}
		for _, f := range []*filing{kinds, environments, becomes} {
			f.count(classes)
		}
		out.Class = strings.Join(classes, " ")
		for _, line := range e.Lines {
			out.Lines = append(out.Lines, newReviewLine(e, line, s))
		}
		for _, f := range e.Fields {
			out.field(e, f, s, budget)
		}
		if err := out.whole(e, budget); err != nil {
			return err
		}
		if out.Cut > 0 {
			p.Cut++
		}
		targets := e.Targets()
		key := strings.Join(targets, "\n")
		at, known := groups[key]
		if !known {
			at = len(p.Groups)
			groups[key], p.Groups = at, append(p.Groups, reviewGroup{Targets: targets})
		}
		p.Groups[at].Entries = append(p.Groups[at].Entries, out)
		for _, target := range targets {
			branch := &p.Tree[branches[target]]
			if len(branch.Entries) == longestBranch {
				branch.More++
				continue
			}
			branch.Entries = append(branch.Entries, out)
		}
	}
	for i := range p.Tree {
		p.Tree[i].Open = len(p.Tree[i].Entries) <= openBranch
	}
	slices.SortStableFunc(kinds.choices, func(a, b reviewChoice) int { return strings.Compare(a.Label, b.Label) })
	for _, f := range []struct {
		of          *filing
		name, label string
	}{{becomes, "what", "Show"}, {environments, "environment", "Environment"}, {kinds, "kind", "Kind"}} {
		if filter, ok := f.of.filter(f.name, f.label, len(c.Entries)); ok {
			p.Filters = append(p.Filters, filter)
		}
	}
	return nil
}

// ofTarget is an object of a target, as findings and changes both name it.
func ofTarget(target string, id manifest.ID) string {
	return strings.Join([]string{target, id.Group(), id.Kind, id.Namespace, id.Name}, "\n")
}

func newReviewLine(e change.Entry, l change.Line, s *sources) reviewLine {
	out := reviewLine{Place: place(l.Source), Gone: l.Gone}
	if written, _, _ := s.shown(l.Source); written != "" {
		out.Text = strings.TrimSpace(written)
	}
	if wasElsewhere(l) {
		out.Was = place(l.Was)
	}
	if len(l.In) < len(e.Places) {
		out.Targets = targetsIn(e, l.In)
	}
	return out
}

// budget is what of lines still fits on the page.
type budget struct{ left int }

func (b *budget) take(n int) bool {
	if b.left < n {
		return false
	}
	b.left -= n
	return true
}

func (out *reviewEntry) field(e change.Entry, f change.Field, s *sources, b *budget) {
	field := reviewField{Path: fieldName(e, f)}
	if len(f.In) < len(e.Places) {
		field.Targets = targetsIn(e, f.In)
	}
	for _, line := range f.Lines {
		field.Lines = append(field.Lines, newReviewLine(e, line, s))
	}
	var lines []difference.Line
	switch {
	case f.Moved:
		field.Moved = f.OldPath.String()
	case f.Change.Lines != nil:
		lines, field.Numbered = f.Change.Lines, true
	default:
		lines = valueLines(yamlLines(f.Old), yamlLines(f.New))
	}
	if !b.take(cost(lines)) {
		out.Cut += len(lines)
	} else {
		field.Rows = rows(lines)
	}
	field.One = !slices.ContainsFunc(lines, func(l difference.Line) bool { return l.Old > 0 }) || !slices.ContainsFunc(lines, func(l difference.Line) bool { return l.New > 0 })
	// One line may have made several fields; it is told below the last of them.
	if n := len(out.Fields); n > 0 && sameLines(out.Fields[n-1], field) && !field.Numbered && !out.Fields[n-1].Numbered {
		out.Fields[n-1].Lines = nil
	}
	out.Fields = append(out.Fields, field)
}

func sameLines(a, b reviewField) bool {
	return slices.EqualFunc(a.Lines, b.Lines, func(a, b reviewLine) bool {
		return a.Place == b.Place && a.Text == b.Text && a.Was == b.Was && a.Gone == b.Gone && slices.Equal(a.Targets, b.Targets)
	}) && slices.Equal(a.Targets, b.Targets)
}

// valueLines are the lines of two values that are written as YAML.
func valueLines(old, new []string) []difference.Line {
	text := func(lines []string) string {
		if len(lines) == 0 {
			return ""
		}
		return strings.Join(lines, "\n") + "\n"
	}
	return difference.Lines(text(old), text(new))
}

func cost(lines []difference.Line) int {
	n := 0
	for _, l := range lines {
		n += rowBytes
		for _, w := range l.Words {
			n += min(len(w.Text), widestRow)
		}
	}
	return n
}

// whole adds an object that is added or removed, once for all targets that have it alike.
func (out *reviewEntry) whole(e change.Entry, b *budget) error {
	if e.Kind != change.Added && e.Kind != change.Removed {
		return nil
	}
	contents, err := contentsOf(e)
	for _, c := range contents {
		was, is := "", strings.Join(yamlLines(c.shown), "\n")+"\n"
		if e.Kind == change.Removed {
			was, is = is, was
		}
		lines := difference.Lines(was, is)
		if !b.take(cost(lines)) {
			out.Cut += len(lines)
			continue
		}
		out.Wholes = append(out.Wholes, reviewWhole{Targets: targetsIn(e, c.in), Rows: rows(lines)})
	}
	return err
}

// rows lays lines out so that they can be read in one column, in their order, and in two, where what was and what is stand
// beside each other.
func rows(lines []difference.Line) []row {
	var out []row
	one := !slices.ContainsFunc(lines, func(l difference.Line) bool { return l.Old > 0 }) || !slices.ContainsFunc(lines, func(l difference.Line) bool { return l.New > 0 })
	for i := 0; i < len(lines); {
		l := lines[i]
		switch {
		case l.Folded:
			fold := row{Class: "fold"}
			for ; i < len(lines) && lines[i].Folded; i++ {
				fold.Rows = append(fold.Rows, row{Class: "both", Old: lines[i].Old, New: lines[i].New, Words: worded(lines[i])})
			}
			if len(fold.Rows) < shortestFolded {
				out = append(out, fold.Rows...)
				continue
			}
			out = append(out, fold)
		case l.Old > 0 && l.New > 0:
			out = append(out, row{Class: "both", Old: l.Old, New: l.New, Words: worded(l)})
			i++
		default:
			old, new := 0, 0
			for ; i < len(lines) && (lines[i].Old == 0 || lines[i].New == 0); i++ {
				r := row{Class: "o", Old: lines[i].Old, New: lines[i].New, Words: worded(lines[i])}
				if r.Old == 0 {
					r.Class = "n"
					new++
				} else {
					old++
				}
				out = append(out, r)
			}
			for ; !one && old < new; old++ {
				out = append(out, row{Class: "o e"})
			}
			for ; !one && new < old; new++ {
				out = append(out, row{Class: "n e"})
			}
		}
	}
	return out
}

// worded are the words of a line as a page shows them, of one that is too long the first ones.
func worded(l difference.Line) []difference.Word {
	var out []difference.Word
	left := widestRow
	for i, w := range l.Words {
		n := utf8.RuneCountInString(w.Text)
		if n <= left {
			left -= n
			out = append(out, w)
			continue
		}
		rest := n - left
		for _, further := range l.Words[i+1:] {
			rest += utf8.RuneCountInString(further.Text)
		}
		out = append(out, difference.Word{Text: string([]rune(w.Text)[:left]), Changed: w.Changed}, difference.Word{Text: fmt.Sprintf(" … and %s", plural(rest, "character"))})
		break
	}
	if l.Open {
		out = append(out, difference.Word{Text: " (no end of line)"})
	}
	return out
}

// touched are the targets of which something changes, and what is found in them.
func (p *review) touched(c *Comparison) {
	p.Untouched = len(c.Targets) - len(c.Touched())
	for i, t := range c.Touched() {
		out := reviewTarget{Path: t.Path, Environment: t.Environment, Kind: string(t.Kind), Added: t.Added, Changed: t.Changed, Removed: t.Removed, Unknown: t.Kind == change.Unknown}
		if entries := p.Tree[i].Entries; len(entries) > 0 {
			out.Entries = "#" + entries[0].ID
		}
		out.Verdict = verdict{Class: "ok", Word: "nothing found"}
		errors, warnings := 0, 0
		for _, of := range p.Checks {
			for _, f := range of.Findings {
				switch {
				case !slices.Contains(f.Targets, t.Path):
				case f.Severity == string(check.Warning):
					warnings++
				default:
					errors++
				}
			}
		}
		switch {
		case out.Unknown:
			out.Verdict = verdict{Class: "unknown", Word: "not compared"}
		case errors > 0:
			out.Verdict = verdict{Class: "error", Word: plural(errors, "error")}
		case warnings > 0:
			out.Verdict = verdict{Class: "warning", Word: plural(warnings, "warning")}
		}
		p.Targets = append(p.Targets, out)
	}
}
