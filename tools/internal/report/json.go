package report

import (
	"encoding/json"
	"io"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Version is that of the JSON report. Fields are added to a version, never changed or removed.
const Version = "v1"

type jsonReport struct {
	Version  string        `json:"version"`
	Summary  jsonSummary   `json:"summary"`
	Findings []jsonFinding `json:"findings"`
	Errors   []jsonError   `json:"errors,omitempty"`
}

type jsonSummary struct {
	Targets  int `json:"targets"`
	Objects  int `json:"objects"`
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Exempted int `json:"exempted"`
}

type jsonFinding struct {
	Check    string             `json:"check"`
	Severity check.Severity     `json:"severity"`
	Target   string             `json:"target"`
	Object   *manifest.ID       `json:"object"` // null when the fault is not in an object
	Path     string             `json:"path"`
	Message  string             `json:"message"`
	Fix      string             `json:"fix"`
	Source   *manifest.Position `json:"source"`

	Related []manifest.Position `json:"related,omitempty"` // what source overrides, the closest first
	Also    []jsonPlace         `json:"also,omitempty"`    // where else the same line does the same
}

type jsonPlace struct {
	Target string       `json:"target"`
	Object *manifest.ID `json:"object"`
	Path   string       `json:"path"`
}

type jsonError struct {
	Target  string             `json:"target,omitempty"`
	Message string             `json:"message"`
	Source  *manifest.Position `json:"source,omitempty"`
}

// JSON writes the report for programs. summary.errors and summary.warnings count findings; errors, present only
// when there are some, lists what could not be checked.
func JSON(w io.Writer, r Report, _ Options) error {
	out := jsonReport{
		Version: Version,
		Summary: jsonSummary{
			Targets: len(r.Targets), Objects: r.Objects(), Errors: r.Count(check.Error),
			Warnings: r.Count(check.Warning), Exempted: len(r.Exempted),
		},
		Findings: []jsonFinding{},
	}
	for _, f := range r.Findings {
		finding := jsonFinding{
			Check: f.Check, Severity: f.Severity, Target: f.Target, Object: f.Object, Path: f.Path.String(),
			Message: f.Message, Fix: f.Fix, Source: position(f.Source), Related: f.Related,
		}
		for _, p := range f.Also {
			finding.Also = append(finding.Also, jsonPlace{p.Target, p.Object, p.Path.String()})
		}
		out.Findings = append(out.Findings, finding)
	}
	for _, e := range r.Errors {
		out.Errors = append(out.Errors, jsonError{Target: e.Target, Message: e.Message, Source: position(e.Source)})
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}

func position(p manifest.Position) *manifest.Position {
	if p.IsZero() {
		return nil
	}
	return &p
}
