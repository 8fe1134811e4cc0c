package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

const (
	// annotations is how many errors, warnings and notices each of one step GitHub keeps; a job has at most 50 of all.
	annotations = 10
	// longestAnnotation is how many characters of an annotation's message GitHub keeps.
	longestAnnotation = 4096
)

// GitHub writes workflow commands, which GitHub Actions shows at the lines of a pull request. It keeps ten errors, ten
// warnings and ten notices of a step: what is worst comes first, and what is beyond them is printed below, in the log.
// Notices say what the run did not look at, and which exemptions let something pass.
func GitHub(w io.Writer, r Report, _ Options) error {
	out := &workflow{Writer: bufio.NewWriter(w), kept: map[string]int{}}
	for _, o := range r.obstacles() {
		message, more := o.Message, ""
		if o.Source.IsZero() {
			message = o.String()
		}
		if in := o.elsewhere(); in != nil {
			more = "In " + strings.Join(in, ", ")
		}
		out.annotate("error", "could not be checked", o.Source, or(message), more, o.String())
	}
	findings := slices.Clone(r.Findings)
	slices.SortStableFunc(findings, func(a, b check.Finding) int {
		if (a.Severity == check.Warning) != (b.Severity == check.Warning) {
			if a.Severity == check.Warning {
				return 1
			}
			return -1
		}
		return cmp.Compare(len(b.Also), len(a.Also)) // what shows in more places is worse
	})
	for _, f := range findings {
		f = r.standing(f)
		command := "error"
		if f.Severity == check.Warning {
			command = "warning"
		}
		var more []string
		if in := objects(f); len(in) > 0 {
			more = append(more, "In "+strings.Join(in, "\n"))
		}
		for _, w := range f.With {
			more = append(more, "With "+place(w.Source)+" "+weighed(w))
		}
		if f.Fix != "" {
			more = append(more, "Fix: "+f.Fix)
		}
		more = append(more, "Why: kgate explain "+f.Check)
		for _, follower := range f.Follows {
			more = append(more, "From it follows "+said(follower))
		}
		out.annotate(command, f.Check, f.Source, or(f.Message, f.Check), strings.Join(more, "\n"), said(f), f.Follows...)
	}
	var notes []string
	for _, n := range r.notes() {
		notes = append(notes, n.String())
	}
	out.kept["notice"]++ // one is kept free to say that there is more
	if len(notes) > 0 {
		out.annotate("notice", "about this run", manifest.Position{}, strings.Join(notes, "\n"), "", strings.Join(notes, "; "))
	}
	for _, e := range r.exemptions() {
		out.annotate("notice", "exempted: "+e.Check, e.Source, e.String(), "", place(e.Source)+": "+e.String())
	}
	out.group(len(out.rest), "more than GitHub shows as annotations", out.rest)
	var exempted []string
	for _, e := range r.exemptions() {
		for _, f := range e.findings {
			exempted = append(exempted, fmt.Sprintf("exempted  %s: %s, until %s: %s", saidIn(f), e.Owner, e.Expires.Format(time.DateOnly), e.Reason))
		}
	}
	out.group(len(r.Exempted), "exempted", exempted)
	if len(out.rest) > 0 {
		out.command("notice", nil, fmt.Sprintf("kgate found more than GitHub shows here: %d more in the log of this step. All: %s", len(out.rest), r.summary()))
	}
	out.line("kgate: " + r.summary())
	return out.Flush()
}

// said is a finding in one line.
func said(f check.Finding) string {
	where := place(f.Source)
	if f.Source.IsZero() {
		where = terminal.File(f.Target)
	}
	return fmt.Sprintf("%s: %s (%s)", where, f.Message, f.Check)
}

// saidIn is a finding in one line, with the targets that it shows in where these are several.
func saidIn(f check.Finding) string {
	targets := f.Targets()
	if len(targets) < 2 {
		return said(f)
	}
	return said(f) + ", in " + strings.Join(targets, ", ")
}

// workflow writes to the log of a step, of which every line may be a command.
type workflow struct {
	*bufio.Writer
	kept map[string]int // commands so far
	rest []string       // what is beyond them
}

// annotate shows a message at a place, or else keeps line for the log, with what follows.
func (w *workflow) annotate(command, title string, at manifest.Position, message, more, line string, follows ...check.Finding) {
	lines := []string{command + "  " + line}
	for _, f := range follows {
		lines = append(lines, "  from it follows  "+said(f))
	}
	if w.kept[command]++; w.kept[command] > annotations {
		w.rest = append(w.rest, lines...)
		return
	}
	properties := [][2]string{}
	if !at.IsZero() {
		properties = append(properties, [2]string{"file", at.File})
		for _, number := range []struct {
			name  string
			value int
		}{{"line", at.Line}, {"col", at.Column}, {"endColumn", at.EndColumn}} {
			if number.value > 0 {
				properties = append(properties, [2]string{number.name, fmt.Sprint(number.value)})
			}
		}
	}
	properties = append(properties, [2]string{"title", title})
	if characters := []rune(message); len(characters) > longestAnnotation {
		message = string(characters[:longestAnnotation-1]) + "…"
		w.rest = append(w.rest, lines...)
	} else if more != "" {
		message += "\n\n" + more
		if len(follows) > 0 && len([]rune(message)) > longestAnnotation {
			w.rest = append(w.rest, lines...) // GitHub shows no more than that
		}
	}
	w.command(command, properties, message)
}

// command gives one. The runner decodes what is encoded here and nothing else; what else its readers would take for more
// than text is an escape.
func (w *workflow) command(name string, properties [][2]string, message string) {
	var list []string
	for _, p := range properties {
		list = append(list, p[0]+"="+strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(terminal.Line(p[1])))
	}
	head := name
	if list != nil {
		head += " " + strings.Join(list, ",")
	}
	message = strings.ReplaceAll(message, "\r\n", "\n")
	// The first error of a write is kept and Flush returns it.
	_, _ = fmt.Fprintf(w, "::%s::%s\n", head, strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", "\t", " ").Replace(terminal.Text(message)))
}

// line prints what is no command, whatever is in it: a manifest must not give orders to the runner.
func (w *workflow) line(text string) {
	_, _ = terminal.NewGuard(w, false).Write([]byte(terminal.Line(text) + "\n"))
}

func (w *workflow) group(count int, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	w.command("group", nil, fmt.Sprintf("%d %s", count, title))
	for _, line := range lines {
		w.line(line)
	}
	w.command("endgroup", nil, "")
}
