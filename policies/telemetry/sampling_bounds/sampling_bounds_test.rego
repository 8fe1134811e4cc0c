package policies.telemetry.sampling_bounds_test

import data.policies.telemetry.sampling_bounds

_prod := {"name": "prod", "sampling": {"min": 0.01, "max": 0.2}}

_deny(rate, environment) := faults if {
	faults := sampling_bounds.deny with input as {"target": {"path": "overlays/prod", "environment": environment}, "objects": [
		{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": {"containers": [{"name": "app", "env": [{"name": "OTLP_SAMPLE_RATE", "value": rate}]}]}}}},
		"text",
	]}
}

test_within[rate] if {
	some rate in ["0.01", "0.1", "0.2"]
	_deny(rate, _prod) == set()
}

test_outside[rate] if {
	some rate in ["0", "0.001", "0.21", "1", "1.5"]
	{fault.path | some fault in _deny(rate, _prod)} == {["objects", 0, "spec", "template", "spec", "containers", 0, "env", 0, "value"]}
}

test_what_is_no_rate[sprintf("%v", [rate])] if {
	some rate in ["", "10%", "-0.1", "all", null, 0.1, {}, "0,1"]
	count(_deny(rate, _prod)) == 1
	count(_deny(rate, null)) == 1
}

# Without an environment anything between none and all is a rate.
test_without_bounds if {
	every environment in [null, {"name": "dev"}, {"name": "dev", "sampling": null}] {
		_deny("1", environment) == set()
		count(_deny("1.5", environment)) == 1
	}
}

test_telemetry_and_instrumentation if {
	faults := sampling_bounds.deny with input as {"target": {"path": "overlays/prod", "environment": _prod}, "objects": [
		{"apiVersion": "telemetry.istio.io/v1", "kind": "Telemetry", "metadata": {"name": "web"}, "spec": {"tracing": [{"randomSamplingPercentage": 50}]}},
		{"apiVersion": "opentelemetry.io/v1alpha1", "kind": "Instrumentation", "metadata": {"name": "web"}, "spec": {"sampler": {"type": "always_on"}}},
	]}
	{fault.path | some fault in faults} == {
		["objects", 0, "spec", "tracing", 0, "randomSamplingPercentage"],
		["objects", 1, "spec", "sampler", "argument"],
	}
}

test_message if {
	{fault.msg | some fault in _deny("1", _prod)} == {`container "app" of Deployment "web" samples "1", which is not within 0.01 and 0.2 of environment prod`}
	{fault.msg | some fault in _deny("2", _prod)} == {`container "app" of Deployment "web" samples "2", which is not between none and all`}
	{fault.msg | some fault in _deny("all", _prod)} == {`container "app" of Deployment "web" samples "all", which is no rate`}
}
