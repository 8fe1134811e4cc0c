# METADATA
# scope: package
# title: Which workloads share the requests of a service
# description: |
#   Where a VirtualService or a route of Gateway API splits requests between two workloads, the one with
#   the smaller share is a canary of the other. Rollouts have both tracks in one object, and are none.
# related_resources:
#   - ref: https://istio.io/latest/docs/concepts/traffic-management/#routing-versions
#   - ref: https://gateway-api.sigs.k8s.io/guides/traffic-splitting/
package policies.lib.canary

import data.policies.lib.entry
import data.policies.lib.labels
import data.policies.lib.mesh
import data.policies.lib.object as obj_lib
import data.policies.lib.registry
import data.policies.lib.selector
import data.policies.lib.workload

# METADATA
# description: |
#   The pairs of an overlay, as {index, tracks, weights, paths}: the object that splits, the indexes in
#   input.objects of the only workload that serves the heavier and of that which serves the lighter
#   share, their weights, and the paths from `input` of these. Of two that are alike the second is the
#   canary.
input_pairs := _pairs

_pairs contains pair if {
	some i, obj in mesh.input_virtual_services
	some split in mesh.splits(obj)
	pair := _pair(i, [{
		"weight": destination.value.weight,
		"path": destination.path,
		"behind": _of_subset(registry.mesh_name(destination.value.destination.host, obj_lib.namespace(obj)), destination.value.destination.subset),
		"host": registry.mesh_name(destination.value.destination.host, obj_lib.namespace(obj)),
	} |
		some destination in split.destinations
	])
	count(split.destinations) == 2
}

_pairs contains pair if {
	some kind in ["GRPCRoute", "HTTPRoute"]
	some i, obj in obj_lib.of_kind["gateway.networking.k8s.io"][kind]
	some rule in entry.list(obj_lib.at(obj, ["spec", "rules"], null), ["spec", "rules"])
	count(rule.value.backendRefs) == 2
	pair := _pair(i, [{
		"weight": obj_lib.at(backend, ["weight"], 1),
		"path": array.concat(rule.path, ["backendRefs", j]),
		"behind": _of_service(backend, obj),
		"host": "",
	} |
		some j, backend in rule.value.backendRefs
	])
}

# Both get requests, and each is served by one workload of its own.
_pair(index, sides) := {
	"index": index,
	"tracks": tracks,
	"weights": [side.weight | some side in ordered],
	"paths": [array.concat(["objects", index], array.concat(side.path, ["weight"])) | some side in ordered],
} if {
	count(sides) == 2
	every side in sides {
		side.weight > 0
	}
	sides[0].host == sides[1].host
	ordered := _ordered(sides)
	tracks := [_only(side.behind) | some side in ordered]
	count(tracks) == 2
	tracks[0] != tracks[1]
}

# The heavier first, and of two that are alike that which is written first.
_ordered(sides) := [sides[1], sides[0]] if {
	sides[1].weight > sides[0].weight
} else := sides

_of_subset(host, subset) := {candidate |
	some service in registry.services[host]
	service.selector != {}
	some candidate in labels.selected_by_map("pods", service.selector, labels.near("pods", service.namespace))
	some wanted in mesh.defined[host][subset]
	selector.matches({"matchLabels": wanted}, workload.labels(input.objects[candidate]))
}

_of_service(backend, route) := {candidate |
	obj_lib.at(backend, ["kind"], "Service") == "Service"
	obj_lib.at(backend, ["group"], "") == ""
	some at in obj_lib.called("Service", backend.name)
	service := input.objects[at]
	obj_lib.group(service) == ""
	obj_lib.namespace(service) == obj_lib.at(backend, ["namespace"], obj_lib.namespace(route))
	wanted := obj_lib.at(service, ["spec", "selector"], {})
	wanted != {}
	some candidate in labels.selected_by_map("pods", wanted, labels.near("pods", obj_lib.namespace(service)))
}

_only(served) := index if {
	count(served) == 1
	some index in served
	obj_lib.group(input.objects[index]) != "argoproj.io"
}

# METADATA
# description: the repository of an image, without the tag, which is behind the last colon that no slash follows, and without the digest
repository(image) := regex.replace(split(image, "@")[0], `:[^:/]*$`, "") if is_string(image)
