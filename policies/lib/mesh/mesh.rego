# METADATA
# scope: package
# title: Where Istio's rules send traffic
# description: |
#   The routes, destinations and subsets of VirtualServices and DestinationRules, whatever protocol
#   they stand under.
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/networking/virtual-service/
#   - ref: https://istio.io/latest/docs/reference/config/networking/destination-rule/
package policies.lib.mesh

import data.policies.lib.entry
import data.policies.lib.object as obj_lib
import data.policies.lib.registry
import data.policies.lib.spelling

# METADATA
# description: whether an object is a VirtualService
is_virtual_service(obj) if obj_lib.is_kind(obj, "networking.istio.io", "VirtualService")

# METADATA
# description: whether an object is a DestinationRule
is_destination_rule(obj) if obj_lib.is_kind(obj, "networking.istio.io", "DestinationRule")

# METADATA
# description: the VirtualServices of an overlay by their index in input.objects, for rules of an overlay
input_virtual_services := object.get(obj_lib.of_kind, ["networking.istio.io", "VirtualService"], {})

# METADATA
# description: the DestinationRules of an overlay by their index in input.objects, for rules of an overlay
input_destination_rules := object.get(obj_lib.of_kind, ["networking.istio.io", "DestinationRule"], {})

# METADATA
# description: every http, tcp and tls rule of a VirtualService, as {value, path}
rules(obj) := [rule |
	some protocol in ["http", "tcp", "tls"]
	some rule in entry.list(obj_lib.at(obj, ["spec", protocol], null), ["spec", protocol])
]

# METADATA
# description: |
#   The splits of a VirtualService: each {path, destinations} is a list of weighted destinations,
#   themselves {value, path}. A rule that redirects, answers or delegates splits nothing.
splits(obj) := [{"path": path, "destinations": entry.list(route, path)} |
	some rule in rules(obj)
	route := _route(rule.value)
	path := array.concat(rule.path, ["route"])
]

_route(rule) := rule.route if is_object(rule)

else := rule if not is_object(rule)

# METADATA
# description: every destination of a VirtualService, mirrors included, as {value, path}
destinations(obj) := array.concat(
	[destination |
		some split in splits(obj)
		some weighted in split.destinations
		destination := {
			"value": obj_lib.at(weighted.value, ["destination"], {}),
			"path": array.concat(weighted.path, ["destination"]),
		}
	],
	[destination |
		some rule in rules(obj)
		some destination in _mirrors(rule)
	],
)

_mirrors(rule) := array.concat(
	[{"value": value, "path": array.concat(rule.path, ["mirror"])} |
		value := obj_lib.at(rule.value, ["mirror"], null)
		value != null
	],
	[{"value": obj_lib.at(mirror.value, ["destination"], {}), "path": array.concat(mirror.path, ["destination"])} |
		some mirror in entry.list(obj_lib.at(rule.value, ["mirrors"], null), array.concat(rule.path, ["mirrors"]))
	],
)

# METADATA
# description: the subsets of a DestinationRule, as {value, path}
subsets(obj) := entry.list(obj_lib.at(obj, ["spec", "subsets"], null), ["spec", "subsets"])

# METADATA
# description: |
#   The subsets that the overlay defines, by the full name of their host and their own name: a set
#   of the label sets that they select by.
defined := _defined

_defined[host][name] contains labels if {
	some obj in input_destination_rules
	some host in _hosts(obj)
	some subset in subsets(obj)
	name := subset.value.name
	labels := obj_lib.at(subset.value, ["labels"], {})
}

# METADATA
# description: the namespaces of the DestinationRules that define a subset, by the full name of their host and its own name
definers := _definers

_definers[host][name] contains obj_lib.namespace(obj) if {
	some obj in input_destination_rules
	some host in _hosts(obj)
	some subset in subsets(obj)
	name := subset.value.name
}

# METADATA
# description: the paths from `input` of the names that a host's subsets have and that are nearly a wanted one
near_subsets(host, wanted) := [array.concat(["objects", i], array.concat(subset.path, ["name"])) |
	some i, obj in input_destination_rules
	host in _hosts(obj)
	some subset in subsets(obj)
	is_string(subset.value.name)
	is_string(wanted)
	spelling.is_near(subset.value.name, wanted)
]

# One that nobody here knows is still the host of its subsets: others render its Service.
_hosts(obj) := found if {
	found := registry.known(registry.mesh_name(obj.spec.host, obj_lib.namespace(obj)))
	count(found) > 0
} else := {registry.mesh_name(obj.spec.host, obj_lib.namespace(obj))}
