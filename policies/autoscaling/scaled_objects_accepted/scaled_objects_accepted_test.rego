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
	_messages("ScaledObject", {"minReplicaCount": 0, "maxReplicaCount": 0}) == {`ScaledObject "web" keeps at least 1 replicas and at most 0`}
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
	"what the schema says": {"minReplicaCount": 5, "maxReplicaCount": 3},
	"a fallback of a formula": {"minReplicaCount": 1, "triggers": [_cpu, _of("a")], "fallback": {"behavior": "scalingModifiers"}, "advanced": {"scalingModifiers": {"formula": "a", "target": "1", "metricType": "Value"}}},
	"names": {"triggers": [object.union(_queue, {"name": "a", "useCachedMetrics": true}), object.union(_queue, {"name": "b"}), object.union(_queue, {"name": ""}), object.union(_queue, {"name": ""})]},
	"a name of its own": {"advanced": {"horizontalPodAutoscalerConfig": {"name": _long}}},
	"nothing": {"minReplicaCount": null, "fallback": null, "advanced": null, "triggers": null},
	"other types": {"minReplicaCount": "a", "maxReplicaCount": "b", "idleReplicaCount": "c", "triggers": "text", "fallback": "text", "advanced": "text"},
}

_of(name) := object.union(_queue, {"name": name})

_formula(formula) := {"minReplicaCount": 1, "triggers": [_of("a"), _of("b_1"), object.union(_cpu, {"name": "cpu"})], "advanced": {"scalingModifiers": {"formula": formula, "target": "1.5"}}}

test_formulas[formula] if {
	some formula in [
		"a + b_1", "(a+b_1)/2 * 1e3 - 0x1F", "a > 2 ? b_1 : 1", "max(a, float(b_1))", "max([a, b_1])", "count([a, b_1], {# > 1}) > 1 ? 5 : 0", "a ?? b_1", "a > 0 and not (b_1 < 1) ? a : nil",
		"let x = a; x + y", `$env["c"]`, "c /* no name */", "{c: 1}.c", "a.c", "${F}", "[a, b_1] | sum()", "",
	]
	every message in _messages("ScaledObject", _formula(formula)) { contains(message, "have no formula") }
}

test_formulas_of_other_names if {
	every formula, unknown in {"a + c": "c", "a - b": "b", "max(c, d)": "c, d", "a + cpu": "cpu", "A": "A", "b-1": "b", "count([a, x], {# > 1})": "x"} {
		_messages("ScaledObject", _formula(formula)) == {sprintf(`formula of ScaledObject "web" names %s, and no trigger other than of cpu and memory is called so`, [unknown])}
	}
}

test_targets_of_formulas if {
	every target in ["1", "+0.5", ".5", "1e-3", "inf", "0x1p2", "${T}", 5] {
		_paths("ScaledObject", object.union(_formula("a"), {"advanced": {"scalingModifiers": {"target": target}}})) == set()
	}
	every target in ["0", "-1", "0.0", "50%", "1k", "a"] {
		_paths("ScaledObject", object.union(_formula("a"), {"advanced": {"scalingModifiers": {"target": target}}})) == {["spec", "advanced", "scalingModifiers", "target"]}
	}
}

test_accepts[note] if {
	some note, spec in _fine
	_messages("ScaledObject", spec) == set()
}

_refused := {
	"none at all": {"spec": {"minReplicaCount": 0, "maxReplicaCount": 0}, "path": ["spec", "minReplicaCount"]},
	"idle without a least": {"spec": {"idleReplicaCount": 0}, "path": ["spec", "idleReplicaCount"]},
	"no pods": {"spec": {"triggers": [_cpu, {"type": "memory"}]}, "path": ["spec", "minReplicaCount"]},
	"no pods of a StatefulSet": {"spec": {"minReplicaCount": 0, "scaleTargetRef": {"kind": "StatefulSet"}, "triggers": [_cpu]}, "path": ["spec", "minReplicaCount"]},
	"a fallback of pods": {"spec": {"minReplicaCount": 1, "triggers": [_cpu], "fallback": {"failureThreshold": 3, "replicas": 2}}, "path": ["spec", "fallback"]},
	"a fallback to less": {"spec": {"fallback": {"failureThreshold": 3, "replicas": -1}}, "path": ["spec", "fallback", "replicas"]},
	"a formula alone": {"spec": {"advanced": {"scalingModifiers": {"formula": "a + b"}}}, "path": ["spec", "advanced", "scalingModifiers", "formula"]},
	"a formula of utilization": {"spec": object.union(_formula("a"), {"advanced": {"scalingModifiers": {"metricType": "Utilization"}}}), "path": ["spec", "advanced", "scalingModifiers", "metricType"]},
	"a fallback without modifiers": {"spec": {"fallback": {"behavior": "scalingModifiers"}}, "path": ["spec", "fallback", "behavior"]},
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
	_messages("ScaledJob", {"minReplicaCount": 0, "maxReplicaCount": 0, "triggers": [_cpu]}) == set()
	_messages("TriggerAuthentication", {"triggers": []}) == set()
	every obj in fixture.unreadable { _faults(obj) == set() }
}
