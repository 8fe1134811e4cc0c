# METADATA
# scope: package
# title: An AppProject lists what it allows
# description: |
#   A project with * for a source, destination or kind allows everything, so whoever can merge here
#   can deploy a ClusterRoleBinding from any repository to any cluster with Argo CD's own rights.
#   Without a list of namespaced kinds a project allows all of them.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/projects/
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: argoproj.io
#   locked: self
#   fix: Name each repository, each cluster and namespace, and each group and kind.
package policies.gitops.project_no_wildcards

import data.policies.lib.argo
import data.policies.lib.entry
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": value.path} if {
	input.kind == "AppProject"
	argo.is_project(input)
	some value in _values
	not _good(value.value)
	msg := sprintf("%s allows %v, which is no plain name", [obj_lib.title(input), json.marshal(value.value)])
}

deny contains {"msg": msg, "path": ["spec", "namespaceResourceWhitelist"]} if {
	input.kind == "AppProject"
	argo.is_project(input)
	obj_lib.at(input, ["spec", "namespaceResourceWhitelist"], null) == null
	msg := sprintf("%s has no namespaceResourceWhitelist, so it allows every namespaced kind", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", field]} if {
	input.kind == "AppProject"
	argo.is_project(input)
	some field in ["sourceRepos", "destinations"]
	obj_lib.at(input, ["spec", field], []) == []
	msg := sprintf("%s has no %s, so no Application of it can sync", [obj_lib.title(input), field])
}

_good(value) if {
	is_string(value)
	not regex.match(`[*?\[\]{}!]`, value)
}

_values contains value if some value in _entries("sourceRepos")

_values contains {"value": obj_lib.at(item.value, [field], ""), "path": array.concat(item.path, [field])} if {
	some list, fields in {
		"destinations": ["name", "server", "namespace"],
		"clusterResourceWhitelist": ["group", "kind"],
		"namespaceResourceWhitelist": ["group", "kind"],
	}
	some item in _entries(list)
	some field in fields
}

_values contains item if {
	some list in ["destinations", "clusterResourceWhitelist", "namespaceResourceWhitelist"]
	some item in _entries(list)
	not is_object(item.value)
}

_entries(field) := entry.list(obj_lib.at(input, ["spec", field], null), ["spec", field])
