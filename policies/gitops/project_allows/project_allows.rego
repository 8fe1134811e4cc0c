# METADATA
# scope: package
# title: AppProjects allow what their Applications deploy
# description: |
#   Argo CD refuses a whole sync when one object's kind or namespace is not allowed by the project,
#   or the source or the destination is not. A new NetworkPolicy in a base then stops every deploy
#   of the service, in each environment, after the merge.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/projects/
# custom:
#   severity: error
#   states: fact
#   scope: repository
#   mentions: argoproj.io
#   sees: argoproj.io
#   fix: Add the source, destination or kind to the AppProject, or take the object out of the overlay.
package policies.gitops.project_allows

import data.policies.lib.argo
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": array.concat(["targets", application.target, "objects", application.object], ["spec", "project"]), "fact": fact} if {
	some application in argo.applications
	application.project != "default" # Argo CD makes it itself, and it allows everything until somebody says otherwise
	not _projects[application.project]
	fact := sprintf("AppProject %v is missing", [application.project])
	msg := sprintf("%s belongs to AppProject %v, which is not in this repository", [application.title, json.marshal(application.project)])
}

deny contains {"msg": msg, "path": array.concat(application.fault, ["repoURL"])} if {
	some application in argo.applications
	some project in _projects_of(application.target, application.project)
	not _is_source(project, application.repository)
	msg := sprintf("AppProject %v does not allow source %v of %s", [json.marshal(application.project), json.marshal(application.repository), application.title])
}

deny contains {"msg": msg, "path": ["targets", application.target, "objects", application.object, "spec", "destination"], "fact": fact} if {
	some application in argo.applications
	some project in _projects_of(application.target, application.project)
	not _arrives(application, project)
	destination := obj_lib.at(application.value, ["spec", "destination"], {})
	fact := sprintf("%v %v", [application.project, destination])
	msg := sprintf("AppProject %v does not allow %s to deploy to %s", [json.marshal(application.project), application.title, _place(destination)])
}

_arrives(application, project) if {
	destination := obj_lib.at(application.value, ["spec", "destination"], {})
	_reaches(project, destination, obj_lib.at(destination, ["namespace"], ""))
}

_place(destination) := sprintf("namespace %v of cluster %v", [json.marshal(destination.namespace), json.marshal(cluster)]) if {
	some cluster in [obj_lib.at(destination, ["name"], obj_lib.at(destination, ["server"], null))]
	destination.namespace
} else := sprintf("destination %v", [json.marshal(destination)])

deny contains {"msg": msg, "path": ["targets", i, "objects", j, "kind"]} if {
	some i, target in input.targets
	deploying := _deploying[i]
	some j, obj in target.objects
	is_object(obj)
	not argo.generated[[i, j]]
	not i in _half_known
	_allowing(deploying, obj) == []
	msg := sprintf("%s of group %v is of a kind that AppProject %s does not allow", [obj_lib.title(obj), json.marshal(_group(obj)), _titles(deploying)])
}

deny contains {"msg": msg, "path": ["targets", i, "objects", j, "metadata", "namespace"]} if {
	some i, target in input.targets
	deploying := _deploying[i]
	some j, obj in target.objects
	is_object(obj)
	not argo.generated[[i, j]]
	allowing := _allowing(deploying, obj)
	allowing != []
	not i in _half_known
	not _is_placed(allowing, obj)
	msg := sprintf("%s is of a kind that only AppProject %s allows, and not in namespace %v", [obj_lib.title(obj), _titles([application | some [application, _] in allowing]), json.marshal(obj_lib.at(obj, ["metadata", "namespace"], null))])
}

_titles(deploying) := concat(" or ", {sprintf("%v", [json.marshal(application.project)]) | some application in deploying})

_group(obj) := obj_lib.group(obj) if is_string(obj.apiVersion)

else := null

# A table without keys in its head is computed once, and one with keys anew for each that is asked for.
_projects := _projects_by_name

_projects_by_name[obj_lib.name(obj)] contains obj if {
	some by_name in _projects_beside
	some objects in by_name
	some obj in objects
}

_projects_beside := _projects_by_target

