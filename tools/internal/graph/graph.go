// Package graph is how the objects of a target hang together: who sends to whom, what scales, guards and watches a
// workload, what it reads; and where to draw all that.
package graph

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/relation"
)

// Graph is the objects of a target and what leads from one to another.
type Graph struct {
	Nodes []Node
	Edges []Edge // sorted by From, then To; one for each pair
}

// Node is an object, a part of one, or what an object names.
type Node struct {
	ID   manifest.ID
	Part string // a subset of a DestinationRule; "" for an object as a whole

	// Outside is set where an object names what the target does not render: a Secret that an operator writes, the
	// folder that an Application deploys.
	Outside bool
}

// Edge leads from an object to what it acts on or needs.
type Edge struct {
	From, To int      // indexes of Nodes
	Verbs    []string // what the one does with the other, sorted: "mounts", "reads"
	Detail   string   // worth a word in a picture: the share of a route, "90 %"
}

// Of reads the references of objects. What is malformed refers to nothing: to say so is what the checks are for.
func Of(objects []*manifest.Object) Graph {
	b := &builder{nodes: map[node]int{}, edges: map[[2]int]int{}, services: map[destination]service{}}
	for _, o := range objects {
		b.node(node{kind: kindOf(o.ID), namespace: o.Namespace, name: o.Name}, o.ID, false)
	}
	for _, o := range objects {
		b.collect(o)
	}
	for _, o := range objects {
		b.relate(o)
	}
	for _, o := range objects {
		b.writes(o)
	}
	for i := range b.Edges {
		slices.Sort(b.Edges[i].Verbs)
	}
	slices.SortFunc(b.Edges, func(a, b Edge) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return b.Graph
}

// Parts takes the graph apart into what hangs together, the largest first, each a sorted list of nodes, and the nodes
// that nothing leads to or from.
func (g Graph) Parts() (connected [][]int, alone []int) {
	root := make([]int, len(g.Nodes))
	for i := range root {
		root[i] = i
	}
	var find func(int) int
	find = func(i int) int {
		if root[i] != i {
			root[i] = find(root[i])
		}
		return root[i]
	}
	for _, e := range g.Edges {
		a, b := find(e.From), find(e.To)
		root[max(a, b)] = min(a, b)
	}
	parts := map[int][]int{}
	for i := range g.Nodes {
		parts[find(i)] = append(parts[find(i)], i)
	}
	for i := range g.Nodes {
		switch part := parts[i]; {
		case len(part) == 1:
			alone = append(alone, i)
		case len(part) > 1:
			connected = append(connected, part)
		}
	}
	slices.SortStableFunc(connected, func(a, b []int) int { return len(b) - len(a) })
	return connected, alone
}

// Concern is what objects of a kind are there for.
type Concern string

// The concerns, as a reader meets them on the way of a request.
const (
	Traffic   Concern = "traffic"
	Workload  Concern = "workloads"
	Scaling   Concern = "scale and availability"
	Config    Concern = "configuration and data"
	Identity  Concern = "identity and access"
	Guard     Concern = "limits and security"
	Telemetry Concern = "telemetry"
	Delivery  Concern = "delivery"
	Other     Concern = "other"
)

// Concerns are all of them in that order.
func Concerns() []Concern {
	return []Concern{Traffic, Workload, Scaling, Config, Identity, Guard, Telemetry, Delivery, Other}
}

var concerns = map[kind]Concern{
	{"", "Service"}: Traffic, {"", "Endpoints"}: Traffic, {"discovery.k8s.io", "EndpointSlice"}: Traffic,
	{"networking.k8s.io", "Ingress"}: Traffic, {"networking.k8s.io", "IngressClass"}: Traffic,
	{"policy", "PodDisruptionBudget"}: Scaling, {"scheduling.k8s.io", "PriorityClass"}: Scaling,
	{"", "ConfigMap"}: Config, {"", "Secret"}: Config, {"", "PersistentVolumeClaim"}: Config, {"", "PersistentVolume"}: Config,
	{"", "ServiceAccount"}: Identity,
	{"", "Namespace"}:      Guard, {"", "ResourceQuota"}: Guard, {"", "LimitRange"}: Guard, {"networking.k8s.io", "NetworkPolicy"}: Guard,
	{"apiregistration.k8s.io", "APIService"}: Scaling, folder: Delivery, chart: Delivery, host: Traffic,
}

var concernsOfGroups = map[string]Concern{
	"apps": Workload, "autoscaling": Scaling, "autoscaling.k8s.io": Scaling, "keda.sh": Scaling,
	"networking.istio.io": Traffic, "gateway.networking.k8s.io": Traffic, "security.istio.io": Guard, "telemetry.istio.io": Telemetry,
	"rbac.authorization.k8s.io": Identity, "storage.k8s.io": Config, "external-secrets.io": Config, "bitnami.com": Config,
	"cert-manager.io": Config, "postgresql.cnpg.io": Config, "admissionregistration.k8s.io": Guard,
	"monitoring.coreos.com": Telemetry, "opentelemetry.io": Telemetry, "argoproj.io": Delivery,
}

// ConcernOf is what an object is there for, by its kind.
func ConcernOf(id manifest.ID) Concern {
	k := kindOf(id)
	if relation.Known().MakesPods(k.group, k.name) {
		return Workload
	}
	if c, ok := concerns[k]; ok {
		return c
	}
	if c, ok := concernsOfGroups[k.group]; ok {
		return c
	}
	return Other
}

// kind is a kind of any version.
type kind struct{ group, name string }

// What objects name that is no object.
var (
	folder = kind{"", "folder"}
	chart  = kind{"", "chart"}
	host   = kind{"", "host"}
)

// IsObject tells an object from what else an object can name: a folder, a chart, a host outside of the cluster.
func IsObject(id manifest.ID) bool {
	return !slices.Contains([]kind{folder, chart, host}, kindOf(id))
}

func kindOf(id manifest.ID) kind { return kind{id.Group(), id.Kind} }

// node is what a reference names, in whatever version.
type node struct {
	kind
	namespace, name, part string
}

type builder struct {
	Graph
	nodes    map[node]int
	edges    map[[2]int]int
	pods     []pods
	subsets  []subset
	services map[destination]service
}

// node is the index of a node, which is made where nothing has named it yet.
func (b *builder) node(n node, id manifest.ID, outside bool) int {
	i, known := b.nodes[n]
	if !known {
		i = len(b.Nodes)
		b.nodes[n] = i
		b.Nodes = append(b.Nodes, Node{ID: id, Part: n.part, Outside: outside})
	}
	return i
}

// named is the node of an object that another one names.
func (b *builder) named(k kind, namespace, name string) int {
	id := manifest.ID{APIVersion: k.group, Kind: k.name, Namespace: namespace, Name: name}
	if k.group != "" {
		id.APIVersion += "/" // of a version that nobody said
	}
	return b.node(node{kind: k, namespace: namespace, name: name}, id, true)
}

// has reports whether the target renders an object.
func (b *builder) has(k kind, namespace, name string) bool {
	i, ok := b.nodes[node{kind: k, namespace: namespace, name: name}]
	return ok && !b.Nodes[i].Outside
}

func (b *builder) edge(from, to int, verb, detail string) {
	if from == to {
		return
	}
	pair := [2]int{from, to}
	i, known := b.edges[pair]
	if !known {
		i = len(b.Edges)
		b.edges[pair] = i
		b.Edges = append(b.Edges, Edge{From: from, To: to})
	}
	e := &b.Edges[i]
	if !slices.Contains(e.Verbs, verb) {
		e.Verbs = append(e.Verbs, verb)
	}
	if detail != "" && !slices.Contains(strings.Split(e.Detail, ", "), detail) {
		e.Detail = strings.TrimPrefix(e.Detail+", "+detail, ", ")
	}
}
