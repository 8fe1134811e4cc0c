package policies.workload.selectors_disjoint_test

import data.policies.workload.selectors_disjoint

_kinds := {"DaemonSet": "apps/v1", "Deployment": "apps/v1", "ReplicaSet": "apps/v1", "StatefulSet": "apps/v1", "ReplicationController": "v1"}

_selector("ReplicationController", labels) := labels

_selector(kind, labels) := {"matchLabels": labels} if kind != "ReplicationController"

_workload(kind, name, selector, labels) := {
	"apiVersion": _kinds[kind],
	"kind": kind,
	"metadata": {"name": name, "namespace": "shop"},
	"spec": {"selector": _selector(kind, selector), "template": {"metadata": {"labels": labels}}},
}

_stable := {"app": "web", "track": "stable"}

_canary := {"app": "web", "track": "canary"}

_deny(objects) := faults if {
	faults := selectors_disjoint.deny with input as {"objects": objects}
}

test_disjoint[kind] if {
	some kind, _ in _kinds
	_deny([_workload(kind, "web", _stable, _stable), _workload(kind, "web-canary", _canary, _canary)]) == set()
}

test_stable_selects_the_canary_too[kind] if {
	some kind, _ in _kinds
	_deny([_workload(kind, "web", {"app": "web"}, _stable), _workload(kind, "web-canary", _canary, _canary)]) == {{
		"path": ["objects", 0, "spec", "selector"],
		"msg": sprintf(`%s "web" also selects the pods of %s "web-canary"`, [kind, kind]),
		"with": {["objects", 1, "spec", "selector"]},
	}}
}

test_equal_selectors_are_one_fault if {
	_deny([_workload("Deployment", "a", _stable, _stable), _workload("StatefulSet", "b", _stable, _stable), _workload("Deployment", "c", _stable, _stable)]) == {{
		"path": ["objects", 0, "spec", "selector"],
		"msg": `Deployment "a" also selects the pods of StatefulSet "b", Deployment "c"`,
		"with": {["objects", 1, "spec", "selector"], ["objects", 2, "spec", "selector"]},
	}}
}

test_a_wider_selector_is_a_fault_of_its_own if {
	wide := _workload("Deployment", "a", {"app": "web"}, _stable)
	{fault.path[1]: count(fault.with) | some fault in _deny([wide, _workload("Deployment", "b", _canary, _canary), _workload("Deployment", "c", _canary, _canary)])} == {0: 2, 1: 1}
}

test_another_namespace_is_another_world if {
	other := object.union(_workload("Deployment", "web", _stable, _stable), {"metadata": {"namespace": "other"}})
	_deny([other, _workload("Deployment", "web", _stable, _stable)]) == set()
}

# The server gives a Job its own selector, and a bare Pod may match one on purpose.
test_jobs_and_pods_have_no_selector if {
	job := {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"template": {"metadata": {"labels": _stable}}}}
	pod := {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop", "labels": _stable}}
	_deny([job, pod, _workload("Deployment", "web", _stable, _stable)]) == set()
}

test_wrong_shapes_raise_nothing if {
	every spec in ["text", {}, {"selector": "text"}, {"selector": {"matchLabels": "text"}, "template": "text"}] {
		broken := {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "broken", "namespace": "shop"}, "spec": spec}
		_deny([broken, _workload("Deployment", "web", _stable, _stable), "text"]) == set()
	}
}

# The one takes over from the other.
test_a_rollout_stands_beside_its_deployment if {
	rollout := object.union(_workload("Deployment", "web", _stable, _stable), {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"})
	_deny([_workload("Deployment", "web", _stable, _stable), rollout]) == set()
}
