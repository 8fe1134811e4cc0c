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
	some use in _uses(obj)
	_is_lost(use.value, obj)
	fault := _fault(use.value, obj)
	missing := registry.missing(_name(use.value, obj))
	msg := sprintf("%s sends to %v%s", [use.title, json.marshal(use.value), fault])
}

deny contains {"msg": msg, "path": array.concat(["objects", i], _path(use, obj))} if {
	some i, obj in _senders
	some use in _uses(obj)
	not _is_lost(use.value, obj)
	fault := _fault(use.value, obj)
	msg := sprintf("%s sends to %v%s", [use.title, json.marshal(use.value), fault])
}

_senders := object.union_n([
	workload.input_workloads,
	collector.input_collectors,
	object.get(obj_lib.of_kind, ["opentelemetry.io", "Instrumentation"], {}),
	object.get(obj_lib.of_kind, ["", "ConfigMap"], {}),
])

_fault(value, obj) := ", where no host and port can be read" if not _readable(value)

else := sprintf(": no Service %s is rendered or declared external", [registry.title(_name(value, obj))]) if not _is_known(value, obj)

else := sprintf(", and %s has only ports %v", [registry.title(_name(value, obj)), concat(", ", [sprintf("%v", [port]) | some port in _ports(value, obj)])]) if {
	parsed := endpoint.parse(value)
	not parsed.port in _ports(value, obj)
}

# Where the host is right, the port is wrong; some write it in a field of its own.
_path(use, obj) := use.port_path if {
	_readable(use.value)
	_ports(use.value, obj)
} else := use.path

# Another target may render the Service.
_is_lost(value, obj) if {
	_readable(value)
	not _is_loopback(value)
	not _is_known(value, obj)
}

_is_known(value, obj) if _ports(value, obj)

_is_known(value, obj) if {
	not _is_loopback(value)
	registry.may_be_known(_name(value, obj))
}

_is_loopback(value) if endpoint.parse(value).host in {"localhost", "127.0.0.1"}

_readable(value) if endpoint.parse(value)

_name(value, obj) := registry.dns_name(endpoint.parse(value).host, obj_lib.namespace(obj))

# A loopback address is another container of the pod.
_ports(value, obj) := {port.containerPort | some container in workload.containers(obj); some port in container.value.ports} if {
	_is_loopback(value)
} else := registry.ports(_name(value, obj))

_variables := {
	"OTLP_ENDPOINT",
	"OTEL_EXPORTER_OTLP_ENDPOINT",
	"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
	"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
	"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
}

_uses(obj) := array.concat(_sent(obj), _asked(obj)) if {
	workload.is_workload(obj)
} else := [{"value": obj_lib.at(obj, ["spec", "exporter", "endpoint"], null), "title": obj_lib.title(obj), "path": ["spec", "exporter", "endpoint"]}] if {
	obj_lib.is_kind(obj, "opentelemetry.io", "Instrumentation")
} else := [use |
	some exporter in collector.used(obj, "exporters")
	not exporter.type in {"debug", "file", "nop", "prometheus"}
	some field, value in exporter.value
	field in {"endpoint", "traces_endpoint", "metrics_endpoint", "logs_endpoint"}
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
	some text in _target(output)
	use := object.union(
		{
			"value": text,
			"title": sprintf("output %v of %s", [obj_lib.at(output, ["name"], "without a name"), obj_lib.title(obj)]),
			"path": fluentbit.property_path(config, "outputs", i, "host"),
		},
		{"port_path": fluentbit.property_path(config, "outputs", i, "port") | output.port},
	)
]

_sent(obj) := [use |
	some variable in envvar.of(obj)
	variable.name in _variables
	use := {
		"value": variable.value,
		"title": sprintf("%s of %s (%s)", [variable.title, obj_lib.title(obj), variable.name]),
		"path": variable.path,
	}
]

# Where prometheus-adapter reads: a Service of a namespace of which some are known. Others may be a chart's.
_asked(obj) := [use |
	some container in workload.containers(obj)
	some i, argument in container.value.args
	is_string(argument)
	startswith(argument, _asks)
	value := trim_prefix(argument, _asks)
	_is_of_known_namespace(_name(value, obj))
	use := {
		"value": value,
		"title": sprintf("%s of %s (--prometheus-url)", [container.title, obj_lib.title(obj)]),
		"path": array.concat(container.path, ["args", i]),
	}
]

_asks := "--prometheus-url="

_is_of_known_namespace(name) if {
	[_, namespace, "svc", "cluster", "local"] = split(name, ".")
	some known, _ in registry.services
	endswith(known, sprintf(".%s.svc.cluster.local", [namespace]))
}

_target(output) := [sprintf("%v:%v", [output.host, obj_lib.at(output, ["port"], _default_port(output))])] if output.host

_default_port(output) := 24224 if output.name == "forward"

else := "no port"
