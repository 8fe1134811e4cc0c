# METADATA
# scope: package
# title: A port that is called is one of the Service
# description: |
#   An APIService, a webhook, an Ingress, a route, a variable with an address of plain HTTP and others name a
#   Service and a port of it. A Service answers
#   at its own ports and not at those of its pods: at another one nobody does. The API of an APIService
#   is then gone for the whole cluster, and a webhook refuses what it is to admit.
# related_resources:
#   - ref: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#service-reference
#   - ref: https://kubernetes.io/docs/tasks/extend-kubernetes/setup-extension-api-server/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: Service
#   fix: Name a port of the Service, which its targetPort leads on from, or give the Service this port.
package policies.service.called_ports

import data.policies.lib.endpoint
import data.policies.lib.envvar
import data.policies.lib.object as obj_lib
import data.policies.lib.reference
import data.policies.lib.registry
import data.policies.lib.selector
import data.policies.lib.workload

deny contains {"msg": msg, "path": array.concat(["objects", called.index], path), "with": with_fields} if {
	some called in reference.input_ports
	not _is_of_pods(called)
	port := _port(called)
	some ports in _ports[called.namespace][called.name]
	not port in ports.have
	path := _path(called)
	with_fields := {array.concat(["objects", ports.index, "spec", "ports"], [i, "port"]) | some i, _ in ports.list}
	msg := sprintf("%s calls port %v of Service %q, which has %s", [obj_lib.title(input.objects[called.index]), port, called.name, concat(", ", [sprintf("%v", [have]) | some have in ports.have])])
}

# The address of another service, http://cart:8080; telemetry/endpoints-resolve has those of OTLP. The pods of a
# headless Service answer at any port of theirs, and what is called so of oneself may be an address for others, as is what
# its name says is one.
deny contains {"msg": msg, "path": array.concat(["objects", i], variable.path), "with": with_fields} if {
	some i, obj in workload.input_workloads
	some variable in envvar.of(obj)
	not regex.match(`^OT(EL|LP)_`, variable.name)
	not envvar.is_of_others(variable.name)
	is_string(variable.value)
	regex.match(`^http://[a-z0-9.-]+:[0-9]+(/[^\s,;]*)?$`, variable.value)
	called := endpoint.parse(variable.value)
	not lower(called.host) in workload.aliases(obj)
	at := registry.missing(registry.dns_name(called.host, obj_lib.namespace(obj)))
	count(_ports[at.namespace][at.name]) == 1
	some ports in _ports[at.namespace][at.name]
	not called.port in ports.have
	service := input.objects[ports.index]
	not service.spec.clusterIP == "None"
	not selector.matches_map(obj_lib.at(service, ["spec", "selector"], {}), workload.labels(obj))
	with_fields := {array.concat(["objects", ports.index, "spec", "ports"], [j, "port"]) | some j, _ in ports.list}
	msg := sprintf("%s of %s (%s) calls port %v of Service %q, which has %s", [
		variable.title,
		obj_lib.title(obj),
		variable.name,
		called.port,
		at.name,
		concat(", ", [sprintf("%v", [have]) | some have in ports.have]),
	])
}

# The number or the name. A webhook or an APIService that says none is called at 443.
_port(called) := called.port.value if {
	_is_port(called.port.value)
} else := called.port.value.number if {
	is_number(called.port.value.number)
} else := called.port.value.name if {
	_is_name(called.port.value.name)
} else := 443 if {
	called.port.value == null
	obj_lib.group(input.objects[called.index]) in {"admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io"}
}

# Prometheus takes a number for that of a container.
# https://github.com/prometheus-operator/prometheus-operator/blob/v0.85.0/pkg/prometheus/promcfg.go
_is_of_pods(called) if {
	obj_lib.group(input.objects[called.index]) == "monitoring.coreos.com"
	is_number(called.port.value)
}

_is_port(value) if is_number(value)

_is_port(value) if _is_name(value)

# What something fills in later is no name yet.
_is_name(value) if {
	is_string(value)
	value != ""
	not contains(value, "$")
	not contains(value, "{{")
}

_path(called) := called.path if {
	called.port.value == null
} else := called.port.path

# Services that the target renders; what an ExternalName has for ports is for the other end.
_ports := _ports_by_name

_ports_by_name[obj_lib.namespace(service)][obj_lib.name(service)] contains {"index": index, "list": list, "have": have} if {
	some index, service in obj_lib.of_kind[""].Service
	not service.spec.type == "ExternalName"
	list := obj_lib.at(service, ["spec", "ports"], [])
	is_array(list)
	have := {value | some port in list; some field in ["name", "port"]; value := port[field]}
	count(have) > 0
}
