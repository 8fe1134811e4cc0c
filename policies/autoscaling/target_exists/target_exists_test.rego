package policies.autoscaling.target_exists_test

import data.policies.autoscaling.target_exists
import data.policies.lib.fixture_test as fixture

_hpa(name, target) := {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name, "namespace": "shop"}, "spec": {"scaleTargetRef": target}}

_of(obj) := {"apiVersion": obj.apiVersion, "kind": obj.kind, "name": "web"}

_scalable := ["ReplicationController", "Deployment", "StatefulSet", "ReplicaSet"]

_path := ["objects", 1, "spec", "scaleTargetRef"]

test_allows[kind] if {
	some kind in _scalable
	obj := fixture.workload(kind, {}, {})
	target_exists.deny == set() with input as fixture.overlay([obj, _hpa("web", _of(obj))])
}

test_allows_a_custom_resource if {
	rollout := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web", "namespace": "shop"}}
	target_exists.deny == set() with input as fixture.overlay([rollout, _hpa("web", _of(rollout))])
}

test_denies_kinds_without_replicas[kind] if {
	some kind in ["Pod", "DaemonSet", "Job", "CronJob"]
	obj := fixture.workload(kind, {}, {})
	msg := sprintf(`HorizontalPodAutoscaler "web" scales nothing: no %s "web" of %s with replicas in namespace shop`, [kind, obj.apiVersion])
	target_exists.deny == {{"msg": msg, "path": array.concat(_path, ["name"]), "missing": {"kind": kind, "namespace": "shop", "name": "web"}}} with input as fixture.overlay([obj, _hpa("web", _of(obj))])
}

test_denies_kinds_of_the_core_that_are_no_workload if {
	service := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}}
	count(target_exists.deny) == 1 with input as fixture.overlay([service, _hpa("web", _of(service))])
}

_web := fixture.workload("Deployment", {}, {})

_missing := {
	"another name": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "wbe"}, ["name"]],
	"another kind": [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web"}, ["kind"]],
	"another group": [{"apiVersion": "example.com/v1", "kind": "Deployment", "name": "web"}, ["apiVersion"]],
	"no apiVersion": [{"kind": "Deployment", "name": "web"}, []],
	"no name": [{"apiVersion": "apps/v1", "kind": "Deployment"}, []],
	"nothing": [{}, []],
	"text": ["web", []],
	"null": [null, []],
}

test_denies_a_missing_target[note] if {
	some note, [target, field] in _missing
	some finding in target_exists.deny with input as fixture.overlay([_web, _hpa("web", target)])
	finding.path == array.concat(_path, field)
}

test_denies_a_target_of_another_namespace if {
	obj := object.union(_web, {"metadata": {"namespace": "other"}})
	target_exists.deny == {{"msg": `HorizontalPodAutoscaler "web" scales nothing: no Deployment "web" of apps/v1 with replicas in namespace shop`, "path": array.concat(_path, ["name"]), "missing": {"kind": "Deployment", "namespace": "shop", "name": "web"}}} with input as fixture.overlay([obj, _hpa("web", _of(obj))])
}

test_denies_two_autoscalers_of_one_target if {
	target_exists.deny == {
		{"msg": `HorizontalPodAutoscaler "a" scales what HorizontalPodAutoscaler "b", HorizontalPodAutoscaler "c" scales too`, "path": ["objects", 1, "spec", "scaleTargetRef"], "with": {["objects", 2, "spec", "scaleTargetRef"], ["objects", 3, "spec", "scaleTargetRef"]}},
	} with input as fixture.overlay([_web, _hpa("a", _of(_web)), _hpa("b", _of(_web)), _hpa("c", _of(_web))])
}

test_denies_an_autoscaler_that_is_text if {
	hpa := object.union(_hpa("web", {}), {"spec": "text"})
	count(target_exists.deny) == 1 with input as fixture.overlay([_web, hpa])
}

test_ignores_other_objects if {
	target_exists.deny == set() with input as fixture.overlay([_web, {"apiVersion": "example.com/v1", "kind": "HorizontalPodAutoscaler"}, {}])
}

_scaler(group, kind, field, name, annotations) := {
	"apiVersion": sprintf("%s/v1", [group]),
	"kind": kind,
	"metadata": {"name": name, "namespace": "shop", "annotations": annotations},
	"spec": {field: {"name": "web", "kind": "Deployment", "apiVersion": "apps/v1"}},
}

