# METADATA
# scope: package
# title: Every route of a VirtualService is reached
# description: |
#   Istio takes the first route that a request matches. Behind one without conditions, or with
#   conditions that take all that a later one would, the later one gets nothing: a weighted split
#   behind it is a fiction. istioctl analyze warns of it (IST0130, IST0131); the cluster takes it.
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRoute
#   - ref: https://istio.io/latest/docs/reference/config/analysis/ist0130/
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: istio.io
#   fix: Put the route with fewer conditions last, or give it the match that it lacks.
package policies.mesh.routes_reached

import data.policies.lib.entry
import data.policies.lib.mesh
import data.policies.lib.object as obj_lib

_routes[protocol] := entry.list(list, ["spec", protocol]) if {
	input.kind == "VirtualService"
	mesh.is_virtual_service(input)
	some protocol in ["http", "tcp", "tls"]
	list := obj_lib.at(input, ["spec", protocol], null)
	list != null
}

_matches(route) := entry.list(obj_lib.at(route.value, ["match"], null), array.concat(route.path, ["match"]))

# A delegate takes only what its own routes match.
_takes(route) if {
	is_object(route.value)
	not route.value.delegate
}

_takes_all(route) if {
	_takes(route)
	count(_matches(route)) == 0
}

_takes_all(route) if {
	_takes(route)
	some match in _matches(route)
	_is_empty(match.value)
}

_is_empty(match) if {
	is_object(match)
	obj_lib.at(match, ["uri"], null) in _every_path
	every field in ["scheme", "method", "authority", "headers", "withoutHeaders", "queryParams", "port", "sourceLabels", "sourceNamespace", "gateways", "destinationSubnets", "sourceSubnet", "sniHosts"] {
		obj_lib.at(match, [field], null) == null
	}
}

# Every path begins with a slash.
_every_path := [null, {"prefix": "/"}, {"regex": ".*"}, {"regex": "/.*"}]

# Of two routes for everything the last is the one for the rest: the first lacks its conditions.
deny contains {"msg": msg, "path": route.path, "with": {lost[0].path}} if {
	some protocol, routes in _routes
	some i, route in routes
	not _is_after_all(routes, i)
	_takes_all(route)
	lost := array.slice(routes, i + 1, count(routes))
	some other in lost
	_takes_all(other)
	msg := sprintf("%s takes every request of %s: %s is never reached", [_name(protocol, i, route), obj_lib.title(input), concat(", ", [_name(protocol, (i + 1) + k, other) | some k, other in lost])])
}

deny contains {"msg": msg, "path": route.path, "with": {before.path}} if {
	some protocol, routes in _routes
	not _lacks_conditions(routes)
	some j, route in routes
	matches := _matches(route)
	count(matches) > 0
	earlier := array.slice(routes, 0, j)
	every match in matches {
		_is_taken(match.value, earlier)
	}
	some i, before in earlier
	not _is_taken(matches[0].value, array.slice(routes, 0, i))
	_takes_match(before, matches[0].value)
	msg := sprintf("%s of %s is never reached: %s takes all that it would", [_name(protocol, j, route), obj_lib.title(input), _name(protocol, i, before)])
}

_is_after_all(routes, i) if {
	some before in array.slice(routes, 0, i)
	_takes_all(before)
}

_lacks_conditions(routes) if count([route | some route in routes; _takes_all(route)]) > 1

_name(protocol, _, route) := sprintf("%s route %q", [protocol, route.value.name]) if is_string(route.value.name)

else := sprintf("route %s[%d]", [protocol, route.path[2]])

_is_taken(match, earlier) if {
	some route in earlier
	_takes_match(route, match)
}

_takes_match(route, _) if _takes_all(route)

_takes_match(route, match) if {
	_takes(route)
	some wider in _matches(route)
	_covers(wider.value, match)
}

_covers(wider, match) if wider == match

_covers(wider, match) if {
	is_object(wider)
	is_object(match)
	not _is_chosen_by_subnet(wider, match)
	every field, value in wider {
		_implied(field, value, match)
	}
}

# Of TLS routes Envoy takes that of the narrowest subnets, wherever it stands.
_is_chosen_by_subnet(wider, match) if {
	match.sniHosts
	match.destinationSubnets
	not wider.destinationSubnets
}

_implied(field, _, _) if field in {"name", "statPrefix"}

_implied("uri", value, _) if value == {"prefix": "/"}

_implied("uri", value, match) if {
	obj_lib.at(match, ["ignoreUriCase"], false) == false
	_text_implied(value, match.uri)
}

_implied("ignoreUriCase", value, match) if value == obj_lib.at(match, ["ignoreUriCase"], false)

_implied(field, value, match) if {
	field in {"scheme", "method", "authority"}
	_text_implied(value, match[field])
}

_implied(field, value, match) if {
	field in {"headers", "queryParams"}
	is_object(value)
	every key, wanted in value {
		_text_implied(wanted, match[field][key])
	}
}

_implied(field, value, match) if {
	field in {"port", "sourceNamespace", "sourceLabels", "gateways", "withoutHeaders", "destinationSubnets", "sourceSubnet", "sniHosts"}
	value == match[field]
}

_text_implied(wider, text) if wider == text

# Presence alone.
_text_implied(wider, text) if {
	wider == {}
	text != null
}

_text_implied({"prefix": prefix}, text) if {
	some field in ["exact", "prefix"]
	startswith(text[field], prefix)
}
