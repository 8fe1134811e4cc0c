package policies.gitops.project_allows_test

import data.policies.gitops.project_allows

_spec := {
	"sourceRepos": ["https://here"],
	"destinations": [{"name": "dev", "namespace": "shop"}, {"server": "https://dev", "namespace": "logs-*"}],
	"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "shop"}, {"group": "rbac.authorization.k8s.io", "kind": "ClusterRole"}],
	"namespaceResourceWhitelist": [{"group": "apps", "kind": "Deployment"}, {"group": "", "kind": "Secret"}],
	"namespaceResourceBlacklist": [{"group": "", "kind": "Secret"}],
}

_project(spec) := {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "web", "namespace": "argocd"}, "spec": spec}

_application := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web", "namespace": "argocd"}, "spec": {
	"project": "web",
	"source": {"repoURL": "https://here", "path": "overlays/dev/app"},
	"destination": {"name": "dev", "namespace": "shop"},
}}

_faults(project, application, objects) := faults if {
	faults := project_allows.deny with input as {"roots": ["overlays/dev/app"], "targets": [
		{"path": "argocd", "objects": ["text", project, application]},
		{"path": "overlays/dev", "objects": objects},
		{"path": "overlays/prod", "objects": [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "of nobody"}}]},
	]}
}

# The set is what the target's Application brings, and the controller makes the rest.
test_generated if {
	made := object.union(_object("argoproj.io/v1alpha1", "Application", {"name": "made", "namespace": "other"}), {"spec": {}})
	targets := [{"path": "argocd", "objects": [_project(_spec), _application]}, {"path": "overlays/dev", "objects": [made]}]
	count(project_allows.deny) == 2 with input as {"roots": ["overlays/dev/app"], "targets": targets}
	generated := [targets[0], object.union(targets[1], {"generated": [{"object": 0, "of": 0}]})]
	{fault.msg | some fault in project_allows.deny} == {`Application "made" belongs to AppProject null, which is not in this repository`} with input as {"roots": ["overlays/dev/app"], "targets": generated}
}

# At the same path of another repository there are other objects.
test_paths_of_others if {
	there := object.union(_application, {"spec": object.union(_application.spec, {"source": {"repoURL": "https://forge/other/deploy", "path": "overlays/dev/app"}})})
	project := _project(object.union(_spec, {"sourceRepos": ["*"]}))
	every case in [[["other/deploy"], 1], [["me/deploy"], 0]] {
		own := object.union(_application, {"spec": object.union(_application.spec, {"source": {"repoURL": "https://forge/me/deploy", "path": "argocd"}})})
		faults := project_allows.deny with input as {"roots": ["argocd", "overlays/dev/app"], "remotes": case[0], "targets": [
			{"path": "argocd", "objects": [project, there, own]},
			{"path": "overlays/dev", "objects": [_object("v1", "ConfigMap", {"name": "a", "namespace": "shop"})]},
		]}
		count({fault | some fault in faults; fault.path[1] == 1}) == case[1]
	}
}

_in_prod := object.union(_application, {"spec": object.union(_application.spec, {"destination": {"name": "prod", "namespace": "shop"}})})

# Two targets, each with a project of the name, the second for prod alone, and one with none.
_several(second) := faults if {
	faults := project_allows.deny with input as {"roots": ["overlays/dev/app"], "targets": [
		{"path": "argocd/dev", "objects": [_project(_spec), _application]},
		{"path": "argocd/prod", "objects": [_project(object.union(_spec, {"destinations": [{"name": "prod", "namespace": "shop"}]})), second]},
		{"path": "argocd/more", "objects": [_application]},
	]}
}

# Each target has an Argo CD of its own: the project of the other one allows nothing here, and refuses nothing.
test_projects_of_one_name if {
	{fault.path | some fault in _several(_in_prod)} == {["targets", 2, "objects", 0, "spec", "destination"]}
	{fault.path | some fault in _several(_application)} == {["targets", i, "objects", j, "spec", "destination"] | some [i, j] in [[1, 1], [2, 0]]}
}

test_skipped_project if {
	skipped := object.union(_project(_spec), {"metadata": {"annotations": {"argocd.argoproj.io/hook": "Skip"}}})
	{fault.msg | some fault in _faults(skipped, _application, [])} == {`Application "web" belongs to AppProject "web", which is not in this repository`}
}

_of_values(repository) := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"}, "spec": {
	"project": "web",
	"sources": [{"repoURL": "https://here", "path": "overlays/dev/app"}, {"repoURL": repository, "ref": "values"}],
	"destination": {"name": "dev", "namespace": "shop"},
}}

