# METADATA
# scope: package
# title: Routes are taken by the Gateway that they name
# description: |
#   A Gateway takes a route of another namespace only where its listener says so, by default none,
#   and one whose hostnames meet those of the listener, of a kind that its protocol has: no TCPRoute on
#   one of HTTPS. A section that it does not have takes nothing.
#   What is not taken is a condition in the status of the route: who calls gets 404.
# related_resources:
#   - ref: https://gateway-api.sigs.k8s.io/reference/spec/#parentreference
#   - ref: https://gateway-api.sigs.k8s.io/guides/multiple-ns/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: gateway.networking.k8s.io
#   fix: Name a section that the Gateway has, and let its listener allow the route's kind, namespace and hostnames.
package policies.gateway.routes_attach

import data.policies.lib.entry
import data.policies.lib.object as obj_lib

_group := "gateway.networking.k8s.io"

_routes[i] := obj if {
	some kind in ["GRPCRoute", "HTTPRoute", "TCPRoute", "TLSRoute", "UDPRoute"]
	some i, obj in obj_lib.of_kind[_group][kind]
}

deny contains {"msg": msg, "path": array.concat(["objects", i], array.concat(parent.path, ["sectionName"]))} if {
	some i, obj in _routes
	some parent in _parents(obj)
	some gateway in _gateways(parent.value, obj)
	section := obj_lib.at(parent.value, ["sectionName"], "")
	section != ""
	names := {listener.name | some listener in gateway.spec.listeners}
	not section in names
	not _is_open(gateway)
	msg := sprintf("%s names section %q of %s, which has only %s", [obj_lib.title(obj), section, obj_lib.title(gateway), concat(", ", names)])
}

deny contains {"msg": msg, "path": array.concat(["objects", i], array.concat(parent.path, ["name"]))} if {
	some i, obj in _routes
	some parent in _parents(obj)
	some gateway in _gateways(parent.value, obj)
	not _is_open(gateway)
	listeners := _listeners(parent.value, gateway)
	count(listeners) > 0
	every listener in listeners {
		_is_closed(listener, gateway, obj)
	}
	msg := sprintf("%s of namespace %s is not taken by %s of namespace %s: none of its listeners allows routes of that namespace", [
		obj_lib.title(obj),
		obj_lib.namespace(obj),
		obj_lib.title(gateway),
		obj_lib.namespace(gateway),
	])
}

deny contains {"msg": msg, "path": array.concat(["objects", i], array.concat(parent.path, ["name"]))} if {
	some i, obj in _routes
	some parent in _parents(obj)
	some gateway in _gateways(parent.value, obj)
	not _is_open(gateway)
	listeners := _listeners(parent.value, gateway)
	count(listeners) > 0
	every listener in listeners {
		not obj.kind in object.get(_kinds, listener.protocol, {obj.kind})
	}
	msg := sprintf("%s is not taken by %s: a listener of %s takes no %s", [
		obj_lib.title(obj),
		obj_lib.title(gateway),
		concat(", ", {listener.protocol | some listener in listeners}),
		obj.kind,
	])
}

# What protocols of the specification take; an implementation may have others.
_kinds := {
	"HTTP": {"GRPCRoute", "HTTPRoute"},
	"HTTPS": {"GRPCRoute", "HTTPRoute"},
	"TCP": {"TCPRoute"},
	"TLS": {"TCPRoute", "TLSRoute"},
	"UDP": {"UDPRoute"},
}

deny contains {"msg": msg, "path": ["objects", i, "spec", "hostnames"]} if {
	some i, obj in _routes
	hostnames := obj_lib.at(obj, ["spec", "hostnames"], [])
	is_array(hostnames)
	count(hostnames) > 0
	every hostname in hostnames {
		is_string(hostname)
		not contains(hostname, "$")
	}
	some parent in _parents(obj)
	some gateway in _gateways(parent.value, obj)
	not _is_open(gateway)
	listeners := _listeners(parent.value, gateway)
	count(listeners) > 0
	every listener in listeners {
		wanted := obj_lib.at(listener, ["hostname"], "")
		wanted != ""
		not contains(wanted, "$")
		every hostname in hostnames {
			not _meet(wanted, hostname)
		}
	}
	msg := sprintf("hostnames of %s, %s, meet none of %s: %s", [
		obj_lib.title(obj),
		concat(", ", hostnames),
		obj_lib.title(gateway),
		concat(", ", {listener.hostname | some listener in listeners}),
	])
}

_parents(obj) := [parent |
	some parent in entry.list(obj_lib.at(obj, ["spec", "parentRefs"], null), ["spec", "parentRefs"])
	obj_lib.at(parent.value, ["kind"], "Gateway") == "Gateway"
	obj_lib.at(parent.value, ["group"], _group) == _group
]

# Of one namespace that is known: what is elsewhere nobody here can say.
_gateways(parent, obj) := [gateway |
	some gateway in obj_lib.of_kind[_group].Gateway
	obj_lib.name(gateway) == parent.name
	obj_lib.namespace(gateway) == obj_lib.at(parent, ["namespace"], obj_lib.namespace(obj))
]

# Listeners that others add.
_is_open(gateway) if obj_lib.at(gateway, ["spec", "allowedListeners"], null) != null

_listeners(parent, gateway) := [listener |
	some listener in gateway.spec.listeners
	obj_lib.at(parent, ["sectionName"], listener.name) == listener.name
	obj_lib.at(parent, ["port"], listener.port) == listener.port
]

_is_closed(listener, gateway, obj) if {
	obj_lib.namespace(gateway) != obj_lib.namespace(obj)
	obj_lib.namespace(gateway) != ""
	obj_lib.namespace(obj) != ""
	obj_lib.at(listener, ["allowedRoutes", "namespaces", "from"], "Same") in {"None", "Same"}
}

_meet(a, b) if lower(a) == lower(b)

_meet(a, b) if {
	some [wide, other] in [[a, b], [b, a]]
	startswith(wide, "*.")
	endswith(lower(other), lower(substring(wide, 1, -1)))
}
