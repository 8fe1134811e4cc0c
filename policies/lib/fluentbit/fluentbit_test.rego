package policies.lib.fluentbit_test

import data.policies.lib.fluentbit

_map(text) := {"apiVersion": "v1", "kind": "ConfigMap", "data": {"fluent-bit.yaml": text, "other": 1, "notes": "a pipeline: of words"}}

test_configs if {
	[config] := fluentbit.configs(_map("service: {Storage.Path: /buffer}\npipeline: {inputs: [{Name: tail, Path: /a}], outputs: [{name: stdout}]}"))
	config.path == ["data", "fluent-bit.yaml"]
	fluentbit.plugins(config, "inputs") == [{"name": "tail", "path": "/a"}]
	fluentbit.plugins(config, "outputs") == [{"name": "stdout"}]
	fluentbit.service(config, "storage.path") == "/buffer"
	not fluentbit.service(config, "flush")
}

test_what_is_no_configuration if {
	every text in ["", "pipeline: [", "pipeline: text", "pipeline: {stages: []}", "- pipeline:"] {
		fluentbit.configs(_map(text)) == []
	}
	every obj in ["text", {"apiVersion": "v1", "kind": "Secret", "data": {"a": "pipeline: {outputs: []}"}}, {"apiVersion": "v1", "kind": "ConfigMap", "data": "text"}] {
		fluentbit.configs(obj) == []
	}
	[config] := fluentbit.configs(_map("pipeline: {outputs: text}"))
	fluentbit.plugins(config, "outputs") == []
}

test_property_path if {
	[config] := fluentbit.configs(_map("pipeline: {inputs: [{Name: tail, Path: /a}]}"))
	fluentbit.property_path(config, "inputs", 0, "path") == ["data", "fluent-bit.yaml", "pipeline", "inputs", 0, "Path"]
	fluentbit.property_path(config, "inputs", 0, "storage.type") == ["data", "fluent-bit.yaml", "pipeline", "inputs", 0, "storage.type"]
}
