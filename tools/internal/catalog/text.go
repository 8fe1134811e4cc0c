package catalog

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// width is that of a page of text, in characters. Examples and addresses are not broken.
const width = 80

// Text explains each check on a terminal.
func Text(w io.Writer, checks []*check.Check, color bool) error {
	p := page{terminal.NewPage(w, color)}
	for i, c := range checks {
		if i > 0 {
			p.Line("")
		}
		p.explain(c)
	}
	return p.Flush()
}

type page struct{ *terminal.Page }

func (p page) explain(c *check.Check) {
	p.Line("%s", p.Paint(terminal.Bold, terminal.Line(c.Name)))
	p.prose(c.Title, "")
	for _, text := range paragraphs(c.Doc) {
		p.Line("")
		p.prose(text, "")
	}
	p.example("Before", terminal.Bold, c.Was)
	p.example("Bad", terminal.Red, c.Bad)
	p.example("Good", terminal.Green, c.Good)
	p.Line("\n%s", p.Paint(terminal.Bold, "Fix"))
	for _, text := range paragraphs(c.Fix) {
		p.prose(text, "  ")
	}
	p.Line("")
	p.field("Severity", string(c.Severity)+": "+means(c.Severity))
	switch {
	case c.Firm:
		p.field("States", "a convention, and an error unless kgate.yaml says `profile: facts`: it keeps a pod from its node")
	case c.Convention:
		p.field("States", "a convention: a warning unless kgate.yaml says `profile: strict`")
	default:
		p.field("States", "a fact")
	}
	p.field("Looks at", looksAt(c.Scope))
	p.field("Origin", terminal.Line(c.Origin))
	p.field("Exempt", mayBeExempted(c))
	for i, reference := range c.References {
		label := "Source"
		if i > 0 {
			label = ""
		}
		p.field(label, terminal.Line(reference))
	}
}

func (p page) field(label, value string) {
	p.Line("%s  %s", p.Paint(terminal.Bold, fmt.Sprintf("%-8s", label)), value)
}

// example prints documents indented, with their comments, which say what to look at, set apart.
func (p page) example(label, color, text string) {
	if text == "" {
		return
	}
	p.Line("\n%s", p.Paint(color, label))
	for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
		line = terminal.Line(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "    "))
		if at := comment(line); at >= 0 {
			line = line[:at] + p.Paint(terminal.Dim, line[at:])
		}
		if line != "" {
			line = "  " + line
		}
		p.Line("%s", line)
	}
}

// comment is where the comment of a line of YAML begins, or -1.
func comment(line string) int {
	if strings.HasPrefix(line, "#") {
		return 0
	}
	if at := strings.LastIndex(line, " # "); at >= 0 {
		return at + 1
	}
	return -1
}

// prose prints a text that has no line breaks of its own.
func (p page) prose(text, indent string) {
	line := indent
	for _, word := range strings.Fields(text) {
		word = terminal.Line(word)
		if line != indent && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			p.Line("%s", line)
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	p.Line("%s", line)
}
