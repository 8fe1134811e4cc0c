# METADATA
# scope: package
# title: The Collector queues and retries what it sends
# description: |
#   An exporter whose queue or retry is off drops every batch that the backend does not take at
#   once, so a restart of the backend is a hole in every trace, metric and log.
# related_resources:
#   - ref: https://github.com/open-telemetry/opentelemetry-collector/tree/main/exporter/exporterhelper
# custom:
#   severity: error
#   states: convention
#   scope: object
#   fix: Set sending_queue.enabled and retry_on_failure.enabled to true.
package policies.telemetry.collector_retries

import data.policies.lib.collector
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": array.concat(exporter.path, [field, "enabled"])} if {
	input.kind == "OpenTelemetryCollector"
	collector.is_collector(input)
	some exporter in collector.used(input, "exporters")
	not exporter.type in {"debug", "file", "nop", "prometheus"}
	some field in ["sending_queue", "retry_on_failure"]
	not _good(exporter.value, field)
	msg := sprintf("exporter %s of %s has no %s", [exporter.id, obj_lib.title(input), field])
}

# Said aloud: not every exporter has them on by default.
_good(value, field) if value[field].enabled == true
