package policies.mesh.weights_served_test

import data.policies.mesh.weights_served

_deployment(track, spec) := {
	"apiVersion": "apps/v1",
	"kind": "Deployment",
	"metadata": {"name": track, "namespace": "shop"},
	"spec": object.union({"template": {"metadata": {"labels": {"app": "web", "track": track}}}}, spec),
}

_around := [
	{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}},
	{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"host": "web", "subsets": [{"name": "stable", "labels": {"track": "stable"}}, {"name": "canary", "labels": {"track": "canary"}}]}},
]

_deny(route, others) := faults if {
	service := {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"http": [{"route": route}]}}
	objects := array.concat(array.concat(_around, [service]), others)
	faults := weights_served.deny with input as {"objects": objects, "external": []}
}

_split(weight) := [{"destination": {"host": "web", "subset": "stable"}, "weight": 100 - weight}, {"destination": {"host": "web", "subset": "canary"}, "weight": weight}]

test_denies if {
	_deny(_split(10), [_deployment("stable", {}), _deployment("canary", {"replicas": 0})]) == {{
		"path": ["objects", 4, "spec", "replicas"],
		"with": {["objects", 2, "spec", "http", 0, "route", 1, "weight"]},
		"msg": `Deployment "canary" has no replicas, and VirtualService "web" sends it 10 of 100 requests`,
	}}
	{fault.msg | some fault in _deny([{"destination": {"host": "web"}}], [_deployment("stable", {"replicas": 0})])} == {`Deployment "stable" has no replicas, and VirtualService "web" sends it every request of a route`}
}

test_allows[name] if {
	canary := _deployment("canary", {"replicas": 0})
	some name, others in {
		"replicas": [_deployment("canary", {"replicas": 1})],
		"by default": [_deployment("canary", {})],
		"another workload": [canary, object.union(_deployment("canary", {}), {"metadata": {"name": "other"}})],
		"an autoscaler": [canary, {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "canary"}}}],
		"KEDA": [canary, {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"scaleTargetRef": {"name": "canary"}}}],
		"Elasti": [canary, {"apiVersion": "elasti.truefoundry.com/v1alpha1", "kind": "ElastiService", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"scaleTargetRef": {"name": "canary"}}}],
		"Sablier": [object.union(canary, {"metadata": {"labels": {"sablier.enable": "true"}}})],
		"Sablier by the template": [object.union(canary, {"spec": {"template": {"metadata": {"labels": {"sablier.enable": "true"}}}}})],
		"Osiris": [object.union(canary, {"metadata": {"annotations": {"osiris.dm.gg/enableScaling": "True"}}})],
		"idled": [object.union(canary, {"metadata": {"annotations": {"idling.alpha.openshift.io/previous-scale": "2"}}})],
		"no workload": [],
		"a Rollout": [object.union(canary, {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"})],
	}
	_deny(_split(10), array.concat([_deployment("stable", {})], others)) == set()
}

test_what_is_told_not_to if {
	every value in ["false", "", true, null] {
		count(_deny(_split(10), [_deployment("stable", {}), object.union(_deployment("canary", {"replicas": 0}), {"metadata": {"labels": {"sablier.enable": value}}})])) == 1
	}
}

test_no_share if {
	canary := _deployment("canary", {"replicas": 0})
	_deny(_split(0), [_deployment("stable", {}), canary]) == set()
	_deny([{"destination": {"host": "web", "subset": "canary"}, "weight": 0}], [canary]) == set()
	_deny([{"destination": {"host": "web"}}], [_deployment("stable", {}), canary]) == set()
	_deny([{"destination": {"host": "elsewhere"}}], [canary]) == set()
}

test_pods_of_an_operator if {
	_deny([{"destination": {"host": "web"}}], [
		_deployment("stable", {"replicas": 0}),
		{"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db", "namespace": "shop", "labels": {"app": "web"}}},
	]) == set()
}

_routed(backends, others) := faults if {
	route := {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"rules": [{"backendRefs": backends}]}}
	faults := weights_served.deny with input as {"objects": array.concat(array.concat(_around, [route]), others), "external": []}
}

test_routes_of_gateway_api if {
	every backends in [[], [{"name": "web"}], [{"name": "web", "weight": 0}, {"name": "other"}], [{"name": "other", "weight": 1}, {"name": "web", "weight": 0}]] {
		_routed(backends, [_deployment("stable", {})]) == set()
	}
	{fault.path | some fault in _routed([{"name": "web", "weight": 0}, {"name": "other", "weight": 0}], [])} == {["objects", 2, "spec", "rules", 0, "backendRefs", 0, "weight"]}
	none := [_deployment("stable", {"replicas": 0})]
	{fault.msg | some fault in _routed([{"name": "web", "weight": 10}, {"name": "other", "weight": 90}], none)} == {`Deployment "stable" has no replicas, and HTTPRoute "web" sends it requests with a weight of 10`}
	every backend in [{"name": "web", "weight": 0}, {"name": "web", "namespace": "other"}, {"name": "web", "kind": "ServiceImport", "group": "multicluster.x-k8s.io"}] {
		_routed([backend, {"name": "other"}], none) == set()
	}
	_routed([{"name": "web"}], array.concat(none, [_deployment("canary", {})])) == set()
}
