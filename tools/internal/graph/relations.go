package graph

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
)

func object(value any, path ...any) map[string]any {
	m, _ := manifest.At(value, path...).(map[string]any)
	return m
}

// stringMap is a map of labels; entries of another type than string fit nothing and are left out.
func stringMap(value any, path ...any) labels.Set {
	set := labels.Set{}
	for k, v := range object(value, path...) {
		if s, ok := v.(string); ok {
			set[k] = s
		}
	}
	return set
}

// pods are those that an object brings about, by the labels that they can have.
type pods struct {
	node      int
	namespace string
	labels    []labels.Set
}

// Pods are the sets of labels of the pods that an object brings about: of its template, or that an operator makes of it, one
// for each role that they can have.
func Pods(o *manifest.Object) []map[string]string {
	var sets []map[string]string
	if pod, ok := template(o); ok {
		sets = append(sets, templated(o, pod))
	}
	for _, set := range made(o) {
		sets = append(sets, set)
	}
	return sets
}

// template is where an object keeps the metadata and the spec of its pods.
func template(o *manifest.Object) (any, bool) {
	k := kindOf(o.ID)
	path, ok := relation.Known().Templates.Of(k.group, k.name)
	if !ok {
		return nil, false
	}
	return manifest.At(o.Value, steps(path)...), true
}

// templated are the labels of the pods of a template: its own, and what the kind's controller adds.
func templated(o *manifest.Object, pod any) labels.Set {
	k := kindOf(o.ID)
	added, _ := relation.Known().Added.Of(k.group, k.name)
	return labels.Merge(stringMap(pod, "metadata", "labels"), added.For(o.Namespace, o.Name))
}

func steps(path []string) manifest.Path {
	out := make(manifest.Path, len(path))
	for i, step := range path {
		out[i] = step
	}
	return out
}

// made are the labels of pods that an operator makes of an object: what it writes, beside the object's own.
func made(o *manifest.Object) []labels.Set {
	k := kindOf(o.ID)
	known, ok := relation.Known().Made.Of(k.group, k.name)
	if !ok {
		return nil
	}
	own := stringMap(o.Value, "metadata", "labels")
	if known.Inherits != nil {
		own = labels.Merge(own, stringMap(o.Value, steps(known.Inherits)...))
	}
	var sets []labels.Set
	for _, set := range known.For(o.Namespace, o.Name) {
		sets = append(sets, labels.Merge(own, set))
	}
	return sets
}

// subset is a part of a DestinationRule, by the host that the rule is about.
type subset struct {
	node
	host destination
}

// service is a Service that the target renders.
type service struct {
	node     int
	labels   labels.Set
	selector labels.Set
}

// collect notes what other objects look for: pods by their labels, subsets by their host.
func (b *builder) collect(o *manifest.Object) {
	self := b.self(o)
	if pod, ok := template(o); ok {
		b.pods = append(b.pods, pods{self, o.Namespace, []labels.Set{templated(o, pod)}})
	} else if sets := made(o); sets != nil {
		b.pods = append(b.pods, pods{self, o.Namespace, sets})
	}
	switch kindOf(o.ID) {
	case kind{"", "Service"}:
		b.services[destination{o.Namespace, o.Name}] = service{
			self, stringMap(o.Value, "metadata", "labels"), stringMap(o.Value, "spec", "selector"),
		}
	case kind{"networking.istio.io", "DestinationRule"}:
		for _, s := range manifest.ListAt(o.Value, "spec", "subsets") {
			n := node{kind: kindOf(o.ID), namespace: o.Namespace, name: o.Name, part: manifest.TextAt(s, "name")}
			if n.part != "" {
				b.node(n, o.ID, false)
				b.subsets = append(b.subsets, subset{n, resolve(manifest.TextAt(o.Value, "spec", "host"), o.Namespace)})
			}
		}
	}
}

func (b *builder) self(o *manifest.Object) int {
	return b.nodes[node{kind: kindOf(o.ID), namespace: o.Namespace, name: o.Name}]
}

