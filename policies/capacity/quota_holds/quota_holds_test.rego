package policies.capacity.quota_holds_test

import data.policies.capacity.quota_holds

_named(api_version, kind, name, spec) := {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, "spec": spec}

_template := {"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}}]}}

_deny(hard, objects) := faults if {
	faults := quota_holds.deny with input as {"objects": array.concat([_named("v1", "ResourceQuota", "quota", {"hard": hard})], objects)}
}

_deployment := _named("apps/v1", "Deployment", "web", {"replicas": 3, "strategy": {"rollingUpdate": {"maxSurge": 1}}, "template": _template})

_workloads := {
	"CronJob": ["batch/v1", {"jobTemplate": {"spec": {"parallelism": 4, "template": _template}}}],
	"Deployment": ["apps/v1", {"replicas": 3, "template": _template}],
	"Job": ["batch/v1", {"parallelism": 4, "template": _template}],
	"ReplicaSet": ["apps/v1", {"replicas": 4, "template": _template}],
	"ReplicationController": ["v1", {"replicas": 4, "template": _template}],
	"StatefulSet": ["apps/v1", {"replicas": 4, "template": _template}],
}

test_exactly_enough_for_every_kind[kind] if {
	some kind, [api_version, spec] in _workloads
	_deny({"requests.cpu": "2", "requests.memory": "2Gi", "limits.cpu": "4", "limits.memory": "4Gi", "pods": "4", "cpu": "2", "memory": "2Gi"}, [_named(api_version, kind, "web", spec)]) == set()
}

test_too_little_for_every_kind[sprintf("%s %s", [kind, key])] if {
	some kind, [api_version, spec] in _workloads
	some key, hard in {"requests.cpu": "1999m", "requests.memory": "2047Mi", "limits.cpu": "3", "limits.memory": "3Gi", "pods": 3, "cpu": 1, "memory": "1Gi", "count/pods": "3"}
	{fault.path | some fault in _deny({key: hard}, [_named(api_version, kind, "web", spec)])} == {["objects", 0, "spec", "hard", key]}
}

test_pod_and_daemon_set if {
	count(_deny({"pods": "0"}, [_named("v1", "Pod", "web", _template.spec)])) == 1
	_deny({"pods": "0"}, [_named("apps/v1", "DaemonSet", "web", {"template": _template})]) == set()
}

_database := _named("postgresql.cnpg.io/v1", "Cluster", "db", {"instances": 3, "walStorage": {"size": "1Gi"}, "tablespaces": [{"name": "a"}], "resources": {"requests": {"cpu": "1"}}})

test_database_and_its_job if {
	_deny({"requests.cpu": "4", "persistentvolumeclaims": "9", "services": "3"}, [_database]) == set()
	count(_deny({"requests.cpu": "3", "persistentvolumeclaims": "8", "services": "2"}, [_database])) == 3
}

test_claims_and_services if {
	objects := [
		_named("v1", "PersistentVolumeClaim", "data", {}),
		_named("apps/v1", "StatefulSet", "web", {"replicas": 2, "volumeClaimTemplates": [{}, {}], "template": _template}),
		_named("v1", "Service", "web", {}),
		_named("opentelemetry.io/v1beta1", "OpenTelemetryCollector", "otel", {}),
	]
	_deny({"persistentvolumeclaims": "5", "services": "4"}, objects) == set()
	count(_deny({"persistentvolumeclaims": "4", "services": "3"}, objects)) == 2
}

test_another_namespace_does_not_count if {
	other := object.union(_deployment, {"metadata": {"namespace": "other"}})
	_deny({"pods": "0"}, [other]) == set()
}

test_what_is_not_counted_here if _deny({"requests.storage": "1", "configmaps": "0"}, [_deployment]) == set()

test_what_is_no_quantity if {
	every hard in ["many", "", {}, null, [1]] {
		{fault.path | some fault in _deny({"pods": hard}, [])} == {["objects", 0, "spec", "hard", "pods"]}
	}
	every hard in ["text", [], 1] {
		{fault.path | some fault in _deny(hard, []); count(fault.path) == 4} == {["objects", 0, "spec", "hard"]}
	}
	_deny(null, []) == set()
}

test_pods_that_cannot_be_told if {
	{fault.path | some fault in _deny({"pods": "9"}, [_named("apps/v1", "Deployment", "web", {"replicas": "three"})])} == {["objects", 1, "spec"]}
	_deny({"pods": "9"}, ["text", _named("apps/v1", "Deployment", "web", "text")]) == set()
}

test_message if {
	_deny({"requests.cpu": "1"}, [_deployment]) == {{
		"path": ["objects", 0, "spec", "hard", "requests.cpu"],
		"with": {["objects", 1, "spec", "replicas"]},
		"msg": `ResourceQuota "quota" allows 1 of requests.cpu, and 2 can be needed at once: Deployment "web" 4 × 0.5`,
	}}
	{fault.msg | some fault in _deny({"limits.memory": "1Gi"}, [_deployment])} == {`ResourceQuota "quota" allows 1Gi of limits.memory, and 4096Mi can be needed at once: Deployment "web" 4 × 1024Mi`}
	{fault.msg | some fault in _deny({"pods": "1"}, [_deployment])} == {`ResourceQuota "quota" allows 1 of pods, and 4 can be needed at once: Deployment "web" 4`}
}
