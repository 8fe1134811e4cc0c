# METADATA
# scope: package
# title: Names are unique
# description: |
#   Two objects with one identity in an overlay overwrite each other, the last one applied wins, and
#   Argo CD warns of a repeated resource and prunes at will. Of the ports of a Service each needs a
#   name of its own as soon as there are two, or the API server refuses the Service; Istio reads the
#   protocol from the name.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/service/#multi-port-services
#   - ref: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   fix: Give every object, and every port of a Service, a name of its own.
package policies.service.unique_names

import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": ["objects", index, "metadata", "name"]} if {
	some indexes in _indexes
	count(indexes) > 1
	some index in indexes
	index != min(indexes)
	obj := input.objects[index]
	msg := sprintf("%s is in the overlay %v times%s", [obj_lib.title(obj), count(indexes), obj_lib.within("in", obj_lib.namespace(obj))])
}

# Where the objects of one identity are. The version is not part of it: apps/v1 and apps/v1beta1
# name the same Deployment.
_indexes[identity] contains index if {
	some index, obj in input.objects
	obj_lib.name(obj) != ""
	identity := [obj_lib.group(obj), obj.kind, obj_lib.namespace(obj), obj_lib.name(obj)]
}

deny contains {"msg": msg, "path": ["objects", index, "spec", "ports", entry, "name"]} if {
	some index, service in obj_lib.of_kind[""].Service
	ports := service.spec.ports
	is_array(ports)
	count(ports) > 1
	some entry, port in ports
	not _is_named(port)
	msg := sprintf("%s has %v ports and number %v has no name", [obj_lib.title(service), count(ports), entry + 1])
}

deny contains {"msg": msg, "path": ["objects", index, "spec", "ports", entry, "name"]} if {
	some index, service in obj_lib.of_kind[""].Service
	some entry, port in service.spec.ports
	_is_named(port)
	some earlier, other in service.spec.ports
	earlier < entry
	other.name == port.name
	msg := sprintf("%s has two ports named %s", [obj_lib.title(service), port.name])
}

_is_named(port) if {
	is_string(port.name)
	port.name != ""
}
