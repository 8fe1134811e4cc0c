# METADATA
# scope: package
# title: Telemetry is sent to a Service and port that exist
# description: |
#   An exporter with a wrong endpoint fails quietly: the service runs, its queue fills and drops, and
#   the traces are missing on the day they are needed. It happens when a collector is renamed, or
#   when the OTLP port for gRPC is written where HTTP is spoken.
# related_resources:
#   - ref: https://opentelemetry.io/docs/specs/otel/protocol/exporter/
#   - ref: https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: OTLP_ENDPOINT OTEL_EXPORTER prometheus-url opentelemetry.io pipeline
#   fix: Name a Service and a port of the overlay, or declare both under external in kgate.yaml.
package policies.telemetry.endpoints_resolve

import data.policies.lib.collector
import data.policies.lib.endpoint
import data.policies.lib.envvar
import data.policies.lib.fluentbit
import data.policies.lib.object as obj_lib
import data.policies.lib.registry
import data.policies.lib.workload

deny contains {"msg": msg, "path": array.concat(["objects", i], _path(use, obj)), "missing": missing} if {
	some i, obj in _senders
	some use in _judged(obj)
	_is_lost(use, obj)
	fault := _fault(use, obj)
	missing := registry.missing(_name(use, obj))
	msg := sprintf("%s sends to %v%s", [use.title, json.marshal(use.value), fault])
}

deny contains {"msg": msg, "path": array.concat(["objects", i], _path(use, obj))} if {
	some i, obj in _senders
	some use in _judged(obj)
	not _is_lost(use, obj)
	fault := _fault(use, obj)
	msg := sprintf("%s sends to %v%s", [use.title, json.marshal(use.value), fault])
}

_senders := object.union_n([
	workload.input_workloads,
	collector.input_collectors,
	object.get(obj_lib.of_kind, ["opentelemetry.io", "Instrumentation"], {}),
	object.get(obj_lib.of_kind, ["", "ConfigMap"], {}),
])

_judged(obj) := [use |
	some use in _uses(obj)
	not _is_unknown(use)
	not _is_beside(use, obj)
]

# What a variable, a template or somebody else fills in, and what listens at a socket, nobody here knows.
_is_unknown(use) if {
	is_string(use.value)
	regex.match(`\$[({]|\{\{|^unix(-abstract)?:`, use.value)
}

_is_unknown(use) if {
	use.value == null
	use.path[count(use.path) - 1] == "valueFrom"
}

# A loopback address is another container of the pod, which may listen where it declares no port.
_is_beside(use, obj) if {
	_is_loopback(use)
	not _is_alone(obj)
}

_is_alone(obj) if {
	workload.is_workload(obj)
	obj_lib.at(workload.spec(obj), ["hostNetwork"], false) == false
	count([container | some container in workload.containers(obj); container.kind in {"container", "sidecar"}]) == 1
	not _is_injected(obj)
}

_is_alone(obj) if {
	collector.is_collector(obj)
	obj_lib.at(obj, ["spec", "mode"], "deployment") != "sidecar"
	obj_lib.at(obj, ["spec", "hostNetwork"], false) == false
	every field in ["additionalContainers", "initContainers"] {
		obj_lib.at(obj, ["spec", field], []) == []
	}
	not _is_injected(obj)
}

_is_injected(obj) if _asks_for_sidecar(_pod_annotations(obj))

_is_injected(obj) if {
	not _refuses_sidecar(_pod_annotations(obj))
	some namespace in _namespaces(obj)
	_asks_for_sidecar(obj_lib.annotations(namespace))
}

# The annotation may stand at a namespace that is rendered elsewhere.
_is_injected(obj) if {
	not _refuses_sidecar(_pod_annotations(obj))
	not obj_lib.namespace(obj) in {obj_lib.name(namespace) | some namespace in _namespaces(obj)}
	some injected in collector.input_collectors
	injected.spec.mode == "sidecar"
	obj_lib.may_be_one(obj_lib.namespace(injected), obj_lib.namespace(obj))
}

_pod_annotations(obj) := workload.annotations(obj) if {
	workload.is_workload(obj)
} else := obj_lib.at(obj, ["spec", "podAnnotations"], {})

_namespaces(obj) := [namespace |
	some namespace in obj_lib.of_kind[""].Namespace
	obj_lib.may_be_one(obj_lib.name(namespace), obj_lib.namespace(obj))
]

# Istio's proxy takes no telemetry of its pod.
_asks_for_sidecar(annotations) if {
	some key, value in annotations
	regex.match(`^sidecar\..+/inject$`, key)
	key != "sidecar.istio.io/inject"
	value != "false"
}

_refuses_sidecar(annotations) if annotations["sidecar.opentelemetry.io/inject"] == "false"

_fault(use, obj) := ", where no host and port can be read" if not _target(use)

else := sprintf(", and no container of its pod has port %v", [_target(use).port]) if {
	_is_loopback(use)
	not _target(use).port in _ports(use, obj)
}

else := sprintf(": no Service %s is rendered or declared external", [registry.title(_name(use, obj))]) if not _is_known(use, obj)

else := sprintf(", and %s has only ports %v", [registry.title(_name(use, obj)), concat(", ", [sprintf("%v", [port]) | some port in _ports(use, obj)])]) if {
	wanted := _target(use).port
	not wanted in _ports(use, obj)
	not registry.hides_ports(_name(use, obj))
}

# Where the host is right, the port is wrong; some write it in a field of its own.
_path(use, obj) := use.port_path if {
	_target(use)
	_ports(use, obj)
} else := use.path

