package policies.lib.envvar_test

import data.policies.lib.envvar

_objects := [
	{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"RATE": "0.5", "ENDPOINT": "tempo:4317"}},
	{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "other"}, "data": {"RATE": "1"}},
]

_values(container) := {variable.name: variable.value |
	pod := {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}
	some variable in envvar.of(pod) with input as {"objects": _objects}
}

test_of[name] if {
	some name, case in {
		"written in place": {"container": {"env": [{"name": "A", "value": "b"}]}, "want": {"A": "b"}},
		"without a value": {"container": {"env": [{"name": "A"}, {"name": "B", "value": null, "valueFrom": null}]}, "want": {"A": "", "B": ""}},
		"of a wrong type": {"container": {"env": [{"name": "A", "value": 1}, {"name": 2, "value": "b"}, "text"]}, "want": {"A": 1}},
		"from a ConfigMap": {
			"container": {"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "RATE"}}}]},
			"want": {"A": "0.5"},
		},
		"from what is not here": {
			"container": {"env": [
				{"name": "A", "valueFrom": {"secretKeyRef": {"name": "settings", "key": "RATE"}}},
				{"name": "B", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "MISSING"}}},
				{"name": "C", "valueFrom": {"configMapKeyRef": {"name": "missing", "key": "RATE"}}},
				{"name": "D", "valueFrom": "text"},
			]},
			"want": {"A": null, "B": null, "C": null, "D": null},
		},
		"imported as a whole": {
			"container": {"envFrom": [{"configMapRef": {"name": "settings"}}]},
			"want": {"RATE": "0.5", "ENDPOINT": "tempo:4317"},
		},
		"imported with a prefix": {
			"container": {"envFrom": [{"prefix": "APP_", "configMapRef": {"name": "settings"}}, {"configMapRef": {"name": "missing"}}, "text"]},
			"want": {"APP_RATE": "0.5", "APP_ENDPOINT": "tempo:4317"},
		},
		"of the wrong shape": {"container": {"env": "text", "envFrom": "text"}, "want": {}},
	}
	_values(case.container) == case.want
}

test_path_leads_to_what_sets_the_variable if {
	pod := {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "app", "env": [
		{"name": "A", "value": "b"},
		{"name": "B", "valueFrom": {"fieldRef": {}}},
	]}]}}
	variables := envvar.of(pod) with input as {"objects": []}
	variables == [
		{"name": "A", "value": "b", "title": `container "app"`, "path": ["spec", "containers", 0, "env", 0, "value"]},
		{"name": "B", "value": null, "title": `container "app"`, "path": ["spec", "containers", 0, "env", 1, "valueFrom"]},
	]
}

test_addresses_for_others if {
	every name in ["CORS_ALLOWED_ORIGINS", "PUBLIC_URL", "APP_EXTERNAL_URL", "oauth-redirect-url", "--public-url", "Trusted_Proxies"] {
		envvar.is_of_others(name)
	}
	every name in ["CART_URL", "PUBLICATIONS_URL", "ORIGINAL", "", null, 1] {
		not envvar.is_of_others(name)
	}
}