_projects_by_target[i][obj_lib.name(obj)] contains obj if {
	some i, target in input.targets
	some obj in target.objects
	obj.kind == "AppProject"
	argo.is_project(obj)
	argo.is_applied(obj)
}

# The projects of a name that an Application may belong to. Where each cluster has an Argo CD of its own, that is the one of the
# target which renders the Application, and none of the name elsewhere.
_projects_of(target, name) := own if {
	own := _projects_beside[target][name]
} else := object.get(_projects, name, set())

# The Applications whose projects are known and that deploy a target or parts of it. An object of
# the target has to be allowed to one of them.
_deploying := _deploying_by_target

_deploying_by_target[i] contains application if {
	some i, target in input.targets
	some application in argo.applications
	argo.brings(application, target.path)
	count(_projects_of(application.target, application.project)) > 0
}

# The targets of which a part belongs to a project that nobody knows, which may allow what the others do not.
_half_known contains i if {
	some i, target in input.targets
	some application in argo.applications
	argo.is_at_or_below(application.path, target.path)
	application.project != "default"
	not _projects[application.project]
}

# The Applications whose project allows the kind of an object, each with that project.
_allowing(deploying, obj) := [[application, project] |
	some application in deploying
	some project in _projects_of(application.target, application.project)
	_allows_kind(project, obj)
]

_is_placed(allowing, obj) if {
	some [application, project] in allowing
	_reaches(project, application.value.spec.destination, _namespace(application, obj))
}

# Where an Application may not deploy at all, that is to be mended first.
_is_placed(allowing, _) if {
	some [application, project] in allowing
	not _arrives(application, project)
}

# Argo CD puts an object without a namespace into that of the destination.
_namespace(application, obj) := obj_lib.at(obj, ["metadata", "namespace"], default_namespace) if {
	_scope(obj) != "cluster"
	default_namespace := obj_lib.at(application.value, ["spec", "destination", "namespace"], null)
}

_namespace(application, obj) := obj_lib.at(application.value, ["spec", "destination", "namespace"], null) if {
	_scope(obj) == "cluster"
}

# Of a kind that may be of the cluster or of a namespace, one list is enough.
_allows_kind(project, obj) if {
	_scope(obj) in {"cluster", "unknown"}
	_lists(project, "clusterResourceWhitelist", obj)
	not _lists(project, "clusterResourceBlacklist", obj)
}

_allows_kind(project, obj) if {
	_scope(obj) in {"namespace", "unknown"}
	_namespaced_allowed(project, obj)
	not _lists(project, "namespaceResourceBlacklist", obj)
}

# A list that is not there allows every kind, and one that is empty none.
_namespaced_allowed(project, _) if obj_lib.at(project, ["spec", "namespaceResourceWhitelist"], null) == null

_namespaced_allowed(project, obj) if _lists(project, "namespaceResourceWhitelist", obj)

_lists(project, list, obj) if {
	some pattern in _names(project, list, _group(obj), obj.kind)
	_matches(pattern, obj_lib.name(obj), null)
}

# The names that a list gives to a kind. Asked for each object, and worked out once for each kind.
_names(project, list, group, kind) := {obj_lib.at(item, ["name"], "*") |
	some item in array.concat([item | some item in project.spec[list]; item.kind == kind], _globs(project, list))
	_matches(item.kind, kind, null)
	_matches(item.group, group, null)
}

_globs(project, list) := [item |
	some item in project.spec[list]
	is_string(item.kind)
	_is_glob(item.kind)
]

# AppProject.isDestinationMatched of argo-cd v3.6.1: what is denied is denied whatever else allows it.
_reaches(project, destination, namespace) if {
	some allowed in project.spec.destinations
	_fits_cluster(allowed, destination)
	_fits(obj_lib.at(allowed, ["namespace"], ""), namespace, null)
	not _is_denied(project, destination, namespace)
}

_is_denied(project, destination, namespace) if {
	some allowed in project.spec.destinations
	some field in ["name", "server"]
	startswith(allowed[field], "!")
	cluster := _cluster(destination)[field]
	not _fits(allowed[field], cluster, null)
	_fits(obj_lib.at(allowed, ["namespace"], ""), namespace, null)
}

