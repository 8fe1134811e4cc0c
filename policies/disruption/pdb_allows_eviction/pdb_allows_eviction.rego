# METADATA
# scope: package
# title: Disruption budgets let a node be drained
# description: |
#   A budget that keeps every pod in place (minAvailable as high as the number of replicas,
#   maxUnavailable 0) blocks the drain of every node that holds one, and with it the cluster's
#   upgrade. What counts is the autoscaler's minimum: at night there are no more pods than that.
#   Percentages are of the pods that are expected, rounded up.
# related_resources:
#   - ref: https://kubernetes.io/docs/tasks/run-application/configure-pdb/#rounding-logic-when-specifying-percentages
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: PodDisruptionBudget
#   fix: Set maxUnavailable to 1, or minAvailable below the smallest number of replicas.
package policies.disruption.pdb_allows_eviction

import data.policies.lib.disruption
import data.policies.lib.object as obj_lib
import data.policies.lib.scaling

deny contains {"msg": msg, "path": ["objects", index, "spec", field]} if {
	some index, budget in disruption.input_budgets
	bound := _bound(budget)
	field := bound.field
	not _is_amount(bound.value)
	msg := sprintf("%s has no bound that can be read: %s is %v", [obj_lib.title(budget), field, bound.value])
}

# Whatever the number of pods.
deny contains {"msg": msg, "path": ["objects", index, "spec", bound.field]} if {
	some index, budget in disruption.input_budgets
	bound := _bound(budget)
	_never_allows(bound)
	msg := sprintf("%s allows no eviction ever: %s is %v", [obj_lib.title(budget), bound.field, bound.value])
}

deny contains {"msg": msg, "path": ["objects", index, "spec", bound.field], "with": with_fields} if {
	some index, budget in disruption.input_budgets
	bound := _bound(budget)
	not _never_allows(bound)
	pods := _fewest_pods(budget)
	pods > 0
	_evictable(bound, pods) < 1
	with_fields := {path |
		some i in disruption.covered(budget)
		some path in scaling.fields(i, input.objects[i], "minReplicas")
	}
	msg := sprintf("%s allows no eviction: %s is %v and there may be only %v pods", [obj_lib.title(budget), bound.field, bound.value, pods])
}

# maxUnavailable is what the API server reads first.
_bound(budget) := {"field": "maxUnavailable", "value": value} if {
	value := obj_lib.at(budget, ["spec", "maxUnavailable"], null)
	value != null
} else := {"field": "minAvailable", "value": obj_lib.at(budget, ["spec", "minAvailable"], "not set")}

_is_amount(value) if disruption.scaled(value, 100) >= 0

_never_allows(bound) if {
	bound.field == "maxUnavailable"
	disruption.scaled(bound.value, 100) == 0
}

_never_allows(bound) if {
	bound.field == "minAvailable"
	is_string(bound.value)
	disruption.scaled(bound.value, 100) >= 100
}

_evictable(bound, pods) := disruption.scaled(bound.value, pods) if bound.field == "maxUnavailable"

_evictable(bound, pods) := pods - disruption.scaled(bound.value, pods) if bound.field == "minAvailable"

# A budget over several workloads counts the pods of all of them.
_fewest_pods(budget) := sum([scaling.minimum(input.objects[index]) | some index in disruption.covered(budget)])
