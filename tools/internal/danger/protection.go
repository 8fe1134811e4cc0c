package danger

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

var protectionLost = &check.Check{
	Name:  "danger/protection-lost",
	Title: "Nothing loses what protects it",
	Doc: "What protects breaks nothing when it goes: pods that no NetworkPolicy selects any more are open to all, a request that no AuthorizationPolicy allows is let through once there is none, " +
		"an admission policy that audits refuses nothing. Looked at is what holds for pods that stay, by all policies that are over them before and after: to remove one of several NetworkPolicies opens nothing, nor does a DENY that another one repeats. " +
		"Where nobody here knows, requests may be let through: which addresses, names and tokens are of one caller, what an external authorizer says, and whether pods that are elsewhere are there still. " +
		"Not told is what policies are changed for: a peer or a single port more in a NetworkPolicy, a caller more that an AuthorizationPolicy names; told are everybody, every port, a longer range of ports, and what was left out by except or a not… field. Stated " +
		"are also a budget of disruptions, a quota or a limit range that is removed or weakened, mutual TLS that is no longer strict, pods that leave the mesh, webhooks that are passed over when they fail or asked of less, by rules, selectors or conditions, an admission policy that " +
		"validates less, and a sync window that an AppProject has no longer or that denies less. What protects in place of something that is removed counts: another policy or budget over the same pods, a quota or a limit range of the namespace that bounds as much, " +
		"an admission policy that says the same by another name, a binding that is as wide. A webhook, a constraint or a policy of Kyverno, where the change removes one of the kind and adds one, is held to the new one as if it were renamed. " +
		"Policies of another maker, such as Cilium's, and Kyverno's that generate some, are not read: one that comes with the change is taken to be there in place of a NetworkPolicy that goes, and one that stays is named.",
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
	s.loosenedFences()
	s.authorization()
	s.mutualTLS()
	s.portsTLS()
	for _, p := range s.changed() {
		s.leavesMesh(p)
		s.budget(p)
		s.bounds(p)
		s.enforcement(p)
		s.validates(p)
		s.windows(p)
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
	hidden   bool // nobody knows all that it says, or what it selects
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

// obscure reports whether nobody knows all that a field holds.
func obscure(o *manifest.Object, path manifest.Path) bool {
	return slices.ContainsFunc(o.Unknown, func(unknown manifest.Path) bool { return unknown.HasPrefix(path) || path.HasPrefix(unknown) })
}

// policies are the objects of a side that some are, each with what it selects; false where what one selects is not known.
func policies(objects []*manifest.Object, among func(*manifest.Object) bool, path manifest.Path) ([]policy, bool) {
	var all []policy
	for _, o := range objects {
		if !among(o) {
			continue
		}
		selector, ok := labelSelector(o, path)
		if !ok || obscure(o, path) {
			return nil, false
		}
		all = append(all, policy{object: o, selector: selector})
	}
	return all, true
}

// meshPolicies are the objects of a side that some of Istio's are. What is not known of one, in its content or of what it selects, hides that
// one alone: it may be over any pod that it is near to.
func meshPolicies(objects []*manifest.Object, among func(*manifest.Object) bool, content manifest.Path) []policy {
	path := fields("spec", "selector")
	var all []policy
	for _, o := range objects {
		if !among(o) {
			continue
		}
		selector, ok := labelSelector(o, path)
		if !ok || obscure(o, path) {
			selector, ok = labels.Everything(), false
		}
		all = append(all, policy{o, selector, !ok || obscure(o, content)})
	}
	return all
}

func isHidden(p policy) bool { return p.hidden }

func over(all []policy, w *manifest.Object) []policy {
	return slices.DeleteFunc(slices.Clone(all), func(p policy) bool {
		namespace := p.object.Namespace
		if isAuthorization(p.object) && namespace == rootNamespace { // it is for the whole mesh
			namespace = w.Namespace
		}
		return len(selected([]*manifest.Object{w}, namespace, p.selector)) == 0
	})
}

// staying are the workloads of both sides, where it is known which labels their pods have and had.
func (s *scene) staying() []check.Pair {
	return slices.DeleteFunc(s.changed(), func(p check.Pair) bool {
		if len(workloads([]*manifest.Object{p.Old, p.New})) < 2 {
			return true
		}
		_, sure := s.labelsOf(p.New)
		return !sure
	})
}

// standIns are pods for policies that are over no workload of both sides, each with the labels that one of both sides selects: what they are
// for is elsewhere, or comes with the change. Of a policy that selects them no longer the pods have no new side: they may be gone.
func (s *scene) standIns(before, after []policy) []check.Pair {
	var all []check.Pair
	staying := s.staying()
	in := func(list []policy, p policy) bool {
		return slices.ContainsFunc(list, func(o policy) bool { return same(o.object, p.object) && o.selector.String() == p.selector.String() })
	}
	for _, now := range after {
		if !in(before, now) || now.hidden || slices.ContainsFunc(staying, func(p check.Pair) bool { return len(over([]policy{now}, p.New)) > 0 }) {
			continue
		}
		for _, pod := range standIn(now) {
			all = append(all, check.Pair{Old: pod, New: pod})
		}
	}
	for _, was := range before {
		if !in(after, was) && !was.hidden && s.isElsewhere(was) {
			for _, pod := range standIn(was) {
				all = append(all, check.Pair{Old: pod})
			}
		}
	}
	return all
}

// mostStandIns bounds how many pods stand in for what one policy selects.
const mostStandIns = 64

// standIn are pods that a policy selects: one for each value that it asks of a label, without the labels that it asks nothing of but that they
// are missing or other ones. None where it selects nothing.
func standIn(p policy) []*manifest.Object {
	sets := []labels.Set{{}}
	requirements, _ := p.selector.Requirements()
	for _, r := range requirements {
		var values []string
		switch r.Operator() {
		case selection.In, selection.Equals, selection.DoubleEquals:
			values = slices.Sorted(maps.Keys(r.Values()))
		case selection.Exists:
			values = []string{anyOther}
		default:
			continue
		}
		var further []labels.Set
		for _, set := range sets {
			if set.Has(r.Key()) && r.Matches(set) { // another requirement gave it
				further = append(further, set)
				continue
			}
			for _, value := range values {
				further = append(further, labels.Merge(set, labels.Set{r.Key(): value}))
			}
		}
		sets = further[:min(len(further), mostStandIns)]
	}
	var all []*manifest.Object
	for _, set := range sets {
		if !p.selector.Matches(set) {
			continue
		}
		own := map[string]any{}
		for key, value := range set {
			own[key] = value
		}
		all = append(all, &manifest.Object{
			ID:    manifest.ID{APIVersion: "v1", Kind: "Pod", Namespace: p.object.Namespace},
			Value: map[string]any{"metadata": map[string]any{"labels": own}},
		})
	}
	return all
}

// isElsewhere reports a policy of the old side that is for pods which are not here, in a namespace that stays.
func (s *scene) isElsewhere(was policy) bool {
	stays := slices.ContainsFunc(s.news(), func(o *manifest.Object) bool { return o.Namespace == was.object.Namespace && o.Namespace != "" })
	return stays && !slices.ContainsFunc(workloads(s.olds()), func(w *manifest.Object) bool { return len(over([]policy{was}, w)) > 0 })
}

// whose are the pods of workloads, or of stand-ins, as messages call them.
func whose(lost []*manifest.Object) string {
	if lost[0].Name == "" {
		return "what it selects"
	}
	return "the pods of " + titles(lost)
}

// lapse looks for workloads that policies of a sort were over, and none is.
func (s *scene) lapse(among func(*manifest.Object) bool, path manifest.Path, report func(p check.Pair, path manifest.Path, lost []*manifest.Object)) {
	before, known := policies(s.olds(), among, path)
	after, still := policies(s.news(), among, path)
	if !known || !still || len(before) == 0 {
		return
	}
	lost := map[*manifest.Object][]*manifest.Object{} // workloads by the policy that was over them
	for _, w := range s.staying() {
		if was := over(before, w.Old); len(was) > 0 && len(over(after, w.New)) == 0 {
			lost[was[0].object] = append(lost[was[0].object], w.New)
		}
	}
	for _, was := range before {
		if !s.isElsewhere(was) {
			continue
		}
		for _, pod := range standIn(was) {
			if len(over(after, pod)) == 0 {
				lost[was.object] = append(lost[was.object], pod)
			}
		}
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
		s.gone(s.pass.Check.Severity, p.Old, nil, "protection lost: %s %s: %s %s", title(p.Old), s.becomes(p.Old), what, whose(lost))
	case lost[0].Name == "":
		s.at(p.New, path, "protection lost: %s is no longer over all that it selected: %s it", title(p.New), what)
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

// isFence reports a policy of another maker than Kubernetes that may fence pods, or make NetworkPolicies that do.
func isFence(o *manifest.Object) bool {
	if o.Group() == "kyverno.io" {
		return slices.ContainsFunc(manifest.ListAt(o.Value, "spec", "rules"), func(rule any) bool { return manifest.At(rule, "generate") != nil })
	}
	return !isNetworkPolicy(o) && (strings.HasSuffix(o.Kind, "NetworkPolicy") || strings.HasSuffix(o.Kind, "ClusterPolicy"))
}

// isolation looks for pods that nothing fences any more. What a policy of another maker fences is not read here: one that comes, or changes,
// is taken to be there in the place of what goes, and one that stays is named.
func (s *scene) isolation() {
	unless := ""
	for _, p := range s.pairs {
		switch {
		case p.New == nil || !isFence(p.New):
		case p.Old == nil || !equal(content(p.Old), content(p.New)):
			return
		case unless == "":
			unless = "unless " + title(p.New) + " fences them, "
		}
	}
	for _, way := range []struct{ direction, what string }{{"Ingress", "anybody may send to"}, {"Egress", "any address is open to"}} {
		s.lapse(func(o *manifest.Object) bool { return isNetworkPolicy(o) && directs(o, way.direction) }, fields("spec", "podSelector"),
			func(p check.Pair, path manifest.Path, lost []*manifest.Object) {
				s.lapsed(p, path, lost, unless+way.what)
			})
	}
}

// width is how far a rule of a NetworkPolicy opens: 0 for some, 1 for every pod of the cluster, 2 for every address.
func width(rule any, peers string) int {
	list := manifest.ListAt(rule, peers)
	if len(list) == 0 {
		return 2
	}
	widest := 0
	var blocks []netip.Prefix
	for _, peer := range list {
		if block, err := netip.ParsePrefix(manifest.TextAt(peer, "ipBlock", "cidr")); err == nil && len(manifest.ListAt(peer, "ipBlock", "except")) == 0 {
			blocks = append(blocks, block.Masked())
		}
		pods, _ := manifest.At(peer, "podSelector").(map[string]any)
		if selectsEveryNamespace(manifest.At(peer, "namespaceSelector")) && len(pods) == 0 {
			widest = 1
		}
	}
	if coverAll(blocks) {
		return 2
	}
	return widest
}

// coverAll reports whether blocks together have every address of a family.
func coverAll(blocks []netip.Prefix) bool {
	return cover(blocks, netip.PrefixFrom(netip.IPv4Unspecified(), 0)) || cover(blocks, netip.PrefixFrom(netip.IPv6Unspecified(), 0))
}

// cover reports whether blocks together have every address of another one.
func cover(blocks []netip.Prefix, of netip.Prefix) bool {
	blocks = slices.DeleteFunc(slices.Clone(blocks), func(b netip.Prefix) bool { return !b.Overlaps(of) })
	switch {
	case slices.ContainsFunc(blocks, func(b netip.Prefix) bool { return b.Bits() <= of.Bits() }):
		return true
	case len(blocks) < 2: // a part of it is not all
		return false
	}
	low, high := halves(of)
	return cover(blocks, low) && cover(blocks, high)
}

func halves(of netip.Prefix) (low, high netip.Prefix) {
	bytes := of.Addr().AsSlice()
	bytes[of.Bits()/8] |= 0x80 >> (of.Bits() % 8)
	upper, _ := netip.AddrFromSlice(bytes)
	return netip.PrefixFrom(of.Addr(), of.Bits()+1), netip.PrefixFrom(upper, of.Bits()+1)
}

// without are the blocks of one that others leave.
func without(of netip.Prefix, others []netip.Prefix) []netip.Prefix {
	others = slices.DeleteFunc(slices.Clone(others), func(b netip.Prefix) bool { return !b.Overlaps(of) })
	switch {
	case len(others) == 0:
		return []netip.Prefix{of}
	case slices.ContainsFunc(others, func(b netip.Prefix) bool { return b.Bits() <= of.Bits() }):
		return nil
	}
	low, high := halves(of)
	return append(without(low, others), without(high, others)...)
}

// selectsEveryNamespace reports a selector that fits every Namespace: one that is empty, or asks for the label alone that the API
// server gives to each.
func selectsEveryNamespace(selector any) bool {
	fields, is := selector.(map[string]any)
	wanted, _ := fields["matchLabels"].(map[string]any)
	expressions, _ := fields["matchExpressions"].([]any)
	return is && len(wanted) == 0 && !slices.ContainsFunc(expressions, func(e any) bool {
		return manifest.TextAt(e, "key") != "kubernetes.io/metadata.name" || manifest.TextAt(e, "operator") != "Exists"
	})
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
		for _, way := range directions() {
			if !directs(p.New, way.name) {
				continue
			}
			for i, rule := range manifest.ListAt(p.New.Value, "spec", way.rules) {
				wide := width(rule, way.peers)
				ports := manifest.At(rule, "ports")
				if wide == 0 || way.name == "Egress" && (wide == 1 || ports != nil) {
					continue
				}
				var opened []*manifest.Object
				var on []string
				for _, w := range selected(workloads(s.news()), p.New.Namespace, selector) {
					old := find(s.olds(), w)
					if old == nil || len(workloads([]*manifest.Object{old})) == 0 {
						continue
					}
					was := slices.DeleteFunc(over(before, old), func(have policy) bool { return !directs(have.object, way.name) })
					if fresh, some := unopened(old, w, ports, was, way.rules, way.peers, wide); len(was) > 0 && some {
						opened = append(opened, w)
						on = append(on, fresh...)
					}
				}
				if len(opened) > 0 {
					to := []string{"", "every pod of the cluster", "every address"}[wide]
					slices.Sort(on)
					s.at(p.New, fields("spec", way.rules), "protection lost: %s %s %s%s, by rule %d of %s: fenced → open", titles(opened), way.whom, to, onPorts(slices.Compact(on)), i+1, title(p.New))
				}
			}
		}
	}
}

func onPorts(ports []string) string {
	if len(ports) == 0 {
		return ""
	}
	return " on port " + listed(ports)
}

// portRange is what a rule of a NetworkPolicy lets through: all ports of a protocol, one or several in a row, or one that has a name.
type portRange struct {
	protocol, name string
	first, last    int64
}

// portsOf are those of a rule for the pods of a workload: the list as the API server stores it, and names with the numbers that they are of.
// What the server would refuse is none.
func portsOf(w *manifest.Object, ports any) []portRange {
	list, _ := ports.([]any)
	var all []portRange
	for _, port := range list {
		r := portRange{protocol: cmp.Or(manifest.TextAt(port, "protocol"), "TCP")}
		switch number := manifest.At(port, "port"); value := number.(type) {
		case nil:
			r.last = 65535
		case string:
			r.name, r.first = value, containerPort(w, value, r.protocol)
			r.last = r.first
		default:
			first, err := strconv.ParseInt(fmt.Sprint(value), 10, 64)
			if err != nil {
				continue
			}
			r.first, r.last = first, first
			if end, err := strconv.ParseInt(fmt.Sprint(manifest.At(port, "endPort")), 10, 64); err == nil {
				r.last = end
			}
		}
		all = append(all, r)
	}
	return all
}

// containerPort is the number of a port that a container of a workload gives a name; 0 where none does.
func containerPort(w *manifest.Object, name, protocol string) int64 {
	spec, _ := podPath(w)
	for _, list := range containerLists() {
		for _, container := range parts(w, below(spec, list)) {
			for _, port := range manifest.ListAt(w.Value, below(container.path, "ports")...) {
				if number, is := number(manifest.At(port, "containerPort")); is && manifest.TextAt(port, "name") == name && cmp.Or(manifest.TextAt(port, "protocol"), "TCP") == protocol {
					return int64(number)
				}
			}
		}
	}
	return 0
}

// isNowhere reports a name that no container here gives to a port.
func (r portRange) isNowhere() bool { return r.name != "" && r.first == 0 }

func (r portRange) String() string {
	text := strconv.FormatInt(r.first, 10)
	if r.first != r.last {
		text = fmt.Sprintf("%d-%d", r.first, r.last)
	}
	if r.protocol != "TCP" {
		text += "/" + r.protocol
	}
	return text
}

// unopened are the ports of a rule for the pods of a workload that policies let fewer to before; none of all of them, false for none at
// all. A name that no container gives to a port opens nothing.
func unopened(old, w *manifest.Object, ports any, was []policy, rules, peers string, wide int) (fresh []string, some bool) {
	var had []portRange
	for _, have := range was {
		for _, rule := range manifest.ListAt(have.object.Value, "spec", rules) {
			if width(rule, peers) < wide {
				continue
			}
			if len(manifest.ListAt(rule, "ports")) == 0 {
				return nil, false
			}
			had = append(had, portsOf(old, manifest.At(rule, "ports"))...)
		}
	}
	if _, written := podPath(old); !written && slices.ContainsFunc(had, portRange.isNowhere) {
		return nil, false // an operator gives the names
	}
	if list, _ := ports.([]any); len(list) == 0 {
		return nil, true
	}
	for _, port := range portsOf(w, ports) {
		if !port.isNowhere() && !covered(port, had) {
			fresh = append(fresh, port.String())
		}
	}
	return fresh, len(fresh) > 0
}

// covered reports whether ranges have all of another one together.
func covered(of portRange, by []portRange) bool {
	by = slices.DeleteFunc(slices.Clone(by), func(r portRange) bool { return r.protocol != of.protocol })
	if of.name != "" && slices.ContainsFunc(by, func(r portRange) bool { return r.name == of.name }) {
		return true
	}
	slices.SortFunc(by, func(a, b portRange) int { return cmp.Compare(a.first, b.first) })
	next := of.first
	for _, r := range by {
		if r.first <= next {
			next = max(next, r.last+1)
		}
	}
	return next > of.last
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
		if ok && has && percent != also { // of so many pods as are rendered, as the controller rounds: up
			if pods := s.podsOf(p.New); pods > 0 {
				of := func(n int, percent bool) int {
					if percent {
						return (n*pods + 99) / 100
					}
					return n
				}
				was, is, percent, also = of(was, percent), of(is, also), false, false
			}
		}
		switch {
		case ok && has && percent == also && (is-was)*b.worse > 0, letsAllGo(p.New, b.field) && !letsAllGo(p.Old, "minAvailable") && !letsAllGo(p.Old, "maxUnavailable"):
			s.at(p.New, path, "protection lost: %s lets more pods go at once: %s: %v → %v", title(p.New), path, shown(old), shown(new))
		}
	}
}

// podsOf is how many pods the workloads have that a budget selects, as they are rendered; 0 where that is not known.
func (s *scene) podsOf(budget *manifest.Object) int {
	selector, ok := labelSelector(budget, fields("spec", "selector"))
	if !ok {
		return 0
	}
	pods := 0
	for _, w := range selected(workloads(s.news()), budget.Namespace, selector) {
		replicas, isNumber := number(manifest.At(w.Value, "spec", "replicas"))
		if !isNumber {
			return 0
		}
		pods += int(replicas)
	}
	return pods
}

// letsAllGo reports a field of a PodDisruptionBudget that lets every pod go at once, however many there are.
func letsAllGo(o *manifest.Object, field string) bool {
	n, percent, ok := amount(manifest.At(o.Value, "spec", field))
	return ok && (field == "minAvailable" && n <= 0 || field == "maxUnavailable" && percent && n >= 100)
}

// ceiling is the most that an object lets be taken of something.
type ceiling struct {
	what  string // as pods, or Container max memory
	same  string // whichever of its names it goes by
	path  manifest.Path
	limit resource.Quantity
}

// boundsOf are those of a ResourceQuota or a LimitRange. A quota of some pods alone is another one than that of all.
func boundsOf(o *manifest.Object) []ceiling {
	var all []ceiling
	add := func(of string, path manifest.Path) {
		fields, _ := manifest.At(o.Value, path...).(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if limit, ok := quantity(o, below(path, name)); ok {
				all = append(all, ceiling{of + name, of + canonical(o, name), below(path, name), limit})
			}
		}
	}
	switch {
	case is(o, "", "ResourceQuota"):
		of := ""
		for _, field := range []string{"scopes", "scopeSelector"} {
			if scope := manifest.At(o.Value, "spec", field); scope != nil {
				of += fmt.Sprintf("%v ", scope)
			}
		}
		add(of, fields("spec", "hard"))
	case is(o, "", "LimitRange"):
		for i, entry := range manifest.ListAt(o.Value, "spec", "limits") {
			for _, field := range []string{"max", "maxLimitRequestRatio"} {
				add(manifest.TextAt(entry, "type")+" "+field+" ", below(fields("spec", "limits"), i, field))
			}
		}
	}
	return all
}

// canonical is a name of what a quota bounds, of those that are the same to Kubernetes.
// https://kubernetes.io/docs/concepts/policy/resource-quotas/
func canonical(o *manifest.Object, name string) string {
	if !is(o, "", "ResourceQuota") {
		return name
	}
	switch name {
	case "cpu", "memory", "ephemeral-storage":
		return "requests." + name
	case "count/configmaps", "count/persistentvolumeclaims", "count/replicationcontrollers", "count/resourcequotas", "count/secrets", "count/services":
		return strings.TrimPrefix(name, "count/")
	}
	return name
}

// loosened are the bounds of an object that nothing of its kind and namespace holds any more after the change, each with what the
// object itself says instead, if it says anything.
func (s *scene) loosened(old, now *manifest.Object) (lost []ceiling, instead []*ceiling) {
	for _, was := range boundsOf(old) {
		holds := func(o *manifest.Object) bool {
			return alike(o, old) && o.Namespace == old.Namespace && (o.Hides(fields("spec")) || slices.ContainsFunc(boundsOf(o), func(b ceiling) bool {
				isAll := was.same == "pods" && b.same == "count/pods" // those that run are among all of them
				return (b.same == was.same || isAll) && b.limit.Cmp(was.limit) <= 0
			}))
		}
		if old.Hides(was.path) || slices.ContainsFunc(s.news(), holds) {
			continue
		}
		var is *ceiling
		if now != nil {
			own := boundsOf(now)
			if i := slices.IndexFunc(own, func(b ceiling) bool { return b.same == was.same }); i >= 0 {
				is = &own[i]
			}
		}
		lost, instead = append(lost, was), append(instead, is)
	}
	return lost, instead
}

// bounds looks for a quota or a limit range that lets more be taken.
func (s *scene) bounds(p check.Pair) {
	lost, instead := s.loosened(p.Old, p.New)
	for i, was := range lost {
		at, now := was.path[:2], any(nil)
		if instead[i] != nil {
			at = instead[i].path
			now = manifest.At(p.New.Value, at...)
		}
		s.at(p.New, at, "protection lost: %s lets more be taken: %s: %v → %s", title(p.New), was.what, manifest.At(p.Old.Value, was.path...), shown(now))
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
	if e.refuses == "deny" && manifest.TextAt(o.Value, e.path...) == "scoped" && deniesSomewhere(o) {
		return e.refuses
	}
	return cmp.Or(manifest.TextAt(o.Value, e.path...), e.unset)
}

// deniesSomewhere reports a constraint of Gatekeeper that denies where its webhook is asked, or everywhere.
// https://open-policy-agent.github.io/gatekeeper/website/docs/enforcement-points/
func deniesSomewhere(o *manifest.Object) bool {
	return slices.ContainsFunc(manifest.ListAt(o.Value, "spec", "scopedEnforcementActions"), func(scoped any) bool {
		return manifest.TextAt(scoped, "action") == "deny" && slices.ContainsFunc(manifest.ListAt(scoped, "enforcementPoints"), func(point any) bool {
			return slices.Contains([]string{"*", "validation.gatekeeper.sh"}, manifest.TextAt(point, "name"))
		})
	})
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

// stands reports whether another object refuses what one refuses, after the change.
func (s *scene) stands(one *manifest.Object) bool {
	spec := func(o *manifest.Object, field string) any { return manifest.At(o.Value, "spec", field) }
	return slices.ContainsFunc(s.news(), func(o *manifest.Object) bool {
		if !alike(o, one) || o.Namespace != one.Namespace || same(o, one) || len(o.Unknown) > 0 {
			return false
		}
		if o.Kind != "ValidatingAdmissionPolicyBinding" {
			return equal(content(o), content(one))
		}
		_, refuses := refusals(o)
		return refuses && spec(o, "policyName") == spec(one, "policyName") && equal(spec(o, "paramRef"), spec(one, "paramRef")) &&
			(spec(o, "matchResources") == nil || equal(spec(o, "matchResources"), spec(one, "matchResources")))
	})
}

// content is what an object says beside what it is called.
func content(o *manifest.Object) map[string]any {
	rest := maps.Clone(o.Value)
	for _, field := range []string{"apiVersion", "metadata", "status"} {
		delete(rest, field)
	}
	return rest
}

func (s *scene) enforcement(p check.Pair) {
	if path, refused := refusals(p.Old); refused && known(p, path, path) {
		if _, refuses := refusals(p.New); !refuses && !s.stands(p.Old) {
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
	// Rules that take the place of others have other names: fewer of them are less.
	news := enforcers(p.New)
	if len(news) >= len(olds) {
		return
	}
	list := fields("spec", "rules")
	if is(p.New, "admissionregistration.k8s.io", "ValidatingWebhookConfiguration") {
		list = fields("webhooks")
	}
	for _, e := range olds {
		held := is(p.Old, "admissionregistration.k8s.io", "ValidatingWebhookConfiguration") && s.holdsHook(p.Old, e.path[:len(e.path)-1])
		if e.of != "" && !held && strings.EqualFold(e.value(p.Old), e.refuses) && !slices.ContainsFunc(news, func(n enforcer) bool { return n.of == e.of }) && known(p, list, list) {
			s.at(p.New, list, "protection lost: %s has %q no longer: what it refused is let in", title(p.New), e.of)
		}
	}
}

func isPeerAuthentication(o *manifest.Object) bool {
	return is(o, "security.istio.io", "PeerAuthentication")
}

// rootNamespace is where Istio has what holds for the whole mesh, unless it is told otherwise.
const rootNamespace = "istio-system"

// mutualTLSMode is how pods of a workload take what is sent to them, and what says so: the policy that selects them, else that of their
// namespace, else that of the mesh. "" is what the mesh has where nobody here says it.
// https://istio.io/latest/docs/reference/config/security/peer_authentication/
func mutualTLSMode(all []policy, w *manifest.Object) (mode string, by *manifest.Object) {
	best := 0
	for _, p := range all {
		said := manifest.TextAt(p.object.Value, "spec", "mtls", "mode")
		if n := closeness(p, w); n > best && said != "" && said != "UNSET" {
			best, mode, by = n, said, p.object
		}
	}
	return mode, by
}

// closeness is how close a PeerAuthentication is to a workload, of which the closest counts: 0 for one that is not for it.
func closeness(p policy, w *manifest.Object) int {
	switch selects := manifest.At(p.object.Value, "spec", "selector"); {
	case selects != nil && len(over([]policy{p}, w)) > 0:
		return 3
	case selects == nil && p.object.Namespace == w.Namespace:
		return 2
	case selects == nil && p.object.Namespace == rootNamespace:
		return 1
	}
	return 0
}

// meshed are pods that policies of the mesh are over, before and after.
type meshed struct {
	check.Pair
	named bool // a workload of a target has them; of a stand-in there is nothing to name
}

// inMesh are those of which it is known which policies are over them.
func (s *scene) inMesh(before, after []policy) []meshed {
	var all []meshed
	for _, w := range append(s.staying(), s.standIns(before, after)...) {
		named := w.Old != w.New && w.New != nil
		if w.New == nil {
			w.New = w.Old
		}
		hides := func(p policy) bool { return p.hidden && closeness(p, w.New) > 0 }
		if !slices.ContainsFunc(before, hides) && !slices.ContainsFunc(after, hides) {
			all = append(all, meshed{w, named})
		}
	}
	return all
}

// mutualTLS looks for workloads whose pods took nothing in the clear, and do now.
func (s *scene) mutualTLS() {
	path, mode := fields("spec", "selector"), fields("spec", "mtls", "mode")
	before, after := meshPolicies(s.olds(), isPeerAuthentication, mode), meshPolicies(s.news(), isPeerAuthentication, mode)
	type loss struct {
		by   *manifest.Object // of the old side
		now  *manifest.Object // what counts instead; nil for what the mesh has
		mode string
	}
	var losses []loss
	lost := map[loss][]*manifest.Object{}
	for _, w := range s.inMesh(before, after) {
		was, by := mutualTLSMode(before, w.Old)
		is, now := mutualTLSMode(after, w.New)
		if was != "STRICT" || is == "STRICT" {
			continue
		}
		key := loss{by, now, is}
		if !slices.Contains(losses, key) {
			losses = append(losses, key)
		}
		if w.named {
			lost[key] = append(lost[key], w.New)
		}
	}
	for _, l := range losses {
		pods := lost[l]
		i := slices.IndexFunc(s.pairs, func(p check.Pair) bool { return p.Old == l.by })
		if i < 0 {
			continue
		}
		p := s.pairs[i]
		unless := ""
		if l.now == nil {
			unless = ", unless the mesh is strict"
		}
		switch {
		case p.New == nil && len(pods) == 0:
			s.gone(s.pass.Check.Severity, p.Old, nil, "protection lost: %s %s: what it selects may take what is in the clear%s", title(p.Old), s.becomes(p.Old), unless)
		case p.New == nil:
			s.gone(s.pass.Check.Severity, p.Old, nil, "protection lost: %s %s: the pods of %s take what is in the clear%s", title(p.Old), s.becomes(p.Old), titles(pods), unless)
		case manifest.TextAt(p.New.Value, mode...) != "STRICT":
			s.at(p.New, mode, "protection lost: %s asks for mutual TLS no longer: %s: STRICT → %s%s", title(p.New), mode, shown(manifest.At(p.New.Value, mode...)), unless)
		case len(pods) == 0 && !equal(manifest.At(p.Old.Value, path...), manifest.At(p.New.Value, path...)):
			s.at(p.New, path, "protection lost: %s is no longer over all that it selected: it may take what is in the clear%s", title(p.New), unless)
		case len(pods) == 0:
		case !equal(manifest.At(p.Old.Value, path...), manifest.At(p.New.Value, path...)):
			s.at(p.New, path, "protection lost: %s is no longer over the pods of %s: they take what is in the clear%s", title(p.New), titles(pods), unless)
		case l.now != nil && l.now != p.New && !same(l.now, p.New):
			s.at(l.now, mode, "protection lost: the pods of %s take what is in the clear: %s: STRICT (of %s) → %s", titles(pods), mode, title(p.Old), l.mode)
		default:
			for _, w := range pods {
				at, _ := s.labelsOf(w)
				s.at(w, at, "protection lost: the pods of %s have no longer the labels that %s selects: they take what is in the clear%s", title(w), title(p.New), unless)
			}
		}
	}
}

// meshSecurity looks for namespaces that leave the mesh, and for what sends in the clear.
func (s *scene) meshSecurity(p check.Pair) {
	if !known(p, fields("spec"), fields("spec")) {
		return
	}
	switch {
	case is(p.New, "", "Namespace"):
		label, inMesh := meshLabel(p.Old)
		path := fields("metadata", "labels", label)
		if _, stays := meshLabel(p.New); inMesh && !stays && known(p, fields("metadata", "labels"), fields("metadata", "labels")) {
			s.at(p.New, path, "protection lost: new pods of %s are outside of the mesh: %s: %s → %s", title(p.New), label, manifest.TextAt(p.Old.Value, path...), shown(manifest.At(p.New.Value, path...)))
		}
	case is(p.New, "networking.istio.io", "DestinationRule"):
		path := fields("spec", "trafficPolicy", "tls", "mode")
		old, new := manifest.TextAt(p.Old.Value, path...), manifest.TextAt(p.New.Value, path...)
		if old != "" && old != "DISABLE" && new == "DISABLE" {
			s.at(p.New, path, "protection lost: %s sends in the clear: %s: %s → DISABLE", title(p.New), path, old)
		}
	}
}

// meshLabel is the label by which pods of a Namespace are in the mesh; false where they are not, unless they say so themselves.
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy
func meshLabel(namespace *manifest.Object) (label string, inMesh bool) {
	of := func(label string) string { return manifest.TextAt(namespace.Value, "metadata", "labels", label) }
	switch {
	case of("istio.io/dataplane-mode") == "ambient":
		return "istio.io/dataplane-mode", true
	case of("istio-injection") != "":
		return "istio-injection", of("istio-injection") == "enabled"
	}
	return "istio.io/rev", of("istio.io/rev") != ""
}

// portTLSMode is mutualTLSMode for a port: a policy that selects a workload may say something else of one.
func portTLSMode(all []policy, w *manifest.Object, port string) (mode string, by *manifest.Object) {
	for _, p := range all {
		said := manifest.TextAt(p.object.Value, "spec", "portLevelMtls", port, "mode")
		if closeness(p, w) == 3 && said != "" && said != "UNSET" {
			return said, p.object
		}
	}
	return mutualTLSMode(all, w)
}

// portsTLS looks for ports of which pods took nothing in the clear, and do now, where that is not so of every port.
func (s *scene) portsTLS() {
	list := fields("spec", "portLevelMtls")
	content := fields("spec")
	before, after := meshPolicies(s.olds(), isPeerAuthentication, content), meshPolicies(s.news(), isPeerAuthentication, content)
	var ports []string
	for _, p := range slices.Concat(before, after) {
		own, _ := manifest.At(p.object.Value, list...).(map[string]any)
		ports = append(ports, slices.Collect(maps.Keys(own))...)
	}
	slices.Sort(ports)
	ports = slices.Compact(ports)
	type loss struct {
		by, now    *manifest.Object
		port, mode string
	}
	var losses []loss
	lost := map[loss][]*manifest.Object{}
	for _, w := range s.inMesh(before, after) {
		was, _ := mutualTLSMode(before, w.Old)
		is, _ := mutualTLSMode(after, w.New)
		for _, port := range ports {
			old, by := portTLSMode(before, w.Old, port)
			new, now := portTLSMode(after, w.New, port)
			if old != "STRICT" || new == "STRICT" || was == "STRICT" && is != "STRICT" { // which is told of all ports
				continue
			}
			l := loss{by, now, port, new}
			if !slices.Contains(losses, l) {
				losses = append(losses, l)
			}
			if w.named {
				lost[l] = append(lost[l], w.New)
			}
		}
	}
	for _, l := range losses {
		whom, unless := "what it selects", ""
		if len(lost[l]) > 0 {
			whom = "the pods of " + titles(lost[l])
		}
		if l.now == nil {
			unless = ", unless the mesh is strict"
		}
		i := slices.IndexFunc(s.pairs, func(p check.Pair) bool { return p.Old == l.by })
		if i < 0 {
			continue
		}
		p := s.pairs[i]
		at := below(list, l.port, "mode")
		switch {
		case l.now != nil && (p.New == nil || !same(l.now, p.New)):
			if manifest.At(l.now.Value, at...) == nil {
				at = fields("spec", "mtls", "mode")
			}
			s.at(l.now, at, "protection lost: %s may take what is in the clear on port %s: STRICT (of %s) → %s", whom, l.port, title(l.by), l.mode)
		case p.New == nil:
			s.gone(s.pass.Check.Severity, p.Old, nil, "protection lost: %s %s: %s may take what is in the clear on port %s%s", title(p.Old), s.becomes(p.Old), whom, l.port, unless)
		case len(lost[l]) > 0 && equal(manifest.At(p.Old.Value, "spec"), manifest.At(p.New.Value, "spec")): // its pods have other labels
			for _, w := range lost[l] {
				labels, _ := s.labelsOf(w)
				s.at(w, labels, "protection lost: the pods of %s have no longer the labels that %s selects: they may take what is in the clear on port %s%s", title(w), title(p.New), l.port, unless)
			}
		default:
			s.at(p.New, at, "protection lost: %s asks for mutual TLS on port %s no longer: STRICT → %s%s", title(p.New), l.port, cmp.Or(l.mode, "not set"), unless)
		}
	}
}

// outsideOfMesh is the label or the annotation by which pods are not in the mesh; none where they say nothing of it.
// https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy
func outsideOfMesh(o *manifest.Object, of manifest.Path) manifest.Path {
	const inject, mode = "sidecar.istio.io/inject", "istio.io/dataplane-mode"
	label := func(key string) string { return manifest.TextAt(o.Value, below(of, "labels", key)...) }
	switch noted := strings.ToLower(manifest.TextAt(o.Value, below(of, "annotations", inject)...)); {
	case label(mode) == "none":
		return below(of, "labels", mode)
	case label(inject) != "":
		if label(inject) == "false" {
			return below(of, "labels", inject)
		}
	case noted != "" && !slices.Contains([]string{"y", "yes", "true", "on"}, noted):
		return below(of, "annotations", inject)
	}
	return nil
}

// isInMesh reports whether the old side says that pods of a workload are in the mesh: they do, their Namespace, or a policy of the mesh that is over
// them.
func (s *scene) isInMesh(w *manifest.Object, of manifest.Path) bool {
	says := func(key string) string { return manifest.TextAt(w.Value, below(of, "labels", key)...) }
	if says("sidecar.istio.io/inject") == "true" || says("istio.io/dataplane-mode") == "ambient" {
		return true
	}
	for _, o := range s.olds() {
		if !is(o, "", "Namespace") || o.Name != w.Namespace {
			continue
		}
		if label, inMesh := meshLabel(o); inMesh || manifest.TextAt(o.Value, "metadata", "labels", label) != "" {
			return inMesh
		}
	}
	policies := slices.Concat(authorizations(s.olds()), meshPolicies(s.olds(), isPeerAuthentication, fields("spec")))
	return slices.ContainsFunc(policies, func(p policy) bool { return !p.hidden && len(over([]policy{p}, w)) > 0 })
}

// leavesMesh looks for pods that what the mesh has for them reaches no longer, on all ports or on some.
func (s *scene) leavesMesh(p check.Pair) {
	before, had := podPath(p.Old)
	after, has := podPath(p.New)
	if !had || !has {
		return
	}
	was, now := below(before[:len(before)-1], "metadata"), below(after[:len(after)-1], "metadata")
	if outsideOfMesh(p.Old, was) != nil || !s.isInMesh(p.Old, was) {
		return
	}
	if path := outsideOfMesh(p.New, now); path != nil {
		old := below(was, path[len(path)-2:]...)
		if known(p, old, path) {
			s.at(p.New, path, "protection lost: new pods of %s are outside of the mesh: %s: %s → %s", title(p.New), path[len(path)-1], shown(manifest.At(p.Old.Value, old...)), shown(manifest.At(p.New.Value, path...)))
		}
		return
	}
	const excluded = "traffic.sidecar.istio.io/excludeInboundPorts"
	old, new := below(was, "annotations", excluded), below(now, "annotations", excluded)
	listOf := func(o *manifest.Object, path manifest.Path) []string {
		return strings.FieldsFunc(manifest.TextAt(o.Value, path...), func(r rune) bool { return r == ',' || r == ' ' })
	}
	hadPorts := listOf(p.Old, old)
	more := slices.DeleteFunc(listOf(p.New, new), func(port string) bool { return slices.Contains(hadPorts, port) })
	if len(more) > 0 && known(p, old, new) {
		s.at(p.New, new, "protection lost: new pods of %s take what comes past the mesh on port %s: %s: %s → %s", title(p.New), listed(more), excluded, shown(manifest.At(p.Old.Value, old...)), shown(manifest.At(p.New.Value, new...)))
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
		left := stays()
		if len(left) == 0 {
			return
		}
		if !another() {
			says("nothing bounds what the namespace of %s takes", titles(left))
			return
		}
		lost, _ := s.loosened(o, nil)
		var words []string
		for _, b := range lost {
			words = append(words, fmt.Sprintf("%s (%v)", b.what, manifest.At(o.Value, b.path...)))
		}
		if len(words) > 0 {
			says("what the namespace of %s takes is bound no longer in %s", titles(left), listed(words))
		}
	case is(o, "security.istio.io", "RequestAuthentication"):
		if left := stays(); !another() && len(left) > 0 {
			says("no token of a request to its namespace is looked at")
		}
	case refuses, is(o, "admissionregistration.k8s.io", "ValidatingWebhookConfiguration"), o.Group() == "constraints.gatekeeper.sh":
		if next := s.successor(o); next != nil {
			s.enforcement(check.Pair{Old: o, New: next})
			s.validates(check.Pair{Old: o, New: next})
		} else if !s.stands(o) && !s.holdsHooks(o) {
			says("what it refused is let in")
		}
	case is(o, "admissionregistration.k8s.io", "ValidatingAdmissionPolicy"):
		bound := func(n *manifest.Object) bool {
			_, refuses := refusals(n)
			return refuses && n.Kind == "ValidatingAdmissionPolicyBinding" && manifest.TextAt(n.Value, "spec", "policyName") == o.Name
		}
		if slices.ContainsFunc(s.news(), bound) { // without it there is nothing that its bindings hold to
			says("what it refused is let in")
		}
	case o.Group() == "kyverno.io" && slices.ContainsFunc(enforcers(o), func(e enforcer) bool { return strings.EqualFold(e.value(o), e.refuses) }):
		if next := s.successor(o); next != nil {
			s.enforcement(check.Pair{Old: o, New: next})
		} else {
			says("what it refused is let in")
		}
	}
}
