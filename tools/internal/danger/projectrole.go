package danger

import (
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// projectRole is a role of an AppProject: its policies are what Argo CD asks about its groups and its tokens.
type projectRole struct {
	name     string
	at       manifest.Path
	groups   []string
	policies []projectPolicy
}

// projectPolicy is one line of a role, each word a pattern.
type projectPolicy struct {
	at     manifest.Path
	words  []string // resource, action, object
	denies bool
}

func (p projectPolicy) String() string {
	return p.words[1] + " " + p.words[0] + " " + p.words[2]
}

// fits reports whether a policy is about a request, as Argo CD's matchers have it.
// https://argo-cd.readthedocs.io/en/stable/operator-manual/rbac/
func (p projectPolicy) fits(request []string) bool {
	for i, word := range p.words {
		if !globs(word, request[i]) {
			return false
		}
	}
	return true
}

// samples are requests that a policy is about, one for each of its alternatives, and of those of its form as little as can be.
func (p projectPolicy) samples() [][]string {
	var all [][]string
	for _, words := range eachOf(p.words) {
		var request []string
		for _, word := range words {
			if text, ok := sample(word); ok {
				request = append(request, text)
			}
		}
		if len(request) == len(words) {
			all = append(all, request)
		}
	}
	return all
}

// grantsRequest reports whether policies let a request through: one allows it, and none denies it.
func grantsRequest(all []projectPolicy, request []string) bool {
	about := func(denies bool) bool {
		return slices.ContainsFunc(all, func(p projectPolicy) bool { return p.denies == denies && p.fits(request) })
	}
	return about(false) && !about(true)
}

// projectRoles are those of an AppProject. What Argo CD would refuse in one is none.
func projectRoles(o *manifest.Object) []projectRole {
	var all []projectRole
	for i, entry := range manifest.ListAt(o.Value, "spec", "roles") {
		r := projectRole{name: manifest.TextAt(entry, "name"), at: manifest.Path{"spec", "roles", i}}
		for _, group := range manifest.ListAt(entry, "groups") {
			r.groups = append(r.groups, shown(group))
		}
		for j, line := range manifest.ListAt(entry, "policies") {
			words := strings.Split(shown(line), ",")
			for k := range words {
				words[k] = strings.TrimSpace(words[k])
			}
			if len(words) != 6 || words[0] != "p" || words[1] != "proj:"+o.Name+":"+r.name {
				continue
			}
			r.policies = append(r.policies, projectPolicy{below(r.at, "policies", j), words[2:5], words[5] == "deny"})
		}
		all = append(all, r)
	}
	return all
}

// roleOfProject is the one of a name; one without policies where there is none.
func roleOfProject(all []projectRole, name string) (projectRole, bool) {
	i := slices.IndexFunc(all, func(r projectRole) bool { return r.name == name })
	if i < 0 {
		return projectRole{}, false
	}
	return all[i], true
}

// ofGroup are the policies of all roles that a group has.
func ofGroup(all []projectRole, group string) []projectPolicy {
	var policies []projectPolicy
	for _, r := range all {
		if slices.Contains(r.groups, group) {
			policies = append(policies, r.policies...)
		}
	}
	return policies
}

// gainsOver are the policies by which roles let through what others kept out: what each allows, and what was denied. To see an Application
// is not told.
func gainsOver(old, new []projectPolicy) []projectPolicy {
	var all []projectPolicy
	for _, p := range slices.Concat(new, old) {
		among := func(o projectPolicy) bool { return slices.Equal(o.words, p.words) }
		gained := func(request []string) bool {
			return request[1] != "get" && !grantsRequest(old, request) && grantsRequest(new, request)
		}
		if !slices.ContainsFunc(all, among) && slices.ContainsFunc(p.samples(), gained) {
			all = append(all, p)
		}
	}
	return all
}

// projectRoleGains looks for roles of an AppProject that may do more, and for groups that gain one.
func (s *scene) projectRoleGains(p check.Pair) {
	path := fields("spec", "roles")
	if !is(p.New, argoGroup, "AppProject") || !known(p, path, path) {
		return
	}
	olds, news := projectRoles(p.Old), projectRoles(p.New)
	for _, now := range news {
		was, had := roleOfProject(olds, now.name)
		gained := gainsOver(was.policies, now.policies)
		for _, policy := range gained {
			at := below(now.at, "policies")
			if i := slices.IndexFunc(now.policies, func(o projectPolicy) bool { return slices.Equal(o.words, policy.words) }); i >= 0 && !policy.denies {
				at = now.policies[i].at
			}
			if had {
				s.at(p.New, at, "privilege gained: role %q of %s may %s, which it might not before", now.name, title(p.New), policy)
			}
		}
		for i, group := range now.groups {
			if !slices.Contains(was.groups, group) && len(gainsOver(ofGroup(olds, group), now.policies)) > 0 {
				s.at(p.New, below(now.at, "groups", i), "privilege gained: group %q has role %q of %s: not bound → bound", group, now.name, title(p.New))
			}
		}
	}
}
