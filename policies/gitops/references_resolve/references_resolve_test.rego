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
	_named("v1", "Service", "web", {}),
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
		"missing": {"kind": "Secret", "namespace": "shop", "name": "missing"},
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

_generated := _named("v1", "ConfigMap", "edge-env-g42579td8k", {"data": {"REGION": "eu"}})

_collector(env) := _named("opentelemetry.io/v1beta1", "OpenTelemetryCollector", "edge", {"spec": {"envFrom": [{"configMapRef": {"name": env}}]}})

test_says_what_a_generator_has_called_it if {
	in_shop := "in namespace shop, which is rendered as edge-env-<hash>"
	faults := references_resolve.deny with input as {"objects": [_generated, _collector("edge-env")], "external": []}
	[[fault.msg, fault.with] | some fault in faults] == [[
		sprintf(`OpenTelemetryCollector "edge" refers to ConfigMap "edge-env" %s: Kustomize knows no such field of this kind unless a nameReference of %s names it`, [in_shop, "`configurations`"]),
		{["objects", 0, "metadata", "name"]},
	]]
	pod := _pod({"containers": [{"name": "app", "envFrom": [{"configMapRef": {"name": "edge-env"}}]}]})
	of_pod := references_resolve.deny with input as {"objects": [_generated, pod], "external": []}
	[fault.msg | some fault in of_pod] == [sprintf(`Pod "web" refers to ConfigMap "edge-env" %s`, [in_shop])]
}

test_says_in_which_namespace_a_generator_has_put_it if {
	elsewhere := object.union(_generated, {"metadata": {"namespace": "ops"}})
	faults := references_resolve.deny with input as {"objects": [elsewhere, _collector("edge-env")], "external": []}
	[fault.msg | some fault in faults] == [`OpenTelemetryCollector "edge" refers to ConfigMap "edge-env" in namespace shop, which is rendered as edge-env-<hash> in namespace ops`]
}

test_what_is_no_hash_is_another_name if {
	every name in ["edge-env-production", "edge-env-g42579td8", "edge-env-g42579tdae", "edge-envg42579td8k"] {
		faults := references_resolve.deny with input as {"objects": [_named("v1", "ConfigMap", name, {}), _collector("edge-env")], "external": []}
		[endswith(fault.msg, "neither rendered nor declared external") | some fault in faults] == [true]
	}
}

_gateway(secret) := _named("networking.istio.io/v1", "Gateway", "web", {"spec": {"servers": [{"tls": {"credentialName": secret}}]}})

test_the_namespace_of_a_gateways_pods_is_unknown if {
	every secret in ["token", "declared", "elsewhere"] {
		elsewhere := object.union(_named("v1", "Secret", "elsewhere", {}), {"metadata": {"namespace": "ingress"}})
		references_resolve.deny == set() with input as {"objects": array.concat(_around, [elsewhere, _gateway(secret)]), "external": _external}
	}
	{fault.msg | some fault in _deny(_gateway("gone"))} == {`Gateway "web" refers to Secret "gone", which is neither rendered nor declared external`}
}

test_what_controllers_make_is_there if {
	every obj in [
		_named("cert-manager.io/v1", "Certificate", "web", {"spec": {"secretName": "made"}}),
		_named("external-secrets.io/v1", "ClusterExternalSecret", "made", {}),
	] {
		references_resolve.deny == set() with input as {"objects": [obj, _pod(_env({"secretKeyRef": {"name": "made", "key": "tls.crt"}})), _gateway("made")], "external": []}
	}

	# Its keys are not known, also where an empty one is rendered for it to fill.
	objects := [_named("onepassword.com/v1", "OnePasswordItem", "token", {}), _named("v1", "Secret", "token", {}), _pod(_env({"secretKeyRef": {"name": "token", "key": "any"}}))]
	references_resolve.deny == set() with input as {"objects": objects, "external": []}
}

_reading(obj, name, key) := faults if {
	faults := references_resolve.deny with input as {"objects": [obj, _pod(_env({"secretKeyRef": {"name": name, "key": key}}))], "external": [{"kind": "Secret", "namespace": "shop", "name": name}]}
}

