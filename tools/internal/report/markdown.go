package report

import (
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/tools/internal/change"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/difference"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

const (
	// longestComment is how many bytes a report in Markdown has at most. A comment on GitHub has 65,536 characters.
	longestComment = 60_000
	// How many of them a part takes at most, so that every part is seen.
	roomForFailures = 6_000
	roomForFindings = 20_000
	roomForList     = 2_500 // targets, images, restarts and syncs, each
	roomForSteps    = 2_500 // of syncs
	roomForMended   = 3_000
	roomForNotes    = 5_000
	// roomForNames is what is kept for the names of what is left out.
	roomForNames = 4_000
	// longestEntry is how many bytes of what changes one entry takes.
	longestEntry = 8_000
	// longestCell is how many characters of a message are shown.
	longestCell = 700
)

// Markdown writes the report as the comment of a pull request, or as the summary of a job: what is found first, then what
// changes, folded. It begins with a comment that tells it from others, <!-- kgate diff --> or <!-- kgate validate -->. It has
// at most 60,000 bytes: what does not fit is counted and named, with the command that shows it. Nothing that comes from the
// repository is more than text: no tag, link, reference or mention.
func Markdown(w io.Writer, r Report, options Options) error {
	m := &markdown{verbose: options.Verbose, now: options.Now, links: r.linking(options.SourceURL)}
	m.report(r)
	if m.err != nil {
		return m.err
	}
	guard := terminal.NewGuard(w, false)
	if _, err := io.WriteString(guard, m.String()); err != nil {
		return err
	}
	return guard.Flush()
}

type markdown struct {
	strings.Builder
	verbose bool
	now     time.Time
	links   *linking
	err     error
}

func (m *markdown) line(format string, args ...any) {
	_, _ = fmt.Fprintf(m, format+"\n", args...) // builders take everything
}

func (m *markdown) report(r Report) {
	c := r.Comparison
	name, command := "validate", "kgate validate"
	if c != nil && c.Alone {
		command += " --against " + shellWord(c.Before.Name)
	} else if c != nil {
		name, command = "diff", "kgate diff "+shellWord(c.Before.Name)
		if c.After.Commit != "" {
			command += " " + shellWord(c.After.Name)
		}
	}
	m.line("<!-- kgate %s -->", name)
	m.line("### kgate %s: %s\n", name, r.outcome())
	if c != nil {
		m.line("From %s to %s. %s.\n", inCode(clipped(c.Before.Shown(), 250)), inCode(clipped(c.After.Shown(), 250)), c.verdict(len(r.Findings)))
	}
	m.obstacles(r, command)
	m.findings(r, command)
	if c == nil || c.Alone {
		m.overview(r, command)
	} else {
		m.summary(c, command)
		m.syncs(c, m.now, command)
		m.mended(c, command)
	}
	m.notes(r)
	if c != nil && !c.Alone {
		m.entries(c, command)
	}
	m.line("%s", asText(r.summary()+"."))
}

// outcome is the verdict in a few words.
func (r Report) outcome() string {
	var parts []string
	if n := len(r.Errors); n > 0 {
		parts = append(parts, fmt.Sprintf("%d not checked", n))
	}
	if n := r.Count(check.Error); n > 0 {
		parts = append(parts, plural(n, "error"))
	}
	if n := r.Count(check.Warning); n > 0 {
		parts = append(parts, plural(n, "warning"))
	}
	if parts == nil {
		return "nothing found"
	}
	return strings.Join(parts, ", ")
}

// obstacles are what could not be checked.
func (m *markdown) obstacles(r Report, command string) {
	all := r.obstacles()
	if len(all) == 0 {
		return
	}
	m.line("| could not be checked | where |\n|---|---|")
	m.rows(len(all), roomForFailures, func(i int) string {
		o := all[i]
		where := m.links.markdown(o.Source)
		if o.Source.IsZero() {
			where = inCode(o.Target)
		}
		if in := o.elsewhere(); in != nil {
			where += "<br>" + firstOf(in)
		}
		return fmt.Sprintf("| %s | %s |", cell(o.Message), where)
	}, func(left int) {
		m.line("\n%s could not be checked: %s names them.", more(left, "place"), asCommand(command))
	})
	m.line("")
}

// findings are a table, errors first.
func (m *markdown) findings(r Report, command string) {
	if len(r.Findings) == 0 {
		return
	}
	all := slices.Clone(r.Findings)
	slices.SortStableFunc(all, func(a, b check.Finding) int { return cmp.Compare(weight(a), weight(b)) })
	m.line("| | found | where |\n|---|---|---|")
	m.rows(len(all), roomForFindings, func(i int) string {
		f := all[i]
		where := m.links.markdown(f.Source)
		if f.Source.IsZero() {
			where = inCode(f.Target)
		}
		said := cell(f.Message)
		if in := objects(f); len(in) > 0 {
			said += "<br>in " + firstOf(in)
		}
		if f.Fix != "" {
			said += "<br>Fix: " + cell(f.Fix)
		}
		said += "<br>" + inCode(f.Check)
		if n := len(f.Follows); n > 0 {
			said += fmt.Sprintf(", from which %s", followSaid(n))
		}
		return fmt.Sprintf("| %s | %s | %s |", bold(f.Severity), said, where)
	}, func(left int) {
		errors := 0
		for _, f := range all[len(all)-left:] {
			if f.Severity != check.Warning {
				errors++
			}
		}
		m.line("\n%s (%s) %s no room here: %s shows them.", more(left, "finding"), plural(errors, "error"), have(left), asCommand(command))
	})
	m.line("")
}

func weight(f check.Finding) int {
	if f.Severity == check.Warning {
		return 1
	}
	return 0
}

func bold(s check.Severity) string {
	if s == check.Warning {
		return "warning"
	}
	return "**error**"
}

func followSaid(n int) string {
	if n == 1 {
		return "1 more follows"
	}
	return fmt.Sprintf("%d more follow", n)
}

func more(n int, noun string) string { return plural(n, "more "+noun) }

func have(n int) string {
	if n == 1 {
		return "has"
	}
	return "have"
}

// rows writes as many rows as there is room for, and tells how many are left.
func (m *markdown) rows(n, room int, row func(int) string, left func(int)) {
	begin := m.Len()
	for i := range n {
		text := row(i)
		if m.Len()-begin+len(text) > room {
			left(n - i)
			return
		}
		m.line("%s", text)
	}
}

// overview is what a run says of each target.
func (m *markdown) overview(r Report, command string) {
	all := r.overview()
	if len(all) == 0 {
		return
	}
	m.fold(plural(len(all), "target"))
	m.rows(len(all), roomForNotes, func(i int) string {
		s := all[i]
		verdict := "ok"
		switch {
		case s.failures > 0:
			verdict = "not checked"
		case s.findings > 0:
			verdict = plural(s.findings, "finding")
		}
		if s.rendered {
			verdict = plural(s.objects(), "object") + ", " + verdict
		}
		return fmt.Sprintf("- %s %s", inCode(or(s.Path, "kgate")), verdict)
	}, func(left int) { m.line("- %s: %s lists them", more(left, "target"), asCommand(command)) })
	m.unfold()
}

// summary is what a change comes to: targets, images, pods.
func (m *markdown) summary(c *Comparison, command string) {
	m.line("**%s**: %s", c.touched(), c.tally())
	list := func(n int, item func(int) string, noun string) {
		m.rows(n, roomForList, func(i int) string { return "- " + item(i) }, func(left int) {
			m.line("- %s: %s lists all", more(left, noun), asCommand(command))
		})
	}
	m.line("")
	touched := c.Touched()
	list(len(touched), func(i int) string {
		t := touched[i]
		switch t.Kind {
		case change.Added, change.Removed:
			return fmt.Sprintf("%s %s", inCode(t.Path), t.Kind)
		case change.Unknown:
			return inCode(t.Path) + " **not compared**"
		}
		return fmt.Sprintf("%s %d added, %d changed, %d removed", inCode(t.Path), t.Added, t.Changed, t.Removed)
	}, "target")
	list(len(c.Images), func(i int) string {
		return "image " + inCode(clipped(imageSaid(c.Images[i]), 300)) + " of " + asText(clipped(placesSaid(c.Images[i].Places), 300))
	}, "image")
	list(len(c.Restarts), func(i int) string {
		r := c.Restarts[i]
		said := fmt.Sprintf("pods of %s restart: %s %s", asText(clipped(placesSaid(r.Places), 300)), asFile(r.Line), inCode(clipped(r.Name, 300)))
		if of := restartedBy(r); of != "" {
			said += " of " + asText(clipped(of, 300))
		}
		if r.More > 0 {
			said += fmt.Sprintf(", and %d more", r.More)
		}
		return said
	}, "restart")
	if said := c.hidden(); said != "" {
		m.line("- %s", asText(said))
	}
	m.line("")
}

func (m *markdown) mended(c *Comparison, command string) {
	if len(c.Mended) == 0 {
		return
	}
	m.fold(plural(len(c.Mended), "finding") + " mended")
	m.rows(len(c.Mended), roomForMended, func(i int) string {
		f := c.Mended[i]
		return fmt.Sprintf("- %s (%s)", cell(f.Message), inCode(f.Check))
	}, func(left int) { m.line("- %s: %s lists them", more(left, "finding"), asCommand(command)) })
	m.unfold()
}

// notes are what the verdict has to be read with.
func (m *markdown) notes(r Report) {
	var all []string
	for _, n := range r.notes() {
		all = append(all, "note: "+n.String())
	}
	for _, e := range r.exemptions() {
		if r.Comparison == nil || r.Comparison.Alone || m.verbose {
			all = append(all, place(e.Source)+": "+e.String())
		}
		if m.verbose {
			for _, f := range e.findings {
				all = append(all, "exempted: "+saidIn(f))
			}
		}
	}
	if len(all) == 0 {
		return
	}
	m.fold("What the verdict has to be read with")
	m.rows(len(all), roomForNotes, func(i int) string { return "- " + cell(all[i]) }, func(left int) { m.line("- %s: the text report has them", more(left, "note")) })
	m.unfold()
}

// fold begins what is shown when somebody asks.
func (m *markdown) fold(title string) {
	m.line("<details><summary>%s</summary>\n", title)
}

func (m *markdown) unfold() { m.line("\n</details>\n") }

// entries are what changes, by the targets that it shows in.
func (m *markdown) entries(c *Comparison, command string) {
	type set struct {
		targets []string
		entries []change.Entry
	}
	var sets []*set
	for _, e := range c.Entries {
		targets := e.Targets()
		i := slices.IndexFunc(sets, func(s *set) bool { return slices.Equal(s.targets, targets) })
		if i < 0 {
			i = len(sets)
			sets = append(sets, &set{targets: targets})
		}
		sets[i].entries = append(sets[i].entries, e)
	}
	var left []string
	for _, s := range sets {
		title := firstOf(s.targets) + ": " + plural(len(s.entries), "change")
		begun := false
		for _, e := range s.entries {
			text, err := m.entry(e)
			if err != nil {
				m.err = err
				return
			}
			need := len(text)
			if !begun {
				need += len(title) + 60
			}
			if m.Len()+need > longestComment-roomForNames {
				left = append(left, signs[e.Kind]+" "+placesSaid(e.Places))
				continue
			}
			if !begun {
				m.fold(title)
				begun = true
			}
			m.line("%s", text)
		}
		if begun {
			m.unfold()
		}
	}
	if len(left) == 0 {
		return
	}
	m.line("%s %s no room here: %s shows them.\n", plural(len(left), "change"), have(len(left)), asCommand(command))
	m.rows(len(left), roomForNames/2, func(i int) string { return "- " + asText(clipped(left[i], 200)) }, func(n int) {
		m.line("- … and %d more", n)
	})
	m.line("")
}

// entry is one of them: its objects, and what differs as a diff.
func (m *markdown) entry(e change.Entry) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s **%s**", inCode(signs[e.Kind]), asText(clipped(placesSaid(e.Places), 400)))
	if e.Kind == change.Renamed {
		fmt.Fprintf(&b, ", was %s: a cluster deletes that one and creates this", asText(e.Places[0].Old.ID.String()))
	}
	var where []string
	for _, l := range e.Lines {
		where = append(where, lineSaid(e, l))
	}
	if len(where) > 0 {
		fmt.Fprintf(&b, " at %s", firstOf(where))
	}
	var lines []string
	if e.Kind == change.Added || e.Kind == change.Removed {
		contents, err := contentsOf(e)
		if err != nil {
			return "", err
		}
		sign := "+ "
		if e.Kind == change.Removed {
			sign = "- "
		}
		for _, c := range contents {
			if len(contents) > 1 {
				lines = append(lines, "@@ "+targetsOf(e, c.in)+" @@")
			}
			for _, line := range yamlLines(c.shown) {
				lines = append(lines, sign+line)
			}
		}
	}
	for _, f := range e.Fields {
		lines = append(lines, fieldLines(e, f)...)
	}
	if len(lines) > 0 {
		b.WriteString("\n\n" + fencedDiff(lines))
	}
	return b.String() + "\n", nil
}

