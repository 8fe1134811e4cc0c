# METADATA
# scope: package
# title: A split is between different pods
# description: |
#   When two subsets of one split select the same pods, the weights are a fiction: requests meant
#   for the canary reach stable pods, and a canary that looks healthy has never been asked.
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/networking/destination-rule/#Subset
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: istio.io
#   fix: Tell the subsets apart by a label that stable and canary pods carry with different values, such as track.
package policies.mesh.subsets_differ

import data.policies.lib.mesh
import data.policies.lib.object as obj_lib
import data.policies.lib.registry
import data.policies.lib.selector
import data.policies.lib.workload

deny contains {"msg": msg, "path": path} if {
	some i, obj in mesh.input_virtual_services
	some split in mesh.splits(obj)
	some a, first in split.destinations
	some b, second in split.destinations
	a < b
	host := registry.mesh_name(first.value.destination.host, obj_lib.namespace(obj))
	host == registry.mesh_name(second.value.destination.host, obj_lib.namespace(obj))
	subsets := [obj_lib.at(destination, ["subset"], "") | some destination in [first.value.destination, second.value.destination]]
	some pod in _shared(host, subsets)
	path := array.concat(["objects", i], array.concat(second.path, ["destination"]))
	msg := sprintf("%s splits requests to %s between %s and %s, which both select the pods of %s", [
		obj_lib.title(obj),
		registry.title(host),
		_title(subsets[0]),
		_title(subsets[1]),
		pod,
	])
}

_title("") := "every pod"

_title(subset) := sprintf("subset %v", [json.marshal(subset)]) if subset != ""

_shared(host, subsets) := {obj_lib.title(candidate) |
	some service in registry.services[host]
	some candidate in _workloads[service.namespace]
	not _is_told_apart(candidate)
	pod := workload.labels(candidate)
	selector.matches_map(service.selector, pod)
	_selects(host, subsets[0], pod)
	_selects(host, subsets[1], pod)
}

# Argo Rollouts writes the hash of the template into the labels of the subsets.
_is_told_apart(obj) if obj_lib.is_kind(obj, "argoproj.io", "Rollout")

_selects(_, "", _)

_selects(host, subset, pod) if {
	some labels in mesh.defined[host][subset]
	selector.matches({"matchLabels": labels}, pod)
}

_workloads := _workloads_by_namespace

_workloads_by_namespace[obj_lib.namespace(obj)] contains obj if some obj in workload.input_workloads
