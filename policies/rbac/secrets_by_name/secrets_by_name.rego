# METADATA
# scope: package
# title: Secrets are permitted by name
# description: |
#   A role that may get, list or watch secrets without resourceNames hands over every credential of
#   the namespace, the database superuser's among them, to whoever takes over one pod. list and
#   watch with resourceNames work for a client that selects metadata.name. create and
#   deletecollection cannot be limited by name at all; who may create a Secret may ask for the token
#   of any ServiceAccount of the namespace.
# related_resources:
#   - ref: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
#   - ref: https://kubernetes.io/docs/concepts/security/rbac-good-practices/#listing-secrets
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: Role
#   fix: Set resourceNames on the rule, or mount the Secret and drop the permission.
package policies.rbac.secrets_by_name

import data.policies.lib.object as obj_lib
import data.policies.lib.role

deny contains {"msg": msg, "path": ["rules", index, "resourceNames"]} if {
	input.kind in {"ClusterRole", "Role"}
	role.is_role(input)
	some index, rule in input.rules
	_permits_secrets(rule)
	count([name | some name in role.entries(rule, "resourceNames"); name != ""]) == 0
	verbs := [verb | some verb in role.entries(rule, "verbs"); not verb in _nameless]
	count(verbs) > 0
	msg := sprintf("%s may %s every Secret: resourceNames is empty", [obj_lib.title(input), concat(", ", [sprintf("%v", [verb]) | some verb in verbs])])
}

deny contains {"msg": msg, "path": ["rules", index, "verbs", entry]} if {
	input.kind in {"ClusterRole", "Role"}
	role.is_role(input)
	some index, rule in input.rules
	_permits_secrets(rule)
	some entry, verb in role.entries(rule, "verbs")
	verb in _nameless
	msg := sprintf("%s may %s Secrets, which no name can limit", [obj_lib.title(input), verb])
}

_nameless := {"create", "deletecollection"}

_permits_secrets(rule) if {
	some group in role.entries(rule, "apiGroups")
	group in {"", "*"}
	some resource in role.entries(rule, "resources")
	resource in {"secrets", "*"}
}
