# METADATA
# scope: package
# title: A host of the mesh has one VirtualService
# description: |
#   Of two VirtualServices for one host a sidecar uses one, the older; routes of the other are ignored.
#   Behind a gateway Istio joins them. Two names for one Service, its short and its full one, in one
#   VirtualService are one host twice. istioctl analyze says so too (IST0109).
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/analysis/ist0109/
#   - ref: https://istio.io/latest/docs/ops/best-practices/traffic-management/#split-virtual-services
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: istio.io
#   fix: Write the routes of a host into one VirtualService, which names it once.
package policies.mesh.hosts_once

import data.policies.lib.entry
import data.policies.lib.mesh
import data.policies.lib.object as obj_lib
import data.policies.lib.registry

# The hosts of sidecars by their full names: who names one, where, and who sees it.
_named[full] contains {"index": i, "place": host.path, "seen": _seen(obj)} if {
	some i, obj in mesh.input_virtual_services
	"mesh" in obj_lib.at(obj, ["spec", "gateways"], ["mesh"])
	some host in entry.list(obj_lib.at(obj, ["spec", "hosts"], []), ["spec", "hosts"])
	full := registry.mesh_name(host.value, obj_lib.namespace(obj))
}

# "*" is every namespace.
_seen(obj) := {_namespace(name, obj) | some name in obj_lib.at(obj, ["spec", "exportTo"], ["*"])}

_namespace(".", obj) := obj_lib.namespace(obj)

_namespace(name, _) := name if name != "."

deny contains {"msg": msg, "path": path, "with": {array.concat(["objects", first.index], first.place)}} if {
	some full, uses in _named
	some second in uses
	earlier := [use | some use in uses; _is_before(use, second); _meet(use, second)]
	count(earlier) > 0
	first := earlier[0]
	path := array.concat(["objects", second.index], second.place)
	msg := _message(full, first, second)
}

_message(full, first, second) := sprintf("%s names host %s twice, as %v too", [obj_lib.title(input.objects[second.index]), registry.title(full), json.marshal(object.get(input.objects[first.index], first.place, ""))]) if {
	first.index == second.index
} else := sprintf("%s is for host %s of the mesh, which %s is for already: a sidecar uses one of them", [
	obj_lib.title(input.objects[second.index]),
	registry.title(full),
	obj_lib.title(input.objects[first.index]),
])

_is_before(a, b) if a.index < b.index

_is_before(a, b) if {
	a.index == b.index
	a.place < b.place
}

_meet(a, b) if {
	some use in [a, b]
	"*" in use.seen
}

_meet(a, b) if count(a.seen & b.seen) > 0
