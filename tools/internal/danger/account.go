package danger

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gobwas/glob"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// workloadResources are what makes pods, by API group.
func workloadResources() map[string][]string {
	return map[string][]string{
		"":      {"pods", "replicationcontrollers"},
		"apps":  {"deployments", "daemonsets", "statefulsets", "replicasets"},
		"batch": {"jobs", "cronjobs"},
	}
}

// hostMounts looks for mounts of a path of the host that may be written from now on.
func (s *scene) hostMounts(p check.Pair, all []containerPair) {
	before, had := podPath(p.Old)
	after, has := podPath(p.New)
	if !had || !has {
		return
	}
	host := func(o *manifest.Object, spec manifest.Path, volume string) string {
		v, _ := counterpart(o, below(spec, "volumes"), volume)
		return manifest.TextAt(o.Value, below(v.path, "hostPath", "path")...)
	}
	for _, c := range all {
		if !c.had || !known(p, below(c.old.path, "volumeMounts"), below(c.new.path, "volumeMounts")) {
			continue
		}
		for i, mount := range manifest.ListAt(p.New.Value, below(c.new.path, "volumeMounts")...) {
			name := manifest.TextAt(mount, "name")
			on := host(p.New, after, name)
			if on == "" || manifest.At(mount, "readOnly") == true {
				continue
			}
			reads := func(old any) bool {
				return manifest.TextAt(old, "mountPath") == manifest.TextAt(mount, "mountPath") && host(p.Old, before, manifest.TextAt(old, "name")) == on && manifest.At(old, "readOnly") == true
			}
			if slices.ContainsFunc(manifest.ListAt(p.Old.Value, below(c.old.path, "volumeMounts")...), reads) {
				s.at(p.New, below(c.new.path, "volumeMounts", i), "privilege gained: container %q of %s may write the host's %s: readOnly: true → %s", c.new.name, title(p.New), on, shown(manifest.At(mount, "readOnly")))
			}
		}
	}
}

// builtinRoles are ClusterRoles of every cluster that lead to further rights.
func builtinRoles() []string { return []string{"cluster-admin", "admin", "edit"} }

// leadOn reports whether a right of a role leads to further ones.
func leadOn(role *manifest.Object) bool {
	return slices.ContainsFunc(manifest.ListAt(role.Value, "rules"), func(rule any) bool {
		all, _ := grants(rule)
		return slices.ContainsFunc(all, grant.leadsOn)
	})
}

// leadingRoles are the roles of an account that lead to further rights, as objects bind them.
func leadingRoles(objects []*manifest.Object, namespace, account string) []string {
	var all []string
	leads := func(kind, name, in string) bool {
		if kind == "ClusterRole" && slices.Contains(builtinRoles(), name) {
			return true
		}
		return slices.ContainsFunc(objects, func(o *manifest.Object) bool {
			if !isRBAC(o, kind) || o.Name != name || kind == "Role" && o.Namespace != in || o.Hides(fields("rules")) {
				return false
			}
			return leadOn(o)
		})
	}
	for _, o := range objects {
		if !isRBAC(o, "RoleBinding", "ClusterRoleBinding") || o.Hides(fields("subjects")) {
			continue
		}
		for _, subject := range manifest.ListAt(o.Value, "subjects") {
			kind, name := manifest.TextAt(o.Value, "roleRef", "kind"), manifest.TextAt(o.Value, "roleRef", "name")
			role := kind + " " + name
			if manifest.TextAt(subject, "kind") == "ServiceAccount" && manifest.TextAt(subject, "name") == account && manifest.TextAt(subject, "namespace") == namespace &&
				leads(kind, name, o.Namespace) && !slices.Contains(all, role) {
				all = append(all, role)
			}
		}
	}
	return all
}

// accountOf is the account of pods.
func accountOf(o *manifest.Object, spec manifest.Path) string {
	if name := manifest.TextAt(o.Value, below(spec, "serviceAccountName")...); name != "" {
		return name
	}
	return "default"
}

// getsToken reports whether pods get the token of their account by themselves, as objects have it.
func getsToken(objects []*manifest.Object, o *manifest.Object, spec manifest.Path) bool {
	const field = "automountServiceAccountToken"
	switch manifest.At(o.Value, below(spec, field)...) {
	case true:
		return true
	case false:
		return false
	}
	account := accountOf(o, spec)
	return !slices.ContainsFunc(objects, func(a *manifest.Object) bool {
		return is(a, "", "ServiceAccount") && a.Name == account && a.Namespace == o.Namespace && manifest.At(a.Value, field) == false
	})
}

