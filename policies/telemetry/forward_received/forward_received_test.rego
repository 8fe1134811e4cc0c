package policies.telemetry.forward_received_test

import data.policies.telemetry.forward_received

_deny(output, receivers) := faults if {
	faults := forward_received.deny with input as {"objects": [
		{"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "otel", "namespace": "observability"}, "spec": {"config": {
			"receivers": {"otlp": {"protocols": {"grpc": {}}}, "fluentforward": {"endpoint": "0.0.0.0:24224"}},
			"service": {"pipelines": {"logs": {"receivers": receivers}}},
		}}},
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fluent-bit", "namespace": "logging"}, "data": {"fluent-bit.yaml": yaml.marshal({"pipeline": {"outputs": [output]}})}},
		"text",
	]}
}

_forward(port) := {"name": "forward", "host": "otel-collector.observability", "port": port}

_both := ["otlp", "fluentforward"]

test_received if {
	every output in [_forward(24224), _forward("24224"), {"name": "forward", "host": "otel-collector.observability.svc"}, {"name": "opentelemetry", "host": "otel-collector.observability", "port": 4317}, {"name": "forward", "host": "elsewhere"}] {
		_deny(output, _both) == set()
	}
}

test_not_received if {
	every port in [4317, "8006", "port"] {
		{fault.path | some fault in _deny(_forward(port), _both)} == {["objects", 1, "data", "fluent-bit.yaml", "pipeline", "outputs", 0, "port"]}
	}
	count(_deny(_forward(24224), ["otlp"])) == 1
	count(_deny(_forward(24224), "text")) == 1
}

test_message if {
	{fault.msg | some fault in _deny(_forward(4317), _both)} == {`ConfigMap "fluent-bit" forwards to port 4317 of OpenTelemetryCollector "otel", where no fluentforward receiver of a pipeline listens`}
}

test_names_where_it_is_received if {
	[fault.with | some fault in _deny(_forward(4317), _both)] == [{["objects", 0, "spec", "config", "receivers", "fluentforward", "endpoint"]}]
	[fault.with | some fault in _deny(_forward(4317), ["otlp"])] == [set()]
}
