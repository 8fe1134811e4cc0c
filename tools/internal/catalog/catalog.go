// Package catalog writes what checks say of themselves: a table, a page for a terminal, one for a browser, and one for
// programs. All of them have the same text.
package catalog

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// Format writes a list of checks.
type Format func(io.Writer, []*check.Check) error

// Formats are the formats by the name that --output takes.
func Formats() map[string]Format {
	return map[string]Format{"text": Table, "json": JSON, "markdown": Markdown}
}

// Names are the names of the formats, sorted.
func Names() []string { return slices.Sorted(maps.Keys(Formats())) }

// Table writes a line a check.
func Table(w io.Writer, checks []*check.Check) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "CHECK\tSEVERITY\tSTATES\tORIGIN\tSCOPE\tEXEMPT\tWHAT HOLDS") // Flush returns a write's error
	for _, c := range checks {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Name, c.Severity, states(c), c.Origin, c.Scope, exempt(c), terminal.Line(c.Title))
	}
	return table.Flush()
}

// states says whether a check is about a fact or about what a team agrees on.
func states(c *check.Check) string {
	if c.Convention {
		return "convention"
	}
	return "fact"
}

// looksAt says what a scope means.
func looksAt(scope check.Scope) string {
	switch scope {
	case check.Object:
		return "one object at a time"
	case check.Overlay:
		return "all objects of a target together"
	case check.Repository:
		return "all targets of the repository together"
	case check.Update:
		return "a target beside what it was before a change"
	case check.Itself:
		return "the exemptions of the run"
	}
	return string(scope)
}

func means(severity check.Severity) string {
	switch severity {
	case check.Error:
		return "must not be merged"
	case check.Warning:
		return "works today and will cost somebody later"
	}
	return ""
}

// exempt is what of a check a table has room for: whether, and where, there may be an exemption from it.
func exempt(c *check.Check) string {
	switch {
	case c.Locked:
		return "locked"
	case c.Central:
		return "kgate.yaml"
	}
	return "may be"
}

func mayBeExempted(c *check.Check) string {
	switch {
	case c.Locked:
		return "no, it is locked"
	case c.Central:
		return "in kgate.yaml alone: no object exempts itself"
	}
	return "in kgate.yaml, or on the object by its annotation " + check.ExemptionAnnotation
}

// paragraphs are the paragraphs of a text, each on one line.
func paragraphs(text string) []string {
	var all []string
	for part := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		all = append(all, strings.Join(strings.Fields(part), " "))
	}
	return all
}