# Another target may render the Service.
_is_lost(use, obj) if {
	_target(use)
	not _is_loopback(use)
	not _is_known(use, obj)
}

_is_known(use, obj) if _ports(use, obj)

_is_known(use, obj) if {
	not _is_loopback(use)
	registry.may_be_known(_name(use, obj))
}

# An address of a host is no name of a Service.
_is_known(use, _) if {
	not _is_loopback(use)
	regex.match(`^\d{1,3}(\.\d{1,3}){3}$|:`, _target(use).host)
}

# The name that a pod of a StatefulSet has below its Service.
_is_known(use, obj) if {
	not _is_loopback(use)
	[pod, rest] := split(_of_pod(_target(use).host), "/")
	regex.match(`-[0-9]+$`, pod)
	registry.ports(registry.dns_name(rest, obj_lib.namespace(obj)))
}

_of_pod(host) := sprintf("%s/%s", [pod, substring(host, count(pod) + 1, -1)]) if {
	contains(host, ".")
	pod := split(host, ".")[0]
}

_is_loopback(use) if _target(use).host in {"localhost", "127.0.0.1", "::1"}

# The host and the port; without the port where the sender has one of its own.
_target(use) := {"host": endpoint.parse(sprintf("%v:0", [use.value])).host} if {
	use.portless
} else := endpoint.parse(use.value)

_name(use, obj) := registry.dns_name(_target(use).host, obj_lib.namespace(obj))

_ports(use, obj) := {port.containerPort | some container in workload.containers(obj); some port in container.value.ports} if {
	_is_loopback(use)
	workload.is_workload(obj)
} else := collector.ports(obj) if {
	_is_loopback(use)
} else := registry.ports(_name(use, obj))

_variables := {
	"OTLP_ENDPOINT",
	"OTEL_EXPORTER_OTLP_ENDPOINT",
	"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
	"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
	"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
}

_uses(obj) := array.concat(_sent(obj), _asked(obj)) if {
	workload.is_workload(obj)
} else := [{"value": endpoint, "title": obj_lib.title(obj), "path": ["spec", "exporter", "endpoint"]} |
	endpoint := obj_lib.at(obj, ["spec", "exporter", "endpoint"], "")
	endpoint != "" # without one the agents send where they do by themselves
] if {
	obj_lib.is_kind(obj, "opentelemetry.io", "Instrumentation")
} else := [use |
	some exporter in collector.used(obj, "exporters")
	exporter.type in _addressed
	some field, value in exporter.value
	field in {"endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint"}
	not _is_left_to_others(exporter, field)
	use := {
		"value": value,
		"title": sprintf("exporter %s of %s", [exporter.id, obj_lib.title(obj)]),
		"path": array.concat(exporter.path, [field]),
	}
] if {
	collector.is_collector(obj)
} else := [use |
	some config in fluentbit.configs(obj)
	some i, output in fluentbit.plugins(config, "outputs")
	not _listens(output)
	output.host
	use := object.union(
		object.union(_sent_to(output), {
			"title": sprintf("output %v of %s", [obj_lib.at(output, ["name"], "without a name"), obj_lib.title(obj)]),
			"path": fluentbit.property_path(config, "outputs", i, "host"),
		}),
		{"port_path": fluentbit.property_path(config, "outputs", i, "port") | output.port},
	)
]

# Exporters whose endpoint is a host and a port, or a URL. What others call so may be a data source name, a region, or a host beside
# a port of its own.
_addressed := {
	"carbon", "elasticsearch", "faro", "influxdb", "jaeger", "loki", "opencensus", "otelarrow", "otlp", "otlp_grpc", "otlp_http", "otlphttp",
	"prometheusremotewrite", "sapm", "skywalking", "splunk_hec", "zipkin",
}

# What is empty is not set: each signal may have an endpoint of its own.
_is_left_to_others(exporter, field) if {
	exporter.value[field] == ""
	some other in ({"endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint"} - {field})
	not exporter.value[other] in {"", null}
}

_sent(obj) := [use |
	some variable in envvar.of(obj)
	variable.name in _variables
	not _is_unset(variable)
	use := {
		"value": variable.value,
		"title": sprintf("%s of %s (%s)", [variable.title, obj_lib.title(obj), variable.name]),
		"path": variable.path,
	}
]

# What is empty counts as not set for the SDKs.
_is_unset(variable) if {
	startswith(variable.name, "OTEL_")
	variable.value == ""
}

# Where prometheus-adapter reads: a Service of a namespace of which some are known. Others may be a chart's.
_asked(obj) := [use |
	some container in workload.containers(obj)
	some i, argument in container.value.args
	is_string(argument)
	startswith(argument, _asks)
	use := {
		"value": trim_prefix(argument, _asks),
		"title": sprintf("%s of %s (--prometheus-url)", [container.title, obj_lib.title(obj)]),
		"path": array.concat(container.path, ["args", i]),
	}
	_is_of_known_namespace(_name(use, obj))
]

_asks := "--prometheus-url="

_is_of_known_namespace(name) if {
	[_, namespace, "svc", "cluster", "local"] = split(name, ".")
	some known, _ in registry.services
	endswith(known, sprintf(".%s.svc.cluster.local", [namespace]))
}

# Where its host and port are those at which it is asked.
_listens(output) if {
	is_string(output.name)
	lower(output.name) in {"prometheus_exporter", "vivo_exporter"}
}

_sent_to(output) := {"value": sprintf("%v:%v", [output.host, output.port])} if {
	output.port != null
} else := {"value": sprintf("%v:24224", [output.host])} if {
	output.name == "forward"
} else := {"value": output.host, "portless": true}
