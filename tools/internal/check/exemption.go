package check

import (
	"fmt"
	"slices"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Exemption lets findings of one check pass, for a reason, for a time.
type Exemption struct {
	Check   string
	Target  string // glob of target paths; "" is every target
	Object  ObjectPattern
	Path    manifest.Path // findings at or below it; nil is any
	Reason  string
	Owner   string
	Expires time.Time // the last day on which it holds
	Source  manifest.Position
}

// ObjectPattern names objects; an empty field fits any value.
type ObjectPattern struct{ APIVersion, Kind, Namespace, Name string }

// Exempted is a finding that an exemption let pass.
type Exempted struct {
	Finding   Finding
	Exemption Exemption
}

// Expired reports whether the exemption's last day is over.
func (e Exemption) Expired(now time.Time) bool {
	return !now.Before(e.Expires.AddDate(0, 0, 1))
}

// CoversTarget reports whether the exemption speaks of the target.
func (e Exemption) CoversTarget(path string) bool {
	if e.Target == "" {
		return true
	}
	ok, err := doublestar.Match(e.Target, path)
	return err == nil && ok
}

func (e Exemption) covers(f Finding) bool {
	if e.Check != f.Check || !e.CoversTarget(f.Target) || !f.Path.HasPrefix(e.Path) {
		return false
	}
	if e.Object == (ObjectPattern{}) {
		return true
	}
	if f.Object == nil {
		return false
	}
	for _, pair := range [][2]string{
		{e.Object.APIVersion, f.Object.APIVersion}, {e.Object.Kind, f.Object.Kind},
		{e.Object.Namespace, f.Object.Namespace}, {e.Object.Name, f.Object.Name},
	} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	return true
}

func exempt(findings []Finding, exemptions []Exemption) (kept []Finding, exempted []Exempted) {
	for _, f := range findings {
		by := slices.IndexFunc(exemptions, func(e Exemption) bool { return e.covers(f) })
		if by < 0 {
			kept = append(kept, f)
		} else {
			exempted = append(exempted, Exempted{f, exemptions[by]})
		}
	}
	return kept, exempted
}

// The checks of kgate.yaml's exemptions: none may outlive its reason.
var (
	exemptionExpired = &Check{
		Name:     "exemption/expired",
		Title:    "Every exemption is within its time",
		Doc:      "An exemption is a decision with an end. One that nobody looks at again turns into a hole that everybody forgot: after its last day it lets nothing pass and fails the run until somebody decides anew.",
		Fix:      "Mend what it exempts and delete it, or have its owner renew it with a new date and reason.",
		Severity: Error, Scope: Itself, Origin: "kgate",
	}
	exemptionUnused = &Check{
		Name:     "exemption/unused",
		Title:    "Every exemption lets something pass",
		Doc:      "An exemption that matches nothing was mended and left behind, or names the wrong object. Either way it will hide the next real fault that happens to fit it. Judged only when all targets that it covers were checked.",
		Fix:      "Delete it, or correct its check, target, object or path.",
		Severity: Error, Scope: Itself, Origin: "kgate",
	}
)

// Exemptions returns the checks that hold exemptions to account.
func Exemptions() []*Check { return []*Check{exemptionExpired, exemptionUnused} }

// audit reports the exemptions that have expired, and those that let nothing pass although everything they
// speak of was checked.
func audit(plan Plan, result Result, failed bool) []Finding {
	ran := map[string]bool{}
	for _, c := range plan.Checks {
		ran[c.Name] = true
	}
	for _, name := range result.Omitted {
		delete(ran, name)
	}
	var findings []Finding
	add := func(c *Check, e Exemption, message string) {
		if ran[c.Name] {
			findings = append(findings, Finding{
				Check: c.Name, Severity: c.Severity, Fix: c.Fix, Place: Place{Target: e.Source.File}, Source: e.Source, Message: message,
			})
		}
	}
	for _, e := range plan.Exemptions {
		used := slices.ContainsFunc(result.Exempted, func(x Exempted) bool { return x.Exemption.Source == e.Source })
		switch {
		case e.Expired(plan.Now):
			add(exemptionExpired, e, fmt.Sprintf("the exemption from %s expired after %s; its owner is %s",
				e.Check, e.Expires.Format(time.DateOnly), e.Owner))
		case !used && !failed && ran[e.Check] && plan.covers(e):
			add(exemptionUnused, e, fmt.Sprintf("the exemption from %s lets nothing pass: nothing it covers is at fault", e.Check))
		}
	}
	return findings
}

// covers reports whether the plan checks every target that the exemption speaks of.
func (p Plan) covers(e Exemption) bool {
	for _, path := range p.All {
		if e.CoversTarget(path) && !slices.ContainsFunc(p.Targets, func(t *Target) bool { return t.Path == path }) {
			return false
		}
	}
	return true
}
