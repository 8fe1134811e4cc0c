package policies.pod.run_as_non_root_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.run_as_non_root

_none := {"containers": [{"name": "app"}]}

_allowed := {
	"set on the pod": {"securityContext": {"runAsNonRoot": true}, "containers": [{"name": "app"}], "initContainers": [{"name": "init"}]},
	"set on the container": {"containers": [{"name": "app", "securityContext": {"runAsNonRoot": true, "runAsUser": 65532}}]},
	"the container wins over its pod": {"securityContext": {"runAsNonRoot": false}, "containers": [{"name": "app", "securityContext": {"runAsNonRoot": true}}]},
}

_denied := {
	"not set": {"pod": _none, "findings": _may_be_root},
	"false on the pod": {"pod": object.union(_none, {"securityContext": {"runAsNonRoot": false}}), "findings": _may_be_root},
	"null on the pod": {"pod": object.union(_none, {"securityContext": null}), "findings": _may_be_root},
	"a string on the pod": {"pod": object.union(_none, {"securityContext": {"runAsNonRoot": "true"}}), "findings": _may_be_root},
	"a security context that is text": {"pod": object.union(_none, {"securityContext": "text"}), "findings": _may_be_root},
	"false on the container, which wins over its pod": {
		"pod": {"securityContext": {"runAsNonRoot": true}, "containers": [{"name": "app", "securityContext": {"runAsNonRoot": false}}]},
		"findings": _may_be_root,
	},
	"an init container": {
		"pod": {"containers": [{"name": "app", "securityContext": {"runAsNonRoot": true}}], "initContainers": [{"name": "init"}]},
		"findings": {[`init container "init" may run as root: runAsNonRoot is not true`, ["initContainers", 0, "securityContext", "runAsNonRoot"]]},
	},
	"user 0 on the container": {
		"pod": {"securityContext": {"runAsNonRoot": true}, "containers": [{"name": "app", "securityContext": {"runAsUser": 0}}]},
		"findings": {[`container "app" runs as root: runAsUser is 0`, ["containers", 0, "securityContext", "runAsUser"]]},
	},
}

_may_be_root := {[`container "app" may run as root: runAsNonRoot is not true`, ["containers", 0, "securityContext", "runAsNonRoot"]]}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	run_as_non_root.deny == set() with input as obj
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind, obj in fixture.workloads(want.pod)
	findings := {fixture.finding(kind, msg, path) | some [msg, path] in want.findings}
	run_as_non_root.deny == findings with input as obj
}

test_denies_what_it_cannot_read if {
	every obj in fixture.unreadable {
		count(run_as_non_root.deny) > 0 with input as obj
	}
}

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		run_as_non_root.deny == set() with input as obj
	}
}

test_denies_user_0_on_the_pod[kind] if {
	some kind, obj in fixture.workloads({"securityContext": {"runAsNonRoot": true, "runAsUser": 0}, "containers": [{"name": "app"}]})
	msg := sprintf(`the pods of %s "web" run as root: runAsUser is 0`, [kind])
	run_as_non_root.deny == {fixture.finding(kind, msg, ["securityContext", "runAsUser"])} with input as obj
}

test_asks_nothing_of_what_operators_set[label] if {
	some label, obj in fixture.operated({}, {})
	run_as_non_root.deny == set() with input as obj
}

test_denies_what_operators_are_told[label] if {
	some label, obj in fixture.operated({}, {"securityContext": {"runAsUser": 0}})
	path := array.concat(fixture.operated_container[label], ["securityContext", "runAsUser"])
	{finding.path | some finding in run_as_non_root.deny; endswith(finding.msg, `runs as root: runAsUser is 0`)} == {path} with input as obj
}

test_denies_that_they_may_be_root[label] if {
	some label, obj in fixture.operated({}, {"securityContext": {"runAsNonRoot": false}})
	path := array.concat(fixture.operated_container[label], ["securityContext", "runAsNonRoot"])
	{finding.path | some finding in run_as_non_root.deny; endswith(finding.msg, `may run as root: runAsNonRoot is not true`)} == {path} with input as obj
}

test_denies_what_operators_are_told_of_pods[label] if {
	some label, obj in fixture.operated({"securityContext": {"runAsUser": 0}}, {})
	path := array.concat(fixture.operated_pod(label, "securityContext"), ["runAsUser"])
	{finding.path | some finding in run_as_non_root.deny; endswith(finding.msg, `run as root: runAsUser is 0`)} == {path} with input as obj
}

test_denies_that_pods_may_be_root[label] if {
	some label, obj in fixture.operated({"securityContext": {"runAsNonRoot": false}}, {})
	path := array.concat(fixture.operated_pod(label, "securityContext"), ["runAsNonRoot"])
	{finding.path | some finding in run_as_non_root.deny; endswith(finding.msg, `may run as root: runAsNonRoot is not true`)} == {path} with input as obj
}
