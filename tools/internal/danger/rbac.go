package danger

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/component-helpers/auth/rbac/validation"

	"github.com/kgate-dev/gitops/tools/internal/admission/bootstrap"
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

// grant is a rule of one verb on one resource, as [validation.BreakdownRule] makes them.
type grant struct{ group, resource, verb string }

// grantOf is that of a rule; false where the rule is about some URLs. All of them are a resource of any group.
func grantOf(rule rbacv1.PolicyRule) (grant, bool) {
	if len(rule.NonResourceURLs) > 0 {
		return grant{resource: "*", verb: rule.Verbs[0]}, rule.NonResourceURLs[0] == "*"
	}
	return grant{rule.APIGroups[0], rule.Resources[0], rule.Verbs[0]}, true
}

func (g grant) String() string {
	resource := g.resource
	if g.group != "" {
		resource += "." + g.group
	}
	return g.verb + " " + resource
}

// The weights of rights, the heaviest first.
const (
	ofEverything = iota
	ofSecrets
	ofRights // to give more of them, or to be somebody else
	ofContainers
	ofResources
	ofOthers
	ofVerbs
	ofNothing
)

// weight says whether a right leads to further ones, and how far, as Kubernetes' good practices of RBAC have it. What leads nowhere is
// ofNothing.
func (g grant) weight() int {
	const rbac = "rbac.authorization.k8s.io"
	among := func(name string, names ...string) bool { return name == "*" || slices.Contains(names, name) }
	writes := among(g.verb, "create", "update", "patch")
	core := among(g.group, "")
	if len(scopesOf(g.group, g.resource)) == 0 { // a rule of several groups names more than there is
		return ofNothing
	}
	switch g.verb { // which ask for a right on these alone
	case "escalate", "bind":
		if among(g.group, rbac) && among(g.resource, "roles", "clusterroles") {
			return ofRights
		}
		return ofNothing
	case "impersonate":
		if core && among(g.resource, "users", "groups", "serviceaccounts") || among(g.group, "authentication.k8s.io") {
			return ofRights
		}
		return ofNothing
	}
	switch {
	case core && g.resource == "*":
		return ofEverything
	case core && g.resource == "secrets" && among(g.verb, "get", "list", "watch"):
		return ofSecrets
	case g.group == rbac && writes:
		return ofRights
	case core && slices.Contains([]string{"pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers", "serviceaccounts/token", "nodes/proxy"}, g.resource):
		return ofContainers
	case g.group == "*", g.resource == "*":
		return ofResources
	case core && g.resource == "persistentvolumes" && among(g.verb, "create"):
		return ofOthers
	case slices.Contains(workloadResources()[g.group], g.resource) && among(g.verb, "create"):
		return ofOthers // pods may run as any account of their namespace, and read its Secrets
	case g.group == "admissionregistration.k8s.io" && writes:
		return ofOthers
	case g.group == "certificates.k8s.io" && (writes && (strings.HasSuffix(g.resource, "/approval") || g.resource == "certificatesigningrequests") || g.verb == "approve"):
		return ofOthers
	case g.verb == "*":
		return ofVerbs
	}
	return ofNothing
}

// gainedBy are the rights that lead to further ones in rules of which others have not all, the heaviest first.
func gainedBy(rules, had []rbacv1.PolicyRule) []grant {
	var all []grant
	_, uncovered := validation.Covers(had, rules)
	for _, rule := range uncovered {
		if g, ok := grantOf(rule); ok && g.weight() < ofNothing && !slices.Contains(all, g) {
			all = append(all, g)
		}
	}
	slices.SortStableFunc(all, func(a, b grant) int { return cmp.Compare(a.weight(), b.weight()) })
	return all
}

// rights are grants as messages write them.
func rights(all []grant) string {
	var words []string
	for _, g := range all {
		words = append(words, g.String())
	}
	return listed(words)
}

// subject is who has roles.
type subject struct{ kind, namespace, name string }

func account(namespace, name string) subject {
	return subject{rbacv1.ServiceAccountKind, namespace, name}
}

