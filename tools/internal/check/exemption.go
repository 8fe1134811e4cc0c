package check

import (
	"cmp"
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
	Holders []Holder // the objects that carry it as an annotation, and that alone it covers; nil for one of kgate.yaml
	Leaving bool     // the change that is judged deletes it, so that it is held to nothing any more
}

// Holder is an object of a target.
type Holder struct {
	Target string
	Object manifest.ID
}

// ObjectPattern names objects; an empty field fits any value.
type ObjectPattern struct{ APIVersion, Kind, Namespace, Name string }

// Exempted is a finding that an exemption let pass.
type Exempted struct {
	Finding   Finding
	Exemption Exemption
}

// OnObject reports whether the object that it covers carries it itself, and not kgate.yaml.
func (e Exemption) OnObject() bool { return e.Holders != nil }

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
	if e.Holders != nil && (f.Object == nil || !slices.Contains(e.Holders, Holder{f.Target, *f.Object})) {
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

// exempt parts the findings into those that stand and those that an exemption in force lets pass; used tells by index
// which of the plan's exemptions did.
func exempt(findings []Finding, plan Plan) (kept []Finding, exempted []Exempted, used []bool) {
	exemptions := plan.Exemptions
	used = make([]bool, len(exemptions))
	inForce := map[string][]int{} // by check
	for i, e := range exemptions {
		if !e.Expired(plan.Now) && !plan.outlasts(e) {
			inForce[e.Check] = append(inForce[e.Check], i)
		}
	}
	for _, f := range findings {
		candidates := inForce[f.Check]
		at := slices.IndexFunc(candidates, func(i int) bool { return exemptions[i].covers(f) })
		if at < 0 {
			kept = append(kept, f)
			continue
		}
		by := candidates[at]
		exempted = append(exempted, Exempted{f, exemptions[by]})
		used[by] = true
	}
	return kept, exempted, used
}

// notice is how long before its last day an exemption is spoken of: time enough to decide and to mend.
const notice = 30 // days

// Ending lists the exemptions that let something pass and whose last day is near, each once.
func Ending(exempted []Exempted, now time.Time) []Exemption {
	var ending []Exemption
	for _, x := range exempted {
		e := x.Exemption
		if now.Before(e.Expires.AddDate(0, 0, -notice)) || slices.ContainsFunc(ending, func(other Exemption) bool {
			return other.Source == e.Source && other.Check == e.Check && other.Path.String() == e.Path.String()
		}) {
			continue
		}
		ending = append(ending, e)
	}
	slices.SortStableFunc(ending, func(a, b Exemption) int {
		return cmp.Or(a.Expires.Compare(b.Expires), cmp.Compare(a.Source.File, b.Source.File), cmp.Compare(a.Source.Line, b.Source.Line))
	})
	return ending
}

// The checks of exemptions: none may outlive its reason. An exemption from one of them would be the hole that they are
// there to close.
var (
	exemptionExpired = &Check{
		Name:     "exemption/expired",
		Title:    "Every exemption is within its time",
		Doc:      "An exemption is a decision with an end. One that nobody looks at again turns into a hole that everybody forgot: after its last day it lets nothing pass and fails the run until somebody decides anew.",
		Fix:      "Mend what it exempts and delete it, or have its owner renew it with a new date and reason.",
		Severity: Error, Scope: Itself, Origin: "kgate", Locked: true,
		Bad: expiredBad, Good: expiredGood,
	}
	exemptionTooLong = &Check{
		Name:     "exemption/too-long",
		Title:    "No exemption is for longer than the longest term",
		Doc:      "An exemption until 9999 is a check that somebody switched off. The longest term is one year from the day of the run, or what `longestExemption` in kgate.yaml says, as 90d, 6m or 2y. One that ends later lets nothing pass.",
		Fix:      "Choose a day on which somebody will look at it again, within the longest term.",
		Severity: Error, Scope: Itself, Origin: "kgate", Locked: true,
		Bad: tooLongBad, Good: tooLongGood,
	}
	exemptionUnused = &Check{
		Name:     "exemption/unused",
		Title:    "Every exemption lets something pass",
		Doc:      "An exemption that matches nothing was mended and left behind, or names the wrong object. Either way it will hide the next real fault that happens to fit it. Judged only when all targets that it covers were checked; one that stands in an annotation, only when every target of the repository was.",
		Fix:      "Delete it, or correct its check, target, object or path.",
		Severity: Error, Scope: Itself, Origin: "kgate", Locked: true,
		Bad: unusedBad, Good: unusedGood,
	}
)

// Exemptions returns the checks that hold exemptions to account.
func Exemptions() []*Check { return []*Check{exemptionExpired, exemptionTooLong, exemptionUnused} }

// outlasts reports whether an exemption ends later than any may.
func (p Plan) outlasts(e Exemption) bool { return !p.Latest.IsZero() && e.Expires.After(p.Latest) }

// audit reports the exemptions that have expired, and those that let nothing pass although everything they
// speak of was checked. used tells by index which of the plan's exemptions let something pass.
func audit(plan Plan, used []bool, omitted []string, failed bool) []Finding {
	ran := map[string]bool{}
	for _, c := range plan.Checks {
		ran[c.Name] = true
	}
	for _, name := range omitted {
		delete(ran, name)
	}
	var findings []Finding
	add := func(c *Check, e Exemption, message string) {
		if ran[c.Name] {
			places := e.places()
			findings = append(findings, Finding{
				Check: c.Name, Severity: c.Severity, Fix: c.Fix, Place: places[0], Also: places[1:], Source: e.Source, Message: message,
			})
		}
	}
	for i, e := range plan.Exemptions {
		switch {
		case e.Leaving:
		case e.Expired(plan.Now):
			add(exemptionExpired, e, fmt.Sprintf("the exemption from %s expired after %s; its owner is %s",
				e.Check, e.Expires.Format(time.DateOnly), e.Owner))
		case plan.outlasts(e):
			add(exemptionTooLong, e, fmt.Sprintf("the exemption from %s ends with %s; the last day that one may have today is %s",
				e.Check, e.Expires.Format(time.DateOnly), plan.Latest.Format(time.DateOnly)))
		case !used[i] && !failed && ran[e.Check] && plan.covers(e):
			add(exemptionUnused, e, fmt.Sprintf("the exemption from %s lets nothing pass: nothing it covers is at fault", e.Check))
		}
	}
	return findings
}

// places are the objects that hold the exemption, or the file of one of kgate.yaml.
func (e Exemption) places() []Place {
	if e.Holders == nil {
		return []Place{{Target: e.Source.File}}
	}
	var places []Place
	for _, h := range e.Holders {
		places = append(places, Place{h.Target, &h.Object, ExemptionPath()})
	}
	return places
}

// ExemptionAnnotation holds the exemptions that an object carries itself.
const ExemptionAnnotation = "kgate.dev/exempt"

// ExemptionPath leads to that annotation.
func ExemptionPath() manifest.Path {
	return manifest.Path{"metadata", "annotations", ExemptionAnnotation}
}

// covers reports whether the plan checks every target that the exemption speaks of. Where an annotation is rendered
// nobody knows who has not rendered everything.
func (p Plan) covers(e Exemption) bool {
	for _, path := range p.All {
		if e.CoversTarget(path) && !slices.ContainsFunc(p.Targets, func(t *Target) bool { return t.Path == path }) {
			return false
		}
	}
	return true
}
