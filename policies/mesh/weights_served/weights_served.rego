# METADATA
# scope: package
# title: What gets a share of the requests has pods
# description: |
#   A split sends its share whether or not a pod is there to answer: with the canary scaled to none,
#   the ten requests of a hundred that are meant for it get 503. The weight has to go before the pods. A
#   route of Gateway API whose backends all have a weight of 0 answers 500.
#   Pods that an autoscaler, KEDA, Sablier, a controller of rollouts or their like brings are theirs to say.
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRouteDestination
#   - ref: https://gateway-api.sigs.k8s.io/reference/spec/#httpbackendref
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: istio.io gateway.networking.k8s.io
#   fix: Give the workload replicas, or the destination a weight of 0 beside another one.
package policies.mesh.weights_served

import data.policies.lib.entry
import data.policies.lib.labels
import data.policies.lib.mesh
import data.policies.lib.object as obj_lib
import data.policies.lib.operator
import data.policies.lib.registry
import data.policies.lib.scaling
import data.policies.lib.selector
import data.policies.lib.workload

deny contains {"msg": msg, "path": ["objects", index, "spec", "replicas"], "with": {share.path | some share in shares}} if {
	some index, shares in _unserved
	msg := sprintf("%s has no replicas, and %s", [obj_lib.title(input.objects[index]), concat(", ", {share.msg | some share in shares})])
}

deny contains {"msg": msg, "path": fields[0], "with": {field | some field in array.slice(fields, 1, count(fields))}} if {
	some i, obj in _routes
	some rule in entry.list(obj_lib.at(obj, ["spec", "rules"], null), ["spec", "rules"])
	backends := obj_lib.at(rule.value, ["backendRefs"], [])
	count(backends) > 0
	every backend in backends {
		backend.weight == 0
	}
	fields := [array.concat(["objects", i], array.concat(rule.path, ["backendRefs", j, "weight"])) | some j, _ in backends]
	msg := sprintf("%s sends requests nowhere: the backends of a rule all have a weight of 0", [obj_lib.title(obj)])
}

_routes[i] := obj if {
	some kind in ["GRPCRoute", "HTTPRoute", "TCPRoute", "TLSRoute", "UDPRoute"]
	some i, obj in obj_lib.of_kind["gateway.networking.k8s.io"][kind]
}

# What is sent to workloads of none, by their index.
_unserved[index] contains {"path": array.concat(["objects", i], array.concat(backend.path, ["weight"])), "msg": msg} if {
	some i, obj in _routes
	some backend in entry.places(obj, ["spec", "rules", "*", "backendRefs", "*"])
	obj_lib.at(backend.value, ["kind"], "Service") == "Service"
	obj_lib.at(backend.value, ["group"], "") == ""
	weight := obj_lib.at(backend.value, ["weight"], 1)
	weight > 0
	services := [service |
		some at in obj_lib.called("Service", backend.value.name)
		service := input.objects[at]
		obj_lib.group(service) == ""
		obj_lib.namespace(service) == obj_lib.at(backend.value, ["namespace"], obj_lib.namespace(obj))
	]
	count(services) == 1
	service := {"namespace": obj_lib.namespace(services[0]), "selector": obj_lib.at(services[0], ["spec", "selector"], {})}
	some index in _of_none(service, "", "")
	msg := sprintf("%s sends it requests with a weight of %v", [obj_lib.title(obj), weight])
}

_unserved[index] contains {"path": array.concat(["objects", i], array.concat(destination.path, ["weight"])), "msg": msg} if {
	some i, obj in mesh.input_virtual_services
	some split in mesh.splits(obj)
	some destination in split.destinations
	_has_share(destination.value, split)
	host := registry.mesh_name(destination.value.destination.host, obj_lib.namespace(obj))
	count(registry.services[host]) == 1
	some service in registry.services[host]
	subset := obj_lib.at(destination.value, ["destination", "subset"], "")
	some index in _of_none(service, host, subset)
	msg := sprintf("%s sends it %s", [obj_lib.title(obj), _share(destination.value)])
}

# The workloads behind a Service, or a subset of its host, where none of them has a pod.
_of_none(service, host, subset) := served if {
	service.selector != {}
	served := {candidate |
		some candidate in labels.selected_by_map("pods", service.selector, labels.near("pods", service.namespace))
		_is_of(host, subset, workload.labels(input.objects[candidate]))
	}
	every candidate in served {
		_has_none(input.objects[candidate])
	}
	not _is_of_operator(service)
}

_has_share(destination, split) if {
	count(split.destinations) == 1
	obj_lib.at(destination, ["weight"], null) in {null, 100}
}

_has_share(destination, split) if {
	count(split.destinations) > 1
	destination.weight > 0
}

_share(destination) := sprintf("%v of 100 requests", [destination.weight]) if {
	is_number(destination.weight)
	destination.weight < 100
} else := "every request of a route"

_is_of(_, "", _)

_is_of(host, subset, own_labels) if {
	subset != ""
	some wanted in mesh.defined[host][subset]
	selector.matches({"matchLabels": wanted}, own_labels)
}

_has_none(obj) if {
	workload.replicas(obj) == 0
	not obj_lib.group(obj) == "argoproj.io"
	count(scaling.autoscalers(obj)) == 0
	not scaling.is_scaled_by_others(obj)
	not _is_started_by_others(obj)
}

# What starts pods at the first request is told which by a label or an annotation.
# https://github.com/sablierapp/sablier
# https://github.com/dailymotion/osiris
# https://docs.redhat.com/en/documentation/openshift_container_platform/4.19/html/building_applications/idling-applications
_is_started_by_others(obj) if {
	some marks in [obj_lib.labels(obj), workload.labels(obj), obj_lib.annotations(obj)]
	some mark in ["osiris.deislabs.io/enabled", "osiris.dm.gg/enableScaling", "sablier.enable"]
	is_string(marks[mark])
	lower(marks[mark]) in {"1", "on", "true", "y", "yes"}
}

_is_started_by_others(obj) if obj_lib.annotations(obj)["idling.alpha.openshift.io/previous-scale"]

_is_of_operator(service) if {
	some obj in operator.input_resources
	operator.is_selected_by_map(obj, service.selector)
}
