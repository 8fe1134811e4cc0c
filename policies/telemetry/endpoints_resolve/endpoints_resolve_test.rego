package policies.telemetry.endpoints_resolve_test

import data.policies.telemetry.endpoints_resolve

_collector := {"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "otel", "namespace": "observability"}, "spec": {"config": {
	"receivers": {"otlp": {"protocols": {"grpc": {}, "http": {}}}},
	"service": {"pipelines": {"traces": {"receivers": ["otlp"]}}},
}}}

_around := [_collector, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "tempo", "namespace": "shop"}, "spec": {"ports": [{"port": 4317}]}}]

_external := [{"kind": "Service", "namespace": "telemetry", "name": "gateway", "ports": [4317]}]

_deny(obj) := faults if {
	faults := endpoints_resolve.deny with input as {"objects": array.concat(_around, [obj]), "external": _external}
}

_named(api_version, kind, spec) := {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}

_containers(name, value) := {"containers": [{"name": "app", "ports": [{"containerPort": 9999}], "env": [{"name": name, "value": value}]}]}

_pod(name, value) := _named("v1", "Pod", _containers(name, value))

_variables := ["OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]

_good := [
	"otel-collector.observability:4317", "http://otel-collector.observability:4318", "http://otel-collector.observability.svc:4318/v1/traces",
	"otel-collector.observability.svc.cluster.local:4317", "tempo:4317", "gateway.telemetry:4317", "localhost:9999",
]

_bad := [
	"otel-collector:4317", "otel-collector.observability:4319", "missing.observability:4317", "gateway.telemetry:4318", "localhost:4317",
	"api.example.com:443", "tempo", "", "$HOST:4317", 4317, null,
]

test_resolves[value] if {
	some value in _good
	_deny(_pod("OTLP_ENDPOINT", value)) == set()
}

test_does_not_resolve[sprintf("%v", [value])] if {
	some value in _bad
	{fault.path | some fault in _deny(_pod("OTLP_ENDPOINT", value))} == {["objects", 2, "spec", "containers", 0, "env", 0, "value"]}
}

test_what_somebody_else_fills_in[value] if {
	some value in ["$(HOST):4317", "http://$(NODE_IP):4317", "${env:GATEWAY}:4317", "${GATEWAY}", "{{ .Values.endpoint }}", "otel.{{cluster}}:4317"]
	_deny(_pod("OTLP_ENDPOINT", value)) == set()
	_deny(_exporting({"otlp": {"endpoint": value}})) == set()
	_deny(_named("opentelemetry.io/v1alpha1", "Instrumentation", {"exporter": {"endpoint": value}})) == set()
}

test_sockets[value] if {
	some value in ["unix:///run/otel.sock", "unix:/run/otel.sock", "unix-abstract:otel"]
	_deny(_exporting({"otlp": {"endpoint": value}})) == set()
	count(_deny(_exporting({"otlp": {"endpoint": concat("", ["x", value])}}))) == 1
}

test_pods_of_a_stateful_set if {
	every value in ["http://tempo-0.tempo.shop.svc.cluster.local:4317", "tempo-12.tempo.shop:4317", "tempo-0.tempo.shop.svc.cluster.local.:4317"] {
		_deny(_pod("OTLP_ENDPOINT", value)) == set()
	}
	every value in ["http://tempo-0.gone.shop.svc.cluster.local:4317", "http://tempo.tempo.shop.svc.cluster.local:4317"] {
		count(_deny(_pod("OTLP_ENDPOINT", value))) == 1
	}
}

test_an_empty_variable_is_not_set if {
	_deny(_pod("OTEL_EXPORTER_OTLP_ENDPOINT", "")) == set()
	count(_deny(_pod("OTLP_ENDPOINT", ""))) == 1
}

test_addresses[value] if {
	some value in ["http://[fd00::12]:4318", "10.1.2.3:4317", "dns://10.96.0.10/tempo.shop:4317"]
	_deny(_pod("OTLP_ENDPOINT", value)) == set()
}

test_exporters_that_call_something_else_so if {
	_deny(_exporting({"clickhouse": {"endpoint": "tcp://gone.db:9000?compress=lz4"}, "syslog": {"endpoint": "syslog.example.com", "port": 514}, "awsxray": {"endpoint": ""}})) == set()
	_deny(_exporting({"otlphttp": {"endpoint": "", "traces_endpoint": "http://tempo.shop:4317/v1/traces"}})) == set()
	count(_deny(_exporting({"otlphttp": {"endpoint": "", "traces_endpoint": ""}}))) == 2
}

test_values_from_elsewhere if {
	env := [{"name": "OTLP_ENDPOINT", "valueFrom": {"secretKeyRef": {"name": "vendor", "key": "endpoint"}}}]
	_deny(_named("v1", "Pod", {"containers": [{"name": "app", "env": env}]})) == set()
}

_sending(value) := {"name": "app", "env": [{"name": "OTLP_ENDPOINT", "value": value}]}

_at(object_annotations, spec) := {
	"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
	"spec": {"template": {"metadata": {"annotations": object_annotations}, "spec": spec}},
}

_alone := {"containers": [_sending("http://localhost:4317")]}

test_what_is_alone_in_its_pod if {
	every spec in [_alone, object.union(_alone, {"initContainers": [{"name": "init"}], "hostNetwork": false})] {
		{fault.msg | some fault in _deny(_at({}, spec))} == {`container "app" of Deployment "web" (OTLP_ENDPOINT) sends to "http://localhost:4317", and no container of its pod has port 4317`}
	}
}

test_what_may_listen_beside[name] if {
	some name, spec in {
		"a container": {"containers": [_sending("127.0.0.1:4317"), {"name": "otc"}]},
		"a container with ports": {"containers": [_sending("localhost:4317"), {"name": "otc", "ports": [{"containerPort": 8888}]}]},
		"a sidecar": object.union(_alone, {"initContainers": [{"name": "otc", "restartPolicy": "Always"}]}),
		"the node": object.union(_alone, {"hostNetwork": true}),
	}
	_deny(_at({}, spec)) == set()
}

test_sidecars_that_are_injected if {
	inject := "sidecar.opentelemetry.io/inject"
	every value in ["true", "agent", "observability/agent"] {
		_deny(_at({inject: value}, _alone)) == set()
	}
	every annotations in [{inject: "false"}, {"sidecar.istio.io/inject": "true"}, {"instrumentation.opentelemetry.io/inject-java": "true"}] {
		count(_deny(_at(annotations, _alone))) == 1
	}
}

test_sidecars_of_a_namespace[name] if {
	inject := "sidecar.opentelemetry.io/inject"
	namespace := {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "annotations": {inject: "true"}}}
	agent := {"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "agent", "namespace": "shop"}, "spec": {"mode": "sidecar", "config": {}}}
	some name, case in {
		"annotated": {"beside": namespace, "pod": {}, "want": 0},
		"annotated, and the pod not": {"beside": namespace, "pod": {inject: "false"}, "want": 1},
		"not annotated": {"beside": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, "pod": {}, "want": 1},
		"another": {"beside": object.union(namespace, {"metadata": {"name": "other"}}), "pod": {}, "want": 1},
		"not rendered": {"beside": agent, "pod": {}, "want": 0},
		"not rendered, and the pod not": {"beside": agent, "pod": {inject: "false"}, "want": 1},
		"of another namespace": {"beside": object.union(agent, {"metadata": {"namespace": "other"}}), "pod": {}, "want": 1},
	}
	faults := endpoints_resolve.deny with input as {"objects": [case.beside, _at(case.pod, _alone)], "external": []}
	count(faults) == case.want
}

test_a_collector_and_its_loopback if {
	own := {"receivers": {"otlp": {"protocols": {"grpc": {}}}}, "exporters": {"otlp": {"endpoint": "localhost:4317"}}, "service": {"pipelines": {
		"traces": {"receivers": ["otlp"], "exporters": ["otlp"]},
	}}}
	other := object.union(own, {"exporters": {"otlp": {"endpoint": "localhost:4318"}}})
	_deny(_named("opentelemetry.io/v1beta1", "OpenTelemetryCollector", {"config": own})) == set()
	{fault.msg | some fault in _deny(_named("opentelemetry.io/v1beta1", "OpenTelemetryCollector", {"config": other}))} == {`exporter otlp of OpenTelemetryCollector "web" sends to "localhost:4318", and no container of its pod has port 4318`}
	every spec in [
		{"mode": "sidecar"}, {"hostNetwork": true}, {"additionalContainers": [{"name": "a"}]},
		{"initContainers": [{"name": "a"}]}, {"podAnnotations": {"sidecar.example.com/inject": "true"}},
	] {
		_deny(_named("opentelemetry.io/v1beta1", "OpenTelemetryCollector", object.union(spec, {"config": other}))) == set()
	}
}

# Whose pod it is, neither says.
test_other_loopbacks if {
	_deny(_named("opentelemetry.io/v1alpha1", "Instrumentation", {"exporter": {"endpoint": "http://localhost:4317"}})) == set()
	_deny(_forwarding({"name": "forward", "host": "127.0.0.1", "port": 24224})) == set()
}

test_every_variable[name] if {
	some name in _variables
	count(_deny(_pod(name, "missing:4317"))) == 1
}

test_every_workload_kind[kind] if {
	some kind, api_version in {"DaemonSet": "apps/v1", "Deployment": "apps/v1", "Job": "batch/v1", "ReplicaSet": "apps/v1", "ReplicationController": "v1", "StatefulSet": "apps/v1"}
	count(_deny(_named(api_version, kind, {"template": {"spec": _containers("OTLP_ENDPOINT", "missing:4317")}}))) == 1
	_deny(_named(api_version, kind, {"template": {"spec": _containers("OTLP_ENDPOINT", "tempo:4317")}})) == set()
}

test_cron_job if {
	count(_deny(_named("batch/v1", "CronJob", {"jobTemplate": {"spec": {"template": {"spec": _containers("OTLP_ENDPOINT", "missing:4317")}}}}))) == 1
}

test_instrumentation if {
	_deny(_named("opentelemetry.io/v1alpha1", "Instrumentation", {"exporter": {"endpoint": "http://tempo:4317"}})) == set()
	every spec in [{"exporter": {"endpoint": ""}}, {"exporter": "text"}, {}, "text"] {
		_deny(_named("opentelemetry.io/v1alpha1", "Instrumentation", spec)) == set()
	}
	every spec in [{"exporter": {"endpoint": "http://tempo:4318"}}, {"exporter": {"endpoint": "tempo"}}] {
		{fault.path | some fault in _deny(_named("opentelemetry.io/v1alpha1", "Instrumentation", spec))} == {["objects", 2, "spec", "exporter", "endpoint"]}
	}
}

_adapter(argument) := _named("v1", "Pod", {"containers": [{"name": "adapter", "args": ["--v=2", argument, 1]}]})

test_what_the_adapter_reads if {
	every url in ["http://gateway.telemetry:4317", "http://tempo:4317/api", "https://prometheus.example.com", "http://prometheus.monitoring:9090", "$(URL)", ""] {
		_deny(_adapter(concat("", ["--prometheus-url=", url]))) == set()
	}
	every url in ["http://gatewy.telemetry:4317", "http://gateway.telemetry:4318", "http://temp.shop.svc:4317"] {
		{fault.path | some fault in _deny(_adapter(concat("", ["--prometheus-url=", url])))} == {["objects", 2, "spec", "containers", 0, "args", 1]}
	}
	_deny(_adapter("--url=http://gatewy.telemetry:4317")) == set()
}

_exporting(exporters) := _named("opentelemetry.io/v1beta1", "OpenTelemetryCollector", {"config": {
	"exporters": exporters,
	"service": {"pipelines": {"traces": {"exporters": [id | some id, _ in exporters]}}},
}})

test_exporters_of_a_collector if {
	_deny(_exporting({"otlp/a": {"endpoint": "gateway.telemetry:4317"}, "debug": {"endpoint": "missing"}, "prometheus": {"endpoint": "0.0.0.0:8889"}})) == set()
	{fault.path | some fault in _deny(_exporting({"otlphttp": {"traces_endpoint": "http://missing:4318"}, "otlp/b": {"endpoint": 1}}))} == {
		["objects", 2, "spec", "config", "exporters", "otlphttp", "traces_endpoint"],
		["objects", 2, "spec", "config", "exporters", "otlp/b", "endpoint"],
	}
}

_forwarding(output) := {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fluent-bit", "namespace": "logging"}, "data": {"fluent-bit.yaml": yaml.marshal({"pipeline": {"outputs": [output]}})}}

test_outputs_of_fluent_bit if {
	every output in [
		{"name": "opentelemetry", "Host": "gateway.telemetry", "Port": 4317}, {"name": "stdout"}, {"name": "forward", "host": "gateway.telemetry", "port": "4317"},
		{"name": "http", "host": "gateway.telemetry"}, {"name": "loki", "host": "${LOKI_HOST}", "port": "${LOKI_PORT}"},
		{"name": "prometheus_exporter", "host": "0.0.0.0", "port": 2021}, {"name": "Vivo_Exporter", "host": "0.0.0.0"},
	] {
		_deny(_forwarding(output)) == set()
	}
	every output, property in {
		{"name": "forward", "host": "gateway.telemetry"}: "host",
		{"name": "http", "host": "missing.telemetry"}: "host",
		{"name": "forward", "host": 1, "port": 2}: "host",
		{"name": "forward", "host": "missing.telemetry", "port": 4317}: "host",
		{"name": "forward", "host": "gateway.telemetry", "port": 70000}: "port",
		{"name": "forward", "Host": "gateway.telemetry", "Port": 4318}: "Port",
	} {
		{fault.path | some fault in _deny(_forwarding(output))} == {["objects", 2, "data", "fluent-bit.yaml", "pipeline", "outputs", 0, property]}
	}
}

# Of a Service that kgate.yaml declares without ports, nobody here knows them.
test_ports_that_are_not_declared[sprintf("%v", [ports])] if {
	some ports, want in {[]: set(), [4318]: {", and gateway.other.svc.cluster.local has only ports 4318"}}
	external := [{"kind": "Service", "namespace": "other", "name": "gateway", "provider": "a chart", "ports": ports}]
	faults := endpoints_resolve.deny with input as {"objects": [_pod("OTLP_ENDPOINT", "gateway.other:4317")], "external": external}
	{substring(fault.msg, indexof(fault.msg, ", and"), -1) | some fault in faults} == want
}

test_message if {
	_deny(_pod("OTLP_ENDPOINT", "otel-collector.observability:4319")) == {{
		"path": ["objects", 2, "spec", "containers", 0, "env", 0, "value"],
		"msg": `container "app" of Pod "web" (OTLP_ENDPOINT) sends to "otel-collector.observability:4319", and otel-collector.observability.svc.cluster.local has only ports 4317, 4318`,
	}}
	{fault.msg | some fault in _deny(_pod("OTLP_ENDPOINT", "missing:4317"))} == {`container "app" of Pod "web" (OTLP_ENDPOINT) sends to "missing:4317": no Service missing.shop.svc.cluster.local is rendered or declared external`}
	{fault.msg | some fault in _deny(_pod("OTLP_ENDPOINT", "missing"))} == {`container "app" of Pod "web" (OTLP_ENDPOINT) sends to "missing", where no host and port can be read`}
}

test_allows_addresses if {
	_deny(_pod("OTLP_ENDPOINT", "http://10.1.1.100:9009/otlp")) == set()
	count(_deny(_pod("OTLP_ENDPOINT", "http://10.1.1.100.example:9009/otlp"))) == 1
}

# Whoever deploys an object without a namespace says where it is.
test_services_without_a_namespace_may_be_meant[text] if {
	some text, want in {
		"gateway.telemetry:4317": set(),
		"gateway.telemetry:1": set(),
		"gateway:4317": set(),
		"gateway:1": {", and gateway has only ports 4317"},
		"other:4317": {": no Service other is rendered or declared external"},
	}
	service := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "gateway"}, "spec": {"ports": [{"port": 4317}]}}
	env := [{"name": "OTLP_ENDPOINT", "value": text}]
	pod := {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "app", "env": env}]}}
	faults := endpoints_resolve.deny with input as {"objects": [service, pod], "external": []}
	{split(fault.msg, json.marshal(text))[1] | some fault in faults} == want
}

# The operator makes these Services, and nobody here knows all of their ports.
test_services_that_an_operator_makes if {
	otel := {"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "otel", "namespace": "shop"}, "spec": {"config": {}}}
	every suffix in ["collector-headless", "collector-monitoring"] {
		text := sprintf("otel-%s:4317", [suffix])
		pod := _pod("OTLP_ENDPOINT", text)
		endpoints_resolve.deny == set() with input as {"objects": [otel, pod], "external": []}
	}
}
