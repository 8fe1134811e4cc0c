package policies.gitops.part_has_application_test

import data.policies.gitops.part_has_application

_application(path) := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": path}, "spec": {"source": {"path": path}}}

_roots := ["argocd", "base/app", "base/app/workload", "overlays/dev", "overlays/dev/app", "overlays/dev/platform"]

_deny(objects) := faults if {
	faults := part_has_application.deny with input as {"roots": _roots, "targets": [{"path": "other", "objects": ["text"]}, {"path": "argocd", "objects": objects}]}
}

test_one_each if _deny([_application("argocd"), _application("overlays/dev/app"), _application("overlays/dev/platform")]) == set()

test_none if {
	_deny([_application("overlays/dev/app"), _application("argocd")]) == {{
		"path": ["targets", 1, "objects", 1, "spec", "source"],
		"msg": "overlays/dev/platform has no Application",
	}}
}

test_skipped if {
	skipped := object.union(_application("overlays/dev/platform"), {"metadata": {"annotations": {"argocd.argoproj.io/hook": "Skip"}}})
	{fault.msg | some fault in _deny([_application("argocd"), _application("overlays/dev/app"), skipped])} == {"overlays/dev/platform has no Application"}
}

# Without a root Application the finding stands at another one, and without any at some object.
test_place_of_what_is_missing if {
	{fault.path | some fault in _deny([_application("overlays/dev/app")])} == {["targets", 1, "objects", 0, "spec", "source"]}
	{fault.path | some fault in _deny([])} == {["targets", 0, "objects", 0]}
	count(_deny([])) == 2
}

# Where another environment has it, the path of that one is what to look at: of an ApplicationSet, the template's.
test_place_of_what_is_elsewhere if {
	elsewhere := _application("overlays/prod/platform")
	{fault.path | some fault in _deny([_application("argocd"), _application("overlays/dev/app"), elsewhere])} == {["targets", 1, "objects", 2, "spec", "source", "path"]}
	other := _application("catalogue/platform")
	{fault.path | some fault in _deny([_application("argocd"), _application("overlays/dev/app"), other])} == {["targets", 1, "objects", 0, "spec", "source"]}
}

test_misspelt if {
	_deny([_application("argocd"), _application("overlays/dev/app"), _application("overlays/dev/platfrom")]) == set()
	count(_deny([_application("argocd"), _application("overlays/dev/app"), _application("overlays/prod/platfrom")])) == 1
}

# A chart of the overlay, or what another repository calls alike, stands for no part that is missing.
test_not_misspelt if {
	chart := _application("overlays/dev/chart")
	here := _application("overlays/dev/app")
	count(part_has_application.deny) == 1 with input as {
		"roots": _roots,
		"directories": ["overlays/dev/chart"],
		"targets": [{"path": "argocd", "objects": [here, chart]}],
	}
	there := object.union(_application("overlays/dev/platfrom"), {"spec": {"source": {"repoURL": "https://there"}}})
	ours := object.union(here, {"spec": {"source": {"repoURL": "https://here"}}})
	count(_deny([ours, there])) == 1
	_deny([ours, object.union(there, {"spec": {"source": {"repoURL": "https://here"}}})]) == set()
}

# One misspelt path is one part, and where more are missing all are said.
test_more_than_are_misspelt if {
	{fault.msg | some fault in _deny([_application("overlays/dev/platfrom")])} == {"overlays/dev/app has no Application", "overlays/dev/platform has no Application"}
}

_with_set(path, untold) := [{
	"path": "argocd",
	"objects": [
		_application("overlays/dev/app"),
		{"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "spec": {"template": {"spec": {"source": {"path": path}}}}},
	],
	"untold": untold,
}]

# Of a set whose clusters nobody here knows, whatever its path may become.
test_may_be_made[path] if {
	some path, missing in {
		"{{path}}": 0,
		"overlays/{{name}}/platform": 0,
		"overlays/dev/platform": 0,
		"overlays/{{name}}/app": 1,
		"overlays/prod/{{part}}": 1,
	}
	count(part_has_application.deny) == missing with input as {"roots": _roots, "targets": _with_set(path, [1])}
	count(part_has_application.deny) == 1 with input as {"roots": _roots, "targets": _with_set(path, [])}
}

test_two if {
	_deny([_application("argocd"), _application("overlays/dev/app"), _application("./overlays/dev/app"), _application("overlays/dev/platform")]) == {{
		"path": ["targets", 1, "objects", 2, "spec", "source", "path"],
		"msg": `Application "overlays/dev/app" and Application "./overlays/dev/app" both sync overlays/dev/app`,
	}}
}

test_the_same_path_of_another_repository if {
	there := object.union(_application("overlays/dev/app"), {"spec": {"source": {"repoURL": "https://there"}}})
	_deny([_application("argocd"), _application("overlays/dev/app"), there, _application("overlays/dev/platform")]) == set()
}

test_wrong_shapes if {
	every source in ["text", 1, null, {"path": 1}] {
		application := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "a"}, "spec": {"source": source}}
		count(_deny([application])) == 2
	}
}
