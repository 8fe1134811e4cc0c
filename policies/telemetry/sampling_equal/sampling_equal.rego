# METADATA
# scope: package
# title: One sampling rate in an overlay
# description: |
#   Samplers are parent-based: whoever sees a request first decides. With another rate in the mesh
#   than in the SDK the effective rate is the mesh's for requests that come through it and the SDK's
#   for all others, and stable and canary cannot be compared.
# related_resources:
#   - ref: https://opentelemetry.io/docs/specs/otel/trace/sdk/#parentbased
# custom:
#   severity: error
#   states: convention
#   scope: overlay
#   mentions: OTLP_SAMPLE_RATE OTEL_TRACES_SAMPLER telemetry.istio.io Instrumentation
#   fix: Write ratio and percentage once, in the service's environment object of the overlay, and let replacements carry them.
package policies.telemetry.sampling_equal

import data.policies.lib.sampling

deny contains {"msg": msg, "path": _path(other), "with": {_path(first)}} if {
	first := _rates[0]
	some other in _rates
	abs(first.rate.ratio - other.rate.ratio) > 0.000000001
	msg := sprintf("%s samples %v and %s samples %v", [
		other.rate.title,
		other.rate.ratio,
		first.rate.title,
		first.rate.ratio,
	])
}

_path(found) := array.concat(["objects", found.index], found.rate.path)

# What is no rate is telemetry/sampling-bounds' business.
_rates := [found |
	some found in sampling.input_rates
	is_number(found.rate.ratio)
]