_rivals(scalers) := {places | some fault in faults; endswith(fault.msg, "scales too"); places := {fault.path} | fault.with} if {
	faults := target_exists.deny with input as {"objects": array.concat([{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}], scalers)}
}

test_one_scaler_a_target if {
	hpa := _scaler("autoscaling", "HorizontalPodAutoscaler", "scaleTargetRef", "web", {})
	keda := _scaler("keda.sh", "ScaledObject", "scaleTargetRef", "web", {})
	vpa := _scaler("autoscaling.k8s.io", "VerticalPodAutoscaler", "targetRef", "web", {})
	_rivals([hpa, vpa]) == set()
	_rivals([keda, vpa]) == set()
	_rivals([hpa, object.union(keda, {"metadata": {"annotations": {"scaledobject.keda.sh/transfer-hpa-ownership": "true"}}})]) == set()
	_rivals([hpa, object.union(keda, {"spec": {"advanced": {"horizontalPodAutoscalerConfig": {"name": "web"}}}})]) == set()
	_rivals([hpa, object.union(keda, {"spec": {"scaleTargetRef": {"kind": "StatefulSet"}}})]) == set()
	_rivals([hpa, keda]) == {{["objects", 1, "spec", "scaleTargetRef"], ["objects", 2, "spec", "scaleTargetRef"]}}
	_rivals([keda, object.union(keda, {"metadata": {"name": "other"}})]) == {{["objects", 1, "spec", "scaleTargetRef"], ["objects", 2, "spec", "scaleTargetRef"]}}
	off := object.union(vpa, {"metadata": {"name": "off"}, "spec": {"updatePolicy": {"updateMode": "Off"}}})
	_rivals([vpa, off]) == set()
	_rivals([hpa, vpa, off]) == set()
	_rivals([vpa, object.union(vpa, {"metadata": {"name": "other"}}), off]) == {{["objects", 1, "spec", "targetRef"], ["objects", 2, "spec", "targetRef"]}}
	_rivals([vpa, object.union(vpa, {"metadata": {"name": "other"}})]) == {{["objects", 1, "spec", "targetRef"], ["objects", 2, "spec", "targetRef"]}}
}

_two := {"containers": [{"name": "app"}, {"name": "helper"}], "initContainers": [{"name": "setup"}, {"name": "logs", "restartPolicy": "Always"}]}

