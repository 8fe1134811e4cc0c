package policies.capacity.quota_needs_resources_test

import data.policies.capacity.quota_needs_resources

_named(api_version, kind, name, spec) := {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec}

_quota := _named("v1", "ResourceQuota", "quota", {"hard": {"requests.cpu": "10", "limits.memory": "10Gi", "pods": "10"}})

_deny(objects) := faults if {
	faults := quota_needs_resources.deny with input as {"objects": array.concat([_quota], objects)}
}

_stated := {"name": "app", "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}}

_template(container) := {"spec": {"containers": [container]}}

_workload("CronJob", container) := _named("batch/v1", "CronJob", "web", {"jobTemplate": {"spec": {"template": _template(container)}}})

_workload("Pod", container) := _named("v1", "Pod", "web", _template(container).spec)

_workload(kind, container) := _named(_kinds[kind], kind, "web", {"template": _template(container)}) if _kinds[kind]

_kinds := {"DaemonSet": "apps/v1", "Deployment": "apps/v1", "Job": "batch/v1", "ReplicaSet": "apps/v1", "ReplicationController": "v1", "StatefulSet": "apps/v1"}

test_every_kind[kind] if {
	some kind in (object.keys(_kinds) | {"CronJob", "Pod"})
	_deny([_workload(kind, _stated)]) == set()
	count(_deny([_workload(kind, {"name": "app"})])) == 2
}

test_what_is_not_stated[sprintf("%v", [resources])] if {
	some resources in [{"limits": {"memory": "1Gi"}}, {"requests": {"cpu": null}, "limits": {"memory": "1Gi"}}, {"requests": {"cpu": "much"}, "limits": {"memory": "1Gi"}}, {"requests": "text", "limits": {"memory": 1}}]
	{fault.path | some fault in _deny([_workload("Pod", {"name": "app", "resources": resources})])} == {["objects", 1, "spec", "containers", 0, "resources", "requests", "cpu"]}
}

test_a_limit_is_a_request_too if {
	_deny([_workload("Pod", {"name": "app", "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}})]) == set()
}

test_default_of_a_limit_range if {
	range := _named("v1", "LimitRange", "range", {"limits": [{"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}}]})
	_deny([range, _workload("Pod", {"name": "app"})]) == set()
	other := object.union(range, {"metadata": {"namespace": "other"}})
	count(_deny([other, _workload("Pod", {"name": "app"})])) == 2
}

test_operators_and_other_namespaces if {
	count(_deny([_named("postgresql.cnpg.io/v1", "Cluster", "db", {})])) == 2
	_deny([object.union(_workload("Pod", {"name": "app"}), {"metadata": {"namespace": "other"}}), "text"]) == set()
}

test_message if {
	some fault in _deny([_workload("Pod", {"name": "app", "resources": {"limits": {"memory": "1Gi"}}})])
	fault.msg == `container "app" of Pod "web" states no requests of cpu, which ResourceQuota "quota" limits and no LimitRange gives`
}
