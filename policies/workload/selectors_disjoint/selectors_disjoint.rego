# METADATA
# scope: package
# title: No two workloads select the same pods
# description: |
#   Controllers find their pods by selector alone. When the stable selector also matches canary pods
#   (or both are equal), each of the two counts the other's pods as its own: the HPA and the rollout
#   work with wrong numbers, and ReplicaSets adopt and delete pods of the other.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#selector
# custom:
#   severity: error
#   scope: overlay
#   fix: Add a label with different values, such as track, to both selectors and both pod templates.
package policies.workload.selectors_disjoint

import data.policies.lib.object as obj_lib
import data.policies.lib.selector
import data.policies.lib.workload

deny contains {"msg": msg, "path": ["objects", i, "spec", "selector"]} if {
	some i, obj in input.objects
	labels := _labels_by_index[i]
	some j, other in _labels[obj_lib.namespace(obj)]
	i != j
	_selects(obj, other)

	# What the API server refuses (a selector that misses its own template) is not this rule's business.
	_selects(obj, labels)
	msg := sprintf("%s also selects the pods of %s", [workload.title(obj), workload.title(input.objects[j])])
}

_selects(obj, labels) if selector.matches(obj.spec.selector, labels)

_selects(obj, labels) if {
	obj.kind == "ReplicationController"
	selector.matches_map(obj.spec.selector, labels)
}

_labels[namespace][index] := labels if {
	some index, labels in _labels_by_index
	namespace := obj_lib.namespace(input.objects[index])
}

# A Job's selector is made by the server, and a Pod has none.
_labels_by_index[index] := workload.labels(obj) if {
	some index, obj in input.objects
	workload.is_workload(obj)
	not obj_lib.group(obj) == "batch"
	obj.kind != "Pod"
}
