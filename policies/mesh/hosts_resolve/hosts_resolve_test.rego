package policies.mesh.hosts_resolve_test

import data.policies.mesh.hosts_resolve

_around := [
	{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}},
	{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "other", "namespace": "elsewhere"}},
	{"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"name": "pay", "namespace": "shop"}, "spec": {
		"hosts": ["pay.example.com"],
		"ports": [{"number": 443}],
	}},
]

_external := [{"kind": "Service", "namespace": "shop", "name": "declared"}]

_deny(obj) := faults if {
	faults := hosts_resolve.deny with input as {"objects": array.concat(_around, [obj]), "external": _external}
}

_rule(spec) := {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}

_service(spec) := {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}

_good := [
	"web", "web.shop.svc.cluster.local", "other.elsewhere.svc.cluster.local", "pay.example.com", "*.example.com", "declared",
	"declared.shop.svc.cluster.local",
]

_bad := [
	"missing", "other", "web.shop", "web.shop.svc", "web.elsewhere.svc.cluster.local", "pay.example.org", "*.example.org", "",
	1, null, {}, ["web"],
]

test_rule_with_a_known_host[host] if {
	some host in _good
	_deny(_rule({"host": host})) == set()
}

test_rule_with_an_unknown_host[host] if {
	some host in _bad
	some fault in _deny(_rule({"host": host}))
	fault.path == ["objects", 3, "spec", "host"]
}

test_destination_with_a_known_host[sprintf("%v %v", [protocol, host])] if {
	some protocol in ["http", "tcp", "tls"]
	some host in _good
	_deny(_service({"hosts": ["web"], protocol: [{"route": [{"destination": {"host": host}}]}]})) == set()
}

test_destination_with_an_unknown_host[sprintf("%v %v", [protocol, host])] if {
	some protocol in ["http", "tcp", "tls"]
	some host in _bad
	some fault in _deny(_service({protocol: [{"route": [{"destination": {"host": host}}]}]}))
	fault.path == ["objects", 3, "spec", protocol, 0, "route", 0, "destination", "host"]
}

test_mirror_with_an_unknown_host if {
	faults := _deny(_service({"http": [{"mirror": {"host": "missing"}, "mirrors": [{"destination": {"host": "missing"}}]}]}))
	{fault.path | some fault in faults} == {
		["objects", 3, "spec", "http", 0, "mirror", "host"],
		["objects", 3, "spec", "http", 0, "mirrors", 0, "destination", "host"],
	}
}

test_virtual_service_for_an_unknown_host if {
	{fault.path | some fault in _deny(_service({"hosts": ["web", "missing"]}))} == {["objects", 3, "spec", "hosts", 1]}
	count(_deny(_service({"hosts": ["missing"], "gateways": ["mesh"]}))) == 1
	count(_deny(_service({"hosts": "web"}))) == 0
	count(_deny(_service({"hosts": {"web": 1}}))) == 1
}

test_names_the_service_that_is_missing if {
	{fault.missing | some fault in _deny(_service({"hosts": ["missing", "missing.ops.svc.cluster.local"]}))} == {
		{"kind": "Service", "namespace": "shop", "name": "missing"},
		{"kind": "Service", "namespace": "ops", "name": "missing"},
	}
	every fault in _deny(_service({"hosts": ["missing.example.com", {"web": 1}]})) {
		fault.missing.kind == "host"
	}
}

# Behind a gateway hosts are names of the outside world; a delegate has none.
test_virtual_service_behind_a_gateway if {
	_deny(_service({"hosts": ["shop.example.com"], "gateways": ["ingress"]})) == set()
	_deny(_service({"http": [{"redirect": {"uri": "/"}}]})) == set()
	_deny(_service({"hosts": ["*"]})) == set()
}

test_wrong_shapes[name] if {
	some name, spec in {
		"rules": {"http": "text"},
		"rule": {"http": ["text"]},
		"routes": {"http": [{"route": "text"}]},
		"route": {"http": [{"route": ["text"]}]},
		"destination": {"http": [{"route": [{"destination": "text"}]}]},
		"no destination": {"http": [{"route": [{}]}]},
		"mirror": {"http": [{"mirror": "text"}]},
	}
	count(_deny(_service(spec))) == 1
}

test_rule_without_a_spec if {
	every spec in [{}, "text", null] {
		count(_deny(_rule(spec))) == 1
	}
}

test_other_kinds_are_ignored if {
	_deny({"apiVersion": "example.com/v1", "kind": "DestinationRule", "spec": {"host": "missing"}}) == set()
	_deny("text") == set()
}

test_message if {
	_deny(_rule({"host": "web.shop"})) == {{
		"path": ["objects", 3, "spec", "host"],
		"msg": `DestinationRule "web" names host "web.shop", which is no Service of the overlay: Istio does not complete a name with dots, write web.shop.svc.cluster.local`,
		"missing": {"kind": "host", "namespace": "", "name": "web.shop"},
	}}
	some fault in _deny(_rule({"host": "missing"}))
	fault.missing == {"kind": "Service", "namespace": "shop", "name": "missing"}
	fault.msg == `DestinationRule "web" names host "missing", which is no Service of the overlay`
}
