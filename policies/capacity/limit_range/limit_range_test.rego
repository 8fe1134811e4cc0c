package policies.capacity.limit_range_test

import data.policies.capacity.limit_range

_named(api_version, kind, name, spec) := {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec}

_item := {"type": "Container", "min": {"cpu": "100m", "memory": "128Mi"}, "max": {"cpu": "4", "memory": "8Gi"}}

_deny(item, objects) := faults if {
	faults := limit_range.deny with input as {"objects": array.concat([_named("v1", "LimitRange", "range", {"limits": [item, {"type": "Pod", "max": {"cpu": "1m"}}]})], objects)}
}

_container(request, limit) := {"name": "app", "resources": {"requests": {"cpu": request, "memory": "1Gi"}, "limits": {"cpu": limit, "memory": "1Gi"}}}

_workloads := {
	"CronJob": ["batch/v1", ["spec", "jobTemplate", "spec", "template", "spec"]],
	"DaemonSet": ["apps/v1", ["spec", "template", "spec"]],
	"Deployment": ["apps/v1", ["spec", "template", "spec"]],
	"Job": ["batch/v1", ["spec", "template", "spec"]],
	"Pod": ["v1", ["spec"]],
	"ReplicaSet": ["apps/v1", ["spec", "template", "spec"]],
	"ReplicationController": ["v1", ["spec", "template", "spec"]],
	"StatefulSet": ["apps/v1", ["spec", "template", "spec"]],
}

_workload(kind, spec) := json.patch(
	_named(_workloads[kind][0], kind, "web", {"template": {"spec": {}}, "jobTemplate": {"spec": {"template": {"spec": {}}}}}),
	[{"op": "add", "path": _workloads[kind][1], "value": spec}],
)

test_within[kind] if {
	some kind, _ in _workloads
	every amounts in [["100m", "4"], ["1", "1"]] {
		container := _container(amounts[0], amounts[1])
		_deny(_item, [_workload(kind, {"containers": [container], "initContainers": [container]})]) == set()
	}
}

test_outside[sprintf("%s %s", [kind, list])] if {
	some kind, [_, path] in _workloads
	some list in ["containers", "initContainers"]
	some field, amounts in {"requests": ["50m", "1"], "limits": ["1", "5"]}
	spec := object.union({"containers": [_container("1", "1")]}, {list: [_container(amounts[0], amounts[1])]})
	{fault.path | some fault in _deny(_item, [_workload(kind, spec)])} == {array.concat(array.concat(["objects", 1], path), [list, 0, "resources", field, "cpu"])}
}

test_nothing_stated_is_given_the_bounds if {
	_deny(_item, [_workload("Pod", {"containers": [{"name": "app"}]})]) == set()
	_deny({"type": "Container", "min": {"cpu": "1"}}, [_workload("Pod", {"containers": [{"name": "app", "resources": {"limits": {"cpu": "2"}}}]})]) == set()
}

test_ratio if {
	item := {"type": "Container", "maxLimitRequestRatio": {"cpu": "4"}}
	_deny(item, [_workload("Pod", {"containers": [_container("500m", "2")]})]) == set()
	every container in [_container("500m", "3"), _container("1", null), {"name": "app"}] {
		faults := _deny(item, [_workload("Pod", {"containers": [container]})])
		{fault.path | some fault in faults} == {["objects", 1, "spec", "containers", 0, "resources", "limits", "cpu"]}
	}
}

test_injected_sidecar if {
	pod := json.patch(_workload("Pod", {"containers": [_container("1", "1")]}), [
		{"op": "add", "path": "/metadata/labels", "value": {"sidecar.istio.io/inject": "true"}},
		{"op": "add", "path": "/metadata/annotations", "value": {"sidecar.istio.io/proxyCPU": "10m", "sidecar.istio.io/proxyMemory": "128Mi"}},
	])
	{fault.path | some fault in _deny(_item, [pod])} == {["objects", 1, "metadata", "annotations", "sidecar.istio.io/proxyCPU"]}
}

test_pods_of_operators if {
	every obj in [
		_named("postgresql.cnpg.io/v1", "Cluster", "db", {"resources": {"requests": {"cpu": "10m"}}}),
		_named("opentelemetry.io/v1beta1", "OpenTelemetryCollector", "otel", {"resources": {"requests": {"cpu": "10m"}}}),
	] {
		{fault.path | some fault in _deny(_item, [obj])} == {["objects", 1, "spec", "resources", "requests", "cpu"]}
	}
}

test_another_namespace_is_not_held_to_it if {
	other := object.union(_workload("Pod", {"containers": [_container("1m", "1")]}), {"metadata": {"namespace": "other"}})
	_deny(_item, [other, "text"]) == set()
}

test_what_is_no_quantity if {
	every amount in ["much", {}, [1], true] {
		count(_deny(_item, [_workload("Pod", {"containers": [_container(amount, "1")]})])) == 1
	}
	every amount in ["much", {}, [1]] {
		{fault.path | some fault in _deny({"type": "Container", "max": {"cpu": amount}}, [])} == {["objects", 0, "spec", "limits", 0, "max", "cpu"]}
	}
	count(_deny({"type": "Container", "min": {"cpu": "1"}}, [_workload("Pod", {"containers": [_container("1", "much")]})])) == 1
	_deny({"type": "Container", "max": "text"}, [_workload("Pod", {"containers": "text"})]) == set()
}

test_message if {
	{fault.msg | some fault in _deny(_item, [_workload("Pod", {"containers": [_container("50m", "5")]})])} == {
		`container "app" of Pod "web" requests cpu of 50m, below the minimum 100m of LimitRange "range"`,
		`container "app" of Pod "web" limits cpu of 5, above the maximum 4 of LimitRange "range"`,
	}
}

test_names_the_bound if {
	{fault.with | some fault in _deny(_item, [_workload("Pod", {"containers": [_container("50m", "5")]})])} == {
		{["objects", 0, "spec", "limits", 0, "min", "cpu"]},
		{["objects", 0, "spec", "limits", 0, "max", "cpu"]},
	}
}
