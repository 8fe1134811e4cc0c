package policies.telemetry.sampling_equal_test

import data.policies.telemetry.sampling_equal

_deny(rate, percentage, argument) := faults if {
	faults := sampling_equal.deny with input as {"objects": [
		{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "OTLP_SAMPLE_RATE", "value": rate}]}]}}}},
		{"apiVersion": "telemetry.istio.io/v1", "kind": "Telemetry", "metadata": {"name": "web"}, "spec": {"tracing": [{"randomSamplingPercentage": percentage}]}},
		{"apiVersion": "opentelemetry.io/v1alpha1", "kind": "Instrumentation", "metadata": {"name": "web"}, "spec": {"sampler": {"type": "traceidratio", "argument": argument}}},
		"text",
	]}
}

test_equal if {
	every rates in [["0.1", 10, "0.1"], ["1.0", 100, "1"], ["0", 0, "0"], ["0.07", 7, "0.070"], ["0.001", 0.1, "0.001"]] {
		_deny(rates[0], rates[1], rates[2]) == set()
	}
}

test_different if {
	{fault.path[1] | some fault in _deny("0.1", 1, "0.1")} == {1}
	{fault.path[1] | some fault in _deny("0.1", 10, "0.2")} == {2}
	{fault.path[1] | some fault in _deny("0.5", 10, "0.1")} == {1, 2}
}

# What is no rate is the business of telemetry/sampling-bounds.
test_what_is_no_rate_is_left_alone if _deny("all", "10", 1) == set()

test_message if {
	_deny("0.1", 1, "0.1") == {{
		"path": ["objects", 1, "spec", "tracing", 0, "randomSamplingPercentage"],
		"with": {["objects", 0, "spec", "template", "spec", "containers", 0, "env", 0, "value"]},
		"msg": `Telemetry "web" samples 0.01 and container "app" of Deployment "web" samples 0.1`,
	}}
}
