# METADATA
# scope: package
# title: Fluent Bit configurations in ConfigMaps
# description: |
#   What a ConfigMap holds of Fluent Bit's YAML configuration. Fluent Bit does not mind the case of
#   a property's name, so names are given in lower case.
# related_resources:
#   - ref: https://docs.fluentbit.io/manual/administration/configuring-fluent-bit/yaml
package policies.lib.fluentbit

import data.policies.lib.object as obj_lib

# METADATA
# description: the configurations of a ConfigMap, each {value, path}
configs(obj) := [{"value": value, "path": ["data", key]} |
	obj_lib.is_kind(obj, "", "ConfigMap")
	some key, text in obj.data
	is_string(text)
	contains(text, "pipeline:")
	yaml.is_valid(text)
	value := yaml.unmarshal(text)
	_is_pipeline(value.pipeline)
]

_is_pipeline(pipeline) if pipeline.inputs

_is_pipeline(pipeline) if pipeline.outputs

# METADATA
# description: the plugins of a section (inputs, outputs), with lower-case property names
plugins(config, section) := [{lower(name): value | some name, value in plugin} | some plugin in config.value.pipeline[section]]

# METADATA
# description: a property of the service section, whatever its case; undefined where it is not set
service(config, name) := value if {
	some key, value in config.value.service
	lower(key) == name
}

# METADATA
# description: the path of a plugin's property, with the name that it is written with, or would be
property_path(config, section, i, name) := array.concat(config.path, ["pipeline", section, i, min(written)]) if {
	written := [key | some key, _ in config.value.pipeline[section][i]; lower(key) == name]
	count(written) > 0
} else := array.concat(config.path, ["pipeline", section, i, name])
