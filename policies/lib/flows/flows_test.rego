package policies.lib.flows_test

import data.policies.lib.flows

_in(api_version, kind, name, rest) := object.union({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}}, rest)

_pods(name, container) := _in("apps/v1", "Deployment", name, {"spec": {"template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [object.union({"name": "app"}, container)]}}}})

_cache := _pods("cache", {"ports": [{"name": "redis", "containerPort": 6380}]})

_service := _in("v1", "Service", "cache", {"spec": {"selector": {"app": "cache"}, "ports": [{"port": 6379, "targetPort": "redis"}]}})

# From which object to which, and the port of the pods.
_found(web) := found if {
	all := flows.input_flows with input as {"objects": [web, _cache, _service], "external": []}
	found := {[flow.from.group.index, flow.to.group.index, flow.port.number] | some flow in all}
}

test_an_address_is_a_flow_to_the_pods_behind_the_service[value] if {
	some value in ["redis://:secret@cache:6379/0", "redis://cache", "cache:6379", "cache.shop.svc.cluster.local:6379"]
	_found(_pods("web", {"env": [{"name": "CACHE_URL", "value": value}]})) == {[0, 1, 6380]}
}

test_an_argument_is_a_flow if _found(_pods("web", {"args": ["--cache=redis://cache:6379"]})) == {[0, 1, 6380]}

test_what_is_no_address_of_a_service[value] if {
	some value in ["", "text", "redis://elsewhere:6379", "redis://10.0.0.1:6379", "${CACHE}", "8080"]
	_found(_pods("web", {"env": [{"name": "CACHE_URL", "value": value}]})) == set()
}

test_nobody_sends_to_himself if _found(_pods("web", {})) == set()

test_wrong_shapes if {
	every web in ["text", null, {"kind": "Deployment"}, _pods("web", {"env": "text", "args": {}}), _pods("web", {"env": [1, {"name": 1, "value": {}}]})] {
		_found(web) == set()
	}
}
