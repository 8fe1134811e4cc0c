package policies.autoscaling.bounds_test

import data.policies.autoscaling.bounds

_hpa(spec) := {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}, "spec": spec}

_allowed := {
	"in order": _hpa({"minReplicas": 3, "maxReplicas": 10}),
	"equal": _hpa({"minReplicas": 2, "maxReplicas": 2}),
	"the default minimum": _hpa({"maxReplicas": 1}),
	"the old version": object.union(_hpa({"minReplicas": 1, "maxReplicas": 2}), {"apiVersion": "autoscaling/v1"}),
	"none while nobody asks": _hpa({"minReplicas": 0, "maxReplicas": 1, "metrics": [{"type": "Resource"}, {"type": "External"}]}),
	"another group": {"apiVersion": "example.com/v1", "kind": "HorizontalPodAutoscaler", "spec": {}},
	"another kind": {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"minReplicas": 9}},
	"an empty object": {},
}

_no_maximum(value) := [sprintf(`HorizontalPodAutoscaler "web" has no maximum: maxReplicas is %v`, [value]), ["spec", "maxReplicas"]]

_no_minimum(value) := [sprintf(`HorizontalPodAutoscaler "web" has no minimum of one or more: minReplicas is %v`, [value]), ["spec", "minReplicas"]]

_denied := {
	"the wrong way round": [_hpa({"minReplicas": 4, "maxReplicas": 3}), {[`HorizontalPodAutoscaler "web" can have no number of pods: minReplicas 4 is above maxReplicas 3`, ["spec", "minReplicas"]]}],
	"no maximum": [_hpa({"minReplicas": 1}), {_no_maximum("not set")}],
	"null": [_hpa({"maxReplicas": null}), {_no_maximum("not set")}],
	"a maximum of none": [_hpa({"maxReplicas": 0}), {_no_maximum(0)}],
	"a maximum in text": [_hpa({"maxReplicas": "10"}), {_no_maximum("10")}],
	"a minimum of none": [_hpa({"minReplicas": 0, "maxReplicas": 3}), {_no_minimum(0)}],
	"none by metrics of its pods": [_hpa({"minReplicas": 0, "maxReplicas": 3, "metrics": [{"type": "Resource"}, {"type": "Pods"}]}), {_no_minimum(0)}],
	"less than none": [_hpa({"minReplicas": -1, "maxReplicas": 3, "metrics": [{"type": "External"}]}), {_no_minimum(-1)}],
	"a minimum in text": [_hpa({"minReplicas": "2", "maxReplicas": 3}), {_no_minimum("2")}],
	"half a pod": [_hpa({"minReplicas": 1.5, "maxReplicas": 3}), {_no_minimum(1.5)}],
	"nothing": [_hpa({}), {_no_maximum("not set")}],
	"text": [_hpa("text"), {_no_maximum("not set")}],
}

test_allows[note] if {
	some note, obj in _allowed
	bounds.deny == set() with input as obj
}

test_denies[note] if {
	some note, [obj, want] in _denied
	findings := {{"msg": msg, "path": path} | some [msg, path] in want}
	{object.remove(fault, ["with"]) | some fault in bounds.deny} == findings with input as obj
}

test_names_both_bounds if {
	[fault.with | some fault in bounds.deny] == [{["spec", "maxReplicas"]}] with input as _hpa({"minReplicas": 4, "maxReplicas": 3})
}
