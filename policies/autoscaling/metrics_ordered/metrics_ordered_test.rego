package policies.autoscaling.metrics_ordered_test

import data.policies.autoscaling.metrics_ordered

_hpa(metrics) := {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}, "spec": {"metrics": metrics}}

_cpu := {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}

_cpu_value := {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "AverageValue", "averageValue": "1"}}}

_memory := {"type": "Resource", "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 80}}}

_container := {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "app", "target": {"type": "Utilization", "averageUtilization": 70}}}

_pods := {"type": "Pods", "pods": {"metric": {"name": "http_requests_per_second"}, "target": {"type": "AverageValue", "averageValue": "1000"}}}

_allowed := {
	"cpu last": [_memory, _pods, _cpu],
	"cpu alone": [_cpu],
	"cpu by value, which stays where it is": [_cpu_value, _memory],
	"cpu of a container, which stays where it is": [_container, _memory, _pods],
	"none": [],
	"null": null,
	"text": "cpu",
	"metrics of the wrong type": ["cpu", null, {"type": "Resource", "resource": "cpu"}],
}

_moved(number, total) := sprintf(`HorizontalPodAutoscaler "web" comes back in another order: the cpu utilization metric is number %d of %d, not the last`, [number, total])

_denied := {
	"cpu first": [[_cpu, _memory], {[_moved(1, 2), 0]}],
	"cpu in the middle": [[_memory, _cpu, _pods], {[_moved(2, 3), 1]}],
	"cpu twice": [[_cpu, _cpu], {[_moved(1, 2), 0]}],
}

test_allows[note] if {
	some note, metrics in _allowed
	metrics_ordered.deny == set() with input as _hpa(metrics)
}

test_denies[note] if {
	some note, [metrics, want] in _denied
	findings := {{"msg": msg, "path": ["spec", "metrics", index]} | some [msg, index] in want}
	metrics_ordered.deny == findings with input as _hpa(metrics)
}

test_ignores_other_objects if {
	metrics_ordered.deny == set() with input as object.union(_hpa([_cpu, _memory]), {"apiVersion": "example.com/v1"})
	metrics_ordered.deny == set() with input as {}
}
