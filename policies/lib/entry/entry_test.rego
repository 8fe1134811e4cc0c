package policies.lib.entry_test

import data.policies.lib.entry

test_list[name] if {
	some name, case in {
		"a list": {"value": ["a", 1], "want": [{"value": "a", "path": ["at", 0]}, {"value": 1, "path": ["at", 1]}]},
		"an empty list": {"value": [], "want": []},
		"null": {"value": null, "want": []},
		"a string": {"value": "a", "want": [{"value": "a", "path": ["at"]}]},
		"an object": {"value": {"a": 1}, "want": [{"value": {"a": 1}, "path": ["at"]}]},
	}
	entry.list(case.value, ["at"]) == case.want
}

test_fields[name] if {
	some name, case in {
		"an object": {"value": {"a": 1}, "want": [{"key": "a", "value": 1, "path": ["at", "a"]}]},
		"an empty object": {"value": {}, "want": []},
		"null": {"value": null, "want": []},
		"a string": {"value": "a", "want": [{"key": "", "value": "a", "path": ["at"]}]},
		"a list": {"value": ["a"], "want": [{"key": "", "value": ["a"], "path": ["at"]}]},
	}
	entry.fields(case.value, ["at"]) == case.want
}
