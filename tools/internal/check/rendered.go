package check

import (
	"path"
	"slices"
	"strings"
)

// rendered is what the targets of a run render, so that what one of them refers to is found in another one of the same
// cluster.
type rendered struct {
	objects  map[string]map[Reference]bool // by target
	in       map[Reference][]string        // targets
	named    map[Reference]map[string]bool // the same, whatever the namespace
	of       map[string]string             // the environment of a target
	patterns []pattern
	pods     map[string][]Pods                    // by target
	apart    map[[2]string]bool                   // what is known of pairs of targets
	told     func(a, b string) (apart, told bool) // as of Plan.Apart
}

// pattern is what a target has made: an object, or some by what their names have in common.
type pattern struct {
	Reference
	target string
}

// Fits reports whether what may be made, by what names have in common, may be what is missing.
func (r Reference) Fits(missing Reference) bool {
	kind := missing.Kind
	if kind == PoliciesKind {
		kind = PodsKind // what makes pods that nobody here knows may fence them, too
	}
	named := r.Kind == AnyKind && kind != "Namespace" && kind != PodsKind && missing.Name != AnyName
	return (r.Kind == kind || named) && (r.Name == "*" || missing.Name == AnyName || like(r.Name, missing.Name)) &&
		(r.Namespace == missing.Namespace || missing.Namespace == "" || like(r.Namespace, missing.Namespace))
}

func like(pattern, text string) bool {
	ok, err := path.Match(pattern, text)
	return err == nil && ok
}

func (r *rendered) add(t *Target) {
	if r.objects == nil {
		r.objects, r.in, r.named = map[string]map[Reference]bool{}, map[Reference][]string{}, map[Reference]map[string]bool{}
		r.of, r.apart, r.pods = map[string]string{}, map[[2]string]bool{}, map[string][]Pods{}
	}
	if t.Environment != nil {
		r.of[t.Path] = t.Environment.Name
	}
	objects := map[Reference]bool{}
	r.objects[t.Path] = objects
	for _, t := range append([]*Target{t}, t.Variants...) {
		r.pods[t.Path] = append(r.pods[t.Path], t.Pods...)
		for _, object := range t.Applied() {
			is := Reference{object.Kind, object.Namespace, object.Name}
			if !objects[is] {
				objects[is] = true
				r.note(is, t.Path)
			}
		}
		for _, made := range t.Makes {
			r.patterns = append(r.patterns, pattern{made, t.Path}) // what is made of its own objects a target has as well
			if !strings.Contains(made.Name+made.Namespace, "*") {
				r.note(made, t.Path)
			}
		}
	}
}

func (r *rendered) note(is Reference, target string) {
	r.in[is] = append(r.in[is], target)
	name := Reference{Kind: is.Kind, Name: is.Name}
	if r.named[name] == nil {
		r.named[name] = map[string]bool{}
	}
	r.named[name][target] = true
}

// resolve leaves out what is missing in one target, or removed from it, and rendered by another one for the same cluster, and what
// is missing and may be in what the run does not read.
func (r *rendered) resolve(findings []Finding, unread func(target string, missing Reference) bool) []Finding {
	return slices.DeleteFunc(findings, func(f Finding) bool {
		if f.removed != nil && r.elsewhere(f.Target, *f.removed) {
			return true
		}
		if f.Missing == nil {
			return false
		}
		if slices.ContainsFunc(r.patterns, func(p pattern) bool {
			return p.Fits(*f.Missing) && (p.target == f.Target || !r.areApart(f.Target, p.target))
		}) {
			return true
		}
		beside := func(target string) bool { return target != f.Target && !r.areApart(f.Target, target) }
		if f.Missing.Kind == PodsKind {
			for target, pods := range r.pods {
				if beside(target) && slices.ContainsFunc(pods, f.Missing.selects) {
					return true
				}
			}
			return unread != nil && unread(f.Target, *f.Missing)
		}
		if f.Missing.Kind == PoliciesKind {
			for target, objects := range r.objects {
				if beside(target) && fences(objects, f.Missing.Namespace) {
					return true
				}
			}
			return unread != nil && unread(f.Target, *f.Missing)
		}
		return r.elsewhere(f.Target, *f.Missing) || unread != nil && unread(f.Target, *f.Missing)
	})
}

// elsewhere reports whether another target that may be for the same cluster has an object.
func (r *rendered) elsewhere(target string, is Reference) bool {
	beside := func(other string) bool { return other != target && !r.areApart(target, other) }
	if is.Name == AnyName {
		for other, objects := range r.objects {
			for object := range objects {
				if object.Kind == is.Kind && (is.Namespace == "" || object.Namespace == "" || object.Namespace == is.Namespace) && beside(other) {
					return true
				}
			}
		}
		return false
	}
	if is.Namespace == "" {
		// In which namespace it would have to be is not known, or there is none for its kind.
		for other := range r.named[is] {
			if beside(other) {
				return true
			}
		}
		return false
	}
	// An object without a namespace gets one from whoever deploys it.
	return slices.ContainsFunc(r.in[is], beside) || slices.ContainsFunc(r.in[Reference{Kind: is.Kind, Name: is.Name}], beside)
}

// fences reports whether some of the objects say what pods of a namespace may send or get.
func fences(objects map[Reference]bool, namespace string) bool {
	for is := range objects {
		if strings.HasSuffix(is.Kind, "NetworkPolicy") && (namespace == "" || is.Namespace == "" || is.Namespace == namespace) {
			return true
		}
	}
	return false
}

// selects reports whether a reference to pods selects some.
func (r Reference) selects(pods Pods) bool {
	wanted, ok := r.Selection()
	if !ok {
		return false
	}
	for key, value := range wanted.MatchLabels {
		if have := pods.Labels[key]; have != value && !like(have, value) {
			return false
		}
	}
	for _, expression := range wanted.MatchExpressions {
		if !expression.holds(pods.Labels) {
			return false
		}
	}
	return r.Namespace == "" || pods.Namespace == "" || r.Namespace == pods.Namespace || like(pods.Namespace, r.Namespace)
}

// areApart reports whether two targets are for different clusters. Where kgate.yaml gives both an environment, that tells, and
// else what deploys them. Where neither does, they are when both render an object that one cluster would have from both: one in a namespace, a Namespace aside, or
// several and most of those that have none.
func (r *rendered) areApart(a, b string) bool {
	if a > b {
		a, b = b, a
	}
	pair := [2]string{a, b}
	if apart, known := r.apart[pair]; known {
		return apart
	}
	r.apart[pair] = r.compare(a, b)
	return r.apart[pair]
}

func (r *rendered) compare(a, b string) bool {
	if r.of[a] != "" && r.of[b] != "" {
		return r.of[a] != r.of[b]
	}
	if r.told != nil {
		if apart, told := r.told(a, b); told {
			return apart
		}
	}
	less, more := r.objects[a], r.objects[b]
	if len(more) < len(less) {
		less, more = more, less
	}
	same, without := 0, 0
	for is := range less {
		switch {
		case is.Kind == "Namespace":
		case is.Namespace == "":
			without++
			if more[is] {
				same++
			}
		case more[is]:
			return true
		}
	}
	return same > 1 && 2*same > without
}
