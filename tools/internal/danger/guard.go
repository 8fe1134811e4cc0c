package danger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
)

const clusterScope, namespacedScope = "Cluster", "Namespaced"

// servedKinds are the kinds of Kubernetes' own resources.
var servedKinds = sync.OnceValue(func() map[schema.GroupResource]string {
	all := map[schema.GroupResource]string{}
	for kind := range scheme.Scheme.AllKnownTypes() {
		if kind.Group == "extensions" { // which is served no more
			continue
		}
		plural, _ := meta.UnsafeGuessKindToResource(kind)
		all[plural.GroupResource()] = kind.Kind
	}
	return all
})

// scopesOf are the scopes that objects of a resource may have: none where there is no such resource, "*" where kgate cannot know.
func scopesOf(group, resource string) []string {
	resource, _, _ = strings.Cut(resource, "/")
	kind, served := servedKinds()[schema.GroupResource{Group: group, Resource: resource}]
	switch {
	case resource == "*":
		return []string{clusterScope, namespacedScope}
	case served && relation.Known().IsOfCluster(group, kind):
		return []string{clusterScope}
	case served:
		return []string{namespacedScope}
	}
	if !scheme.Scheme.IsGroupRegistered(group) {
		return []string{"*"}
	}
	for other := range servedKinds() {
		if other.Resource == resource {
			return nil // a rule of several groups and resources names more than there are
		}
	}
	return []string{"*"}
}

// operation is what a rule of a webhook or an admission policy is asked about.
type operation struct {
	verb, group, resource, scope string
	names                        []any // that the rule is limited to
}

// operations are those of rules; of every verb there is one for each.
func operations(rules []any) []operation {
	var all []operation
	for _, rule := range rules {
		verbs := manifest.ListAt(rule, "operations")
		if slices.Contains(verbs, any("*")) {
			verbs = []any{"CREATE", "UPDATE", "DELETE", "CONNECT"}
		}
		within := cmp.Or(manifest.TextAt(rule, "scope"), "*")
		for _, verb := range verbs {
			for _, group := range manifest.ListAt(rule, "apiGroups") {
				for _, resource := range manifest.ListAt(rule, "resources") {
					o := operation{verb: fmt.Sprint(verb), group: fmt.Sprint(group), resource: fmt.Sprint(resource), names: manifest.ListAt(rule, "resourceNames")}
					for _, o.scope = range scopesOf(o.group, o.resource) {
						if within == "*" || o.scope == "*" || o.scope == within {
							all = append(all, o)
						}
					}
				}
			}
		}
	}
	return all
}

func (o operation) String() string {
	if o.group == "" {
		return o.verb + " " + o.resource
	}
	return o.verb + " " + o.group + "/" + o.resource
}

// has reports whether it is asked about another one too. A * is every resource, without what lies below one: */* is all of it.
func (o operation) has(other operation) bool {
	resource, sub, below := strings.Cut(other.resource, "/")
	own, ownSub, ownBelow := strings.Cut(o.resource, "/")
	fits := func(have, want string) bool { return have == "*" || have == want }
	resources := o.resource == "*/*" || below == ownBelow && fits(own, resource) && fits(ownSub, sub)
	scopes := o.scope == other.scope || o.scope == "*" || other.scope == "*"
	names := len(o.names) == 0 || len(other.names) > 0 && !slices.ContainsFunc(other.names, func(name any) bool { return !slices.Contains(o.names, name) })
	return o.verb == other.verb && fits(o.group, other.group) && resources && scopes && names
}

// asked is what rules are asked about, without what others exclude.
type asked struct{ about, except []operation }

func (a asked) has(o operation) bool {
	has := func(have operation) bool { return have.has(o) }
	return slices.ContainsFunc(a.about, has) && !slices.ContainsFunc(a.except, has)
}

