package policies.gitops.classes_exist_test

import data.policies.gitops.classes_exist
import data.policies.lib.fixture_test as fixture

_named(api_version, kind, name, rest) := object.union({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}}, rest)

_around := [
	_named("storage.k8s.io/v1", "StorageClass", "fast", {}),
	_named("v1", "PersistentVolume", "archive", {"spec": {"storageClassName": "manual"}}),
	_named("v1", "PersistentVolume", "other", {}),
]

_external := [{"kind": "StorageClass", "namespace": "", "name": "standard"}, {"kind": "RuntimeClass", "namespace": "", "name": "gvisor"}]

_deny(obj) := faults if {
	faults := classes_exist.deny with input as {"objects": array.concat(_around, [obj]), "external": _external}
}

_claim(class) := _named("v1", "PersistentVolumeClaim", "data", {"spec": {"storageClassName": class}})

test_a_class_that_is_there if {
	every class in ["fast", "manual", "standard", "", null, "${CLASS}"] {
		_deny(_claim(class)) == set()
	}
	_deny(_named("v1", "PersistentVolumeClaim", "data", {})) == set()
}

test_a_class_that_is_not_there if {
	_deny(_claim("fast-ssd")) == {{
		"path": ["objects", 3, "spec", "storageClassName"],
		"msg": `PersistentVolumeClaim "data" refers to StorageClass "fast-ssd", which is neither rendered nor declared external`,
		"with": {["objects", 0, "metadata", "name"]},
		"missing": {"kind": "StorageClass", "namespace": "", "name": "fast-ssd"},
	}}
	[fault.with | some fault in _deny(_claim("slow"))] == [set()]
	[fault.with | some fault in _deny(_claim("fa"))] == [{["objects", 0, "metadata", "name"]}]
	count(_deny(_claim(1))) == 1
}

test_who_declares_nothing if {
	objects := [_claim("slow"), _named("networking.k8s.io/v1", "Ingress", "a", {"spec": {"ingressClassName": "nginx"}})]
	classes_exist.deny == set() with input as {"objects": objects, "external": []}
	[fault.missing.kind | some fault in classes_exist.deny] == ["StorageClass"] with input as {"objects": array.concat(objects, _around), "external": []}
	count(classes_exist.deny) == 2 with input as {"objects": objects, "external": [{"kind": "Secret", "namespace": "shop", "name": "a"}]}
}

test_of_pods[kind] if {
	some kind, _ in fixture.spec_paths
	pod := {"containers": [], "runtimeClassName": "gvisor", "volumes": [{"ephemeral": {"volumeClaimTemplate": {"spec": {"storageClassName": "fast"}}}}, {"emptyDir": {}}]}
	_deny(fixture.workload(kind, pod, {})) == set()
	gone := {"containers": [], "runtimeClassName": "kata", "volumes": [{"ephemeral": {"volumeClaimTemplate": {"spec": {"storageClassName": "gone"}}}}]}
	prefix := array.concat(["objects", 3], fixture.spec_paths[kind])
	{fault.path | some fault in _deny(fixture.workload(kind, gone, {}))} == {
		array.concat(prefix, ["runtimeClassName"]),
		array.concat(prefix, ["volumes", 0, "ephemeral", "volumeClaimTemplate", "spec", "storageClassName"]),
	}
}

test_of_other_kinds if {
	every fault in [
		[_named("apps/v1", "StatefulSet", "a", {"spec": {"volumeClaimTemplates": [{"spec": {"storageClassName": "gone"}}], "template": {}}}), ["spec", "volumeClaimTemplates", 0, "spec", "storageClassName"]],
		[_named("networking.k8s.io/v1", "Ingress", "a", {"spec": {"ingressClassName": "gone"}}), ["spec", "ingressClassName"]],
		[_named("gateway.networking.k8s.io/v1", "Gateway", "a", {"spec": {"gatewayClassName": "gone"}}), ["spec", "gatewayClassName"]],
		[_named("postgresql.cnpg.io/v1", "Cluster", "a", {"spec": {"storage": {"storageClass": "gone"}}}), ["spec", "storage", "storageClass"]],
		[_named("monitoring.coreos.com/v1", "Prometheus", "a", {"spec": {"storage": {"volumeClaimTemplate": {"spec": {"storageClassName": "gone"}}}}}), ["spec", "storage", "volumeClaimTemplate", "spec", "storageClassName"]],
		[_named("cert-manager.io/v1", "Certificate", "a", {"spec": {"issuerRef": {"kind": "ClusterIssuer", "name": "gone"}}}), ["spec", "issuerRef", "name"]],
		[_named("external-secrets.io/v1", "ExternalSecret", "a", {"spec": {"secretStoreRef": {"kind": "ClusterSecretStore", "name": "gone"}}}), ["spec", "secretStoreRef", "name"]],
	] {
		{found.path | some found in _deny(fault[0])} == {array.concat(["objects", 3], fault[1])}
	}

	# What is in the namespace is a matter of another rule.
	_deny(_named("cert-manager.io/v1", "Certificate", "a", {"spec": {"issuerRef": {"name": "gone"}}})) == set()
	_deny(_named("example.com/v1", "Cluster", "a", {"spec": {"storage": {"storageClass": "gone"}}})) == set()
}

test_wrong_shapes if {
	every spec in ["text", null, [], {"volumeClaimTemplates": "text"}, {"volumeClaimTemplates": ["text"]}] {
		_deny(_named("apps/v1", "StatefulSet", "a", {"spec": spec})) == set()
	}
}
