package policies.mesh.gateways_exist_test

import data.policies.mesh.gateways_exist

_gateway := {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "metadata": {"name": "public", "namespace": "ingress"}}

_service(spec) := {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}

_deny(spec) := faults if faults := gateways_exist.deny with input as {"objects": [_service(spec), _gateway], "external": [{"kind": "Gateway", "namespace": "edge", "name": "wan"}]}

test_exists if {
	every gateways in [null, ["mesh"], ["ingress/public"], ["edge/wan"], ["public.ingress.svc.cluster.local"], ["$(NS)/public"], [1]] {
		_deny({"gateways": gateways}) == set()
	}
}

test_missing if {
	_deny({"gateways": ["mesh", "public"]}) == {{
		"path": ["objects", 0, "spec", "gateways", 1],
		"msg": `VirtualService "web" is bound to Gateway "public" of namespace shop, which is neither rendered nor declared external`,
		"missing": {"kind": "Gateway", "namespace": "shop", "name": "public"},
	}}
	{fault.path | some fault in _deny({"gateways": ["ingress/other"], "http": [{"match": [{"gateways": ["ingress/other", "edge/lan"]}]}]})} == {
		["objects", 0, "spec", "gateways", 0],
		["objects", 0, "spec", "http", 0, "match", 0, "gateways", 1],
	}
}

test_namespaces_that_nobody_knows if {
	gateways_exist.deny == set() with input as {"objects": [object.union(_service({"gateways": ["public"]}), {"metadata": {"namespace": ""}}), _gateway], "external": []}
}

test_says_nothing_before_anybody_does if {
	vs := _service({"gateways": ["ingress/public"]})
	gateways_exist.deny == set() with input as {"objects": [vs], "external": []}
	gateways_exist.deny == set() with input as {"objects": [object.union(_service({"gateways": ["public"]}), {"metadata": {"namespace": ""}})], "external": []}
	count(gateways_exist.deny) == 1 with input as {"objects": [vs], "external": [{"kind": "Namespace", "name": "ingress"}]}
	count(gateways_exist.deny) == 1 with input as {"objects": [vs, object.union(_gateway, {"metadata": {"name": "other"}})], "external": []}
}

test_own_and_rendered_namespaces_are_told if {
	namespace := {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ingress"}}
	count(gateways_exist.deny) == 1 with input as {"objects": [_service({"gateways": ["mesh", "public"]})], "external": []}
	count(gateways_exist.deny) == 1 with input as {"objects": [_service({"gateways": ["shop/public"]})], "external": []}
	count(gateways_exist.deny) == 1 with input as {"objects": [_service({"gateways": ["ingress/public"]}), namespace], "external": []}
}
