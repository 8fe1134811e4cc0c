# METADATA
# scope: package
# title: What an Application ignores differences of is there
# description: |
#   An entry of ignoreDifferences that names an object which the Application does not bring ignores
#   nothing. After a rename the difference is back: Argo CD puts a scaled Deployment to its size in
#   git again, or shows it OutOfSync for ever.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/diffing/#application-level-configuration
# custom:
#   severity: warning
#   states: fact
#   scope: repository
#   mentions: argoproj.io
#   sees: argoproj.io
#   fix: Correct the name or the namespace, or take the entry out.
package policies.gitops.ignored_objects

import data.policies.lib.argo
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": ["targets", application.target, "objects", application.object, "spec", "ignoreDifferences", i, "name"]} if {
	some application in argo.applications
	argo.is_applied(application.value)
	not _is_changed(application.value)
	brought := [obj | some target in input.targets; argo.brings(application, target.path); some obj in target.objects]
	count(brought) > 0
	some i, entry in obj_lib.at(application.value, ["spec", "ignoreDifferences"], [])
	is_string(entry.name)
	entry.name != ""
	not _is_pattern(entry)
	not _is_there(brought, entry)
	msg := sprintf("%s ignores differences of %s %s, which it does not bring", [application.title, entry.kind, _called(entry)])
}

_called(entry) := sprintf("%s/%s", [entry.namespace, entry.name]) if {
	obj_lib.at(entry, ["namespace"], "") != ""
} else := entry.name

_is_there(brought, entry) if {
	some obj in brought
	obj.kind == entry.kind
	obj_lib.group(obj) == object.get(entry, "group", "")
	obj_lib.name(obj) == entry.name
	obj_lib.at(entry, ["namespace"], "") in {"", obj_lib.at(obj, ["metadata", "namespace"], "")}
}

# Whoever deploys an object without a namespace says it.
_is_there(brought, entry) if {
	some obj in brought
	obj.kind == entry.kind
	obj_lib.name(obj) == entry.name
	obj_lib.at(obj, ["metadata", "namespace"], "") == ""
}

# Argo CD reads group and kind as globs.
_is_pattern(entry) if regex.match(`[*?\[{]`, sprintf("%v/%v", [object.get(entry, "group", ""), object.get(entry, "kind", "*")]))

# Several sources, or fields that change what one holds, leave the names to Argo CD.
_is_changed(app) if obj_lib.at(app, ["spec", "sources"], []) != []

_is_changed(app) if {
	some field in ["kustomize", "helm", "plugin", "directory"]
	obj_lib.at(app, ["spec", "source", field], {}) != {}
}
