# METADATA
# scope: package
# title: The Collector queues and retries what it sends
# description: |
#   An exporter whose queue or retry is off drops every batch that the backend does not take at
#   once, so a restart of the backend is a hole in every trace, metric and log. Asked of exporters
#   that are known to have them.
# related_resources:
#   - ref: https://github.com/open-telemetry/opentelemetry-collector/tree/main/exporter/exporterhelper
#   - ref: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/v0.145.0/exporter
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: OpenTelemetryCollector
#   fix: Set sending_queue.enabled and retry_on_failure.enabled to true.
package policies.telemetry.collector_retries

import data.policies.lib.collector
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": array.concat(exporter.path, [field, "enabled"])} if {
	input.kind == "OpenTelemetryCollector"
	collector.is_collector(input)
	some exporter in collector.used(input, "exporters")
	some field in _fields[exporter.type]
	not _good(exporter.value, field)
	msg := sprintf("exporter %s of %s has no %s", [exporter.id, obj_lib.title(input), field])
}

# Said aloud: not every exporter has them on by default.
_good(value, field) if value[field].enabled == true

# What the configurations of exporters have of exporterhelper, as the source of the Collector and of its contrib says. Others
# write to a file, are scraped, keep a queue under another name, or are not known here.
_fields := object.union_n([_queued_and_retried, _queued, _retried])

_queued_and_retried := {type: {"sending_queue", "retry_on_failure"} |
	some type in [
		"awskinesis", "clickhouse", "coralogix", "influxdb", "kafka", "loki", "mezmo", "opensearch", "otelarrow",
		"otlp", "otlp_grpc", "otlp_http", "otlphttp", "pulsar", "sapm", "signalfx", "splunk_hec", "stef", "sumologic", "syslog", "zipkin",
	]
}

_queued := {type: {"sending_queue"} | some type in ["elasticsearch", "googlecloud", "googlemanagedprometheus"]}

_retried := {type: {"retry_on_failure"} | some type in ["prometheus_remote_write", "prometheusremotewrite", "rabbitmq"]}
