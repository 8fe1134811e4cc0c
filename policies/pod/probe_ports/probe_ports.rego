# METADATA
# scope: package
# title: A probe or a hook names a port of its container
# description: |
#   The kubelet looks a port that is called by its name up among those of the same container. One that
#   is not there fails every time: the container is never ready, or restarted for ever. Of ports by
#   their number it needs none to be declared.
# related_resources:
#   - ref: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/#http-probes
#   - ref: https://github.com/kubernetes/kubernetes/blob/v1.37.2/pkg/probe/util.go
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Name a port that the container itself declares, or write its number.
package policies.pod.probe_ports

import data.policies.lib.object as obj_lib
import data.policies.lib.part

deny contains {"msg": msg, "path": path, "with": with_fields} if {
	some container in part.input_containers
	container.complete
	some [steps, name] in _called(container)
	not name in _names(container)
	not _is_filled_in(name)
	path := part.path(container, steps)
	with_fields := {part.path(container, ["ports", i, "name"]) | some i, port in obj_lib.at(container.value, ["ports"], []); port.name}
	msg := sprintf("%s of %s asks port %q, and no port of the container has this name", [_title(steps), container.title, name])
}

_title(steps) := concat(".", [step | some step in array.slice(steps, 0, count(steps) - 2)])

# Each with the steps that lead to the port.
_called(container) := [[array.concat(place, [handler, "port"]), port] |
	some place in [["livenessProbe"], ["readinessProbe"], ["startupProbe"], ["lifecycle", "postStart"], ["lifecycle", "preStop"]]
	some handler in ["httpGet", "tcpSocket"]
	port := obj_lib.at(container.value, array.concat(place, [handler, "port"]), 0)
	is_string(port)
	port != ""
	not regex.match(`^[0-9]+$`, port)
]

_names(container) := {port.name | some port in container.value.ports}

_is_filled_in(name) if contains(name, "$")

_is_filled_in(name) if contains(name, "{{")