// subjectOf is that of an entry of a binding: a user of the name of an account is the account.
func subjectOf(entry any) subject {
	s := subject{manifest.TextAt(entry, "kind"), manifest.TextAt(entry, "namespace"), manifest.TextAt(entry, "name")}
	if of, is := strings.CutPrefix(s.name, "system:serviceaccount:"); is && s.kind == rbacv1.UserKind {
		if namespace, name, is := strings.Cut(of, ":"); is {
			return account(namespace, name)
		}
	}
	return s
}

// within reports whether a subject has what another one has: it is the same, one of those that are authenticated, or an account in one of the
// groups of accounts.
func (s subject) within(other subject) bool {
	if s == other || other.kind != rbacv1.GroupKind {
		return s == other
	}
	if other.name == "system:authenticated" {
		return s.kind == rbacv1.ServiceAccountKind || !strings.HasPrefix(s.name, "system:")
	}
	return s.kind == rbacv1.ServiceAccountKind && slices.Contains([]string{"system:serviceaccounts", "system:serviceaccounts:" + s.namespace}, other.name)
}

// role is a Role or a ClusterRole. One with selectors has the rules of the ClusterRoles that they fit, and none of its own.
type role struct {
	kind, namespace, name string

	labels    labels.Set
	rules     []rbacv1.PolicyRule
	selectors []labels.Selector
	provided  bool // by every cluster
	hidden    bool // its rules are not known
}

// takes reports whether a role has the rules of another one by its labels.
func (r role) takes(of labels.Set) bool {
	return slices.ContainsFunc(r.selectors, func(s labels.Selector) bool { return s.Matches(of) })
}

// label is the one by which a role takes the rules of another one; none where it asks for none that is there.
func (r role) label(of labels.Set) []any {
	for _, s := range r.selectors {
		requirements, _ := s.Requirements()
		i := slices.IndexFunc(requirements, func(asked labels.Requirement) bool { return of.Has(asked.Key()) })
		if s.Matches(of) && i >= 0 {
			return []any{requirements[i].Key()}
		}
	}
	return nil
}

func roleOf(kind, namespace, name string, own map[string]string, rules []rbacv1.PolicyRule, aggregation *rbacv1.AggregationRule) role {
	r := role{kind: kind, namespace: namespace, name: name, labels: own, rules: rules}
	if aggregation != nil {
		for _, selector := range aggregation.ClusterRoleSelectors {
			s, err := metav1.LabelSelectorAsSelector(&selector)
			r.hidden = r.hidden || err != nil
			if err == nil {
				r.selectors = append(r.selectors, s)
			}
		}
	}
	return r
}

// providedRoles are the ClusterRoles of every cluster.
var providedRoles = sync.OnceValue(func() []role {
	var all []role
	for _, r := range bootstrap.ClusterRoles() {
		provided := roleOf("ClusterRole", "", r.Name, r.Labels, r.Rules, r.AggregationRule)
		provided.provided = true
		all = append(all, provided)
	}
	return all
})

// bound is who has which role, and where: in a namespace, or in all of them.
type bound struct {
	subject    subject
	kind, role string
	everywhere bool
	in         string
}

func (b bound) String() string {
	where := "in the whole cluster"
	switch {
	case b.in != "":
		where = "in namespace " + b.in
	case !b.everywhere:
		where = "in its namespace"
	}
	return b.kind + " " + b.role + " " + where
}

// reaches reports whether a role is bound wherever another one is.
func (b bound) reaches(other bound) bool {
	return b.everywhere || !other.everywhere && b.in == other.in
}

// authority is who may do what on one side of a change.
type authority struct {
	roles []role
	bound []bound
}

func isRBAC(o *manifest.Object, kinds ...string) bool {
	return o.Group() == rbacv1.GroupName && slices.Contains(kinds, o.Kind)
}

func authorityOf(objects []*manifest.Object) authority {
	var a authority
	for _, o := range objects {
		switch {
		case isRBAC(o, "Role", "ClusterRole"):
			a.roles = append(a.roles, readRole(o))
		case isRBAC(o, "RoleBinding", "ClusterRoleBinding") && !o.Hides(fields("subjects")):
			a.bound = append(a.bound, bounds(o)...)
		}
	}
	a.roles = append(a.roles, providedRoles()...)
	return a
}

