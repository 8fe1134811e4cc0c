package catalog

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/kgate-dev/gitops/tools/internal/check"
)

// width is that of a page of text, in characters. Examples and addresses are not broken.
const width = 80

// The colours of a terminal.
const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
)

// Text explains each check on a terminal.
func Text(w io.Writer, checks []*check.Check, color bool) error {
	p := &page{Writer: bufio.NewWriter(w), color: color}
	for i, c := range checks {
		if i > 0 {
			p.line("")
		}
		p.explain(c)
	}
	return p.Flush()
}

type page struct {
	*bufio.Writer
	color bool
}

func (p *page) line(format string, args ...any) {
	// The writer keeps the first error and Flush returns it.
	_, _ = fmt.Fprintf(p, format+"\n", args...)
}

func (p *page) paint(code, s string) string {
	if !p.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *page) explain(c *check.Check) {
	p.line("%s", p.paint(bold, c.Name))
	p.prose(c.Title, "")
	for _, text := range paragraphs(c.Doc) {
		p.line("")
		p.prose(text, "")
	}
	p.example("Bad", red, c.Bad)
	p.example("Good", green, c.Good)
	p.line("\n%s", p.paint(bold, "Fix"))
	for _, text := range paragraphs(c.Fix) {
		p.prose(text, "  ")
	}
	p.line("")
	p.field("Severity", string(c.Severity)+": "+means(c.Severity))
	p.field("Looks at", looksAt(c.Scope))
	p.field("Origin", c.Origin)
	p.field("Exempt", mayBeExempted(c))
	for i, reference := range c.References {
		label := "Source"
		if i > 0 {
			label = ""
		}
		p.field(label, reference)
	}
}

func (p *page) field(label, value string) {
	p.line("%s  %s", p.paint(bold, fmt.Sprintf("%-8s", label)), value)
}

// example prints documents indented, with their comments, which say what to look at, set apart.
func (p *page) example(label, color, text string) {
	if text == "" {
		return
	}
	p.line("\n%s", p.paint(color, label))
	for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
		line = strings.TrimRight(line, "\n")
		if at := comment(line); at >= 0 {
			line = line[:at] + p.paint(dim, line[at:])
		}
		if line != "" {
			line = "  " + line
		}
		p.line("%s", line)
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
func (p *page) prose(text, indent string) {
	line := indent
	for _, word := range strings.Fields(text) {
		if line != indent && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			p.line("%s", line)
			line = indent
		}
		if line != indent {
			line += " "
		}
		line += word
	}
	p.line("%s", line)
}
