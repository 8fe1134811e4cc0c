# METADATA
# scope: package
# title: A server of an APIService may ask who calls it
# description: |
#   The API server passes a call on with a certificate and the name of the caller. Whoever serves the
#   APIService reads from a ConfigMap of kube-system what to check the certificate with, without which
#   it does not start, and asks the API server whether the caller may: its ServiceAccount needs the
#   Role extension-apiserver-authentication-reader there and the ClusterRole system:auth-delegator.
# related_resources:
#   - ref: https://kubernetes.io/docs/tasks/extend-kubernetes/setup-extension-api-server/
#   - ref: https://github.com/kubernetes/apiserver/blob/v0.37.2/pkg/server/options/authentication.go
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: apiregistration.k8s.io
#   fix: Bind the role to the ServiceAccount that the pods of the Service run as.
package policies.rbac.delegated_auth

import data.policies.lib.object as obj_lib
import data.policies.lib.selector
import data.policies.lib.workload

deny contains {"msg": msg, "path": ["objects", i, "spec", "service", "name"], "missing": missing} if {
	some i, api in obj_lib.of_kind["apiregistration.k8s.io"].APIService
	some account in _accounts(api.spec.service)
	some need in _needs
	not _is_left_out(account, need)
	not _is_granted(account, need)
	missing := {"kind": "binding", "namespace": "", "name": sprintf("%s to %s/%s", [need.role, account.namespace, account.name])}
	msg := sprintf("%s is served as ServiceAccount %q%s, which no %s gives the %s %s: %s", [
		obj_lib.title(api),
		account.name,
		obj_lib.within("of", account.namespace),
		need.binding,
		need.kind,
		need.role,
		need.without,
	])
}

_needs := [
	{
		"role": "system:auth-delegator",
		"kind": "ClusterRole",
		"binding": "ClusterRoleBinding",
		"namespaces": set(),
		"api_group": "authentication.k8s.io",
		"resource": "tokenreviews",
		"flag": "--authorization-kubeconfig", # the account is of that file then
		"without": "it cannot ask who calls, and refuses every call",
	},
	{
		"role": "extension-apiserver-authentication-reader",
		"kind": "Role",
		"binding": "RoleBinding of namespace kube-system",
		"namespaces": {"", "kube-system"},
		"api_group": "",
		"resource": "configmaps",
		"flag": "--authentication-skip-lookup",
		"without": "it cannot read what to check callers with, and does not start",
	},
]

# The ServiceAccounts of the pods behind a Service of the target, with the workload that they are of.
_accounts(service) := {account |
	some found in obj_lib.of_kind[""].Service
	obj_lib.name(found) == service.name
	obj_lib.namespace(found) == service.namespace
	some obj in workload.input_workloads
	obj_lib.namespace(obj) == service.namespace
	selector.matches_map(found.spec.selector, workload.labels(obj))
	account := {"namespace": service.namespace, "name": _account(workload.spec(obj)), "arguments": _arguments(obj)}
	is_string(account.name)
}

# The field of old says it where the other does not.
_account(spec) := array.concat(
	[name |
		some field in ["serviceAccountName", "serviceAccount"]
		name := obj_lib.at(spec, [field], "")
		name != ""
	],
	["default"],
)[0]

_arguments(obj) := {argument |
	some container in workload.containers(obj)
	some field in ["args", "command"]
	some argument in container.value[field]
	is_string(argument)
}

_is_left_out(account, need) if {
	some argument in account.arguments
	startswith(argument, need.flag)
	not endswith(argument, "=false")
}

_is_granted(account, need) if {
	some binding in obj_lib.of_kind["rbac.authorization.k8s.io"].ClusterRoleBinding
	_is_for(binding, account)
	_may_grant(binding.roleRef, "", need)
}

_is_granted(account, need) if {
	some binding in obj_lib.of_kind["rbac.authorization.k8s.io"].RoleBinding
	obj_lib.namespace(binding) in need.namespaces
	_is_for(binding, account)
	_may_grant(binding.roleRef, obj_lib.namespace(binding), need)
}

_is_for(binding, account) if {
	some subject in binding.subjects
	_is_of(subject, account, obj_lib.namespace(binding))
}

_is_of(subject, account, namespace) if {
	subject.kind == "ServiceAccount"
	subject.name == account.name
	obj_lib.at(subject, ["namespace"], namespace) == account.namespace
}

_is_of(subject, account, _) if {
	subject.kind == "Group"
	subject.name in {"system:authenticated", "system:serviceaccounts", concat(":", ["system:serviceaccounts", account.namespace])}
}

_may_grant(role, _, need) if role.name in {"cluster-admin", need.role}

# A role that is not rendered may say anything, but for those that every cluster has.
_may_grant(role, namespace, need) if {
	not role.name in {"admin", "edit", "view"}
	not startswith(role.name, "system:")
	count(_rendered(role, namespace)) == 0
	role.name != need.role
}

_may_grant(role, namespace, need) if {
	some obj in _rendered(role, namespace)
	some rule in obj.rules
	some api_group in rule.apiGroups
	api_group in {"*", need.api_group}
	some resource in rule.resources
	resource in {"*", need.resource}
}

# An aggregated one is put together by the cluster.
_may_grant(role, namespace, _) if {
	some obj in _rendered(role, namespace)
	obj.aggregationRule
}

_rendered(role, namespace) := [obj |
	some obj in obj_lib.of_kind["rbac.authorization.k8s.io"][role.kind]
	obj_lib.name(obj) == role.name
	_is_in(obj, role.kind, namespace)
]

_is_in(_, "ClusterRole", _)

_is_in(obj, "Role", namespace) if obj_lib.namespace(obj) == namespace
