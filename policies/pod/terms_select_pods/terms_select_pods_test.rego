package policies.pod.terms_select_pods_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.terms_select_pods

_term(app) := {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": app}}}

_required := "requiredDuringSchedulingIgnoredDuringExecution"

_preferred := "preferredDuringSchedulingIgnoredDuringExecution"

_pods(term) := {
	"required affinity": {"affinity": {"podAffinity": {_required: [term]}}},
	"preferred affinity": {"affinity": {"podAffinity": {_preferred: [{"podAffinityTerm": term}]}}},
	"required anti-affinity": {"affinity": {"podAntiAffinity": {_required: [term]}}},
	"preferred anti-affinity": {"affinity": {"podAntiAffinity": {_preferred: [{"podAffinityTerm": term}]}}},
	"a topology spread constraint": {"topologySpreadConstraints": [term]},
}

_effects := {
	"required affinity": "finds no node",
	"preferred affinity": "prefers nothing",
	"required anti-affinity": "keeps apart nothing",
	"preferred anti-affinity": "keeps apart nothing",
	"a topology spread constraint": "spreads nothing",
}

test_allows_own_labels[note][kind] if {
	some note, pod in _pods(_term("web"))
	some kind, obj in fixture.workloads(pod)
	terms_select_pods.deny == set() with input as fixture.overlay([obj])
}

test_denies_labels_of_nobody[note][kind] if {
	some note, pod in _pods(_term("other"))
	some kind, obj in fixture.workloads(pod)
	faults := terms_select_pods.deny with input as fixture.overlay([obj])
	{fault.msg | some fault in faults} == {sprintf(`%s of %s "web" %s: no pod of namespace shop has the labels {"app":"other"}`, [note, kind, _effects[note]])}
	{fault.missing | some fault in faults} == {{"kind": "pods", "namespace": "shop", "name": `{"app":"other"}`}}
}

test_the_path_is_that_of_the_label if {
	obj := fixture.workload("Deployment", _pods(_term("other"))["preferred anti-affinity"], {})
	{fault.path | some fault in terms_select_pods.deny} == {["objects", 0, "spec", "template", "spec", "affinity", "podAntiAffinity", _preferred, 0, "podAffinityTerm", "labelSelector", "matchLabels", "app"]} with input as fixture.overlay([obj])
}

_nothing := {
	"every pod": {"topologyKey": "zone", "labelSelector": {}},
	"no selector": {"topologyKey": "zone"},
	"text": {"topologyKey": "zone", "labelSelector": "text"},
	"namespaces by labels": object.union(_term("other"), {"namespaceSelector": {}}),
	"a namespace that is not known": object.union(_term("other"), {"namespaces": ["other"]}),
	"pods of a namespace by its name": object.union(_term("web"), {"namespaces": ["shop"]}),
}

test_says_nothing_of[note] if {
	some note, term in _nothing
	every pod in _pods(term) {
		terms_select_pods.deny == set() with input as fixture.overlay([fixture.workload("Deployment", pod, {})])
	}
}

test_others_may_have_the_labels if {
	pod := _pods(_term("cache"))["required affinity"]
	cache := {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "cache", "namespace": "shop", "labels": {"app": "cache"}}, "spec": {}}
	terms_select_pods.deny == set() with input as fixture.overlay([fixture.workload("Deployment", pod, {}), cache])
}

test_what_operators_make_pods_of if {
	every kind, api_version in {"OpenTelemetryCollector": "opentelemetry.io/v1beta1", "Prometheus": "monitoring.coreos.com/v1", "Alertmanager": "monitoring.coreos.com/v1"} {
		obj := {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}}, "spec": _pods(_term("other"))["required anti-affinity"]}
		count(terms_select_pods.deny) == 1 with input as fixture.overlay([obj])
		right := object.union(obj, {"spec": _pods(_term("web"))["required anti-affinity"]})
		terms_select_pods.deny == set() with input as fixture.overlay([right])
	}
}
