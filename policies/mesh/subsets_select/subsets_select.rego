# METADATA
# scope: package
# title: Subsets select pods of their Service
# description: |
#   A subset is a filter over the endpoints of its host. When no pod carries both the Service's
#   labels and the subset's, the subset is empty, and what is routed there answers 503 "no healthy
#   upstream", for instance when the canary's labels change and the DestinationRule does not follow.
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/networking/destination-rule/#Subset
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: istio.io
#   fix: Give the subset labels that the pods of the Service carry.
package policies.mesh.subsets_select

import data.policies.lib.labels
import data.policies.lib.mesh
import data.policies.lib.object as obj_lib
import data.policies.lib.registry
import data.policies.lib.selector
import data.policies.lib.workload

deny contains {"msg": msg, "path": path, "missing": missing} if {
	some i, obj in mesh.input_destination_rules
	some host in registry.known(registry.mesh_name(obj.spec.host, obj_lib.namespace(obj)))
	some service in registry.services[host]

	# Without a selector (external, ServiceEntry) nobody here knows the endpoints.
	service.selector != {}
	_has_pods(service)
	some subset in mesh.subsets(obj)
	not _good(subset.value, service)
	path := array.concat(["objects", i], array.concat(subset.path, ["labels"]))
	missing := {"kind": "pods", "namespace": service.namespace, "name": json.marshal(_wanted(subset.value, service))}
	msg := sprintf("subset %v of %s selects no pod of Service %s", [
		json.marshal(obj_lib.at(subset.value, ["name"], null)),
		obj_lib.title(obj),
		registry.title(host),
	])
}

# That a Service has no pods at all, or those of an operator, is for service/selects-pods to say.
_has_pods(service) if count(labels.selected_by_map("pods", service.selector, labels.near("pods", service.namespace))) > 0

_wanted(subset, service) := object.union(service.selector, subset.labels) if {
	is_object(service.selector)
	is_object(subset.labels)
} else := service.selector

_good(subset, service) if {
	is_object(subset)
	some index in labels.selected_by_map("pods", service.selector, labels.near("pods", service.namespace))
	selector.matches({"matchLabels": obj_lib.at(subset, ["labels"], {})}, workload.labels(input.objects[index]))
}
