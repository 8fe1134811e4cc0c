package danger

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

var protectionLost = &check.Check{
	Name:  "danger/protection-lost",
	Title: "Nothing loses what protects it",
	Doc: "What protects breaks nothing when it goes: pods that no NetworkPolicy selects any more are open to all, a request that no AuthorizationPolicy allows is let through once there is none, " +
		"an admission policy that audits refuses nothing. Looked at is what holds for pods that stay, by which policies select them before and after: to remove one of several NetworkPolicies opens nothing. Stated " +
		"are also a budget of disruptions, a quota or a limit range that is removed or weakened, mutual TLS that is no longer strict, webhooks that are passed over when they fail, and a manual sync that becomes automatic.",
	Fix:      "Keep the policy and change what it lets through. Exempt a protection that another one takes over, by its name.",
	Severity: check.Warning, Scope: check.Update, Origin: "kgate",
	References: []string{
		"https://kubernetes.io/docs/concepts/services-networking/network-policies/#the-two-sorts-of-pod-isolation",
		"https://istio.io/latest/docs/concepts/security/#implicit-enablement",
	},
	Was: protectionLostWas, Bad: protectionLostBad, Good: protectionLostGood,
	Run: each(lookForProtection),
}

func lookForProtection(s *scene) {
	s.isolation()
	s.opened()
	s.authorization()
	for _, p := range s.changed() {
		s.budget(p)
		s.enforcement(p)
		s.meshSecurity(p)
	}
	for _, o := range s.removed() {
		s.unprotected(o)
	}
}

// policy is an object that selects the pods that it is for, on one side.
type policy struct {
	object   *manifest.Object
	selector labels.Selector
	path     manifest.Path // of the selector
}

// labelSelector reads one; nothing where there is none is every pod.
func labelSelector(o *manifest.Object, path manifest.Path) (labels.Selector, bool) {
	content, ok := manifest.At(o.Value, path...).(map[string]any)
	if !ok {
		return labels.Everything(), manifest.At(o.Value, path...) == nil
	}
	var typed metav1.LabelSelector
	if runtime.DefaultUnstructuredConverter.FromUnstructured(content, &typed) != nil {
		return nil, false
	}
	selector, err := metav1.LabelSelectorAsSelector(&typed)
	return selector, err == nil
}

// policies are the objects of a side that some are, each with what it selects; false where what one selects is not known.
func policies(objects []*manifest.Object, among func(*manifest.Object) bool, path manifest.Path) ([]policy, bool) {
	var all []policy
	for _, o := range objects {
		if !among(o) {
			continue
		}
		selector, ok := labelSelector(o, path)
		if !ok || slices.ContainsFunc(o.Unknown, func(unknown manifest.Path) bool { return unknown.HasPrefix(path) || path.HasPrefix(unknown) }) {
			return nil, false
		}
		all = append(all, policy{o, selector, path})
	}
	return all, true
}

func over(all []policy, w *manifest.Object) []policy {
	return slices.DeleteFunc(slices.Clone(all), func(p policy) bool {
		return len(selected([]*manifest.Object{w}, p.object.Namespace, p.selector)) == 0
	})
}

// lapse looks for workloads that policies of a sort were over, and none is.
func (s *scene) lapse(among func(*manifest.Object) bool, path manifest.Path, report func(p check.Pair, path manifest.Path, lost []*manifest.Object)) {
	before, known := policies(s.olds(), among, path)
	after, still := policies(s.news(), among, path)
	if !known || !still || len(before) == 0 {
		return
	}
	lost := map[*manifest.Object][]*manifest.Object{} // workloads by the policy that was over them
	for _, old := range workloads(s.olds()) {
		w := find(s.news(), old)
		was := over(before, old)
		if w == nil || len(was) == 0 || len(workloads([]*manifest.Object{w})) == 0 || len(over(after, w)) > 0 {
			continue
		}
		if _, sure := s.labelsOf(w); !sure {
			continue
		}
		lost[was[0].object] = append(lost[was[0].object], w)
	}
	for _, p := range s.pairs {
		if len(lost[p.Old]) > 0 {
			report(p, path, lost[p.Old])
		}
	}
}

