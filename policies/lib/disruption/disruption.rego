# METADATA
# scope: package
# title: Disruption budgets
# description: What a PodDisruptionBudget selects, and its amounts as numbers of pods.
package policies.lib.disruption

import data.policies.lib.labels
import data.policies.lib.object as obj_lib

# METADATA
# description: the budgets of an overlay by their index in input.objects, for rules of an overlay
input_budgets := object.get(obj_lib.of_kind, ["policy", "PodDisruptionBudget"], {})

# METADATA
# description: the workloads whose pods a budget selects, by their index in input.objects
covered(budget) := labels.selected("pods", budget.spec.selector, {obj_lib.namespace(budget)})

# METADATA
# description: the workloads whose pods a budget may select, for all that is known of their namespaces
perhaps_covered(budget) := labels.selected("pods", budget.spec.selector, labels.near("pods", obj_lib.namespace(budget)))

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
