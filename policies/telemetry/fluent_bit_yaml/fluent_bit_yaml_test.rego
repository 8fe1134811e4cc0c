package policies.telemetry.fluent_bit_yaml_test

import data.policies.telemetry.fluent_bit_yaml

_deny(kind, data_of_it) := faults if {
	faults := fluent_bit_yaml.deny with input as {"apiVersion": "v1", "kind": kind, "metadata": {"name": "fluent-bit"}, "data": data_of_it}
}

test_yaml_and_parsers if {
	every text in ["pipeline:\n  inputs: []\n", "[PARSER]\n    Name json\n", "see [INPUT] there", ""] {
		_deny("ConfigMap", {"file": text}) == set()
	}
}

test_classic if {
	every text in ["[SERVICE]\n\n[INPUT]\n    Name tail\n", "  [output]  \n    Name forward"] {
		_deny("ConfigMap", {"fluent-bit.conf": text}) == {{
			"path": ["data", "fluent-bit.conf"],
			"msg": `ConfigMap "fluent-bit" holds a Fluent Bit pipeline in the classic format, in fluent-bit.conf`,
		}}
	}
}

test_other_shapes if {
	_deny("Secret", {"a": "[INPUT]"}) == set()
	every data_of_it in ["[INPUT]", null, {"a": 1}] {
		_deny("ConfigMap", data_of_it) == set()
	}
}
