package policies.lib.selector_test

import data.policies.lib.selector

_labels := {"app": "web", "track": "stable"}

_selecting := [
	{},
	{"matchLabels": null, "matchExpressions": null},
	{"matchLabels": {"app": "web"}},
	{"matchLabels": _labels},
	{"matchExpressions": [{"key": "track", "operator": "In", "values": ["stable", "canary"]}]},
	{"matchExpressions": [{"key": "track", "operator": "NotIn", "values": ["canary"]}]},
	{"matchExpressions": [{"key": "absent", "operator": "NotIn", "values": ["canary"]}]},
	{"matchExpressions": [{"key": "app", "operator": "Exists"}]},
	{"matchExpressions": [{"key": "absent", "operator": "DoesNotExist"}]},
]

_not_selecting := [
	{"matchLabels": {"app": "other"}},
	{"matchLabels": {"app": "web", "absent": "x"}},
	{"matchExpressions": [{"key": "track", "operator": "In", "values": ["canary"]}]},
	{"matchExpressions": [{"key": "absent", "operator": "In", "values": ["canary"]}]},
	{"matchExpressions": [{"key": "track", "operator": "NotIn", "values": ["stable"]}]},
	{"matchExpressions": [{"key": "absent", "operator": "Exists"}]},
	{"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]},
	{"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]},
]

_malformed := [
	null,
	"text",
	["app"],
	{"matchLabels": "app"},
	{"matchExpressions": "app"},
	{"matchExpressions": {"key": "app", "operator": "Exists"}},
	{"matchExpressions": ["app"]},
	{"matchExpressions": [{"key": "app", "operator": "Equals", "values": ["web"]}]},
	{"matchExpressions": [{"key": "app", "operator": "In", "values": "web"}]},
	{"matchExpressions": [{"key": "app", "operator": "NotIn", "values": "text"}]},
	{"matchExpressions": [{"operator": "DoesNotExist"}]},
	{"matchExpressions": [{"operator": "NotIn", "values": ["web"]}]},
]

test_label_selector_selects if {
	every s in _selecting {
		selector.matches(s, _labels)
	}
}

test_label_selector_does_not_select if {
	every s in _not_selecting {
		not selector.matches(s, _labels)
	}
}

test_malformed_or_absent_label_selector_selects_nothing if {
	every s in _malformed {
		not selector.matches(s, _labels)
	}
}

test_malformed_labels_are_selected_by_emptiness_only if {
	every labels in ["text", null, [], 1] {
		selector.matches({}, labels)
		not selector.matches({"matchLabels": {"app": "web"}}, labels)
		not selector.matches_map({"app": "web"}, labels)
	}
}

test_map_selector_selects_by_every_pair if {
	selector.matches_map({"app": "web"}, _labels)
	not selector.matches_map({"app": "web", "absent": "x"}, _labels)
	not selector.matches_map({"app": "other"}, _labels)
}

test_empty_map_selector_selects_nothing if {
	every s in [{}, null, "text", ["app"]] {
		not selector.matches_map(s, _labels)
	}
}
