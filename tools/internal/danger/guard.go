package danger

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// operations are what rules of a webhook or a policy are asked about, each as verb group/resource.
func operations(rules []any) []string {
	var all []string
	for _, rule := range rules {
		for _, verb := range manifest.ListAt(rule, "operations") {
			for _, group := range manifest.ListAt(rule, "apiGroups") {
				for _, resource := range manifest.ListAt(rule, "resources") {
					all = append(all, fmt.Sprintf("%v %v/%v", verb, group, resource))
				}
			}
		}
	}
	return all
}

// unasked are the operations that are among others no longer.
func unasked(old, new []string) []string {
	fits := func(have, want string) bool {
		verb, what, _ := strings.Cut(have, " ")
		wanted, of, _ := strings.Cut(want, " ")
		group, resource, _ := strings.Cut(what, "/")
		ofGroup, ofResource, _ := strings.Cut(of, "/")
		return (verb == "*" || verb == wanted) && (group == "*" || group == ofGroup) && (resource == "*" || resource == "*/*" || resource == ofResource)
	}
	return slices.DeleteFunc(slices.Clone(old), func(want string) bool {
		return slices.ContainsFunc(new, func(have string) bool { return fits(have, want) })
	})
}

// validates looks for a webhook or an admission policy of the API server that is asked of less than before, or that holds to less.
func (s *scene) validates(p check.Pair) {
	if p.New.Group() != "admissionregistration.k8s.io" {
		return
	}
	less := func(at manifest.Path, who string, old, new []any) {
		if lost := unasked(operations(old), operations(new)); len(lost) > 0 && len(old) > 0 && known(p, at, at) {
			s.at(p.New, at, "protection lost: %s is no longer asked of %s", who, strings.ReplaceAll(listed(lost), " /", " "))
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

// everybody looks for a rule of an AuthorizationPolicy that asks for a caller no longer by name.
func (s *scene) everybody(p check.Pair) {
	if !isAuthorization(p.New) || action(p.New) != "ALLOW" || action(p.Old) != "ALLOW" || !known(p, fields("spec", "rules"), fields("spec", "rules")) {
		return
	}
	type source struct{ rule, from int }
	open := func(o *manifest.Object) (found []source, field map[source]string) {
		field = map[source]string{}
		for i, rule := range manifest.ListAt(o.Value, "spec", "rules") {
			for j, from := range manifest.ListAt(rule, "from") {
				for _, name := range []string{"principals", "requestPrincipals", "namespaces"} {
					if slices.Contains(manifest.ListAt(from, "source", name), any("*")) {
						found, field[source{i, j}] = append(found, source{i, j}), name
					}
				}
			}
		}
		return found, field
	}
	if had, _ := open(p.Old); len(had) > 0 {
		return
	}
	now, field := open(p.New)
	for _, at := range now {
		s.at(p.New, manifest.Path{"spec", "rules", at.rule, "from", at.from, "source", field[at]}, "protection lost: rule %d of %s allows every caller of the mesh: %s → *", at.rule+1, title(p.New), field[at])
	}
}
