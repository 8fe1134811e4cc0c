# METADATA
# scope: package
# title: How many traces are sampled
# description: |
#   The sampling rate is written in three places that know nothing of each other: the SDK's
#   environment, Istio's Telemetry (in percent) and the operator's Instrumentation. Here each is a
#   ratio. For rules whose input is an overlay.
package policies.lib.sampling

import data.policies.lib.entry
import data.policies.lib.envvar
import data.policies.lib.object as obj_lib
import data.policies.lib.workload

# METADATA
# description: |
#   The rates that an object sets, each {ratio, written, title, path}; ratio is null where what is
#   written is no number.
rates(obj) := [rate |
	variables := envvar.of(obj)
	some variable in variables
	some written in _of_variable(variable)
	not _is_no_rate(variable, variables)
	rate := {
		"ratio": _ratio(written),
		"written": written,
		"title": sprintf("%s of %s", [variable.title, obj_lib.title(obj)]),
		"path": variable.path,
	}
] if {
	workload.is_workload(obj)
} else := [rate |
	some tracing in entry.list(obj_lib.at(obj, ["spec", "tracing"], null), ["spec", "tracing"])
	written := obj_lib.at(tracing.value, ["randomSamplingPercentage"], null)
	written != null
	rate := {
		"ratio": _percentage(written),
		"written": written,
		"title": obj_lib.title(obj),
		"path": array.concat(tracing.path, ["randomSamplingPercentage"]),
	}
] if {
	obj_lib.is_kind(obj, "telemetry.istio.io", "Telemetry")
} else := [rate |
	sampler := obj_lib.at(obj, ["spec", "sampler"], null)
	sampler != null
	type := obj_lib.at(sampler, ["type"], null)
	not type in _elsewhere
	argument := obj_lib.at(sampler, ["argument"], "")
	not obj_lib.is_filled_in(argument)
	written := _of_sampler(type, object.get({"": "1"}, argument, argument)) # not set, it is 1
	rate := {
		"ratio": _ratio(written),
		"written": written,
		"title": obj_lib.title(obj),
		"path": ["spec", "sampler", "argument"],
	}
] if {
	obj_lib.is_kind(obj, "opentelemetry.io", "Instrumentation")
} else := []

# METADATA
# description: the rates that the objects of an overlay set, each {index, rate}, index in input.objects
input_rates := [{"index": index, "rate": rate} |
	some index, obj in object.union_n([
		workload.input_workloads,
		object.get(obj_lib.of_kind, ["telemetry.istio.io", "Telemetry"], {}),
		object.get(obj_lib.of_kind, ["opentelemetry.io", "Instrumentation"], {}),
	])
	some rate in rates(obj)
]

_of_variable(variable) := [variable.value] if variable.name in {"OTLP_SAMPLE_RATE", "OTEL_TRACES_SAMPLER_ARG"}

_of_variable(variable) := [_fixed[variable.value]] if variable.name == "OTEL_TRACES_SAMPLER"

# The argument of a sampler that takes none, or another than a rate.
_is_no_rate(variable, variables) if {
	variable.name == "OTEL_TRACES_SAMPLER_ARG"
	some sampler in variables
	sampler.name == "OTEL_TRACES_SAMPLER"
	sampler.title == variable.title
	is_string(sampler.value)
	not sampler.value in {"", "traceidratio", "parentbased_traceidratio"}
}

# What is empty counts as not set, and what another variable fills in nobody here knows.
_is_no_rate(variable, _) if {
	variable.name == "OTEL_TRACES_SAMPLER_ARG"
	variable.value == ""
}

_is_no_rate(variable, _) if obj_lib.is_filled_in(variable.value)

# Samplers that ask somebody else for the rate.
_elsewhere := {"jaeger_remote", "parentbased_jaeger_remote", "xray"}

_of_sampler(type, _) := _fixed[type] if _fixed[type]

_of_sampler(type, argument) := argument if not _fixed[type]

# Samplers that take no argument.
_fixed := {
	"always_on": "1",
	"always_off": "0",
	"parentbased_always_on": "1",
	"parentbased_always_off": "0",
}

# As languages read it: 0.1, .1, 1., +1e-3.
_ratio(written) := to_number(concat("", ["0", whole, trim_suffix(fraction, "."), exponent])) if {
	is_string(written)
	[[_, whole, fraction, exponent]] := regex.find_all_string_submatch_n(`^\+?([0-9]{0,9})(\.[0-9]{0,20})?([eE][-+]?[0-9]{1,2})?$`, written, 1)
	regex.match(`[0-9]`, concat("", [whole, fraction]))
} else := null

_percentage(written) := written / 100 if is_number(written)

else := null
