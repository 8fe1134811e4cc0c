package policies.lib.reference_test

import data.policies.lib.reference

_spec := {
	"serviceAccountName": "runner",
	"priorityClassName": "high",
	"imagePullSecrets": [{"name": "pull"}],
	"containers": [{
		"name": "app", "env": [
			{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "a"}}},
			{"name": "B", "valueFrom": {"secretKeyRef": {"name": "token", "key": "b", "optional": true}}},
			{"name": "C", "value": "c"},
		],
		"envFrom": [{"secretRef": {"name": "env"}}, {"configMapRef": {"name": "maybe", "optional": true}}],
	}],
	"initContainers": [{"name": "init", "env": [{"name": "D", "valueFrom": {"secretKeyRef": {"name": "token", "key": "d"}}}]}],
	"volumes": [
		{"name": "a", "configMap": {"name": "files", "items": [{"key": "f", "path": "f"}]}},
		{"name": "b", "secret": {"secretName": "cert"}},
		{"name": "c", "persistentVolumeClaim": {"claimName": "data"}},
		{"name": "d", "projected": {"sources": [{"configMap": {"name": "part"}}, {"secret": {"name": "part"}}, {"secret": {"name": "maybe", "optional": true}}]}},
		{"name": "e", "emptyDir": {}},
	],
}

_want := {
	"ServiceAccount shop/runner []", "PriorityClass /high []", "Secret shop/pull []",
	`ConfigMap shop/settings ["a"]`, "Secret shop/env []", `Secret shop/token ["d"]`,
	`ConfigMap shop/files ["f"]`, "Secret shop/cert []", "PersistentVolumeClaim shop/data []",
	"ConfigMap shop/part []", "Secret shop/part []",
}

_workloads := {
	"CronJob": {"apiVersion": "batch/v1", "spec": {"jobTemplate": {"spec": {"template": {"spec": _spec}}}}},
	"DaemonSet": {"apiVersion": "apps/v1", "spec": {"template": {"spec": _spec}}},
	"Deployment": {"apiVersion": "apps/v1", "spec": {"template": {"spec": _spec}}},
	"Job": {"apiVersion": "batch/v1", "spec": {"template": {"spec": _spec}}},
	"Pod": {"apiVersion": "v1", "spec": _spec},
	"ReplicaSet": {"apiVersion": "apps/v1", "spec": {"template": {"spec": _spec}}},
	"ReplicationController": {"apiVersion": "v1", "spec": {"template": {"spec": _spec}}},
	"StatefulSet": {"apiVersion": "apps/v1", "spec": {"template": {"spec": _spec}}},
}

# Asked of an overlay, so that the kinds that refer to something are all searched for it.
_texts(obj) := texts if {
	texts := {sprintf("%v %v/%v %s", [ref.kind, ref.namespace, ref.name, json.marshal(ref.keys)]) |
		some ref in reference.input_references[1]
	} with input as {"objects": [{}, obj]}
}

test_references_of_every_workload_kind[kind] if {
	some kind, workload in _workloads
	_texts(object.union(workload, {"kind": kind, "metadata": {"name": "web", "namespace": "shop"}})) == _want
}

test_paths_lead_to_the_name if {
	pod := object.union(_workloads.Pod, {"kind": "Pod"})
	every ref in reference.of(pod) {
		object.get(pod, ref.path, null) == ref.name
	}
}

_embedding := {
	"JobSet": {"apiVersion": "jobset.x-k8s.io/v1alpha2", "spec": {"replicatedJobs": [{"template": {"spec": {"template": {"spec": _spec}}}}]}},
	"LeaderWorkerSet": {"apiVersion": "leaderworkerset.x-k8s.io/v1", "spec": {"leaderWorkerTemplate": {"leaderTemplate": {"spec": _spec}, "workerTemplate": {"spec": {}}}}},
	"RayCluster": {"apiVersion": "ray.io/v1", "spec": {"headGroupSpec": {"template": {"spec": {}}}, "workerGroupSpecs": [{"template": {"spec": _spec}}]}},
	"SparkApplication": {"apiVersion": "sparkoperator.k8s.io/v1beta2", "spec": {"driver": {"template": {"spec": _spec}}, "executor": {}}},
}

test_references_of_kinds_that_embed_pods[kind] if {
	some kind, embedding in _embedding
	_texts(object.union(embedding, {"kind": kind, "metadata": {"name": "web", "namespace": "shop"}})) == _want
}

