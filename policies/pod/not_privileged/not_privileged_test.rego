package policies.pod.not_privileged_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.not_privileged

_pod(context) := {"containers": [{"name": "app", "securityContext": context}]}

_allowed := {
	"not set": {"containers": [{"name": "app"}]},
	"false": _pod({"privileged": false}),
	"a context without it": _pod({"allowPrivilegeEscalation": true}),
	"every list of containers": {
		"containers": [{"name": "app"}],
		"initContainers": [{"name": "init", "securityContext": {"privileged": false}}],
	},
}

_denied := {
	"true": {
		"pod": _pod({"privileged": true}),
		"findings": {[`container "app" has the rights of its node: privileged is true`, ["containers", 0, "securityContext", "privileged"]]},
	},
	"a string": {
		"pod": _pod({"privileged": "yes"}),
		"findings": {[`container "app" has the rights of its node: privileged is yes`, ["containers", 0, "securityContext", "privileged"]]},
	},
	"a sidecar": {
		"pod": {"containers": [{"name": "app"}], "initContainers": [{"name": "proxy", "restartPolicy": "Always", "securityContext": {"privileged": true}}]},
		"findings": {[`sidecar "proxy" has the rights of its node: privileged is true`, ["initContainers", 0, "securityContext", "privileged"]]},
	},
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	not_privileged.deny == set() with input as obj
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind, obj in fixture.workloads(want.pod)
	findings := {fixture.finding(kind, msg, path) | some [msg, path] in want.findings}
	not_privileged.deny == findings with input as obj
}

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		not_privileged.deny == set() with input as obj
	}
}

test_asks_nothing_of_what_operators_set[label] if {
	some label, obj in fixture.operated({}, {})
	not_privileged.deny == set() with input as obj
}

test_denies_what_operators_are_told[label] if {
	some label, obj in fixture.operated({}, {"securityContext": {"privileged": true}})
	path := array.concat(fixture.operated_container[label], ["securityContext", "privileged"])
	{finding.path | some finding in not_privileged.deny} == {path} with input as obj
}