// accountGains looks for pods that run as another account, which has a role that leads to more rights.
func (s *scene) accountGains(p check.Pair) {
	before, had := podPath(p.Old)
	after, has := podPath(p.New)
	at := below(after, "serviceAccountName")
	if !had || !has || !known(p, below(before, "serviceAccountName"), at) || !getsToken(s.news(), p.New, after) {
		return
	}
	was, is := accountOf(p.Old, before), accountOf(p.New, after)
	if was == is {
		return
	}
	held := leadingRoles(s.olds(), p.Old.Namespace, was)
	gained := slices.DeleteFunc(leadingRoles(s.news(), p.New.Namespace, is), func(role string) bool { return slices.Contains(held, role) })
	if len(gained) > 0 {
		s.at(p.New, at, "privilege gained: %s runs as account %q, which has %s: serviceAccountName: %s → %s", title(p.New), is, listed(gained), was, is)
	}
}

// accountToken looks for an account that no longer keeps its token from pods, where it has a role that leads to more rights.
func (s *scene) accountToken(p check.Pair) {
	path := fields("automountServiceAccountToken")
	if !is(p.New, "", "ServiceAccount") || manifest.At(p.Old.Value, path...) != false || manifest.At(p.New.Value, path...) == false || !known(p, path, path) {
		return
	}
	roles := leadingRoles(s.news(), p.New.Namespace, p.New.Name)
	var users []*manifest.Object
	for _, w := range workloads(s.news()) {
		spec, ok := podPath(w)
		if ok && w.Namespace == p.New.Namespace && accountOf(w, spec) == p.New.Name && getsToken(s.news(), w, spec) {
			users = append(users, w)
		}
	}
	if len(roles) > 0 && len(users) > 0 {
		s.at(p.New, path, "privilege gained: the pods of %s get the token of %s, which has %s: %s: false → %s", titles(users), title(p.New), listed(roles), path, shown(manifest.At(p.New.Value, path...)))
	}
}

// projectedGains looks for a token for the API server that a volume brings to pods which had none.
func (s *scene) projectedGains(p check.Pair, before, after manifest.Path) {
	token := func(o *manifest.Object, spec manifest.Path) manifest.Path {
		for _, v := range parts(o, below(spec, "volumes")) {
			for i, source := range manifest.ListAt(o.Value, below(v.path, "projected", "sources")...) {
				// Of another audience it is for somebody else, and the API server takes it for none of its own.
				if given := manifest.At(source, "serviceAccountToken"); given != nil && manifest.TextAt(given, "audience") == "" {
					return below(v.path, "projected", "sources", i, "serviceAccountToken")
				}
			}
		}
		return nil
	}
	at := token(p.New, after)
	if at == nil || token(p.Old, before) != nil || getsToken(s.olds(), p.Old, before) || !known(p, below(before, "volumes"), below(after, "volumes")) {
		return
	}
	s.at(p.New, at, "privilege gained: %s has the token of its account %q, in a volume: no token → a token", title(p.New), accountOf(p.New, after))
}

// securityVersion looks for an older release whose Pod Security standard a Namespace is held to: later ones ask for more.
func (s *scene) securityVersion(p check.Pair) {
	const label = podSecurity + "-version"
	at := fields("metadata", "labels", label)
	level := manifest.TextAt(p.New.Value, "metadata", "labels", podSecurity)
	if !is(p.New, "", "Namespace") || !known(p, at, at) || level == "" || level == "privileged" {
		return
	}
	old, new := manifest.TextAt(p.Old.Value, at...), manifest.TextAt(p.New.Value, at...)
	minor := func(version string) (int, bool) {
		if version == "" || version == "latest" {
			return 1 << 30, true
		}
		n, err := strconv.Atoi(strings.TrimPrefix(version, "v1."))
		return n, err == nil
	}
	was, ok := minor(old)
	now, also := minor(new)
	if ok && also && now < was {
		s.gains(p, at, title(p.New), label, shown(manifest.At(p.Old.Value, at...)), new)
	}
}

