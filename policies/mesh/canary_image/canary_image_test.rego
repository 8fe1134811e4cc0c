package policies.mesh.canary_image_test

import data.policies.mesh.canary_image

_deployment(track, image) := {
	"apiVersion": "apps/v1",
	"kind": "Deployment",
	"metadata": {"name": track, "namespace": "shop"},
	"spec": {"template": {"metadata": {"labels": {"app": "web", "track": track}}, "spec": {"containers": [{"name": "app", "image": image}]}}},
}

_around := [
	{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"selector": {"app": "web"}}},
	{"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"host": "web", "subsets": [{"name": "stable", "labels": {"track": "stable"}}, {"name": "canary", "labels": {"track": "canary"}}]}},
]

_deny(route, others) := faults if {
	service := {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"http": [{"route": route}]}}
	objects := array.concat(array.concat(_around, [service]), others)
	faults := canary_image.deny with input as {"objects": objects, "external": []}
}

_split(weight) := [{"destination": {"host": "web", "subset": "stable"}, "weight": 100 - weight}, {"destination": {"host": "web", "subset": "canary"}, "weight": weight}]

_container(index) := ["objects", index, "spec", "template", "spec", "containers", 0, "image"]

# The lighter one is the canary, whichever is written first; of two alike the second.
test_which_is_the_canary if {
	tracks := [_deployment("stable", "shop:1"), _deployment("canary", "store:1")]
	{fault.path | some fault in _deny(_split(90), tracks)} == {_container(3)}
	{fault.path | some fault in _deny(_split(50), tracks)} == {_container(4)}
}

test_other_repository if {
	_deny(_split(10), [_deployment("stable", "r.example:5000/shop:1"), _deployment("canary", "r.example:5000/shop-next:2@sha256:ab")]) == {{
		"path": _container(4),
		"with": {_container(3)},
		"msg": `container "app" of Deployment "stable" is r.example:5000/shop, and of Deployment "canary" it is r.example:5000/shop-next: VirtualService "web" compares two different programs`,
	}}
}

test_allows[name] if {
	stable := _deployment("stable", "r.example:5000/shop:1")
	some name, others in {
		"the same version": [stable, _deployment("canary", "r.example:5000/shop:1")],
		"another version": [stable, _deployment("canary", "r.example:5000/shop:2")],
		"a digest": [stable, _deployment("canary", "r.example:5000/shop@sha256:ab")],
		"another configuration": [stable, object.union(_deployment("canary", "r.example:5000/shop:1"), {"spec": {"template": {"spec": {"hostname": "b"}}}})],
		"another container": [stable, object.union(_deployment("canary", ""), {"spec": {"template": {"spec": {"containers": [{"name": "other", "image": "other:1"}]}}}})],
		"two workloads of a track": [stable, _deployment("canary", "store:1"), object.union(_deployment("canary", "x"), {"metadata": {"name": "more"}})],
		"a Rollout": [stable, object.union(_deployment("canary", "store:1"), {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"})],
		"no workload": [stable],
	}
	_deny(_split(10), others) == set()
}

test_no_share if {
	same := [_deployment("stable", "shop:1"), _deployment("canary", "store:1")]
	_deny(_split(0), same) == set()
	_deny(_split(100), same) == set()
	_deny([{"destination": {"host": "web"}}], same) == set()
	_deny([{"destination": {"host": "web", "subset": "stable"}, "weight": 50}, {"destination": {"host": "other", "subset": "canary"}, "weight": 50}], same) == set()
}

test_wrong_shapes if {
	every containers in [null, "text", [], [null], [{"name": "app"}], [{"name": "app", "image": 7}]] {
		broken := object.union(_deployment("canary", "x"), {"spec": {"template": {"spec": {"containers": containers}}}})
		_deny(_split(10), [_deployment("stable", "shop:1"), broken]) == set()
	}
}
