# METADATA
# scope: package
# title: Ports that are asked are among those that are declared
# description: |
#   A probe, or prometheus.io/port, works with any number that somebody listens at. Where a container
#   declares its ports and a probe asks another one, or a pod declares ports and is scraped at none of
#   them, a number was changed and another forgotten, or the declaration that readers, and rules by
#   name, go by is not whole. What args, command or env speak of is meant.
# related_resources:
#   - ref: https://docs.kubelinter.io/#/generated/checks?id=readiness-port
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Correct the number, or declare the port on the container that listens there.
package policies.pod.ports_declared

import data.policies.lib.object as obj_lib
import data.policies.lib.part
import data.policies.lib.workload

deny contains {"msg": msg, "path": path, "with": with_fields} if {
	some container in part.input_containers
	container.complete
	declared := _declared(container.value)
	count(declared) > 0
	some probe in ["livenessProbe", "readinessProbe", "startupProbe"]
	some handler in ["grpc", "httpGet", "tcpSocket"]
	port := obj_lib.at(container.value, [probe, handler, "port"], null)
	is_number(port)
	not port in declared
	not _is_elsewhere(container.value[probe][handler])
	not port in _of_sidecars
	not _is_spoken_of(container.value, port)
	path := part.path(container, [probe, handler, "port"])
	with_fields := {part.path(container, ["ports", i, "containerPort"]) | some i, _ in container.value.ports}
	msg := sprintf("%s of %s asks port %v, and the container declares %s", [probe, container.title, port, _listing(declared)])
}

# Of another host than the pod nothing is known.
_is_elsewhere(handler) if obj_lib.at(handler, ["host"], "") != ""

# The number in what the process is told.
_is_spoken_of(container, port) if {
	texts := [text |
		some list in [object.get(container, "args", []), object.get(container, "command", []), [variable.value | some variable in container.env]]
		some text in list
		is_string(text)
	]
	regex.match(sprintf(`(^|[^0-9])%d([^0-9]|$)`, [port]), concat(" ", texts))
}

deny contains {"msg": msg, "path": path, "with": with_fields} if {
	workload.is_workload(input)
	annotations := workload.annotations(input)
	annotations["prometheus.io/scrape"] == "true"
	text := annotations["prometheus.io/port"]
	regex.match(`^[0-9]+$`, text)
	port := to_number(text)
	declared := union({_declared(container.value) | some container in workload.input_containers})
	count(declared) > 0
	not port in declared
	not port in _of_sidecars
	every container in workload.input_containers {
		not _is_spoken_of(container.value, port)
	}
	path := array.concat(workload.template_path(input), ["metadata", "annotations", "prometheus.io/port"])
	with_fields := {array.concat(container.path, ["ports", i, "containerPort"]) | some container in workload.input_containers; some i, _ in container.value.ports}
	msg := sprintf("the pods of %s are scraped at port %v, and declare %s", [obj_lib.title(input), port, _listing(declared)])
}

_declared(container) := {port.containerPort | some port in container.ports; is_number(port.containerPort)}

_listing(ports) := concat(", ", [sprintf("%v", [port]) | some port in sort([port | some port in ports])])

# Those of the proxies of Istio and Linkerd.
_of_sidecars := {4191, 15000, 15014, 15020, 15021, 15090}
