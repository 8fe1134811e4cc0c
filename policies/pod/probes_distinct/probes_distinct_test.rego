package policies.pod.probes_distinct_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.probes_distinct

_pod(liveness, readiness) := {"containers": [{
	"name": "app",
	"ports": [{"name": "http", "containerPort": 8080}, {"name": "admin", "containerPort": 9090}],
	"livenessProbe": liveness,
	"readinessProbe": readiness,
	"startupProbe": liveness,
}]}

_allowed := {
	"other paths": _pod({"httpGet": {"path": "/healthz", "port": "http"}}, {"httpGet": {"path": "/readyz", "port": "http"}}),
	"other ports": _pod({"httpGet": {"path": "/", "port": "http"}}, {"httpGet": {"path": "/", "port": "admin"}}),
	"other gRPC services": _pod({"grpc": {"port": 9090, "service": "live"}}, {"grpc": {"port": 9090, "service": "ready"}}),
	"other commands": _pod({"exec": {"command": ["live"]}}, {"exec": {"command": ["ready"]}}),
	"other handlers": _pod({"tcpSocket": {"port": "http"}}, {"httpGet": {"port": "http"}}),
	"only one": {"containers": [{"name": "app", "livenessProbe": {"httpGet": {"path": "/", "port": 80}}}]},
	"none": {"containers": [{"name": "app"}]},
	"probes of the wrong type": _pod("text", "text"),
	"handlers of the wrong type": {"containers": [{"name": "app", "ports": "text", "livenessProbe": {"exec": "a"}, "readinessProbe": {"exec": "a"}}]},
}

_same(handler) := {[sprintf(`container "app" is restarted whenever it is not ready: livenessProbe and readinessProbe both ask %s`, [handler]), ["containers", 0, "livenessProbe"]]}

_denied := {
	"the same endpoint": {
		"pod": _pod({"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 20}, {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10}),
		"findings": _same(`{"httpGet":{"host":"","path":"/healthz","port":8080,"scheme":"HTTP"}}`),
	},
	"the same endpoint in two spellings": {
		"pod": _pod({"httpGet": {"port": "http"}}, {"httpGet": {"path": "/", "port": 8080, "scheme": "HTTP"}}),
		"findings": _same(`{"httpGet":{"host":"","path":"/","port":8080,"scheme":"HTTP"}}`),
	},
	"the same socket": {"pod": _pod({"tcpSocket": {"port": "http"}}, {"tcpSocket": {"port": 8080}}), "findings": _same(`{"tcpSocket":{"host":"","port":8080}}`)},
	"the same gRPC service": {"pod": _pod({"grpc": {"port": 9090}}, {"grpc": {"port": 9090, "service": ""}}), "findings": _same(`{"grpc":{"port":9090,"service":""}}`)},
	"the same command": {"pod": _pod({"exec": {"command": ["/app", "healthcheck"]}}, {"exec": {"command": ["/app", "healthcheck"]}}), "findings": _same(`{"exec":["/app","healthcheck"]}`)},
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	probes_distinct.deny == set() with input as obj
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind, obj in fixture.workloads(want.pod)
	findings := {object.union(fixture.finding(kind, msg, path), {"with": {fixture.finding(kind, msg, beside).path}}) |
		some [msg, path] in want.findings
		beside := array.concat(array.slice(path, 0, 2), ["readinessProbe"])
	}
	probes_distinct.deny == findings with input as obj
}

test_says_nothing_of_what_it_cannot_read if {
	every obj in fixture.unreadable {
		probes_distinct.deny == set() with input as obj
	}
}

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		probes_distinct.deny == set() with input as obj
	}
}

test_asks_nothing_of_what_operators_set[label] if {
	some label, obj in fixture.operated({}, {})
	probes_distinct.deny == set() with input as obj
}

test_denies_what_operators_are_told[label] if {
	probe := {"httpGet": {"port": 80}}
	some label, obj in object.remove(
		fixture.operated({}, {"livenessProbe": probe, "readinessProbe": probe}),
		["Collector", "Collector of old", "Collector's target allocator", "OpAMPBridge", "TargetAllocator"], # of another form
	)
	path := array.concat(fixture.operated_container[label], ["livenessProbe"])
	{finding.path | some finding in probes_distinct.deny} == {path} with input as obj
}
