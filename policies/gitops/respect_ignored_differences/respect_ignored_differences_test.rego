package policies.gitops.respect_ignored_differences_test

import data.policies.gitops.respect_ignored_differences

_ignored := [{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}]

_deny(kind, spec) := faults if {
	faults := respect_ignored_differences.deny with input as {"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}
}

test_respected if {
	every spec in [
		{},
		{"ignoreDifferences": []},
		{"ignoreDifferences": null},
		{"ignoreDifferences": _ignored, "syncPolicy": {"syncOptions": ["ServerSideApply=true", "RespectIgnoreDifferences=true"]}},
	] {
		_deny("Application", spec) == set()
	}
}

test_not_respected[sprintf("%v", [policy])] if {
	some policy in [null, "text", {}, {"syncOptions": null}, {"syncOptions": []}, {"syncOptions": "RespectIgnoreDifferences=true"}, {"syncOptions": ["RespectIgnoreDifferences=false"]}]
	count(_deny("Application", {"ignoreDifferences": _ignored, "syncPolicy": policy})) == 1
}

test_wrong_shapes if {
	count(_deny("Application", {"ignoreDifferences": "text"})) == 1
	_deny("AppProject", {"ignoreDifferences": _ignored}) == set()
	_deny("Application", "text") == set()
}

test_message if {
	_deny("Application", {"ignoreDifferences": _ignored}) == {{
		"path": ["spec", "syncPolicy", "syncOptions"],
		"msg": `Application "web" ignores differences without RespectIgnoreDifferences=true, so a sync overwrites them`,
	}}
}

test_of_a_set if {
	_deny("ApplicationSet", {"template": {"spec": {"ignoreDifferences": _ignored}}}) == {{
		"path": ["spec", "template", "spec", "syncPolicy", "syncOptions"],
		"msg": `ApplicationSet "web" ignores differences without RespectIgnoreDifferences=true, so a sync overwrites them`,
	}}
	_deny("ApplicationSet", {"template": {"spec": {"ignoreDifferences": _ignored, "syncPolicy": {"syncOptions": ["RespectIgnoreDifferences=true"]}}}}) == set()
	_deny("ApplicationSet", {"ignoreDifferences": _ignored}) == set()
	_deny("ApplicationSet", "text") == set()
}

test_of_a_set_with_a_patch if {
	set := {"template": {"spec": {"ignoreDifferences": _ignored}}}
	_deny("ApplicationSet", object.union(set, {"templatePatch": "spec: {syncPolicy: {syncOptions: [RespectIgnoreDifferences=true]}}"})) == set()
	count(_deny("ApplicationSet", object.union(set, {"templatePatch": "spec: {syncPolicy: {automated: {}}}"}))) == 1
	count(_deny("ApplicationSet", object.union(set, {"templatePatch": 7}))) == 1
}

_of(template) := {
	"generators": [{"matrix": {"generators": [{"list": {"elements": [{"name": "a"}], "template": template}}]}}],
	"template": {"spec": {"ignoreDifferences": _ignored}},
}

test_of_a_set_whose_generator_has_a_template if {
	_deny("ApplicationSet", _of({"spec": {"syncPolicy": {"syncOptions": ["RespectIgnoreDifferences=true"]}}})) == set()
	count(_deny("ApplicationSet", _of({"spec": {"syncPolicy": {"automated": {}}}}))) == 1
}

test_of_a_set_with_a_parameter[option] if {
	some option in ["{{ .option }}", "RespectIgnoreDifferences={{ .respect }}"]
	_deny("ApplicationSet", {"template": {"spec": {"ignoreDifferences": _ignored, "syncPolicy": {"syncOptions": ["ServerSideApply=true", option]}}}}) == set()
	count(_deny("Application", {"ignoreDifferences": _ignored, "syncPolicy": {"syncOptions": [option]}})) == 1
}
