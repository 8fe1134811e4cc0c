# METADATA
# scope: package
# title: Autoscalers scale something that is there
# description: |
#   An autoscaler whose target was renamed, or is of a kind without replicas, reports FailedGetScale
#   in its conditions and nowhere else: the service runs at whatever number it had, and the first
#   peak is when somebody notices. Two autoscalers on one target undo each other's decisions.
# related_resources:
#   - ref: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
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

deny contains {"msg": msg, "path": ["objects", index, "spec", "scaleTargetRef"]} if {
	some index, hpa in scaling.input_autoscalers
	others := _rivals(index, hpa)
	count(others) > 0
	msg := sprintf("%s scales what %s scales too", [obj_lib.title(hpa), concat(", ", others)])
}

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
	some obj in input.objects
	workload.is_scalable(obj)
	obj_lib.name(obj) == name
	obj_lib.may_be_one(obj_lib.namespace(obj), obj_lib.namespace(hpa))
]

_rivals(index, hpa) := [obj_lib.title(other) |
	some position, other in scaling.input_autoscalers
	position != index
	_have_one_target(hpa, other)
]

_has_target(hpa) if {
	some obj in input.objects
	scaling.may_scale(hpa, obj)
	_can_scale(obj)
}

# Of a custom resource nobody here knows whether it has replicas.
_can_scale(obj) if workload.is_scalable(obj)

_can_scale(obj) if {
	not workload.is_workload(obj)
	not obj_lib.group(obj) in {"", "apps", "batch"}
}

_have_one_target(a, b) if {
	obj_lib.namespace(a) == obj_lib.namespace(b)
	a.spec.scaleTargetRef.kind == b.spec.scaleTargetRef.kind
	a.spec.scaleTargetRef.name == b.spec.scaleTargetRef.name
}
