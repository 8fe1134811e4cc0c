package policies.mesh.weights_sum_test

import data.policies.mesh.weights_sum

_deny(protocol, route) := faults if {
	faults := weights_sum.deny with input as {
		"apiVersion": "networking.istio.io/v1",
		"kind": "VirtualService",
		"metadata": {"name": "web"},
		"spec": {protocol: [{"route": route}]},
	}
}

_weights(weights) := [{"destination": {"host": "web"}, "weight": weight} | some weight in weights]

_protocols := ["http", "tcp", "tls"]

test_sums_to_100[sprintf("%v %v", [protocol, weights])] if {
	some protocol in _protocols
	some weights in [[90, 10], [100, 0], [50, 25, 25], [100], [1, 2], [9, 1]]
	_deny(protocol, _weights(weights)) == set()
}

test_needs_no_weight_alone if {
	every protocol in _protocols {
		_deny(protocol, [{"destination": {"host": "web"}}]) == set()
	}
}

test_sums_to_something_else[sprintf("%v %v", [protocol, weights])] if {
	some protocol in _protocols
	some weights in [[90, 5], [90, 20], [0, 0], [50], [0]]
	{fault.path | some fault in _deny(protocol, _weights(weights))} == {["spec", protocol, 0, "route", count(weights) - 1, "weight"]}
}

test_every_weight_is_a_whole_number[sprintf("%v", [weight])] if {
	some weight in ["10", 10.5, -10, 110, null, {}, []]
	{fault.path | some fault in _deny("http", _weights([90, weight]))} == {["spec", "http", 0, "route", 1, "weight"]}
}

test_wrong_shapes if {
	every route in [[{}, {}], ["text", "text"], [{"weight": 100}, {}]] {
		count(_deny("http", route)) > 0
	}
	every other in ["text", {"kind": "VirtualService", "spec": {"http": [{"route": [{}, {}]}]}}, {"apiVersion": "v1", "kind": "Pod"}] {
		faults := weights_sum.deny with input as other
		faults == set()
	}
}

test_message if {
	_deny("http", _weights([90, 5])) == {{
		"path": ["spec", "http", 0, "route", 1, "weight"],
		"with": [["spec", "http", 0, "route", 0, "weight"]],
		"msg": `weights of VirtualService "web" sum to 95, not 100`,
	}}
	_deny("http", _weights([100, "5"])) == {{
		"path": ["spec", "http", 0, "route", 1, "weight"],
		"msg": `a destination of VirtualService "web" has weight "5", which is no whole number from 0 to 100`,
	}}
}
