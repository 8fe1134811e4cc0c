package policies.workload.selector_stable_test

import data.policies.workload.selector_stable

_kinds := {
	"DaemonSet": "apps/v1", "Deployment": "apps/v1", "ReplicaSet": "apps/v1", "StatefulSet": "apps/v1",
	"PodDisruptionBudget": "policy/v1", "ReplicationController": "v1", "Service": "v1",
}

_flat := {"ReplicationController", "Service"}

_selector(kind, labels) := labels if kind in _flat

else := {"matchLabels": labels}

_deny(kind, selector) := faults if {
	faults := selector_stable.deny with input as {"apiVersion": _kinds[kind], "kind": kind, "metadata": {"name": "web"}, "spec": {"selector": selector}}
}

test_stable_labels[kind] if {
	some kind, _ in _kinds
	_deny(kind, _selector(kind, {"app.kubernetes.io/name": "web", "track": "stable"})) == set()
}

test_changing_labels[sprintf("%s %s", [kind, label])] if {
	some kind, _ in _kinds
	some label in ["version", "app.kubernetes.io/version", "helm.sh/chart", "pod-template-hash"]
	count(_deny(kind, _selector(kind, {"app": "web", label: "1.0.0"}))) == 1
}

test_changing_expressions[kind] if {
	some kind in (object.keys(_kinds) - _flat)
	{fault.path | some fault in _deny(kind, {"matchExpressions": [{"key": "app", "operator": "Exists"}, {"key": "version", "operator": "Exists"}]})} == {["spec", "selector", "matchExpressions", 1, "key"]}
}

test_wrong_shapes_raise_nothing[kind] if {
	some kind, _ in _kinds
	every selector in ["text", null, {}, [], {"matchLabels": "text", "matchExpressions": "text"}, {"matchExpressions": ["text"]}] {
		_deny(kind, selector) == set()
	}
}

test_other_kinds if {
	every obj in ["text", {"apiVersion": "apps/v1", "kind": "Deployment"}, {"apiVersion": "example.com/v1", "kind": "Service", "spec": {"selector": {"version": "1"}}}] {
		faults := selector_stable.deny with input as obj
		faults == set()
	}
}

test_message if {
	_deny("Deployment", {"matchLabels": {"version": "1.0.0"}}) == {{
		"path": ["spec", "selector", "matchLabels", "version"],
		"msg": `Deployment "web" selects by version=1.0.0, which changes with a release`,
	}}
}