test_keys_that_controllers_make if {
	database := _named("postgresql.cnpg.io/v1", "Cluster", "db", {"spec": {"bootstrap": {"initdb": {"owner": "app"}}}})
	_reading(database, "db-app", "uri") == set()
	{[fault.path, fault.msg] | some fault in _reading(database, "db-app", "url")} == {[
		["objects", 1, "spec", "containers", 0, "env", 0, "valueFrom", "secretKeyRef", "key"],
		`Pod "web" reads key "url" of Secret "db-app", which has only dbname, fqdn-jdbc-uri, fqdn-uri, host, jdbc-uri, password, pgpass, port, uri, user, username`,
	]}
	_reading(object.union(database, {"spec": {"bootstrap": {"initdb": {"secret": {"name": "db-app"}}}}}), "db-app", "url") == set()
	external := _named("external-secrets.io/v1", "ExternalSecret", "made", {"spec": {"data": [{"secretKey": "a"}, "text"], "target": {"creationPolicy": "Owner"}}})
	_reading(external, "made", "a") == set()
	count(_reading(external, "made", "b")) == 1
	every spec in [{"dataFrom": [{}]}, {"target": {"creationPolicy": "Merge"}}, {"target": {"template": {"data": {"b": ""}}}}, {"target": {"template": {"templateFrom": []}}}] {
		_reading(object.union(external, {"spec": spec}), "made", "b") == set()
	}
	sealed := _named("bitnami.com/v1alpha1", "SealedSecret", "made", {"spec": {"encryptedData": {"a": "x"}}})
	_reading(sealed, "made", "a") == set()
	count(_reading(sealed, "made", "b")) == 1
	certificate := _named("cert-manager.io/v1", "Certificate", "web", {"spec": {"secretName": "made"}})
	count(_reading(certificate, "made", "keystore.p12")) == 1
	_reading(object.union(certificate, {"spec": {"keystores": {"pkcs12": {"create": true}}}}), "made", "keystore.p12") == set()
}

test_the_key_of_an_item if {
	pod := _pod({"volumes": [{"name": "a", "configMap": {"name": "settings", "items": [{"key": "a"}, {"key": "c"}]}}]})
	{fault.path | some fault in _deny(pod)} == {["objects", count(_around), "spec", "volumes", 0, "configMap", "items", 1, "key"]}
}

test_keys_of_what_is_in_every_namespace if {
	_deny(_pod(_env({"configMapKeyRef": {"name": "kube-root-ca.crt", "key": "ca.crt"}}))) == set()
	{fault.msg | some fault in _deny(_pod(_env({"configMapKeyRef": {"name": "kube-root-ca.crt", "key": "tls.crt"}})))} == {`Pod "web" reads key "tls.crt" of ConfigMap "kube-root-ca.crt", which has only ca.crt`}
}

test_keys_that_others_put_in if {
	every filled in [
		{"kind": "Secret", "type": "kubernetes.io/service-account-token"},
		{"kind": "ConfigMap", "metadata": {"labels": {"config.openshift.io/inject-trusted-cabundle": "true"}}},
		{"kind": "ConfigMap", "metadata": {"annotations": {"service.beta.openshift.io/inject-cabundle": "true"}}},
		{"kind": "Secret", "metadata": {"annotations": {"replicator.v1.mittwald.de/replicate-from": "infra/db"}}},
		{"kind": "ConfigMap", "metadata": {"annotations": {"reflector.v1.k8s.emberstack.com/reflects": "infra/db"}}},
	] {
		obj := object.union(_named("v1", filled.kind, "filled", {}), filled)
		ref := {"Secret": "secretKeyRef", "ConfigMap": "configMapKeyRef"}[filled.kind]
		references_resolve.deny == set() with input as {"objects": [obj, _pod(_env({ref: {"name": "filled", "key": "token"}}))], "external": []}
	}
}

