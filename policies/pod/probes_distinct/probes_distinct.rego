# METADATA
# scope: package
# title: Liveness and readiness ask different questions
# description: |
#   Readiness may depend on a database; liveness must not. When both ask the same endpoint, a
#   database that is away for a minute makes the kubelet restart every replica at once, and the
#   outage outlives its cause.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Point livenessProbe at an endpoint that tells only of the process itself, such as /healthz beside /readyz.
package policies.pod.probes_distinct

import data.policies.lib.object as obj_lib
import data.policies.lib.part

deny contains {"msg": msg, "path": path, "with": {part.path(container, ["readinessProbe"])}} if {
	some container in part.input_containers
	liveness := _handler(container.value, "livenessProbe")
	liveness == _handler(container.value, "readinessProbe")
	msg := sprintf("%s is restarted whenever it is not ready: livenessProbe and readinessProbe both ask %s", [container.title, json.marshal(liveness)])
	path := part.path(container, ["livenessProbe"])
}

# What a probe asks, with the defaults written out and the port's name resolved, so that two
# spellings of one endpoint are equal. The delays and thresholds do not matter.
_handler(container, field) := {"httpGet": {
	"host": obj_lib.at(get, ["host"], ""),
	"path": obj_lib.at(get, ["path"], "/"),
	"port": _port(container, get),
	"scheme": obj_lib.at(get, ["scheme"], "HTTP"),
}} if {
	get := container[field].httpGet
}

_handler(container, field) := {"tcpSocket": {
	"host": obj_lib.at(socket, ["host"], ""),
	"port": _port(container, socket),
}} if {
	socket := container[field].tcpSocket
}

_handler(container, field) := {"grpc": {
	"port": _port(container, call),
	"service": obj_lib.at(call, ["service"], ""),
}} if {
	call := container[field].grpc
}

_handler(container, field) := {"exec": command} if command := container[field].exec.command

_port(container, handler) := number if {
	numbers := {port.containerPort | some port in container.ports; port.name == handler.port}
	some number in numbers
	count(numbers) == 1
} else := obj_lib.at(handler, ["port"], null)
