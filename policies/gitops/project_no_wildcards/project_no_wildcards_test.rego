package policies.gitops.project_no_wildcards_test

import data.policies.gitops.project_no_wildcards

_good := {
	"sourceRepos": ["https://github.com/example/gitops.git"],
	"destinations": [{"name": "dev", "namespace": "shop"}],
	"clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}],
	"namespaceResourceWhitelist": [{"group": "apps", "kind": "Deployment"}],
}

_deny(spec) := faults if {
	faults := project_no_wildcards.deny with input as {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "web"}, "spec": spec}
}

test_plain_names if {
	_deny(_good) == set()
	_deny(object.union(_good, {"clusterResourceWhitelist": []})) == set()
	_deny(object.union(_good, {"destinations": [{"server": "https://kubernetes.default.svc", "namespace": "shop"}]})) == set()
}

test_wildcards[name] if {
	some name, case in {
		"source": {"spec": {"sourceRepos": ["*"]}, "path": ["spec", "sourceRepos", 0]},
		"part of a source": {"spec": {"sourceRepos": ["https://github.com/example/*"]}, "path": ["spec", "sourceRepos", 0]},
		"denied source": {"spec": {"sourceRepos": ["!https://github.com/example/a"]}, "path": ["spec", "sourceRepos", 0]},
		"cluster": {"spec": {"destinations": [{"name": "*", "namespace": "shop"}]}, "path": ["spec", "destinations", 0, "name"]},
		"server": {"spec": {"destinations": [{"server": "*", "namespace": "shop"}]}, "path": ["spec", "destinations", 0, "server"]},
		"namespace": {"spec": {"destinations": [{"name": "dev", "namespace": "shop-*"}]}, "path": ["spec", "destinations", 0, "namespace"]},
		"cluster kind": {"spec": {"clusterResourceWhitelist": [{"group": "", "kind": "*"}]}, "path": ["spec", "clusterResourceWhitelist", 0, "kind"]},
		"group": {"spec": {"namespaceResourceWhitelist": [{"group": "*", "kind": "Deployment"}]}, "path": ["spec", "namespaceResourceWhitelist", 0, "group"]},
		"source of a number": {"spec": {"sourceRepos": [1]}, "path": ["spec", "sourceRepos", 0]},
		"destination of text, with a wildcard": {"spec": {"destinations": ["*"]}, "path": ["spec", "destinations", 0]},
		"kinds of text, with a wildcard": {"spec": {"namespaceResourceWhitelist": "*"}, "path": ["spec", "namespaceResourceWhitelist"]},
	}
	{fault.path | some fault in _deny(object.union(_good, case.spec))} == {case.path}
}

test_missing_lists[field] if {
	some field in ["sourceRepos", "destinations", "namespaceResourceWhitelist"]
	every spec in [object.remove(_good, [field]), object.union(_good, {field: null})] {
		{fault.path | some fault in _deny(spec)} == {["spec", field]}
	}
}

test_empty_lists if {
	every field in ["sourceRepos", "destinations"] {
		{fault.path | some fault in _deny(object.union(_good, {field: []}))} == {["spec", field]}
	}

	# It allows nothing, as one that is not there does not.
	_deny(object.union(_good, {"namespaceResourceWhitelist": []})) == set()
}

test_without_a_spec if {
	every spec in ["text", {}, null] {
		count(_deny(spec)) == 3
	}
	other := project_no_wildcards.deny with input as {"apiVersion": "v1", "kind": "Pod", "spec": {"sourceRepos": ["*"]}}
	other == set()
}

test_message if {
	_deny(object.union(_good, {"sourceRepos": ["*"]})) == {{"path": ["spec", "sourceRepos", 0], "msg": `AppProject "web" allows "*", which is no plain name`}}
}
