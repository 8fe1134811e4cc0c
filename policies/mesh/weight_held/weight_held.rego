# METADATA
# scope: package
# title: A canary has pods enough for its share
# description: |
#   How many pods a service needs at least its owners say of the stable track: by minReplicas or by
#   replicas. A share of the requests needs that share of them. Each pod of a canary that can have fewer
#   gets more than it is sized for, even when least is asked, and the comparison is worth nothing. Asked
#   is of like pods, and of a route of all requests but those that a header or a query has sent elsewhere.
# related_resources:
#   - ref: https://istio.io/latest/docs/concepts/traffic-management/#routing-versions
#   - ref: https://gateway-api.sigs.k8s.io/guides/traffic-splitting/
# custom:
#   severity: warning
#   states: convention
#   scope: overlay
#   mentions: istio.io gateway.networking.k8s.io
#   fix: Give the canary replicas, or its autoscaler a greater maxReplicas, or take the weight back.
package policies.mesh.weight_held

import data.policies.lib.canary
import data.policies.lib.object as obj_lib
import data.policies.lib.scaling
import data.policies.lib.workload

deny contains {"msg": msg, "path": path, "with": with_fields} if {
	some pair in canary.input_pairs
	_is_of_all(pair)
	not _is_shared(pair)
	[stable, one] := [input.objects[track] | some track in pair.tracks]
	not scaling.is_scaled_by_others(one)
	_are_alike(stable, one)
	least := scaling.minimum(stable)
	most := scaling.maximum(one)
	most > 0 # none at all is another rule's
	share := (pair.weights[1] * 100) / (pair.weights[0] + pair.weights[1])
	needed := (least * share) / 100
	needed > most
	path := pair.paths[1]
	with_fields := scaling.fields(pair.tracks[1], one, "maxReplicas") | scaling.fields(pair.tracks[0], stable, "minReplicas")
	msg := sprintf("%s gets %v%% of the requests, as much as %v of the %v pods of %s that are the fewest, and has %v at most", [
		obj_lib.title(one), _rounded(share), _rounded(needed), least, obj_lib.title(stable), most,
	])
}

# The rule that splits takes what no other one does, and these are asked for.
_is_of_all(pair) if {
	[_, index, _, list, at] := array.slice(pair.paths[1], 0, 5)
	rules := input.objects[index].spec[list]
	_takes_all(rules[at])
	obj_lib.at(rules[at], ["fault", "abort"], null) == null
	every i, rule in rules {
		_is_beside(i, at, rule)
	}
}

# Another route sends requests to them as well, of another host perhaps, of which nobody here knows how many there are.
_is_shared(pair) if {
	names := {name | some path in pair.paths; some name in _names(object.get(input, array.slice(path, 0, count(path) - 1), {}))}
	some kinds in [["networking.istio.io", "VirtualService"], ["gateway.networking.k8s.io", "HTTPRoute"], ["gateway.networking.k8s.io", "GRPCRoute"]]
	some i, route in object.get(obj_lib.of_kind, kinds, {})
	i != pair.index
	walk(route.spec, [_, value])
	count(_names(value) & names) > 0
}

# The Services that a destination, or a backend, may be of.
_names(value) := {split(name, ".")[0] |
	is_object(value)
	some name in [obj_lib.at(value, ["destination", "host"], null), obj_lib.at(value, ["host"], null), obj_lib.at(value, ["name"], null)]
	is_string(name)
}

_is_beside(i, at, _) if i == at

_is_beside(_, _, rule) if {
	matches := _matches(rule)
	count(matches) > 0
	every match in matches {
		some field in ["headers", "queryParams"]
		count(match[field]) > 0
	}
}

_is_beside(_, _, rule) if count(object.get(rule, "route", object.get(rule, "backendRefs", []))) == 0

_takes_all(rule) if {
	every match in _matches(rule) {
		match in [{"path": {"type": "PathPrefix", "value": "/"}}, {"path": {"value": "/"}}, {"uri": {"prefix": "/"}}]
	}
}

_matches(rule) := object.get(rule, "match", object.get(rule, "matches", []))

_are_alike(stable, one) if {
	[main, other] := [[{"repository": canary.repository(container.image), "resources": object.get(container, "resources", {})} |
		some container in workload.spec(obj).containers
	] |
		some obj in [stable, one]
	]
	count(main) > 0
	main == other
}

# One place behind the point says enough.
_rounded(number) := round(number * 10) / 10
