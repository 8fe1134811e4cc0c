package policies.gitops.sync_waves_test

import data.policies.gitops.sync_waves

_wave(value) := {"argocd.argoproj.io/sync-wave": value}

_object(api_version, kind, wave, rest) := object.union({"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "namespace": "shop", "annotations": _wave(wave)}}, rest)

_deny(objects) := faults if {
	faults := sync_waves.deny with input as {"objects": objects, "external": []}
}

_namespace(wave) := {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "annotations": _wave(wave)}}

_spec := {"serviceAccountName": "web", "containers": [{"name": "app", "envFrom": [{"configMapRef": {"name": "web"}}, {"secretRef": {"name": "web"}}]}]}

_kinds := {"DaemonSet": "apps/v1", "Deployment": "apps/v1", "Job": "batch/v1", "ReplicaSet": "apps/v1", "ReplicationController": "v1", "StatefulSet": "apps/v1"}

_workload("CronJob", wave) := _object("batch/v1", "CronJob", wave, {"spec": {"jobTemplate": {"spec": {"template": {"spec": _spec}}}}})

_workload("Pod", wave) := _object("v1", "Pod", wave, {"spec": _spec})

_workload(kind, wave) := _object(_kinds[kind], kind, wave, {"spec": {"template": {"spec": _spec}}}) if _kinds[kind]

_workloads := {"CronJob", "Pod"} | object.keys(_kinds)

_needed(wave) := [_object("v1", kind, wave, {}) | some kind in ["ConfigMap", "Secret", "ServiceAccount"]]

test_before_or_with_the_workload[kind] if {
	some kind in _workloads
	_deny(array.concat(_needed("0"), [_workload(kind, "0")])) == set()
	_deny(array.concat(_needed("-1"), [_workload(kind, "0")])) == set()
}

test_after_the_workload[kind] if {
	some kind in _workloads
	{fault.path[1] | some fault in _deny(array.concat(_needed("1"), [_workload(kind, "0")]))} == {0, 1, 2}
}

test_namespace if {
	_deny([_namespace("0"), _workload("Pod", "0")]) == set()
	count(_deny([_namespace("1"), _workload("Pod", "0")])) == 1
}

test_priority_class if {
	class := {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high", "annotations": _wave("1")}}
	count(_deny([class, _object("v1", "Pod", "0", {"spec": {"priorityClassName": "high"}})])) == 1
}

test_definition if {
	definition := {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a", "annotations": _wave("1")}, "spec": {"group": "example.com", "names": {"kind": "Toy"}}}
	count(_deny([definition, _object("example.com/v1", "Toy", "0", {})])) == 1
	_deny([definition, _object("example.com/v1", "Toy", "1", {})]) == set()
}

_route(rule_wave, service_wave, destination) := _deny([
	{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}},
	_object("networking.istio.io/v1", "DestinationRule", rule_wave, {"spec": {"host": "web"}}),
	_object("networking.istio.io/v1", "VirtualService", service_wave, {"spec": {"http": [{"route": [{"destination": destination}]}]}}),
])

test_destination_rule_is_strictly_before_its_virtual_service if {
	_route("-1", "0", {"host": "web", "subset": "stable"}) == set()
	_route("0", "0", {"host": "web"}) == set()
	every waves in [["0", "0"], ["1", "0"]] {
		count(_route(waves[0], waves[1], {"host": "web.shop.svc.cluster.local", "subset": "stable"})) == 1
	}
}

test_a_hook_before_the_sync_needs_its_account_before_too if {
	hook := _object("v1", "Pod", "5", {"spec": _spec, "metadata": {"annotations": {"argocd.argoproj.io/hook": "PreSync"}}})
	count(_deny([_object("v1", "ServiceAccount", "0", {}), hook])) == 1
}

test_wave_is_a_whole_number if {
	every wave in ["first", "1.5", 1, null] {
		{fault.path | some fault in _deny([_object("v1", "ConfigMap", wave, {})])} == {["objects", 0, "metadata", "annotations", "argocd.argoproj.io/sync-wave"]}
	}
	every obj in ["text", {"metadata": "text"}, {"apiVersion": "v1", "kind": "Pod", "metadata": {"annotations": "text"}}] {
		_deny([obj]) == set()
	}
}

test_message if {
	_deny([_object("v1", "ConfigMap", "1", {}), _workload("Deployment", "0")]) == {{
		"path": ["objects", 0, "metadata", "annotations", "argocd.argoproj.io/sync-wave"],
		"msg": `ConfigMap "web" is synced in wave 1 and Deployment "web", which needs it, in wave 0`,
	}}
	some fault in _route("0", "0", {"host": "web", "subset": "stable"})
	fault.msg == `DestinationRule "web" is synced in wave 0 and VirtualService "web", which needs it to be there before, in wave 0`
}

test_the_namespace_of_what_has_none if {
	binding := _object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "-5", {})
	_deny([binding, _namespace("0")]) == set()
	count(_deny([_object("rbac.authorization.k8s.io/v1", "RoleBinding", "-5", {}), _namespace("0")])) == 1
}

# What Argo CD waits for in a wave is health, and a binding has it.
test_a_binding_may_come_before_its_account if {
	binding := _object("rbac.authorization.k8s.io/v1", "RoleBinding", "0", {"subjects": [{"kind": "ServiceAccount", "name": "web"}], "roleRef": {"kind": "ClusterRole", "name": "view"}})
	_deny([binding, _object("v1", "ServiceAccount", "1", {})]) == set()
}

test_a_message_names_the_phase_where_phases_differ if {
	hook := _object("v1", "Pod", "0", {"spec": {"serviceAccountName": "web"}, "metadata": {"annotations": {"argocd.argoproj.io/hook": "PreSync"}}})
	{fault.msg | some fault in _deny([_object("v1", "ServiceAccount", "0", {}), hook])} == {`ServiceAccount "web" is synced in wave 0 of Sync and Pod "web", which needs it, in wave 0 of PreSync`}
	{fault.missing | some fault in _deny([_namespace("1"), _workload("Pod", "0")])} == {{"kind": "Namespace", "namespace": "", "name": "shop"}}
}

test_nobody_writes_of_waves if {
	rule := {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"host": "web"}}
	routes := {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"http": [{"route": [{"destination": {"host": "web", "subset": "stable"}}]}]}}
	service := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}}
	_deny([rule, routes, service]) == set()
	count(_deny([rule, routes, object.union(service, {"metadata": {"annotations": {"argocd.argoproj.io/sync-options": "Prune=false"}}})])) == 1
}
