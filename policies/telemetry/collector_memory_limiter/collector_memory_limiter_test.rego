package policies.telemetry.collector_memory_limiter_test

import data.policies.telemetry.collector_memory_limiter

_deny(config) := faults if {
	faults := collector_memory_limiter.deny with input as {"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "otel"}, "spec": {"config": config}}
}

_pipeline(processors) := {"processors": {"memory_limiter": {"limit_percentage": 80}, "batch": {}}, "service": {"pipelines": {"traces": {"processors": processors}}}}

test_first if {
	_deny(_pipeline(["memory_limiter", "batch"])) == set()
	_deny(yaml.marshal(_pipeline(["memory_limiter"]))) == set()
}

test_not_first[sprintf("%v", [processors])] if {
	some processors in [["batch", "memory_limiter"], ["batch"], [], ["memory_limiter/other"], "memory_limiter", null, [1], [["memory_limiter"]]]
	{fault.path | some fault in _deny(_pipeline(processors))} == {["spec", "config", "service", "pipelines", "traces", "processors"]}
}

test_wrong_shapes if {
	every config in ["text", {}, null, {"service": "text"}, {"service": {"pipelines": {}}}, {"service": {"pipelines": "text"}}, {"service": {"pipelines": {"traces": "text"}}}] {
		count(_deny(config)) == 1
	}
	other := collector_memory_limiter.deny with input as {"apiVersion": "v1", "kind": "OpenTelemetryCollector"}
	other == set()
}

test_message if {
	{fault.msg | some fault in _deny(_pipeline(["batch"]))} == {`pipeline "traces" of OpenTelemetryCollector "otel" does not begin with memory_limiter`}
}
