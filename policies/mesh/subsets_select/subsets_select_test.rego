package policies.mesh.subsets_select_test

import data.policies.mesh.subsets_select

_template := {"metadata": {"labels": {"app": "web", "track": "canary"}}}

_workloads := {
	"CronJob": {"apiVersion": "batch/v1", "spec": {"jobTemplate": {"spec": {"template": _template}}}},
	"DaemonSet": {"apiVersion": "apps/v1", "spec": {"template": _template}},
	"Deployment": {"apiVersion": "apps/v1", "spec": {"template": _template}},
	"Job": {"apiVersion": "batch/v1", "spec": {"template": _template}},
	"Pod": {"apiVersion": "v1"},
	"ReplicaSet": {"apiVersion": "apps/v1", "spec": {"template": _template}},
	"ReplicationController": {"apiVersion": "v1", "spec": {"template": _template}},
	"StatefulSet": {"apiVersion": "apps/v1", "spec": {"template": _template}},
}

_workload(kind, namespace) := object.union(_workloads[kind], {
	"kind": kind,
	"metadata": {"name": "web", "namespace": namespace, "labels": {label: value |
		kind == "Pod"
		some label, value in _template.metadata.labels
	}},
})

_deny(subsets, selector, workload) := faults if {
	faults := subsets_select.deny with input as {"objects": [
		{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": selector}},
		workload,
		{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web", "namespace": "shop"}, "spec": {
			"host": "web",
			"subsets": subsets,
		}},
	]}
}

test_selects_pods_of_every_kind[kind] if {
	some kind, _ in _workloads
	_deny([{"name": "canary", "labels": {"track": "canary"}}, {"name": "all"}], {"app": "web"}, _workload(kind, "shop")) == set()
}

test_selects_no_pod_of_any_kind[kind] if {
	some kind, _ in _workloads
	{fault.path | some fault in _deny([{"name": "v2", "labels": {"version": "2"}}], {"app": "web"}, _workload(kind, "shop"))} == {["objects", 2, "spec", "subsets", 0, "labels"]}
}

test_tells_which_pods_are_missing if {
	{fault.missing | some fault in _deny([{"name": "v2", "labels": {"version": "2"}}], {"app": "web"}, _workload("Deployment", "shop"))} == {{"kind": "pods", "namespace": "shop", "name": `{"app":"web","version":"2"}`}}
}

test_selects_only_pods_of_the_service if {
	other := object.union(_workload("Pod", "shop"), {"metadata": {"name": "other", "labels": {"track": "stable"}}})
	objects := [
		{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"track": "stable"}}},
		_workload("Deployment", "shop"),
		other,
		{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"host": "web", "subsets": [{"name": "canary", "labels": {"track": "canary"}}]}},
	]
	{fault.path | some fault in subsets_select.deny} == {["objects", 3, "spec", "subsets", 0, "labels"]} with input as {"objects": objects}
}

test_a_service_without_pods_is_another_mistake if {
	_deny([{"name": "canary", "labels": {"track": "canary"}}], {"app": "other"}, _workload("Deployment", "shop")) == set()
	_deny([{"name": "canary", "labels": {"track": "canary"}}], {"app": "web"}, _workload("Deployment", "other")) == set()
	_deny([{"name": "a"}], "text", _workload("Deployment", "shop")) == set()
}

test_endpoints_that_nobody_here_knows if {
	every none in [{}, null] {
		_deny([{"name": "v2", "labels": {"version": "2"}}], none, _workload("Deployment", "shop")) == set()
	}
}

test_wrong_shapes if {
	every subsets in ["text", ["text"], [{"name": "a", "labels": "text"}], [{"name": "a", "labels": {"track": 1}}]] {
		count(_deny(subsets, {"app": "web"}, _workload("Deployment", "shop"))) == 1
	}
	_deny(null, {"app": "web"}, _workload("Deployment", "shop")) == set()
}

test_message if {
	{object.remove(fault, ["missing"]) | some fault in _deny([{"name": "v2", "labels": {"version": "2"}}], {"app": "web"}, _workload("Deployment", "shop"))} == {{
		"path": ["objects", 2, "spec", "subsets", 0, "labels"],
		"msg": `subset "v2" of DestinationRule "web" selects no pod of Service web.shop.svc.cluster.local`,
	}}
}
