# METADATA
# scope: package
# title: A canary is a version of the image that it is compared with
# description: |
#   A share of the requests is sent to a canary to compare it with what runs. Where its image is of
#   another repository, something else is compared: a name was misspelt, or a registry moved halfway.
# related_resources:
#   - ref: https://istio.io/latest/docs/concepts/traffic-management/#routing-versions
# custom:
#   severity: warning
#   states: convention
#   scope: overlay
#   mentions: istio.io
#   fix: Take both images out of one repository, or give the canary a weight of 0.
package policies.mesh.canary_image

import data.policies.lib.labels
import data.policies.lib.mesh
import data.policies.lib.object as obj_lib
import data.policies.lib.registry
import data.policies.lib.selector
import data.policies.lib.workload

deny contains {"msg": msg, "path": _image_path(two, j), "with": {_image_path(one, i)}} if {
	some pair in _pairs
	[one, two] := pair.tracks
	some i, container in workload.spec(input.objects[one]).containers
	some j, other in workload.spec(input.objects[two]).containers
	container.name == other.name
	repositories := [_repository(container.image), _repository(other.image)]
	repositories[0] != repositories[1]
	msg := sprintf("container %q of %s is %v, and of %s it is %v: %s compares two different programs", [
		container.name,
		obj_lib.title(input.objects[one]),
		repositories[0],
		obj_lib.title(input.objects[two]),
		repositories[1],
		pair.title,
	])
}

# Two tracks of a split that both get requests, by the indexes of the only workload that serves each. The lighter one is
# the canary.
_pairs contains {"tracks": tracks, "title": obj_lib.title(obj)} if {
	some obj in mesh.input_virtual_services
	some split in mesh.splits(obj)
	count(split.destinations) == 2
	some a, first in split.destinations
	some b, second in split.destinations
	a != b
	shares := [first.value.weight, second.value.weight]
	shares[1] > 0
	_is_before([shares[0], b], [shares[1], a])
	host := registry.mesh_name(first.value.destination.host, obj_lib.namespace(obj))
	host == registry.mesh_name(second.value.destination.host, obj_lib.namespace(obj))
	tracks := [_only(host, first.value.destination.subset), _only(host, second.value.destination.subset)]
	tracks[0] != tracks[1]
}

# The heavier first, and of two that are alike that which is written first.
_is_before(one, two) if one[0] > two[0]

_is_before(one, two) if {
	one[0] == two[0]
	one[1] > two[1]
}

# Rollouts have both tracks in one object.
_only(host, subset) := index if {
	served := {candidate |
		some service in registry.services[host]
		service.selector != {}
		some candidate in labels.selected_by_map("pods", service.selector, labels.near("pods", service.namespace))
		some wanted in mesh.defined[host][subset]
		selector.matches({"matchLabels": wanted}, workload.labels(input.objects[candidate]))
	}
	count(served) == 1
	some index in served
	obj_lib.group(input.objects[index]) != "argoproj.io"
}

_image_path(index, i) := array.concat(["objects", index], array.concat(workload.spec_path(input.objects[index]), ["containers", i, "image"]))

# Without the tag, which is behind the last colon that no slash follows, and without the digest.
_repository(image) := regex.replace(split(image, "@")[0], `:[^:/]*$`, "") if is_string(image)
