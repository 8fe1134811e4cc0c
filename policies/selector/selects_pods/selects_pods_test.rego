package policies.selector.selects_pods_test

import data.policies.lib.fixture_test as fixture
import data.policies.selector.selects_pods

_named(api_version, kind, spec) := {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}

_selecting(app) := [
	_named("networking.k8s.io/v1", "NetworkPolicy", {"podSelector": {"matchLabels": {"app": app}}}),
	_named("monitoring.coreos.com/v1", "PodMonitor", {"selector": {"matchLabels": {"app": app}}}),
	_named("security.istio.io/v1", "PeerAuthentication", {"selector": {"matchLabels": {"app": app}}}),
]

test_allows_pods_of_every_kind[kind] if {
	some kind, obj in fixture.workloads({})
	selects_pods.deny == set() with input as fixture.overlay(array.concat(_selecting("web"), [obj]))
}

test_denies_other_labels_of_every_kind[kind] if {
	some kind, obj in fixture.workloads({})
	missing := {"kind": "pods", "namespace": "shop", "name": `{"app":"other"}`}
	selects_pods.deny == {
		{"msg": `NetworkPolicy "web" fences nothing: no pod of namespace shop has the labels {"app":"other"}`, "path": ["objects", 0, "spec", "podSelector", "matchLabels", "app"], "missing": missing},
		{"msg": `PodMonitor "web" scrapes nothing: no pod of namespace shop has the labels {"app":"other"}`, "path": ["objects", 1, "spec", "selector", "matchLabels", "app"], "missing": missing},
		{"msg": `PeerAuthentication "web" applies to nothing: no pod of namespace shop has the labels {"app":"other"}`, "path": ["objects", 2, "spec", "selector", "matchLabels", "app"], "missing": missing},
	} with input as fixture.overlay(array.concat(_selecting("other"), [obj]))
}

test_says_nothing_of_namespaces_without_pods if {
	selects_pods.deny == set() with input as fixture.overlay(_selecting("web"))
}

test_budgets_and_peers_have_rules_of_their_own if {
	objects := [
		fixture.workload("Deployment", {}, {}),
		_named("policy/v1", "PodDisruptionBudget", {"selector": {"matchLabels": {"app": "other"}}}),
		_named("networking.k8s.io/v1", "NetworkPolicy", {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "other"}}}]}]}),
	]
	selects_pods.deny == set() with input as fixture.overlay(objects)
}
