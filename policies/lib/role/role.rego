# METADATA
# scope: package
# title: Roles and bindings
# description: |
#   The permissions of a Role or ClusterRole one by one, and what a binding binds. A field of a rule
#   that is no list counts as a list of that one value, so that nothing hides in a wrong type.
package policies.lib.role

import data.policies.lib.object as obj_lib

# METADATA
# description: whether an object is a Role or ClusterRole
is_role(obj) if {
	obj.kind in {"ClusterRole", "Role"}
	obj_lib.group(obj) == "rbac.authorization.k8s.io"
}

# METADATA
# description: whether an object is a RoleBinding or ClusterRoleBinding
is_binding(obj) if {
	obj.kind in {"ClusterRoleBinding", "RoleBinding"}
	obj_lib.group(obj) == "rbac.authorization.k8s.io"
}

# METADATA
# description: the entries of a list field of a rule (apiGroups, resources, verbs, resourceNames, nonResourceURLs)
entries(rule, field) := value if {
	value := obj_lib.at(rule, [field], [])
	is_array(value)
} else := [rule[field]]
