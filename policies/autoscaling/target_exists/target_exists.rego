# METADATA
# scope: package
# title: Autoscalers scale something that is there
# description: |
#   An autoscaler whose target was renamed, is of a kind without replicas, or lacks the container of a
#   metric, says so in its conditions and nowhere else: the service runs at whatever number it had,
#   and the first peak is when somebody notices. Two autoscalers on one target undo each other's
#   decisions; KEDA makes one of each ScaledObject, and its webhook (v2.21.0) refuses it beside another.
# related_resources:
#   - ref: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
#   - ref: https://github.com/kedacore/keda/blob/v2.21.0/apis/keda/v1alpha1/scaledobject_webhook.go
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: autoscaling keda.sh
#   fix: Name a Deployment or StatefulSet of the same namespace, with its apiVersion, in scaleTargetRef; one autoscaler a target.
package policies.autoscaling.target_exists

import data.policies.lib.object as obj_lib
import data.policies.lib.scaling
import data.policies.lib.workload

deny contains {"msg": msg, "path": array.concat(["objects", index, "spec", "scaleTargetRef"], _wrong(hpa, target)), "missing": missing} if {
	some index, hpa in scaling.input_autoscalers
	not _has_target(hpa)
	target := obj_lib.at(hpa, ["spec", "scaleTargetRef"], {})
	missing := {"kind": obj_lib.at(target, ["kind"], ""), "namespace": obj_lib.namespace(hpa), "name": obj_lib.at(target, ["name"], "")}
	msg := sprintf("%s scales nothing: no %v %q of %v with replicas%s", [
		obj_lib.title(hpa),
		obj_lib.at(target, ["kind"], "object"),
		sprintf("%v", [obj_lib.at(target, ["name"], "")]),
		obj_lib.at(target, ["apiVersion"], "apiVersion v1"),
		obj_lib.within("in", obj_lib.namespace(hpa)),
	])
}

deny contains {"msg": msg, "path": ["objects", index, "spec", field]} if {
	some index, scaler in _scalers
	field := _target_field[scaler.kind]
	rivals := [position |
		some position in _of_one_target[_aim(scaler)]
		position != index
		_rival(scaler, _scalers[position])
	]
	count(rivals) > 0
	msg := sprintf("%s scales what %s scales too", [obj_lib.title(scaler), concat(", ", [obj_lib.title(_scalers[position]) | some position in rivals])])
}

# A metric of one container, of which the pods of the target have none of this name: the autoscaler gets no metric.
# https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/podautoscaler/metrics/client.go
deny contains {"msg": msg, "path": path, "with": with_fields} if {
	some index, hpa in scaling.input_autoscalers
	some i, metric in hpa.spec.metrics
	name := metric.containerResource.container
	is_string(name)
	not _is_injected(name)
	scaled := [position | some position, obj in workload.input_workloads; scaling.scales(hpa, obj)]
	count(scaled) == 1
	containers := [container | some container in workload.containers(input.objects[scaled[0]]); container.kind in {"container", "sidecar"}]
	count(containers) > 0
	not name in {container.value.name | some container in containers}
	path := ["objects", index, "spec", "metrics", i, "containerResource", "container"]
	with_fields := {array.concat(["objects", scaled[0]], array.concat(container.path, ["name"])) | some container in containers}
	msg := sprintf("%s takes %v of container %s, and the pods of %s have none of this name", [
		obj_lib.title(hpa),
		obj_lib.at(metric, ["containerResource", "name"], "a resource"),
		json.marshal(name),
		obj_lib.title(input.objects[scaled[0]]),
	])
}

# What webhooks put into pods is in no template, and mostly called so.
_is_injected(name) if regex.match(`(agent|envoy|istio|linkerd|proxy|sidecar)`, name)

_is_injected(name) if name in {"consul-dataplane", "daprd", "otc-container"}

# Two of one kind, or an HPA beside the one that KEDA makes of a ScaledObject, unless that is told to take it over.
_rival(a, b) if a.kind == b.kind

_rival(a, b) if {
	{a.kind, b.kind} == {"HorizontalPodAutoscaler", "ScaledObject"}
	not _takes_over(a)
	not _takes_over(b)
}

_takes_over(obj) if obj_lib.annotations(obj)["scaledobject.keda.sh/transfer-hpa-ownership"] == "true"

_takes_over(obj) if {
	obj.kind == "ScaledObject"
	obj_lib.at(obj, ["spec", "advanced", "horizontalPodAutoscalerConfig", "name"], "") in {obj_lib.name(hpa) | some hpa in scaling.input_autoscalers}
}

_target_field := {"HorizontalPodAutoscaler": "scaleTargetRef", "ScaledObject": "scaleTargetRef", "VerticalPodAutoscaler": "targetRef"}

_scalers := object.union_n([object.get(obj_lib.of_kind, found, {}) |
	some found in [["autoscaling", "HorizontalPodAutoscaler"], ["keda.sh", "ScaledObject"], ["autoscaling.k8s.io", "VerticalPodAutoscaler"]]
])

# The name, where nothing that could be scaled has it; else what of the rest is not as there.
_wrong(hpa, target) := ["name"] if {
	is_string(target.name)
	count(_called(hpa, target.name)) == 0
} else := ["kind"] if {
	every obj in _called(hpa, target.name) {
		obj.kind != target.kind
	}
} else := ["apiVersion"] if {
	is_string(target.name)
	is_string(target.apiVersion)
} else := []

_called(hpa, name) := [obj |
	some obj in _scalable[name]
	obj_lib.may_be_one(obj_lib.namespace(obj), obj_lib.namespace(hpa))
]

_scalable := _scalable_by_name

_scalable_by_name[obj_lib.name(obj)] contains obj if {
	some obj in workload.input_workloads
	workload.is_scalable(obj)
}

_has_target(hpa) if {
	some index in obj_lib.called(hpa.spec.scaleTargetRef.kind, hpa.spec.scaleTargetRef.name)
	obj := input.objects[index]
	scaling.may_scale(hpa, obj)
	_can_scale(obj)
}

# Of a custom resource nobody here knows whether it has replicas.
_can_scale(obj) if workload.is_scalable(obj)

_can_scale(obj) if {
	not workload.is_workload(obj)
	not obj_lib.group(obj) in {"", "apps", "batch"}
}

_of_one_target := _scalers_by_target

_scalers_by_target[_aim(scaler)] contains position if {
	some position, scaler in _scalers
}

_aim(scaler) := [obj_lib.namespace(scaler), _target(scaler)]

_target(obj) := [obj_lib.at(ref, ["kind"], "Deployment"), ref.name] if {
	ref := obj.spec[_target_field[obj.kind]]
	is_string(ref.name)
}
