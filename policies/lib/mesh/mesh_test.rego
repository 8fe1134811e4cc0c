package policies.lib.mesh_test

import data.policies.lib.mesh

_route := {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": {
	"http": [
		{"route": [{"destination": {"host": "a"}}, {"destination": {"host": "b"}}], "mirror": {"host": "c"}, "mirrors": [{"destination": {"host": "d"}}]},
		{"redirect": {"uri": "/"}},
		"text",
	],
	"tcp": [{"route": [{"destination": {"host": "e"}}]}],
	"tls": [{"route": "text"}],
}}

test_destinations if {
	{sprintf("%v %v", [concat(".", [sprintf("%v", [key]) | some key in destination.path]), object.get(destination.value, "host", "none")]) |
		some destination in mesh.destinations(_route)
	} == {
		"spec.http.0.route.0.destination a",
		"spec.http.0.route.1.destination b",
		"spec.http.0.mirror c",
		"spec.http.0.mirrors.0.destination d",
		"spec.http.2.route.destination none",
		"spec.tcp.0.route.0.destination e",
		"spec.tls.0.route.destination none",
	}
}

test_splits if {
	[count(split.destinations) | some split in mesh.splits(_route)] == [2, 1, 1, 1]
}

test_kinds_are_known_by_group if {
	mesh.is_virtual_service(_route)
	not mesh.is_virtual_service({"apiVersion": "example.com/v1", "kind": "VirtualService"})
	mesh.is_destination_rule({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule"})
	not mesh.is_destination_rule(_route)
}

test_nothing_is_read_of_what_is_missing if {
	every bad in [{}, {"spec": {}}, {"spec": "text"}, "text"] {
		mesh.destinations(bad) == []
		mesh.subsets(bad) == []
	}
}

test_defined if {
	objects := [
		{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}},
		{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web", "namespace": "shop"}, "spec": {
			"host": "web",
			"subsets": [{"name": "stable", "labels": {"track": "stable"}}, {"name": "bare"}, "text"],
		}},
		{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "gone"}, "spec": {"host": "gone", "subsets": [{"name": "a"}]}},
	]
	defined := mesh.defined with input as {"objects": objects}
	defined == {
		"gone..svc.cluster.local": {"a": {{}}},
		"web.shop.svc.cluster.local": {"stable": {{"track": "stable"}}, "bare": {{}}},
	}
}

test_rules_of_an_overlay if {
	objects := [{"apiVersion": "v1", "kind": "VirtualService"}, _route, {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule"}]
	mesh.input_virtual_services == {1: _route} with input as {"objects": objects}
	mesh.input_destination_rules == {2: objects[2]} with input as {"objects": objects}
}
