package policies.telemetry.collector_retries_test

import data.policies.telemetry.collector_retries

_deny(id, exporter) := faults if {
	faults := collector_retries.deny with input as {"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "otel"}, "spec": {"config": {
		"exporters": {id: exporter, "unused": {}},
		"service": {"pipelines": {"traces": {"exporters": [id]}}},
	}}}
}

_on := {"sending_queue": {"enabled": true}, "retry_on_failure": {"enabled": true}}

test_queued_and_retried if {
	_deny("otlp/a", _on) == set()
}

test_exporters_without_a_queue[id] if {
	some id in ["awsxray", "debug", "debug/a", "file", "loadbalancing", "logging", "nop", "of_ours", "prometheus"]
	_deny(id, {}) == set()
}

test_what_exporters_have[id] if {
	some id, want in {
		"clickhouse": {"retry_on_failure", "sending_queue"}, "kafka/a": {"retry_on_failure", "sending_queue"},
		"otlp_grpc": {"retry_on_failure", "sending_queue"}, "otlp_http/a": {"retry_on_failure", "sending_queue"},
		"elasticsearch": {"sending_queue"}, "prometheusremotewrite/a": {"retry_on_failure"}, "rabbitmq": {"retry_on_failure"},
	}
	{fault.path[4] | some fault in _deny(id, {})} == want
}

test_not_queued_or_not_retried[sprintf("%s %v", [field, value])] if {
	some field in ["sending_queue", "retry_on_failure"]
	some value in [{"enabled": false}, {}, null, "text", {"enabled": "true"}]
	{fault.path | some fault in _deny("otlp/a", object.union(object.remove(_on, [field]), {field: value}))} == {["spec", "config", "exporters", "otlp/a", field, "enabled"]}
}

test_wrong_shapes if {
	every exporter in [null, "text", {}] {
		count(_deny("otlp", exporter)) == 2
	}
	other := collector_retries.deny with input as {"apiVersion": "v1", "kind": "Pod"}
	other == set()
}

test_message if {
	{fault.msg | some fault in _deny("otlp/a", object.remove(_on, ["sending_queue"]))} == {`exporter otlp/a of OpenTelemetryCollector "otel" has no sending_queue`}
}
