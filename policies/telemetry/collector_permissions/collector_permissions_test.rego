package policies.telemetry.collector_permissions_test

import data.policies.telemetry.collector_permissions

_collector(processor) := {
	"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "otel", "namespace": "o"},
	"spec": {"serviceAccount": "c", "config": {
		"processors": {"k8sattributes/a": processor},
		"service": {"pipelines": {"logs": {"processors": ["k8sattributes/a", "batch"]}}},
	}},
}

_role(kind, rules) := {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": "r", "namespace": "o"}, "rules": rules}

_binding(kind, name) := {
	"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "b"},
	"roleRef": {"kind": kind, "name": name}, "subjects": [{"kind": "ServiceAccount", "name": "c", "namespace": "o"}],
}

_rule(groups, resources, verbs) := {"apiGroups": groups, "resources": resources, "verbs": verbs}

_all := ["get", "list", "watch"]

_deny(processor, rules) := faults if {
	objects := [_collector(processor), _role("ClusterRole", rules), _binding("ClusterRole", "r")]
	faults := collector_permissions.deny with input as {"objects": objects}
}

_paths(processor, rules) := {fault.path | some fault in _deny(processor, rules)}

test_what_is_granted if {
	every rules in [
		[_rule([""], ["pods"], _all)], [_rule([""], ["pods"], ["list"]), _rule(["", "apps"], ["nodes", "pods"], ["watch"])],
		[_rule(["*"], ["*"], ["*"])], [_rule("", "pods", "*")],
	] {
		_deny({}, rules) == set()
	}
}

test_what_is_not if {
	_paths({}, [_rule(["apps"], ["pods"], _all), _rule([""], ["namespaces"], _all)]) == {["objects", 1, "rules", 1, "resources"]}
	_paths({}, [_rule([""], ["pods"], ["get", "list"])]) == {["objects", 1, "rules", 0, "verbs"]}
	_paths({}, []) == {["objects", 1, "rules"]}
}

test_what_attributes_ask_for[resource] if {
	some resource, extract in {
		"namespaces": {"labels": [{"from": "namespace", "key": "team"}]},
		"nodes": {"metadata": ["k8s.pod.name", "k8s.node.uid"]},
		"replicasets": {"metadata": ["k8s.deployment.uid"]},
		"statefulsets": {"annotations": [{"from": "statefulset", "key": "a"}]},
		"daemonsets": {"labels": [{"from": "daemonset", "key": "a"}]},
		"jobs": {"metadata": ["k8s.cronjob.uid"]},
	}
	{split(fault.msg, " ")[7] | some fault in _deny({"extract": extract}, [_rule([""], ["pods"], _all)])} == {concat("", [resource, ","])}
}

test_the_deployment_of_older_releases if {
	processor := {"extract": {"metadata": ["k8s.deployment.name"]}}
	rules := [_rule([""], ["pods"], _all)]
	every image, count_of in {"c:0.145.0": 1, "c:v0.99.1-a": 1, "c:0.165.0": 0, "c:latest": 0} {
		obj := object.union(_collector(processor), {"spec": {"image": image}})
		count(_said([obj, _role("ClusterRole", rules), _binding("ClusterRole", "r")])) == count_of
	}
	heuristic := object.union(_collector(processor), {"spec": {"image": "c:0.145.0", "config": {"processors": {"k8sattributes/a": {"extract": {"deployment_name_from_replicaset": true}}}}}})
	_said([heuristic, _role("ClusterRole", rules), _binding("ClusterRole", "r")]) == set()
}

test_message if {
	_deny({}, [_rule([""], ["namespaces"], _all)]) == {{
		"msg": `ServiceAccount "c" may not list and watch pods, which k8sattributes/a of OpenTelemetryCollector "otel" asks for`,
		"path": ["objects", 1, "rules", 0, "resources"],
		"with": {["objects", 0, "spec", "config", "processors", "k8sattributes/a"]},
	}}
}

test_another_way_in[sprintf("%v", [processor])] if {
	some processor in [{"auth_type": "kubeConfig"}, {"passthrough": true}, {"kubelet": {"enabled": true}}, "text"]
	_deny(processor, []) == set()
}

_said(objects) := faults if {
	faults := collector_permissions.deny with input as {"objects": objects}
}

# Who else binds the account, and what a role is put together of, is not known here.
test_roles_that_are_not_rendered if {
	role := _role("ClusterRole", [])
	_said([_collector({}), role]) == set()
	_said([_collector({}), role, _binding("ClusterRole", "view")]) == set()
	_said([_collector({}), role, _binding("ClusterRole", "r"), _binding("ClusterRole", "view")]) == set()
	_said([_collector({}), object.union(role, {"aggregationRule": {}}), _binding("ClusterRole", "r")]) == set()
	_said([object.remove(_collector({}), ["spec"]), role, _binding("ClusterRole", "r")]) == set()
	count(_said([_collector({}), _role("Role", []), _binding("Role", "r")])) == 1
}

_bound_to(subject) := object.union(_binding("ClusterRole", "others"), {"metadata": {"name": "others"}, "subjects": [object.union({"apiGroup": "rbac.authorization.k8s.io"}, subject)]})

_others(rules) := object.union(_role("ClusterRole", rules), {"metadata": {"name": "others"}})

test_users_and_groups_that_it_is[name] if {
	some name, case in {
		"system:serviceaccounts": {"kind": "Group", "may": true},
		"system:serviceaccounts:o": {"kind": "Group", "may": true},
		"system:authenticated": {"kind": "Group", "may": true},
		"system:serviceaccount:o:c": {"kind": "User", "may": true},
		"system:serviceaccounts:p": {"kind": "Group", "may": false},
		"system:masters": {"kind": "Group", "may": false},
		"system:serviceaccount:o:d": {"kind": "User", "may": false},
		"system:serviceaccount:p:c": {"kind": "User", "may": false},
		"c": {"kind": "User", "may": false},
	}
	objects := [
		_collector({}), _role("ClusterRole", []), _binding("ClusterRole", "r"),
		_others([_rule([""], ["pods"], _all)]), _bound_to({"kind": case.kind, "name": name}),
	]
	object.get({0: true, 1: false}, count(_said(objects)), null) == case.may
}

# By a group alone it may be that its own roles are elsewhere, and of a group's role that is not rendered nothing is known.
test_groups_that_say_nothing if {
	group := _bound_to({"kind": "Group", "name": "system:serviceaccounts:o"})
	_said([_collector({}), _others([]), group]) == set()
	_said([_collector({}), _role("ClusterRole", []), _binding("ClusterRole", "r"), group]) == set()
	count(_said([_collector({}), _others([]), _bound_to({"kind": "User", "name": "system:serviceaccount:o:c"})])) == 1
}

test_subjects_that_are_none if {
	every subject in [{"kind": "User", "name": 1}, {"kind": "Group", "name": 1}, {"kind": "Group"}, {"kind": "User", "name": "system"}] {
		count(_said([_collector({}), _role("ClusterRole", []), _binding("ClusterRole", "r"), _bound_to(subject)])) == 1
	}
}
