package policies.gitops.application_paths_test

import data.policies.gitops.application_paths

_application(source) := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"}, "spec": {"source": source}}

_deny(objects) := faults if {
	faults := application_paths.deny with input as {"roots": ["argocd", "overlays/dev/app"], "targets": [{"path": "argocd", "objects": objects}]}
}

_here := _application({"repoURL": "https://here", "path": "argocd"})

test_path_exists[path] if {
	some path in ["argocd", "overlays/dev/app", "./overlays/dev/app", "overlays/dev/app/"]
	_deny([_application({"repoURL": "https://here", "path": path})]) == set()
}

test_path_does_not_exist[sprintf("%v", [path])] if {
	some path in ["overlays/dev", "overlays/test/app", "", "..", 1, null]
	{fault.path | some fault in _deny([_here, _application({"repoURL": "https://here", "path": path})])} == {["targets", 0, "objects", 1, "spec", "source", "path"]}
}

test_another_repository_is_not_ours_to_check if {
	_deny([_here, _application({"repoURL": "https://there", "path": "elsewhere"})]) == set()
	_deny([_here, _application({"repoURL": "https://charts", "chart": "web"})]) == set()
}

test_another_spelling_is_this_repository[url] if {
	some url in ["https://here.git", "https://here/", "https://HERE"]
	_deny([_here, _application({"repoURL": url, "path": "argocd"})]) == set()
	count(_deny([_here, _application({"repoURL": url, "path": "missing"})])) == 1
}

_hydrated(path) := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"}, "spec": {"sourceHydrator": {
	"drySource": {"repoURL": "https://here", "path": path, "targetRevision": "HEAD"},
	"syncSource": {"targetBranch": "env/dev", "path": "rendered"},
}}}

test_a_source_to_hydrate if {
	_deny([_here, _hydrated("argocd")]) == set()
	{fault.path | some fault in _deny([_here, _hydrated("missing")])} == {["targets", 0, "objects", 1, "spec", "sourceHydrator", "drySource", "path"]}
}

test_a_chart_has_no_path if _deny([_application({"repoURL": "https://charts", "chart": "web"})]) == set()

test_nothing_tells_this_repository_from_another if {
	_deny([_application({"repoURL": "https://here", "path": "missing"})]) == set()
	_deny([_application({"repoURL": "https://here", "path": "overlays-of-others/prod"})]) == set()
	count(_deny([_application({"repoURL": "https://here", "path": "overlays/prod/app"})])) == 1
}

_at(path, revision) := _application({"repoURL": "https://here", "path": path, "targetRevision": revision})

# A branch of rendered manifests is not the one that is checked.
test_another_revision_is_not_here if {
	_deny([_here, _at("rendered/prod", "env/prod")]) == set()
	count(_deny([_here, _at("rendered/prod", "main")])) == 1
	count(_deny([_here, _at("rendered/prod", "HEAD")])) == 1
	count(_deny([_at("argocd", "v1"), _at("rendered/prod", "v1")])) == 1
}

# Argo CD renders a chart itself, and takes what a directory has.
test_a_directory_with_files_exists[path] if {
	some path in ["charts/web", "./charts/web", "charts/web/"]
	application_paths.deny == set() with input as {"roots": [], "directories": [path], "targets": [{"path": "argocd", "objects": [_here, _application({"repoURL": "https://here", "path": path})]}]}
}

test_directories_tell_this_repository_where_nothing_else_does if {
	objects := [_application({"repoURL": "https://here", "path": "charts/web"}), _application({"repoURL": "https://there", "path": "elsewhere"})]
	application_paths.deny == set() with input as {"roots": [], "directories": ["charts/web"], "targets": [{"path": "root", "objects": objects}]}
}

test_a_source_of_values_has_no_path if {
	sources := [{"repoURL": "https://charts", "chart": "web"}, {"repoURL": "https://here", "ref": "values"}]
	several := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"}, "spec": {"sources": sources}}
	_deny([_here, several]) == set()
	every source in [{"ref": ""}, {"ref": null}, {"ref": 1}, {"ref": "values", "path": "missing"}] {
		count(_deny([_here, _application(object.union({"repoURL": "https://here"}, source))])) == 1
	}
}

_set(spec) := {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "metadata": {"name": "all"}, "spec": object.union({"generators": [{"clusters": {}}]}, spec)}

_template(source) := {"template": {"spec": {"source": source}}}

test_an_application_sets_path_does_not_exist if {
	_deny([_here, _set(_template({"repoURL": "https://here", "path": "missing"}))]) == {{
		"msg": `ApplicationSet "all" takes path "missing", where this repository has nothing to deploy`,
		"path": ["targets", 0, "objects", 1, "spec", "template", "spec", "source", "path"],
	}}
	several := {"template": {"spec": {"sources": [{"repoURL": "https://here", "path": "argocd"}, {"repoURL": "https://here", "path": "missing"}]}}}
	{fault.path | some fault in _deny([_set(several)])} == {["targets", 0, "objects", 0, "spec", "template", "spec", "sources", 1, "path"]}
}

test_an_application_sets_path_may_exist[note] if {
	missing := _template({"repoURL": "https://here", "path": "missing"})
	some note, spec in {
		"a root": _template({"repoURL": "https://here", "path": "argocd"}),
		"a parameter": _template({"repoURL": "https://here", "path": "overlays/{{name}}"}),
		"a repository that is a parameter": _template({"repoURL": "{{url}}", "path": "missing"}),
		"another repository": _template({"repoURL": "https://there", "path": "missing"}),
		"a chart": _template({"repoURL": "https://here", "chart": "web"}),
		"no path": _template({"repoURL": "https://here"}),
		"a patch of the template": object.union(missing, {"templatePatch": "spec: {}"}),
		"a generator's template": object.union(missing, {"generators": [{"matrix": {"generators": [{"list": {"template": {}}}]}}]}),
		"no generator, and so no Application": object.union(missing, {"generators": []}),
		"wrong shapes": {"template": "text"},
		"a source of the wrong shape": _template("text"),
	}
	_deny([_here, _set(spec)]) == set()
}

test_parameters_may_lead_to_this_repository if {
	literal := _set(_template({"repoURL": "https://there", "path": "overlays/elsewhere"}))
	count(_deny([literal])) == 1
	_deny([literal, _set(_template({"repoURL": "https://here", "path": "apps/{{name}}"}))]) == set()
}

# An ApplicationSet tells this repository as an Application does.
test_an_application_set_tells_this_repository if {
	objects := [_set(_template({"repoURL": "https://here", "path": "argocd"})), _application({"repoURL": "https://there", "path": "elsewhere"})]
	_deny(objects) == set()
}

test_wrong_shapes if {
	every source in ["text", {}, null] {
		count(_deny([_here, _application(source)])) == 1
	}
	several := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"}, "spec": {"sources": [{"repoURL": "https://here", "path": "missing"}, "text"]}}
	count(_deny([_here, several])) == 2
	_deny(["text", {"apiVersion": "v1", "kind": "Pod"}]) == set()
}

test_message if {
	some fault in _deny([_here, _application({"repoURL": "https://here", "path": "overlays/test/app"})])
	fault.msg == `Application "web" takes path "overlays/test/app", where this repository has nothing to deploy`
}
