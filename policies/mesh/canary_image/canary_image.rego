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

import data.policies.lib.canary
import data.policies.lib.mesh
import data.policies.lib.object as obj_lib
import data.policies.lib.workload

deny contains {"msg": msg, "path": _image_path(two, j), "with": {_image_path(one, i)}} if {
	some pair in canary.input_pairs
	pair.index in object.keys(mesh.input_virtual_services) # a route between Services may bring one program in place of another
	[one, two] := pair.tracks
	some i, container in workload.spec(input.objects[one]).containers
	some j, other in workload.spec(input.objects[two]).containers
	container.name == other.name
	repositories := [canary.repository(container.image), canary.repository(other.image)]
	repositories[0] != repositories[1]
	msg := sprintf("container %q of %s is %v, and of %s it is %v: %s compares two different programs", [
		container.name,
		obj_lib.title(input.objects[one]),
		repositories[0],
		obj_lib.title(input.objects[two]),
		repositories[1],
		obj_lib.title(input.objects[pair.index]),
	])
}

_image_path(index, i) := array.concat(["objects", index], array.concat(workload.spec_path(input.objects[index]), ["containers", i, "image"]))
