package policies.lib.capacity_test

import data.policies.lib.capacity

_sized(cpu) := {"resources": {"requests": {"cpu": cpu, "memory": "128Mi"}, "limits": {"cpu": cpu, "memory": "128Mi"}}}

_deployment(metadata, spec) := {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"template": {"metadata": metadata, "spec": spec}}}

_namespace(labels) := {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}

_range(item) := {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "range", "namespace": "shop"}, "spec": {"limits": [object.union({"type": "Container"}, item), {"type": "Pod"}, "text"]}}

_per_pod(objects, obj, field) := amount if {
	amount := capacity.per_pod(obj, field, "cpu") with input as {"objects": objects}
}

test_sum_of_containers_and_sidecars if {
	obj := _deployment({}, {"containers": [_sized("100m"), _sized("200m")], "initContainers": [object.union(_sized("50m"), {"restartPolicy": "Always"})]})
	_per_pod([], obj, "requests") == 350
}

# An init container runs beside the sidecars before it, and not beside those after it.
test_the_most_of_starting_and_running[name] if {
	sidecar := object.union(_sized("50m"), {"restartPolicy": "Always"})
	some name, case in {
		"small init": {"init": [_sized("100m")], "want": 100},
		"large init": {"init": [_sized("900m")], "want": 900},
		"sidecar before": {"init": [sidecar, _sized("900m")], "want": 950},
		"sidecar after": {"init": [_sized("900m"), sidecar], "want": 900},
	}
	_per_pod([], _deployment({}, {"containers": [_sized("100m")], "initContainers": case.init}), "requests") == case.want
}

test_injection[name] if {
	some name, case in {
		"namespace": {"namespace": {"istio-injection": "enabled"}, "labels": {}, "want": 200},
		"revision": {"namespace": {"istio.io/rev": "stable"}, "labels": {}, "want": 200},
		"neither": {"namespace": {}, "labels": {}, "want": 100},
		"pod asks": {"namespace": {}, "labels": {"sidecar.istio.io/inject": "true"}, "want": 200},
		"pod refuses": {"namespace": {"istio-injection": "enabled"}, "labels": {"sidecar.istio.io/inject": "false"}, "want": 100},
		"namespace refuses": {"namespace": {"istio-injection": "disabled", "istio.io/rev": "stable"}, "labels": {"sidecar.istio.io/inject": "true"}, "want": 100},
	}
	_per_pod([_namespace(case.namespace)], _deployment({"labels": case.labels}, {"containers": [_sized("100m")]}), "requests") == case.want
}

test_two_namespaces_of_one_name if {
	twice := [_namespace({"istio-injection": "enabled"}), _namespace({"team": "shop"})]
	_per_pod(twice, _deployment({}, {"containers": [_sized("100m")]}), "requests") == 200
}

test_no_injection_on_the_network_of_the_host if {
	_per_pod([_namespace({"istio-injection": "enabled"})], _deployment({}, {"hostNetwork": true, "containers": [_sized("100m")]}), "requests") == 100
}

test_size_of_the_injected if {
	injecting := [_namespace({"istio-injection": "enabled"})]
	_per_pod(injecting, _deployment({}, {"containers": [_sized("100m")]}), "limits") == 2100
	annotated := {"annotations": {"sidecar.istio.io/proxyCPU": "30m"}}
	_per_pod(injecting, _deployment(annotated, {"containers": [_sized("100m")]}), "requests") == 130

	# One annotation and Istio's defaults are gone: no CPU limit.
	_per_pod(injecting, _deployment(annotated, {"containers": [_sized("100m")]}), "limits") == 100
}

test_defaults_of_a_limit_range[name] if {
	some name, case in {
		"both": {"range": {"default": {"cpu": "2"}, "defaultRequest": {"cpu": "1"}}, "resources": {}, "want": [1000, 2000]},
		"default alone": {"range": {"default": {"cpu": "2"}}, "resources": {}, "want": [2000, 2000]},
		"max alone": {"range": {"max": {"cpu": "4"}}, "resources": {}, "want": [4000, 4000]},
		"min alone": {"range": {"min": {"cpu": "1"}}, "resources": {}, "want": [1000, 0]},
		"limit for a request": {"range": {"defaultRequest": {"cpu": "1"}}, "resources": {"limits": {"cpu": "3"}}, "want": [3000, 3000]},
		"none": {"range": {}, "resources": {}, "want": [0, 0]},
	}
	obj := _deployment({}, {"containers": [{"resources": case.resources}]})
	[_per_pod([_range(case.range)], obj, "requests"), _per_pod([_range(case.range)], obj, "limits")] == case.want
}

_spec(api_version, kind, spec) := {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}

_autoscaler := _spec("autoscaling/v2", "HorizontalPodAutoscaler", {"maxReplicas": 10, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}})

