package policies.service.selects_pods_test

import data.policies.lib.fixture_test as fixture
import data.policies.service.selects_pods

_service(spec) := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}

_selecting := _service({"selector": {"app": "web"}})

_denied(selector) := {{
	"msg": sprintf(`Service "web" reaches nothing: no pod of namespace shop has the labels %s`, [selector]),
	"path": ["objects", 0, "spec", "selector"],
	"missing": {"kind": "pods", "namespace": "shop", "name": selector},
}}

test_allows_pods_of_every_kind[kind] if {
	some kind, obj in fixture.workloads({})
	selects_pods.deny == set() with input as fixture.overlay([_selecting, obj])
}

test_denies_other_labels_of_every_kind[kind] if {
	some kind, obj in fixture.workloads({})
	selects_pods.deny == _denied(`{"app":"other"}`) with input as fixture.overlay([_service({"selector": {"app": "other"}}), obj])
}

test_denies_pods_of_another_namespace[kind] if {
	some kind, obj in fixture.workloads({})
	elsewhere := object.union(obj, {"metadata": {"namespace": "other"}})
	selects_pods.deny == _denied(`{"app":"web"}`) with input as fixture.overlay([_selecting, elsewhere])
}

test_denies_labels_that_cannot_be_read if {
	every labels in ["text", null, [], {"app": ["web"]}] {
		obj := {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "shop"}, "spec": {"template": {"metadata": {"labels": labels}}}}
		selects_pods.deny == _denied(`{"app":"web"}`) with input as fixture.overlay([_selecting, obj])
	}
}

test_denies_a_selector_of_the_wrong_type[note] if {
	some note, [selector, text] in {"text": ["web", `"web"`], "a list": [["web"], `["web"]`], "a number": [1, "1"]}
	selects_pods.deny == _denied(text) with input as fixture.overlay([_service({"selector": selector}), fixture.workload("Deployment", {}, {})])
}

_elsewhere := {
	"no selector": _service({}),
	"an empty selector": _service({"selector": {}}),
	"a null selector": _service({"selector": null}),
	"an external name": _service({"type": "ExternalName", "externalName": "example.com", "selector": {"app": "gone"}}),
	"a Service that is text": _service("text"),
	"another group's Service": {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "spec": {"selector": {"app": "gone"}}},
}

test_allows_endpoints_from_elsewhere[note] if {
	some note, service in _elsewhere
	selects_pods.deny == set() with input as fixture.overlay([service])
}

_cluster := {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db", "namespace": "shop"}}

_labelled(labels) := {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"template": {"metadata": {"labels": labels}, "spec": {}}}}

test_allows_labels_that_pods_get_once_they_run if {
	every case in [
		{"pod": {"app": "web"}, "selector": {"app": "web", "apps.kubernetes.io/pod-index": "0"}},
		{"pod": {"component": "server"}, "selector": {"component": "server", "vault-active": "true"}},
		{"pod": {"cluster-name": "db"}, "selector": {"cluster-name": "db", "role": "replica"}},
		{"pod": {"application": "spilo"}, "selector": {"application": "spilo", "spilo-role": "master"}},
	] {
		selects_pods.deny == set() with input as fixture.overlay([_service({"selector": case.selector}), _labelled(case.pod)])
		count(selects_pods.deny) == 1 with input as fixture.overlay([_service({"selector": object.union(case.selector, {"other": "label"})}), _labelled(case.pod)])
	}

	# A role is a label like others.
	count(selects_pods.deny) == 1 with input as fixture.overlay([_service({"selector": {"app": "web", "role": "replica"}}), _labelled({"app": "web"})])
}

test_allows_pods_that_an_operator_makes if {
	selects_pods.deny == set() with input as fixture.overlay([_service({"selector": {"cnpg.io/cluster": "db", "cnpg.io/instanceRole": "primary"}}), _cluster])
}

test_denies_pods_that_no_operator_makes if {
	selects_pods.deny == _denied(`{"cnpg.io/cluster":"other"}`) with input as fixture.overlay([_service({"selector": {"cnpg.io/cluster": "other"}}), _cluster])
}