// fieldLines are a field as the lines of a diff: a heading with the lines that made it, and what it was and is.
func fieldLines(e change.Entry, f change.Field) []string {
	head := "@@ " + fieldName(e, f)
	if f.Moved {
		head += ": moved from " + f.OldPath.String()
	}
	if f.Equal != "" {
		head += " (the same to the server: " + string(f.Equal) + ")"
	}
	for i, l := range f.Lines {
		if i == 3 {
			head += fmt.Sprintf(", and %d more", len(f.Lines)-i)
			break
		}
		sep := "  "
		if i > 0 {
			sep = ", "
		}
		head += sep + lineSaid(e, l)
	}
	lines := []string{head + " @@"}
	if f.Moved {
		return lines
	}
	if f.Change.Lines != nil {
		return append(lines, textLines(f.Change.Lines)...)
	}
	for _, line := range yamlLines(f.Old) {
		lines = append(lines, "- "+line)
	}
	for _, line := range yamlLines(f.New) {
		lines = append(lines, "+ "+line)
	}
	return lines
}

// textLines are a text by line.
func textLines(all []difference.Line) (lines []string) {
	eachLine(all, func(sign, said string) {
		if sign == folded {
			sign = "  " + sign // no line of the diff
		}
		lines = append(lines, sign+" "+said)
	})
	return lines
}

