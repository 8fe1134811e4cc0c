# METADATA
# scope: package
# title: Disruption budgets
# description: What a PodDisruptionBudget selects, and its amounts as numbers of pods.
package policies.lib.disruption

import data.policies.lib.object as obj_lib
import data.policies.lib.selector
import data.policies.lib.workload

# METADATA
# description: the budgets of an overlay by their index in input.objects, for rules of an overlay
input_budgets := object.get(obj_lib.of_kind, ["policy", "PodDisruptionBudget"], {})

# METADATA
# description: whether a budget selects the pods of a workload
covers(budget, obj) if {
	obj_lib.namespace(budget) == obj_lib.namespace(obj)
	may_cover(budget, obj)
}

# METADATA
# description: whether a budget may select the pods of a workload, for all that is known of their namespaces
may_cover(budget, obj) if {
	workload.is_workload(obj)
	obj_lib.may_be_one(obj_lib.namespace(budget), obj_lib.namespace(obj))
	selector.matches(budget.spec.selector, workload.labels(obj))
}

# METADATA
# description: |
#   An amount of pods, given as a whole number or as a percentage of a total, rounded up; undefined
#   for anything else.
scaled(amount, _) := amount if {
	is_number(amount)
	floor(amount) == amount
}

scaled(amount, total) := ceil((to_number(percent) * total) / 100) if {
	is_string(amount)
	[[_, percent]] := regex.find_all_string_submatch_n(`^([0-9]{1,4})%$`, amount, 1)
}
