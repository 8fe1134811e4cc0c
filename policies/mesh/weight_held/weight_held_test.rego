package policies.mesh.weight_held_test

import data.policies.mesh.weight_held

_deployment(track, replicas) := {
	"apiVersion": "apps/v1",
	"kind": "Deployment",
	"metadata": {"name": track, "namespace": "shop"},
	"spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": "web", "track": track}}, "spec": {"containers": [{"name": "app", "image": sprintf("r.example:5000/shop:%s", [track])}]}}},
}

_service(name, track) := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop"}, "spec": {"selector": object.union({"app": "web"}, track)}}

_around := [
	_service("web", {}),
	_service("one", {"track": "stable"}),
	_service("two", {"track": "canary"}),
	{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"host": "web", "subsets": [{"name": "stable", "labels": {"track": "stable"}}, {"name": "canary", "labels": {"track": "canary"}}]}},
]

_split(weight) := {"route": [{"destination": {"host": "web", "subset": "stable"}, "weight": 100 - weight}, {"destination": {"host": "web", "subset": "canary"}, "weight": weight}]}

_mesh(rules) := {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"http": rules}}

_gateway(kind, rules) := {"apiVersion": "gateway.networking.k8s.io/v1", "kind": kind, "metadata": {"name": "web", "namespace": "shop"}, "spec": {"rules": rules}}

_scaler(track, least, most) := {
	"apiVersion": "autoscaling/v2",
	"kind": "HorizontalPodAutoscaler",
	"metadata": {"name": track, "namespace": "shop"},
	"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": track}, "minReplicas": least, "maxReplicas": most},
}

_deny(route, others) := faults if {
	faults := weight_held.deny with input as {"objects": array.concat(array.concat(_around, [route]), others), "external": []}
}

_weight := ["objects", 4, "spec", "http", 0, "route", 1, "weight"]

test_too_few if {
	_deny(_mesh([_split(50)]), [_deployment("stable", 8), _deployment("canary", 1)]) == {{
		"path": _weight,
		"with": {["objects", 5, "spec", "replicas"], ["objects", 6, "spec", "replicas"]},
		"msg": `Deployment "canary" gets 50% of the requests, as much as 4 of the 8 pods of Deployment "stable" that are the fewest, and has 1 at most`,
	}}
}

# An autoscaler says how many there are at least, and how many there may be.
test_autoscalers if {
	both := [_deployment("stable", 1), _deployment("canary", 1), _scaler("stable", 9, 20), _scaler("canary", 1, 2)]
	{[fault.with, fault.msg] | some fault in _deny(_mesh([_split(25)]), both)} == {[
		{["objects", 7, "spec", "minReplicas"], ["objects", 8, "spec", "maxReplicas"]},
		`Deployment "canary" gets 25% of the requests, as much as 2.3 of the 9 pods of Deployment "stable" that are the fewest, and has 2 at most`,
	]}
	_deny(_mesh([_split(25)]), [_deployment("stable", 1), _deployment("canary", 1), _scaler("stable", 9, 20), _scaler("canary", 1, 3)]) == set()
}

