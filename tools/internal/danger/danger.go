// Package danger holds a change to what it puts at stake: what is well formed on both sides of it, and hurts as the step from
// the one to the other. Data goes, access is gained, protection is lost, capacity is cut.
//
// A danger is stated where both renders establish it. What only the new one shows is for the checks of a target; they are not
// repeated here.
package danger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/graph"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
)

// Checks lists the checks of this package.
func Checks() []*check.Check {
	return []*check.Check{dataLost, recreated, deliveryMoved, trafficMoved, privilegeGained, protectionLost, exposed, capacityCut, imageBackwards, imageSource, majorStep, canaryStep, environmentsTogether}
}

// scene is a target before a change and after it.
type scene struct {
	pass   *check.Pass
	target *check.Target
	before *check.Before
	pairs  []check.Pair // of what is in the cluster, hooks left out

	deployers []check.Deployer // where something is removed, or changes
}

// each makes of a function of a scene what a check runs.
func each(look func(*scene)) func(context.Context, *check.Pass) error {
	return func(ctx context.Context, pass *check.Pass) error {
		for _, target := range pass.Targets {
			if target.Before == nil {
				continue
			}
			s := &scene{pass: pass, target: target, before: target.Before}
			for _, pair := range target.Before.Pairs {
				if pair.New != nil && pair.New.IsSkipped() {
					continue // what is in the cluster stays as it is
				}
				if pair.Old != nil && isHook(pair.Old) {
					pair.Old = nil
				}
				if pair.New != nil && isHook(pair.New) {
					pair.New = nil
				}
				if pair.Old != nil || pair.New != nil {
					s.pairs = append(s.pairs, pair)
				}
			}
			deployers := target.Deployers
			if deployers == nil { // of a target that is no more
				deployers = target.Before.Deployers
			}
			if deployers != nil && (len(s.removed()) > 0 || len(s.changed()) > 0) {
				var err error
				if s.deployers, err = deployers(ctx); err != nil {
					return err
				}
			}
			look(s)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return nil
	}
}

// isHook reports whether a sync makes and deletes the object by rules of its own.
func isHook(o *manifest.Object) bool {
	annotations, _ := manifest.At(o.Value, "metadata", "annotations").(map[string]any)
	_, argo := annotations["argocd.argoproj.io/hook"]
	_, helm := annotations["helm.sh/hook"]
	return argo || helm
}

// changed are the pairs of which both sides are there.
func (s *scene) changed() []check.Pair {
	return slices.DeleteFunc(slices.Clone(s.pairs), func(p check.Pair) bool { return p.Old == nil || p.New == nil })
}

// removed are the objects that are there no more.
func (s *scene) removed() []*manifest.Object {
	var all []*manifest.Object
	for _, p := range s.pairs {
		if p.New == nil {
			all = append(all, p.Old)
		}
	}
	return all
}

// olds and news are the objects of each side.
func (s *scene) olds() []*manifest.Object {
	return side(s.pairs, func(p check.Pair) *manifest.Object { return p.Old })
}

func (s *scene) news() []*manifest.Object {
	return side(s.pairs, func(p check.Pair) *manifest.Object { return p.New })
}

func side(pairs []check.Pair, of func(check.Pair) *manifest.Object) []*manifest.Object {
	var all []*manifest.Object
	for _, p := range pairs {
		if o := of(p); o != nil {
			all = append(all, o)
		}
	}
	return all
}

// successor is the object that a removed one lives on as, where that is beyond doubt: of the same kind and name in another
// namespace, or the only one of the kind that the change adds, where it removes no other.
func (s *scene) successor(of *manifest.Object) *manifest.Object {
	var added []*manifest.Object
	removed := 0
	for _, p := range s.pairs {
		switch {
		case p.Old == nil && alike(p.New, of):
			added = append(added, p.New)
		case p.New == nil && alike(p.Old, of):
			removed++
		}
	}
	if i := slices.IndexFunc(added, func(o *manifest.Object) bool { return o.Name == of.Name }); i >= 0 {
		return added[i]
	}
	if removed == 1 && len(added) == 1 {
		return added[0]
	}
	return nil
}

func alike(a, b *manifest.Object) bool { return a.Kind == b.Kind && a.Group() == b.Group() }

// becomes says what an object that is removed becomes.
func (s *scene) becomes(old *manifest.Object) string {
	switch to := s.successor(old); {
	case to == nil:
		return "is removed"
	case to.Name == old.Name:
		return fmt.Sprintf("is moved: namespace %s → %s", named(old.Namespace), named(to.Namespace))
	default:
		return fmt.Sprintf("is renamed: %s → %s", old.Name, to.Name)
	}
}

func named(namespace string) string {
	if namespace == "" {
		return "(none)"
	}
	return namespace
}

// title is what messages call an object.
func title(o *manifest.Object) string { return fmt.Sprintf("%s %q", o.Kind, o.Name) }

// known reports whether nobody hides a field from kgate on either side.
func known(p check.Pair, old, new manifest.Path) bool { return !p.Old.Hides(old) && !p.New.Hides(new) }

// at reports a danger at a field of the new side.
func (s *scene) at(o *manifest.Object, path manifest.Path, format string, args ...any) {
	s.as(s.pass.Check.Severity, o, path, format, args...)
}

func (s *scene) as(severity check.Severity, o *manifest.Object, path manifest.Path, format string, args ...any) {
	// What stays as the cluster has it is none of the change.
	if len(s.deployers) > 0 && !slices.ContainsFunc(s.deployers, func(d check.Deployer) bool { return !d.Keeps.Has(o, path) }) {
		return
	}
	if message, said := s.says(o, format, args); said {
		s.pass.ReportAs(severity, s.target, o, written(o, path), message)
	}
}

// gone reports a danger of what the change removes.
func (s *scene) gone(severity check.Severity, o *manifest.Object, path manifest.Path, format string, args ...any) {
	if message, said := s.says(o, format, args); said {
		s.pass.ReportRemovedAs(severity, s.target, o, path, message)
	}
}

// says writes a message; false where it rests on a text that nobody here knows.
func (s *scene) says(o *manifest.Object, format string, args []any) (string, bool) {
	message := fmt.Sprintf(format, args...)
	return message, !s.before.StandIns.In(strings.ReplaceAll(message, o.Name, ""))
}

// written is the field of a path that is there, or the closest that holds it.
func written(o *manifest.Object, path manifest.Path) manifest.Path {
	for len(path) > 0 {
		if _, found := path.Lookup(o.Value); found {
			return path
		}
		path = path[:len(path)-1]
	}
	return path
}

// below is a path that goes on from another one.
func below(path manifest.Path, steps ...any) manifest.Path {
	return slices.Concat(path, manifest.Path(steps))
}

func fields(path ...string) manifest.Path {
	steps := make(manifest.Path, len(path))
	for i, step := range path {
		steps[i] = step
	}
	return steps
}

// shown is a value as messages write it.
func shown(value any) string {
	switch v := value.(type) {
	case nil:
		return "not set"
	case string:
		if v == "" {
			return `""`
		}
		return v
	default:
		return fmt.Sprint(v)
	}
}

// is reports whether an object is of a kind.
func is(o *manifest.Object, group, kind string) bool { return o.Kind == kind && o.Group() == group }

// podPath is where an object has the spec of its pods; false where it has none.
func podPath(o *manifest.Object) (manifest.Path, bool) {
	path, ok := relation.Known().Templates.Of(o.Group(), o.Kind)
	if !ok {
		return nil, false
	}
	spec := below(fields(path...), "spec")
	_, ok = manifest.At(o.Value, spec...).(map[string]any)
	return spec, ok
}

// part is an entry of a list that has a name, and where it stands.
type part struct {
	path manifest.Path
	name string
}

// parts are the entries of a list by their names.
func parts(o *manifest.Object, list manifest.Path) []part {
	var all []part
	for i, entry := range manifest.ListAt(o.Value, list...) {
		all = append(all, part{below(list, i), manifest.TextAt(entry, "name")})
	}
	return all
}

// counterpart is the entry of a list that has a name; false where there is none.
func counterpart(o *manifest.Object, list manifest.Path, name string) (part, bool) {
	all := parts(o, list)
	if i := slices.IndexFunc(all, func(p part) bool { return p.name == name }); i >= 0 {
		return all[i], true
	}
	return part{}, false
}

// containerLists are the fields of a pod spec that hold containers.
func containerLists() []string {
	return []string{"initContainers", "containers", "ephemeralContainers"}
}

// containers are those of both sides. old is not there where the change adds a container.
func containers(p check.Pair, visit func(old, new part, had bool)) {
	all, _ := containerPairs(p)
	for _, c := range all {
		visit(c.old, c.new, c.had)
	}
}

// containerPair is a container of the new side, with what it was.
type containerPair struct {
	old, new part
	had      bool
}

// containerPairs are the containers of both sides by their names, and those of the old one that are gone. One that is of the
// only image that is gone and comes again is the same by another name.
func containerPairs(p check.Pair) (all []containerPair, gone []part) {
	before, had := podPath(p.Old)
	after, has := podPath(p.New)
	if !had || !has {
		return nil, nil
	}
	for _, list := range containerLists() {
		olds, news := parts(p.Old, below(before, list)), parts(p.New, below(after, list))
		named := func(all []part, name string) int {
			return slices.IndexFunc(all, func(c part) bool { return c.name == name })
		}
		left := slices.DeleteFunc(slices.Clone(olds), func(c part) bool { return named(news, c.name) >= 0 })
		added := slices.DeleteFunc(slices.Clone(news), func(c part) bool { return named(olds, c.name) >= 0 })
		for _, c := range news {
			if i := named(olds, c.name); i >= 0 {
				all = append(all, containerPair{olds[i], c, true})
				continue
			}
			old, renamed := ofImage(p.Old, left, p.New, c)
			if renamed {
				_, renamed = ofImage(p.New, added, p.Old, old)
			}
			if all = append(all, containerPair{old, c, renamed}); renamed {
				left = slices.DeleteFunc(left, func(l part) bool { return l.name == old.name })
			}
		}
		gone = append(gone, left...)
	}
	return all, gone
}

// ofImage is the one container of a list that runs the image of another one, whatever its tag; false where there is none, or
// more than one.
func ofImage(o *manifest.Object, list []part, like *manifest.Object, c part) (found part, one bool) {
	of := func(o *manifest.Object, c part) string {
		i, _ := parseImage(manifest.TextAt(o.Value, below(c.path, "image")...))
		return i.repository
	}
	want := of(like, c)
	for _, l := range list {
		if of(o, l) != want || want == "" {
			continue
		}
		if one {
			return part{}, false
		}
		found, one = l, true
	}
	return found, one
}

// workloads are the objects of one side that have pods.
func workloads(objects []*manifest.Object) []*manifest.Object {
	return slices.DeleteFunc(slices.Clone(objects), func(o *manifest.Object) bool {
		return !relation.Known().MakesPods(o.Group(), o.Kind) || len(graph.Pods(o)) == 0
	})
}

// selected are the workloads of a namespace some of whose pods a selector fits.
func selected(all []*manifest.Object, namespace string, selector labels.Selector) []*manifest.Object {
	var found []*manifest.Object
	for _, w := range all {
		if w.Namespace == namespace && slices.ContainsFunc(graph.Pods(w), func(set map[string]string) bool { return selector.Matches(labels.Set(set)) }) {
			found = append(found, w)
		}
	}
	return found
}

// same reports whether two objects are one in the cluster, whatever the version.
func same(a, b *manifest.Object) bool {
	return a.Kind == b.Kind && a.Group() == b.Group() && a.Namespace == b.Namespace && a.Name == b.Name
}

// find is the object of a list that is the same as another one; nil where there is none.
func find(all []*manifest.Object, like *manifest.Object) *manifest.Object {
	if i := slices.IndexFunc(all, func(o *manifest.Object) bool { return same(o, like) }); i >= 0 {
		return all[i]
	}
	return nil
}

// titles are what messages call objects, as one text.
func titles(objects []*manifest.Object) string {
	var all []string
	for _, o := range objects {
		all = append(all, title(o))
	}
	slices.Sort(all)
	return listed(all)
}

// listed joins words, and counts those beyond three.
func listed(words []string) string {
	if n := len(words) - 3; n > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:3], ", "), n)
	}
	return strings.Join(words, ", ")
}
