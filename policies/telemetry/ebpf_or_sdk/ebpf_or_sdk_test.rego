package policies.telemetry.ebpf_or_sdk_test

import data.policies.telemetry.ebpf_or_sdk

_inject := "instrumentation.opentelemetry.io/inject-go"

_template(annotations, variables) := {
	"metadata": {"annotations": annotations},
	"spec": {"containers": [{"name": "app", "env": [{"name": name, "value": value} | some name, value in variables]}]},
}

_workload("Pod", template) := {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop", "annotations": template.metadata.annotations}, "spec": template.spec}

_workload("CronJob", template) := {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"jobTemplate": {"spec": {"template": template}}}}

_workload(kind, template) := {"apiVersion": _kinds[kind], "kind": kind, "metadata": {"name": "web", "namespace": "shop"}, "spec": {"template": template}} if _kinds[kind]

_kinds := {"DaemonSet": "apps/v1", "Deployment": "apps/v1", "Job": "batch/v1", "ReplicaSet": "apps/v1", "ReplicationController": "v1", "StatefulSet": "apps/v1"}

_faults(kind, annotations, variables, of_namespace) := faults if {
	faults := ebpf_or_sdk.deny with input as {"objects": [
		{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "annotations": of_namespace}},
		_workload(kind, _template(annotations, variables)),
	]}
}

_deny(annotations, variables) := _faults("Deployment", annotations, variables, {})

test_both[kind] if {
	some kind in (object.keys(_kinds) | {"CronJob", "Pod"})
	count(_faults(kind, {_inject: "true"}, {"OTLP_ENDPOINT": "a:1"}, {})) == 1
	_faults(kind, {}, {"OTLP_ENDPOINT": "a:1"}, {}) == set()
}

test_either[name] if {
	some name, case in {
		"no injection": {"annotations": {}, "variables": {"OTEL_SERVICE_NAME": "web"}},
		"injection off": {"annotations": {_inject: "false"}, "variables": {"OTEL_SERVICE_NAME": "web"}},
		"no SDK": {"annotations": {_inject: "true"}, "variables": {"APP_NAME": "web", "OTEL_GO_AUTO_TARGET_EXE": "/app"}},
		"SDK off": {"annotations": {_inject: "web"}, "variables": {"OTEL_SERVICE_NAME": "web", "OTLP_ENDPOINT": "a:1", "OTEL_SDK_DISABLED": "true"}},
	}
	_deny(case.annotations, case.variables) == set()
}

test_sdk_is_not_disabled[sprintf("%v", [value])] if {
	some value in ["false", "", "True ", true, null]
	count(_deny({_inject: "true"}, {"OTLP_SAMPLE_RATE": "1", "OTEL_SDK_DISABLED": value})) == 1
}

test_injection_by_the_namespace if {
	count(_faults("Deployment", {}, {"OTLP_ENDPOINT": "a:1"}, {_inject: "true"})) == 1
	_faults("Deployment", {_inject: "false"}, {"OTLP_ENDPOINT": "a:1"}, {_inject: "true"}) == set()
}

test_two_namespaces_of_one_name if {
	namespace := {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
	faults := ebpf_or_sdk.deny with input as {"objects": [
		object.union(namespace, {"metadata": {"annotations": {_inject: "true"}}}),
		object.union(namespace, {"metadata": {"annotations": {"team": "shop"}}}),
		_workload("Deployment", _template({}, {"OTLP_ENDPOINT": "a:1"})),
	]}
	count(faults) == 1
}

test_namespace_that_is_not_rendered if {
	faults := ebpf_or_sdk.deny with input as {"objects": [_workload("Deployment", _template({}, {"OTLP_ENDPOINT": "a:1"}))]}
	faults == set()
}

test_wrong_types if {
	count(_deny({_inject: true}, {"OTLP_ENDPOINT": "a:1"})) == 1
	_deny("text", {"OTLP_ENDPOINT": "a:1"}) == set()
}

test_message if {
	_deny({_inject: "true"}, {"OTLP_ENDPOINT": "a:1"}) == {{
		"path": ["objects", 1, "spec", "template", "spec", "containers", 0, "env", 0, "value"],
		"msg": `container "app" of Deployment "web" is instrumented by eBPF and sets OTLP_ENDPOINT for the SDK, which is not disabled`,
	}}
}