test_a_source_of_values_is_held_to_the_project if {
	_faults(_project(_spec), _of_values("https://here"), []) == set()
	{fault.path | some fault in _faults(_project(_spec), _of_values("https://there"), [])} == {["targets", 0, "objects", 2, "spec", "sources", 1, "repoURL"]}
}

_hydrated(repository) := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"}, "spec": {
	"project": "web",
	"sourceHydrator": {"drySource": {"repoURL": repository, "path": "overlays/dev/app"}, "syncSource": {"targetBranch": "dev", "path": "app"}},
	"destination": {"name": "dev", "namespace": "shop"},
}}

test_a_source_to_hydrate_is_held_to_the_project if {
	_faults(_project(_spec), _hydrated("https://here"), []) == set()
	{fault.path | some fault in _faults(_project(_spec), _hydrated("https://there"), [])} == {["targets", 0, "objects", 2, "spec", "sourceHydrator", "drySource", "repoURL"]}
}

_object(api_version, kind, metadata) := {"apiVersion": api_version, "kind": kind, "metadata": metadata}

test_allowed[sprintf("%s %v", [obj.kind, obj.metadata])] if {
	some obj in [
		_object("apps/v1", "Deployment", {"name": "web", "namespace": "shop"}),
		_object("apps/v1", "Deployment", {"name": "web"}),
		_object("v1", "Namespace", {"name": "shop"}),
		_object("rbac.authorization.k8s.io/v1", "ClusterRole", {"name": "reader"}),
	]
	_faults(_project(_spec), _application, [obj]) == set()
}

test_kind_is_not_allowed[sprintf("%s %v", [obj.kind, obj.metadata])] if {
	some obj in [
		_object("apps/v1", "StatefulSet", {"name": "web", "namespace": "shop"}),
		_object("example.com/v1", "Deployment", {"name": "web", "namespace": "shop"}),
		_object("v1", "Secret", {"name": "web", "namespace": "shop"}),
		_object("v1", "Namespace", {"name": "other"}),
		_object("scheduling.k8s.io/v1", "PriorityClass", {"name": "high"}),
		_object("cert-manager.io/v1", "ClusterIssuer", {"name": "ca"}),
		_object(1, "Deployment", {"name": "web", "namespace": "shop"}),
		_object("apps/v1", 1, {"name": "web", "namespace": "shop"}),
	]
	{fault.path | some fault in _faults(_project(_spec), _application, [obj])} == {["targets", 1, "objects", 0, "kind"]}
}

_lists(cluster, namespaced) := object.union(_spec, {"clusterResourceWhitelist": cluster, "namespaceResourceWhitelist": namespaced})

# Of these data.relations knows that they have no namespace.
test_kinds_of_the_cluster[kind] if {
	some kind, version in {
		"GatewayClass": "gateway.networking.k8s.io/v1", "VolumeSnapshotClass": "snapshot.storage.k8s.io/v1",
		"DeviceTaintRule": "resource.k8s.io/v1alpha3", "Namespace": "v1",
	}
	any_kind := [{"group": "*", "kind": "*"}]
	_faults(_project(_lists(any_kind, [])), _application, [_object(version, kind, {"name": "a"})]) == set()
	count(_faults(_project(_lists([], any_kind)), _application, [_object(version, kind, {"name": "a"})])) == 1
}

# Nobody here knows whether these have a namespace.
test_kinds_of_either_list if {
	listed := [{"group": "policy.networking.k8s.io", "kind": "AdminNetworkPolicy"}]
	obj := _object("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy", {"name": "a"})
	every spec in [_lists(listed, []), _lists([], listed)] {
		_faults(_project(spec), _application, [obj]) == set()
	}
	count(_faults(_project(_lists([], [])), _application, [obj])) == 1

	# With a namespace it is of one, and so is a Deployment wherever it stands.
	count(_faults(_project(_lists(listed, [])), _application, [object.union(obj, {"metadata": {"namespace": "shop"}})])) == 1
	any_kind := [{"group": "*", "kind": "*"}]
	every version, kind in {"apps/v1": "Deployment", "v1": "Secret", "networking.k8s.io/v1": "Ingress"} {
		count(_faults(_project(_lists(any_kind, [])), _application, [_object(version, kind, {"name": "a"})])) == 1
	}
}

test_namespace_is_not_allowed[sprintf("%v", [namespace])] if {
	some namespace in ["other", 1, {}]
	{fault.path | some fault in _faults(_project(_spec), _application, [_object("apps/v1", "Deployment", {"name": "web", "namespace": namespace})])} == {["targets", 1, "objects", 0, "metadata", "namespace"]}
}

