package policies.pod.no_host_namespaces_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.no_host_namespaces

_pod := {"containers": [{"name": "app", "ports": [{"containerPort": 8080}]}]}

_with_port(port) := {"containers": [{"name": "app", "ports": [{"containerPort": 8080}, port]}]}

_allowed := {
	"nothing said": _pod,
	"all false": object.union(_pod, {"hostNetwork": false, "hostPID": false, "hostIPC": null}),
	"host port 0, which is none": _with_port({"containerPort": 9090, "hostPort": 0}),
	"ports of the wrong type": {"containers": [{"name": "app", "ports": "8080"}, {"name": "b", "ports": [8080]}]},
}

_denied := {
	"a host port": {
		"pod": _with_port({"containerPort": 9090, "hostPort": 9090}),
		"findings": {[`container "app" opens a port of its node: hostPort is 9090`, ["containers", 0, "ports", 1, "hostPort"]]},
	},
	"a host port as text": {
		"pod": _with_port({"hostPort": "9090"}),
		"findings": {[`container "app" opens a port of its node: hostPort is 9090`, ["containers", 0, "ports", 1, "hostPort"]]},
	},
	"a host port of a sidecar": {
		"pod": object.union(_pod, {"initContainers": [{"name": "proxy", "restartPolicy": "Always", "ports": [{"hostPort": 80}]}]}),
		"findings": {[`sidecar "proxy" opens a port of its node: hostPort is 80`, ["initContainers", 0, "ports", 0, "hostPort"]]},
	},
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	no_host_namespaces.deny == set() with input as obj
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind, obj in fixture.workloads(want.pod)
	findings := {fixture.finding(kind, msg, path) | some [msg, path] in want.findings}
	no_host_namespaces.deny == findings with input as obj
}

test_says_nothing_of_what_it_cannot_read if {
	every obj in fixture.unreadable {
		no_host_namespaces.deny == set() with input as obj
	}
}

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		no_host_namespaces.deny == set() with input as obj
	}
}

test_denies_each_namespace[field][kind] if {
	some field in ["hostNetwork", "hostPID", "hostIPC"]
	some kind, obj in fixture.workloads(object.union(_pod, {field: true}))
	msg := sprintf(`the pods of %s "web" share a namespace of their node: %s is true`, [kind, field])
	no_host_namespaces.deny == {fixture.finding(kind, msg, [field])} with input as obj
}

test_denies_a_namespace_as_text[kind] if {
	some kind, obj in fixture.workloads(object.union(_pod, {"hostPID": "false"}))
	msg := sprintf(`the pods of %s "web" share a namespace of their node: hostPID is false`, [kind])
	no_host_namespaces.deny == {fixture.finding(kind, msg, ["hostPID"])} with input as obj
}

test_asks_nothing_of_what_operators_set[label] if {
	some label, obj in fixture.operated({}, {})
	no_host_namespaces.deny == set() with input as obj
}

test_denies_what_operators_are_told_of_pods[label] if {
	some label, obj in fixture.operated({"hostNetwork": true}, {})
	path := array.concat(fixture.operated_pod(label, "hostNetwork"), [])
	{finding.path | some finding in no_host_namespaces.deny; endswith(finding.msg, `share a namespace of their node: hostNetwork is true`)} == {path} with input as obj
}

test_denies_what_operators_are_told[label] if {
	some label, obj in fixture.operated({}, {"ports": [{"hostPort": 80}]})
	path := array.concat(fixture.operated_container[label], ["ports", 0, "hostPort"])
	{finding.path | some finding in no_host_namespaces.deny; endswith(finding.msg, `opens a port of its node: hostPort is 80`)} == {path} with input as obj
}
