package policies.gateway.routes_attach_test

import data.policies.gateway.routes_attach

_listener := {"name": "web", "port": 80, "hostname": "*.example.com", "allowedRoutes": {"namespaces": {"from": "All"}}}

_objects(listeners, spec) := [
	{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "gate", "namespace": "edge"}, "spec": {"listeners": listeners}},
	{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web", "namespace": "shop"}, "spec": object.union({"parentRefs": [{"name": "gate", "namespace": "edge"}]}, spec)},
]

_deny(objects) := {fault.path | some fault in faults} if faults := routes_attach.deny with input as {"objects": objects}

test_taken if {
	every spec in [{}, {"hostnames": ["a.example.com"]}, {"hostnames": ["b", "*.example.com"]}, {"hostnames": ["*.com"]}, {"hostnames": ["${HOST}"]}, {"parentRefs": [{"name": "other"}]}, {"parentRefs": [{"kind": "Service", "name": "gate", "namespace": "edge"}]}, {"parentRefs": [{"name": "gate", "namespace": "edge", "sectionName": "web", "port": 80}]}] {
		_deny(_objects([_listener], spec)) == set()
	}
	_deny(_objects([{"name": "any", "port": 80, "allowedRoutes": {"namespaces": {"from": "Selector"}}}], {"hostnames": ["a"]})) == set()
}

test_not_taken if {
	_deny(_objects([_listener], {"hostnames": ["a.example.org"]})) == {["objects", 1, "spec", "hostnames"]}
	_deny(_objects([_listener], {"hostnames": ["example.com"]})) == {["objects", 1, "spec", "hostnames"]}
	_deny(_objects([{"name": "web", "port": 80}], {})) == {["objects", 1, "spec", "parentRefs", 0, "name"]}
	_deny(_objects([_listener], {"parentRefs": [{"name": "gate", "namespace": "edge", "sectionName": "wed"}]})) == {["objects", 1, "spec", "parentRefs", 0, "sectionName"]}
}

test_of_namespaces_that_nobody_knows if {
	objects := _objects([{"name": "web", "port": 80}], {"parentRefs": [{"name": "gate"}]})
	_deny([object.union(objects[0], {"metadata": {"namespace": ""}}), object.union(objects[1], {"metadata": {"namespace": ""}})]) == set()
}

test_listeners_of_others if {
	objects := _objects([{"name": "web", "port": 80}], {"parentRefs": [{"name": "gate", "namespace": "edge", "sectionName": "wed"}]})
	_deny([object.union(objects[0], {"spec": {"allowedListeners": {}}}), objects[1]]) == set()
}

test_kinds_of_protocols if {
	every case in [["HTTP", "HTTPRoute", 0], ["HTTPS", "GRPCRoute", 0], ["TLS", "TCPRoute", 0], ["TLS", "TLSRoute", 0], ["UDP", "UDPRoute", 0], ["example.com/QUIC", "HTTPRoute", 0], ["HTTPS", "TCPRoute", 1], ["HTTPS", "TLSRoute", 1], ["TCP", "HTTPRoute", 1], ["TLS", "HTTPRoute", 1]] {
		[gateway, route] := _objects([object.union(_listener, {"protocol": case[0]})], {})
		count(_deny([gateway, object.union(route, {"kind": case[1]})])) == case[2]
	}

	# One of several listeners is enough.
	[gateway, route] := _objects([object.union(_listener, {"protocol": "HTTPS"}), {"name": "raw", "port": 90, "protocol": "TCP", "allowedRoutes": {"namespaces": {"from": "All"}}}], {})
	tcp := object.union(route, {"kind": "TCPRoute"})
	_deny([gateway, tcp]) == set()
	_deny([gateway, object.union(tcp, {"spec": {"parentRefs": [{"name": "gate", "namespace": "edge", "sectionName": "web"}]}})]) == {["objects", 1, "spec", "parentRefs", 0, "name"]}
}
