package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/comparison"
	"github.com/kgate-dev/gitops/tools/internal/graph"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// HTML writes the report as one page that needs nothing beside itself: no other file, no network, and no script for
// anything but convenience.
func HTML(w io.Writer, r Report, o Options) error {
	if r.Comparison != nil && !r.Comparison.Alone {
		return writeReview(w, r, o)
	}
	return writePage(w, "page", newPage(r), pageCSS, r.linking(o.SourceURL))
}

// writePage writes a page by the template of a name.
func writePage(w io.Writer, name string, p any, css string, links *linking) error {
	t, err := template.New("pages").Funcs(template.FuncMap{
		"css": func() template.CSS { return template.CSS(css) },
		"js":  func() template.JS { return template.JS(pageJS) },
		"csp": func() string {
			return fmt.Sprintf("default-src 'none'; style-src %s; script-src %s; img-src data:; base-uri 'none'; form-action 'none'", digest(css), digest(pageJS))
		},
		"at": links.html, "before": links.before, "source": links.source,
		"plural": plural, "steps": stepsSaid, "join": strings.Join, "inc": func(n int) int { return n + 1 },
		"breaks": func(s string) template.HTML { return template.HTML(breaks(s)) },
		"code":   func(s string) template.HTML { return template.HTML(spans(s)) },
	}).Parse(pageHTML + reviewHTML)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, name, p); err != nil {
		return err
	}
	_, err = w.Write(terminal.Markup(out.Bytes()))
	return err
}

