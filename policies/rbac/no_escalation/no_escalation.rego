# METADATA
# scope: package
# title: No role can give itself more
# description: |
#   bind and escalate lift the API server's rule that nobody grants what he does not have;
#   impersonate and a token of another ServiceAccount make one a different subject. Whoever has one
#   of them has, in effect, the most powerful role that there is to reach.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/rbac-good-practices/#privilege-escalation-risks
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: Role
#   locked: self
#   fix: Remove the verb; let the pipeline that owns the cluster's roles make the binding.
package policies.rbac.no_escalation

import data.policies.lib.object as obj_lib
import data.policies.lib.role

deny contains {"msg": msg, "path": ["rules", index, "verbs", entry]} if {
	input.kind in {"ClusterRole", "Role"}
	role.is_role(input)
	some index, rule in input.rules
	some entry, verb in role.entries(rule, "verbs")
	verb in {"bind", "escalate", "impersonate"}
	msg := sprintf("%s can give itself more: verb %s", [obj_lib.title(input), verb])
}

deny contains {"msg": msg, "path": ["rules", index, "resources", entry]} if {
	input.kind in {"ClusterRole", "Role"}
	role.is_role(input)
	some index, rule in input.rules
	some entry, resource in role.entries(rule, "resources")
	resource == "serviceaccounts/token"
	"create" in role.entries(rule, "verbs")
	msg := sprintf("%s can give itself more: it may create tokens of ServiceAccounts", [obj_lib.title(input)])
}