// aggregates looks for a ClusterRole whose rights others get, and for one that takes those of every other.
func (s *scene) aggregates(p check.Pair) {
	if !isRBAC(p.New, "ClusterRole") {
		return
	}
	labels := fields("metadata", "labels")
	rights := leadOn(p.New)
	for _, to := range []string{"view", "edit", "admin"} {
		at := below(labels, "rbac.authorization.k8s.io/aggregate-to-"+to)
		if rights && known(p, at, at) && manifest.TextAt(p.New.Value, at...) == "true" && manifest.TextAt(p.Old.Value, at...) != "true" {
			s.at(p.New, at, "privilege gained: whoever has ClusterRole %s has what %s grants, which leads to more rights: %s: %s → true", to, title(p.New), at[len(at)-1], shown(manifest.At(p.Old.Value, at...)))
		}
	}
	at := fields("aggregationRule", "clusterRoleSelectors")
	every := func(o *manifest.Object) bool {
		return slices.ContainsFunc(manifest.ListAt(o.Value, at...), func(selector any) bool {
			labels, _ := manifest.At(selector, "matchLabels").(map[string]any)
			_, is := selector.(map[string]any)
			return is && len(labels) == 0 && len(manifest.ListAt(selector, "matchExpressions")) == 0
		})
	}
	if known(p, at, at) && every(p.New) && !every(p.Old) {
		s.at(p.New, at, "privilege gained: %s takes in what every ClusterRole grants: a selector that is empty", title(p.New))
	}
}

// admission is a list of an AppProject with what it lets through.
type admission struct {
	field      string
	keys       []string // of an entry; none where it is a text
	what       string   // Applications may do with what an entry says
	separators []rune   // that a * does not cross
}

func admissions() []admission {
	return []admission{
		{"destinations", []string{"server", "name", "namespace"}, "deploy to", nil},
		{"sourceRepos", nil, "deploy from", []rune{'/'}},
		{"clusterResourceWhitelist", []string{"group", "kind", "name"}, "make objects of the cluster:", nil},
	}
}

// words are what an entry says, by key; the cluster of Argo CD itself by its address.
func (a admission) words(entry any) []string {
	if a.keys == nil {
		return []string{fmt.Sprint(entry)}
	}
	var words []string
	for _, key := range a.keys {
		words = append(words, manifest.TextAt(entry, key))
	}
	if a.field == "destinations" && words[1] == "in-cluster" {
		words[0], words[1] = "https://kubernetes.default.svc", ""
	}
	return words
}

// shown is an entry as messages write it.
func (a admission) shown(entry any) string {
	if a.keys == nil {
		return fmt.Sprint(entry)
	}
	var all []string
	for _, key := range a.keys {
		if word := manifest.TextAt(entry, key); word != "" {
			all = append(all, key+" "+word)
		}
	}
	return strings.Join(all, ", ")
}

// covers reports whether an entry lets through all that another one does: where that has globs of its own, the same or everything.
// https://github.com/argoproj/argo-cd/blob/v3.3.0/pkg/apis/application/v1alpha1/types.go
func (a admission) covers(have, want []string) bool {
	for i := range want {
		every := have[i] == "*" || have[i] == "" && a.keys != nil && a.keys[i] == "name" && a.field == "clusterResourceWhitelist"
		if pattern, err := glob.Compile(have[i], a.separators...); !every && have[i] != want[i] && (err != nil || !pattern.Match(want[i])) {
			return false
		}
	}
	return true
}

// projectGains looks at what an AppProject lets through that it kept out.
func (s *scene) projectGains(p check.Pair) {
	if !is(p.New, argoGroup, "AppProject") || !known(p, fields("spec"), fields("spec")) {
		return
	}
	for _, a := range admissions() {
		before := manifest.ListAt(p.Old.Value, "spec", a.field)
		for i, entry := range manifest.ListAt(p.New.Value, "spec", a.field) {
			words := a.words(entry)
			if slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, "!") }) {
				continue // which keeps out
			}
			if !slices.ContainsFunc(before, func(had any) bool { return a.covers(a.words(had), words) }) {
				s.at(p.New, manifest.Path{"spec", a.field, i}, "privilege gained: Applications of %s may %s %s, which they might not before", title(p.New), a.what, a.shown(entry))
			}
		}
	}
}
