# METADATA
# scope: package
# title: What an OpenTelemetryCollector runs and listens on
# description: |
#   The OpenTelemetry Operator turns the resource into a workload and a Service <name>-collector,
#   whose ports it reads from the configuration of the receivers that a pipeline uses.
# related_resources:
#   - ref: https://github.com/open-telemetry/opentelemetry-operator/blob/v0.140.0/internal/manifests/collector/service.go
package policies.lib.collector

import data.policies.lib.entry
import data.policies.lib.object as obj_lib

# METADATA
# description: whether an object is an OpenTelemetryCollector
is_collector(obj) if obj_lib.is_kind(obj, "opentelemetry.io", "OpenTelemetryCollector")

# METADATA
# description: the collectors of an overlay by their index in input.objects, for rules of an overlay
input_collectors := object.get(obj_lib.of_kind, ["opentelemetry.io", "OpenTelemetryCollector"], {})

# METADATA
# description: the Service that the operator makes for a collector
service_name(obj) := concat("", [obj_lib.name(obj), "-collector"])

# METADATA
# description: spec.config as an object, {} where it is none (v1alpha1 kept it as text)
config(obj) := obj.spec.config if is_object(obj.spec.config)

else := parsed if {
	is_string(obj.spec.config)
	yaml.is_valid(obj.spec.config)
	parsed := yaml.unmarshal(obj.spec.config)
	is_object(parsed)
} else := {}

# METADATA
# description: the kind of a component by its id, otlp for otlp/backend
type(id) := split(id, "/")[0] if is_string(id)

# METADATA
# description: |
#   The components that pipelines use: role is receivers, processors or exporters. Each is
#   {id, type, value, path}; value is null where the component is used and not configured.
used(obj, role) := [{"id": id, "type": type(id), "value": value, "path": ["spec", "config", role, id]} |
	ids := {id |
		some pipeline in config(obj).service.pipelines
		some id in pipeline[role]
		is_string(id)
	}
	some id in ids
	not id in _connectors(obj)
	value := obj_lib.at(config(obj), [role, id], null)
]

_connectors(obj) := {id | some id, _ in config(obj).connectors}

# METADATA
# description: the pipelines as {key, value, path}
pipelines(obj) := entry.fields(
	obj_lib.at(config(obj), ["service", "pipelines"], null),
	["spec", "config", "service", "pipelines"],
)

# METADATA
# description: the numbers of the ports of the Service that the operator makes
ports(obj) := _stated(obj) | (_received(obj) | _served(obj))

_stated(obj) := {port.port |
	some port in obj.spec.ports
	is_number(port.port)
}

_received(obj) := {port |
	some receiver in used(obj, "receivers")
	some port in receiver_ports(receiver)
}

# A prometheus exporter is scraped, so it listens like a receiver.
_served(obj) := {_port(exporter.value, 8888) |
	some exporter in used(obj, "exporters")
	exporter.type == "prometheus"
}

# METADATA
# description: the ports that one receiver listens on; none for receivers that scrape or tail
receiver_ports(receiver) := {_port(protocol, defaults[name]) |
	defaults := _protocols[receiver.type]
	some name, protocol in receiver.value.protocols
} | {_port(receiver.value, fallback) | some fallback in [_defaults[receiver.type]]}

_protocols := {
	"jaeger": {"grpc": 14250, "thrift_binary": 6832, "thrift_compact": 6831, "thrift_http": 14268},
	"loki": {"grpc": 9095, "http": 3100},
	"otlp": {"grpc": 4317, "http": 4318},
	"skywalking": {"grpc": 11800, "http": 12800},
}

_defaults := {
	"awsxray": 2000,
	"carbon": 2003,
	"collectd": 8081,
	"fluentforward": 8006,
	"influxdb": 8086,
	"sapm": 7276,
	"signalfx": 9943,
	"splunk_hec": 8088,
	"statsd": 8125,
	"wavefront": 2003,
	"zipkin": 9411,
}

_port(value, fallback) := to_number(digits) if {
	is_string(value.endpoint)
	[[_, digits]] := regex.find_all_string_submatch_n(`:([0-9]{1,5})$`, value.endpoint, 1)
} else := fallback
