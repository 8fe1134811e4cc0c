package policies.pod.capabilities_dropped_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.capabilities_dropped

_pod(capabilities) := {"containers": [{"name": "app", "securityContext": {"capabilities": capabilities}}]}

_allowed := {
	"drops all": _pod({"drop": ["ALL"]}),
	"drops all and binds low ports": _pod({"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
	"drops more than all": _pod({"drop": ["NET_RAW", "ALL"], "add": null}),
}

_keeps := {[`container "app" keeps Linux capabilities: capabilities.drop does not name ALL`, ["containers", 0, "securityContext", "capabilities", "drop"]]}

_denied := {
	"no security context": {"pod": {"containers": [{"name": "app"}]}, "findings": _keeps},
	"nothing dropped": {"pod": _pod({}), "findings": _keeps},
	"some dropped": {"pod": _pod({"drop": ["NET_RAW"]}), "findings": _keeps},
	"an empty list": {"pod": _pod({"drop": []}), "findings": _keeps},
	"a string": {"pod": _pod({"drop": "ALL"}), "findings": _keeps},
	"capabilities as text": {"pod": _pod("ALL"), "findings": _keeps},
	"adds others": {
		"pod": _pod({"drop": ["ALL"], "add": ["NET_BIND_SERVICE", "SYS_ADMIN", "ALL"]}),
		"findings": {
			[`container "app" adds the capability SYS_ADMIN`, ["containers", 0, "securityContext", "capabilities", "add", 1]],
			[`container "app" adds the capability ALL`, ["containers", 0, "securityContext", "capabilities", "add", 2]],
		},
	},
	"adds one as text": {
		"pod": _pod({"drop": ["ALL"], "add": "SYS_ADMIN"}),
		"findings": {[`container "app" adds the capability SYS_ADMIN`, ["containers", 0, "securityContext", "capabilities", "add", 0]]},
	},
	"an init container": {
		"pod": object.union(_pod({"drop": ["ALL"]}), {"initContainers": [{"name": "init"}]}),
		"findings": {[`init container "init" keeps Linux capabilities: capabilities.drop does not name ALL`, ["initContainers", 0, "securityContext", "capabilities", "drop"]]},
	},
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	capabilities_dropped.deny == set() with input as obj
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind, obj in fixture.workloads(want.pod)
	findings := {fixture.finding(kind, msg, path) | some [msg, path] in want.findings}
	capabilities_dropped.deny == findings with input as obj
}

test_denies_what_it_cannot_read if {
	every obj in fixture.unreadable {
		count(capabilities_dropped.deny) > 0 with input as obj
	}
}

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		capabilities_dropped.deny == set() with input as obj
	}
}

test_asks_nothing_of_what_operators_set[label] if {
	some label, obj in fixture.operated({}, {})
	capabilities_dropped.deny == set() with input as obj
}

test_denies_what_operators_are_told[label] if {
	some label, obj in fixture.operated({}, {"securityContext": {"capabilities": {"add": ["NET_BIND_SERVICE", "SYS_ADMIN"]}}})
	path := array.concat(fixture.operated_container[label], ["securityContext", "capabilities", "add", 1])
	{finding.path | some finding in capabilities_dropped.deny; endswith(finding.msg, `adds the capability SYS_ADMIN`)} == {path} with input as obj
}
