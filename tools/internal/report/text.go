package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Text writes the report for a person: a block a target, findings grouped by object, a summary line.
func Text(w io.Writer, r Report, options Options) error {
	out := &text{Writer: bufio.NewWriter(w), color: options.Color}
	blocks := r.blocks()
	for _, b := range blocks {
		out.block(b)
	}
	if options.Verbose {
		for _, e := range r.Exempted {
			out.exempted(e)
		}
	}
	if len(r.Findings) > 0 || len(r.Errors) > 0 || options.Verbose && len(r.Exempted) > 0 {
		out.line("")
	}
	out.summary(r)
	return out.Flush()
}

type block struct {
	Target
	isTarget bool
	findings []check.Finding
	failures []Failure
}

// blocks are the targets in their order, then files that findings are about without a target, such as kgate.yaml.
func (r Report) blocks() []*block {
	var blocks []*block
	byPath := map[string]*block{}
	get := func(path string) *block {
		b := byPath[path]
		if b == nil {
			b = &block{Target: Target{Path: path}}
			byPath[path] = b
			blocks = append(blocks, b)
		}
		return b
	}
	for _, path := range r.Asked {
		get(path)
	}
	for _, t := range r.Targets {
		b := get(t.Path)
		b.Target, b.isTarget = t, true
	}
	for _, f := range r.Findings {
		b := get(f.Target)
		b.findings = append(b.findings, f)
	}
	for _, f := range r.Errors {
		b := get(f.Target)
		b.failures = append(b.failures, f)
	}
	return blocks
}

type text struct {
	*bufio.Writer
	color bool
}

func (t *text) line(format string, args ...any) {
	// The writer keeps the first error and Flush returns it.
	_, _ = fmt.Fprintf(t, format+"\n", args...)
}

const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (t *text) paint(code, s string) string {
	if !t.color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t *text) block(b *block) {
	name := b.Path
	if name == "" {
		name = "kgate"
	}
	status := t.paint(green, "ok")
	switch {
	case len(b.failures) > 0:
		status = t.paint(red, "not checked")
	case len(b.findings) > 0:
		status = t.paint(red, plural(len(b.findings), "finding"))
	}
	head := t.paint(bold, name)
	if b.isTarget {
		head += t.paint(dim, "  "+plural(b.Objects, "object"))
	}
	t.line("%s  %s", head, status)
	for _, f := range b.failures {
		message := f.Message
		if !f.Source.IsZero() {
			message = f.Source.String() + ": " + message
		}
		t.line("  %s", t.paint(red, "error")+"  "+indent(message, "  "))
	}
	var object *manifest.ID
	for i, f := range b.findings {
		if f.Object != nil && (i == 0 || object == nil || *object != *f.Object) {
			t.line("  %s", t.paint(bold, f.Object.String()))
		}
		object = f.Object
		t.finding(f)
	}
}

func (t *text) finding(f check.Finding) {
	color := red
	if f.Severity == check.Warning {
		color = yellow
	}
	t.line("    %s  %s", t.paint(color, string(f.Severity)), indent(f.Message, "      "))
	where := f.Source.String()
	if path := f.Path.String(); path != "" {
		where += t.paint(dim, "  "+path)
	}
	t.line("      %s %s", t.paint(dim, "at "), where)
	t.line("      %s %s", t.paint(dim, "fix"), indent(f.Fix, "          "))
	t.line("      %s %s", t.paint(dim, "why"), t.paint(dim, "kgate explain "+f.Check))
}

func (t *text) exempted(e check.Exempted) {
	t.line("%s  %s: %s", t.paint(dim, "exempted"), e.Finding.Target, e.Finding.Message)
	t.line("  %s by %s until %s: %s", e.Finding.Check, e.Exemption.Owner, e.Exemption.Expires.Format("2006-01-02"), e.Exemption.Reason)
}

func (t *text) summary(r Report) {
	errors, warnings := r.Count(check.Error), r.Count(check.Warning)
	color := green
	switch {
	case errors > 0 || len(r.Errors) > 0:
		color = red
	case warnings > 0:
		color = yellow
	}
	summary := fmt.Sprintf("%s, %s: %s, %s, %d exempted", plural(len(r.Targets), "target"), plural(r.Objects(), "object"),
		plural(errors, "error"), plural(warnings, "warning"), len(r.Exempted))
	if len(r.Errors) > 0 {
		summary += fmt.Sprintf(", %d not checked", len(r.Errors))
	}
	t.line("%s", t.paint(color, summary))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func indent(s, by string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n"+by) }
