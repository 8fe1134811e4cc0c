# METADATA
# scope: package
# title: Routes name subsets that a DestinationRule defines
# description: |
#   A subset that no DestinationRule of the host defines is a cluster that Envoy does not have: the
#   share of requests that is routed there answers 503. A misspelt subset of a canary breaks just
#   the 10 % that nobody looks at.
# related_resources:
#   - ref: https://istio.io/latest/docs/ops/common-problems/network-issues/#503-errors-after-setting-destination-rule
#   - ref: https://istio.io/latest/docs/reference/config/analysis/ist0101/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   fix: Define the subset in the DestinationRule of that host, or route to one that is defined.
package policies.mesh.subsets_exist

import data.policies.lib.mesh
import data.policies.lib.object as obj_lib
import data.policies.lib.registry

deny contains {"msg": msg, "path": path, "missing": missing} if {
	some i, obj in mesh.input_virtual_services
	some destination in mesh.destinations(obj)
	subset := obj_lib.at(destination.value, ["subset"], "")
	subset != ""
	host := registry.mesh_name(destination.value.host, obj_lib.namespace(obj))
	not _is_defined(host, subset)
	path := array.concat(["objects", i], array.concat(destination.path, ["subset"]))
	missing := {"kind": "subset", "namespace": "", "name": sprintf("%v of %v", [subset, host])}
	msg := sprintf("%s routes to subset %v of %v, which no DestinationRule defines", [obj_lib.title(obj), json.marshal(subset), registry.title(host)])
}

_is_defined(host, subset) if mesh.defined[host][subset]

_is_defined(host, subset) if {
	some other, subsets in mesh.defined
	registry.may_be_one(host, other)
	subsets[subset]
}
