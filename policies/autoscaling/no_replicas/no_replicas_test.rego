package policies.autoscaling.no_replicas_test

import data.policies.autoscaling.no_replicas
import data.policies.lib.fixture_test as fixture

_hpa(obj) := {
	"apiVersion": "autoscaling/v2",
	"kind": "HorizontalPodAutoscaler",
	"metadata": {"name": "web", "namespace": "shop"},
	"spec": {"scaleTargetRef": {"apiVersion": obj.apiVersion, "kind": obj.kind, "name": "web"}},
}

_scalable := ["ReplicationController", "Deployment", "StatefulSet", "ReplicaSet"]

test_denies_replicas_beside_an_autoscaler[kind][replicas] if {
	some kind in _scalable
	some replicas in [0, 1, 3, "3"]
	obj := fixture.workload(kind, {}, {"replicas": replicas})
	msg := sprintf(`%s "web" fights HorizontalPodAutoscaler "web": replicas is %v`, [kind, replicas])
	no_replicas.deny == {{"msg": msg, "path": ["objects", 1, "spec", "replicas"]}} with input as fixture.overlay([_hpa(obj), obj])
}

test_allows_no_replicas_beside_an_autoscaler[kind][note] if {
	some kind in _scalable
	some note, fields in {"absent": {}, "null": {"replicas": null}}
	obj := fixture.workload(kind, {}, fields)
	no_replicas.deny == set() with input as fixture.overlay([_hpa(obj), obj])
}

test_allows_replicas_without_an_autoscaler[kind] if {
	some kind in _scalable
	obj := fixture.workload(kind, {}, {"replicas": 3})
	other := object.union(obj, {"metadata": {"name": "other"}})
	no_replicas.deny == set() with input as fixture.overlay([obj])
	no_replicas.deny == set() with input as fixture.overlay([_hpa(obj), other])
}

test_what_cannot_be_read_is_no_error if {
	objects := array.concat([obj | some obj in fixture.unreadable], [{"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": "text"}, {}])
	no_replicas.deny == set() with input as fixture.overlay(objects)
}
