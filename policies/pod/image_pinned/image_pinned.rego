# METADATA
# scope: package
# title: Images are pinned to a version
# description: |
#   A tag that moves (latest, stable, or none, which means latest) makes two pods of one ReplicaSet
#   run different code, lets a rollback bring back the fault, and changes production without a
#   commit. Where an operator makes the pods the version belongs in its resource, or an upgrade of
#   the operator becomes an upgrade of the database. A pinned tag names a version, so it has a digit.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/containers/images/#image-names
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Name the image with a version tag or, better, a digest (name@sha256:…).
package policies.pod.image_pinned

import data.policies.lib.image as image_lib
import data.policies.lib.object as obj_lib
import data.policies.lib.part

deny contains {"msg": msg, "path": path} if {
	some container in part.input_containers
	image := obj_lib.at(container.value, ["image"], "")
	not _is_pinned(image)
	not _is_of_operator(container, image)
	msg := sprintf("%s runs %s", [container.title, _fault(image)])
	path := part.path(container, ["image"])
}

deny contains {"msg": msg, "path": path} if {
	some pod in part.input_pods
	some index, volume in pod.fields.volumes
	image := volume.image.reference
	not _is_pinned(image)
	msg := sprintf("volume %v mounts %s", [obj_lib.at(volume, ["name"], index), _fault(image)])
	path := array.concat(pod.paths.volumes, [index, "image", "reference"])
}

deny contains {"msg": msg, "path": path} if {
	input.kind == "Cluster"
	obj_lib.group(input) == "postgresql.cnpg.io"
	not input.spec.imageCatalogRef
	image := obj_lib.at(input, ["spec", "imageName"], "")
	not _is_pinned(image)
	msg := sprintf("%s runs %s", [obj_lib.title(input), _fault(image)])
	path := ["spec", "imageName"]
}

deny contains {"msg": msg, "path": path} if {
	input.kind == "OpenTelemetryCollector"
	obj_lib.group(input) == "opentelemetry.io"
	image := obj_lib.at(input, ["spec", "image"], "")
	not _is_pinned(image)
	msg := sprintf("%s runs %s", [obj_lib.title(input), _fault(image)])
	path := ["spec", "image"]
}

deny contains {"msg": msg, "path": path} if {
	input.kind == "Instrumentation"
	obj_lib.group(input) == "opentelemetry.io"
	some language in ["apacheHttpd", "dotnet", "go", "java", "nginx", "nodejs", "python"]
	agent := obj_lib.at(input, ["spec", language], null)
	agent != null
	image := obj_lib.at(agent, ["image"], "")
	not _is_pinned(image)
	msg := sprintf("%s injects %s into %s", [obj_lib.title(input), _fault(image), language])
	path := ["spec", language, "image"]
}

deny contains {"msg": msg, "path": path} if {
	input.kind == "Instrumentation"
	obj_lib.group(input) == "opentelemetry.io"
	some index, extension in input.spec.java.extensions
	image := extension.image
	not _is_pinned(image)
	msg := sprintf("%s injects %s into java", [obj_lib.title(input), _fault(image)])
	path := ["spec", "java", "extensions", index, "image"]
}

deny contains {"msg": msg, "path": path} if {
	input.kind == "Cluster"
	obj_lib.group(input) == "postgresql.cnpg.io"
	some index, extension in input.spec.postgresql.extensions
	image := extension.image.reference
	not _is_pinned(image)
	msg := sprintf("extension %v mounts %s", [obj_lib.at(extension, ["name"], index), _fault(image)])
	path := ["spec", "postgresql", "extensions", index, "image", "reference"]
}

# What Clusters run that name a catalogue in place of an image.
deny contains {"msg": msg, "path": path} if {
	input.kind in {"ClusterImageCatalog", "ImageCatalog"}
	obj_lib.group(input) == "postgresql.cnpg.io"
	some index, entry in input.spec.images
	image := obj_lib.at(entry, ["image"], "")
	not _is_pinned(image)
	msg := sprintf("%s holds %s", [obj_lib.title(input), _fault(image)])
	path := ["spec", "images", index, "image"]
}

# The operator knows an image where none is written.
_is_of_operator(container, "") if not container.complete

_is_pinned(image) if {
	is_string(image)
	regex.match(`^[^@\s]+@sha256:[0-9a-f]{64}$`, image)
}

# A tag that holds "latest" moves, whatever else it holds.
_is_pinned(image) if {
	tag := image_lib.tag(image)
	regex.match(`[0-9]`, tag)
	not contains(tag, "latest")
}

_fault(image) := "no image of its own choice: none is named" if {
	image == ""
} else := sprintf("the image %v, which names no fixed version", [image])
