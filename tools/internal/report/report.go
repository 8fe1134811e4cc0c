// Package report writes what a run found, one file a format. Output depends on the findings alone: the same
// run prints the same bytes.
package report

import (
	"io"
	"maps"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Report is a finished run.
type Report struct {
	Version  string         // of kgate
	Checks   []*check.Check // those that ran
	Asked    []string       // every target, in the order asked for
	Targets  []Target       // those that could be rendered
	Findings []check.Finding
	Exempted []check.Exempted
	Errors   []Failure // what could not be checked
	Omitted  []string  // checks that need a run over every target
	Notes    []Note    // what a reader should know that is no fault

	// ReadFile is the text of a file that a position names; nil when no text can be had.
	ReadFile func(file string) ([]byte, error)
}

// Target is what a run looked at.
type Target struct {
	Path        string
	Environment string // its name in kgate.yaml, or ""
	Objects     []*manifest.Object

	// Locate is where to edit a field of one of the objects; nil when nobody knows.
	Locate func(*manifest.Object, manifest.Path) manifest.Origin
}

// Failure is something that kept a run from judging.
type Failure struct {
	Target  string // "" when it concerns the run as a whole
	Source  manifest.Position
	Message string
}

// Note is something that a run says of itself, such as what it left out by decision.
type Note struct {
	Source  manifest.Position
	Message string
}

// String is the message behind its place.
func (f Failure) String() string {
	switch {
	case !f.Source.IsZero():
		return f.Source.String() + ": " + f.Message
	case f.Target != "":
		return f.Target + ": " + f.Message
	}
	return f.Message
}

// Count tells how many findings have a severity.
func (r Report) Count(severity check.Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

// Objects counts the objects of all targets.
func (r Report) Objects() int {
	n := 0
	for _, t := range r.Targets {
		n += len(t.Objects)
	}
	return n
}

// all are the findings, then those that were exempted.
func (r Report) all() []check.Finding {
	findings := slices.Clone(r.Findings)
	for _, e := range r.Exempted {
		findings = append(findings, e.Finding)
	}
	return findings
}

// Options say how a format may write.
type Options struct {
	Color   bool
	Verbose bool
}

// Format writes a report.
type Format func(io.Writer, Report, Options) error

// Formats are the formats by the name that --output takes.
func Formats() map[string]Format {
	return map[string]Format{"text": Text, "json": JSON, "yaml": YAML, "sarif": SARIF, "junit": JUnit, "github": GitHub, "html": HTML}
}

// Names are the names of the formats, sorted.
func Names() []string { return slices.Sorted(maps.Keys(Formats())) }