test_names_that_are_filled_in_later if {
	every name in ["${NAME}", "a-{{ .Values.name }}", "$(NAME)"] {
		_deny(_pod(_env({"secretKeyRef": {"name": name, "key": "t"}}))) == set()
	}
	hook := {"clientConfig": {"service": {"name": "hook", "namespace": "$(NAMESPACE)"}}}
	_deny(_named("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "web", {"webhooks": [hook]})) == set()
}

test_what_every_cluster_has if {
	_deny(_named("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "a", {"spec": {"priorityLevelConfiguration": {"name": "workload-low"}}})) == set()
	count(_deny(_named("flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "a", {"spec": {"priorityLevelConfiguration": {"name": "gone"}}}))) == 1
	_deny(_named("apiregistration.k8s.io/v1", "APIService", "a", {"spec": {"service": {"name": "kubernetes", "namespace": "default"}}})) == set()
	every account in ["builder", "deployer"] {
		_deny(_pod({"serviceAccountName": account})) == set()
	}
}

_of_claim(name) := faults if {
	set := _named("apps/v1", "StatefulSet", "ledger", {"spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}, {}, "text"]}})
	faults := references_resolve.deny with input as {"objects": [set, _pod({"volumes": [{"persistentVolumeClaim": {"claimName": name}}]})], "external": []}
}

test_claims_of_a_stateful_set if {
	_of_claim("data-ledger-0") == set()
	_of_claim("data-ledger-12") == set()
	every name in ["data-ledger-", "data-ledger-a", "data-other-0", "logs-ledger-0"] {
		count(_of_claim(name)) == 1
	}
}

# Whoever deploys an object without a namespace says where it is.
test_a_namespace_that_nobody_knows_may_be_any if {
	pod := {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"serviceAccountName": "runner"}}
	_deny(pod) == set()
	account := {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sender"}}
	every namespace in ["shop", "ops"] {
		sending := object.union(pod, {"metadata": {"namespace": namespace}, "spec": {"serviceAccountName": "sender"}})
		references_resolve.deny == set() with input as {"objects": [account, sending], "external": []}
	}
	missing := object.union(pod, {"spec": {"serviceAccountName": "other"}})
	{[fault.msg, fault.missing] | some fault in _deny(missing)} == {[
		`Pod "web" refers to ServiceAccount "other", which is neither rendered nor declared external`,
		{"kind": "ServiceAccount", "namespace": "", "name": "other"},
	]}
}

test_what_is_declared_in_a_namespace_is_there_alone if {
	reading := _pod({"volumes": [{"name": "a", "secret": {"secretName": "declared"}}]})
	_deny(reading) == set()
	count(_deny(object.union(reading, {"metadata": {"namespace": "ops"}}))) == 1
	nowhere := object.union(object.remove(reading, ["metadata"]), {"metadata": {"name": "web"}})
	_deny(nowhere) == set()
	count(references_resolve.deny) == 1 with input as {"objects": [reading], "external": [{"kind": "Secret", "namespace": "", "name": "declared"}]}
}

# One of the name is in another namespace: that is what is written wrong.
test_a_namespace_beside_the_name if {
	subject := {"kind": "ServiceAccount", "name": "runner", "namespace": "shpo"}
	binding := _named("rbac.authorization.k8s.io/v1", "RoleBinding", "b", {"roleRef": {"kind": "Role", "name": "reader"}, "subjects": [subject]})
	at := ["objects", count(_around), "subjects", 0]
	{fault.path | some fault in _deny(binding)} == {array.concat(at, ["namespace"])}
	other := object.union(binding, {"subjects": [object.union(subject, {"name": "nobody"})]})
	{fault.path | some fault in _deny(other)} == {array.concat(at, ["name"])}
	own := object.union(binding, {"subjects": [object.union(subject, {"name": "nobody", "namespace": "shop"})]})
	{fault.path | some fault in _deny(own)} == {array.concat(at, ["name"])}
}

_bound_to(namespace, name) := _named("rbac.authorization.k8s.io/v1", "RoleBinding", "a", {
	"roleRef": {"kind": "Role", "name": "reader"},
	"subjects": [{"kind": "ServiceAccount", "namespace": namespace, "name": name}],
})

test_accounts_of_the_platform[account] if {
	some account, count_of_findings in {
		["kube-system", "horizontal-pod-autoscaler"]: 0,
		["kube-system", "namespace-controller"]: 0,
		["kube-system", "selinux-warning-controller"]: 0,
		["kube-system", "horizontal-pod-autoscalers"]: 1,
		["shop", "namespace-controller"]: 1,
		["openshift-monitoring", "prometheus-k8s"]: 0,
		["openshift", "a"]: 0,
		["openshifted", "a"]: 1,
	}
	count(_deny(_bound_to(account[0], account[1]))) == count_of_findings
}

# Of a namespace that the overlay renders it knows what is in it.
test_own_namespace_of_that_name if {
	own := [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "openshift-own"}}, _named("v1", "ServiceAccount", "runner", {}), _named("rbac.authorization.k8s.io/v1", "Role", "reader", {}), _bound_to("openshift-own", "missing")]
	count(references_resolve.deny) == 1 with input as {"objects": own, "external": []}
}

_of(api_version, kind, spec) := _named(api_version, kind, "web", {"spec": spec})

_missing(obj) := {[fault.missing.kind, fault.missing.name] | some fault in faults} if {
	faults := references_resolve.deny with input as {"objects": array.concat(_around, [obj]), "external": []}
}

test_fields_of_custom_resources if {
	every case in [
		[_of("gateway.networking.k8s.io/v1", "HTTPRoute", {"rules": [{"backendRefs": [{"name": "gone"}, {"name": "gone", "kind": "Pool", "group": "example.com"}, {"name": "db-rw"}]}]}), {["Service", "gone"]}],
		[_of("gateway.networking.k8s.io/v1", "TCPRoute", {"parentRefs": [{"name": "gone"}, {"name": "mesh", "kind": "Service", "group": ""}]}), {["Service", "mesh"]}],
		[_of("gateway.networking.k8s.io/v1", "Gateway", {"listeners": [{"tls": {"certificateRefs": [{"name": "token"}, {"name": "gone"}]}}]}), {["Secret", "gone"]}],
		[_of("gateway.networking.k8s.io/v1", "BackendTLSPolicy", {"targetRefs": [{"group": "", "kind": "Service", "name": "gone"}], "validation": {"caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "gone"}]}}), {["Service", "gone"], ["ConfigMap", "gone"]}],
		[_of("cert-manager.io/v1", "Issuer", {"ca": {"secretName": "gone"}}), {["Secret", "gone"]}],
		[_of("cert-manager.io/v1", "Issuer", {"acme": {"privateKeySecretRef": {"name": "made"}, "solvers": [{"dns01": {"cloudflare": {"apiTokenSecretRef": {"name": "gone"}}}}]}}), {["Secret", "gone"]}],
		[_of("cert-manager.io/v1", "Certificate", {"issuerRef": {"name": "a", "kind": "Issuer", "group": "example.com"}, "keystores": {"jks": {"passwordSecretRef": {"name": "gone"}}}}), {["Secret", "gone"]}],
		[_of("external-secrets.io/v1", "SecretStore", {"provider": {"vault": {"auth": {"tokenSecretRef": {"name": "gone", "key": "a"}}}}}), {["Secret", "gone"]}],
		[_of("external-secrets.io/v1", "ExternalSecret", {"data": [{"sourceRef": {"storeRef": {"name": "gone"}}}], "dataFrom": [{"sourceRef": {"storeRef": {"name": "c", "kind": "ClusterSecretStore"}}}]}), {["SecretStore", "gone"]}],
		[_of("keda.sh/v1alpha1", "TriggerAuthentication", {"secretTargetRef": [{"name": "token"}, {"name": "gone"}]}), {["Secret", "gone"]}],
		[_of("argoproj.io/v1alpha1", "Rollout", {"workloadRef": {"kind": "Deployment", "name": "gone"}, "strategy": {"canary": {"stableService": "gone", "trafficRouting": {"istio": {"virtualService": {"name": "gone.ops"}}}, "analysis": {"templates": [{"templateName": "wide", "clusterScope": true}, {"templateName": "gone"}]}}}}), {["AnalysisTemplate", "gone"], ["Deployment", "gone"], ["Service", "gone"]}],
		[_of("helm.toolkit.fluxcd.io/v2", "HelmRelease", {"chart": {"spec": {"sourceRef": {"kind": "HelmRepository", "name": "gone"}}}, "valuesFrom": [{"kind": "ConfigMap", "name": "gone"}, {"kind": "Secret", "name": "maybe", "optional": true}], "dependsOn": [{"name": "web"}, {"name": "gone"}]}), {["ConfigMap", "gone"], ["HelmRelease", "gone"]}],
		[object.union(_of("source.toolkit.fluxcd.io/v1", "GitRepository", {"secretRef": {"name": "flux-system"}}), {"metadata": {"namespace": "flux-system"}}), set()],
		[_of("source.toolkit.fluxcd.io/v1", "GitRepository", {"secretRef": {"name": "flux-system"}}), {["Secret", "flux-system"]}],
		[_of("source.toolkit.fluxcd.io/v1", "GitRepository", {"secretRef": {"name": "gone"}}), {["Secret", "gone"]}],
		[_of("v1", "PersistentVolumeClaim", {"dataSource": {"kind": "PersistentVolumeClaim", "name": "gone"}}), {["PersistentVolumeClaim", "gone"]}],
		[_of("v1", "PersistentVolumeClaim", {"dataSource": {"kind": "VolumeSnapshot", "apiGroup": "snapshot.storage.k8s.io", "name": "gone"}}), set()],
		[_of("traefik.io/v1alpha1", "IngressRoute", {"routes": [{"services": [{"name": "gone"}, {"name": "api@internal", "kind": "TraefikService"}], "middlewares": [{"name": "gone"}]}]}), {["Service", "gone"]}],
		[_pod({"resourceClaims": [{"resourceClaimTemplateName": "gone"}], "volumes": [{"csi": {"volumeAttributes": {"secretProviderClass": "gone"}}}]}), {["ResourceClaimTemplate", "gone"], ["SecretProviderClass", "gone"]}],
	] {
		_missing(case[0]) == case[1]
	}
}

test_what_came_with_the_cluster if {
	every backend in [{"name": "hubble-ui", "namespace": "kube-system"}, {"name": "webhook-receiver", "namespace": "flux-system"}] {
		_deny(_of("gateway.networking.k8s.io/v1", "HTTPRoute", {"rules": [{"backendRefs": [backend]}]})) == set()
	}
	every name in ["webhook-receiver", "source-controller", "notification-controller"] {
		count(_deny(_of("gateway.networking.k8s.io/v1", "HTTPRoute", {"rules": [{"backendRefs": [{"name": name}]}]}))) == 1
	}
	api := {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "a"}, "spec": {"service": {"name": "metrics", "namespace": "kube-system"}}}
	service := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "metrics-server", "namespace": "kube-system"}}
	count(references_resolve.deny) == 1 with input as {"objects": [api, service], "external": []}
}

# What others mostly have is asked for where the target has one, or something is declared.
test_what_is_told if {
	route := _of("gateway.networking.k8s.io/v1", "HTTPRoute", {"parentRefs": [{"name": "gate", "namespace": "edge"}]})
	gateway := _of("gateway.networking.k8s.io/v1", "Gateway", {})
	_missing(route) == set()
	count(_deny(route)) == 1
	references_resolve.deny == set() with input as {"objects": [route, gateway], "external": []}
	beside := object.union(gateway, {"metadata": {"name": "other", "namespace": "edge"}})
	faults := references_resolve.deny with input as {"objects": [route, beside], "external": []}
	{fault.missing | some fault in faults} == {{"kind": "Gateway", "namespace": "edge", "name": "gate"}}
	own := _of("gateway.networking.k8s.io/v1", "HTTPRoute", {"parentRefs": [{"name": "gate"}]})
	references_resolve.deny == set() with input as {"objects": [own], "external": []}
	{fault.missing.namespace | some fault in references_resolve.deny} == {"shop"} with input as {"objects": [own, beside], "external": []}
	backend := _of("gateway.networking.k8s.io/v1", "HTTPRoute", {"rules": [{"backendRefs": [{"name": "gone"}]}]})
	every others in [[], [object.union(_named("v1", "Service", "web", {}), {"metadata": {"namespace": "ops"}})]] {
		references_resolve.deny == set() with input as {"objects": array.concat(others, [backend]), "external": []}
	}
	placed := object.union(gateway, {"metadata": {"name": "gate", "namespace": "edge"}})
	references_resolve.deny == set() with input as {"objects": [route, placed], "external": []}
}

test_an_object_of_the_cluster_names_what_is_anywhere if {
	every name in ["token", "gone"] {
		issuer := _named("cert-manager.io/v1", "ClusterIssuer", "web", {"metadata": {"namespace": "ops"}, "spec": {"ca": {"secretName": name}}})
		_missing(issuer) == set()
		{fault.missing | some fault in _deny(issuer)} == {{"kind": "Secret", "namespace": "*", "name": "gone"} | name == "gone"}
	}
}

test_annotations if {
	every text in ["true", "false", "", "otel", "shop/otel"] {
		_missing(_annotated("sidecar.opentelemetry.io/inject", text)) == set()
	}
	every text in ["gone", "shop/gone"] {
		_missing(_annotated("sidecar.opentelemetry.io/inject", text)) == {["OpenTelemetryCollector", "gone"]}
		_missing(_annotated("instrumentation.opentelemetry.io/inject-java", text)) == {["Instrumentation", "gone"]}
	}
	issued := _named("networking.k8s.io/v1", "Ingress", "web", {"metadata": {"annotations": {"cert-manager.io/issuer": "gone"}}, "spec": {"tls": [{"secretName": "made"}]}})
	_missing(issued) == {["Issuer", "gone"]}
	_missing(object.union(issued, {"metadata": {"annotations": {"cert-manager.io/issuer-kind": "Other"}}})) == set()
	listening := {"spec": {"listeners": [{"tls": {"certificateRefs": [{"name": "made"}]}}]}}
	_missing(object.union(_named("gateway.networking.k8s.io/v1", "Gateway", "web", listening), {"metadata": {"annotations": {"cert-manager.io/cluster-issuer": "a"}}})) == set()
}

_annotated(key, text) := object.union(_pod({}), {"metadata": {"annotations": {key: text}}})
