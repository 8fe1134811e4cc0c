# METADATA
# scope: package
# title: Fluent Bit forwards to a receiver that understands it
# description: |
#   The forward protocol sent to an OTLP port, or to a fluentforward receiver that no pipeline uses,
#   is answered by nothing: Fluent Bit retries until its buffer is full and drops the logs.
# related_resources:
#   - ref: https://docs.fluentbit.io/manual/data-pipeline/outputs/forward
#   - ref: https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/receiver/fluentforwardreceiver
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: pipeline
#   fix: Use the port of a fluentforward receiver that a logs pipeline of the Collector uses.
package policies.telemetry.forward_received

import data.policies.lib.collector
import data.policies.lib.fluentbit
import data.policies.lib.object as obj_lib
import data.policies.lib.registry

deny contains {"msg": msg, "path": array.concat(["objects", i], fluentbit.property_path(config, "outputs", j, "port")), "with": gateway.fields} if {
	some i, obj in obj_lib.of_kind[""].ConfigMap
	some config in fluentbit.configs(obj)
	some j, output in fluentbit.plugins(config, "outputs")
	output.name == "forward"
	host := registry.dns_name(output.host, obj_lib.namespace(obj))
	some gateway in _collectors[host]
	port := _number(obj_lib.at(output, ["port"], 24224))
	not port in gateway.ports
	msg := sprintf("%s forwards to port %v of %s, where no fluentforward receiver of a pipeline listens", [obj_lib.title(obj), port, gateway.title])
}

_number(port) := port if is_number(port)

_number(port) := to_number(port) if {
	is_string(port)
	regex.match(`^[0-9]{1,5}$`, port)
}

_number(port) := port if {
	is_string(port)
	not regex.match(`^[0-9]{1,5}$`, port)
}

_collectors[registry.mesh_name(collector.service_name(obj), obj_lib.namespace(obj))] contains gateway if {
	some k, obj in collector.input_collectors
	receivers := [receiver |
		some receiver in collector.used(obj, "receivers")
		receiver.type == "fluentforward"
	]
	gateway := {
		"title": obj_lib.title(obj),
		"fields": {array.concat(["objects", k], array.concat(receiver.path, ["endpoint"])) | some receiver in receivers},
		"ports": {port |
			some receiver in receivers
			some port in collector.receiver_ports(receiver)
		},
	}
}