// lost are the operations that rules were asked about and others are no longer, as messages write them.
func (a asked) lost(now asked) []string {
	lost := slices.DeleteFunc(slices.Concat(a.about, now.except), func(o operation) bool { return !a.has(o) || now.has(o) })
	var all []string
	for _, o := range lost {
		text := o.String()
		// Of a * there is one for each scope, and both may be lost.
		if strings.HasPrefix(o.resource, "*") && !slices.ContainsFunc(lost, func(l operation) bool { return l.String() == text && l.scope != o.scope }) {
			text += " of scope " + o.scope
		}
		if !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return all
}

// expressions reads those of admission.
var expressions = sync.OnceValue(func() *cel.Env {
	env, err := cel.NewEnv(cel.EnableMacroCallTracking())
	if err != nil {
		panic(err) // of options that are constant
	}
	return env
})

// conjuncts are the expressions that have to hold where all of a list have to, as CEL writes them, without those that always do.
func conjuncts(list []any) []string {
	var all []string
	add := func(text string) {
		if text = strings.Join(strings.Fields(text), " "); text != "true" {
			all = append(all, text)
		}
	}
	for _, entry := range list {
		text := manifest.TextAt(entry, "expression")
		parsed, issues := expressions().Parse(text)
		if issues.Err() != nil {
			add(text)
			continue
		}
		native := parsed.NativeRep()
		var visit func(e ast.Expr)
		visit = func(e ast.Expr) {
			if e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.LogicalAnd {
				for _, part := range e.AsCall().Args() {
					visit(part)
				}
				return
			}
			part, err := cel.ExprToString(e, native.SourceInfo())
			if err != nil {
				part = text
			}
			add(part)
		}
		visit(native.Expr())
	}
	return all
}

// more are the words of a list beyond those of another one; none where it has not all of them.
func more(old, new []string) []string {
	if slices.ContainsFunc(old, func(word string) bool { return !slices.Contains(new, word) }) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(new), func(word string) bool { return slices.Contains(old, word) })
}

// requirements are those of a selector, as it writes them; false where it cannot be read.
func requirements(o *manifest.Object, path manifest.Path) ([]string, bool) {
	selector, ok := labelSelector(o, path)
	if !ok {
		return nil, false
	}
	var all []string
	list, _ := selector.Requirements()
	for _, r := range list {
		if r.Key() != corev1.LabelMetadataName || r.Operator() != selection.Exists { // which every Namespace has
			all = append(all, r.String())
		}
	}
	return all, true
}

// validates looks for a webhook or an admission policy of the API server that is asked of less than before, or that holds to less.
func (s *scene) validates(p check.Pair) {
	if p.New.Group() != "admissionregistration.k8s.io" {
		return
	}
	spec := fields("spec")
	switch p.New.Kind {
	case "ValidatingWebhookConfiguration":
		list := fields("webhooks")
		for _, now := range parts(p.New, list) {
			if was, there := counterpart(p.Old, list, now.name); there {
				who := fmt.Sprintf("webhook %q of %s", now.name, title(p.New))
				if s.holdsHook(p.Old, was.path) {
					continue
				}
				s.matches(p, who, was.path, now.path, "rules", s.askedInPlace(p.Old, was.path))
				s.conditions(p, who, was.path, now.path)
			}
		}
	case "ValidatingAdmissionPolicy":
		match := below(spec, "matchConstraints")
		s.matches(p, title(p.New), match, match, "resourceRules", nil)
		s.conditions(p, title(p.New), spec, spec)
		at := below(spec, "validations")
		old, new := conjuncts(manifest.ListAt(p.Old.Value, at...)), conjuncts(manifest.ListAt(p.New.Value, at...))
		if len(new) < len(old) && known(p, at, at) {
			for _, expression := range old {
				if !slices.Contains(new, expression) && !s.holdsTo(p.Old, expression) {
					s.at(p.New, at, "protection lost: %s no longer holds to %q", title(p.New), expression)
				}
			}
		}
	case "ValidatingAdmissionPolicyBinding":
		_, refused := refusals(p.Old)
		for _, o := range s.news() {
			if refused && is(o, p.New.Group(), "ValidatingAdmissionPolicy") && o.Name == manifest.TextAt(p.New.Value, "spec", "policyName") && !s.stands(p.Old) {
				about := operations(manifest.ListAt(o.Value, "spec", "matchConstraints", "resourceRules"))
				s.narrowed(p, title(p.New), below(spec, "matchResources"), below(spec, "matchResources"), about)
			}
		}
	}
}

// sameHook reports webhooks that ask the same of one server, and heed the answer alike: only their names and rules may differ.
func sameHook(a, b any) bool {
	if !equal(manifest.At(a, "clientConfig", "service"), manifest.At(b, "clientConfig", "service")) || manifest.TextAt(a, "clientConfig", "url") != manifest.TextAt(b, "clientConfig", "url") {
		return false
	}
	for field, unset := range map[string]string{"failurePolicy": "Fail", "matchPolicy": "Equivalent"} {
		if cmp.Or(manifest.TextAt(a, field), unset) != cmp.Or(manifest.TextAt(b, field), unset) {
			return false
		}
	}
	return !slices.ContainsFunc([]string{"namespaceSelector", "objectSelector", "matchConditions"}, func(field string) bool {
		return !equal(manifest.At(a, field), manifest.At(b, field))
	})
}

