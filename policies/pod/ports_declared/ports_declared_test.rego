package policies.pod.ports_declared_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.ports_declared

_ports := [{"name": "http", "containerPort": 8080}, {"containerPort": 9090}]

_pod(fields) := {"containers": [object.union({"name": "app", "ports": _ports}, fields)]}

_allowed := {
	"declared": _pod({"readinessProbe": {"httpGet": {"port": 8080}}, "livenessProbe": {"tcpSocket": {"port": 9090}}, "startupProbe": {"grpc": {"port": 9090}}}),
	"a name": _pod({"readinessProbe": {"httpGet": {"port": "any"}}}),
	"told in args": _pod({"args": ["--health-probe-bind-address=:8081"], "readinessProbe": {"httpGet": {"port": 8081}}}),
	"told in env": _pod({"env": [{"name": "PORT", "value": "8081"}], "readinessProbe": {"httpGet": {"port": 8081}}}),
	"of a mesh": _pod({"readinessProbe": {"httpGet": {"port": 15021}}}),
	"of another host": _pod({"readinessProbe": {"httpGet": {"host": "10.0.0.1", "port": 1}}}),
	"nothing declared": {"containers": [{"name": "app", "readinessProbe": {"httpGet": {"port": 1}}}]},
	"declared by another container": {"containers": [{"name": "app", "readinessProbe": {"httpGet": {"port": 1}}}, {"name": "b", "ports": _ports}]},
	"wrong types": {"containers": [{"name": "app", "ports": "text", "readinessProbe": "text"}, {"name": "b", "ports": ["text"], "livenessProbe": {"grpc": "text"}}]},
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	ports_declared.deny == set() with input as obj
}

test_denies[handler][kind] if {
	some handler in ["grpc", "httpGet", "tcpSocket"]
	some kind, obj in fixture.workloads(_pod({"args": ["--at=18081", 1], "readinessProbe": {handler: {"port": 8081}}}))
	prefix := array.concat(fixture.spec_paths[kind], ["containers", 0])
	ports_declared.deny == {{
		"msg": `readinessProbe of container "app" asks port 8081, and the container declares 8080, 9090`,
		"path": array.concat(prefix, ["readinessProbe", handler, "port"]),
		"with": {array.concat(prefix, ["ports", 0, "containerPort"]), array.concat(prefix, ["ports", 1, "containerPort"])},
	}} with input as obj
}

_scraped(annotations) := object.union(fixture.workload("Deployment", _pod({}), {}), {"spec": {"template": {"metadata": {"annotations": annotations}}}})

test_scraped_at_what_is_declared if {
	every annotations in [
		{"prometheus.io/scrape": "true", "prometheus.io/port": "9090"},
		{"prometheus.io/scrape": "true", "prometheus.io/port": "15020"},
		{"prometheus.io/scrape": "true", "prometheus.io/port": "http"},
		{"prometheus.io/scrape": "true"},
		{"prometheus.io/scrape": "false", "prometheus.io/port": "1"},
		{"prometheus.io/port": "1"},
	] {
		ports_declared.deny == set() with input as _scraped(annotations)
	}
}

test_scraped_at_another_port if {
	{[fault.path, fault.msg] | some fault in ports_declared.deny} == {[
		["spec", "template", "metadata", "annotations", "prometheus.io/port"],
		`the pods of Deployment "web" are scraped at port 9091, and declare 8080, 9090`,
	]} with input as _scraped({"prometheus.io/scrape": "true", "prometheus.io/port": "9091"})
}

test_says_nothing_of_what_it_cannot_read if {
	every obj in fixture.unreadable {
		ports_declared.deny == set() with input as obj
	}
	every obj in fixture.others {
		ports_declared.deny == set() with input as obj
	}
}
