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

_service(labels) := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop", "labels": labels}, "spec": {"selector": {"app": "web"}}}

_monitored(spec, others) := {[fault.path, fault.msg] | some fault in faults} if {
	monitor := _named("monitoring.coreos.com/v1", "ServiceMonitor", spec)
	faults := selects_pods.deny with input as fixture.overlay(array.concat([monitor, fixture.workload("Deployment", {}, {})], others))
}

test_services_by_their_own_labels if {
	wanted := {"selector": {"matchLabels": {"app": "web"}}}
	_monitored(wanted, [_service({"app": "web"})]) == set()
	_monitored(wanted, [_service({})]) == {[["objects", 0, "spec", "selector"], `ServiceMonitor "web" scrapes nothing: no Service of namespace shop has the labels {"app":"web"}`]}
	_monitored({"selector": {}}, [_service({})]) == set()
	_monitored(object.union(wanted, {"namespaceSelector": {"any": true}}), [_service({})]) == set()
	_monitored(object.union(wanted, {"namespaceSelector": {"matchNames": ["other"]}}), [_service({})]) == set()
	_monitored(wanted, [_service({}), _named("monitoring.coreos.com/v1", "Prometheus", {})]) == set()
	_monitored(wanted, [object.union(object.remove(_service({"app": "web"}), ["metadata"]), {"metadata": {"name": "web", "labels": {"app": "web"}}})]) == set()
}

test_namespaces_that_nobody_has if {
	every name in ["shop", "monitoring", "shop2", "shod"] {
		_monitored({"selector": {}, "namespaceSelector": {"matchNames": [name]}}, []) == set()
	}
	_monitored({"selector": {}, "namespaceSelector": {"matchNames": ["shop", "shp"]}}, []) == {[["objects", 0, "spec", "namespaceSelector", "matchNames", 1], `ServiceMonitor "web" looks into namespace "shp", which nobody has: there is "shop"`]}
}

test_pods_of_a_gateway if {
	pods := fixture.workload("Deployment", {}, {})
	every app in ["web", "wbe", "wxb", "ingressgateway"] {
		gateway := _named("networking.istio.io/v1", "Gateway", {"selector": {"app": app}})
		elsewhere := object.union(gateway, {"metadata": {"name": "web", "namespace": "other"}})
		paths := {fault.path | some fault in selects_pods.deny} with input as fixture.overlay([elsewhere, pods])
		paths == {["objects", 0, "spec", "selector", "app"] | app == "wbe"}
	}
}

test_rollouts_with_their_own_template if {
	rollout := _named("argoproj.io/v1alpha1", "Rollout", {"selector": {"matchLabels": {"app": "other"}}, "template": {"metadata": {"labels": {"app": "web"}}, "spec": {}}})
	{fault.msg | some fault in selects_pods.deny} == {`Rollout "web" runs nothing: no pod of namespace shop has the labels {"app":"other"}`} with input as fixture.overlay([rollout])
	selects_pods.deny == set() with input as fixture.overlay([fixture.workload("Deployment", {}, {}), object.union(rollout, {"spec": {"workloadRef": {"kind": "PodTemplate", "name": "a"}}})])
}
