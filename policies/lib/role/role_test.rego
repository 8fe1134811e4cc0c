package policies.lib.role_test

import data.policies.lib.role

test_kinds_are_known_by_their_group if {
	every kind in ["Role", "ClusterRole"] {
		role.is_role({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind})
		not role.is_role({"apiVersion": "example.com/v1", "kind": kind})
		not role.is_binding({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind})
	}
	every kind in ["RoleBinding", "ClusterRoleBinding"] {
		role.is_binding({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind})
		not role.is_binding({"apiVersion": "example.com/v1", "kind": kind})
		not role.is_role({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind})
	}
}

test_entries_of_every_type if {
	role.entries({"verbs": ["get", "list"]}, "verbs") == ["get", "list"]
	role.entries({"verbs": "get"}, "verbs") == ["get"]
	every none in [{}, {"verbs": null}, {"verbs": []}, "text", null] {
		role.entries(none, "verbs") == []
	}
}
