package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
	"github.com/kgate-dev/gitops/tools/internal/transition"
)

// Steps are what a change does to versions and shares of traffic, held to the rules of promotions.
type Steps struct {
	Since   string // the revision that the change begins at, as it was named
	Moves   []transition.Move
	Refused int // how many rules are broken that nobody lets pass
}

// Summary is the last line of every format.
func (s Steps) Summary() string {
	return fmt.Sprintf("%s since %s, %d refused", plural(len(s.Moves), "step"), s.Since, s.Refused)
}

// command is what says the same in a terminal.
func (s Steps) command() string { return "kgate promote --check " + shellWord(s.Since) }

// where is the line that the step changes, which a review shows, and what else a refusal is about; zero for nothing.
func where(m transition.Move, r transition.Refusal) (at, about manifest.Position) {
	if len(m.Changes) == 0 {
		return r.Source, manifest.Position{}
	}
	at = m.Changes[0].Source
	for _, c := range m.Changes {
		if c.Source == r.Source {
			return c.Source, manifest.Position{}
		}
	}
	if r.Source.File == at.File && r.Source.Line == at.Line {
		return at, manifest.Position{}
	}
	return at, r.Source
}

// roomForMoves is how many bytes steps have at most in Markdown: they have room behind a report of longestComment in one comment.
const roomForMoves = 4_000

// StepsMarkdown writes steps for the summary of a job, or below a report in a comment. It begins with <!-- kgate promote -->, has
// at most about 5,000 bytes, and nothing of it is more than text.
func StepsMarkdown(w io.Writer, s Steps) error {
	m := &markdown{}
	outcome := "nothing refused"
	if s.Refused > 0 {
		outcome = fmt.Sprintf("%d refused", s.Refused)
	}
	m.line("<!-- kgate promote -->")
	m.line("### kgate promote: %s, %s\n", plural(len(s.Moves), "step"), outcome)
	var refused, passed []string // what fails stands first
	for _, of := range s.Moves {
		step := asText(clipped(fmt.Sprintf("%s in %s: %s", of.Service, of.Environment, of), 300))
		for _, h := range of.Holders {
			step += "<br>" + cell(h.Text(of.Old))
		}
		if len(of.Refusals) == 0 {
			at := ""
			if len(of.Changes) > 0 {
				at = asFile(of.Changes[0].Source)
			}
			passed = append(passed, fmt.Sprintf("| ok | %s | %s |", step, at))
		}
		for _, r := range of.Refusals {
			at, about := where(of, r)
			places := asFile(at)
			if !about.IsZero() {
				places += "<br>" + asFile(about)
			}
			row := fmt.Sprintf("%s<br>%s<br>%s | %s |", step, cell(r.Message), inCode(string(r.Rule)), places)
			if r.Allowed {
				passed = append(passed, "| allowed | "+row)
			} else {
				refused = append(refused, "| **refused** | "+row)
			}
		}
	}
	if rows := append(refused, passed...); len(rows) > 0 {
		m.line("| | step | where |\n|---|---|---|")
		m.rows(len(rows), roomForMoves, func(i int) string { return rows[i] }, func(left int) {
			m.line("\n%s %s no room here: %s shows them.", more(left, "row"), have(left), asCommand(s.command()))
		})
		m.line("")
	}
	m.line("%s", asText(s.Summary()+"."))
	guard := terminal.NewGuard(w, false)
	if _, err := io.WriteString(guard, m.String()); err != nil {
		return err
	}
	return guard.Flush()
}

// StepsGitHub writes steps as workflow commands: what is refused is an error at its line, what somebody lets pass a notice.
func StepsGitHub(w io.Writer, s Steps) error {
	out := &workflow{Writer: bufio.NewWriter(w), kept: map[string]int{}}
	for _, m := range s.Moves {
		for _, r := range m.Refusals {
			command, word := "error", "refused"
			if r.Allowed {
				command, word = "notice", "allowed"
			}
			at, about := where(m, r)
			more := fmt.Sprintf("%s in %s: %s", m.Service, m.Environment, m)
			if !about.IsZero() {
				more += "\n" + place(about)
			}
			out.annotate(command, "kgate promote: "+string(r.Rule), at, r.Message, more, strings.TrimPrefix(place(at)+": ", ": ")+word+": "+r.Message)
		}
	}
	out.group(len(out.rest), "more than GitHub shows as annotations", out.rest)
	for _, m := range s.Moves {
		out.line(fmt.Sprintf("%s  %s  %s", m.Service, m.Environment, m))
		for _, h := range m.Holders {
			out.line("  " + h.Text(m.Old))
		}
	}
	out.line("kgate promote: " + s.Summary())
	return out.Flush()
}
