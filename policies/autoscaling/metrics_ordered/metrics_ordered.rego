# METADATA
# scope: package
# title: Metrics are in the order that the API server gives back
# description: |
#   autoscaling/v1 keeps a CPU utilization metric in a field of its own and all others in an
#   annotation, so an autoscaler that any client or an old store passes through v1 comes back with
#   that metric last. In another order Argo CD finds a difference, syncs it, and finds it again: the
#   application is OutOfSync for ever. Of several only one survives. Other metrics, ContainerResource
#   among them, keep their order.
# related_resources:
#   - ref: https://github.com/kubernetes/kubernetes/issues/74099
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/diffing/
# custom:
#   severity: error
#   states: fact
#   scope: object
#   fix: Put the Resource metric for cpu with averageUtilization last in spec.metrics.
package policies.autoscaling.metrics_ordered

import data.policies.lib.object as obj_lib
import data.policies.lib.scaling

deny contains {"msg": msg, "path": ["spec", "metrics", index]} if {
	input.kind == "HorizontalPodAutoscaler"
	scaling.is_autoscaler(input)
	some index, metric in input.spec.metrics
	_moves(metric)
	index != count(input.spec.metrics) - 1
	msg := sprintf("%s comes back in another order: the cpu utilization metric is number %v of %v, not the last", [obj_lib.title(input), index + 1, count(input.spec.metrics)])
}

_moves(metric) if {
	metric.type == "Resource"
	metric.resource.name == "cpu"
	obj_lib.at(metric, ["resource", "target", "averageUtilization"], null) != null
}