_named(api_version, kind, rest) := object.union({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a", "namespace": "shop"}}, rest)

test_references_of_other_kinds[name] if {
	some name, case in {
		"RoleBinding": {
			"obj": _named("rbac.authorization.k8s.io/v1", "RoleBinding", {
				"roleRef": {"kind": "Role", "name": "reader"},
				"subjects": [{"kind": "ServiceAccount", "name": "web"}, {"kind": "ServiceAccount", "name": "other", "namespace": "elsewhere"}, {"kind": "User", "name": "ann"}],
			}),
			"want": {"Role shop/reader []", "ServiceAccount shop/web []", "ServiceAccount elsewhere/other []"},
		},
		"ClusterRoleBinding": {
			"obj": _named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", {
				"roleRef": {"kind": "ClusterRole", "name": "reader"},
				"subjects": [{"kind": "Group", "name": "all"}, {"name": "web"}],
			}),
			"want": {"ClusterRole /reader []", "ServiceAccount shop/web []"},
		},
		"Role": {"obj": _named("rbac.authorization.k8s.io/v1", "Role", {}), "want": set()},
		"Ingress": {
			"obj": _named("networking.k8s.io/v1", "Ingress", {"spec": {"tls": [{"secretName": "cert"}, {"hosts": ["a"]}]}}),
			"want": {"Secret shop/cert []"},
		},
		"Cluster": {
			"obj": _named("postgresql.cnpg.io/v1", "Cluster", {"spec": {"superuserSecret": {"name": "root"}, "bootstrap": {"initdb": {"secret": {"name": "owner"}}}}}),
			"want": {"Secret shop/root []", "Secret shop/owner []"},
		},
		"OpenTelemetryCollector": {
			"obj": _named("opentelemetry.io/v1beta1", "OpenTelemetryCollector", {"spec": {"serviceAccount": "otel"}}),
			"want": {"ServiceAccount shop/otel []"},
		},
		"ValidatingAdmissionPolicyBinding": {
			"obj": _named("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding", {"spec": {"policyName": "bounds"}}),
			"want": {"ValidatingAdmissionPolicy /bounds []"},
		},
		"Ingress with backends": {
			"obj": _named("networking.k8s.io/v1", "Ingress", {"spec": {"defaultBackend": {"service": {"name": "rest"}}, "rules": [{"http": {"paths": [{"backend": {"service": {"name": "web"}}}, {"backend": {"resource": {"kind": "Bucket", "name": "b"}}}, {"backend": {"service": {"name": "redirect", "port": {"name": "use-annotation"}}}}]}}, {"host": "a"}]}}),
			"want": {"Service shop/rest []", "Service shop/web []"},
		},
		"ServiceAccount": {
			"obj": _named("v1", "ServiceAccount", {"imagePullSecrets": [{"name": "pull"}], "secrets": [{"name": "token"}]}),
			"want": {"Secret shop/pull []"},
		},
		"ValidatingWebhookConfiguration": {
			"obj": _named("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", {"webhooks": [{"clientConfig": {"service": {"name": "hook", "namespace": "ops"}}}, {"clientConfig": {"url": "https://a"}}]}),
			"want": {"Service ops/hook []"},
		},
		"Gateway": {
			"obj": _named("networking.istio.io/v1", "Gateway", {"spec": {"servers": [{"tls": {"credentialName": "cert"}}, {"tls": {"credentialName": ""}}, {"tls": {"credentialNames": ["rsa", "ecdsa"]}}, {}]}}),
			"want": {"Secret */cert []", "Secret */rsa []", "Secret */ecdsa []"},
		},
		"ServiceMonitor": {
			"obj": _named("monitoring.coreos.com/v1", "ServiceMonitor", {"spec": {"endpoints": [
				{"authorization": {"credentials": {"name": "token", "key": "t"}}, "proxyConnectHeader": {"X-A": [{"name": "header", "key": "h"}]}},
				{"tlsConfig": {"ca": {"configMap": {"name": "ca", "key": "c"}}, "keySecret": {"name": "maybe", "key": "k", "optional": true}}},
				{"basicAuth": {"password": {"key": "p"}, "username": "text"}},
			]}}),
			"want": {`Secret shop/token ["t"]`, `Secret shop/header ["h"]`, `ConfigMap shop/ca ["c"]`},
		},
		"Prometheus": {
			"obj": _named("monitoring.coreos.com/v1", "Prometheus", {"spec": {"secrets": ["a"], "serviceAccountName": "prometheus", "volumes": [{"name": "v", "secret": {"secretName": "b", "items": [{"key": "k"}]}}], "alerting": {"alertmanagers": [{"name": "alerts", "namespace": "ops"}]}}}),
			"want": {"Secret shop/a []", `Secret shop/b ["k"]`, "ServiceAccount shop/prometheus []", "Service ops/alerts []"},
		},
		"a Collector's container": {
			"obj": _named("opentelemetry.io/v1beta1", "OpenTelemetryCollector", {"spec": {
				"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "token", "key": "t"}}}],
				"envFrom": [{"configMapRef": {"name": "env"}}, {"secretRef": {"name": "maybe", "optional": true}}],
				"imagePullSecrets": [{"name": "pull"}],
				"config": {"exporters": {"debug": {}}},
			}}),
			"want": {`Secret shop/token ["t"]`, "ConfigMap shop/env []", "Secret shop/pull []"},
		},
		"Instrumentation": {
			"obj": _named("opentelemetry.io/v1alpha1", "Instrumentation", {"spec": {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "token", "key": "t"}}}]}}),
			"want": {`Secret */token ["t"]`},
		},
		"what Flux fills in from": {
			"obj": _named("kustomize.toolkit.fluxcd.io/v1", "Kustomization", {"spec": {"postBuild": {"substituteFrom": [
				{"kind": "ConfigMap", "name": "settings"},
				{"kind": "Secret", "name": "secrets"},
				{"kind": "Secret", "name": "more", "optional": true},
				{"name": "none"},
			]}}}),
			"want": {"ConfigMap shop/settings []", "Secret shop/secrets []"},
		},
		"a selecting kind of text": {"obj": _named("monitoring.coreos.com/v1", "ServiceMonitor", {"spec": "text"}), "want": set()},
		"another": {"obj": _named("v1", "ConfigMap", {}), "want": set()},
		"a string": {"obj": "text", "want": set()},
	}
	_texts(case.obj) == case.want
}