func readRole(o *manifest.Object) role {
	content := map[string]any{}
	for _, field := range []string{"rules", "aggregationRule"} {
		content[field] = manifest.At(o.Value, field)
	}
	var typed rbacv1.ClusterRole
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &typed)
	own := labels.Set{}
	values, _ := manifest.At(o.Value, "metadata", "labels").(map[string]any)
	for key := range values {
		own[key] = manifest.TextAt(values, key)
	}
	r := roleOf(o.Kind, o.Namespace, o.Name, own, typed.Rules, typed.AggregationRule)
	r.hidden = r.hidden || err != nil || o.Hides(fields("rules"))
	return r
}

func bounds(o *manifest.Object) []bound {
	var all []bound
	kind, name := manifest.TextAt(o.Value, "roleRef", "kind"), manifest.TextAt(o.Value, "roleRef", "name")
	for _, who := range manifest.ListAt(o.Value, "subjects") {
		all = append(all, bound{subjectOf(who), kind, name, o.Kind == "ClusterRoleBinding", o.Namespace})
	}
	return all
}

// find is a role by its name, that of a manifest before the one of every cluster.
func (a authority) find(kind, namespace, name string) (role, bool) {
	i := slices.IndexFunc(a.roles, func(r role) bool {
		return r.kind == kind && r.name == name && (kind == "ClusterRole" || r.namespace == namespace)
	})
	if i < 0 {
		return role{}, false
	}
	return a.roles[i], true
}

// rules are those that a role has for certain, with what it takes from others.
func (a authority) rules(r role) []rbacv1.PolicyRule {
	var all []rbacv1.PolicyRule
	taken := map[string]bool{} // roles may take each other
	var take func(role)
	take = func(r role) {
		if r.hidden || taken[r.name] {
			return
		}
		taken[r.name] = true
		if len(r.selectors) == 0 {
			all = append(all, r.rules...)
			return
		}
		for _, from := range a.roles {
			if from.kind == "ClusterRole" && r.takes(from.labels) {
				take(from)
			}
		}
	}
	take(r)
	return all
}

// granted are the rules that a subject has for certain by a role that is bound to it, and atMost what they may be: everything,
// where the role is of somewhere else or takes what is.
func (a authority) granted(b bound) (rules, atMost []rbacv1.PolicyRule) {
	r, found := a.find(b.kind, b.in, b.role)
	rules = a.rules(r)
	if !b.everywhere { // a namespace has no URLs
		rules = slices.DeleteFunc(rules, func(rule rbacv1.PolicyRule) bool { return len(rule.NonResourceURLs) > 0 })
	}
	if !found || r.hidden || len(r.selectors) > 0 && !r.provided {
		return rules, []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}}
	}
	return rules, rules
}

// of is the authority of a subject alone.
func (a authority) of(who subject) authority {
	return authority{a.roles, slices.DeleteFunc(slices.Clone(a.bound), func(b bound) bool { return !who.within(b.subject) })}
}

// where are the rules of those who have roles, wherever another one is bound; has is that the role itself is among theirs.
func (a authority) where(b bound) (rules []rbacv1.PolicyRule, has bool) {
	for _, own := range a.bound {
		if own.reaches(b) {
			more, _ := a.granted(own)
			rules = append(rules, more...)
			has = has || own.kind == b.kind && own.role == b.role
		}
	}
	return rules, has
}

// leading are the roles of a subject that lead to rights which others have not.
func (a authority) leading(who subject, others authority) []string {
	var all []string
	for _, b := range a.of(who).bound {
		rules, _ := a.granted(b)
		if had, has := others.where(b); !has && len(gainedBy(rules, had)) > 0 && !slices.Contains(all, b.String()) {
			all = append(all, b.String())
		}
	}
	return all
}

func (s *scene) roleGains(p check.Pair, before, after authority) {
	if !isRBAC(p.New, "Role", "ClusterRole") || !known(p, fields("rules"), fields("rules")) {
		return
	}
	old, new := readRole(p.Old), readRole(p.New)
	if old.hidden || new.hidden || len(new.selectors) > 0 {
		return
	}
	for i, rule := range new.rules {
		if gained := gainedBy([]rbacv1.PolicyRule{rule}, before.rules(old)); len(gained) > 0 {
			s.at(p.New, manifest.Path{"rules", i}, "privilege gained: %s may %s, which it might not before", title(p.New), rights(gained))
		}
	}
}

