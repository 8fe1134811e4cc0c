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
	some name, [path, config] in {
		"no path": [["service", "storage.path"], _config({}, _input, _output)],
		"service of text": [["service", "storage.path"], _config("text", _input, _output)],
		"memory": [["pipeline", "inputs", 0, "Storage.Type"], _config(_service, {"name": "tail", "Storage.Type": "memory"}, _output)],
		"no type": [["pipeline", "inputs", 0, "storage.type"], _config(_service, {"name": "tail"}, _output)],
		"no limit": [["pipeline", "outputs", 0, "storage.total_limit_size"], _config(_service, _input, {"name": "forward"})],
		"no name": [["pipeline", "outputs", 0, "storage.total_limit_size"], _config(_service, _input, {})],
	}
	[fault.path | some fault in _deny(config)] == [array.concat(["data", "fluent-bit.yaml"], path)]
}

test_message if {
	{fault.msg | some fault in _deny(_config({}, {"name": "tail"}, {"name": "forward"}))} == {
		`ConfigMap "fluent-bit" has no storage.path in its service section`,
		`input tail of ConfigMap "fluent-bit" has no storage.type filesystem`,
		`output forward of ConfigMap "fluent-bit" has no storage.total_limit_size`,
	}
}
