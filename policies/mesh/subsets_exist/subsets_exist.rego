# METADATA
# scope: package
# title: Routes name subsets that a DestinationRule defines
# description: |
#   A subset that no DestinationRule of the host defines is a cluster that Envoy does not have: the
#   share of requests that is routed there answers 503. A misspelt subset of a canary breaks just
#   the 10 % that nobody looks at. A rule counts in the client's namespace, the Service's and the root.
# related_resources:
#   - ref: https://istio.io/latest/docs/ops/common-problems/network-issues/#503-errors-after-setting-destination-rule
#   - ref: https://istio.io/latest/docs/reference/config/analysis/ist0101/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: istio.io
#   fix: Define the subset in the DestinationRule of that host, or route to one that is defined.
package policies.mesh.subsets_exist

import data.policies.lib.mesh
import data.policies.lib.object as obj_lib
import data.policies.lib.registry
import data.policies.lib.workload

deny contains {"msg": msg, "path": path, "with": mesh.near_subsets(host, subset), "missing": missing} if {
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

deny contains {"msg": msg, "path": path} if {
	some i, obj in mesh.input_virtual_services
	some destination in mesh.destinations(obj)
	subset := obj_lib.at(destination.value, ["subset"], "")
	host := registry.mesh_name(destination.value.host, obj_lib.namespace(obj))
	namespaces := mesh.definers[host][subset]
	services := {service.namespace | some service in registry.services[host]}
	count(services) > 0
	every namespace in namespaces {
		_is_out_of_sight(namespace, services, obj)
	}
	path := array.concat(["objects", i], array.concat(destination.path, ["subset"]))
	msg := sprintf("%s routes to subset %v of %v, which only a DestinationRule of namespace %s defines: Istio looks in the client's namespace, the Service's and the root", [
		obj_lib.title(obj),
		json.marshal(subset),
		registry.title(host),
		concat(", ", namespaces),
	])
}

# Where none of those is that call: not the pods that are rendered, and not the gateways that the routes are for.
_is_out_of_sight(namespace, services, obj) if {
	namespace != ""
	namespace != "istio-system"
	obj_lib.namespace(obj) != ""
	not namespace in (services | {"", obj_lib.namespace(obj)})
	not "" in services
	every gateway in obj_lib.at(obj, ["spec", "gateways"], []) {
		not startswith(gateway, sprintf("%s/", [namespace]))
	}
	not _calling[namespace]
	not namespace in obj_lib.at(obj, ["spec", "exportTo"], [])
}

_calling contains obj_lib.namespace(obj) if some obj in workload.input_workloads

_is_defined(host, subset) if mesh.defined[host][subset]

_is_defined(host, subset) if {
	some other, subsets in mesh.defined
	registry.may_be_one(host, other)
	subsets[subset]
}
