package policies.autoscaling.container_metrics_test

import data.policies.autoscaling.container_metrics
import data.policies.lib.fixture_test as fixture

_resource := {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}}

_container := {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "app"}}

_hpa(kind, metrics) := {
	"apiVersion": "autoscaling/v2",
	"kind": "HorizontalPodAutoscaler",
	"metadata": {"name": "web", "namespace": "shop"},
	"spec": {"metrics": metrics, "scaleTargetRef": {"apiVersion": fixture.workload(kind, {}, {}).apiVersion, "kind": kind, "name": "web"}},
}

_namespace(labels) := {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}}

_injecting := _namespace({"istio-injection": "enabled"})

_alone := {"containers": [{"name": "app"}]}

_labelled(kind, labels) := object.union(
	fixture.workload(kind, _alone, {}),
	{"spec": {"template": {"metadata": {"labels": labels}}}},
)

_scalable := ["ReplicationController", "Deployment", "StatefulSet", "ReplicaSet"]

_with_sidecar[kind] := {
	"a second container": [fixture.workload(kind, {"containers": [{"name": "app"}, {"name": "proxy"}]}, {})],
	"a sidecar": [fixture.workload(kind, object.union(_alone, {"initContainers": [{"name": "proxy", "restartPolicy": "Always"}]}), {})],
	"injection by the namespace": [fixture.workload(kind, _alone, {}), _injecting],
	"injection by a revision": [fixture.workload(kind, _alone, {}), _namespace({"istio.io/rev": "stable"})],
	"injection by the pod": [_labelled(kind, {"sidecar.istio.io/inject": "true"})],
} if {
	some kind in _scalable
}

_without_sidecar[kind] := {
	"one container": [fixture.workload(kind, _alone, {})],
	"an init container": [fixture.workload(kind, object.union(_alone, {"initContainers": [{"name": "init"}]}), {})],
	"a pod that declines": [_labelled(kind, {"sidecar.istio.io/inject": "false"}), _injecting],
	"a namespace without injection": [fixture.workload(kind, _alone, {}), _namespace({"istio-injection": "disabled", "istio.io/rev": "stable"})],
	"injection elsewhere": [fixture.workload(kind, _alone, {}), object.union(_injecting, {"metadata": {"name": "other"}})],
	"no target": [],
} if {
	some kind in _scalable
}

test_denies[kind][note] if {
	some kind, cases in _with_sidecar
	some note, objects in cases
	want := {"msg": `HorizontalPodAutoscaler "web" averages cpu over the application and its sidecar`, "path": ["objects", 0, "spec", "metrics", 1]}
	container_metrics.deny == {want} with input as fixture.overlay(array.concat([_hpa(kind, [_container, _resource])], objects))
}

test_allows_metrics_of_a_container[kind][note] if {
	some kind, cases in _with_sidecar
	some note, objects in cases
	container_metrics.deny == set() with input as fixture.overlay(array.concat([_hpa(kind, [_container])], objects))
}

test_allows_without_a_sidecar[kind][note] if {
	some kind, cases in _without_sidecar
	some note, objects in cases
	container_metrics.deny == set() with input as fixture.overlay(array.concat([_hpa(kind, [_resource])], objects))
}

test_what_cannot_be_read_is_no_error if {
	every metrics in ["text", null, ["text"], [{"type": "Resource"}]] {
		container_metrics.deny == set() with input as fixture.overlay([_hpa("Deployment", metrics), {"apiVersion": "v1", "kind": "Namespace", "metadata": "text"}])
	}
}
