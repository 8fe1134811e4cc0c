package policies.lib.disruption_test

import data.policies.lib.disruption
import data.policies.lib.fixture_test as fixture

_budget(selector) := {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": selector}}

test_budgets_are_known_by_their_group if {
	objects := [{}, {"apiVersion": "example.com/v1", "kind": "PodDisruptionBudget"}, _budget({})]
	disruption.input_budgets == {2: _budget({})} with input as {"objects": objects}
	disruption.input_budgets == {} with input as {"objects": []}
}

test_a_budget_covers_what_it_selects_in_its_namespace[kind] if {
	some kind, obj in fixture.workloads({})
	elsewhere := object.union(obj, {"metadata": {"namespace": "other"}})
	nowhere := json.remove(obj, ["metadata/namespace"])
	every want in [
		[{"matchLabels": {"app": "web"}}, {0}, {0, 2}],
		[{}, {0}, {0, 2}],
		[{"matchLabels": {"app": "other"}}, set(), set()],
		[null, set(), set()],
	] {
		disruption.covered(_budget(want[0])) == want[1] with input as {"objects": [obj, elsewhere, nowhere]}
		disruption.perhaps_covered(_budget(want[0])) == want[2] with input as {"objects": [obj, elsewhere, nowhere]}
	}
}

test_amounts_are_rounded_up if {
	every want in [[1, 3, 1], [0, 3, 0], ["50%", 3, 2], ["0%", 3, 0], ["1%", 3, 1], ["100%", 3, 3], ["34%", 3, 2], ["33%", 3, 1]] {
		disruption.scaled(want[0], want[1]) == want[2]
	}
}

test_what_is_no_amount_has_no_value if {
	every bad in ["1", "50", "%", "-1%", "1.5%", 1.5, "text", null, true, [], {}] {
		not disruption.scaled(bad, 3)
	}
}
