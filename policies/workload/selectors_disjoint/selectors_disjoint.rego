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
#   states: fact
#   scope: overlay
#   fix: Add a label with different values, such as track, to both selectors and both pod templates.
package policies.workload.selectors_disjoint

import data.policies.lib.object as obj_lib
import data.policies.lib.selector
import data.policies.lib.workload

deny contains {"msg": msg, "path": ["objects", controller.index, "spec", "selector"]} if {
	some namespace, controllers in _controllers
	some controller in controllers
	some other in _controllers[namespace]
	controller.index != other.index
	_selects(controller, other.labels)

	# What the API server refuses (a selector that misses its own template) is not this rule's business.
	_selects(controller, controller.labels)
	msg := sprintf("%s also selects the pods of %s", [controller.title, other.title])
}

_selects(controller, labels) if {
	controller.kind != "ReplicationController"
	selector.matches(controller.selector, labels)
}

_selects(controller, labels) if {
	controller.kind == "ReplicationController"
	selector.matches_map(controller.selector, labels)
}

# A Job's selector is made by the server, and a Pod has none. Other controllers than Kubernetes' own have their own way: a
# Rollout stands beside the Deployment that it takes over from.
_controllers[obj_lib.namespace(obj)] contains controller if {
	some i, obj in workload.input_workloads
	obj_lib.group(obj) in {"", "apps"}
	obj.kind != "Pod"
	controller := {
		"index": i,
		"kind": obj.kind,
		"title": workload.title(obj),
		"labels": workload.labels(obj),
		"selector": obj_lib.at(obj, ["spec", "selector"], null),
	}
}
