package danger

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// operation is what a rule of a webhook or an admission policy is asked about.
type operation struct{ verb, group, resource string }

// operations are those of rules; of every verb there is one for each.
func operations(rules []any) []operation {
	var all []operation
	for _, rule := range rules {
		verbs := manifest.ListAt(rule, "operations")
		if slices.Contains(verbs, any("*")) {
			verbs = []any{"CREATE", "UPDATE", "DELETE", "CONNECT"}
		}
		for _, verb := range verbs {
			for _, group := range manifest.ListAt(rule, "apiGroups") {
				for _, resource := range manifest.ListAt(rule, "resources") {
					all = append(all, operation{fmt.Sprint(verb), fmt.Sprint(group), fmt.Sprint(resource)})
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
	return o.verb == other.verb && fits(o.group, other.group) && resources
}

// unasked are the operations that are among others no longer, as messages write them.
func unasked(old, new []operation) []string {
	var all []string
	for _, want := range old {
		if !slices.ContainsFunc(new, func(have operation) bool { return have.has(want) }) {
			all = append(all, want.String())
		}
	}
	return all
}

// validates looks for a webhook or an admission policy of the API server that is asked of less than before, or that holds to less.
func (s *scene) validates(p check.Pair) {
	if p.New.Group() != "admissionregistration.k8s.io" {
		return
	}
	less := func(at manifest.Path, who string, old, new []any) {
		if lost := unasked(operations(old), operations(new)); len(lost) > 0 && known(p, at, at) {
			s.at(p.New, at, "protection lost: %s is no longer asked of %s", who, listed(lost))
		}
	}
	switch p.New.Kind {
	case "ValidatingWebhookConfiguration":
		list := fields("webhooks")
		for _, now := range parts(p.New, list) {
			if was, there := counterpart(p.Old, list, now.name); there {
				at := below(now.path, "rules")
				less(at, fmt.Sprintf("webhook %q of %s", now.name, title(p.New)), manifest.ListAt(p.Old.Value, below(was.path, "rules")...), manifest.ListAt(p.New.Value, at...))
			}
		}
	case "ValidatingAdmissionPolicy":
		at := fields("spec", "matchConstraints", "resourceRules")
		less(at, title(p.New), manifest.ListAt(p.Old.Value, at...), manifest.ListAt(p.New.Value, at...))
		at = fields("spec", "validations")
		old, new := manifest.ListAt(p.Old.Value, at...), manifest.ListAt(p.New.Value, at...)
		if len(new) < len(old) && known(p, at, at) {
			for _, was := range old {
				expression := manifest.TextAt(was, "expression")
				if !slices.ContainsFunc(new, func(now any) bool { return manifest.TextAt(now, "expression") == expression }) {
					s.at(p.New, at, "protection lost: %s no longer holds to %q", title(p.New), strings.Join(strings.Fields(expression), " "))
				}
			}
		}
	}
}

// windows looks for sync windows that an AppProject has no longer. One in place of another is a change of it. One that allows syncs
// forbids them at all other times; beside others that do, it forbade nothing of its own.
func (s *scene) windows(p check.Pair) {
	at := fields("spec", "syncWindows")
	if !is(p.New, argoGroup, "AppProject") || !known(p, at, at) {
		return
	}
	old, new := manifest.ListAt(p.Old.Value, at...), manifest.ListAt(p.New.Value, at...)
	if len(new) >= len(old) {
		return
	}
	allows := func(window any) bool { return manifest.TextAt(window, "kind") == "allow" }
	for _, was := range old {
		if allows(was) && slices.ContainsFunc(new, allows) {
			continue
		}
		if !slices.ContainsFunc(new, func(now any) bool { return equal(was, now) }) {
			s.at(p.New, at, "protection lost: %s has no longer the sync window %s %q for %s", title(p.New), manifest.TextAt(was, "kind"), manifest.TextAt(was, "schedule"), manifest.TextAt(was, "duration"))
		}
	}
}
