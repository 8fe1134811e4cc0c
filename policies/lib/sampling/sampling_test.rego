package policies.lib.sampling_test

import data.policies.lib.sampling

_ratios(obj) := ratios if {
	ratios := [found.rate.ratio | some found in sampling.input_rates; found.index == 1] with input as {"objects": [{}, obj]}
}

_pod(variables) := {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "app", "env": [{"name": name, "value": value} | some name, value in variables]}]}}

_telemetry(tracing) := {"apiVersion": "telemetry.istio.io/v1", "kind": "Telemetry", "spec": {"tracing": tracing}}

_instrumentation(sampler) := {"apiVersion": "opentelemetry.io/v1alpha1", "kind": "Instrumentation", "spec": {"sampler": sampler}}

test_rates[name] if {
	some name, case in {
		"of the SDK": {"obj": _pod({"OTLP_SAMPLE_RATE": "0.1", "OTHER": "1"}), "want": [0.1]},
		"by the standard name": {"obj": _pod({"OTEL_TRACES_SAMPLER_ARG": "1", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio"}), "want": [1]},
		"of a fixed sampler": {"obj": _pod({"OTEL_TRACES_SAMPLER": "always_off"}), "want": [0]},
		"of a fixed sampler with an argument": {"obj": _pod({"OTEL_TRACES_SAMPLER": "always_on", "OTEL_TRACES_SAMPLER_ARG": "0.1"}), "want": [1]},
		"of a sampler that asks elsewhere": {"obj": _pod({"OTEL_TRACES_SAMPLER": "jaeger_remote", "OTEL_TRACES_SAMPLER_ARG": "endpoint=http://jaeger:14250"}), "want": []},
		"of a sampler of one's own": {"obj": _pod({"OTEL_TRACES_SAMPLER": "rules_based", "OTEL_TRACES_SAMPLER_ARG": "file=/etc/rules.yaml"}), "want": []},
		"that another variable has": {"obj": _pod({"OTEL_TRACES_SAMPLER_ARG": "$(RATIO)"}), "want": []},
		"that are empty": {"obj": _pod({"OTEL_TRACES_SAMPLER_ARG": ""}), "want": []},
		"without a leading zero": {"obj": _pod({"OTLP_SAMPLE_RATE": ".25"}), "want": [0.25]},
		"with an exponent": {"obj": _pod({"OTLP_SAMPLE_RATE": "1e-3"}), "want": [0.001]},
		"with nothing behind the point": {"obj": _pod({"OTLP_SAMPLE_RATE": "1."}), "want": [1]},
		"of no digit": {"obj": _pod({"OTLP_SAMPLE_RATE": "."}), "want": [null]},
		"of an exponent alone": {"obj": _pod({"OTLP_SAMPLE_RATE": "e1"}), "want": [null]},
		"with a sign": {"obj": _pod({"OTLP_SAMPLE_RATE": "+0.5"}), "want": [0.5]},
		"that do not parse": {"obj": _pod({"OTLP_SAMPLE_RATE": "10%"}), "want": [null]},
		"of a wrong type": {"obj": _pod({"OTLP_SAMPLE_RATE": 0.1}), "want": [null]},
		"of Telemetry": {"obj": _telemetry([{"randomSamplingPercentage": 50}, {}]), "want": [0.5]},
		"of Telemetry as text": {"obj": _telemetry([{"randomSamplingPercentage": "50"}]), "want": [null]},
		"of no Telemetry": {"obj": _telemetry("text"), "want": []},
		"of Instrumentation": {"obj": _instrumentation({"type": "parentbased_traceidratio", "argument": "0.1"}), "want": [0.1]},
		"of Instrumentation without an argument": {"obj": _instrumentation({"type": "traceidratio"}), "want": [1]},
		"of Instrumentation with an empty argument": {"obj": _instrumentation({"type": "traceidratio", "argument": ""}), "want": [1]},
		"of Instrumentation with a variable": {"obj": _instrumentation({"type": "traceidratio", "argument": "${RATE}"}), "want": []},
		"of Instrumentation always on": {"obj": _instrumentation({"type": "parentbased_always_on", "argument": "0.1"}), "want": [1]},
		"of Instrumentation as a number": {"obj": _instrumentation({"argument": 0.1}), "want": [null]},
		"of Instrumentation that asks elsewhere": {"obj": _instrumentation({"type": "jaeger_remote", "argument": "endpoint=http://jaeger:14250"}), "want": []},
		"of no sampler": {"obj": _instrumentation(null), "want": []},
		"of another kind": {"obj": {"apiVersion": "v1", "kind": "ConfigMap"}, "want": []},
	}
	_ratios(case.obj) == case.want
}

test_an_object_that_samples_nothing_has_no_rates if {
	sampling.rates({"apiVersion": "v1", "kind": "ConfigMap"}) == []
}
