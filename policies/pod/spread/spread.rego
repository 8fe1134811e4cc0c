# METADATA
# scope: package
# title: Replicas are spread over nodes
# description: |
#   Replicas that the scheduler put on one node fail together with it, and a drain takes all of them
#   away. The scheduler's own spreading is a weak preference that image locality outweighs. A term
#   whose selector does not match the pods that carry it asks for nothing.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/
#   - ref: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity
# custom:
#   severity: error
#   states: convention
#   scope: overlay
#   mentions: spec apps/ batch/ Pod
#   fix: Give the pod a topologySpreadConstraint or a podAntiAffinity term over kubernetes.io/hostname whose labelSelector matches its own labels.
package policies.pod.spread

import data.policies.lib.object as obj_lib
import data.policies.lib.scaling
import data.policies.lib.selector
import data.policies.lib.workload

deny contains {"msg": msg, "path": path} if {
	some index, obj in workload.input_workloads
	workload.is_scalable(obj)
	not _is_single(obj)
	not _is_spread(obj)
	msg := sprintf("%s may have %v replicas and nothing keeps them on different nodes", [workload.title(obj), _maximum(obj)])
	path := array.concat(["objects", index], array.concat(workload.spec_path(obj), ["topologySpreadConstraints"]))
}

_is_single(obj) if scaling.maximum(obj) <= 1

_maximum(obj) := number if number := scaling.maximum(obj)

else := "an unknown number of"

_is_spread(obj) if {
	some term in workload.spec(obj).topologySpreadConstraints
	_is_over_own_pods(term, obj)
}

_is_spread(obj) if {
	some term in workload.spec(obj).affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution
	_is_over_own_pods(term, obj)
	_covers_own_namespace(term, obj)
}

_is_spread(obj) if {
	some preferred in workload.spec(obj).affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution
	_is_over_own_pods(preferred.podAffinityTerm, obj)
	_covers_own_namespace(preferred.podAffinityTerm, obj)
}

_is_over_own_pods(term, obj) if {
	term.topologyKey == "kubernetes.io/hostname"
	selector.matches(term.labelSelector, workload.labels(obj))
}

# A term without namespaces means the pod's own; one with others only does not see its replicas.
_covers_own_namespace(term, _) if {
	obj_lib.at(term, ["namespaces"], []) == []
	obj_lib.at(term, ["namespaceSelector"], "own") in {"own", {}}
}

_covers_own_namespace(term, obj) if obj_lib.namespace(obj) in term.namespaces
