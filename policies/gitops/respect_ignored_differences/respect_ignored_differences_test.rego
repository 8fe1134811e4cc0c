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
