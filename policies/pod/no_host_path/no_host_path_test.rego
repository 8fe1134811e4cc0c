package policies.pod.no_host_path_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.no_host_path

_pod(volumes) := {"containers": [{"name": "app"}], "volumes": volumes}

_allowed := {
	"no volumes": {"containers": [{"name": "app"}]},
	"other volumes": _pod([{"name": "tmp", "emptyDir": {}}, {"name": "config", "configMap": {"name": "web"}}]),
	"a source that is null, so not set": _pod([{"name": "tmp", "hostPath": null, "emptyDir": {}}]),
	"volumes of the wrong type": _pod("text"),
}

_denied := {
	"a path of the node": {
		"pod": _pod([{"name": "tmp", "emptyDir": {}}, {"name": "logs", "hostPath": {"path": "/var/log", "type": "Directory"}}]),
		"findings": {["volume logs mounts a path of the node", ["volumes", 1, "hostPath"]]},
	},
	"a volume without a name or a path": {
		"pod": _pod([{"hostPath": {}}]),
		"findings": {["volume 0 mounts a path of the node", ["volumes", 0, "hostPath"]]},
	},
	"text": {
		"pod": _pod([{"name": "logs", "hostPath": "/var/log"}]),
		"findings": {["volume logs mounts a path of the node", ["volumes", 0, "hostPath"]]},
	},
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	no_host_path.deny == set() with input as obj
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind, obj in fixture.workloads(want.pod)
	findings := {fixture.finding(kind, msg, path) | some [msg, path] in want.findings}
	no_host_path.deny == findings with input as obj
}

test_says_nothing_of_what_it_cannot_read if {
	every obj in fixture.unreadable {
		no_host_path.deny == set() with input as obj
	}
}

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		no_host_path.deny == set() with input as obj
	}
}

test_asks_nothing_of_what_operators_set[label] if {
	some label, obj in fixture.operated({}, {})
	no_host_path.deny == set() with input as obj
}

test_denies_what_operators_are_told_of_pods[label] if {
	some label, obj in fixture.operated({"volumes": [{"name": "h", "hostPath": {"path": "/"}}]}, {})
	path := array.concat(fixture.operated_pod(label, "volumes"), [0, "hostPath"])
	{finding.path | some finding in no_host_path.deny; endswith(finding.msg, `volume h mounts a path of the node`)} == {path} with input as obj
}
