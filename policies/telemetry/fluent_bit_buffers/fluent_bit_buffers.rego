# METADATA
# scope: package
# title: Fluent Bit buffers on disk
# description: |
#   With its buffer in memory a restart of Fluent Bit loses what was read and not yet sent, and a
#   Collector that is away for an hour stops the reading while the kubelet rotates the files. On
#   disk without a limit the buffer fills the node.
# related_resources:
#   - ref: https://docs.fluentbit.io/manual/administration/buffering-and-storage
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: pipeline
#   fix: Set storage.path in the service section, storage.type filesystem on inputs and storage.total_limit_size on outputs.
package policies.telemetry.fluent_bit_buffers

import data.policies.lib.fluentbit
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": array.concat(config.path, ["service", "storage.path"])} if {
	input.kind == "ConfigMap"
	some config in fluentbit.configs(input)
	not fluentbit.service(config, "storage.path")
	msg := sprintf("%s has no storage.path in its service section", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": fluentbit.property_path(config, "inputs", i, "storage.type")} if {
	input.kind == "ConfigMap"
	some config in fluentbit.configs(input)
	some i, plugin in fluentbit.plugins(config, "inputs")
	not plugin["storage.type"] == "filesystem"
	msg := sprintf("input %v of %s has no storage.type filesystem", [obj_lib.at(plugin, ["name"], "without a name"), obj_lib.title(input)])
}

deny contains {"msg": msg, "path": fluentbit.property_path(config, "outputs", i, "storage.total_limit_size")} if {
	input.kind == "ConfigMap"
	some config in fluentbit.configs(input)
	some i, plugin in fluentbit.plugins(config, "outputs")
	not obj_lib.at(plugin, ["name"], null) in {"stdout", "null"}
	not plugin["storage.total_limit_size"]
	msg := sprintf("output %v of %s has no storage.total_limit_size", [obj_lib.at(plugin, ["name"], "without a name"), obj_lib.title(input)])
}
