package policies.lib.argo_test

import data.policies.lib.argo

_annotated(annotations) := {"metadata": {"annotations": annotations}}

_wave := "argocd.argoproj.io/sync-wave"

_hook := "argocd.argoproj.io/hook"

test_order[name] if {
	some name, case in {
		"no annotation": {"obj": {}, "want": [1, 0]},
		"a wave": {"obj": _annotated({_wave: "-5"}), "want": [1, -5]},
		"a wave with a plus": {"obj": _annotated({_wave: "+5"}), "want": [1, 5]},
		"a hook before": {"obj": _annotated({_hook: "PreSync", _wave: "3"}), "want": [0, 3]},
		"a hook after": {"obj": _annotated({_hook: "PostSync"}), "want": [2, 0]},
		"a hook amid": {"obj": _annotated({_hook: "Sync, Skip"}), "want": [1, 0]},
		"a hook of a number": {"obj": _annotated({_hook: 1}), "want": [1, 0]},
	}
	argo.order(case.obj) == case.want
}

_helm_hook := "helm.sh/hook"

test_applied[name] if {
	some name, annotations in {
		"no hook": {},
		"before the sync": {_hook: "PreSync"},
		"skipped and synced": {_hook: "Skip, Sync"},
		"after the sync": {_hook: "PostSync"},
		"of Helm": {_helm_hook: "pre-install,pre-upgrade"},
		"of Helm beside an unknown one": {_hook: "Never", _helm_hook: "post-install"},
		"of Helm, which is none": {_helm_hook: "crd-install"},
	}
	argo.is_applied(_annotated(annotations))
}

test_not_applied[name] if {
	some name, annotations in {
		"skipped": {_hook: "Skip"},
		"when a sync fails": {_hook: " SyncFail "},
		"when it is deleted": {_hook: "PostDelete"},
		"unknown": {_hook: "presync"},
		"empty": {_hook: ""},
		"no text": {_hook: true},
		"skipped, and of Helm": {_hook: "Skip", _helm_hook: "pre-install"},
		"a test of Helm": {_helm_hook: "test"},
		"no text, of Helm": {_helm_hook: 1},
		"empty, and none of Helm": {_hook: "", _helm_hook: "crd-install"},
	}
	not argo.is_applied(_annotated(annotations))
}

test_order_of_what_is_no_wave if {
	every wave in [1, "", "first", "1.5", null, "99999999999"] {
		not argo.order(_annotated({_wave: wave}))
	}
}

test_sources[name] if {
	some name, case in {
		"one": {"spec": {"source": {"path": "./overlays/dev/"}}, "want": {"overlays/dev"}},
		"several": {"spec": {"sources": [{"path": "a"}, {"chart": "b"}]}, "want": {"a"}},
		"both": {"spec": {"source": {"path": "a"}, "sources": [{"path": "b"}]}, "want": {"a", "b"}},
		"a dry one": {"spec": {"sourceHydrator": {"drySource": {"path": "a"}, "syncSource": {"path": "b"}}}, "want": {"a"}},
		"a dry one before others": {"spec": {"sourceHydrator": {"drySource": {"path": "a"}}, "source": {"path": "b"}, "sources": [{"path": "c"}]}, "want": {"a"}},
		"a hydrator without": {"spec": {"sourceHydrator": "text"}, "want": set()},
		"none": {"spec": {}, "want": set()},
		"text": {"spec": {"source": "text"}, "want": set()},
	}
	sources := argo.sources({"spec": case.spec})
	count(sources) > 0
	{path | some source in sources; path := argo.source_path(source)} == case.want
}

_application(source) := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "a"}, "spec": {"project": "p", "source": source}}

_repository := {"roots": ["argocd", "overlays/dev/app"], "targets": [{"path": "argocd", "objects": [
	"text",
	_application({"repoURL": "https://here", "path": "argocd"}),
	_application({"repoURL": "https://there", "path": "elsewhere"}),
	_application({}),
	object.union(_application({}), {"spec": null}),
]}]}

test_applications if {
	applications := argo.applications with input as _repository
	[[application.path, application.repository, application.fault] | some application in applications] == [
		["argocd", "https://here", ["targets", 0, "objects", 1, "spec", "source"]],
		["elsewhere", "https://there", ["targets", 0, "objects", 2, "spec", "source"]],
		[null, null, ["targets", 0, "objects", 3, "spec", "source"]],
	]
	own := argo.own_repositories with input as _repository
	own == {"https://here"}
}

