# METADATA
# scope: package
# title: Mesh rules name Services that exist
# description: |
#   Istio accepts a host that no Service answers to. A DestinationRule for it then does nothing, and
#   requests that a VirtualService sends there fail with 503. It happens when a name prefix renames
#   the Service (Kustomize does not rewrite Istio hosts), and with name.namespace: Istio gives a
#   namespace only to a name without a dot, and takes every other host as it is written.
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/networking/virtual-service/#Destination
#   - ref: https://istio.io/latest/docs/reference/config/analysis/ist0101/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: istio.io
#   fix: Write the Service's name or its full name, add a ServiceEntry, or declare the Service under external in kgate.yaml.
package policies.mesh.hosts_resolve

import data.policies.lib.entry
import data.policies.lib.mesh
import data.policies.lib.object as obj_lib
import data.policies.lib.registry

deny contains {"msg": msg, "path": path, "missing": missing} if {
	some i, obj in object.union(mesh.input_virtual_services, mesh.input_destination_rules)
	some host in _hosts(obj)
	not _good(host.value, obj)
	path := array.concat(["objects", i], host.path)
	missing := registry.missing(registry.mesh_name(host.value, obj_lib.namespace(obj)))
	msg := sprintf("%s names host %v, which is no Service of the overlay%s", [obj_lib.title(obj), json.marshal(host.value), _hint(host.value)])
}

_good(host, obj) if registry.may_be_known(registry.mesh_name(host, obj_lib.namespace(obj)))

_hint(host) := sprintf(": Istio does not complete a name with dots, write %s", [full]) if {
	full := registry.dns_name(host, "")
	full != host
	contains(host, ".")
	registry.ports(full)
} else := ""

_hosts(obj) := [{"value": obj_lib.at(obj, ["spec", "host"], null), "path": ["spec", "host"]}] if {
	mesh.is_destination_rule(obj)
} else := array.concat(_matched(obj), _destined(obj)) if {
	mesh.is_virtual_service(obj)
}

_destined(obj) := [{"value": obj_lib.at(destination.value, ["host"], null), "path": array.concat(destination.path, ["host"])} |
	some destination in mesh.destinations(obj)
]

# Behind a gateway a VirtualService answers to names of the outside world.
_matched(obj) := entry.list(obj_lib.at(obj, ["spec", "hosts"], []), ["spec", "hosts"]) if {
	obj_lib.at(obj, ["spec", "gateways"], ["mesh"]) == ["mesh"]
} else := []
