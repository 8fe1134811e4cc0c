# METADATA
# scope: package
# title: The Collector limits its memory first
# description: |
#   Without memory_limiter, or with it after a batch processor, a backend that is slow for minutes
#   fills the Collector's memory until the kernel kills it, and all that it held is lost. First in
#   the pipeline it refuses data, and the senders keep and retry it.
# related_resources:
#   - ref: https://github.com/open-telemetry/opentelemetry-collector/tree/main/processor/memorylimiterprocessor#best-practices
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: OpenTelemetryCollector
#   fix: Configure memory_limiter and put it first in the processors of every pipeline.
package policies.telemetry.collector_memory_limiter

import data.policies.lib.collector
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": array.concat(pipeline.path, ["processors"])} if {
	input.kind == "OpenTelemetryCollector"
	collector.is_collector(input)
	some pipeline in collector.pipelines(input)
	not _good(pipeline.value)
	msg := sprintf("pipeline %v of %s does not begin with memory_limiter", [json.marshal(pipeline.key), obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "config", "service", "pipelines"]} if {
	input.kind == "OpenTelemetryCollector"
	collector.is_collector(input)
	collector.pipelines(input) == []
	msg := sprintf("%s has no pipeline", [obj_lib.title(input)])
}

_good(pipeline) if {
	first := pipeline.processors[0]
	collector.type(first) == "memory_limiter"
	is_object(collector.config(input).processors[first])
}
