package policies.telemetry.fluent_bit_buffers_test

import data.policies.telemetry.fluent_bit_buffers

_deny(config) := faults if {
	faults := fluent_bit_buffers.deny with input as {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fluent-bit"}, "data": {"fluent-bit.yaml": yaml.marshal(config)}}
}

_service := {"storage.path": "/buffer"}

_input := {"name": "tail", "storage.type": "filesystem"}

_output := {"name": "forward", "storage.total_limit_size": "1G"}

_config(service, source, target) := {"service": service, "pipeline": {"inputs": [source], "outputs": [target]}}

test_on_disk if {
	_deny(_config(_service, _input, _output)) == set()
	_deny(_config({"Storage.Path": "/buffer"}, {"Name": "tail", "Storage.Type": "filesystem"}, {"name": "stdout"})) == set()
	_deny({"other": "pipeline:"}) == set()
}

test_in_memory[name] if {
	some name, config in {
		"no path": _config({}, _input, _output),
		"service of text": _config("text", _input, _output),
		"memory": _config(_service, {"name": "tail", "storage.type": "memory"}, _output),
		"no type": _config(_service, {"name": "tail"}, _output),
		"no limit": _config(_service, _input, {"name": "forward"}),
		"no name": _config(_service, _input, {}),
	}
	{fault.path | some fault in _deny(config)} == {["data", "fluent-bit.yaml"]}
	count(_deny(config)) == 1
}

test_message if {
	{fault.msg | some fault in _deny(_config({}, {"name": "tail"}, {"name": "forward"}))} == {
		`ConfigMap "fluent-bit" has no storage.path in its service section`,
		`input tail of ConfigMap "fluent-bit" has no storage.type filesystem`,
		`output forward of ConfigMap "fluent-bit" has no storage.total_limit_size`,
	}
}
