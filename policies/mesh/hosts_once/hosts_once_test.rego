package policies.mesh.hosts_once_test

import data.policies.mesh.hosts_once

_service(name, namespace, spec) := {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": name, "namespace": namespace}, "spec": spec}

_deny(objects) := faults if faults := hosts_once.deny with input as {"objects": objects, "external": []}

test_one_each[sprintf("%v", [specs])] if {
	some specs in [
		[{"hosts": ["a"]}, {"hosts": ["b"]}],
		[{"hosts": ["a"], "gateways": ["g"]}, {"hosts": ["a"], "gateways": ["g"]}],
		[{"hosts": ["a"]}, {"hosts": ["a"], "gateways": ["g"]}],
		[{"hosts": ["a", "a.shop"]}, {"hosts": []}],
		[{"hosts": ["a"], "exportTo": ["x"]}, {"hosts": ["a"], "exportTo": ["y"]}],
		[{}, {"hosts": "text"}],
	]
	_deny([_service(sprintf("s%d", [i]), "shop", spec) | some i, spec in specs]) == set()
}

test_two[sprintf("%v", [specs])] if {
	some specs in [
		[{"hosts": ["a"]}, {"hosts": ["a"]}],
		[{"hosts": ["a.shop.svc.cluster.local"]}, {"hosts": ["a"], "gateways": ["mesh", "g"]}],
		[{"hosts": ["a"], "exportTo": ["."]}, {"hosts": ["a"]}],
		[{"hosts": ["a"], "exportTo": ["."]}, {"hosts": ["a"], "exportTo": ["shop"]}],
	]
	{fault.path | some fault in _deny([_service(sprintf("s%d", [i]), "shop", spec) | some i, spec in specs])} == {["objects", 1, "spec", "hosts", 0]}
}

test_messages if {
	{fault.msg | some fault in _deny([_service("s", "shop", {"hosts": ["a", "a.shop.svc.cluster.local"]})])} == {`VirtualService "s" names host a.shop.svc.cluster.local twice, as "a" too`}
	{fault.msg | some fault in _deny([_service("s", "shop", {"hosts": ["a"]}), _service("t", "shop", {"hosts": ["a"]})])} == {`VirtualService "t" is for host a.shop.svc.cluster.local of the mesh, which VirtualService "s" is for already: a sidecar uses one of them`}
}