// relate adds what leads from an object to others.
func (b *builder) relate(o *manifest.Object) {
	self := b.self(o)
	spec := manifest.At(o.Value, "spec")
	if pod, ok := template(o); ok {
		b.needs(self, o.Namespace, manifest.At(pod, "spec"))
		b.annotations(self, o.Namespace, stringMap(pod, "metadata", "annotations"))
	}
	k := kindOf(o.ID)
	if references, _ := relation.Known().References.Of(k.group, k.name); !isRoute(k) {
		b.follow(self, o.Namespace, o.Value, references)
	}
	b.selectors(self, o)
	b.selectsPods(self, o)
	if isRoute(k) {
		b.route(self, o)
	}
	switch k {
	case kind{"", "Service"}:
		if set := stringMap(spec, "selector"); len(set) > 0 {
			b.selects(self, o.Namespace, set.AsSelector(), "sends to")
		}
	case kind{"networking.istio.io", "VirtualService"}:
		b.virtualService(self, o)
	case kind{"networking.istio.io", "DestinationRule"}:
		b.destinationRule(self, o)
	case kind{"monitoring.coreos.com", "ServiceMonitor"}:
		b.serviceMonitor(self, o)
	case kind{"autoscaling", "HorizontalPodAutoscaler"}:
		b.targets(self, "scales", o.Namespace, manifest.At(spec, "scaleTargetRef"))
	case kind{"keda.sh", "ScaledObject"}:
		b.targets(self, "scales", o.Namespace, manifest.At(spec, "scaleTargetRef"))
	case kind{"autoscaling.k8s.io", "VerticalPodAutoscaler"}:
		b.targets(self, "sizes", o.Namespace, manifest.At(spec, "targetRef"))
	case kind{"", "ResourceQuota"}, kind{"", "LimitRange"}:
		b.refers(self, "limits", kind{"", "Namespace"}, "", o.Namespace)
	case kind{"rbac.authorization.k8s.io", "RoleBinding"}, kind{"rbac.authorization.k8s.io", "ClusterRoleBinding"}:
		b.binding(self, o)
	case kind{"argoproj.io", "Application"}:
		b.application(self, o)
	}
}

// refers leads to an object by its name; an empty name refers to nothing.
func (b *builder) refers(from int, verb string, k kind, namespace, name string) {
	if name != "" {
		b.edge(from, b.named(k, namespace, name), verb, "")
	}
}

// follow leads to what the fields of an object, or of a part of it, name. Of a name that may be in any namespace, only to
// what is there.
func (b *builder) follow(from int, namespace string, value any, references []relation.Reference) {
	for _, r := range references {
		k := kind{r.Group, r.Kind}
		for _, found := range places(value, r.Path) {
			beside, _ := found.beside.(map[string]any)
			switch in := manifest.TextAt(beside, r.Namespace); {
			case !r.Of(found.name, beside):
			case r.Cluster:
				b.refers(from, r.Verb, k, "", found.name)
			case r.Namespace != "" && in != "":
				b.refers(from, r.Verb, k, in, found.name)
			case r.Anywhere, isOfCluster(b.Nodes[from].ID):
				b.anywhere(from, r.Verb, k, found.name)
			default:
				b.optional(from, r.Verb, k, namespace, beside, found.name)
			}
		}
	}
}

// isOfCluster reports whether an object has no namespace: in which one is what it names is for others to say.
func isOfCluster(id manifest.ID) bool {
	return relation.Known().IsOfCluster(id.Group(), id.Kind)
}

// isRoute reports whether a kind is a route of Gateway API, which is drawn with its weights.
func isRoute(k kind) bool {
	return k.group == "gateway.networking.k8s.io" && strings.HasSuffix(k.name, "Route")
}

// place is a name, and the fields that it stands among.
type place struct {
	name   string
	beside any
}

