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
#   mentions: spec apps/ batch/ Pod
#   fix: Add a label with different values, such as track, to both selectors and both pod templates.
package policies.workload.selectors_disjoint

import data.policies.lib.labels
import data.policies.lib.object as obj_lib
import data.policies.lib.workload

# One finding of all that select the same pods, at the first of them.
deny contains {"msg": msg, "path": ["objects", first, "spec", "selector"], "with": {["objects", other, "spec", "selector"] | some other in others}} if {
	some selected, owners in _owners
	first := min(owners)
	others := selected - {first}
	count(others) > 0
	msg := sprintf("%s also selects the pods of %s", [workload.title(_controllers[first]), concat(", ", [workload.title(_controllers[other]) | some other in others])])
}

_owners[selected] contains index if {
	some index, obj in _controllers
	selected := _selected(obj) & object.keys(_controllers)

	# What the API server refuses (a selector that misses its own template) is not this rule's business.
	index in selected
}

_selected(obj) := labels.selected("pods", obj_lib.at(obj, ["spec", "selector"], null), {obj_lib.namespace(obj)}) if {
	obj.kind != "ReplicationController"
} else := labels.selected_by_map("pods", obj_lib.at(obj, ["spec", "selector"], null), {obj_lib.namespace(obj)})

_controllers := {index: obj |
	some index, obj in workload.input_workloads
	obj_lib.group(obj) in {"", "apps"}
	obj.kind != "Pod"
}
