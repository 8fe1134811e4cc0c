package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/terminal"
)

// Version is that of the JSON report. Within a version keys are added, and never removed, renamed or given another type
// or meaning.
const Version = "v1"

//go:embed report.schema.json
var jsonSchema []byte

// Schema is the JSON Schema of the JSON report.
func Schema() []byte { return slices.Clone(jsonSchema) }

type jsonReport struct {
	Version    string          `json:"version"`
	Kgate      string          `json:"kgate"`
	Summary    jsonSummary     `json:"summary"`
	Notes      []jsonNote      `json:"notes"`
	Targets    []jsonTarget    `json:"targets"`
	Findings   []jsonFinding   `json:"findings"`
	Exemptions []jsonExemption `json:"exemptions"`
	Exempted   []jsonExempted  `json:"exempted"`
	Failures   []jsonFailure   `json:"failures"`
	Omitted    []string        `json:"omitted"`
	Comparison *jsonComparison `json:"comparison,omitempty"`
}

type jsonSummary struct {
	Targets  int `json:"targets"`
	Objects  int `json:"objects"`
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Exempted int `json:"exempted"`
	Failures int `json:"failures"`
	Baseline int `json:"baseline,omitempty"`
	Follow   int `json:"follow"`
}

type jsonNote struct {
	About   string             `json:"about"`
	Source  *manifest.Position `json:"source"`
	Message string             `json:"message"`
	LeftOut []string           `json:"leftOut"`
}

type jsonTarget struct {
	Path        string `json:"path"`
	Environment string `json:"environment"`
	Rendered    bool   `json:"rendered"`
	Objects     int    `json:"objects"`
}

type jsonFinding struct {
	Check       string              `json:"check"`
	Severity    check.Severity      `json:"severity"`
	Target      string              `json:"target"`
	Object      *manifest.ID        `json:"object"` // null when the fault is not in an object
	Path        string              `json:"path"`
	Message     string              `json:"message"`
	Fix         string              `json:"fix"`
	Source      *manifest.Position  `json:"source"` // null when no file can be named
	Related     []manifest.Position `json:"related"`
	Also        []jsonPlace         `json:"also"`
	With        []jsonPart          `json:"with"`
	Follows     []jsonFinding       `json:"follows"` // none of these has any
	Fingerprint string              `json:"fingerprint"`
}

type jsonPlace struct {
	Target string       `json:"target"`
	Object *manifest.ID `json:"object"`
	Path   string       `json:"path"`
}

type jsonPart struct {
	Object manifest.ID        `json:"object"`
	Path   string             `json:"path"`
	Source *manifest.Position `json:"source"`
}

type jsonExempted struct {
	Finding   jsonFinding  `json:"finding"`
	Exemption jsonDecision `json:"exemption"`
}

type jsonDecision struct {
	Check    string             `json:"check"`
	Path     string             `json:"path"`
	Reason   string             `json:"reason"`
	Owner    string             `json:"owner"`
	Expires  string             `json:"expires"`
	Source   *manifest.Position `json:"source"`
	OnObject bool               `json:"onObject"`
}

// jsonExemption is a decision with the number of findings that it let pass.
type jsonExemption struct {
	Check    string             `json:"check"`
	Path     string             `json:"path"`
	Reason   string             `json:"reason"`
	Owner    string             `json:"owner"`
	Expires  string             `json:"expires"`
	Source   *manifest.Position `json:"source"`
	OnObject bool               `json:"onObject"`
	Findings int                `json:"findings"`
}

type jsonFailure struct {
	Target  string             `json:"target"`
	Message string             `json:"message"`
	Source  *manifest.Position `json:"source"`
}

// JSON writes the report for programs, as report.schema.json describes it. Every key is always there: a list without
// items is empty, and what is not known is null or "".
func JSON(w io.Writer, r Report, _ Options) error {
	report, err := r.json()
	if err != nil {
		return err
	}
	text, err := encode(report)
	if err != nil {
		return err
	}
	_, err = w.Write(terminal.JSON(text))
	return err
}

// encode is a value as indented JSON.
func encode(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(value)
	return text.Bytes(), err
}

func (r Report) json() (jsonReport, error) {
	out := jsonReport{
		Version: Version,
		Kgate:   r.Version,
		Summary: jsonSummary{
			Targets: len(r.Targets), Objects: r.Objects(), Errors: r.Count(check.Error), Warnings: r.Count(check.Warning),
			Exempted: len(r.Exempted), Failures: len(r.Errors), Baseline: len(r.Passed), Follow: r.following(check.Error) + r.following(check.Warning),
		},
		Notes: []jsonNote{}, Targets: []jsonTarget{}, Findings: []jsonFinding{}, Exemptions: []jsonExemption{}, Exempted: []jsonExempted{},
		Failures: []jsonFailure{},
		Omitted:  append([]string{}, r.Omitted...),
	}
	for _, n := range r.notes() {
		out.Notes = append(out.Notes, jsonNote{n.About, position(n.Source), n.Message, append([]string{}, n.LeftOut...)})
	}
	for _, e := range r.exemptions() {
		d := decision(e.Exemption)
		out.Exemptions = append(out.Exemptions, jsonExemption{d.Check, d.Path, d.Reason, d.Owner, d.Expires, d.Source, d.OnObject, e.passed})
	}
	for _, s := range r.overview() {
		if s.asked || s.rendered {
			out.Targets = append(out.Targets, jsonTarget{s.Path, s.Environment, s.rendered, s.objects()})
		}
	}
	fingerprints := r.sources().fingerprints(r.all())
	next := func(f check.Finding) jsonFinding {
		out := finding(f, fingerprints[0])
		fingerprints = fingerprints[1:]
		return out
	}
	for _, f := range r.Findings {
		top := next(f)
		for _, follower := range f.Follows {
			top.Follows = append(top.Follows, next(follower))
		}
		out.Findings = append(out.Findings, top)
	}
	for _, e := range r.Exempted {
		out.Exempted = append(out.Exempted, jsonExempted{next(e.Finding), decision(e.Exemption)})
	}
	for _, e := range r.Errors {
		out.Failures = append(out.Failures, jsonFailure{e.Target, e.Message, position(e.Source)})
	}
	var err error
	out.Comparison, err = r.Comparison.json(r)
	return out, err
}

func finding(f check.Finding, fingerprint string) jsonFinding {
	out := jsonFinding{
		Check: f.Check, Severity: f.Severity, Target: f.Target, Object: f.Object, Path: f.Path.String(), Message: f.Message,
		Fix: f.Fix, Source: position(f.Source), Related: append([]manifest.Position{}, f.Related...), Also: []jsonPlace{}, With: []jsonPart{}, Follows: []jsonFinding{},
		Fingerprint: fingerprint,
	}
	for _, p := range f.Also {
		out.Also = append(out.Also, jsonPlace{p.Target, p.Object, p.Path.String()})
	}
	for _, w := range f.With {
		out.With = append(out.With, jsonPart{w.Object, w.Path.String(), position(w.Source)})
	}
	return out
}

func decision(e check.Exemption) jsonDecision {
	return jsonDecision{
		Check: e.Check, Path: e.Path.String(), Reason: e.Reason, Owner: e.Owner, Expires: e.Expires.Format(time.DateOnly),
		Source: position(e.Source), OnObject: e.OnObject(),
	}
}

func position(p manifest.Position) *manifest.Position {
	if p.IsZero() {
		return nil
	}
	return &p
}