// places are the names at a path.
func places(value any, path []string) []place {
	for i, step := range path {
		if step != relation.Every {
			continue
		}
		var found []place
		for _, entry := range entries(manifest.At(value, steps(path[:i])...)) {
			found = append(found, places(entry, path[i+1:])...)
		}
		return found
	}
	var beside any
	if len(path) > 0 {
		beside = manifest.At(value, steps(path[:len(path)-1])...)
	}
	if name, ok := manifest.At(value, steps(path)...).(string); ok {
		return []place{{name, beside}}
	}
	return nil
}

// entries are those of a list, or of a mapping in the order of its keys.
func entries(value any) []any {
	switch v := value.(type) {
	case []any:
		return v
	case map[string]any:
		var all []any
		for _, key := range slices.Sorted(maps.Keys(v)) {
			all = append(all, v[key])
		}
		return all
	}
	return nil
}

// anywhere leads to every object of a name that the target renders.
func (b *builder) anywhere(from int, verb string, k kind, name string) {
	for _, n := range b.Nodes {
		if kindOf(n.ID) == k && n.ID.Name == name && !n.Outside && n.Part == "" {
			b.refers(from, verb, k, n.ID.Namespace, name)
		}
	}
}

// selectors leads to what an object names in fields that are known by what they are called.
func (b *builder) selectors(self int, o *manifest.Object) {
	k := kindOf(o.ID)
	known, _ := relation.Known().Selecting.Of(k.group, k.name)
	if known == nil {
		return
	}
	var visit func(field string, many bool, value any) // many are lists of mappings, each by a name of its own
	visit = func(field string, many bool, value any) {
		switch v := value.(type) {
		case map[string]any:
			for _, s := range relation.Known().Selected(known, field) {
				switch {
				case s.Many != many, s.Typed && manifest.TextAt(v, "kind") != s.Kind:
				case s.Anywhere, isOfCluster(o.ID):
					b.anywhere(self, s.Verb, kind{"", s.Kind}, manifest.TextAt(v, s.Name))
				default:
					b.optional(self, s.Verb, kind{"", s.Kind}, o.Namespace, v, manifest.TextAt(v, s.Name))
				}
			}
			if many {
				return
			}
			for _, key := range slices.Sorted(maps.Keys(v)) {
				if entries, ok := v[key].([]any); ok {
					visit(field, true, entries)
				}
				visit(key, false, v[key])
			}
		case []any:
			for _, entry := range v {
				visit(field, many, entry)
			}
		}
	}
	visit("", false, object(o.Value, "spec"))
}

// targets follows a reference of apiVersion, kind and name.
func (b *builder) targets(from int, verb, namespace string, ref any) {
	id := manifest.ID{APIVersion: manifest.TextAt(ref, "apiVersion"), Kind: manifest.TextAt(ref, "kind")}
	if id.Kind == "" && id.APIVersion == "" {
		id = manifest.ID{APIVersion: "apps/v1", Kind: "Deployment"} // as KEDA has it
	}
	b.refers(from, verb, kindOf(id), namespace, manifest.TextAt(ref, "name"))
}

// selects leads to all pods of a namespace that a selector fits. One that fits every pod leads to the namespace.
func (b *builder) selects(from int, namespace string, selector labels.Selector, verb string) {
	if selector.Empty() {
		b.refers(from, verb, kind{"", "Namespace"}, "", namespace)
		return
	}
	for _, p := range b.pods {
		if p.namespace == namespace && slices.ContainsFunc(p.labels, func(set labels.Set) bool { return selector.Matches(set) }) {
			b.edge(from, p.node, verb, "")
		}
	}
}

