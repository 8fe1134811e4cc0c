# METADATA
# scope: package
# title: Fluent Bit reads both container log formats
# description: |
#   The docker parser finds no JSON in the files that containerd writes, so each line arrives with
#   its prefix as one text and long lines arrive in pieces. multiline.parser docker, cri reads both
#   formats and joins what the runtime has split.
# related_resources:
#   - ref: https://docs.fluentbit.io/manual/data-pipeline/inputs/tail#multiline-support
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: pipeline
#   fix: Set multiline.parser to docker, cri on tail inputs of container logs, and no parser beside it.
package policies.telemetry.fluent_bit_multiline

import data.policies.lib.fluentbit
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": fluentbit.property_path(config, "inputs", i, property)} if {
	input.kind == "ConfigMap"
	some config in fluentbit.configs(input)
	some i, plugin in fluentbit.plugins(config, "inputs")
	plugin.name == "tail"
	path := obj_lib.at(plugin, ["path"], "")
	regex.match(`/var/log/(containers|pods)/`, sprintf("%v", [path]))
	property := _wrong(plugin)
	msg := sprintf("the tail of %v in %s does not read with multiline.parser docker, cri alone", [path, obj_lib.title(input)])
}

_wrong(plugin) := "multiline.parser" if not _good(plugin)

else := "parser" if plugin.parser

_good(plugin) if {
	written := plugin["multiline.parser"]
	is_string(written)
	parsers := {trim_space(name) | some name in split(written, ",")}
	{"docker", "cri"} & parsers == {"docker", "cri"}
}