// lapsed reports what a policy was over, at the policy or, where it is as it was, at the labels of what it was over. what ends
// before those that it is about.
func (s *scene) lapsed(p check.Pair, path manifest.Path, lost []*manifest.Object, what string) {
	switch {
	case p.New == nil:
		s.gone(s.pass.Check.Severity, p.Old, nil, "protection lost: %s %s: %s the pods of %s", title(p.Old), s.becomes(p.Old), what, titles(lost))
	case !equal(manifest.At(p.Old.Value, "spec"), manifest.At(p.New.Value, "spec")):
		s.at(p.New, path, "protection lost: %s is no longer over the pods of %s: %s them", title(p.New), titles(lost), what)
	default:
		for _, w := range lost {
			at, _ := s.labelsOf(w)
			s.at(w, at, "protection lost: the pods of %s have no longer the labels that %s selects: %s them", title(w), title(p.New), what)
		}
	}
}

func equal(a, b any) bool {
	left, err := json.Marshal(a)
	right, otherErr := json.Marshal(b)
	return err == nil && otherErr == nil && string(left) == string(right)
}

func isNetworkPolicy(o *manifest.Object) bool { return is(o, "networking.k8s.io", "NetworkPolicy") }

// directs reports whether a NetworkPolicy isolates pods in a direction.
func directs(o *manifest.Object, direction string) bool {
	types := manifest.ListAt(o.Value, "spec", "policyTypes")
	if len(types) == 0 {
		return direction == "Ingress" || len(manifest.ListAt(o.Value, "spec", "egress")) > 0
	}
	return slices.Contains(types, any(direction))
}

// fencedOtherwise reports whether objects hold policies of other makers, which may fence the same pods.
func fencedOtherwise(objects []*manifest.Object) bool {
	return slices.ContainsFunc(objects, func(o *manifest.Object) bool {
		return !isNetworkPolicy(o) && (strings.HasSuffix(o.Kind, "NetworkPolicy") || strings.HasSuffix(o.Kind, "ClusterPolicy"))
	})
}

func (s *scene) isolation() {
	if fencedOtherwise(s.news()) {
		return
	}
	for _, way := range []struct{ direction, what string }{{"Ingress", "anybody may send to"}, {"Egress", "any address is open to"}} {
		s.lapse(func(o *manifest.Object) bool { return isNetworkPolicy(o) && directs(o, way.direction) }, fields("spec", "podSelector"),
			func(p check.Pair, path manifest.Path, lost []*manifest.Object) { s.lapsed(p, path, lost, way.what) })
	}
}

// width is how far a rule of a NetworkPolicy opens: 0 for some, 1 for every pod of the cluster, 2 for every address.
func width(rule any, peers string) int {
	list := manifest.ListAt(rule, peers)
	if len(list) == 0 {
		return 2
	}
	widest := 0
	for _, peer := range list {
		cidr := manifest.TextAt(peer, "ipBlock", "cidr")
		namespaces, all := manifest.At(peer, "namespaceSelector").(map[string]any)
		pods, _ := manifest.At(peer, "podSelector").(map[string]any)
		switch {
		case (cidr == "0.0.0.0/0" || cidr == "::/0") && len(manifest.ListAt(peer, "ipBlock", "except")) == 0:
			widest = 2
		case all && len(namespaces) == 0 && len(pods) == 0:
			widest = max(widest, 1)
		}
	}
	return widest
}

// opened looks for rules that let everybody to pods that were fenced.
func (s *scene) opened() {
	olds := slices.DeleteFunc(s.olds(), func(o *manifest.Object) bool { return !isNetworkPolicy(o) })
	before, known := policies(olds, isNetworkPolicy, fields("spec", "podSelector"))
	if !known {
		return
	}
	for _, p := range s.pairs {
		if p.New == nil || !isNetworkPolicy(p.New) || p.New.Hides(fields("spec")) {
			continue
		}
		selector, ok := labelSelector(p.New, fields("spec", "podSelector"))
		if !ok {
			continue
		}
		for _, way := range []struct{ direction, rules, peers, whom string }{{"Ingress", "ingress", "from", "is open to"}, {"Egress", "egress", "to", "may send to"}} {
			if !directs(p.New, way.direction) {
				continue
			}
			for i, rule := range manifest.ListAt(p.New.Value, "spec", way.rules) {
				wide := width(rule, way.peers)
				ports := manifest.At(rule, "ports")
				if wide == 0 || way.direction == "Egress" && (wide == 1 || ports != nil) {
					continue
				}
				var opened []*manifest.Object
				for _, w := range selected(workloads(s.news()), p.New.Namespace, selector) {
					old := find(s.olds(), w)
					if old == nil || len(workloads([]*manifest.Object{old})) == 0 {
						continue
					}
					was := slices.DeleteFunc(over(before, old), func(have policy) bool { return !directs(have.object, way.direction) })
					if len(was) > 0 && !slices.ContainsFunc(was, func(have policy) bool { return opens(have.object, way.rules, way.peers, wide, ports) }) {
						opened = append(opened, w)
					}
				}
				if len(opened) > 0 {
					to := []string{"", "every pod of the cluster", "every address"}[wide]
					s.at(p.New, fields("spec", way.rules), "protection lost: %s %s %s%s, by rule %d of %s: fenced → open", titles(opened), way.whom, to, onPorts(ports), i+1, title(p.New))
				}
			}
		}
	}
}