test_pattern_of_a_namespace_by_server if {
	by_server := object.union(_application, {"spec": {"destination": {"server": "https://dev", "name": null, "namespace": "logs-a"}}})
	_faults(_project(_spec), by_server, [_object("apps/v1", "Deployment", {"name": "web", "namespace": "logs-b"})]) == set()
}

test_without_a_list_every_namespaced_kind_is_allowed if {
	spec := object.remove(_spec, ["namespaceResourceWhitelist"])
	_faults(_project(spec), _application, [_object("apps/v1", "StatefulSet", {"name": "web", "namespace": "shop"})]) == set()
	count(_faults(_project(spec), _application, [_object("v1", "Secret", {"name": "web", "namespace": "shop"})])) == 1
}

test_default_project[project] if {
	some project in ["default", ""]
	_faults(_project(_spec), object.union(_application, {"spec": {"project": project}}), []) == set()
}

test_source_and_destination[name] if {
	some name, case in {
		"source": {"spec": {"source": {"repoURL": "https://there"}}, "path": ["source", "repoURL"]},
		"source of a number": {"spec": {"source": {"repoURL": 1}}, "path": ["source", "repoURL"]},
		"cluster": {"spec": {"destination": {"name": "prod"}}, "path": ["destination"]},
		"namespace": {"spec": {"destination": {"namespace": "other"}}, "path": ["destination"]},
		"destination of text": {"spec": {"destination": "dev"}, "path": ["destination"]},
		"project": {"spec": {"project": "missing"}, "path": ["project"]},
		"project of a number": {"spec": {"project": 1}, "path": ["project"]},
	}
	faults := _faults(_project(_spec), object.union(_application, {"spec": case.spec}), [])
	{array.slice(fault.path, 5, 9) | some fault in faults} == {case.path}
}

_arriving(spec, destination, namespaces) := {namespace |
	some namespace in namespaces
	application := object.union(_application, {"spec": {"destination": null}})
	placed := object.union(application, {"spec": {"destination": object.union(destination, {"namespace": namespace})}})
	_faults(_project(object.union(_spec, spec)), placed, []) == set()
}

# What a destination and a project say of a cluster need not be the same of its two names.
test_clusters[name] if {
	some name, case in {
		"any server": {"allowed": [{"server": "*", "namespace": "*"}], "to": {"name": "prod"}, "want": {"a", "b"}},
		"any name": {"allowed": [{"name": "*", "namespace": "a"}], "to": {"server": "https://prod"}, "want": {"a"}},
		"Argo CD's own": {"allowed": [{"server": "https://kubernetes.default.svc", "namespace": "*"}], "to": {"name": "in-cluster"}, "want": {"a", "b"}},
		"Argo CD's own by server": {"allowed": [{"name": "in-cluster", "namespace": "*"}], "to": {"server": "https://kubernetes.default.svc/"}, "want": {"a", "b"}},
		"another than its own": {"allowed": [{"name": "prod", "namespace": "*"}], "to": {"server": "https://kubernetes.default.svc"}, "want": set()},
		"but a namespace": {"allowed": [{"name": "prod", "namespace": "!a"}], "to": {"name": "prod"}, "want": {"b"}},
		"but a namespace of a server": {"allowed": [{"server": "*", "namespace": "*"}, {"server": "https://prod", "namespace": "!a"}], "to": {"server": "https://prod"}, "want": {"b"}},
		"but a cluster": {"allowed": [{"name": "*", "namespace": "*"}, {"name": "!prod", "namespace": "*"}], "to": {"name": "prod"}, "want": set()},
		"one letter": {"allowed": [{"server": "https://10.0.0.?", "namespace": "*"}], "to": {"server": "https://10.0.0.1"}, "want": {"a", "b"}},
		"over slashes": {"allowed": [{"server": "https://*", "namespace": "[bc]"}], "to": {"server": "https://host/k8s/clusters/c"}, "want": {"b"}},
		"one of some names": {"allowed": [{"name": "prod-{a,b}", "namespace": "{b,c}"}], "to": {"name": "prod-a"}, "want": {"b"}},
		"but another cluster": {"allowed": [{"name": "!dev", "namespace": "*"}], "to": {"name": "prod"}, "want": {"a", "b"}},
	}
	_arriving({"destinations": case.allowed}, case.to, {"a", "b"}) == case.want
}

_is_allowed(patterns, url) if {
	application := object.union(_application, {"spec": {"source": {"repoURL": url}}})
	_faults(_project(object.union(_spec, {"sourceRepos": patterns})), application, []) == set()
}

