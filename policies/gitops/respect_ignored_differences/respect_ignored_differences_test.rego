package policies.gitops.respect_ignored_differences_test

import data.policies.gitops.respect_ignored_differences

_entry := {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}

_ignoring(change) := {"ignoreDifferences": [object.union(_entry, change)]}

_deployment := {
	"apiVersion": "apps/v1",
	"kind": "Deployment",
	"metadata": {"name": "web", "namespace": "shop", "annotations": {"a/b": "c"}},
	"spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "app", "image": "app:1"}]}}},
}

_application(spec) := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"}, "spec": object.union({"source": {"repoURL": "https://here", "path": "overlays/prod/web"}}, spec)}

_deny(target, app) := faults if {
	faults := respect_ignored_differences.deny with input as {"roots": ["argocd"], "directories": ["overlays/prod/web"], "targets": [{"path": "argocd", "objects": [app]}, {"path": target, "objects": [_deployment]}]}
}

_of(spec) := _deny("overlays/prod/web", _application(spec))

test_respected if {
	every spec in [
		{},
		{"ignoreDifferences": []},
		{"ignoreDifferences": null},
		{"ignoreDifferences": "text"},
		object.union(_ignoring({}), {"syncPolicy": {"syncOptions": ["ServerSideApply=true", "RespectIgnoreDifferences=true"]}}),
	] {
		_of(spec) == set()
	}
}

test_not_respected[sprintf("%v", [policy])] if {
	some policy in [null, "text", {}, {"syncOptions": null}, {"syncOptions": []}, {"syncOptions": "RespectIgnoreDifferences=true"}, {"syncOptions": ["RespectIgnoreDifferences=false"]}]
	count(_of(object.union(_ignoring({}), {"syncPolicy": policy}))) == 1
}

test_fields_that_git_has[sprintf("%v", [change])] if {
	some change in [
		{"jsonPointers": ["/spec/replicas"]},
		{"jsonPointers": ["/metadata/annotations/a~1b"]},
		{"jsonPointers": [], "jqPathExpressions": [".spec.template.spec.containers[]?.image"]},
		{"jsonPointers": [], "jqPathExpressions": [".spec?.replicas"]},
		{"group": "*", "kind": "Deploy*"},
		{"name": "web", "namespace": "shop"},
	]
	count(_of(_ignoring(change))) == 1
}

# A sync without them does not touch them.
test_fields_that_git_leaves_out[sprintf("%v", [change])] if {
	some change in [
		{"jsonPointers": ["/spec/paused"]},
		{"jsonPointers": ["spec/replicas"]},
		{"jsonPointers": [], "jqPathExpressions": [".spec.template.spec.containers[]?.args"]},
		{"jsonPointers": [], "jqPathExpressions": [".spec.template.spec.containers[] | select(.name == \"other\") | .image"]},
		{"jsonPointers": [], "managedFieldsManagers": ["kube-controller-manager"]},
		{"kind": "StatefulSet"},
		{"group": ""},
		{"name": "other"},
		{"namespace": "other"},
	]
	_of(_ignoring(change)) == set()
}

# What another repository or a chart has, nobody here knows.
test_objects_of_others[note] if {
	some note, source in {
		"another path": {"repoURL": "https://there", "path": "hooks"},
		"a chart": {"repoURL": "https://charts", "chart": "web", "path": null},
	}
	_of(object.union(_ignoring({}), {"source": source})) == set()
}

# At the same path of another repository, or of a branch of rendered manifests, there may be other objects.
test_paths_of_others if {
	root := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "root"}, "spec": {"source": {"repoURL": "https://forge/me/deploy", "path": "argocd"}}}
	every case in [
		[{"repoURL": "https://forge/me/deploy", "path": "overlays/prod/web"}, 1],
		[{"repoURL": "https://forge/me/deploy.git", "path": "overlays/prod/web", "targetRevision": "main"}, 1],
		[{"repoURL": "https://forge/other/deploy", "path": "overlays/prod/web"}, 0],
		[{"repoURL": "https://forge/me/deploy", "path": "overlays/prod/web/rendered", "targetRevision": "rendered"}, 0],
	] {
		app := _application(object.union(_ignoring({"name": "web"}), {"source": case[0]}))
		faults := respect_ignored_differences.deny with input as {"roots": ["argocd"], "remotes": ["me/deploy"], "targets": [{"path": "argocd", "objects": [root, app]}, {"path": "overlays/prod/web", "objects": [_deployment]}]}
		count(faults) == case[1]
	}
}

# A target may hold parts of which another Application brings what nobody names.
test_part_of_a_target if {
	_deny("overlays/prod", _application(_ignoring({}))) == set()
	count(_deny("overlays/prod", _application(_ignoring({"name": "web"})))) == 1
}

test_other_kinds if {
	_deny("overlays/prod/web", object.union(_application(_ignoring({})), {"kind": "AppProject"})) == set()
	_deny("overlays/prod/web", object.union(_application(_ignoring({})), {"metadata": {"annotations": {"argocd.argoproj.io/hook": "Skip"}}})) == set()
}

test_message if {
	_of(_ignoring({"jsonPointers": ["/spec/replicas", "/spec/template"]})) == {{
		"path": ["targets", 0, "objects", 0, "spec", "syncPolicy", "syncOptions"],
		"msg": `Application "web" ignores differences of spec.replicas of Deployment "web", spec.template of Deployment "web" without RespectIgnoreDifferences=true, so a sync overwrites them`,
	}}
}
