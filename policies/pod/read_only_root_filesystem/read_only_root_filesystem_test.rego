package policies.pod.read_only_root_filesystem_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.read_only_root_filesystem

_pod(context) := {"containers": [{"name": "app", "securityContext": context}]}

_allowed := {
	"true": _pod({"readOnlyRootFilesystem": true}),
	"true on every container": object.union(_pod({"readOnlyRootFilesystem": true}), {"initContainers": [{"name": "init", "securityContext": {"readOnlyRootFilesystem": true}}]}),
}

_can_write := {[`container "app" can write to its root file system: readOnlyRootFilesystem is not true`, ["containers", 0, "securityContext", "readOnlyRootFilesystem"]]}

_denied := {
	"not set": {"pod": {"containers": [{"name": "app"}]}, "findings": _can_write},
	"false": {"pod": _pod({"readOnlyRootFilesystem": false}), "findings": _can_write},
	"a string": {"pod": _pod({"readOnlyRootFilesystem": "true"}), "findings": _can_write},
	"a security context that is text": {"pod": _pod("text"), "findings": _can_write},
	"set on the pod, which has no such field": {"pod": {"securityContext": {"readOnlyRootFilesystem": true}, "containers": [{"name": "app"}]}, "findings": _can_write},
	"an init container": {
		"pod": object.union(_pod({"readOnlyRootFilesystem": true}), {"initContainers": [{"name": "init"}]}),
		"findings": {[`init container "init" can write to its root file system: readOnlyRootFilesystem is not true`, ["initContainers", 0, "securityContext", "readOnlyRootFilesystem"]]},
	},
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	read_only_root_filesystem.deny == set() with input as obj
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind, obj in fixture.workloads(want.pod)
	findings := {fixture.finding(kind, msg, path) | some [msg, path] in want.findings}
	read_only_root_filesystem.deny == findings with input as obj
}

test_denies_what_it_cannot_read if {
	every obj in fixture.unreadable {
		count(read_only_root_filesystem.deny) > 0 with input as obj
	}
}

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		read_only_root_filesystem.deny == set() with input as obj
	}
}

test_asks_nothing_of_what_operators_set[label] if {
	some label, obj in fixture.operated({}, {})
	read_only_root_filesystem.deny == set() with input as obj
}

test_denies_what_operators_are_told[label] if {
	some label, obj in fixture.operated({}, {"securityContext": {"readOnlyRootFilesystem": false}})
	path := array.concat(fixture.operated_container[label], ["securityContext", "readOnlyRootFilesystem"])
	{finding.path | some finding in read_only_root_filesystem.deny; endswith(finding.msg, `can write to its root file system: readOnlyRootFilesystem is not true`)} == {path} with input as obj
}
