package policies.mesh.subsets_exist_test

import data.policies.mesh.subsets_exist

_around := [
	{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}},
	{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web", "namespace": "shop"}, "spec": {
		"host": "web.shop.svc.cluster.local",
		"subsets": [{"name": "stable", "labels": {"track": "stable"}}],
	}},
]

_deny(rule) := faults if {
	faults := subsets_exist.deny with input as {"objects": array.concat(_around, [{
		"apiVersion": "networking.istio.io/v1",
		"kind": "VirtualService",
		"metadata": {"name": "web", "namespace": "shop"},
		"spec": {"http": [rule]},
	}])}
}

# The rule says the full name and the route the short one: the same host.
test_defined if {
	every destination in [{"host": "web", "subset": "stable"}, {"host": "web"}, {"host": "web", "subset": ""}, {"host": "web", "subset": null}] {
		_deny({"route": [{"destination": destination}], "mirror": destination}) == set()
	}
}

test_not_defined[sprintf("%v", [destination])] if {
	some destination in [{"host": "web", "subset": "canary"}, {"host": "other", "subset": "stable"}, {"host": "web", "subset": 1}, {"host": "web", "subset": {}}]
	{fault.path | some fault in _deny({"route": [{"destination": destination}], "mirror": destination})} == {
		["objects", 2, "spec", "http", 0, "route", 0, "destination", "subset"],
		["objects", 2, "spec", "http", 0, "mirror", "subset"],
	}
}

test_message if {
	_deny({"route": [{"destination": {"host": "web", "subset": "canary"}}]}) == {{
		"path": ["objects", 2, "spec", "http", 0, "route", 0, "destination", "subset"],
		"msg": `VirtualService "web" routes to subset "canary" of web.shop.svc.cluster.local, which no DestinationRule defines`,
		"with": [],
		"missing": {"kind": "subset", "namespace": "", "name": "canary of web.shop.svc.cluster.local"},
	}}
}

test_the_subset_that_is_nearly_it if {
	faults := _deny({"route": [{"destination": {"host": "web", "subset": "stabel"}}]})
	{fault["with"] | some fault in faults} == {[["objects", 1, "spec", "subsets", 0, "name"]]}
}

# Whoever deploys an object without a namespace says where it is.
test_a_rule_without_a_namespace_may_be_of_the_host if {
	objects := [
		object.union(object.remove(_around[1], ["metadata"]), {"metadata": {"name": "web"}, "spec": {"host": "web"}}),
		{
			"apiVersion": "networking.istio.io/v1",
			"kind": "VirtualService",
			"metadata": {"name": "web", "namespace": "shop"},
			"spec": {"http": [{"route": [{"destination": {"host": "web", "subset": "stable"}}, {"destination": {"host": "web", "subset": "canary"}}]}]},
		},
		{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}},
	]
	{fault.msg | some fault in subsets_exist.deny} == {`VirtualService "web" routes to subset "canary" of web.shop.svc.cluster.local, which no DestinationRule defines`} with input as {"objects": objects}
}

_rule_of(namespace, around, spec) := {fault.path | some fault in faults} if {
	objects := array.concat(
		[
			_around[0],
			object.union(_around[1], {"metadata": {"namespace": namespace}}),
			{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": object.union({"http": [{"route": [{"destination": {"host": "web", "subset": "stable"}}]}]}, spec)},
		],
		around,
	)
	faults := subsets_exist.deny with input as {"objects": objects}
}

test_where_istio_looks if {
	_rule_of("routing", [], {}) == {["objects", 2, "spec", "http", 0, "route", 0, "destination", "subset"]}
	_rule_of("shop", [], {}) == set()
	_rule_of("istio-system", [], {}) == set()
	_rule_of("routing", [], {"gateways": ["routing/public"]}) == set()
	_rule_of("routing", [], {"exportTo": ["routing"]}) == set()
	_rule_of("routing", [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "client", "namespace": "routing"}, "spec": {}}], {}) == set()
	_rule_of("", [], {}) == set()
}

test_a_service_of_others if {
	objects := [
		_around[1],
		{
			"apiVersion": "networking.istio.io/v1",
			"kind": "VirtualService",
			"metadata": {"name": "web", "namespace": "shop"},
			"spec": {"http": [{"route": [{"destination": {"host": "web", "subset": "stable"}}, {"destination": {"host": "web", "subset": "canary"}}]}]},
		},
	]
	{fault.path[6] | some fault in subsets_exist.deny} == {1} with input as {"objects": objects}
}