// askedInPlace is what webhooks of the new side that are the same as one of the old are asked about together: it may be split, merged, or moved
// to another configuration.
func (s *scene) askedInPlace(old *manifest.Object, path manifest.Path) []operation {
	var all []operation
	list := fields("webhooks")
	for _, o := range s.news() {
		if !alike(o, old) || o.Hides(list) {
			continue
		}
		for _, hook := range manifest.ListAt(o.Value, list...) {
			if sameHook(hook, manifest.At(old.Value, path...)) {
				all = append(all, operations(manifest.ListAt(hook, "rules"))...)
			}
		}
	}
	return all
}

// holdsHook reports whether all that a webhook of the old side was asked about is asked of the same ones.
func (s *scene) holdsHook(old *manifest.Object, path manifest.Path) bool {
	was := operations(manifest.ListAt(old.Value, below(path, "rules")...))
	now := s.askedInPlace(old, path)
	return !old.Hides(path) && len(now) > 0 && len(asked{about: was}.lost(asked{about: now})) == 0
}

// holdsHooks is holdsHook for every webhook of a configuration.
func (s *scene) holdsHooks(old *manifest.Object) bool {
	if !is(old, "admissionregistration.k8s.io", "ValidatingWebhookConfiguration") || old.Hides(fields("webhooks")) {
		return false
	}
	for i := range manifest.ListAt(old.Value, "webhooks") {
		if !s.holdsHook(old, manifest.Path{"webhooks", i}) {
			return false
		}
	}
	return true
}

// holdsTo reports whether another policy that is asked as one of the old side was holds to an expression of it, and is bound as far.
func (s *scene) holdsTo(old *manifest.Object, expression string) bool {
	bindings := func(objects []*manifest.Object, name string) []*manifest.Object {
		return slices.DeleteFunc(slices.Clone(objects), func(o *manifest.Object) bool {
			_, refuses := refusals(o)
			return !refuses || o.Kind != "ValidatingAdmissionPolicyBinding" || manifest.TextAt(o.Value, "spec", "policyName") != name
		})
	}
	same := func(a, b *manifest.Object, of ...string) bool {
		return !slices.ContainsFunc(of, func(field string) bool {
			return !equal(manifest.At(a.Value, "spec", field), manifest.At(b.Value, "spec", field))
		})
	}
	return slices.ContainsFunc(s.news(), func(o *manifest.Object) bool {
		if !alike(o, old) || o.Name == old.Name || o.Hides(fields("spec")) || !same(o, old, "matchConstraints", "matchConditions", "failurePolicy", "paramKind", "variables") {
			return false
		}
		bound := bindings(s.news(), o.Name)
		return len(bound) > 0 && slices.Contains(conjuncts(manifest.ListAt(o.Value, "spec", "validations")), expression) &&
			!slices.ContainsFunc(bindings(s.olds(), old.Name), func(was *manifest.Object) bool {
				return !slices.ContainsFunc(bound, func(now *manifest.Object) bool { return same(now, was, "matchResources", "paramRef") })
			})
	})
}

// matches looks for what the API server asks a webhook or a policy about no longer, by the rules and the selectors of what it matches, where no
// others are asked besides.
func (s *scene) matches(p check.Pair, who string, was, now manifest.Path, rules string, beside []operation) {
	const excluded = "excludeResourceRules"
	of := func(o *manifest.Object, at manifest.Path) asked {
		return asked{operations(manifest.ListAt(o.Value, below(at, rules)...)), operations(manifest.ListAt(o.Value, below(at, excluded)...))}
	}
	old, new := of(p.Old, was), of(p.New, now)
	new.about = append(new.about, beside...)
	at := below(now, rules)
	if len(old.lost(asked{about: new.about, except: old.except})) == 0 {
		at = below(now, excluded)
	}
	if lost := old.lost(new); len(lost) > 0 && known(p, below(was, rules), at) {
		s.at(p.New, at, "protection lost: %s is no longer asked of %s", who, listed(lost))
	}
	s.narrowed(p, who, was, now, old.about)
}

// narrowed looks for selectors that ask for more than before of what is matched.
func (s *scene) narrowed(p check.Pair, who string, was, now manifest.Path, about []operation) {
	for _, by := range []struct{ field, of string }{{"namespaceSelector", "in namespaces"}, {"objectSelector", "of objects"}} {
		ofNamespaces := func(o operation) bool { return o.scope != clusterScope || o.resource == "namespaces" }
		if by.field == "namespaceSelector" && !slices.ContainsFunc(about, ofNamespaces) {
			continue
		}
		before, at := below(was, by.field), below(now, by.field)
		old, ok := requirements(p.Old, before)
		new, is := requirements(p.New, at)
		if lost := more(old, new); ok && is && len(lost) > 0 && known(p, before, at) {
			s.at(p.New, at, "protection lost: %s is asked only %s with %s from now on", who, by.of, listed(lost))
		}
	}
}

