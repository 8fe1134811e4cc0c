# METADATA
# scope: package
# title: Fluent Bit is configured in YAML
# description: |
#   The classic format is deprecated, gets no new features (processors cannot be written in it), and
#   no rule here can read what such a pipeline does. A file of parsers may stay classic.
# related_resources:
#   - ref: https://docs.fluentbit.io/manual/administration/configuring-fluent-bit
# custom:
#   severity: error
#   states: convention
#   scope: object
#   fix: Write the pipeline in YAML.
package policies.telemetry.fluent_bit_yaml

import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": ["data", key]} if {
	input.kind == "ConfigMap"
	obj_lib.group(input) == ""
	some key, text in input.data
	is_string(text)
	regex.match(`(?im)^\s*\[(INPUT|OUTPUT)\]\s*$`, text)
	msg := sprintf("%s holds a Fluent Bit pipeline in the classic format, in %s", [obj_lib.title(input), key])
}
