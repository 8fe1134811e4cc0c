# METADATA
# scope: package
# title: Every container is within the LimitRange
# description: |
#   A LimitRange is checked when a pod is made, not when its Deployment is applied: the sync is green
#   and no pod comes up. Init containers, injected sidecars and the pods of operators are held to it
#   like any other container; a small init container below the minimum is the usual one.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/policy/limit-range/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: LimitRange
#   fix: Change what the container asks for, or the LimitRange.
package policies.capacity.limit_range

import data.policies.lib.capacity
import data.policies.lib.object as obj_lib
import data.policies.lib.quantity

deny contains {"msg": msg, "path": array.concat(["objects", i], container.paths[fault.field][resource]), "with": {array.concat(limit.path, [fault.bound, resource]) | fault.bound}} if {
	some i, obj in capacity.input_consumers
	some limit in capacity.limits[obj_lib.namespace(obj)]
	some container in capacity.containers(obj)
	some resource in capacity.resources
	some fault in _faults(container, limit.value, resource)
	msg := sprintf("%s of %s %s", [container.title, obj_lib.title(obj), sprintf(fault.text, [resource, limit.title])])
}

deny contains {"msg": msg, "path": array.concat(limit.path, [bound, resource])} if {
	some _, limits in capacity.limits
	some limit in limits
	some bound in ["min", "max", "maxLimitRequestRatio"]
	some resource in capacity.resources
	written := obj_lib.at(limit.value, [bound, resource], null)
	written != null
	not quantity.millis(written)
	msg := sprintf("%s has %s %v for %s, which is no quantity", [limit.title, bound, json.marshal(written), resource])
}

_faults(container, limit, resource) := (_bound(container, limit, resource, "min") | _bound(container, limit, resource, "max")) | _ratio(container, limit, resource)

# The request has to be there for a minimum, the limit for a maximum; the other is held to it if set.
_bound(container, limit, resource, bound) := {fault |
	edge := quantity.millis(limit[bound][resource])
	some field in ["requests", "limits"]
	fault := _fault(container, field, resource, bound, limit[bound][resource], edge)
}

_fault(container, field, resource, bound, written, edge) := {"field": field, "bound": bound, "text": text} if {
	amount := quantity.millis(container[field][resource])
	_outside(bound, amount, edge)
	text := concat("", [field, " %s of ", sprintf("%v", [container[field][resource]]), {"min": ", below the minimum ", "max": ", above the maximum "}[bound], sprintf("%v", [written]), " of %s"])
} else := {"field": field, "text": concat("", ["states no %s ", field, " that can be held to %s"])} if {
	not quantity.millis(container[field][resource])
	_has_to_be_there(container, field, resource, bound)
}

_has_to_be_there(_, "requests", _, "min")

_has_to_be_there(_, "limits", _, "max")

_has_to_be_there(container, field, resource, _) if container[field][resource]

_outside("min", amount, edge) if amount < edge

_outside("max", amount, edge) if amount > edge

_ratio(container, limit, resource) := {{"field": "limits", "bound": "maxLimitRequestRatio", "text": text} |
	most := quantity.millis(limit.maxLimitRequestRatio[resource])
	not _within_ratio(container, resource, most)
	text := concat("", ["has a %s limit of more than ", sprintf("%v", [limit.maxLimitRequestRatio[resource]]), " times its request, the most that %s allows"])
}

_within_ratio(container, resource, most) if {
	quantity.millis(container.limits[resource]) * 1000 <= quantity.millis(container.requests[resource]) * most
}
