# METADATA
# scope: package
# title: How many pods a workload may have
# description: |
#   With a HorizontalPodAutoscaler the number is the autoscaler's to choose, so what must hold for
#   a replicated workload has to hold at its minimum and at its maximum. The functions take the
#   objects of an overlay.
package policies.lib.scaling

import data.policies.lib.object as obj_lib
import data.policies.lib.workload

# METADATA
# description: whether an object is a HorizontalPodAutoscaler
is_autoscaler(obj) if obj_lib.is_kind(obj, "autoscaling", "HorizontalPodAutoscaler")

# METADATA
# description: the autoscalers of an overlay by their index in input.objects, for rules of an overlay
input_autoscalers := object.get(obj_lib.of_kind, ["autoscaling", "HorizontalPodAutoscaler"], {})

# METADATA
# description: whether an autoscaler scales an object (same namespace, kind, group and name)
scales(hpa, obj) if {
	obj_lib.namespace(hpa) == obj_lib.namespace(obj)
	may_scale(hpa, obj)
}

# METADATA
# description: whether an autoscaler may scale an object, for all that is known of their namespaces
may_scale(hpa, obj) if {
	hpa.spec.scaleTargetRef.kind == obj.kind
	hpa.spec.scaleTargetRef.name == obj_lib.name(obj)
	obj_lib.may_be_one(obj_lib.namespace(hpa), obj_lib.namespace(obj))
	obj_lib.group(hpa.spec.scaleTargetRef) == obj_lib.group(obj)
}

# METADATA
# description: the objects that an autoscaler scales, by their index in input.objects
targets(hpa) := {index |
	some index in obj_lib.called(hpa.spec.scaleTargetRef.kind, hpa.spec.scaleTargetRef.name)
	scales(hpa, input.objects[index])
}

# METADATA
# description: the autoscalers of the overlay that scale an object, by their index in input.objects
autoscalers(obj) := {index: input_autoscalers[index] | some index in object.get(_by_target, [_identity(obj, obj.kind, obj_lib.name(obj), obj)], set())}

_by_target := _autoscalers_by_target

_autoscalers_by_target[_identity(hpa, target.kind, target.name, target)] contains index if {
	some index, hpa in input_autoscalers
	target := hpa.spec.scaleTargetRef
}

_identity(obj, kind, name, versioned) := [obj_lib.namespace(obj), kind, name, obj_lib.group(versioned)]

# METADATA
# description: |
#   The fewest replicas that a scalable workload has: the least minimum of its autoscalers (1 where
#   an autoscaler states none, as the API server defaults it), or else its own replicas.
minimum(obj) := min(bounds) if {
	workload.is_scalable(obj)
	bounds := [bound |
		some hpa in autoscalers(obj)
		bound := obj_lib.at(hpa, ["spec", "minReplicas"], 1)
		is_number(bound)
	]
	count(bounds) > 0
} else := workload.replicas(obj)

# METADATA
# description: |
#   The most replicas that a scalable workload has: the greatest maximum of its autoscalers, or
#   else its own replicas.
maximum(obj) := max(bounds) if {
	workload.is_scalable(obj)
	bounds := [bound |
		some hpa in autoscalers(obj)
		bound := hpa.spec.maxReplicas
		is_number(bound)
	]
	count(bounds) > 0
} else := workload.replicas(obj)

# METADATA
# description: |
#   The paths of what says how many replicas the scalable workload of an index in input.objects has:
#   the bound of its autoscalers, minReplicas or maxReplicas, or else its own replicas.
fields(index, obj, bound) := found if {
	workload.is_scalable(obj)
	found := {["objects", i, "spec", bound] | some i, _ in autoscalers(obj)}
	count(found) > 0
} else := {["objects", index, "spec", "replicas"]} if {
	workload.is_scalable(obj)
} else := set()

# METADATA
# description: whether KEDA, Flagger or another of their like scales an object, which name it and say how many there may be
is_scaled_by_others(obj) if {
	some api_group in ["argoproj.io", "elasti.truefoundry.com", "flagger.app", "http.keda.sh", "keda.sh"]
	some objects in obj_lib.of_kind[api_group]
	some scaler in objects
	some field in ["scaleTargetRef", "targetRef", "workloadRef"]
	scaler.spec[field].name == obj_lib.name(obj)
}
