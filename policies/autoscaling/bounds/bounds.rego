# METADATA
# scope: package
# title: An autoscaler's bounds are in order
# description: |
#   A minimum above the maximum is refused by the API server in the middle of a sync. A minimum of 0
#   is taken with a metric of an object or from outside alone (and before 1.37 by default not at all):
#   nothing brings a service back from no pods when its metrics come from its pods.
# related_resources:
#   - ref: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: autoscaling keda.sh
#   fix: Set 1 ≤ minReplicas ≤ maxReplicas; 0 asks for a metric of the type External or Object.
package policies.autoscaling.bounds

import data.policies.lib.object as obj_lib
import data.policies.lib.scaling

deny contains {"msg": msg, "path": ["spec", "maxReplicas"]} if {
	input.kind == "HorizontalPodAutoscaler"
	scaling.is_autoscaler(input)
	not _is_count(_maximum)
	msg := sprintf("%s has no maximum: maxReplicas is %v", [obj_lib.title(input), _maximum])
}

deny contains {"msg": msg, "path": ["spec", "minReplicas"]} if {
	input.kind == "HorizontalPodAutoscaler"
	scaling.is_autoscaler(input)
	not _is_count(_minimum)
	not _may_rest
	msg := sprintf("%s has no minimum of one or more: minReplicas is %v", [obj_lib.title(input), _minimum])
}

deny contains {"msg": msg, "path": ["spec", "minReplicas"], "with": {["spec", "maxReplicas"]}} if {
	input.kind == "HorizontalPodAutoscaler"
	scaling.is_autoscaler(input)
	_is_count(_minimum)
	_is_count(_maximum)
	_minimum > _maximum
	msg := sprintf("%s can have no number of pods: minReplicas %v is above maxReplicas %v", [obj_lib.title(input), _minimum, _maximum])
}

# The API server's own condition for none: validateMetrics of pkg/apis/autoscaling/validation.
_may_rest if {
	_minimum == 0
	some metric in input.spec.metrics
	metric.type in {"External", "Object"}
}

_minimum := obj_lib.at(input, ["spec", "minReplicas"], 1)

_maximum := obj_lib.at(input, ["spec", "maxReplicas"], "not set")

_is_count(number) if {
	is_number(number)
	number >= 1
	floor(number) == number
}
