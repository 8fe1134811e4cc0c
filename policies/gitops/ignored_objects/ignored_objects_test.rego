package policies.gitops.ignored_objects_test

import data.policies.gitops.ignored_objects

_entry := {"group": "apps", "kind": "Deployment", "name": "web", "namespace": "shop", "jsonPointers": ["/spec/replicas"]}

_deployment := {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}}

_application(spec) := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"}, "spec": object.union({"source": {"repoURL": "https://here", "path": "overlays/prod/app"}}, spec)}

_deny(target, objects, spec) := faults if {
	faults := ignored_objects.deny with input as {"roots": ["argocd"], "directories": ["overlays/prod/app"], "targets": [{"path": "argocd", "objects": [_application(spec)]}, {"path": target, "objects": objects}]}
}

test_an_object_that_is_there[target] if {
	some target in ["overlays/prod", "overlays/prod/app"]
	_deny(target, [_deployment], {"ignoreDifferences": [_entry]}) == set()
}

test_an_object_that_is_not_there[note] if {
	some note, change in {"name": {"name": "wbe"}, "namespace": {"namespace": "other"}, "kind": {"kind": "StatefulSet"}, "group": {"group": "example.com"}}
	{fault.path | some fault in _deny("overlays/prod", [_deployment], {"ignoreDifferences": [_entry, object.union(_entry, change)]})} == {["targets", 0, "objects", 0, "spec", "ignoreDifferences", 1, "name"]}
}

test_what_is_not_known[note] if {
	missing := object.union(_entry, {"name": "missing"})
	some note, spec in {
		"every object of the kind": {"ignoreDifferences": [object.remove(_entry, ["name"])]},
		"a glob": {"ignoreDifferences": [object.union(missing, {"kind": "*"})]},
		"several sources": {"ignoreDifferences": [missing], "sources": [{"path": "overlays/prod/app"}]},
		"names that change": {"ignoreDifferences": [missing], "source": {"repoURL": "https://here", "path": "overlays/prod/app", "kustomize": {"namePrefix": "a-"}}},
		"no path": {"ignoreDifferences": [missing], "source": {"repoURL": "https://charts", "chart": "web", "path": null}},
		"another path": {"ignoreDifferences": [missing], "source": {"repoURL": "https://here", "path": "elsewhere"}},
		"the same path in a chart's repository": {"ignoreDifferences": [missing], "source": {"repoURL": "https://here", "path": "overlays/prod/app", "chart": "web"}},
		"wrong shapes": {"ignoreDifferences": ["text", {"name": 1}, {}]},
	}
	_deny("overlays/prod", [_deployment], spec) == set()
}

test_an_object_whose_namespace_the_deployer_says if {
	_deny("overlays/prod", [object.remove(_deployment, ["metadata"])], {}) == set()
	_deny("overlays/prod", [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}], {"ignoreDifferences": [_entry]}) == set()
}

test_message if {
	_deny("overlays/prod", [_deployment], {"ignoreDifferences": [object.union(_entry, {"name": "wbe"})]}) == {{
		"path": ["targets", 0, "objects", 0, "spec", "ignoreDifferences", 0, "name"],
		"msg": `Application "web" ignores differences of Deployment shop/wbe, which it does not bring`,
	}}
}
