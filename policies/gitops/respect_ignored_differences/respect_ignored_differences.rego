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

deny contains {"msg": msg, "path": ["spec", "syncPolicy", "syncOptions"]} if {
	input.kind == "Application"
	argo.is_application(input)
	not obj_lib.at(input, ["spec", "ignoreDifferences"], []) == []
	not "RespectIgnoreDifferences=true" in obj_lib.at(input, ["spec", "syncPolicy", "syncOptions"], [])
	msg := sprintf("%s ignores differences without RespectIgnoreDifferences=true, so a sync overwrites them", [obj_lib.title(input)])
}
