# METADATA
# scope: package
# title: Names that answer inside the cluster
# description: |
#   Every Service of the overlay by its full name: rendered, declared external in kgate.yaml, made
#   by the OpenTelemetry Operator for a collector or by CloudNativePG for a database; and the hosts
#   that ServiceEntries bring into the mesh. For rules whose input is an overlay.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
package policies.lib.registry

import data.policies.lib.collector
import data.policies.lib.object as obj_lib
import data.policies.lib.written

# METADATA
# description: |
#   The Services by full name, each a set of {namespace, ports, selector}. A set, because a
#   directory of plain manifests may hold a Service twice.
services := _services

_services[_full_name(obj_lib.name(obj), obj_lib.namespace(obj))] contains service if {
	some obj in obj_lib.of_kind[""].Service
	service := {
		"namespace": obj_lib.namespace(obj),
		"ports": _numbers(obj_lib.at(obj, ["spec", "ports"], [])),
		"selector": obj_lib.at(obj, ["spec", "selector"], {}),
	}
}

_services[_full_name(declared.name, declared.namespace)] contains service if {
	some declared in input.external
	declared.kind == "Service"
	service := {
		"namespace": declared.namespace,
		"ports": {port | some port in declared.ports},
		"selector": {},
	}
}

_services[_full_name(collector.service_name(obj), obj_lib.namespace(obj))] contains service if {
	some obj in collector.input_collectors
	service := {
		"namespace": obj_lib.namespace(obj),
		"ports": collector.ports(obj),
		"selector": {},
	}
}

_services[_full_name(concat("-", [obj_lib.name(obj), suffix]), obj_lib.namespace(obj))] contains service if {
	some obj in obj_lib.of_kind["postgresql.cnpg.io"].Cluster
	some suffix in ["r", "ro", "rw"]
	service := {
		"namespace": obj_lib.namespace(obj),
		"ports": {5432},
		"selector": {},
	}
}

_numbers(ports) := {port.port |
	some port in ports
	is_number(port.port)
}

_full_name(name, namespace) := sprintf("%s.%s.svc.cluster.local", [name, namespace])

# METADATA
# description: the hosts of the overlay's ServiceEntries, each a set of port numbers
entries := _entries

_entries[host] contains number if {
	some obj in obj_lib.of_kind["networking.istio.io"].ServiceEntry
	some host in obj.spec.hosts
	is_string(host)
	some port in obj.spec.ports
	is_number(port.number)
	number := port.number
}

# METADATA
# description: |
#   A host as Istio completes it in a rule of a namespace: only a name without a dot is given the
#   namespace; name.namespace stays as it is written, and so names no Service.
mesh_name(host, namespace) := _full_name(host, namespace) if {
	is_string(host)
	not contains(host, ".")
	host != "*"
} else := host

# METADATA
# description: |
#   A host as the cluster's DNS completes it for a pod of a namespace: name, name.namespace,
#   name.namespace.svc and the full name are the same Service.
dns_name(host, namespace) := _complete(split(trim_suffix(host, "."), "."), host, namespace) if is_string(host)

_complete([name], _, namespace) := _full_name(name, namespace)

_complete([name, namespace], _, _) := _full_name(name, namespace)

_complete([name, namespace, "svc"], _, _) := _full_name(name, namespace)

_complete(labels, host, _) := trim_suffix(host, ".") if {
	count(labels) > 2
	not _is_short(labels)
}

_is_short([_, _, "svc"])

# METADATA
# description: a Service that kgate.yaml declares without its ports, which it may have or not
hides_ports(name) if {
	some declared in input.external
	declared.kind == "Service"
	count([port | some port in object.get(declared, "ports", [])]) == 0
	_full_name(declared.name, declared.namespace) == name
}

# METADATA
# description: the port numbers of a name, over Services and ServiceEntries; undefined for an unknown one
ports(name) := {port | some service in services[name]; some port in service.ports} if services[name]

else := entries[name]

# METADATA
# description: |
#   The full names and hosts that a host of a mesh rule stands for, wildcards included ("*.example.com"
#   stands for every known name below it); empty for an unknown one.
known(name) := {name} if ports(name)

else := {candidate |
	is_string(name)
	startswith(name, "*")
	suffix := substring(name, 1, -1)
	some candidate in _names
	endswith(candidate, suffix)
}

# METADATA
# description: |
#   Whether a name is known, or may be that of a known Service: the namespace of one of them is not
#   known here.
may_be_known(name) if count(known(name)) > 0

may_be_known(name) if {
	some other in (_names | _written)
	may_be_one(name, other)
}

may_be_known(name) if name in _written

# What controllers make, of which nobody here knows the ports.
_written contains _full_name(made.name, _of_made(made.namespace)) if {
	some made in written.input_objects
	made.kind == "Service"
}

_of_made(namespace) := "" if {
	namespace == "*"
} else := namespace

# METADATA
# description: whether two full names are of Services of one name, and the namespace of one of them is not known here
may_be_one(a, b) if {
	some [unknown, name] in [[a, b], [b, a]]
	is_string(unknown)
	is_string(name)
	contains(unknown, "..")
	name != unknown
	startswith(name, trim_suffix(unknown, _of_unknown))
	endswith(name, ".svc.cluster.local")
	count(split(name, ".")) == count(split(unknown, "."))
}

# METADATA
# description: what would have to be rendered for a name to be known, as `missing` of a denial has it
missing(host) := {"kind": "Service", "namespace": namespace, "name": name} if {
	is_string(host)
	[name, namespace, "svc", "cluster", "local"] = split(host, ".")
} else := {"kind": "host", "namespace": "", "name": sprintf("%v", [host])}

# METADATA
# description: a name as messages have it, without a namespace that nobody here knows
title(name) := trim_suffix(name, concat("", [".", _of_unknown])) if is_string(name)

else := name

# What the full name of a Service ends with, behind its first dot, when its namespace is not known.
_of_unknown := ".svc.cluster.local"

_names := {name | some name, _ in services} | {host | some host, _ in entries}
