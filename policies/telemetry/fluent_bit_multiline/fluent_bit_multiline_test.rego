package policies.telemetry.fluent_bit_multiline_test

import data.policies.telemetry.fluent_bit_multiline

_deny(source) := faults if {
	config := {"pipeline": {"inputs": [source]}}
	faults := fluent_bit_multiline.deny with input as {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "fluent-bit"}, "data": {"fluent-bit.yaml": yaml.marshal(config)}}
}

_tail(fields) := object.union({"name": "tail", "path": "/var/log/containers/*.log"}, fields)

test_both_formats if {
	every fields in [{"multiline.parser": "docker, cri"}, {"Multiline.Parser": "cri,docker,go"}, {"path": "/var/log/syslog"}, {"name": "systemd"}] {
		_deny(_tail(fields)) == set()
	}
}

test_one_format[sprintf("%v", [fields])] if {
	some fields in [{}, {"parser": "docker"}, {"multiline.parser": "cri"}, {"multiline.parser": ["docker", "cri"]}, {"path": ["/var/log/pods/*.log"]}]
	{fault.path | some fault in _deny(_tail(fields))} == {["data", "fluent-bit.yaml", "pipeline", "inputs", 0, "multiline.parser"]}
}

test_another_parser_beside_them if {
	{fault.path | some fault in _deny(_tail({"multiline.parser": "docker, cri", "parser": "docker"}))} == {["data", "fluent-bit.yaml", "pipeline", "inputs", 0, "parser"]}
	{fault.path | some fault in _deny(_tail({"Multiline.Parser": "docker, cri", "Parser": "docker"}))} == {["data", "fluent-bit.yaml", "pipeline", "inputs", 0, "Parser"]}
}

test_message if {
	{fault.msg | some fault in _deny(_tail({}))} == {`the tail of /var/log/containers/*.log in ConfigMap "fluent-bit" does not read with multiline.parser docker, cri alone`}
}
