package policies.lib.written_test

import data.policies.lib.written

_named(api_version, kind, rest) := object.union({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a", "namespace": "shop"}}, rest)

_texts(obj) := texts if {
	texts := {sprintf("%v %v/%v", [made.kind, made.namespace, made.name]) | some made in written.input_objects} with input as {"objects": [obj]}
}

_ingress(annotations) := {
	"apiVersion": "networking.k8s.io/v1",
	"kind": "Ingress",
	"metadata": {"name": "a", "namespace": "shop", "annotations": annotations},
	"spec": {"tls": [{"secretName": "cert"}, {"hosts": ["a"]}]},
}

_gateway(kind, annotations, ref) := {
	"apiVersion": "gateway.networking.k8s.io/v1",
	"kind": kind,
	"metadata": {"name": "a", "namespace": "shop", "annotations": annotations},
	"spec": {"listeners": [{"name": "http"}, {"name": "https", "tls": {"certificateRefs": [object.union({"name": "cert"}, ref)]}}]},
}

test_what_is_made[name] if {
	some name, case in {
		"Certificate": {"obj": _named("cert-manager.io/v1", "Certificate", {"spec": {"secretName": "cert"}}), "want": {"Secret shop/cert"}},
		"Certificate of nothing": {"obj": _named("cert-manager.io/v1", "Certificate", {"spec": {"secretName": ""}}), "want": set()},
		"ExternalSecret": {"obj": _named("external-secrets.io/v1", "ExternalSecret", {"spec": {"target": {"name": "named"}}}), "want": {"Secret shop/named"}},
		"ExternalSecret without a name": {"obj": _named("external-secrets.io/v1", "ExternalSecret", {}), "want": {"Secret shop/a"}},
		"ClusterExternalSecret": {"obj": _named("external-secrets.io/v1", "ClusterExternalSecret", {}), "want": {"Secret */a"}},
		"SealedSecret": {"obj": _named("bitnami.com/v1alpha1", "SealedSecret", {}), "want": {"Secret shop/a"}},
		"several": {"obj": _named("isindir.github.com/v1alpha3", "SopsSecret", {"spec": {"secretTemplates": [{"name": "b"}, {"name": "c"}]}}), "want": {"Secret shop/b", "Secret shop/c"}},
		"Pooler": {"obj": _named("postgresql.cnpg.io/v1", "Pooler", {}), "want": {"Service shop/a"}},
		"connection": {"obj": _named("example.com/v1", "Database", {"spec": {"writeConnectionSecretToRef": {"name": "conn"}}}), "want": {"Secret shop/conn"}},
		"connection elsewhere": {"obj": _named("example.com/v1", "Database", {"spec": {"writeConnectionSecretToRef": {"name": "conn", "namespace": "b"}}}), "want": {"Secret b/conn"}},
		"another kind in place of a Secret": {"obj": _named("external-secrets.io/v1", "ExternalSecret", {"spec": {"target": {"name": "conf", "manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}}}), "want": {"ConfigMap shop/conf", "Secret shop/conf"}},
		"another kind of the same name": {"obj": _named("external-secrets.io/v1", "ExternalSecret", {"spec": {"target": {"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}}}), "want": {"ConfigMap shop/a", "Secret shop/a"}},
		"users of a database": {"obj": _named("acid.zalan.do/v1", "postgresql", {"spec": {"users": {"my_app": ["createdb"]}}}), "want": {
			"Secret shop/my-app.a.credentials.postgresql.acid.zalan.do",
			"Secret shop/postgres.a.credentials.postgresql.acid.zalan.do",
			"Secret shop/standby.a.credentials.postgresql.acid.zalan.do",
			"Service shop/a",
			"Service shop/a-pooler",
			"Service shop/a-repl",
		}},
		"Ingress": {"obj": _ingress({}), "want": set()},
		"Ingress with an issuer": {"obj": _ingress({"cert-manager.io/cluster-issuer": "public"}), "want": {"Secret shop/cert"}},
		"Ingress with tls-acme": {"obj": _ingress({"kubernetes.io/tls-acme": "true"}), "want": {"Secret shop/cert"}},
		"Ingress without tls-acme": {"obj": _ingress({"kubernetes.io/tls-acme": "false"}), "want": set()},
		"Gateway": {"obj": _gateway("Gateway", {}, {}), "want": set()},
		"Gateway with an issuer": {"obj": _gateway("Gateway", {"cert-manager.io/issuer": "own"}, {}), "want": {"Secret shop/cert"}},
		"ListenerSet with an issuer": {"obj": _gateway("ListenerSet", {"cert-manager.io/cluster-issuer": "public"}, {"kind": "Secret", "namespace": "shop"}), "want": {"Secret shop/cert"}},
		"certificate of another namespace": {"obj": _gateway("Gateway", {"cert-manager.io/cluster-issuer": "public"}, {"namespace": "b"}), "want": set()},
		"certificate of another kind": {"obj": _gateway("Gateway", {"cert-manager.io/cluster-issuer": "public"}, {"kind": "ConfigMap"}), "want": set()},
		"Service of OpenShift": {
			"obj": _named("v1", "Service", {"metadata": {"annotations": {"service.beta.openshift.io/serving-cert-secret-name": "tls"}}}),
			"want": {"Secret shop/tls"},
		},
		"another": {"obj": _named("example.com/v1", "Certificate", {"spec": {"secretName": "cert"}}), "want": set()},
	}
	_texts(case.obj) == case.want
}

test_what_a_database_has if {
	made := _texts(_named("postgresql.cnpg.io/v1", "Cluster", {"spec": {"managed": {"services": {"additional": [{"serviceTemplate": {"metadata": {"name": "more"}}}]}}}}))
	every text in ["Secret shop/a-app", "Secret shop/a-superuser", "Secret shop/a-ca", "Service shop/a-rw", "Service shop/more", "ServiceAccount shop/a"] {
		text in made
	}
}

test_what_more_operators_make if {
	every api_version, case in {
		"argoproj.io/v1beta1": ["ArgoCD", {}, "ServiceAccount", "a-argocd-application-controller"],
		"elasticsearch.k8s.elastic.co/v1": ["Elasticsearch", {}, "Service", "a-es-http"],
		"grafana.integreatly.org/v1beta1": ["Grafana", {}, "Service", "a-service"],
		"k8s.bitwarden.com/v1": ["BitwardenSecret", {"secretName": "b"}, "Secret", "b"],
		"kiali.io/v1alpha1": ["Kiali", {}, "ServiceAccount", "kiali-service-account"],
		"rabbitmq.com/v1beta1": ["RabbitmqCluster", {}, "Secret", "a-default-user"],
		"ray.io/v1": ["RayService", {}, "Service", "a-serve-svc"],
		"postgresql.cnpg.io/v1": ["Cluster", {}, "ConfigMap", "cnpg-default-monitoring"],
		"secrets-store.csi.x-k8s.io/v1": ["SecretProviderClass", {"secretObjects": [{"secretName": "b"}]}, "Secret", "b"],
		"secrets.doppler.com/v1alpha1": ["DopplerSecret", {"managedSecret": {"name": "b"}}, "Secret", "b"],
	} {
		made := written.input_objects with input as {"objects": [{"apiVersion": api_version, "kind": case[0], "metadata": {"name": "a", "namespace": "shop"}, "spec": case[1]}]}
		{"kind": case[2], "namespace": "shop", "name": case[3]} in made
	}
}
