package policies.autoscaling.scaled_objects_accepted_test

import data.policies.autoscaling.scaled_objects_accepted as accepted
import data.policies.lib.fixture_test as fixture

_object(kind, spec) := {"apiVersion": "keda.sh/v1alpha1", "kind": kind, "metadata": {"name": "web"}, "spec": object.union({"triggers": [_queue]}, spec)}

_queue := {"type": "rabbitmq", "metadata": {"queueName": "a"}}

_cpu := {"type": "cpu", "metadata": {"value": "70"}}

_faults(obj) := faults if faults := accepted.deny with input as obj

_messages(kind, spec) := {fault.msg | some fault in _faults(_object(kind, spec))}

_paths(kind, spec) := {fault.path | some fault in _faults(_object(kind, spec))}

test_message if {
	_messages("ScaledObject", {"minReplicaCount": 5, "maxReplicaCount": 3}) == {`ScaledObject "web" keeps at least 5 replicas and at most 3`}
	_messages("ScaledObject", {"minReplicaCount": 2, "idleReplicaCount": 2}) == {`idleReplicaCount of ScaledObject "web" is 2, not below its minReplicaCount, 2`}
	_messages("ScaledJob", {"triggers": [object.union(_queue, {"name": "a"}), object.union(_queue, {"name": "a"})]}) == {`two triggers of ScaledJob "web" are called a`}
}

_long := concat("", [c | some _ in numbers.range(1, 60); c := "a"])

_fine := {
	"the least": {},
	"bounds": {"minReplicaCount": 1, "maxReplicaCount": 1, "idleReplicaCount": 0},
	"none at times": {"minReplicaCount": 0, "maxReplicaCount": 1, "idleReplicaCount": 0},
	"pods and a queue": {"triggers": [_cpu, _queue], "fallback": {"failureThreshold": 3, "replicas": 2}},
	"pods that are there": {"minReplicaCount": 1, "triggers": [_cpu]},
	"another kind": {"scaleTargetRef": {"kind": "Rollout", "name": "web"}, "triggers": [_cpu]},
	"a fallback of a formula": {"minReplicaCount": 1, "triggers": [_cpu], "fallback": {}, "advanced": {"scalingModifiers": {"formula": "a", "target": "1"}}},
	"names": {"triggers": [object.union(_queue, {"name": "a", "useCachedMetrics": true}), object.union(_queue, {"name": "b"}), object.union(_queue, {"name": ""}), object.union(_queue, {"name": ""})]},
	"a name of its own": {"advanced": {"horizontalPodAutoscalerConfig": {"name": _long}}},
	"nothing": {"minReplicaCount": null, "fallback": null, "advanced": null, "triggers": null},
	"other types": {"minReplicaCount": "a", "maxReplicaCount": "b", "idleReplicaCount": "c", "triggers": "text", "fallback": "text", "advanced": "text"},
}

test_accepts[note] if {
	some note, spec in _fine
	_messages("ScaledObject", spec) == set()
}

_refused := {
	"a least above the default": {"spec": {"minReplicaCount": 101}, "path": ["spec", "minReplicaCount"]},
	"none at all": {"spec": {"minReplicaCount": 0, "maxReplicaCount": 0}, "path": ["spec", "minReplicaCount"]},
	"idle without a least": {"spec": {"idleReplicaCount": 0}, "path": ["spec", "idleReplicaCount"]},
	"no pods": {"spec": {"triggers": [_cpu, {"type": "memory"}]}, "path": ["spec", "minReplicaCount"]},
	"no pods of a StatefulSet": {"spec": {"minReplicaCount": 0, "scaleTargetRef": {"kind": "StatefulSet"}, "triggers": [_cpu]}, "path": ["spec", "minReplicaCount"]},
	"a fallback of pods": {"spec": {"minReplicaCount": 1, "triggers": [_cpu], "fallback": {"failureThreshold": 3, "replicas": 2}}, "path": ["spec", "fallback"]},
	"a fallback to less": {"spec": {"fallback": {"failureThreshold": 3, "replicas": -1}}, "path": ["spec", "fallback", "replicas"]},
	"a formula alone": {"spec": {"advanced": {"scalingModifiers": {"formula": "a + b"}}}, "path": ["spec", "advanced", "scalingModifiers", "formula"]},
	"no formula": {"spec": {"advanced": {"scalingModifiers": {"target": "1"}}}, "path": ["spec", "advanced", "scalingModifiers"]},
	"no trigger": {"spec": {"triggers": []}, "path": ["spec", "triggers"]},
	"cached": {"spec": {"triggers": [_queue, {"type": "cron", "useCachedMetrics": true}]}, "path": ["spec", "triggers", 1, "useCachedMetrics"]},
	"a long name": {"spec": {"advanced": {"horizontalPodAutoscalerConfig": {"name": concat("", [_long, "aaaa"])}}}, "path": ["spec", "advanced", "horizontalPodAutoscalerConfig", "name"]},
}

test_refuses[note] if {
	some note, case in _refused
	_paths("ScaledObject", case.spec) == {case.path}
}

test_names if {
	{fault.path | some fault in _faults(object.union(_object("ScaledObject", {}), {"metadata": {"name": _long}}))} == {["metadata", "name"]}
	count(_faults(object.union(_object("ScaledObject", {}), {"metadata": {"name": concat("", [_long, _long])}}))) == 1
}

test_other_kinds if {
	_faults(object.union(_object("ScaledObject", {"triggers": []}), {"apiVersion": "example.com/v1"})) == set()
	_messages("ScaledJob", {"minReplicaCount": 5, "maxReplicaCount": 3, "triggers": [_cpu]}) == set()
	_messages("TriggerAuthentication", {"triggers": []}) == set()
	every obj in fixture.unreadable { _faults(obj) == set() }
}