test_where_a_dry_source_stands if {
	argo.sources({"spec": {"sourceHydrator": {"drySource": {"path": "a"}}}}) == [{"value": {"path": "a"}, "path": ["spec", "sourceHydrator", "drySource"]}]
}

test_normal_url[url] if {
	some url, want in {
		"https://Example.com/a/b.git": "https://example.com/a/b", " https://example.com/a/b ": "https://example.com/a/b",
		"git@example.com:a/b.git": "git@example.com/a/b", "ssh://git@example.com/a/b": "git@example.com/a/b",
		"ssh://git@example.com:22/a/b": "git@example.com:22/a/b", "https://example.com:443/a": "https://example.com:443/a",
		"https://user@example.com/a/b": "https://user@example.com/a/b", "": "",
	}
	argo.normal_url(url) == want
}

test_spellings_of_this_repository[url] if {
	some url in ["https://here", "https://HERE/", "https://here.git", " https://here.git/"]
	one := {"roots": ["argocd"], "targets": [{"path": "argocd", "objects": [_application({"repoURL": url, "path": "argocd"})]}]}
	own := argo.own_repositories with input as one
	own == {"https://here"}
}

# Git knows what this repository is called: neither a path that another one has here too, nor one that is missing, tells otherwise.
test_names_that_git_has[url] if {
	some url in [
		"https://forge/me/Deploy.git", "git@forge:me/deploy", "ssh://git@forge:7999/me/deploy.git",
		"https://dev.azure.com/org/me/_git/deploy", "git@ssh.dev.azure.com:v3/org/me/deploy", "https://forge/git/me/deploy",
	]
	one := {"roots": ["argocd"], "remotes": ["me/deploy"], "targets": [{"path": "argocd", "objects": [
		_application({"repoURL": url, "path": "nope"}),
		_application({"repoURL": "https://forge/other/deploy", "path": "argocd"}),
	]}]}
	own := argo.own_repositories with input as one
	count(own) == 1
	not "https://forge/other/deploy" in own
}

# Of a mirror more of what is here is taken: it is this repository too.
test_another_name_of_this_repository if {
	one := {"roots": ["argocd"], "directories": ["argocd", "shop", "web"], "remotes": ["me/deploy"], "targets": [{"path": "argocd", "objects": [
		_application({"repoURL": "https://forge/me/deploy", "path": "argocd"}),
		_application({"repoURL": "https://mirror/copies/deployment", "path": "shop"}),
		_application({"repoURL": "https://mirror/copies/deployment", "path": "web"}),
		_application({"repoURL": "https://forge/other/infra", "path": "nope"}),
		_application({"repoURL": "https://forge/deploy", "path": "nope"}),
	]}]}
	own := argo.own_repositories with input as one
	own == {"https://forge/me/deploy", "https://mirror/copies/deployment"}
}

test_fewer_directories_are_of_another_repository if {
	one := {"roots": ["argocd"], "directories": ["argocd", "shop", "web"], "remotes": ["org/deploy/deploy"], "targets": [{"path": "argocd", "objects": [
		_application({"repoURL": "https://dev.azure.com/org/_git/deploy", "path": "argocd"}),
		_application({"repoURL": "https://dev.azure.com/org/_git/deploy", "path": "shop"}),
		_application({"repoURL": "https://forge/other/infra", "path": "web"}),
	]}]}
	own := argo.own_repositories with input as one
	own == {"https://dev.azure.com/org/_git/deploy"}
}

# A fork has other names than its Applications.
test_names_that_nothing_uses if {
	one := {"roots": ["argocd"], "remotes": ["me/deploy"], "targets": [{"path": "argocd", "objects": [_application({"repoURL": "https://forge/other/deploy", "path": "argocd"})]}]}
	own := argo.own_repositories with input as one
	own == {"https://forge/other/deploy"}
}

test_a_directory_of_manifests_is_one_as_a_target if {
	argo.is_root("plain") with input as {"roots": ["argocd"], "targets": [{"path": "plain", "objects": []}]}
}

test_is_root if {
	argo.is_root("argocd") with input as _repository
	not argo.is_root("elsewhere") with input as _repository
}

test_kinds if {
	argo.is_application(_application({}))
	not argo.is_application({"apiVersion": "app.k8s.io/v1", "kind": "Application"})
	argo.is_project({"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject"})
}