_is_denied(project, destination, namespace) if {
	some allowed in project.spec.destinations
	startswith(allowed.namespace, "!")
	not _fits(allowed.namespace, namespace, null)
	_fits(allowed.server, _cluster(destination).server, null)
}

# A cluster has a name and a server, and a destination gives one of them. Whether the other one is what a
# project allows, Argo CD's Secret of the cluster says.
_fits_cluster(allowed, destination) if {
	some field in ["name", "server"]
	is_string(allowed[field])
	allowed[field] != ""
	_may_fit(allowed[field], object.get(_cluster(destination), field, null))
}

_may_fit(_, null)

_may_fit(pattern, value) if _fits(pattern, value, null)

# The cluster that Argo CD runs in has both.
_cluster(destination) := {"name": "in-cluster", "server": _own} if {
	trim_right(destination.server, "/") == _own
} else := {"name": "in-cluster", "server": _own} if {
	destination.name == "in-cluster"
} else := {field: value |
	some field in ["name", "server"]
	value := destination[field]
	is_string(value)
	value != ""
}

_own := "https://kubernetes.default.svc"

# AppProject.IsSourcePermitted: what a pattern with a ! does not deny, it allows.
_is_source(project, repository) if {
	some pattern in project.spec.sourceRepos
	_fits(_repository(pattern), _repository(repository), ["/"])
	not _is_denied_source(project, repository)
}

_is_denied_source(project, repository) if {
	some pattern in project.spec.sourceRepos
	startswith(pattern, "!")
	not _fits(_repository(pattern), _repository(repository), ["/"])
}

_repository(url) := concat("", ["!", argo.normal_url(substring(url, 1, -1))]) if {
	_is_denial(url)
} else := argo.normal_url(url)

# A pattern of destinations goes over slashes, one of repositories does not.
_fits(pattern, value, separators) if {
	not _is_denial(pattern)
	_matches(pattern, value, separators)
}

_fits(pattern, value, separators) if {
	_is_denial(pattern)
	not _matches(substring(pattern, 1, -1), value, separators)
}

_fits("*", value, _) if is_string(value)

# What such a pattern fits, nobody here knows.
_fits(pattern, value, _) if {
	is_string(pattern)
	is_string(value)
	not _is_read(pattern)
}

_is_denial(pattern) if {
	is_string(pattern)
	startswith(pattern, "!")
}

_matches(pattern, value, _) if pattern == value

_matches(pattern, value, separators) if {
	_is_glob(pattern)
	is_string(value)
	_is_read(pattern)
	glob.match(pattern, separators, value)
}

_is_glob(pattern) if {
	is_string(pattern)
	regex.match(`[*?\[{]`, pattern)
}

# OPA's glob.match ends a run where it is given no pattern: brackets have to close, and a range to go up.
_is_read(pattern) if {
	regex.match(`^(?:[^\[\]{}\\]|\[!?(?:[^\[\]{}\\!^-]-)?[^\[\]{}\\!^-]\]|\[!?[^\[\]{}\\!^-]+\]|\{[^\[\]{}\\]*\})*$`, pattern)
	every range in regex.find_all_string_submatch_n(`\[!?(.)-(.)\]`, pattern, -1) {
		range[1] <= range[2]
	}
}

# Always a value, because OPA remembers no call that has none.
_scope(obj) := "cluster" if obj_lib.is_of_cluster(obj)

# A custom kind of the cluster: nothing else says so offline than its name and that it has no namespace.
else := "cluster" if {
	is_string(obj.kind)
	startswith(obj.kind, "Cluster")
	obj.kind != "Cluster"
	not obj.metadata.namespace
}

else := "unknown" if {
	not obj.metadata.namespace
	not _is_of_kubernetes(_group(obj))
}

else := "namespace"

# Groups of which all kinds are known that have no namespace.
_is_of_kubernetes(group) if not contains(group, ".")

_is_of_kubernetes(group) if {
	group in {
		"coordination.k8s.io", "discovery.k8s.io", "events.k8s.io", "networking.k8s.io", "rbac.authorization.k8s.io",
		"resource.k8s.io", "storage.k8s.io",
	}
}
