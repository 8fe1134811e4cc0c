# METADATA
# scope: package
# title: eBPF instrumentation or the SDK, not both
# description: |
#   inject-go adds an agent that makes spans of what it sees in the process. Beside the SDK every
#   request has two server spans with different parents, rates double, and the trace of one request
#   falls apart in two.
# related_resources:
#   - ref: https://opentelemetry.io/docs/zero-code/go/autosdk/
#   - ref: https://github.com/open-telemetry/opentelemetry-operator/blob/v0.140.0/README.md#opentelemetry-auto-instrumentation-injection
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: inject-go
#   fix: Set OTEL_SDK_DISABLED to "true" in the container, or take the annotation away.
package policies.telemetry.ebpf_or_sdk

import data.policies.lib.envvar
import data.policies.lib.object as obj_lib
import data.policies.lib.workload

_inject := "instrumentation.opentelemetry.io/inject-go"

deny contains {"msg": msg, "path": array.concat(["objects", i], variable.path)} if {
	some i, obj in workload.input_workloads
	_is_injected(obj)
	variables := envvar.of(obj)
	some variable in variables
	_speaks_of_sdk(variable.name)
	not _is_disabled(variables, variable.title)
	msg := sprintf("%s of %s is instrumented by eBPF and sets %s for the SDK, which is not disabled", [
		variable.title,
		obj_lib.title(obj),
		variable.name,
	])
}

# The pod's annotation counts, or else that of its namespace.
_is_injected(obj) if {
	own := object.get(workload.annotations(obj), _inject, object.get(_of_namespace(obj), _inject, "false"))
	not own in {"", "false"}
}

# Of several Namespaces of one name, a fault of its own, everything counts.
_of_namespace(obj) := object.union_n([obj_lib.annotations(namespace) |
	some namespace in _namespaces[obj_lib.namespace(obj)]
])

_namespaces := _namespaces_by_name

_namespaces_by_name[obj_lib.name(obj)] contains obj if some obj in obj_lib.of_kind[""].Namespace

_speaks_of_sdk(name) if name in {"OTLP_ENDPOINT", "OTLP_SAMPLE_RATE"}

_speaks_of_sdk(name) if {
	startswith(name, "OTEL_")
	not startswith(name, "OTEL_GO_AUTO_")
	name != "OTEL_SDK_DISABLED"
}

_is_disabled(variables, container) if {
	some variable in variables
	variable.title == container
	variable.name == "OTEL_SDK_DISABLED"
	variable.value == "true"
}
