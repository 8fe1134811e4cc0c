package policies.gitops.references_resolve_test

import data.policies.gitops.references_resolve

_named(api_version, kind, name, rest) := object.union({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}}, rest)

_around := [
	_named("v1", "ConfigMap", "settings", {"data": {"a": "1"}, "binaryData": {"b": ""}}),
	_named("v1", "Secret", "token", {"stringData": {"t": "1"}}),
	_named("v1", "ServiceAccount", "runner", {}),
	_named("v1", "PersistentVolumeClaim", "data", {}),
	_named("rbac.authorization.k8s.io/v1", "Role", "reader", {}),
	_named("rbac.authorization.k8s.io/v1", "ClusterRole", "watcher", {}),
	_named("scheduling.k8s.io/v1", "PriorityClass", "high", {}),
	_named("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "bounds", {}),
	_named("opentelemetry.io/v1beta1", "OpenTelemetryCollector", "otel", {}),
	_named("postgresql.cnpg.io/v1", "Cluster", "db", {}),
	_named("v1", "ConfigMap", "empty", {}),
]

_external := [{"kind": "Secret", "namespace": "shop", "name": "declared"}, {"kind": "PriorityClass", "name": "declared"}]

_deny(obj) := faults if {
	faults := references_resolve.deny with input as {"objects": array.concat(_around, [obj]), "external": _external}
}

_pod(spec) := _named("v1", "Pod", "web", {"spec": object.union({"containers": [{"name": "app"}]}, spec)})

_kinds := {"CronJob": "batch/v1", "DaemonSet": "apps/v1", "Deployment": "apps/v1", "Job": "batch/v1", "ReplicaSet": "apps/v1", "ReplicationController": "v1", "StatefulSet": "apps/v1"}

_workload("CronJob", spec) := _named("batch/v1", "CronJob", "web", {"spec": {"jobTemplate": {"spec": {"template": {"spec": spec}}}}})

_workload(kind, spec) := _named(_kinds[kind], kind, "web", {"spec": {"template": {"spec": spec}}}) if kind != "CronJob"

test_every_workload_kind[kind] if {
	some kind, _ in _kinds
	_deny(_workload(kind, {"serviceAccountName": "runner"})) == set()
	count(_deny(_workload(kind, {"serviceAccountName": "missing"}))) == 1
}

_env(ref) := {"containers": [{"name": "app", "env": [{"name": "A", "valueFrom": ref}]}]}

test_resolves[name] if {
	some name, spec in {
		"ConfigMap": _env({"configMapKeyRef": {"name": "settings", "key": "a"}}),
		"binary key": _env({"configMapKeyRef": {"name": "settings", "key": "b"}}),
		"Secret": _env({"secretKeyRef": {"name": "token", "key": "t"}}),
		"declared Secret": _env({"secretKeyRef": {"name": "declared", "key": "unknown"}}),
		"optional": _env({"secretKeyRef": {"name": "missing", "key": "t", "optional": true}}),
		"claim": {"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]},
		"items": {"volumes": [{"configMap": {"name": "settings", "items": [{"key": "a"}]}}]},
		"default account": {"serviceAccountName": "default"},
		"account of the operator": {"serviceAccountName": "otel-collector"},
		"account of the database": {"serviceAccountName": "db"},
		"root certificate": {"volumes": [{"projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}]}}]},
		"priority": {"priorityClassName": "high"},
		"declared priority": {"priorityClassName": "declared"},
		"priority of the system": {"priorityClassName": "system-node-critical"},
	}
	_deny(_pod(spec)) == set()
}

test_does_not_resolve[name] if {
	some name, spec in {
		"ConfigMap": _env({"configMapKeyRef": {"name": "missing", "key": "a"}}),
		"key": _env({"configMapKeyRef": {"name": "settings", "key": "missing"}}),
		"no key": _env({"configMapKeyRef": {"name": "settings"}}),
		"key of an empty ConfigMap": _env({"configMapKeyRef": {"name": "empty", "key": "a"}}),
		"no name": _env({"secretKeyRef": {"key": "t"}}),
		"text": _env({"secretKeyRef": "token"}),
		"claim": {"volumes": [{"persistentVolumeClaim": {"claimName": "missing"}}]},
		"item": {"volumes": [{"secret": {"secretName": "token", "items": [{"key": "missing"}]}}]},
		"projection": {"volumes": [{"projected": {"sources": [{"secret": {"name": "missing"}}]}}]},
		"pull secret": {"imagePullSecrets": [{"name": "missing"}]},
		"priority": {"priorityClassName": "missing"},
		"account of a wrong type": {"serviceAccountName": 1},
		"Secret of another namespace": _env({"secretKeyRef": {"name": "kube-root-ca.crt", "key": "t"}}),
	}
	count(_deny(_pod(spec))) == 1
}

test_bindings if {
	every role in [["Role", "reader"], ["ClusterRole", "watcher"], ["ClusterRole", "view"], ["ClusterRole", "system:auth-delegator"]] {
		_deny(_named("rbac.authorization.k8s.io/v1", "RoleBinding", "a", {"roleRef": {"kind": role[0], "name": role[1]}, "subjects": [{"kind": "ServiceAccount", "name": "runner"}]})) == set()
	}
	every role in [["Role", "missing"], ["ClusterRole", "reader"], ["Role", "watcher"], ["Role", null], [1, "reader"]] {
		count(_deny(_named("rbac.authorization.k8s.io/v1", "RoleBinding", "a", {"roleRef": {"kind": role[0], "name": role[1]}}))) == 1
	}
	delegated := object.union(
		_named("rbac.authorization.k8s.io/v1", "RoleBinding", "a", {"roleRef": {"kind": "Role", "name": "extension-apiserver-authentication-reader"}}),
		{"metadata": {"namespace": "kube-system"}},
	)
	_deny(delegated) == set()
}

test_message if {
	_deny(_pod(_env({"secretKeyRef": {"name": "missing", "key": "t"}}))) == {{
		"with": set(),
		"path": ["objects", count(_around), "spec", "containers", 0, "env", 0, "valueFrom", "secretKeyRef", "name"],
		"msg": `Pod "web" refers to Secret "missing" in namespace shop, which is neither rendered nor declared external`,
	}}
	{fault.msg | some fault in _deny(_pod(_env({"configMapKeyRef": {"name": "settings", "key": "c"}})))} == {`Pod "web" reads key "c" of ConfigMap "settings", which has only a, b`}
	{fault.msg | some fault in _deny(_pod(_env({"configMapKeyRef": {"name": "empty", "key": "c"}})))} == {`Pod "web" reads key "c" of ConfigMap "empty", which has no keys`}
	{fault.msg | some fault in _deny(_pod({"priorityClassName": "missing"}))} == {`Pod "web" refers to PriorityClass "missing", which is neither rendered nor declared external`}
}

_bound(policy) := _named("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", "bound", {"spec": {"policyName": policy}})

test_admission_policies_resolve if {
	_deny(_bound("bounds")) == set()
	{fault.msg | some fault in _deny(_bound("missing"))} == {`ValidatingAdmissionPolicyBinding "bound" refers to ValidatingAdmissionPolicy "missing", which is neither rendered nor declared external`}
}

test_names_what_may_have_been_meant if {
	every name in ["setting", "settings-2"] {
		[fault.with | some fault in _deny(_pod(_env({"configMapKeyRef": {"name": name, "key": "a"}})))] == [{["objects", 0, "metadata", "name"]}]
	}
	every name in ["", "tok"] { # that of a Secret
		[fault.with | some fault in _deny(_pod(_env({"configMapKeyRef": {"name": name, "key": "a"}})))] == [set()]
	}
}
