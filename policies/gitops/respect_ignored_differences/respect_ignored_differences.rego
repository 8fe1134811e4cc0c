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
#   fix: Add RespectIgnoreDifferences=true to spec.syncPolicy.syncOptions.
package policies.gitops.respect_ignored_differences

import data.policies.lib.argo
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": array.concat(_spec, ["syncPolicy", "syncOptions"])} if {
	not obj_lib.at(input, array.concat(_spec, ["ignoreDifferences"]), []) == []
	not "RespectIgnoreDifferences=true" in obj_lib.at(input, array.concat(_spec, ["syncPolicy", "syncOptions"]), [])
	not _is_patched
	msg := sprintf("%s ignores differences without RespectIgnoreDifferences=true, so a sync overwrites them", [obj_lib.title(input)])
}

_spec := ["spec"] if {
	input.kind == "Application"
	argo.is_application(input)
}

_spec := ["spec", "template", "spec"] if {
	input.kind == "ApplicationSet"
	obj_lib.is_kind(input, "argoproj.io", "ApplicationSet")
}

# What a patch of the template writes, parameters may tell.
_is_patched if {
	patch := obj_lib.at(input, ["spec", "templatePatch"], "")
	is_string(patch)
	contains(patch, "syncOptions")
}
