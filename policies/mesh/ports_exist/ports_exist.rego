# METADATA
# scope: package
# title: Mesh rules name ports that the Service has
# description: |
#   A destination with a port that its Service does not have is a cluster that Envoy never gets:
#   every request answers 503, and nothing says so before the first one. Port settings of a
#   DestinationRule for such a port are ignored.
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/networking/virtual-service/#Destination
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: istio.io
#   fix: Use a port number from spec.ports of the Service (not its targetPort), or declare it for an external one.
package policies.mesh.ports_exist

import data.policies.lib.entry
import data.policies.lib.mesh
import data.policies.lib.object as obj_lib
import data.policies.lib.registry

deny contains {"msg": msg, "path": path} if {
	some i, obj in object.union(mesh.input_virtual_services, mesh.input_destination_rules)
	some use in _uses(obj)
	host := registry.mesh_name(use.host, obj_lib.namespace(obj))

	# mesh/hosts-resolve speaks of hosts that nobody knows.
	some name in registry.known(host)
	known := registry.ports(name)
	not use.number in known
	not registry.hides_ports(name)
	path := array.concat(["objects", i], use.path)
	msg := sprintf("%s uses port %v of %s, which has %s", [obj_lib.title(obj), json.marshal(use.number), registry.title(name), _listing(known)])
}

_listing(ports) := "no ports" if count(ports) == 0

else := sprintf("only %s", [concat(", ", [sprintf("%v", [port]) | some port in ports])])

_uses(obj) := [use |
	some destination in mesh.destinations(obj)
	port := obj_lib.at(destination.value, ["port"], null)
	port != null
	use := {
		"host": obj_lib.at(destination.value, ["host"], null),
		"number": obj_lib.at(port, ["number"], null),
		"path": array.concat(destination.path, ["port", "number"]),
	}
] if {
	mesh.is_virtual_service(obj)
} else := [use |
	some policy in _policies(obj)
	levels := array.concat(policy.path, ["portLevelSettings"])
	some level in entry.list(obj_lib.at(policy.value, ["portLevelSettings"], null), levels)
	use := {
		"host": obj_lib.at(obj, ["spec", "host"], null),
		"number": obj_lib.at(level.value, ["port", "number"], null),
		"path": array.concat(level.path, ["port", "number"]),
	}
] if {
	mesh.is_destination_rule(obj)
}

_policies(obj) := array.concat(
	[{"value": obj_lib.at(obj, ["spec", "trafficPolicy"], {}), "path": ["spec", "trafficPolicy"]}],
	[policy |
		some subset in mesh.subsets(obj)
		policy := {
			"value": obj_lib.at(subset.value, ["trafficPolicy"], {}),
			"path": array.concat(subset.path, ["trafficPolicy"]),
		}
	],
)
