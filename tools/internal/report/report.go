// Package report writes what a run found, one file a format. Output depends on the findings alone: the same
// run prints the same bytes.
package report

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/promotion"
)

// Report is a finished run.
type Report struct {
	Version  string         // of kgate
	Checks   []*check.Check // those that ran
	Asked    []string       // every target, in the order asked for
	Targets  []Target       // those that could be rendered
	Findings []check.Finding
	Exempted []check.Exempted
	Passed   []check.Finding // those that the baseline lets pass
	Mended   []check.Mended  // entries of the baseline that hold more than there is
	Errors   []Failure       // what could not be checked
	FailOn   check.Severity  // the least that fails the run, as kgate.yaml says; "" for an error
	Omitted  []string        // checks that need a run over every target
	Notes    []Note          // what the verdict has to be read with

	Status *promotion.Status // what runs where, for a format that shows it; nil for none

	Comparison *Comparison // with what; nil for a run of one side

	Dir string // of the repository, absolute; "" for none
	Top string // the directory of the repository in git's, with slashes; "" for git's own, and for none

	// Branch and Commit are what the files were checked out from, for a format that names them; "" for none.
	Branch, Commit string

	// ReadFile is the text of a file that a position names; nil when no text can be had.
	ReadFile func(file string) ([]byte, error)
}

// Note is something about a run that its verdict has to be read with: that it looked at less than the repository asks for,
// or judged by other rules than those that stand there.
type Note struct {
	About   string            // a word for programs: targets, versions, checks, kinds, unread, configuration, exemptions, namespaces
	Source  manifest.Position // the place that it is about; zero for the run as a whole
	Message string            // a sentence without its full stop
	LeftOut []string          // the names of what the run did not look at
}

// What Note.About says of checks that need every target, and of what the baseline lets pass.
const (
	omitted  = "repository"
	baseline = "baseline"
)

// notes are the report's, and one for what needs every target of the repository.
func (r Report) notes() []Note {
	notes := slices.Clone(r.Notes)
	if len(r.Omitted) > 0 {
		notes = append(notes, Note{About: omitted, Message: plural(len(r.Omitted), "check") + " did not run, because not every target of the repository was checked", LeftOut: r.Omitted})
	}
	return notes
}

// listedNames is how many names a sentence lists.
const listedNames = 8

// String is the note in one sentence, which lists no more names than a reader takes in.
func (n Note) String() string {
	listed := n.LeftOut[:min(len(n.LeftOut), listedNames)]
	said := n.Message
	if !n.Source.IsZero() {
		said = n.Source.String() + ": " + said
	}
	if len(listed) == 0 {
		return said
	}
	said += "; left out: " + strings.Join(listed, ", ")
	if more := len(n.LeftOut) - len(listed); more > 0 {
		said += fmt.Sprintf(" and %d more", more)
	}
	return said
}

// Target is what a run looked at.
type Target struct {
	Path        string
	Environment string // its name in kgate.yaml, or ""
	Count       int    // of its objects

	// Objects are all of them, where they are kept for a format that draws them.
	Objects []*manifest.Object
	// Locate is where to edit a field of one of the objects; nil when nobody knows.
	Locate func(*manifest.Object, manifest.Path) manifest.Origin
}

// objects is how many objects the target has.
func (t Target) objects() int { return max(t.Count, len(t.Objects)) }

// Failure is something that kept a run from judging.
type Failure struct {
	Target  string // "" when it concerns the run as a whole
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

// obstacle is something that keeps targets from being checked.
type obstacle struct {
	Failure
	targets []string // each once
}

// obstacles are what could not be checked. What is wrong at one line is one, whatever targets it keeps from being checked.
func (r Report) obstacles() []obstacle {
	type fault struct {
		source  manifest.Position
		message string
	}
	at := map[fault]int{}
	var all []obstacle
	for _, f := range r.Errors {
		is := fault{f.Source, f.Message}
		i, known := at[is]
		if !known || f.Source.Line == 0 {
			i = len(all)
			at[is], all = i, append(all, obstacle{Failure: f})
		}
		if f.Target != "" && !slices.Contains(all[i].targets, f.Target) {
			all[i].targets = append(all[i].targets, f.Target)
		}
	}
	return all
}

// elsewhere are the targets of an obstacle, where a reader cannot tell them from its place.
func (o obstacle) elsewhere() []string {
	if len(o.targets) < 2 {
		return nil
	}
	return o.targets
}

// Count tells how many findings have a severity, what follows from others left out.
func (r Report) Count(severity check.Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == severity {
			n++
		}
	}
	return n
}

// following tells how many findings follow from those of a severity.
func (r Report) following(severity check.Severity) int {
	n := 0
	for _, f := range r.Findings {
		if f.Severity == severity {
			n += len(f.Follows)
		}
	}
	return n
}

// counted is how many findings have a severity, and how many follow from them, in words.
func (r Report) counted(severity check.Severity) string {
	n := r.Count(severity)
	switch following := r.following(severity); {
	case following == 1:
		return fmt.Sprintf("%s (1 more follows from %s)", plural(n, string(severity)), pronoun(n))
	case following > 1:
		return fmt.Sprintf("%s (%d more follow from %s)", plural(n, string(severity)), following, pronoun(n))
	}
	return plural(n, string(severity))
}

func pronoun(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// Objects counts the objects of all targets.
func (r Report) Objects() int {
	n := 0
	for _, t := range r.Targets {
		n += t.objects()
	}
	return n
}

// all are the findings, each before what follows from it, then those that were exempted.
func (r Report) all() []check.Finding {
	var findings []check.Finding
	for _, f := range r.Findings {
		findings = append(append(findings, f), f.Follows...)
	}
	for _, e := range r.Exempted {
		findings = append(findings, e.Finding)
	}
	return findings
}

// Options say how a format may write.
type Options struct {
	Color   bool
	Verbose bool
	Now     time.Time // when the run was, for a page that says so; zero for one that does not
	// SourceURL is the address of a line on a forge, with {file}, {line} and {commit} to be filled in; "" for a report without links.
	SourceURL string
	From      string // where kgate was started, absolute: a person sees files from there; "" shows them as the repository has them
}

// Format writes a report.
type Format func(io.Writer, Report, Options) error

// Formats are the formats by the name that --output takes.
func Formats() map[string]Format {
	return map[string]Format{"text": Text, "json": JSON, "yaml": YAML, "sarif": SARIF, "junit": JUnit, "github": GitHub, "markdown": Markdown, "html": HTML}
}

// Names are the names of the formats, sorted.
func Names() []string { return slices.Sorted(maps.Keys(Formats())) }