// digest is how a content security policy names a style or script by its content.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// spans is a sentence with what stands between backquotes as code.
func spans(s string) string {
	var b strings.Builder
	for i, part := range strings.Split(s, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return b.String()
}

// breaks is a path that may go on in the next line behind its dots.
func breaks(s string) string { return strings.ReplaceAll(template.HTMLEscapeString(s), ".", ".<wbr>") }

// page is what the template shows, in the order of the page.
type page struct {
	Facts    []fact
	Verdict  verdict
	Version  string
	Counts   []count
	Targets  []pageTarget
	Kinds    []kindRow
	Failures []pageFailure
	Checks   []pageCheck
	Files    []pageFile
	First    []pageFirst
	Further  int // findings that First does not have
	Findings int
	Exempted []pageExemption
	Notes    []Note
	Omitted  []explained
	Passed   []explained
	Compared *compared
	Runs     *runs
}

// fact is what a page is about: a value that it was given, with another that says it exactly.
type fact struct{ Name, Value, Note string }

// verdict is a word, a sentence, and the class that colours and draws it.
type verdict struct{ Class, Word, Says string }

type count struct {
	N     int
	Noun  string
	Class string
}

type pageTarget struct {
	ID          string
	Path        string
	Environment string
	Rendered    bool
	Objects     int
	Verdict     verdict
	Errors      int
	Warnings    int
	Exempted    int
	First       string // its first finding
	Picture     *picture
}

type kindRow struct {
	Concern graph.Concern // of the first of its kinds
	Rows    int           // how many rows the concern has, on its first
	Kind    string
	Counts  []int
}

type pageFailure struct {
	Place   string
	Message string
	Quote   []pageLine
	Targets []string // where there are several
}

// pageCheck is a check with what it found.
type pageCheck struct {
	explained
	Findings []pageFinding
}

// explained is what there is to say about a check, whatever it found.
type explained struct {
	Name, Title, Severity, Origin, Scope string
	Doc                                  []string
	Fix                                  string
	References                           []reference
	Bad, Good                            string
}

type reference struct {
	Text string
	Link bool
}

type pageFinding struct {
	Number   int
	Check    string
	Severity string
	Message  string
	Place    string
	Quote    []pageLine
	In       []pagePlace
	Over     []overridden
	With     []held
	Then     []follower
	Fix      string // where it is not that of the check
	Targets  []string
	Source   manifest.Position
	Places   []check.Place
}

type pagePlace struct {
	Object  string
	Path    string
	Targets []string
}

// follower is what follows from a finding.
type follower struct {
	Severity, Message, Place, Check string
	In                              []pagePlace
}

type held struct {
	overridden
	Of string
}

type overridden struct{ Place, Line string }

// pageLine is a line of a file. In the marked one, Mark is what the finding is about.
type pageLine struct {
	Number              int
	Before, Mark, After string
	Marked              bool
}

type pageFile struct {
	File     string
	Findings []*pageFinding
}

// pageFirst is a line to edit, with what is found there.
type pageFirst struct {
	Severity, Place, Text string
	Findings              []*pageFinding
}

type pageExemption struct {
	Check, Reason, Owner, Place string
	OnObject                    bool
	Date                        string
	Passed                      int // findings, of which Lets has one a line to edit
	Lets                        []let
}

// let is a fault that an exemption lets pass.
type let struct {
	Message string
	Place   string
	In      []pagePlace
}

type compared struct {
	Columns []comparedColumn
	Topics  []comparedTopic
	Only    []only
	Fields  int
}

type comparedColumn struct{ Name, Target string }

type comparedTopic struct {
	Topic comparison.Topic
	Rows  []comparedRow
}

type comparedRow struct {
	Field   string
	Objects []string
	Values  []comparedValue
	Same    bool
}

type comparedValue struct {
	Column string
	Set    bool
	Text   string
	Place  string
}

type only struct {
	Object string
	In     []onlyIn
}

type onlyIn struct {
	Column string
	In     bool
}

func newPage(r Report) page {
	s := r.sources()
	p := page{
		Verdict: judge(r), Notes: r.notes(), Version: r.Version, Findings: len(r.Findings),
		Counts: []count{
			counted(len(r.Targets), "target", ""), counted(r.Objects(), "object", ""), counted(max(len(r.Checks)-len(r.Omitted), 0), "check", ""),
			counted(r.Count(check.Error), "error", "error"), counted(r.Count(check.Warning), "warning", "warning"),
			{len(r.Exempted), "exempted", ""},
		},
	}
	if n := r.following(check.Error) + r.following(check.Warning); n > 0 {
		p.Counts = append(p.Counts, count{n, "more that follow", ""})
	}
	for _, f := range r.obstacles() {
		where := f.Target
		if !f.Source.IsZero() {
			where = place(f.Source)
		}
		p.Failures = append(p.Failures, pageFailure{where, f.Message, s.quote(f.Source), f.elsewhere()})
	}
	if r.Commit != "" {
		p.Facts = append(p.Facts, fact{"Repository", filepath.Base(r.Dir), ""}, fact{"Checked out", checkedOut(r), r.Commit})
	}
	if c := r.Comparison; c != nil && c.Alone {
		p.Facts = append(p.Facts, fact{"Findings", "that came", c.said()})
	}
	p.findings(r, s)
	p.first(s)
	p.exempted(r)
	p.checks(r)
	p.targets(r)
	p.Kinds = kinds(r.Targets)
	p.Compared = compare(r.Targets)
	p.Runs = runsOf(r.Status)
	return p
}

// runs is what runs where. It tells no days: the page is the same at any time.
type runs struct {
	Columns []string
	Rows    []runsRow
	Notes   []string
}

type runsRow struct {
	Service string
	Span    int // rows of the service, in the first of them
	Cells   []runsCell
}

type runsCell struct{ Column, Text, Place string }

func runsOf(s *promotion.Status) *runs {
	if s == nil || len(s.Rows) == 0 {
		return nil
	}
	out := &runs{}
	var o StatusOptions
	rows := [][]string{statusHead()}
	for _, r := range s.Rows {
		rows = append(rows, append([]string{r.Service}, o.cells(r)...))
	}
	rows = narrowed(rows)
	for _, title := range rows[0][1:] {
		out.Columns = append(out.Columns, title[:1]+strings.ToLower(title[1:]))
	}
	for i, row := range rows[1:] {
		one := runsRow{Service: row[0]}
		if i == 0 || s.Rows[i-1].Service != row[0] {
			for _, r := range s.Rows {
				if r.Service == row[0] {
					one.Span++
				}
			}
		}
		for j, text := range row[1:] {
			cell := runsCell{Column: out.Columns[j], Text: text}
			switch cell.Column {
			case "Version":
				cell.Place = scalarPlace(s.Rows[i].Place.Stable.Image.Said.Version())
			case "Canary":
				cell.Place = scalarPlace(s.Rows[i].Place.Canary.Image.Said.Version())
			}
			one.Cells = append(one.Cells, cell)
		}
		out.Rows = append(out.Rows, one)
		out.Notes = append(out.Notes, o.sentences(s.Rows[i])...)
	}
	out.Notes = append(out.Notes, o.statusNotes(*s)...)
	return out
}

func scalarPlace(s promotion.Scalar) string {
	if s.IsZero() {
		return ""
	}
	return terminal.File(s.Position.String())
}

// checkedOut is what the files were checked out from, in words.
func checkedOut(r Report) string {
	if r.Branch == "" {
		return "no branch"
	}
	return r.Branch
}

func counted(n int, noun, class string) count {
	_, noun, _ = strings.Cut(plural(n, noun), " ")
	return count{n, noun, class}
}

func judge(r Report) verdict {
	errors, warnings := r.Count(check.Error), r.Count(check.Warning)
	switch {
	case len(r.Errors) > 0:
		return verdict{"unknown", "Not checked", "Something could not be checked, so nobody knows whether this is safe to merge."}
	case errors > 0:
		return verdict{"error", plural(errors, "error"), "This is not to be merged."}
	case warnings > 0:
		return verdict{"warning", plural(warnings, "warning"), "This works today and will cost somebody later."}
	}
	return verdict{"ok", "Clean", "Every check that ran passed."}
}

func (p *page) findings(r Report, s *sources) {
	at := map[string]int{}
	for _, f := range r.Findings {
		i, known := at[f.Check]
		if !known {
			i = len(p.Checks)
			at[f.Check] = i
			p.Checks = append(p.Checks, pageCheck{explained: explain(r, f)})
		}
		p.Checks[i].Findings = append(p.Checks[i].Findings, newPageFinding(f, p.Checks[i].Fix, s))
	}
	// Errors first, and of a change what only that can show. Then the order of the report is that of the targets.
	change := func(c pageCheck) int {
		if c.Scope == string(check.Update) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(p.Checks, func(a, b pageCheck) int {
		return cmp.Or(strings.Compare(a.Severity, b.Severity), change(a)-change(b)) // error, warning
	})
	files := map[string]int{}
	number := 0
	for i := range p.Checks {
		for j := range p.Checks[i].Findings {
			f := &p.Checks[i].Findings[j]
			number++
			f.Number = number
			file := f.Source.File
			if file == "" {
				file = f.Place
			}
			k, known := files[file]
			if !known {
				k = len(p.Files)
				files[file] = k
				p.Files = append(p.Files, pageFile{File: file})
			}
			p.Files[k].Findings = append(p.Files[k].Findings, f)
		}
	}
	slices.SortFunc(p.Files, func(a, b pageFile) int { return strings.Compare(a.File, b.File) })
	for _, f := range p.Files {
		slices.SortStableFunc(f.Findings, func(a, b *pageFinding) int { return a.Source.Line - b.Source.Line })
	}
}

// mostFirst is how many lines to edit the page begins with.
const mostFirst = 12

// first are the lines to edit of what is found, in the order of the findings, errors first.
func (p *page) first(s *sources) {
	at := map[string]int{}
	for i := range p.Checks {
		for j := range p.Checks[i].Findings {
			f := &p.Checks[i].Findings[j]
			line := f.Source.String()
			if f.Source.IsZero() {
				line = f.Place
			}
			k, known := at[line]
			switch {
			case known:
			case len(p.First) == mostFirst:
				p.Further++
				continue
			default:
				k = len(p.First)
				at[line] = k
				text, _, _ := s.shown(f.Source)
				p.First = append(p.First, pageFirst{Severity: f.Severity, Place: terminal.File(line), Text: strings.TrimSpace(text)})
			}
			p.First[k].Findings = append(p.First[k].Findings, f)
		}
	}
}

func newPageFinding(f check.Finding, fix string, s *sources) pageFinding {
	out := pageFinding{
		Check: f.Check, Severity: string(f.Severity), Message: strings.TrimSpace(f.Message), Place: place(f.Source),
		Quote: s.quote(f.Source), In: places(f), Targets: reached(f), Source: f.Source, Places: f.Places(),
	}
	if f.Source.IsZero() {
		out.Place = f.Target
	}
	for _, r := range f.Related {
		line, _, _ := s.shown(r)
		out.Over = append(out.Over, overridden{place(r), strings.TrimSpace(line)})
	}
	for _, w := range f.With {
		line, _, _ := s.shown(w.Source)
		out.With = append(out.With, held{overridden{place(w.Source), strings.TrimSpace(line)}, weighed(w)})
	}
	for _, then := range f.Follows {
		out.Places = append(out.Places, then.Places()...)
		said := follower{Severity: string(then.Severity), Message: strings.TrimSpace(then.Message), Place: place(then.Source), Check: then.Check, In: places(then)}
		if then.Source.IsZero() {
			said.Place = then.Target
		}
		out.Then = append(out.Then, said)
	}
	if f.Fix != fix {
		out.Fix = f.Fix
	}
	return out
}

func places(f check.Finding) []pagePlace {
	var out []pagePlace
	for _, o := range occurrences(f) {
		p := pagePlace{Path: o.path, Targets: o.targets}
		if o.object != nil {
			p.Object = o.object.String()
		}
		out = append(out, p)
	}
	return out
}

// around is how many lines are quoted on each side of the one that a finding is about.
const around = 2

// quote is the line that a position names, marked, with those around it.
func (s *sources) quote(p manifest.Position) []pageLine {
	line, begin, end := s.shown(p)
	if strings.TrimSpace(line) == "" {
		return nil
	}
	var out []pageLine
	lines := s.lines(p.File)
	for n := max(p.Line-around, 1); n <= min(p.Line+around, len(lines)); n++ {
		if n == p.Line {
			characters := []rune(line)
			out = append(out, pageLine{n, string(characters[:begin]), string(characters[begin:end]), string(characters[end:]), true})
			continue
		}
		at := manifest.Position{File: p.File, Line: n}
		if s.withheld(at) {
			continue
		}
		beside, _, _ := s.shown(at)
		out = append(out, pageLine{Number: n, Before: beside})
	}
	if last := out[len(out)-1]; !last.Marked && strings.TrimSpace(last.Before) == "" {
		out = out[:len(out)-1] // the end of the file
	}
	return out
}

// explain says what the report knows of the check of a finding.
func explain(r Report, f check.Finding) explained {
	i := slices.IndexFunc(r.Checks, func(c *check.Check) bool { return c.Name == f.Check })
	if i < 0 {
		return explained{Name: f.Check, Severity: string(f.Severity), Fix: f.Fix}
	}
	return describe(r.Checks[i])
}

func describe(c *check.Check) explained {
	out := explained{
		Name: c.Name, Title: c.Title, Severity: string(c.Severity), Origin: c.Origin, Scope: string(c.Scope),
		Doc: strings.Split(strings.TrimSpace(c.Doc), "\n\n"), Fix: strings.TrimSpace(c.Fix),
		Bad: strings.TrimSpace(c.Bad), Good: strings.TrimSpace(c.Good),
	}
	for _, ref := range c.References {
		out.References = append(out.References, reference{ref, strings.HasPrefix(ref, "https://")})
	}
	return out
}

// exempted are the exemptions, each with everything that it lets pass.
func (p *page) exempted(r Report) {
	for _, e := range r.exemptions() {
		out := pageExemption{
			Check: e.Check, Reason: strings.TrimSpace(e.Reason), Owner: e.Owner, Date: e.Expires.Format(time.DateOnly), Place: place(e.Source), OnObject: e.OnObject(), Passed: e.passed,
		}
		for _, f := range e.findings {
			out.Lets = append(out.Lets, let{Message: strings.TrimSpace(f.Message), Place: place(f.Source), In: places(f)})
		}
		p.Exempted = append(p.Exempted, out)
	}
}

// checks lists those that found nothing, not even what is exempted, and those that were left out.
func (p *page) checks(r Report) {
	for _, c := range r.Checks {
		switch {
		case slices.Contains(r.Omitted, c.Name):
			p.Omitted = append(p.Omitted, describe(c))
		case slices.ContainsFunc(p.Checks, func(found pageCheck) bool { return found.Name == c.Name }):
		case slices.ContainsFunc(r.all(), func(f check.Finding) bool { return f.Check == c.Name }):
		case slices.ContainsFunc(p.Exempted, func(e pageExemption) bool { return e.Check == c.Name }):
		default:
			p.Passed = append(p.Passed, describe(c))
		}
	}
	for _, name := range r.Omitted {
		if !slices.ContainsFunc(p.Omitted, func(c explained) bool { return c.Name == name }) {
			p.Omitted = append(p.Omitted, explained{Name: name})
		}
	}
}

func (p *page) targets(r Report) {
	exempted := map[string]int{}
	for _, e := range r.Exempted {
		for _, target := range e.Finding.Targets() {
			exempted[target]++
		}
	}
	all, anchors := r.overview(), map[string]string{}
	for i, s := range all {
		anchors[s.Path] = fmt.Sprintf("#t-%d", i+1)
	}
	for _, s := range all {
		t := pageTarget{
			ID: strings.TrimPrefix(anchors[s.Path], "#"), Path: s.Path, Environment: s.Environment, Rendered: s.rendered,
			Objects: s.objects(), Exempted: exempted[s.Path],
		}
		if t.Path == "" {
			t.Path = "kgate"
		}
		for _, c := range p.Checks {
			for _, f := range c.Findings {
				if !slices.Contains(f.Targets, s.Path) {
					continue
				}
				if t.First == "" {
					t.First = fmt.Sprintf("#f-%d", f.Number)
				}
				if f.Severity == string(check.Warning) {
					t.Warnings++
				} else {
					t.Errors++
				}
			}
		}
		switch {
		case s.failures > 0:
			t.Verdict, t.First = verdict{Class: "unknown", Word: "not checked"}, "#not-checked"
		case t.Errors > 0:
			t.Verdict = verdict{Class: "error", Word: plural(t.Errors, "error")}
		case t.Warnings > 0:
			t.Verdict = verdict{Class: "warning", Word: plural(t.Warnings, "warning")}
		default:
			t.Verdict = verdict{Class: "ok", Word: "ok"}
		}
		if s.rendered && len(s.Objects) > 0 {
			t.Picture = p.picture(s.Target, t.ID, anchors)
		}
		p.Targets = append(p.Targets, t)
	}
	// One picture is enough to begin with: of what has findings, if anything has.
	open := slices.IndexFunc(p.Targets, func(t pageTarget) bool { return t.Picture != nil && t.Errors+t.Warnings > 0 })
	if open < 0 {
		open = slices.IndexFunc(p.Targets, func(t pageTarget) bool { return t.Picture != nil })
	}
	if open >= 0 {
		p.Targets[open].Picture.Open = true
	}
}

// kinds counts the objects of every kind, by concern.
func kinds(targets []Target) []kindRow {
	type kind struct{ group, name string }
	rows := map[kind]*kindRow{}
	byConcern := map[graph.Concern][]*kindRow{}
	for i, t := range targets {
		for _, o := range t.Objects {
			k := kind{o.Group(), o.Kind}
			if rows[k] == nil {
				c := graph.ConcernOf(o.ID)
				rows[k] = &kindRow{Kind: o.Kind, Counts: make([]int, len(targets))}
				byConcern[c] = append(byConcern[c], rows[k])
			}
			rows[k].Counts[i]++
		}
	}
	var out []kindRow
	for _, c := range graph.Concerns() {
		of := byConcern[c]
		slices.SortStableFunc(of, func(a, b *kindRow) int { return strings.Compare(a.Kind, b.Kind) })
		for i, row := range of {
			if i == 0 {
				row.Concern, row.Rows = c, len(of)
			}
			out = append(out, *row)
		}
	}
	return out
}

// compare puts the targets side by side that are environments; nil where there are no two.
func compare(targets []Target) *compared {
	var of []Target
	var columns []comparison.Column
	out := &compared{}
	written := map[*manifest.Object]*manifest.Object{}
	for _, t := range targets {
		if t.Environment != "" {
			of = append(of, t)
			columns = append(columns, comparison.Column{Name: t.Environment, Objects: withDigests(t.Objects, written)})
			out.Columns = append(out.Columns, comparedColumn{t.Environment, t.Path})
		}
	}
	if len(columns) < 2 {
		return nil
	}
	differences, some := comparison.Of(columns)
	for _, d := range differences {
		if n := len(out.Topics); n == 0 || out.Topics[n-1].Topic != d.Topic {
			out.Topics = append(out.Topics, comparedTopic{Topic: d.Topic})
		}
		row := comparedRow{Field: d.Field, Same: d.Same}
		if !d.Same {
			out.Fields++
		}
		for _, o := range d.Objects {
			row.Objects = append(row.Objects, o.String())
		}
		for i, v := range d.Values {
			if o := written[v.Object]; o != nil {
				v.Object = o
			}
			row.Values = append(row.Values, comparedValue{columns[i].Name, v.Set, v.Text, setAt(of[i], v)})
		}
		last := &out.Topics[len(out.Topics)-1]
		last.Rows = append(last.Rows, row)
	}
	for _, o := range some {
		row := only{Object: o.ID.String()}
		for i, in := range o.In {
			row.In = append(row.In, onlyIn{columns[i].Name, in})
		}
		out.Only = append(out.Only, row)
	}
	return out
}

// setAt is the place to edit a value at, without the target that the column is about; "" where nobody knows it.
func setAt(t Target, v comparison.Value) string {
	if t.Locate == nil || !v.Set || v.Object == nil {
		return ""
	}
	return strings.TrimPrefix(t.Locate(v.Object, v.Path).String(), t.Path+"/")
}
