# METADATA
# scope: package
# title: Ignored differences are kept in a sync
# description: |
#   ignoreDifferences only hides a field from the comparison. The next sync for any other reason
#   applies the field from git all the same, and puts a scaled Deployment or a shifted canary weight
#   back, unless the Application has the sync option RespectIgnoreDifferences.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#respect-ignore-difference-configs
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: argoproj.io
#   fix: Add RespectIgnoreDifferences=true to spec.syncPolicy.syncOptions.
package policies.gitops.respect_ignored_differences

import data.policies.lib.argo
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": array.concat(_spec, ["syncPolicy", "syncOptions"])} if {
	not obj_lib.at(input, array.concat(_spec, ["ignoreDifferences"]), []) == []
	not _respects(obj_lib.at(input, array.concat(_spec, ["syncPolicy", "syncOptions"]), []))
	not _is_patched
	msg := sprintf("%s ignores differences without RespectIgnoreDifferences=true, so a sync overwrites them", [obj_lib.title(input)])
}

_respects(options) if "RespectIgnoreDifferences=true" in options

# What a parameter of a set says.
_respects(options) if {
	input.kind == "ApplicationSet"
	some option in options
	contains(option, "{{")
}

_spec := ["spec"] if {
	input.kind == "Application"
	argo.is_application(input)
}

_spec := ["spec", "template", "spec"] if {
	input.kind == "ApplicationSet"
	obj_lib.is_kind(input, "argoproj.io", "ApplicationSet")
}

# What a patch of the template writes, parameters may tell, and generators have templates of their own.
_is_patched if {
	patch := obj_lib.at(input, ["spec", "templatePatch"], "")
	is_string(patch)
	contains(patch, "syncOptions")
}

_is_patched if {
	input.kind == "ApplicationSet"
	walk(obj_lib.at(input, ["spec", "generators"], []), [path, _])
	array.slice(path, count(path) - 4, count(path)) == ["template", "spec", "syncPolicy", "syncOptions"]
}
