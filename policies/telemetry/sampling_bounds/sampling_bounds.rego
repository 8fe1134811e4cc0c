# METADATA
# scope: package
# title: Sampling is within the environment's bounds
# description: |
#   A rate of 1 copied from dev to prod costs more in spans than the service itself, and a rate of 0
#   leaves an incident without a trace. A rate that does not parse is ignored by the SDK, which then
#   samples everything.
# related_resources:
#   - ref: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
#   - ref: https://istio.io/latest/docs/reference/config/telemetry/#Tracing
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: OTLP_SAMPLE_RATE OTEL_TRACES_SAMPLER telemetry.istio.io Instrumentation
#   fix: Set the rate in the service's environment object of the overlay, within environments.sampling of kgate.yaml.
package policies.telemetry.sampling_bounds

import data.policies.lib.object as obj_lib
import data.policies.lib.sampling

deny contains {"msg": msg, "path": array.concat(["objects", i], rate.path)} if {
	some {"index": i, "rate": rate} in sampling.input_rates
	fault := _fault(rate.ratio)
	msg := sprintf("%s samples %v, which is %s", [rate.title, json.marshal(rate.written), fault])
}

_fault(ratio) := "no rate" if not is_number(ratio)

else := "not between none and all" if not _within(ratio, 0, 1)

else := sprintf("not within %v and %v of environment %v", [_bounds.min, _bounds.max, input.target.environment.name]) if {
	not _within(ratio, _bounds.min, _bounds.max)
}

_within(ratio, least, most) if {
	ratio >= least
	ratio <= most
}

_bounds := {
	"min": obj_lib.at(input, ["target", "environment", "sampling", "min"], 0),
	"max": obj_lib.at(input, ["target", "environment", "sampling", "max"], 1),
}
