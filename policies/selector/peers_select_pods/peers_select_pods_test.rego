package policies.selector.peers_select_pods_test

import data.policies.lib.fixture_test as fixture
import data.policies.selector.peers_select_pods

_policy(direction, side, app) := {
	"apiVersion": "networking.k8s.io/v1",
	"kind": "NetworkPolicy",
	"metadata": {"name": "web", "namespace": "shop"},
	"spec": {"podSelector": {"matchLabels": {"app": "unknown"}}, direction: [{}, {side: [{"podSelector": {"matchLabels": {"app": app}}}]}]},
}

test_allows_pods_of_every_kind[kind] if {
	some kind, obj in fixture.workloads({})
	objects := [obj, _policy("ingress", "from", "web"), _policy("egress", "to", "web")]
	peers_select_pods.deny == set() with input as fixture.overlay(objects)
}

test_denies_other_labels[direction] if {
	some direction, [side, verb] in {"ingress": ["from", "admits"], "egress": ["to", "lets out to"]}
	peers_select_pods.deny == {{
		"msg": sprintf(`NetworkPolicy "web" %s nobody by rule 2, peer 1 of %s: no pod of namespace shop has the labels {"app":"other"}`, [verb, direction]),
		"path": ["objects", 1, "spec", direction, 1, side, 0, "podSelector", "matchLabels", "app"],
		"missing": {"kind": "pods", "namespace": "shop", "name": `{"app":"other"}`},
	}} with input as fixture.overlay([fixture.workload("Deployment", {}, {}), _policy(direction, side, "other")])
}

test_says_nothing_of_namespaces_without_pods if {
	peers_select_pods.deny == set() with input as fixture.overlay([_policy("ingress", "from", "web")])
}

_of_namespace(name) := _in_rule({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}})

_in_rule(peer) := object.union(_policy("ingress", "from", "web"), {"spec": {"ingress": [{"from": [peer]}]}})

_faults(name, external) := {[fault.msg, fault.path, fault.missing] | some fault in found} if {
	objects := [_of_namespace(name), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "rendered"}}]
	found := peers_select_pods.deny with input as object.union(fixture.overlay(objects), {"external": external})
}

test_denies_namespaces_that_nobody_has if {
	external := [{"kind": "Namespace", "namespace": "", "name": "monitoring"}]
	every name in ["monitoring", "kube-system", "default", "rendered", "shop"] {
		_faults(name, external) == set()
	}
	_faults("monitorin", external) == {[
		`namespace "monitorin" of NetworkPolicy "web" by rule 1, peer 1 of ingress is neither rendered nor declared external`,
		["objects", 0, "spec", "ingress", 0, "from", 0, "namespaceSelector", "matchLabels", "kubernetes.io/metadata.name"],
		{"kind": "Namespace", "namespace": "", "name": "monitorin"},
	]}
	_faults("monitorin", []) == set()
}
