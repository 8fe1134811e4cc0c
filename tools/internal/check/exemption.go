package check

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
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
		if !e.Expired(plan.Now) && !outlasts(e, plan.Latest) {
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

// Use is what became of an exemption in a run.
type Use struct {
	Exemption
	Now    time.Time // the day of the run
	Latest time.Time // the last day that an exemption may have; zero for any
	Idle   bool      // it let nothing pass, although everything that it speaks of was checked
	Absent bool      // of one that names an object: no target that it covers renders it
	Near   string    // an object that may have been meant by an absent one; "" for none
}

// Expired reports whether the last day of the exemption was over.
func (u Use) Expired() bool { return u.Exemption.Expired(u.Now) }

// TooLong reports whether the exemption ends later than any may.
func (u Use) TooLong() bool { return outlasts(u.Exemption, u.Latest) }

func outlasts(e Exemption, latest time.Time) bool { return !latest.IsZero() && e.Expires.After(latest) }

// audit asks the checks of scope Itself about every exemption but those that the change deletes. used tells by index which
// of the plan's exemptions let something pass.
func audit(plan Plan, objects map[string]map[Reference]bool, used []bool, omitted []string, failed bool) []Finding {
	ran := map[string]bool{}
	for _, c := range plan.Checks {
		ran[c.Name] = true
	}
	for _, name := range omitted {
		delete(ran, name)
	}
	var findings []Finding
	for i, e := range plan.Exemptions {
		if e.Leaving {
			continue
		}
		use := Use{Exemption: e, Now: plan.Now, Latest: plan.Latest, Idle: !used[i] && !failed && ran[e.Check] && plan.covers(e)}
		if use.Idle {
			use.Absent, use.Near = e.absent(objects)
		}
		for _, c := range plan.Checks {
			if c.Audit == nil {
				continue
			}
			if message := c.Audit(use); message != "" {
				places := e.places()
				findings = append(findings, Finding{
					Check: c.Name, Severity: c.Severity, Fix: c.Fix, Place: places[0], Also: places[1:], Source: e.Source, Message: message,
				})
			}
		}
	}
	return findings
}

// absent reports whether none of the objects that targets render is the one that the exemption names, and which is nearly
// called so.
func (e Exemption) absent(objects map[string]map[Reference]bool) (is bool, near string) {
	if e.Object.String() == "" {
		return false, "" // it names no object, or all of an apiVersion, of which references say nothing
	}
	var names []string
	for target, all := range objects {
		if !e.CoversTarget(target) {
			continue
		}
		for object := range all {
			if (e.Object.Kind == "" || e.Object.Kind == object.Kind) && (e.Object.Namespace == "" || e.Object.Namespace == object.Namespace) &&
				(e.Object.Name == "" || e.Object.Name == object.Name) {
				return false, ""
			}
			names = append(names, e.Object.like(object))
		}
	}
	return true, spelling.Closest(e.Object.String(), names)
}

// String is the object as reports call one: Kind namespace/name, as far as the pattern says.
func (p ObjectPattern) String() string { return p.like(Reference{p.Kind, p.Namespace, p.Name}) }

// like is another object with what the pattern says of one.
func (p ObjectPattern) like(r Reference) string {
	var said []string
	if p.Kind != "" {
		said = append(said, r.Kind)
	}
	switch {
	case p.Namespace != "" && p.Name != "":
		said = append(said, r.Namespace+"/"+r.Name)
	case p.Namespace != "":
		said = append(said, "in "+r.Namespace)
	case p.Name != "":
		said = append(said, r.Name)
	}
	return strings.Join(said, " ")
}

// places are the objects that hold the exemption, or the file of one of kgate.yaml.
func (e Exemption) places() []Place {
	if e.Holders == nil {
		return []Place{{Target: e.Source.File}}
	}
	var places []Place
	for _, h := range e.Holders {
		places = append(places, Place{Target: h.Target, Object: &h.Object, Path: ExemptionPath()})
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