func onPorts(ports any) string {
	list, _ := ports.([]any)
	var all []string
	for _, port := range list {
		if number := manifest.At(port, "port"); number != nil {
			all = append(all, fmt.Sprint(number))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return " on port " + listed(all)
}

// opens reports whether a policy lets as many to the same ports.
func opens(o *manifest.Object, rules, peers string, wide int, ports any) bool {
	return slices.ContainsFunc(manifest.ListAt(o.Value, "spec", rules), func(rule any) bool {
		have := manifest.At(rule, "ports")
		return width(rule, peers) >= wide && (have == nil || equal(have, ports))
	})
}

func isAuthorization(o *manifest.Object) bool {
	return is(o, "security.istio.io", "AuthorizationPolicy")
}

func action(o *manifest.Object) string {
	if a := manifest.TextAt(o.Value, "spec", "action"); a != "" {
		return a
	}
	return "ALLOW"
}

// authorization looks for pods that policies of the mesh guarded.
func (s *scene) authorization() {
	path := fields("spec", "selector")
	allows := func(o *manifest.Object) bool {
		return isAuthorization(o) && action(o) == "ALLOW" && len(manifest.ListAt(o.Value, "spec", "targetRefs")) == 0 && manifest.At(o.Value, "spec", "targetRef") == nil
	}
	s.lapse(allows, path, func(p check.Pair, path manifest.Path, lost []*manifest.Object) {
		s.lapsed(p, path, lost, "no policy allows, so that every request is let through to")
	})
	for _, p := range s.changed() {
		if !isAuthorization(p.New) || !known(p, fields("spec"), fields("spec")) {
			continue
		}
		old, new := action(p.Old), action(p.New)
		if old != new && (old == "DENY" || old == "CUSTOM") {
			s.at(p.New, fields("spec", "action"), "protection lost: %s has spec.action: %s → %s", title(p.New), old, new)
		}
		all := func(rule any) bool { // it allows whatever comes
			m, _ := rule.(map[string]any)
			return len(m) == 0
		}
		for i, rule := range manifest.ListAt(p.New.Value, "spec", "rules") {
			if new == "ALLOW" && old == "ALLOW" && all(rule) && !slices.ContainsFunc(manifest.ListAt(p.Old.Value, "spec", "rules"), all) {
				s.at(p.New, below(fields("spec", "rules"), i), "protection lost: %s allows every request: rules → a rule that is empty", title(p.New))
			}
		}
	}
}

// budget looks for a PodDisruptionBudget that lets more pods go.
func (s *scene) budget(p check.Pair) {
	if !is(p.New, "policy", "PodDisruptionBudget") || !known(p, fields("spec"), fields("spec")) {
		return
	}
	for _, b := range []struct {
		field string
		worse int // the sign of new - old that lets more go
	}{{"minAvailable", -1}, {"maxUnavailable", 1}} {
		path := fields("spec", b.field)
		old, new := manifest.At(p.Old.Value, path...), manifest.At(p.New.Value, path...)
		was, percent, ok := amount(old)
		is, also, has := amount(new)
		if ok && has && percent == also && (is-was)*b.worse > 0 {
			s.at(p.New, path, "protection lost: %s lets more pods go at once: %s: %v → %v", title(p.New), path, old, new)
		}
	}
}

// amount is a number, or one of percent.
func amount(value any) (n int, percent, ok bool) {
	switch v := value.(type) {
	case int64:
		return int(v), false, true
	case string:
		_, err := fmt.Sscanf(v, "%d%%", &n)
		return n, true, err == nil
	}
	return 0, false, false
}

// enforcer is a field that says whether what is wrong is refused.
type enforcer struct {
	of      string // the name of the entry of a list that it is for
	path    manifest.Path
	refuses string
	unset   string
}

// value is what an object says there, or what holds where it says nothing.
func (e enforcer) value(o *manifest.Object) string {
	return cmp.Or(manifest.TextAt(o.Value, e.path...), e.unset)
}

func enforcers(o *manifest.Object) []enforcer {
	var all []enforcer
	switch group := o.Group(); {
	case is(o, "admissionregistration.k8s.io", "ValidatingAdmissionPolicy"):
		all = append(all, enforcer{"", fields("spec", "failurePolicy"), "Fail", "Fail"})
	case is(o, "admissionregistration.k8s.io", "ValidatingWebhookConfiguration"):
		for _, hook := range parts(o, fields("webhooks")) {
			all = append(all, enforcer{hook.name, below(hook.path, "failurePolicy"), "Fail", "Fail"})
		}
	case group == "kyverno.io" && (o.Kind == "ClusterPolicy" || o.Kind == "Policy"):
		whole := fields("spec", "validationFailureAction") // of rules that say nothing themselves
		rules := parts(o, fields("spec", "rules"))
		if len(rules) == 0 {
			all = append(all, enforcer{"", whole, "Enforce", "Audit"})
		}
		for _, rule := range rules {
			own := below(rule.path, "validate", "failureAction")
			switch {
			case manifest.At(o.Value, own...) != nil:
				all = append(all, enforcer{rule.name, own, "Enforce", "Audit"})
			case manifest.At(o.Value, below(rule.path, "validate")...) != nil:
				all = append(all, enforcer{rule.name, whole, "Enforce", "Audit"})
			}
		}
	case group == "constraints.gatekeeper.sh":
		all = append(all, enforcer{"", fields("spec", "enforcementAction"), "deny", "deny"})
	}
	return all
}

// refusals are the actions of a policy that refuse.
func refusals(o *manifest.Object) (manifest.Path, bool) {
	path := fields("spec", "validationActions")
	is := is(o, "admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") || o.Group() == "policies.kyverno.io"
	return path, is && slices.Contains(manifest.ListAt(o.Value, path...), any("Deny"))
}

func (s *scene) enforcement(p check.Pair) {
	if path, refused := refusals(p.Old); refused && known(p, path, path) {
		if _, refuses := refusals(p.New); !refuses {
			s.at(p.New, path, "protection lost: %s refuses nothing any more: %s: %v → %s", title(p.New), path, manifest.At(p.Old.Value, path...), shown(manifest.At(p.New.Value, path...)))
		}
	}
	olds := enforcers(p.Old)
	told := map[string]bool{} // several rules may rest on one field
	for _, e := range enforcers(p.New) {
		i := slices.IndexFunc(olds, func(was enforcer) bool { return was.of == e.of })
		if i < 0 || told[e.path.String()] || !known(p, olds[i].path, e.path) {
			continue
		}
		old, new := olds[i].value(p.Old), e.value(p.New)
		if strings.EqualFold(old, e.refuses) && !strings.EqualFold(new, e.refuses) {
			told[e.path.String()] = true
			s.at(p.New, e.path, "protection lost: %s refuses no longer: %s: %s → %s", title(p.New), e.path, old, new)
		}
	}
}

// meshSecurity looks for mutual TLS that is no longer strict, and for namespaces that leave the mesh.
func (s *scene) meshSecurity(p check.Pair) {
	if !known(p, fields("spec"), fields("spec")) {
		return
	}
	switch {
	case is(p.New, "security.istio.io", "PeerAuthentication"):
		path := fields("spec", "mtls", "mode")
		old, new := manifest.TextAt(p.Old.Value, path...), manifest.TextAt(p.New.Value, path...)
		if old == "STRICT" && new != "STRICT" {
			s.at(p.New, path, "protection lost: %s asks for mutual TLS no longer: %s: STRICT → %s", title(p.New), path, shown(manifest.At(p.New.Value, path...)))
		}
		ports, _ := manifest.At(p.New.Value, "spec", "portLevelMtls").(map[string]any)
		for port := range ports {
			path := fields("spec", "portLevelMtls", port, "mode")
			was, now := manifest.TextAt(p.Old.Value, path...), manifest.TextAt(p.New.Value, path...)
			if was == "" {
				was = old
			}
			if was == "STRICT" && new == "STRICT" && (now == "PERMISSIVE" || now == "DISABLE") {
				s.at(p.New, path, "protection lost: %s asks for mutual TLS on port %s no longer: STRICT → %s", title(p.New), port, now)
			}
		}
	case is(p.New, "", "Namespace"):
		path := fields("metadata", "labels", "istio-injection")
		if known(p, path, path) && manifest.TextAt(p.Old.Value, path...) == "enabled" && manifest.TextAt(p.New.Value, path...) != "enabled" && manifest.TextAt(p.New.Value, "metadata", "labels", "istio.io/rev") == "" &&
			manifest.TextAt(p.New.Value, "metadata", "labels", "istio.io/dataplane-mode") == "" {
			s.at(p.New, path, "protection lost: new pods of %s are outside of the mesh: istio-injection: enabled → %s", title(p.New), shown(manifest.At(p.New.Value, path...)))
		}
	case is(p.New, "networking.istio.io", "DestinationRule"):
		path := fields("spec", "trafficPolicy", "tls", "mode")
		old, new := manifest.TextAt(p.Old.Value, path...), manifest.TextAt(p.New.Value, path...)
		if old != "" && old != "DISABLE" && new == "DISABLE" {
			s.at(p.New, path, "protection lost: %s sends in the clear: %s: %s → DISABLE", title(p.New), path, old)
		}
	}
}

// unprotected looks at what protected, and is removed.
func (s *scene) unprotected(o *manifest.Object) {
	says := func(format string, args ...any) {
		s.gone(s.pass.Check.Severity, o, nil, "protection lost: %s %s: %s", title(o), s.becomes(o), fmt.Sprintf(format, args...))
	}
	another := func() bool { // of the kind in the namespace, after the change
		return slices.ContainsFunc(s.news(), func(n *manifest.Object) bool { return alike(n, o) && n.Namespace == o.Namespace })
	}
	stays := func() []*manifest.Object { // workloads of the namespace that stay
		return slices.DeleteFunc(workloads(s.news()), func(w *manifest.Object) bool { return w.Namespace != o.Namespace || find(s.olds(), w) == nil })
	}
	_, refuses := refusals(o)
	switch {
	case is(o, "policy", "PodDisruptionBudget"):
		if selector, ok := labelSelector(o, fields("spec", "selector")); ok && manifest.At(o.Value, "spec", "selector") != nil {
			left := selected(stays(), o.Namespace, selector)
			budgets, known := policies(s.news(), func(n *manifest.Object) bool { return alike(n, o) }, fields("spec", "selector"))
			left = slices.DeleteFunc(left, func(w *manifest.Object) bool { return len(over(budgets, w)) > 0 })
			if known && len(left) > 0 {
				says("a drain may take all pods of %s at once", titles(left))
			}
		}
	case is(o, "", "ResourceQuota"), is(o, "", "LimitRange"):
		if left := stays(); !another() && len(left) > 0 {
			says("nothing bounds what the namespace of %s takes", titles(left))
		}
	case is(o, "security.istio.io", "PeerAuthentication") && manifest.TextAt(o.Value, "spec", "mtls", "mode") == "STRICT":
		if left := stays(); !another() && len(left) > 0 {
			says("pods of its namespace take what is in the clear, unless the mesh is strict")
		}
	case isAuthorization(o) && action(o) != "ALLOW" && action(o) != "AUDIT":
		if s.successor(o) == nil && len(stays()) > 0 {
			says("what it refused (%s) is let through", action(o))
		}
	case is(o, "security.istio.io", "RequestAuthentication"):
		if left := stays(); !another() && len(left) > 0 {
			says("no token of a request to its namespace is looked at")
		}
	case refuses, is(o, "admissionregistration.k8s.io", "ValidatingWebhookConfiguration"), o.Group() == "constraints.gatekeeper.sh":
		if s.successor(o) == nil {
			says("what it refused is let in")
		}
	case o.Group() == "kyverno.io" && manifest.TextAt(o.Value, "spec", "validationFailureAction") == "Enforce":
		if s.successor(o) == nil {
			says("what it refused is let in")
		}
	}
}