// lineSaid is where a change was made.
func lineSaid(e change.Entry, l change.Line) string {
	said := place(l.Source)
	switch {
	case l.Gone:
		said += " (before)"
	case wasElsewhere(l):
		said += ", was " + place(l.Was)
	}
	if len(l.In) < len(e.Places) {
		said += " of " + targetsOf(e, l.In)
	}
	return said
}

// fencedDiff are lines behind a fence that is in none of them. What is beyond the room of an entry is counted.
func fencedDiff(lines []string) string {
	var b strings.Builder
	longest := 2
	for i, line := range lines {
		line = terminal.Line(clipped(line, longestCell))
		if b.Len()+len(line) > longestEntry {
			fmt.Fprintf(&b, "# … %s\n", more(len(lines)-i, "line"))
			break
		}
		for _, run := range backquotes.FindAllString(line, -1) {
			longest = max(longest, len(run))
		}
		b.WriteString(line + "\n")
	}
	fence := strings.Repeat("`", longest+1)
	return fence + "diff\n" + b.String() + fence
}

var backquotes = regexp.MustCompile("`+")

// clipped is a text of at most so many characters, and how many are missing.
func clipped(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	characters := []rune(text)
	return string(characters[:most]) + fmt.Sprintf("… (%d more characters)", len(characters)-most)
}

