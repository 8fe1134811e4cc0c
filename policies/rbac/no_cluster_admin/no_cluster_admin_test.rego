package policies.rbac.no_cluster_admin_test

import data.policies.rbac.no_cluster_admin

_binding(kind, fields) := object.union({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": "web"}}, fields)

_ref(kind, name) := {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}}

_kinds := ["RoleBinding", "ClusterRoleBinding"]

_allowed := {
	"a role of its own": object.union(_ref("Role", "web"), {"subjects": [{"kind": "ServiceAccount", "name": "web"}]}),
	"another cluster role": _ref("ClusterRole", "view"),
	"a namespace's role of that name": _ref("Role", "cluster-admin"),
	"everybody reads": object.union(_ref("ClusterRole", "view"), {"subjects": [{"kind": "Group", "name": "system:authenticated"}]}),
	"everybody in a role of its own": object.union(_ref("Role", "edit"), {"subjects": [{"kind": "Group", "name": "system:authenticated"}]}),
	"no fields": {},
	"a reference of the wrong type": {"roleRef": "cluster-admin", "subjects": "system:masters"},
	"subjects of the wrong type": {"roleRef": null, "subjects": ["text", null, {"name": ["system:masters"]}]},
}

_denied := {
	"cluster-admin": [_ref("ClusterRole", "cluster-admin"), "gives every permission: roleRef is cluster-admin", ["roleRef", "name"]],
	"a group of everybody": [
		object.union(_ref("ClusterRole", "edit"), {"subjects": [{"kind": "ServiceAccount", "name": "web"}, {"kind": "Group", "name": "system:authenticated"}]}),
		"binds system:authenticated, which is not one workload's", ["subjects", 1, "name"],
	],
	"the group above RBAC": [{"subjects": [{"kind": "Group", "name": "system:masters"}]}, "binds system:masters, which is not one workload's", ["subjects", 0, "name"]],
}

test_allows[note][kind] if {
	some note, fields in _allowed
	some kind in _kinds
	no_cluster_admin.deny == set() with input as _binding(kind, fields)
}

test_denies[note][kind] if {
	some note, [fields, msg, path] in _denied
	some kind in _kinds
	no_cluster_admin.deny == {{"msg": sprintf(`%s "web" %s`, [kind, msg]), "path": path}} with input as _binding(kind, fields)
}

test_ignores_other_objects if {
	no_cluster_admin.deny == set() with input as object.union(_ref("ClusterRole", "cluster-admin"), {"apiVersion": "example.com/v1", "kind": "RoleBinding"})
	no_cluster_admin.deny == set() with input as {}
}