// conditions looks for a webhook or a policy that is asked only where something more holds.
func (s *scene) conditions(p check.Pair, who string, was, now manifest.Path) {
	before, at := below(was, "matchConditions"), below(now, "matchConditions")
	lost := more(conjuncts(manifest.ListAt(p.Old.Value, before...)), conjuncts(manifest.ListAt(p.New.Value, at...)))
	if len(lost) > 0 && known(p, before, at) {
		s.at(p.New, at, "protection lost: %s is asked only where %s from now on", who, strings.Join(lost, " && "))
	}
}

// windows looks for sync windows that an AppProject has no longer, or that deny less. One in place of another is a change of it. One that
// allows syncs forbids them at all other times; beside others that do, it forbade nothing of its own.
func (s *scene) windows(p check.Pair) {
	at := fields("spec", "syncWindows")
	if !is(p.New, argoGroup, "AppProject") || !known(p, at, at) {
		return
	}
	old, new := manifest.ListAt(p.Old.Value, at...), manifest.ListAt(p.New.Value, at...)
	without := func(list, other []any) []any {
		return slices.DeleteFunc(slices.Clone(list), func(window any) bool {
			return slices.ContainsFunc(other, func(o any) bool { return equal(o, window) })
		})
	}
	gone, come := without(old, new), without(new, old)
	allows := func(window any) bool { return manifest.TextAt(window, "kind") == "allow" }
	says := func(window any) string {
		return fmt.Sprintf("sync window %s %q", manifest.TextAt(window, "kind"), manifest.TextAt(window, "schedule"))
	}
	// holds reports whether a window denies all that another one does.
	holds := func(now, was any) bool {
		return says(now) == says(was) && !slices.ContainsFunc([]string{"duration", "timeZone", "manualSync", "andOperator"}, func(field string) bool {
			return !equal(manifest.At(now, field), manifest.At(was, field))
		}) && !slices.ContainsFunc(windowLists(), func(list string) bool { return beyond(was, now, list) })
	}
	switch {
	case len(new) < len(old):
		for _, was := range gone {
			held := slices.ContainsFunc(new, func(now any) bool { return allows(was) && allows(now) || holds(now, was) })
			if !held {
				s.at(p.New, at, "protection lost: %s has no longer the %s for %s", title(p.New), says(was), manifest.TextAt(was, "duration"))
			}
		}
	case len(gone) == 1 && len(come) == 1 && !allows(gone[0]) && says(gone[0]) == says(come[0]):
		i := slices.IndexFunc(new, func(window any) bool { return equal(window, come[0]) })
		if field := deniesLess(gone[0], come[0]); field != "" {
			s.at(p.New, below(at, i, field), "protection lost: %s of %s denies less: %s: %s → %s", says(come[0]), title(p.New), field, shown(manifest.At(gone[0], field)), shown(manifest.At(come[0], field)))
		}
	}
}

// windowLists are the fields of a sync window that say which Applications it is for.
func windowLists() []string { return []string{"applications", "namespaces", "clusters"} }

// beyond reports whether a list of a sync window has what that of another one has not.
func beyond(window, other any, list string) bool {
	return slices.ContainsFunc(manifest.ListAt(window, list), func(entry any) bool {
		return !slices.ContainsFunc(manifest.ListAt(other, list), func(pattern any) bool { return globs(fmt.Sprint(pattern), fmt.Sprint(entry)) })
	})
}

// deniesLess is the field by which a sync window denies less than one that begins when it does; none where they differ in others too.
func deniesLess(old, new any) string {
	var differ []string
	for _, field := range append(windowLists(), "duration", "manualSync", "timeZone", "andOperator") {
		if !equal(manifest.At(old, field), manifest.At(new, field)) {
			differ = append(differ, field)
		}
	}
	if len(differ) != 1 {
		return ""
	}
	less := false
	switch field := differ[0]; field {
	case "duration":
		was, err := time.ParseDuration(manifest.TextAt(old, field))
		is, wrong := time.ParseDuration(manifest.TextAt(new, field))
		less = err == nil && wrong == nil && is < was
	case "manualSync":
		less = manifest.At(new, field) == true
	case "applications", "namespaces", "clusters":
		// One of the lists is enough: what another one has all of stays denied.
		all := slices.ContainsFunc(windowLists(), func(list string) bool { return slices.Contains(manifest.ListAt(new, list), any("*")) })
		less = !all && manifest.At(new, "andOperator") != true && beyond(old, new, field) && !beyond(new, old, field)
	}
	if less {
		return differ[0]
	}
	return ""
}
