package policies.mesh.ports_exist_test

import data.policies.mesh.ports_exist

_around := [
	{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"ports": [{"port": 80}, {"port": 9090}]}},
	{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "bare", "namespace": "shop"}},
]

_deny(obj) := faults if {
	faults := ports_exist.deny with input as {"objects": array.concat(_around, [obj]), "external": []}
}

_rule(spec) := {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}

_service(destination) := {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"http": [{"route": [{"destination": destination}]}]}}

# Without a port Istio sends to the port that the request came in on.
test_destination_with_a_port_of_the_service if {
	every port in [{"number": 80}, {"number": 9090}, null] {
		_deny(_service({"host": "web", "port": port})) == set()
	}
	_deny(_service({"host": "web"})) == set()
}

test_destination_with_another_port[sprintf("%v", [port])] if {
	some port in [{"number": 8080}, {"number": "80"}, {"number": null}, {}, "text", 80]
	{fault.path | some fault in _deny(_service({"host": "web", "port": port}))} == {["objects", 2, "spec", "http", 0, "route", 0, "destination", "port", "number"]}
}

test_settings_of_a_port if {
	_deny(_rule({"host": "web", "trafficPolicy": {"portLevelSettings": [{"port": {"number": 80}}]}})) == set()
	faults := _deny(_rule({
		"host": "web",
		"trafficPolicy": {"portLevelSettings": [{"port": {"number": 8080}}, "text"]},
		"subsets": [{"trafficPolicy": {"portLevelSettings": [{"port": {"number": 8080}}]}}, "text"],
	}))
	{fault.path | some fault in faults} == {
		["objects", 2, "spec", "trafficPolicy", "portLevelSettings", 0, "port", "number"],
		["objects", 2, "spec", "trafficPolicy", "portLevelSettings", 1, "port", "number"],
		["objects", 2, "spec", "subsets", 0, "trafficPolicy", "portLevelSettings", 0, "port", "number"],
	}
}

test_unknown_hosts_and_other_objects_are_left_alone if {
	_deny(_service({"host": "missing", "port": {"number": 1}})) == set()
	_deny(_rule("text")) == set()
	_deny({"apiVersion": "v1", "kind": "ConfigMap"}) == set()
}

# Of a Service that kgate.yaml declares without ports, nobody here knows them.
test_ports_that_are_not_declared[sprintf("%v", [ports])] if {
	some ports, want in {[]: 0, [80]: 1}
	external := [{"kind": "Service", "namespace": "shop", "name": "other", "provider": "a chart", "ports": ports}]
	obj := _service({"host": "other", "port": {"number": 8080}})
	faults := ports_exist.deny with input as {"objects": array.concat(_around, [obj]), "external": external}
	count(faults) == want
}

test_message if {
	_deny(_service({"host": "web", "port": {"number": 8080}})) == {{
		"path": ["objects", 2, "spec", "http", 0, "route", 0, "destination", "port", "number"],
		"msg": `VirtualService "web" uses port 8080 of web.shop.svc.cluster.local, which has only 80, 9090`,
	}}
	some fault in _deny(_service({"host": "bare", "port": {"number": 80}}))
	fault.msg == `VirtualService "web" uses port 80 of bare.shop.svc.cluster.local, which has no ports`
}