test_sources[name] if {
	some name, case in {
		"with .git": {"allowed": ["https://HERE.git"], "want": true},
		"all but others": {"allowed": ["!https://there"], "want": true},
		"all": {"allowed": ["*"], "want": true},
		"all but it": {"allowed": ["*", "!https://here"], "want": false},
		"another": {"allowed": ["https://there"], "want": false},
		"one letter": {"allowed": ["https://her?"], "want": true},
		"no letter": {"allowed": ["https://here?"], "want": false},
		"one of some": {"allowed": ["https://{here,there}"], "want": true},
		"none of some": {"allowed": ["https://{hare,there}"], "want": false},
		"a range": {"allowed": ["https://[a-h]ere"], "want": true},
		"of another range": {"allowed": ["https://[a-g]ere"], "want": false},
		"not of a set": {"allowed": ["https://[!abh]ere"], "want": false},
		"a range that goes down": {"allowed": ["https://[h-a]ere"], "want": true},
		"an open bracket": {"allowed": ["https://[here"], "want": true},
		"all but an open bracket": {"allowed": ["*", "![here"], "want": true},
	}
	object.get({0: true}, count(_faults(_project(object.union(_spec, {"sourceRepos": case.allowed})), _application, [])), false) == case.want
}

test_spellings_of_a_source if {
	every url in ["git@example.com:a/b.git", "git@example.com:a/b", "ssh://git@example.com/A/b.git"] {
		_is_allowed(["git@example.com:a/b.git"], url)
		_is_allowed(["ssh://git@example.com/a/b"], url)
		not _is_allowed(["*", "!git@example.com:a/b"], url)
		not _is_allowed(["*", "!ssh://git@example.com/a/b"], url)
	}
	not _is_allowed(["https://example.com/a/b"], "git@example.com:a/b")
}

test_a_pattern_of_repositories_keeps_to_its_directory if {
	_is_allowed(["https://example.com/*"], "https://example.com/a.git")
	not _is_allowed(["https://example.com/*"], "https://example.com/a/b")
	_is_allowed(["https://example.com/**"], "https://example.com/a/b")
	_is_allowed(["*"], "https://example.com/a/b")
}

test_an_empty_list_allows_no_kind if {
	spec := object.union(_spec, {"namespaceResourceWhitelist": []})
	count(_faults(_project(spec), _application, [_object("apps/v1", "Deployment", {"name": "web", "namespace": "shop"})])) == 1
}

# An empty project allows no source and no destination; without a list it allows any namespaced kind.
test_project_of_the_wrong_shape[sprintf("%v", [spec])] if {
	some spec in ["text", {}, null, {"sourceRepos": "https://here", "destinations": "dev"}]
	{array.slice(fault.path, 4, 6) | some fault in _faults(_project(spec), _application, ["text"])} == {["spec", "source"], ["spec", "destination"]}
}

test_destination_comes_first if {
	elsewhere := object.union(_application, {"spec": {"destination": {"name": "prod"}}})
	objects := [_object("apps/v1", "Deployment", {"name": "web", "namespace": "shop"}), _object("v1", "Namespace", {"name": "shop"})]
	_faults(_project(_spec), elsewhere, objects) == {{
		"path": ["targets", 0, "objects", 2, "spec", "destination"],
		"msg": `AppProject "web" does not allow Application "web" to deploy to namespace "shop" of cluster "prod"`,
		"fact": `web {"name": "prod", "namespace": "shop"}`,
	}}

	# What the project does not allow anywhere is wrong all the same.
	count(_faults(_project(_spec), elsewhere, [_object("apps/v1", "StatefulSet", {"name": "web", "namespace": "shop"})])) == 2
}

test_project_comes_first if {
	of_none := object.union(_application, {"spec": {"project": "missing"}})
	objects := [_object("apps/v1", "StatefulSet", {"name": "web", "namespace": "shop"})]
	{fault.path[4] | some fault in _faults(_project(_spec), of_none, objects)} == {"spec"}

	# Nor does the project of another part have to allow it.
	faults := project_allows.deny with input as {"roots": ["overlays/dev/app"], "targets": [
		{"path": "argocd", "objects": [_project(_spec), _application, of_none]},
		{"path": "overlays/dev", "objects": objects},
	]}
	{fault.path | some fault in faults} == {["targets", 0, "objects", 2, "spec", "project"]}
}

test_message if {
	_faults(_project(_spec), _application, [_object("apps/v1", "StatefulSet", {"name": "web", "namespace": "shop"})]) == {{
		"path": ["targets", 1, "objects", 0, "kind"],
		"msg": `StatefulSet "web" of group "apps" is of a kind that AppProject "web" does not allow`,
	}}
	some fault in _faults(_project(_spec), _application, [_object("apps/v1", "Deployment", {"name": "web", "namespace": "other"})])
	fault.msg == `Deployment "web" is of a kind that only AppProject "web" allows, and not in namespace "other"`
}
