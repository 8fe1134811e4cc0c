package policies.lib.collector_test

import data.policies.lib.collector

_config := {
	"receivers": {
		"otlp": {"protocols": {"grpc": {"endpoint": "${env:POD_IP}:5317"}, "http": {}}},
		"fluentforward": {"endpoint": "0.0.0.0:24224"},
		"zipkin": null,
		"hostmetrics": {},
		"statsd": {"endpoint": "0.0.0.0:8125"},
	},
	"exporters": {"otlp/backend": {"endpoint": "tempo:4317"}, "prometheus": {"endpoint": "0.0.0.0:8889"}},
	"connectors": {"spanmetrics": {}},
	"service": {"pipelines": {
		"traces": {"receivers": ["otlp", "zipkin"], "exporters": ["otlp/backend", "spanmetrics"]},
		"logs": {"receivers": ["fluentforward", "hostmetrics"], "exporters": ["otlp/backend"]},
		"metrics": {"receivers": ["spanmetrics"], "exporters": ["prometheus"]},
	}},
}

_collector := {
	"apiVersion": "opentelemetry.io/v1beta1",
	"kind": "OpenTelemetryCollector",
	"metadata": {"name": "otel"},
	"spec": {"config": _config, "ports": [{"port": 6831}, "text"]},
}

test_is_collector if {
	collector.is_collector(_collector)
	not collector.is_collector(object.union(_collector, {"apiVersion": "example.com/v1"}))
}

test_service_name if collector.service_name(_collector) == "otel-collector"

# statsd is configured and in no pipeline, so the operator opens no port for it.
test_ports if collector.ports(_collector) == {4318, 5317, 6831, 8889, 9411, 24224}

test_config_of_every_type[name] if {
	some name, case in {
		"object": {"config": {"a": 1}, "want": {"a": 1}},
		"text of v1alpha1": {"config": "a: 1", "want": {"a": 1}},
		"text that is no YAML": {"config": "a: [", "want": {}},
		"text that is no mapping": {"config": "a", "want": {}},
		"list": {"config": [], "want": {}},
		"null": {"config": null, "want": {}},
	}
	collector.config({"spec": {"config": case.config}}) == case.want
}

test_nothing_is_read_of_what_is_missing if {
	every bad in [{}, {"spec": "text"}, {"spec": {"config": {"service": "text"}}}, {"spec": {"config": {"service": {"pipelines": {"logs": "text"}}}}}] {
		collector.ports(bad) == set()
		collector.used(bad, "receivers") == []
	}
}

test_used if {
	collector.used(_collector, "exporters") == [
		{"id": "otlp/backend", "type": "otlp", "value": {"endpoint": "tempo:4317"}, "path": ["spec", "config", "exporters", "otlp/backend"]},
		{"id": "prometheus", "type": "prometheus", "value": {"endpoint": "0.0.0.0:8889"}, "path": ["spec", "config", "exporters", "prometheus"]},
	]
}

test_used_without_configuration if {
	spec := {"config": {"service": {"pipelines": {"logs": {"receivers": ["otlp"]}}}}}
	collector.used({"spec": spec}, "receivers") == [{"id": "otlp", "type": "otlp", "value": null, "path": ["spec", "config", "receivers", "otlp"]}]
}

test_pipelines if {
	{pipeline.key | some pipeline in collector.pipelines(_collector)} == {"logs", "metrics", "traces"}
	collector.pipelines({}) == []
}

test_collectors_of_an_overlay if {
	collector.input_collectors == {1: _collector} with input as {"objects": [{"apiVersion": "v1", "kind": "OpenTelemetryCollector"}, _collector]}
	collector.input_collectors == {} with input as {"objects": []}
}