// selectsPods leads to the pods that an object selects. Peers are not drawn: what a policy lets through is no part of the picture.
func (b *builder) selectsPods(self int, o *manifest.Object) {
	known, _ := relation.Known().Selects.Of(o.Group(), o.Kind)
	for _, s := range known {
		if s.Peer {
			continue
		}
		steps := make([]any, len(s.Path))
		for i, step := range s.Path {
			steps[i] = step
		}
		labels := stringMap(o.Value, steps...)
		selector, ok := labels.AsSelector(), s.Map && !(s.None && len(labels) == 0)
		if !s.Map {
			selector, ok = labelSelector(o.Value, steps...)
		}
		if !ok {
			continue
		}
		namespaces := []string{o.Namespace}
		if s.Namespaces != nil {
			namespaces = b.watched(o)
		}
		for _, namespace := range namespaces {
			b.selects(self, namespace, selector, s.Verb)
		}
	}
}

func labelSelector(value any, steps ...any) (labels.Selector, bool) {
	content, ok := manifest.At(value, steps...).(map[string]any)
	if !ok {
		return nil, false
	}
	var typed metav1.LabelSelector
	if runtime.DefaultUnstructuredConverter.FromUnstructured(content, &typed) != nil {
		return nil, false
	}
	selector, err := metav1.LabelSelectorAsSelector(&typed)
	return selector, err == nil
}

// watched are the namespaces that a monitor looks into.
func (b *builder) watched(o *manifest.Object) []string {
	chosen := manifest.At(o.Value, "spec", "namespaceSelector")
	if manifest.At(chosen, "any") == true {
		namespaces := map[string]bool{}
		for _, n := range b.Nodes {
			namespaces[n.ID.Namespace] = true
		}
		return slices.Sorted(maps.Keys(namespaces))
	}
	var named []string
	for _, name := range manifest.ListAt(chosen, "matchNames") {
		if s, ok := name.(string); ok {
			named = append(named, s)
		}
	}
	if named == nil {
		return []string{o.Namespace}
	}
	return named
}

func (b *builder) serviceMonitor(self int, o *manifest.Object) {
	selector, ok := labelSelector(manifest.At(o.Value, "spec"), "selector")
	if !ok {
		return
	}
	namespaces := b.watched(o)
	for d, s := range b.services {
		if slices.Contains(namespaces, d.namespace) && selector.Matches(s.labels) {
			b.edge(self, s.node, "scrapes", "")
		}
	}
}

// needs are what the pods of a workload read and run as.
func (b *builder) needs(self int, namespace string, spec any) {
	b.follow(self, namespace, spec, relation.Known().Pod.Fields)
	for _, secret := range manifest.ListAt(spec, "imagePullSecrets") {
		b.refers(self, "pulls with", kind{"", "Secret"}, namespace, manifest.TextAt(secret, "name"))
	}
	b.volumes(self, namespace, spec)
	for _, field := range []string{"initContainers", "containers"} {
		for _, container := range manifest.ListAt(spec, field) {
			b.container(self, namespace, container)
		}
	}
}

// annotations lead to what those of a pod name.
func (b *builder) annotations(self int, namespace string, annotations map[string]string) {
	for _, known := range relation.Known().Pod.Annotations {
		for _, key := range slices.Sorted(maps.Keys(annotations)) {
			if in, name, ok := known.Names(key, annotations[key]); ok {
				b.refers(self, known.Verb, kind{known.Group, known.Kind}, cmp.Or(in, namespace), name)
			}
		}
	}
}

func (b *builder) volumes(self int, namespace string, spec any) {
	for _, volume := range manifest.ListAt(spec, "volumes") {
		b.sources(self, "mounts", namespace, volume, relation.Known().Pod.Volumes)
		for _, source := range manifest.ListAt(volume, "projected", "sources") {
			b.sources(self, "mounts", namespace, source, relation.Known().Pod.Projected)
		}
	}
}

func (b *builder) container(self int, namespace string, container any) {
	for _, variable := range manifest.ListAt(container, "env") {
		b.sources(self, "reads", namespace, manifest.At(variable, "valueFrom"), relation.Known().Pod.Env)
	}
	for _, source := range manifest.ListAt(container, "envFrom") {
		b.sources(self, "reads", namespace, source, relation.Known().Pod.EnvFrom)
	}
}

