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

test_places if {
	value := {"a": [{"b": {"x": {"c": 1}, "y": {"c": 2}}}, {"b": [{"c": 3}]}, "text"], "d": {"e": 4}, "f": null, "g": ["h"]}
	every path, want in {
		["d", "e"]: {[4, ["d", "e"]]},
		["g", "*"]: {["h", ["g", 0]]},
		["a", "*", "b", "*", "c"]: {[1, ["a", 0, "b", "x", "c"]], [2, ["a", 0, "b", "y", "c"]], [3, ["a", 1, "b", 0, "c"]]},
		["a", "*", "b", "x", "c"]: {[1, ["a", 0, "b", "x", "c"]]},
		["f"]: set(),
		["f", "*"]: set(),
		["d", "e", "*"]: set(),
		["nowhere", "*", "c"]: set(),
		["a", "*", "b", "*", "nowhere"]: set(),
	} {
		{[place.value, place.path] | some place in entry.places(value, path)} == want
	}
	entry.places("text", ["a"]) == []
}
