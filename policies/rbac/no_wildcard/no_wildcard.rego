# METADATA
# scope: package
# title: Roles name what they permit
# description: |
#   A wildcard permits what does not exist yet: the Secrets of the next operator, the next
#   subresource, the next verb. `resources: ["*"]` with `verbs: [get]` reads every Secret of the
#   namespace, though no line says so.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/rbac-good-practices/#least-privilege
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: Role
#   locked: self
#   fix: List the API groups, resources and verbs that are used.
package policies.rbac.no_wildcard

import data.policies.lib.object as obj_lib
import data.policies.lib.role

deny contains {"msg": msg, "path": path} if {
	input.kind in {"ClusterRole", "Role"}
	role.is_role(input)
	some index, rule in input.rules
	some field in ["apiGroups", "nonResourceURLs", "resources", "verbs"]
	some entry, value in role.entries(rule, field)
	_is_wildcard(value)
	msg := sprintf("%s permits whatever there will be: %s holds %q", [obj_lib.title(input), field, value])
	path := ["rules", index, field, entry]
}

# "*", every resource's subresource "*/scale", every path "/debug/*"
_is_wildcard(value) if {
	is_string(value)
	contains(value, "*")
}
