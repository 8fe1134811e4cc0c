package policies.lib.canary_test

import data.policies.lib.canary

_deployment(track) := {
	"apiVersion": "apps/v1",
	"kind": "Deployment",
	"metadata": {"name": track, "namespace": "shop"},
	"spec": {"template": {"metadata": {"labels": {"app": "web", "track": track}}}},
}

_service(name, track) := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": {"selector": object.union({"app": "web"}, track)}}

_around := [
	_deployment("stable"),
	_deployment("canary"),
	_service("web", {}),
	_service("one", {"track": "stable"}),
	_service("two", {"track": "canary"}),
	{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"host": "web", "subsets": [{"name": "stable", "labels": {"track": "stable"}}, {"name": "canary", "labels": {"track": "canary"}}]}},
]

_mesh(shares) := {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"http": [{"route": [{"destination": {"host": share[0], "subset": share[1]}, "weight": share[2]} | some share in shares]}]}}

_gateway(backends) := {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"rules": [{"backendRefs": backends}]}}

_pairs(route) := pairs if {
	pairs := canary.input_pairs with input as {"objects": array.concat(_around, [route]), "external": []}
}

test_the_heavier_comes_first if {
	route := ["objects", 6, "spec", "http", 0, "route"]
	paths := [array.concat(route, [0, "weight"]), array.concat(route, [1, "weight"])]
	_pairs(_mesh([["web", "stable", 90], ["web", "canary", 10]])) == {{"index": 6, "tracks": [0, 1], "weights": [90, 10], "paths": paths}}
	_pairs(_mesh([["web", "stable", 50], ["web", "canary", 50]])) == {{"index": 6, "tracks": [0, 1], "weights": [50, 50], "paths": paths}}
	_pairs(_mesh([["web", "stable", 10], ["web", "canary", 90]])) == {{"index": 6, "tracks": [1, 0], "weights": [90, 10], "paths": [paths[1], paths[0]]}}
}

test_backends_of_gateway_api if {
	{[pair.tracks, pair.weights] | some pair in _pairs(_gateway([{"name": "one"}, {"name": "two", "weight": 3}]))} == {[[1, 0], [3, 1]]}
}

test_no_pair[note] if {
	some note, route in {
		"no share": _mesh([["web", "stable", 100], ["web", "canary", 0]]),
		"two hosts": _mesh([["web", "stable", 50], ["one", "canary", 50]]),
		"one workload": _mesh([["web", "stable", 50], ["web", "stable", 50]]),
		"three": _mesh([["web", "stable", 50], ["web", "canary", 25], ["web", "other", 25]]),
		"a subset of nobody": _mesh([["web", "stable", 50], ["web", "other", 50]]),
		"a Service of both": _gateway([{"name": "web"}, {"name": "two"}]),
		"one backend": _gateway([{"name": "one"}]),
	}
	_pairs(route) == set()
}

test_repository if {
	canary.repository("r.example:5000/shop:1.0@sha256:ab") == "r.example:5000/shop"
	canary.repository("r.example:5000/shop") == "r.example:5000/shop"
	not canary.repository(7)
}
