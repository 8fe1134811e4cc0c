package policies.pod.no_privilege_escalation_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.no_privilege_escalation

_pod(context) := {"containers": [{"name": "app", "securityContext": context}]}

_never := {"allowPrivilegeEscalation": false}

_allowed := {
	"false": _pod(_never),
	"false and privileged, which is another rule's": _pod({"allowPrivilegeEscalation": false, "privileged": true}),
	"every list of containers": {
		"containers": [{"name": "app", "securityContext": _never}],
		"initContainers": [{"name": "init", "securityContext": _never}],
		"ephemeralContainers": [{"name": "debug", "securityContext": _never}],
	},
}

_may_gain := {[`container "app" may gain privileges: allowPrivilegeEscalation is not false`, ["containers", 0, "securityContext", "allowPrivilegeEscalation"]]}

_denied := {
	"not set": {"pod": {"containers": [{"name": "app"}]}, "findings": _may_gain},
	"true": {"pod": _pod({"allowPrivilegeEscalation": true}), "findings": _may_gain},
	"a string": {"pod": _pod({"allowPrivilegeEscalation": "false"}), "findings": _may_gain},
	"null": {"pod": _pod(null), "findings": _may_gain},
	"set on the pod, which has no such field": {"pod": {"securityContext": _never, "containers": [{"name": "app"}]}, "findings": _may_gain},
	"a sidecar": {
		"pod": {"containers": [{"name": "app", "securityContext": _never}], "initContainers": [{"name": "proxy", "restartPolicy": "Always"}]},
		"findings": {[`sidecar "proxy" may gain privileges: allowPrivilegeEscalation is not false`, ["initContainers", 0, "securityContext", "allowPrivilegeEscalation"]]},
	},
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	no_privilege_escalation.deny == set() with input as obj
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind, obj in fixture.workloads(want.pod)
	findings := {fixture.finding(kind, msg, path) | some [msg, path] in want.findings}
	no_privilege_escalation.deny == findings with input as obj
}

test_denies_what_it_cannot_read if {
	every obj in fixture.unreadable {
		count(no_privilege_escalation.deny) > 0 with input as obj
	}
}

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		no_privilege_escalation.deny == set() with input as obj
	}
}

test_asks_nothing_of_what_operators_set[label] if {
	some label, obj in fixture.operated({}, {})
	no_privilege_escalation.deny == set() with input as obj
}

test_denies_that_they_escalate[label] if {
	some label, obj in fixture.operated({}, {"securityContext": {"allowPrivilegeEscalation": true}})
	path := array.concat(fixture.operated_container[label], ["securityContext", "allowPrivilegeEscalation"])
	{finding.path | some finding in no_privilege_escalation.deny; endswith(finding.msg, `may gain privileges: allowPrivilegeEscalation is not false`)} == {path} with input as obj
}