func (b *builder) sources(self int, verb, namespace string, entry any, known []relation.Source) {
	for _, s := range known {
		source := manifest.At(entry, s.Source)
		b.optional(self, verb, kind{"", s.Kind}, namespace, source, manifest.TextAt(source, s.Name))
	}
}

// optional leads to what a source names; where it may be missing, only if the target has it.
func (b *builder) optional(self int, verb string, k kind, namespace string, source any, name string) {
	if manifest.At(source, "optional") != true || b.has(k, namespace, name) {
		b.refers(self, verb, k, namespace, name)
	}
}

func (b *builder) binding(self int, o *manifest.Object) {
	role, namespace := manifest.TextAt(o.Value, "roleRef", "kind"), ""
	if role == "Role" {
		namespace = o.Namespace
	}
	b.refers(self, "grants", kind{"rbac.authorization.k8s.io", role}, namespace, manifest.TextAt(o.Value, "roleRef", "name"))
	for _, subject := range manifest.ListAt(o.Value, "subjects") {
		if manifest.TextAt(subject, "kind") != "ServiceAccount" {
			continue
		}
		namespace := manifest.TextAt(subject, "namespace")
		if namespace == "" {
			namespace = o.Namespace
		}
		b.refers(self, "to", kind{"", "ServiceAccount"}, namespace, manifest.TextAt(subject, "name"))
	}
}

// writes leads to what a controller makes of an object: what the object names, and of the rest what somebody reads.
func (b *builder) writes(o *manifest.Object) {
	k := kindOf(o.ID)
	made, _ := relation.Known().Writes.Of(k.group, k.name)
	for _, w := range made {
		to := kind{"", w.Kind}
		named := places(o.Value, w.Path)
		for _, found := range named {
			if w.Anywhere {
				b.anywhere(b.self(o), "writes", to, found.name)
			} else {
				b.refers(b.self(o), "writes", to, o.Namespace, found.name)
			}
		}
		if len(named) > 0 || w.Name == "" {
			continue
		}
		name := strings.ReplaceAll(w.Name, "{name}", o.Name)
		if known, read := b.nodes[node{kind: to, namespace: o.Namespace, name: name}]; read && b.Nodes[known].Outside {
			b.edge(b.self(o), known, "writes", "")
		}
	}
}

func (b *builder) application(self int, o *manifest.Object) {
	spec := manifest.At(o.Value, "spec")
	b.refers(self, "belongs to", kind{"argoproj.io", "AppProject"}, o.Namespace, manifest.TextAt(spec, "project"))
	for _, source := range append([]any{manifest.At(spec, "source")}, manifest.ListAt(spec, "sources")...) {
		path := strings.Trim(manifest.TextAt(source, "path"), "/")
		b.refers(self, "deploys", folder, "", path)
		if path == "" {
			b.refers(self, "deploys", chart, "", manifest.TextAt(source, "chart"))
		}
	}
}

// destination is a Service of the cluster, or with an empty namespace any other host.
type destination struct{ namespace, name string }

// resolve reads a host as Istio does: a name without dots is a Service of the rule's own namespace.
func resolve(name, namespace string) destination {
	parts := strings.Split(name, ".")
	switch {
	case len(parts) == 1:
		return destination{namespace, name}
	case len(parts) >= 3 && parts[2] == "svc":
		return destination{parts[1], parts[0]}
	}
	return destination{"", name}
}

func (b *builder) to(from int, verb, detail string, d destination) {
	switch {
	case d.name == "" || d.name == "*":
	case d.namespace == "":
		b.edge(from, b.named(host, "", d.name), verb, detail)
	default:
		b.edge(from, b.named(kind{"", "Service"}, d.namespace, d.name), verb, detail)
	}
}