_metric(container) := {"spec": {"metrics": [{"type": "Resource", "resource": {"name": "cpu"}}, {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": container}}]}}

_container_faults(kind, container) := faults if {
	obj := fixture.workload(kind, _two, {})
	faults := target_exists.deny with input as fixture.overlay([obj, object.union(_hpa("web", _of(obj)), _metric(container))])
}

test_containers_of_metrics[kind] if {
	some kind in _scalable
	every container in ["app", "helper", "logs", "istio-proxy", "vault-agent", "daprd", 1] {
		_container_faults(kind, container) == set()
	}
	every container in ["ap", "setup"] {
		{[fault.path, count(fault.with)] | some fault in _container_faults(kind, container)} == {[["objects", 1, "spec", "metrics", 1, "containerResource", "container"], 3]}
	}
}

test_message_of_a_container if {
	{fault.msg | some fault in _container_faults("Deployment", "ap")} == {`HorizontalPodAutoscaler "web" takes cpu of container "ap", and the pods of Deployment "web" have none of this name`}
}

test_containers_that_nobody_knows if {
	rollout := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"workloadRef": {"kind": "Deployment", "name": "web"}}}
	target_exists.deny == set() with input as fixture.overlay([rollout, object.union(_hpa("web", _of(rollout)), _metric("app"))])
}

_alone(scaler, objects) := faults if faults := target_exists.deny with input as object.union(fixture.overlay(array.concat([scaler], objects)), {"external": [{"kind": "StatefulSet", "name": "elsewhere", "namespace": "shop"}]})

_keda := _scaler("keda.sh", "ScaledObject", "scaleTargetRef", "web", {})

_vpa := _scaler("autoscaling.k8s.io", "VerticalPodAutoscaler", "targetRef", "web", {})

_other_pods := object.union(_web, {"metadata": {"name": "other"}})

test_targets_of_other_scalers if {
	daemons := fixture.workload("DaemonSet", {}, {})
	every case in [
		[_keda, [_web]],
		[object.union(_keda, {"spec": {"scaleTargetRef": {"kind": null, "apiVersion": null}}}), [_web]],
		[object.remove(_keda, ["spec"]), []],
		[object.union(_keda, {"spec": {"scaleTargetRef": "web"}}), []],
		[object.union(_keda, {"spec": {"scaleTargetRef": {"name": "${NAME}"}}}), []],
		[object.union(_keda, {"spec": {"scaleTargetRef": {"kind": "StatefulSet", "name": "elsewhere"}}}), []],
		[_vpa, [_web]],
		[object.union(_vpa, {"spec": {"targetRef": {"kind": "DaemonSet"}}}), [daemons]],
		[object.union(_vpa, {"spec": {"targetRef": {"kind": "StatefulSet", "name": "prometheus-main"}}}), [_other_pods, {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": {"name": "main", "namespace": "shop"}}]],
		# A chart, of which nobody here knows what it makes, and a namespace of which nothing is here.
		[_keda, [_other_pods, {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "shop", "namespace": "shop"}}]],
		[_keda, []],
	] {
		_alone(case[0], case[1]) == set()
	}
	_alone(_keda, [_other_pods]) == {{"msg": `ScaledObject "web" has no target: no Deployment "web" in namespace shop`, "path": ["objects", 0, "spec", "scaleTargetRef", "name"], "missing": {"kind": "Deployment", "namespace": "shop", "name": "web"}}}
	{fault.path | some fault in _alone(_vpa, [fixture.workload("StatefulSet", {}, {})])} == {["objects", 0, "spec", "targetRef", "kind"]}
	count(_alone(_vpa, [_other_pods, object.union(_web, {"metadata": {"namespace": "other"}})])) == 1
}

_by_utilization(resource, container) := {"spec": {"metrics": [{"type": "ContainerResource", "containerResource": {"name": resource, "container": container, "target": {"type": "Utilization", "averageUtilization": 70}}}]}}

_of_pods(target) := {"spec": {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]}}

_shared(vpa, scaler) := {fault.msg | some fault in faults; contains(fault.msg, "utilization")} if {
	faults := target_exists.deny with input as fixture.overlay([fixture.workload("Deployment", {"containers": [{"name": "app"}]}, {}), object.union(_vpa, vpa), scaler])
}

_policies(list) := {"spec": {"resourcePolicy": {"containerPolicies": list}}}

test_a_vpa_beside_an_autoscaler if {
	hpa := _hpa("web", _of(_web))
	percent := object.union(hpa, _of_pods({"type": "Utilization", "averageUtilization": 70}))
	first := object.union(hpa, {"apiVersion": "autoscaling/v1", "spec": {"targetCPUUtilizationPercentage": 70}})
	keda := object.union(_keda, {"spec": {"triggers": [{"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}]}})
	every vpa in [{}, {"spec": {"updatePolicy": {"updateMode": "Initial"}}}, _policies([{"containerName": "*", "controlledResources": ["cpu"]}]), _policies([{"containerName": "app", "minAllowed": {"cpu": "1"}}])] {
		_shared(vpa, percent) == {`VerticalPodAutoscaler "web" changes the requests of cpu, and HorizontalPodAutoscaler "web" scales by their utilization`}
		_shared(vpa, keda) == {`VerticalPodAutoscaler "web" changes the requests of cpu, and ScaledObject "web" scales by their utilization`}
		_shared(vpa, first) == _shared(vpa, percent)
		_shared(vpa, hpa) == _shared(vpa, percent)
		_shared(vpa, object.union(hpa, {"spec": {"metrics": []}})) == _shared(vpa, percent)
	}
	every vpa in [{"spec": {"updatePolicy": {"updateMode": "Off"}}}, _policies([{"containerName": "*", "controlledResources": ["memory"]}]), _policies([{"containerName": "*", "mode": "Off"}]), _policies([{"containerName": "app", "mode": "Off"}]), {"spec": {"targetRef": {"kind": "StatefulSet"}}}] {
		_shared(vpa, percent) == set()
		_shared(vpa, keda) == set()
		_shared(vpa, first) == set()
		_shared(vpa, hpa) == set()
	}
	annotated := {"metadata": {"annotations": {"autoscaling.alpha.kubernetes.io/metrics": "[]"}}}
	every metrics in [_of_pods({"type": "AverageValue", "averageValue": "1"}), {"spec": {"metrics": "text"}}, {"spec": {"targetCPUUtilizationPercentage": "70"}}, annotated] {
		_shared({}, object.union(hpa, metrics)) == set()
	}
	own := _policies([{"containerName": "*"}, {"containerName": "app", "mode": "Off"}])
	_shared(own, object.union(hpa, _by_utilization("cpu", "app"))) == set()
	count(_shared(own, object.union(hpa, _by_utilization("cpu", "helper")))) == 1
}
