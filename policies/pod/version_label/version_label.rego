# METADATA
# scope: package
# title: The version that pods are labelled with is the one that they run
# description: |
#   Dashboards, traffic graphs and whoever looks for what runs where read the label version, or
#   app.kubernetes.io/version, of the pods. Where an image was changed and the label was not (an entry of
#   images in an overlay, a patch, a bot), all of them show a version that does not run. Nothing is said
#   of pods of which a container has a tag that is no version.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/
#   - ref: https://istio.io/latest/docs/ops/deployment/application-requirements/#pod-requirements
# custom:
#   severity: warning
#   states: convention
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Give the label the version of the image, or change both where both are written.
package policies.pod.version_label

import data.policies.lib.image
import data.policies.lib.object as obj_lib
import data.policies.lib.workload

deny contains {"msg": msg, "path": path, "with": {array.concat(container.path, ["image"]) | some container in _running}} if {
	workload.is_workload(input)
	some key in ["app.kubernetes.io/version", "version"]
	version := workload.labels(input)[key]
	_is_version(version)
	count(_tags) > 0
	count(_tags) == count(_running)
	every tag in _tags {
		_is_version(tag)
		not _agree(version, tag)
	}
	msg := sprintf("pods of %s are labelled %v=%v, and %s", [obj_lib.title(input), key, version, _what_runs])
	path := array.concat(workload.template_path(input), ["metadata", "labels", key])
}

_running := [container | some container in workload.input_containers; container.kind in {"container", "sidecar"}]

_tags := [tag | some container in _running; tag := image.tag(container.value.image)]

_what_runs := sprintf("%s runs %v", [_running[0].title, _tags[0]]) if count(_tags) == 1

_what_runs := sprintf("no container runs that: they run %s", [concat(", ", _tags)]) if count(_tags) > 1

# v1 is a name of a track as often as a version.
_is_version(text) if {
	is_string(text)
	regex.match(`^v?[0-9]+\.[0-9]`, text)
}

# A tag says more than the label (15.2-bookworm), or less.
_agree(one, other) if {
	short := [trim_prefix(text, "v") | some text in [one, other]]
	some [text, start] in [short, [short[1], short[0]]]
	regex.match(`^($|[^0-9A-Za-z])`, trim_prefix(text, start))
	startswith(text, start)
}
