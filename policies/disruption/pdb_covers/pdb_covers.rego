# METADATA
# scope: package
# title: Every replicated workload has one disruption budget
# description: |
#   A node drain evicts all pods of a node at once. Without a PodDisruptionBudget an upgrade of the
#   cluster may take every replica of a service at the same time. With two of them over one pod the
#   eviction API answers with an error, and the drain hangs until a person comes. Of a budget
#   that selects nothing says selector/selects-pods. Pods that an operator makes are the operator's to protect.
# related_resources:
#   - ref: https://kubernetes.io/docs/tasks/run-application/configure-pdb/
#   - ref: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
# custom:
#   severity: error
#   states: convention
#   scope: overlay
#   mentions: spec apps/ batch/ Pod
#   fix: Add one PodDisruptionBudget in the workload's namespace whose selector matches its pods and nobody else's.
package policies.disruption.pdb_covers

import data.policies.lib.disruption
import data.policies.lib.object as obj_lib
import data.policies.lib.scaling
import data.policies.lib.workload

deny contains {"msg": msg, "path": ["objects", index]} if {
	some index, obj in workload.input_workloads
	workload.is_scalable(obj)
	not _is_single(obj)
	not index in _perhaps_covered
	msg := sprintf("%s may have %v replicas and no PodDisruptionBudget%s selects them", [workload.title(obj), _maximum(obj), obj_lib.within("of", obj_lib.namespace(obj))])
}

deny contains {"msg": msg, "path": ["objects", index]} if {
	some index, obj in workload.input_workloads
	budgets := [obj_lib.title(input.objects[at]) | some at in _budgets[index]]
	count(budgets) > 1
	msg := sprintf("the pods of %s cannot be evicted: %s all select them", [workload.title(obj), concat(", ", budgets)])
}

_is_single(obj) if scaling.maximum(obj) <= 1

_maximum(obj) := number if number := scaling.maximum(obj)

else := "an unknown number of"

_budgets := _budgets_over

_budgets_over[index] contains at if {
	some at, budget in disruption.input_budgets
	some index in disruption.covered(budget)
}

_perhaps_covered := {index |
	some budget in disruption.input_budgets
	some index in disruption.perhaps_covered(budget)
}