func (b *builder) virtualService(self int, o *manifest.Object) {
	for _, name := range manifest.ListAt(o.Value, "spec", "gateways") {
		gateway, _ := name.(string)
		namespace := o.Namespace
		if before, after, found := strings.Cut(gateway, "/"); found {
			namespace, gateway = before, after
		}
		if gateway != "" && gateway != "mesh" {
			b.edge(b.named(kind{"networking.istio.io", "Gateway"}, namespace, gateway), self, "admits to", "")
		}
	}
	for _, name := range manifest.ListAt(o.Value, "spec", "hosts") {
		if s, ok := name.(string); ok {
			b.to(self, "speaks for", "", resolve(s, o.Namespace))
		}
	}
	for _, protocol := range []string{"http", "tls", "tcp"} {
		for _, route := range manifest.ListAt(o.Value, "spec", protocol) {
			b.destinations(self, o.Namespace, route)
		}
	}
}

func (b *builder) destinations(self int, namespace string, route any) {
	for _, to := range manifest.ListAt(route, "route") {
		detail := ""
		if weight, ok := manifest.At(to, "weight").(int64); ok {
			detail = fmt.Sprintf("%d %%", weight)
		} else if manifest.ListAt(route, "match") != nil {
			detail = "on match"
		}
		d, name := resolve(manifest.TextAt(to, "destination", "host"), namespace), manifest.TextAt(to, "destination", "subset")
		if name == "" {
			b.to(self, "routes to", detail, d)
			continue
		}
		found := false
		for _, s := range b.subsets {
			if s.host == d && s.part == name {
				b.edge(self, b.nodes[s.node], "routes to", detail)
				found = true
			}
		}
		if !found {
			k := kind{"networking.istio.io", "DestinationRule"}
			id := manifest.ID{APIVersion: k.group + "/", Kind: k.name, Namespace: d.namespace, Name: d.name}
			b.edge(self, b.node(node{k, d.namespace, d.name, name}, id, true), "routes to", detail)
		}
	}
}

func (b *builder) destinationRule(self int, o *manifest.Object) {
	d := resolve(manifest.TextAt(o.Value, "spec", "host"), o.Namespace)
	subsets := manifest.ListAt(o.Value, "spec", "subsets")
	if len(subsets) == 0 {
		b.to(self, "shapes", "", d)
	}
	for _, subset := range subsets {
		part, known := b.nodes[node{kind: kindOf(o.ID), namespace: o.Namespace, name: o.Name, part: manifest.TextAt(subset, "name")}]
		if !known || part == self {
			continue
		}
		b.edge(self, part, "defines", "")
		set := labels.Merge(b.services[d].selector, stringMap(subset, "labels"))
		if _, rendered := b.services[d]; rendered && len(set) > 0 {
			b.selects(part, d.namespace, set.AsSelector(), "picks")
		}
	}
}

func (b *builder) route(self int, o *manifest.Object) {
	namespaceOf := func(ref any) string {
		if namespace := manifest.TextAt(ref, "namespace"); namespace != "" {
			return namespace
		}
		return o.Namespace
	}
	for _, parent := range manifest.ListAt(o.Value, "spec", "parentRefs") {
		if k := manifest.TextAt(parent, "kind"); (k == "" || k == "Gateway") && manifest.TextAt(parent, "name") != "" {
			b.edge(b.named(kind{"gateway.networking.k8s.io", "Gateway"}, namespaceOf(parent), manifest.TextAt(parent, "name")), self, "admits to", "")
		}
	}
	for _, r := range manifest.ListAt(o.Value, "spec", "rules") {
		for _, to := range manifest.ListAt(r, "backendRefs") {
			if k := manifest.TextAt(to, "kind"); k != "" && k != "Service" {
				continue
			}
			detail := ""
			if weight, ok := manifest.At(to, "weight").(int64); ok {
				detail = fmt.Sprintf("weight %d", weight)
			}
			if name := manifest.TextAt(to, "name"); name != "" {
				b.edge(self, b.named(kind{"", "Service"}, namespaceOf(to), name), "routes to", detail)
			}
		}
	}
}
