package policies.mesh.subsets_differ_test

import data.policies.mesh.subsets_differ

_deployment(name, track) := {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "shop"}, "spec": {"template": {"metadata": {"labels": {"app": "web", "track": track}}}}}

_deny(destinations) := _deny_of(destinations, [_deployment("web", "stable"), _deployment("web-canary", "canary")])

_deny_of(destinations, pods) := faults if {
	faults := subsets_differ.deny with input as {"objects": array.concat(
		[
			{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}},
			{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"host": "web", "subsets": [
				{"name": "stable", "labels": {"track": "stable"}},
				{"name": "canary", "labels": {"track": "canary"}},
				{"name": "all", "labels": {"app": "web"}},
			]}},
			{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"http": [{"route": destinations}]}},
		],
		pods,
	)}
}

_to(subsets) := [{"destination": {"host": "web", "subset": subset}} | some subset in subsets]

test_different_pods if {
	every destinations in [_to(["stable", "canary"]), _to(["stable"]), _to(["stable", "missing"]), [{"destination": {"host": "web"}}, {"destination": {"host": "other"}}]] {
		_deny(destinations) == set()
	}
}

test_same_pods if {
	every destinations in [
		_to(["stable", "stable"]),
		_to(["all", "canary"]),
		_to(["canary", ""]),
		[{"destination": {"host": "web", "subset": "canary"}}, {"destination": {"host": "web.shop.svc.cluster.local"}}],
	] {
		{fault.path | some fault in _deny(destinations)} == {["objects", 2, "spec", "http", 0, "route", 1, "destination"]}
	}
}

test_wrong_shapes_raise_nothing if {
	every destinations in ["text", ["text", "text"], [{"destination": "text"}, {"destination": "text"}], _to([1, {}]), _to([null, 1])] {
		_deny(destinations) == set()
	}
}

test_message if {
	_deny(_to(["all", "canary"])) == {{
		"path": ["objects", 2, "spec", "http", 0, "route", 1, "destination"],
		"msg": `VirtualService "web" splits requests to web.shop.svc.cluster.local between subset "all" and subset "canary", which both select the pods of Deployment "web-canary"`,
	}}
	some fault in _deny(_to(["canary", ""]))
	contains(fault.msg, `between subset "canary" and every pod`)
}

# The labels of git select the pods of both subsets, and those of the cluster do not.
test_the_controller_of_a_rollout_tells_its_pods_apart if {
	rollout := object.union(_deployment("web", "stable"), {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"})
	_deny_of(_to(["all", "stable"]), [rollout]) == set()
	count(_deny_of(_to(["all", "stable"]), [_deployment("web", "stable")])) == 1
}
