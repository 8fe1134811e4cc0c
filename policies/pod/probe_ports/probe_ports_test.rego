package policies.pod.probe_ports_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.probe_ports

_pod(fields) := {"containers": [object.union({"name": "app", "ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 9090}]}, fields)]}

_allowed := {
	"a name": _pod({"readinessProbe": {"httpGet": {"port": "http"}}, "livenessProbe": {"tcpSocket": {"port": "http"}}, "lifecycle": {"preStop": {"httpGet": {"port": "http"}}}}),
	"a number": _pod({"readinessProbe": {"httpGet": {"port": 1234}}, "startupProbe": {"tcpSocket": {"port": 1}}}),
	"a number as a text": _pod({"readinessProbe": {"httpGet": {"port": "1234"}}}),
	"others": _pod({"readinessProbe": {"exec": {"command": ["a"]}}, "livenessProbe": {"grpc": {"port": 9090}}}),
	"filled in later": _pod({"readinessProbe": {"httpGet": {"port": "${PORT}"}}, "livenessProbe": {"httpGet": {"port": "{{ port }}"}}}),
	"wrong types": _pod({"readinessProbe": "text", "livenessProbe": {"httpGet": "text"}, "lifecycle": [], "startupProbe": {"httpGet": {"port": ""}}}),
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	probe_ports.deny == set() with input as obj
}

_denied := {
	"readinessProbe": {"readinessProbe": {"httpGet": {"port": "web"}}},
	"livenessProbe": {"livenessProbe": {"tcpSocket": {"port": "web"}}},
	"startupProbe": {"startupProbe": {"httpGet": {"port": "web"}}},
	"lifecycle.preStop": {"lifecycle": {"preStop": {"httpGet": {"port": "web"}}}},
	"lifecycle.postStart": {"lifecycle": {"postStart": {"tcpSocket": {"port": "web"}}}},
}

test_denies[title][kind] if {
	some title, fields in _denied
	some kind, obj in fixture.workloads(_pod(fields))
	[[fault.msg, fault.with] | some fault in probe_ports.deny] == [[
		sprintf(`%s of container "app" asks port "web", and no port of the container has this name`, [title]),
		{array.concat(fixture.spec_paths[kind], ["containers", 0, "ports", 0, "name"])},
	]] with input as obj
}

test_denies_the_port_of_another_container if {
	pod := {"containers": [{"name": "app", "readinessProbe": {"httpGet": {"port": "http"}}}, {"name": "proxy", "ports": [{"name": "http", "containerPort": 80}]}]}
	[fault.path | some fault in probe_ports.deny] == [["spec", "template", "spec", "containers", 0, "readinessProbe", "httpGet", "port"]] with input as fixture.workload("Deployment", pod, {})
}

test_says_nothing_of_what_it_cannot_read if {
	every obj in fixture.unreadable {
		probe_ports.deny == set() with input as obj
	}
	every obj in fixture.others {
		probe_ports.deny == set() with input as obj
	}
}

test_says_nothing_of_what_operators_declare[label] if {
	some label, obj in fixture.operated({}, {"readinessProbe": {"httpGet": {"port": "web"}}})
	not label in {"PodTemplate"}
	probe_ports.deny == set() with input as obj
}