test_pods[name] if {
	some name, case in {
		"Deployment": {"obj": _spec("apps/v1", "Deployment", {"replicas": 3}), "want": 4},
		"Deployment with a number": {"obj": _spec("apps/v1", "Deployment", {"replicas": 3, "strategy": {"rollingUpdate": {"maxSurge": 2}}}), "want": 5},
		"Deployment with a percentage": {"obj": _spec("apps/v1", "Deployment", {"replicas": 3, "strategy": {"rollingUpdate": {"maxSurge": "50%"}}}), "want": 5},
		"Deployment that recreates": {"obj": _spec("apps/v1", "Deployment", {"replicas": 3, "strategy": {"type": "Recreate"}}), "want": 3},
		"StatefulSet": {"obj": _spec("apps/v1", "StatefulSet", {"replicas": 3}), "want": 3},
		"ReplicaSet": {"obj": _spec("apps/v1", "ReplicaSet", {"replicas": 3}), "want": 3},
		"ReplicationController": {"obj": _spec("v1", "ReplicationController", {"replicas": 3}), "want": 3},
		"DaemonSet": {"obj": _spec("apps/v1", "DaemonSet", {}), "want": 0},
		"Rollout": {"obj": _spec("argoproj.io/v1alpha1", "Rollout", {"replicas": 3, "template": {}}), "want": 4},
		"Rollout with a number": {"obj": _spec("argoproj.io/v1alpha1", "Rollout", {"replicas": 3, "template": {}, "strategy": {"canary": {"maxSurge": 2}}}), "want": 5},
		"Rollout that shifts requests": {"obj": _spec("argoproj.io/v1alpha1", "Rollout", {"replicas": 3, "template": {}, "strategy": {"canary": {"trafficRouting": {"istio": {}}}}}), "want": 6},
		"Rollout from blue to green": {"obj": _spec("argoproj.io/v1alpha1", "Rollout", {"replicas": 3, "template": {}, "strategy": {"blueGreen": {"activeService": "web"}}}), "want": 6},
		"DeploymentConfig": {"obj": _spec("apps.openshift.io/v1", "DeploymentConfig", {"replicas": 3, "template": {}}), "want": 3},
		"Knative Service": {"obj": _spec("serving.knative.dev/v1", "Service", {"template": {}}), "want": 0},
		"Pod": {"obj": _spec("v1", "Pod", {}), "want": 1},
		"Job": {"obj": _spec("batch/v1", "Job", {"parallelism": 5}), "want": 5},
		"CronJob": {"obj": _spec("batch/v1", "CronJob", {"jobTemplate": {"spec": {"parallelism": 2}}}), "want": 2},
		"database": {"obj": _spec("postgresql.cnpg.io/v1", "Cluster", {"instances": 3}), "want": 4},
		"collector": {"obj": _spec("opentelemetry.io/v1beta1", "OpenTelemetryCollector", {"replicas": 2}), "want": 3},
		"collector that scales": {"obj": _spec("opentelemetry.io/v1beta1", "OpenTelemetryCollector", {"mode": "deployment", "autoscaler": {"maxReplicas": 8}}), "want": 10},
		"collector on every node": {"obj": _spec("opentelemetry.io/v1beta1", "OpenTelemetryCollector", {"mode": "daemonset"}), "want": 0},
	}
	capacity.input_consumers == {0: case.obj} with input as {"objects": [case.obj]}
	pods := capacity.pods(case.obj) with input as {"objects": []}
	pods == case.want
}

test_pods_of_an_autoscaler if {
	pods := capacity.pods(_spec("apps/v1", "Deployment", {"replicas": 3})) with input as {"objects": [_autoscaler]}
	pods == 13
}

test_pods_that_cannot_be_told if {
	every obj in [
		_spec("apps/v1", "Deployment", {"replicas": "three"}),
		_spec("apps/v1", "Deployment", {"strategy": {"rollingUpdate": {"maxSurge": "some"}}}),
		_spec("batch/v1", "Job", {"parallelism": "all"}),
		_spec("postgresql.cnpg.io/v1", "Cluster", {"instances": "three"}),
		_spec("opentelemetry.io/v1beta1", "OpenTelemetryCollector", {"replicas": "two"}),
		_spec("argoproj.io/v1alpha1", "Rollout", {"replicas": "three", "template": {}}),
		_spec("argoproj.io/v1alpha1", "Rollout", {"workloadRef": {"name": "web"}}),
		_spec("v1", "Service", {}),
	] {
		not capacity.pods(obj) with input as {"objects": []}
	}
}

test_other_objects_have_no_containers if {
	capacity.containers(_spec("v1", "Service", {})) == [] with input as {"objects": []}
	capacity.input_consumers == {} with input as {"objects": [_spec("v1", "Service", {})]}
}

test_quotas_with_scopes_are_left_out if {
	objects := [
		_spec("v1", "ResourceQuota", {"hard": {"pods": "1"}}),
		_spec("v1", "ResourceQuota", {"hard": {"pods": "1"}, "scopes": ["BestEffort"]}),
		_spec("v1", "ResourceQuota", {"hard": {"pods": "1"}, "scopeSelector": {}}),
	]
	quotas := capacity.quotas with input as {"objects": objects}
	quotas == {"shop": {{"index": 0, "title": `ResourceQuota "web"`, "hard": {"pods": "1"}}}}
}

test_fields_that_say_how_many_pods if {
	every obj, field in {
		_spec("apps/v1", "Deployment", {}): ["spec", "replicas"],
		_spec("batch/v1", "Job", {}): ["spec", "parallelism"],
		_spec("batch/v1", "CronJob", {}): ["spec", "jobTemplate", "spec", "parallelism"],
		_spec("postgresql.cnpg.io/v1", "Cluster", {}): ["spec", "instances"],
		_spec("opentelemetry.io/v1beta1", "OpenTelemetryCollector", {}): ["spec", "replicas"],
	} {
		capacity.pods_fields(3, obj) == {array.concat(["objects", 3], field)} with input as {"objects": []}
	}
	every kind in ["Pod", "DaemonSet"] {
		capacity.pods_fields(0, _spec({"Pod": "v1", "DaemonSet": "apps/v1"}[kind], kind, {})) == set() with input as {"objects": []}
	}
	capacity.pods_fields(0, _spec("apps/v1", "Deployment", {})) == {["objects", 1, "spec", "maxReplicas"]} with input as {"objects": [_spec("apps/v1", "Deployment", {}), _autoscaler]}
}
