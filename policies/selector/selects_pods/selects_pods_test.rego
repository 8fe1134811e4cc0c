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

test_budgets[app] if {
	some app, count_of in {"web": 0, "other": 1}
	budget := _named("policy/v1", "PodDisruptionBudget", {"selector": {"matchLabels": {"app": app}}})
	faults := selects_pods.deny with input as fixture.overlay([fixture.workload("Deployment", {}, {}), budget])
	count(faults) == count_of
	every fault in faults {
		fault.msg == `PodDisruptionBudget "web" keeps up nothing: no pod of namespace shop has the labels {"app":"other"}`
	}
}

test_a_budget_of_an_operators_pods if {
	cluster := {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db", "namespace": "shop"}, "spec": {"instances": 3}}
	budget := _named("policy/v1", "PodDisruptionBudget", {"selector": {"matchLabels": {"cnpg.io/cluster": "db"}}})
	selects_pods.deny == set() with input as fixture.overlay([cluster, budget])
}

test_peers_have_a_rule_of_their_own if {
	objects := [
		fixture.workload("Deployment", {}, {}),
		_named("networking.k8s.io/v1", "NetworkPolicy", {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "other"}}}]}]}),
	]
	selects_pods.deny == set() with input as fixture.overlay(objects)
}
