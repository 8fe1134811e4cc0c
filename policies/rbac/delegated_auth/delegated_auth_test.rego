package policies.rbac.delegated_auth_test

import data.policies.rbac.delegated_auth

_named(api_version, kind, name, namespace, rest) := object.union({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}, rest)

_api := {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1.a"}, "spec": {"service": {"name": "api", "namespace": "ops"}}}

_local := {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1."}, "spec": {}}

_service := _named("v1", "Service", "api", "ops", {"spec": {"selector": {"app": "api"}}})

_deployment(spec) := _named("apps/v1", "Deployment", "api", "ops", {"spec": {"template": {"metadata": {"labels": {"app": "api"}}, "spec": spec}}})

_account := {"kind": "ServiceAccount", "name": "server", "namespace": "ops"}

_bound(kind, namespace, role_kind, role, subject) := _named("rbac.authorization.k8s.io/v1", kind, role, namespace, {"roleRef": {"kind": role_kind, "name": role}, "subjects": ["text", subject]})

_delegator := _bound("ClusterRoleBinding", "", "ClusterRole", "system:auth-delegator", _account)

_reader := _bound("RoleBinding", "kube-system", "Role", "extension-apiserver-authentication-reader", _account)

_names(objects) := {fault.missing.name | some fault in faults} if {
	faults := delegated_auth.deny with input as {"objects": array.concat([_api, _local, _service, _deployment({"serviceAccountName": "server"})], objects)}
}

_no_reader := {"extension-apiserver-authentication-reader to ops/server"}

_no_delegator := {"system:auth-delegator to ops/server"}

test_both_are_bound if {
	_names([_reader, _delegator]) == set()
}

test_one_is_not if {
	_names([_reader]) == _no_delegator
	_names([_delegator]) == _no_reader
	_names([]) == _no_reader | _no_delegator
}

test_where_it_is_bound if {
	_names([_delegator, _bound("RoleBinding", "ops", "Role", "extension-apiserver-authentication-reader", _account)]) == _no_reader
	_names([_delegator, _bound("RoleBinding", "", "Role", "extension-apiserver-authentication-reader", _account)]) == set()
	_names([_reader, _bound("RoleBinding", "kube-system", "ClusterRole", "system:auth-delegator", _account)]) == _no_delegator
}

test_to_whom_it_is_bound if {
	every name in ["system:authenticated", "system:serviceaccounts", "system:serviceaccounts:ops"] {
		_names([_reader, _bound("ClusterRoleBinding", "", "ClusterRole", "system:auth-delegator", {"kind": "Group", "name": name})]) == set()
	}
	every subject in [{"kind": "Group", "name": "system:serviceaccounts:shop"}, {"kind": "User", "name": "server"}, {"kind": "ServiceAccount", "name": "server", "namespace": "shop"}, {"kind": "ServiceAccount", "name": "other", "namespace": "ops"}] {
		_names([_reader, _bound("ClusterRoleBinding", "", "ClusterRole", "system:auth-delegator", subject)]) == _no_delegator
	}
}

_role(rules) := {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "own"}, "rules": rules}

test_by_another_role if {
	own := _bound("ClusterRoleBinding", "", "ClusterRole", "own", _account)
	_names([_reader, own, _role([{"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}])]) == set()
	_names([_delegator, own, _role([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}])]) == set()
	_names([own, _role([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])]) == set()
	_names([_reader, own, _role([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}])]) == _no_delegator
	_names([own, object.union(_role([]), {"aggregationRule": {}})]) == set()
	_names([own]) == set() # nobody here knows what is in it
	_names([_bound("ClusterRoleBinding", "", "ClusterRole", "cluster-admin", _account)]) == set()
	_names([_reader, _bound("ClusterRoleBinding", "", "ClusterRole", "view", _account)]) == _no_delegator
	_names([_delegator, _bound("RoleBinding", "kube-system", "Role", "own", _account), _named("rbac.authorization.k8s.io/v1", "Role", "own", "ops", {})]) == set()
	_names([_delegator, _bound("RoleBinding", "kube-system", "Role", "own", _account), _named("rbac.authorization.k8s.io/v1", "Role", "own", "kube-system", {})]) == _no_reader
}

_with_arguments(list) := {fault.missing.name | some fault in faults} if {
	faults := delegated_auth.deny with input as {"objects": [_api, _service, _delegator, _deployment({"serviceAccountName": "server", "containers": [{"args": list}]})]}
}

test_what_a_server_leaves_out if {
	_with_arguments(["--authentication-skip-lookup"]) == set()
	_with_arguments(["--authentication-skip-lookup=true"]) == set()
	_with_arguments(["--authentication-skip-lookup=false", 1]) == _no_reader
}

test_servers_elsewhere if {
	delegated_auth.deny == set() with input as {"objects": [_api, _service]}
	delegated_auth.deny == set() with input as {"objects": [_api, _deployment({"serviceAccountName": "server"})]}
	delegated_auth.deny == set() with input as {"objects": [_local, _service, _deployment({"serviceAccountName": 1})]}
}

test_message if {
	{[fault.path, fault.msg] | some fault in delegated_auth.deny} == {[
		["objects", 0, "spec", "service", "name"],
		`APIService "v1.a" is served as ServiceAccount "default" of namespace ops, which no RoleBinding of namespace kube-system gives the Role extension-apiserver-authentication-reader: it cannot read what to check callers with, and does not start`,
	]} with input as {"objects": [_api, _service, _deployment({}), object.union(_delegator, {"subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "ops"}]})]}
}

test_the_field_of_old if {
	every spec in [{"serviceAccount": "server"}, {"serviceAccountName": "", "serviceAccount": "server"}, {"serviceAccountName": "server", "serviceAccount": "other"}] {
		delegated_auth.deny == set() with input as {"objects": [_api, _service, _deployment(spec), _reader, _delegator]}
	}
	count(delegated_auth.deny) == 2 with input as {"objects": [_api, _service, _deployment({}), _reader, _delegator]}
}