// aggregates looks for a ClusterRole whose rights others get, and for one that takes those of every other.
func (s *scene) aggregates(before, after authority) {
	at := fields("metadata", "labels")
	for _, p := range s.pairs {
		if p.New == nil || !isRBAC(p.New, "ClusterRole") || p.New.Hides(at) || p.Old != nil && p.Old.Hides(at) {
			continue
		}
		new := readRole(p.New)
		for _, into := range before.roles {
			if !into.takes(new.labels) || p.Old != nil && into.takes(readRole(p.Old).labels) {
				continue
			}
			if _, stays := after.find(into.kind, into.namespace, into.name); !stays {
				continue
			}
			// What comes with a new kind is about nothing that was there before.
			gained := slices.DeleteFunc(gainedBy(after.rules(new), before.rules(into)), func(g grant) bool { return p.Old == nil && s.defines(g) })
			if len(gained) > 0 {
				s.at(p.New, below(at, into.label(new.labels)...), "privilege gained: whoever has ClusterRole %s may %s, by the labels of %s: not aggregated → aggregated", into.name, rights(gained), title(p.New))
			}
		}
		if p.Old != nil {
			s.takesMore(p, before, after)
		}
	}
}

// defines reports whether a right is on a kind whose definition the change adds.
func (s *scene) defines(g grant) bool {
	resource, _, _ := strings.Cut(g.resource, "/")
	return slices.ContainsFunc(s.pairs, func(p check.Pair) bool {
		return p.Old == nil && is(p.New, "apiextensions.k8s.io", "CustomResourceDefinition") && manifest.TextAt(p.New.Value, "spec", "group") == g.group &&
			(resource == "*" || manifest.TextAt(p.New.Value, "spec", "names", "plural") == resource)
	})
}

// takesMore looks for a ClusterRole that takes the rules of others by other selectors, or those of every other one.
func (s *scene) takesMore(p check.Pair, before, after authority) {
	at := fields("aggregationRule", "clusterRoleSelectors")
	old, new := readRole(p.Old), readRole(p.New)
	every := func(r role) bool { return slices.ContainsFunc(r.selectors, labels.Selector.Empty) }
	switch {
	case !known(p, at, at) || equal(manifest.At(p.Old.Value, at...), manifest.At(p.New.Value, at...)):
	case every(new) && !every(old):
		s.at(p.New, at, "privilege gained: %s takes in what every ClusterRole grants: a selector that is empty", title(p.New))
	default:
		if gained := gainedBy(after.rules(new), before.rules(old)); !old.hidden && !new.hidden && len(new.selectors) > 0 && len(gained) > 0 {
			s.at(p.New, at, "privilege gained: %s may %s, by the ClusterRoles that it takes in, which it might not before", title(p.New), rights(gained))
		}
	}
}

// bindings looks for subjects that gain a role. A new account comes with its bindings: it gains nothing. One that pods ran as before is not
// new, whoever made it: of the default one of a namespace there is no manifest.
func (s *scene) bindings(before, after authority) {
	accounts := func(objects []*manifest.Object) map[subject]bool {
		all := map[subject]bool{}
		for _, o := range objects {
			if is(o, "", "ServiceAccount") {
				all[account(o.Namespace, o.Name)] = true
			}
		}
		return all
	}
	olds, news := accounts(s.olds()), accounts(s.news())
	for _, w := range workloads(s.olds()) {
		if spec, ok := podPath(w); ok && !w.Hides(below(spec, "serviceAccountName")) {
			olds[account(w.Namespace, accountOf(w, spec))] = true
		}
	}
	for _, p := range s.pairs {
		if p.New == nil || !isRBAC(p.New, "RoleBinding", "ClusterRoleBinding") || p.Old != nil && !known(p, fields("subjects"), fields("subjects")) {
			continue
		}
		for i, b := range bounds(p.New) {
			// One of elsewhere may be as new as a binding that is.
			if b.subject.kind == rbacv1.ServiceAccountKind && !olds[b.subject] && (news[b.subject] || p.Old == nil) {
				continue
			}
			had, has := before.of(b.subject).where(b)
			_, atMost := after.granted(b)
			if covered, _ := validation.Covers(had, atMost); !has && !covered {
				s.at(p.New, manifest.Path{"subjects", i}, "privilege gained: %s %q has %s: not bound → bound", b.subject.kind, b.subject.name, b)
			}
		}
	}
}