_controlled(version, kind, spec) := {"apiVersion": version, "kind": kind, "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}

test_allows_labels_that_a_controller_adds if {
	every kind, controlled in {
		"DeploymentConfig": ["apps.openshift.io/v1", "deploymentconfig"],
		"Job": ["batch/v1", "job-name"],
		"Service": ["serving.knative.dev/v1", "serving.knative.dev/service"],
	} {
		[version, label] := controlled
		objects := [_service({"selector": {label: "web"}}), _controlled(version, kind, {"template": {}})]
		selects_pods.deny == set() with input as fixture.overlay(objects)
		selects_pods.deny == _denied(sprintf(`{"%s":"other"}`, [label])) with input as fixture.overlay([_service({"selector": {label: "other"}}), objects[1]])
	}
}

test_allows_a_pod_of_a_stateful_set_by_its_name if {
	label := "statefulset.kubernetes.io/pod-name"
	set := fixture.workload("StatefulSet", {}, {})
	every selector in [{label: "web-0"}, {label: "web-12", "app": "web"}] {
		selects_pods.deny == set() with input as fixture.overlay([_service({"selector": selector}), set])
	}
	every selector in [{label: "web"}, {label: "web-a"}, {label: "other-0"}, {label: 1}, {label: "web-0", "app": "other"}] {
		count(selects_pods.deny) == 1 with input as fixture.overlay([_service({"selector": selector}), set])
	}
	count(selects_pods.deny) == 1 with input as fixture.overlay([_service({"selector": {label: "web-0"}}), fixture.workload("Deployment", {}, {})])
}

# It lets a Deployment describe its pods.
test_denies_a_rollout_without_a_template if {
	rollout := _controlled("argoproj.io/v1alpha1", "Rollout", {"workloadRef": {"kind": "Deployment", "name": "web"}})
	selects_pods.deny == _denied(`{"app":"web"}`) with input as fixture.overlay([_selecting, rollout])
	selects_pods.deny == set() with input as fixture.overlay([_selecting, rollout, fixture.workload("Deployment", {}, {})])
}

# Whoever deploys an object without a namespace says where it is.
test_an_object_without_a_namespace_may_be_anywhere if {
	anywhere := object.remove(_selecting, ["metadata"])
	service := object.union(anywhere, {"metadata": {"name": "web"}})
	selects_pods.deny == set() with input as fixture.overlay([service, fixture.workload("Deployment", {}, {})])
	{fault.msg | some fault in selects_pods.deny} == {`Service "web" reaches nothing: no pod has the labels {"app":"web"}`} with input as fixture.overlay([service])
}

test_allows_pods_of_a_control_plane[note] if {
	some note, selector in {
		"a tier": {"tier": "control-plane", "k8s-app": "kube-apiserver"},
		"a component": {"component": "kube-scheduler"},
		"DNS": {"k8s-app": "kube-dns"},
	}
	selects_pods.deny == set() with input as fixture.overlay([_service({"selector": selector})])
}

test_the_hash_that_argo_rollouts_writes if {
	rollout := fixture.workload("Rollout", {}, {})
	selects_pods.deny == set() with input as fixture.overlay([_service({"selector": {"app": "web", "rollouts-pod-template-hash": "abc"}}), rollout])
	count(selects_pods.deny) == 1 with input as fixture.overlay([_service({"selector": {"app": "other", "rollouts-pod-template-hash": "abc"}}), rollout])
}

test_pods_of_which_not_all_labels_are_known if {
	workers := {"apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": {"name": "web", "namespace": "shop"}, "spec": {}}
	selects_pods.deny == set() with input as fixture.overlay([_selecting, workers])
	selects_pods.deny == _denied(`{"app":"web"}`) with input as fixture.overlay([_selecting, object.union(workers, {"metadata": {"namespace": "other"}})])
}

test_tracks_of_a_rollout if {
	rollout := object.union(fixture.workload("Rollout", {}, {}), {"spec": {"strategy": {"blueGreen": {"activeMetadata": {"labels": {"role": "active"}}}}}})
	selects_pods.deny == set() with input as fixture.overlay([_service({"selector": {"app": "web", "role": "active"}}), rollout])
	selects_pods.deny == _denied(`{"app":"web","role":"preview"}`) with input as fixture.overlay([_service({"selector": {"app": "web", "role": "preview"}}), rollout])
}
