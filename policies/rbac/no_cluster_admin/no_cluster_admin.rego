# METADATA
# scope: package
# title: Nothing is bound to cluster-admin
# description: |
#   cluster-admin may do everything, in a RoleBinding everything in its namespace: read its Secrets,
#   exec into its pods, change its quotas. A workload that is bound to it turns one vulnerability
#   into the whole cluster. Membership in system:masters is the same and cannot be revoked by RBAC.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/rbac-good-practices/#least-privilege
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: Role
#   locked: self
#   fix: Bind a Role that lists what is used.
package policies.rbac.no_cluster_admin

import data.policies.lib.object as obj_lib
import data.policies.lib.role

deny contains {"msg": msg, "path": ["roleRef", "name"]} if {
	input.kind in {"ClusterRoleBinding", "RoleBinding"}
	role.is_binding(input)
	input.roleRef.name == "cluster-admin"
	input.roleRef.kind != "Role"
	msg := sprintf("%s gives every permission: roleRef is cluster-admin", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["subjects", index, "name"]} if {
	input.kind in {"ClusterRoleBinding", "RoleBinding"}
	role.is_binding(input)
	some index, subject in input.subjects
	_is_above_all(subject, obj_lib.at(input, ["roleRef"], {}))
	msg := sprintf("%s binds %s, which is not one workload's", [obj_lib.title(input), subject.name])
}

_is_above_all(subject, _) if subject.name == "system:masters"

# What everybody may read is for its owner to say. What everybody may change is nobody's any more.
_is_above_all(subject, ref) if {
	subject.name in {"system:anonymous", "system:authenticated", "system:unauthenticated"}
	ref.kind == "ClusterRole"
	ref.name in {"admin", "edit"}
}