test_of_gateway_api[kind] if {
	some kind in ["GRPCRoute", "HTTPRoute"]
	rule := {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": [{"name": "one", "port": 80, "weight": 3}, {"name": "two", "port": 80}]}
	{fault.path | some fault in _deny(_gateway(kind, [rule]), [_deployment("stable", 8), _deployment("canary", 1)])} == {["objects", 4, "spec", "rules", 0, "backendRefs", 1, "weight"]}
}

# Which is the canary the share says, not the order.
test_the_lighter_is_the_canary if {
	few := [_deployment("stable", 1), _deployment("canary", 8)]
	{fault.path | some fault in _deny(_mesh([_split(80)]), few)} == {["objects", 4, "spec", "http", 0, "route", 0, "weight"]}
	_deny(_mesh([_split(90)]), few) == set()
}

# A header asks for the canary.
test_beside_what_is_asked_for if {
	asked := {"match": [{"headers": {"x-canary": {"exact": "1"}}}], "route": [{"destination": {"host": "web", "subset": "canary"}}]}
	moved := {"match": [{"uri": {"prefix": "/old"}}], "redirect": {"uri": "/new"}}
	count(_deny(_mesh([asked, moved, _split(50)]), [_deployment("stable", 8), _deployment("canary", 1)])) == 1
}

test_allows[name] if {
	few := [_deployment("stable", 8), _deployment("canary", 1)]
	some name, c in {
		"a share that one pod holds": [_mesh([_split(10)]), few],
		"as many as it takes": [_mesh([_split(50)]), [_deployment("stable", 8), _deployment("canary", 4)]],
		"no share": [_mesh([_split(0)]), few],
		"no pods, which another rule tells": [_mesh([_split(50)]), [_deployment("stable", 8), _deployment("canary", 0)]],
		"a route of some requests": [_mesh([object.union(_split(50), {"match": [{"uri": {"prefix": "/new"}}]})]), few],
		"a route beside others": [_mesh([{"match": [{"uri": {"prefix": "/static"}}], "route": [{"destination": {"host": "web", "subset": "stable"}}]}, _split(50)]), few],
		"another program": [_mesh([_split(50)]), [few[0], object.union(few[1], {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "other"}]}}}})]],
		"greater pods": [_mesh([_split(50)]), [few[0], object.union(few[1], {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "r.example:5000/shop:canary", "resources": {"requests": {"cpu": "8"}}}]}}}})]],
		"a Rollout": [_mesh([_split(50)]), [few[0], object.union(few[1], {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"})]],
		"one Service for both": [_gateway("HTTPRoute", [{"backendRefs": [{"name": "web", "port": 80}, {"name": "two", "port": 80}]}]), few],
		"another namespace": [_gateway("HTTPRoute", [{"backendRefs": [{"name": "one", "port": 80}, {"name": "two", "namespace": "other", "port": 80}]}]), few],
		"another kind": [_gateway("HTTPRoute", [{"backendRefs": [{"name": "one", "port": 80}, {"kind": "ServiceImport", "group": "x.example", "name": "two", "port": 80}]}]), few],
		"no numbers": [_mesh([_split(50)]), [_deployment("stable", "many"), _deployment("canary", null)]],
		"KEDA": [_mesh([_split(50)]), array.concat(few, [{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"scaleTargetRef": {"name": "canary"}, "maxReplicaCount": 20}}])],
		"a fault in their place": [_mesh([object.union(_split(50), {"fault": {"abort": {"httpStatus": 503, "percentage": {"value": 100}}}})]), few],
		"another host's": [_mesh([_split(50)]), array.concat(few, [object.union(_mesh([{"route": [{"destination": {"host": "web.shop.svc.cluster.local", "subset": "stable"}}]}]), {"metadata": {"name": "main"}})])],
		"another route's": [_gateway("HTTPRoute", [{"backendRefs": [{"name": "one", "port": 80}, {"name": "two", "port": 80}]}]), array.concat(few, [object.union(_gateway("HTTPRoute", [{"backendRefs": [{"name": "one", "port": 80}]}]), {"metadata": {"name": "main"}})])],
		"no workload": [_mesh([_split(50)]), []],
	}
	_deny(c[0], c[1]) == set()
}

test_wrong_shapes if {
	few := [_deployment("stable", 8), _deployment("canary", 1)]
	every rules in [null, "text", [null], [{"backendRefs": [null, 7]}], [{"backendRefs": [{"name": 7}, {"name": "two", "weight": "x"}]}], [{"route": [null, null]}]] {
		_deny(_gateway("HTTPRoute", rules), few) == set()
		_deny(_mesh(rules), few) == set()
	}
}
