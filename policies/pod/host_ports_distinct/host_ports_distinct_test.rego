package policies.pod.host_ports_distinct_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.host_ports_distinct

_set(name, pod) := object.union(fixture.workload("DaemonSet", pod, {}), {"metadata": {"name": name}})

_ports(ports) := {"containers": [{"name": "app", "ports": ports}]}

_deny(a, b) := faults if faults := host_ports_distinct.deny with input as fixture.overlay([_set("a", a), _set("b", b)])

_path := ["spec", "template", "spec", "containers", 0, "ports", 0]

test_denies if {
	_deny(_ports([{"containerPort": 80, "hostPort": 9100}]), _ports([{"containerPort": 90, "hostPort": 9100}])) == {{
		"msg": `the pods of DaemonSet "b" and of DaemonSet "a" want port 9100/TCP of every node that they are for: it is one pod's`,
		"path": array.concat(array.concat(["objects", 1], _path), ["hostPort"]),
		"with": {array.concat(array.concat(["objects", 0], _path), ["hostPort"])},
	}}
	{fault.path[9] | some fault in _deny(_ports([{"hostPort": 9100}]), object.union(_ports([{"containerPort": 9100}]), {"hostNetwork": true}))} == {"containerPort"}
}

_clashing := {
	"the same nodes": [object.union(_ports([{"hostPort": 1}]), {"nodeSelector": {"a": "b"}}), object.union(_ports([{"hostPort": 1}]), {"nodeSelector": {"a": "b"}})],
	"one address among all": [_ports([{"hostPort": 1, "hostIP": "10.0.0.1"}]), _ports([{"hostPort": 1}])],
	"all addresses": [_ports([{"hostPort": 1, "hostIP": "0.0.0.0"}]), _ports([{"hostPort": 1, "hostIP": "10.0.0.1"}])],
	"one address": [_ports([{"hostPort": 1, "hostIP": "10.0.0.1"}]), _ports([{"hostPort": 1, "hostIP": "10.0.0.1"}])],
	"the protocol that is none": [_ports([{"hostPort": 1, "protocol": "TCP"}]), _ports([{"hostPort": 1}])],
}

test_clashing[note] if {
	some note, [a, b] in _clashing
	count(_deny(a, b)) == 1
}

_allowed := {
	"other numbers": [_ports([{"hostPort": 1}]), _ports([{"hostPort": 2}])],
	"other protocols": [_ports([{"hostPort": 1}]), _ports([{"hostPort": 1, "protocol": "UDP"}])],
	"other addresses": [_ports([{"hostPort": 1, "hostIP": "10.0.0.1"}]), _ports([{"hostPort": 1, "hostIP": "10.0.0.2"}])],
	"other nodes": [object.union(_ports([{"hostPort": 1}]), {"nodeSelector": {"a": "b"}}), _ports([{"hostPort": 1}])],
	"nodes by affinity": [object.union(_ports([{"hostPort": 1}]), {"affinity": {"nodeAffinity": {}}}), _ports([{"hostPort": 1}])],
	"ports of pods": [_ports([{"containerPort": 1}]), _ports([{"containerPort": 1}])],
	"a port of the node and one of a pod": [_ports([{"hostPort": 1}]), _ports([{"containerPort": 1}])],
	"none": [_ports([{"hostPort": 0}]), _ports([{"hostPort": 0}])],
	"before the pods run": [{"initContainers": [{"name": "a", "ports": [{"hostPort": 1}]}]}, {"initContainers": [{"name": "a", "ports": [{"hostPort": 1}]}]}],
	"wrong types": [_ports([{"hostPort": "1"}]), _ports("text")],
}

test_allows[note] if {
	some note, [a, b] in _allowed
	_deny(a, b) == set()
}

test_only_daemon_sets_are_on_every_node if {
	every kind in ["Deployment", "StatefulSet", "Pod"] {
		objects := [object.union(fixture.workload(kind, _ports([{"hostPort": 1}]), {}), {"metadata": {"name": name}}) | some name in ["a", "b"]]
		host_ports_distinct.deny == set() with input as fixture.overlay(objects)
	}
}

test_says_nothing_of_what_it_cannot_read if {
	every obj in fixture.unreadable {
		host_ports_distinct.deny == set() with input as fixture.overlay([obj, obj])
	}
}