test_wrong_shapes_are_references_to_nothing[name] if {
	some name, case in {
		"name of a number": {"spec": {"serviceAccountName": 1}, "want": {"ServiceAccount /1 []"}},
		"secret of text": {"spec": {"imagePullSecrets": ["pull"]}, "want": {"Secret /null []"}},
		"secrets of text": {"spec": {"imagePullSecrets": "pull"}, "want": {"Secret /null []"}},
		"reference of text": {"spec": {"containers": [{"env": [{"name": "A", "valueFrom": {"secretKeyRef": "token"}}]}]}, "want": {"Secret /null [null]"}},
		"source of text": {"spec": {"containers": [{"envFrom": [{"secretRef": "token"}]}]}, "want": {"Secret /null []"}},
		"volume of text": {"spec": {"volumes": [{"configMap": "files"}]}, "want": {"ConfigMap /null []"}},
		"projection of text": {"spec": {"volumes": [{"projected": {"sources": [{"configMap": "files"}]}}]}, "want": {"ConfigMap /null []"}},
		"spec of text": {"spec": "text", "want": set()},
	}
	_texts({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": case.spec}) == case.want
}

test_an_object_that_refers_to_nothing_has_no_references if {
	reference.of(_named("v1", "ConfigMap", {})) == []
}

# A kind is described in data.relations, and nowhere else.
test_of_a_kind_that_is_described if {
	fields := [
		{"path": ["spec", "auth"], "kind": "Secret", "needed": true},
		{"path": ["spec", "class"], "kind": "QueueClass", "cluster": true, "needed": true},
		{"path": ["spec", "peer"], "kind": "Queue"},
	]
	described := {"example.com": {"Queue": fields}, "apps": {"Deployment": fields}}
	every version, kind in {"example.com/v1": "Queue", "apps/v1": "Deployment"} {
		spec := {"auth": "token", "class": "fast", "peer": "other"}
		obj := {"apiVersion": version, "kind": kind, "metadata": {"name": "q", "namespace": "shop"}, "spec": spec}
		found := reference.of(obj) with data.relations.references as described
		{[ref.kind, ref.namespace, ref.name, ref.path] | some ref in found} == {
			["Secret", "shop", "token", ["spec", "auth"]],
			["QueueClass", "", "fast", ["spec", "class"]],
		}
	}
}