// firstOf are the first of several, and how many there are besides.
func firstOf(all []string) string {
	var parts []string
	for i, text := range all {
		if i == 3 && len(all) > 4 {
			parts = append(parts, fmt.Sprintf("%d more", len(all)-i))
			break
		}
		parts = append(parts, inCode(clipped(text, 300)))
	}
	return strings.Join(parts, ", ")
}

// cell is a message within a row: code between single backquotes is code.
func cell(message string) string {
	message = clipped(terminal.Line(strings.Join(strings.Fields(message), " ")), longestCell)
	parts := strings.Split(message, "`")
	if len(parts)%2 == 0 || strings.Contains(message, "``") {
		return asText(message)
	}
	var b strings.Builder
	for i, part := range parts {
		if i%2 == 0 {
			b.WriteString(asText(part))
		} else {
			b.WriteString(inCode(part))
		}
	}
	return b.String()
}

func asFile(p manifest.Position) string {
	if p.IsZero() {
		return ""
	}
	return inCode(clipped(place(manifest.Position{File: p.File, Line: p.Line}), 400))
}

func asCommand(command string) string { return inCode(command) }

// inCode is a text as code. Forges look for mentions and references in anything but code. It is written as HTML, of which,
// unlike of backquotes, no text is the end, in a table neither.
func inCode(text string) string {
	if text == "" {
		return ""
	}
	return "<code>" + encoded(text, false) + "</code>"
}

// asText is a text that is no Markdown, no HTML, and neither a mention nor a reference.
func asText(text string) string { return encoded(text, true) }

// encoded writes a text with character references, which Markdown takes for nothing but characters. Forges look for mentions
// and references in what comes of it: where asked for, the sign that one begins with is code, which they leave alone.
func encoded(text string, inert bool) string {
	text = terminal.Line(text)
	var b strings.Builder
	for i, r := range text {
		next, _ := utf8.DecodeRuneInString(text[i+utf8.RuneLen(r):])
		switch {
		case inert && next != ' ' && next != utf8.RuneError && (strings.ContainsRune("@#!%~$^&[", r) || r == '-' && i >= 2 && strings.EqualFold(text[i-2:i], "GH")):
			fmt.Fprintf(&b, "<code>&#%d;</code>", r)
		case strings.ContainsRune("\\`*_{}[]<>&|~!#$%^@:+=\"'", r):
			fmt.Fprintf(&b, "&#%d;", r)
		case r == '.' && i >= 3 && strings.EqualFold(text[i-3:i], "www"):
			b.WriteString("&#46;")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// shellWord is a word as a shell takes it.
func shellWord(word string) string {
	if safeWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

var safeWord = regexp.MustCompile(`^[\w./@^~+-]+$`)
