package policies.pod.seccomp_profile_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.seccomp_profile

_on_pod(context) := {"securityContext": context, "containers": [{"name": "app"}]}

_on_container(context) := {"containers": [{"name": "app", "securityContext": context}]}

_profile(type) := {"seccompProfile": {"type": type}}

_allowed := {
	"the runtime's on the pod": _on_pod(_profile("RuntimeDefault")),
	"the runtime's on the container": _on_container(_profile("RuntimeDefault")),
	"one of the node's": _on_container({"seccompProfile": {"type": "Localhost", "localhostProfile": "profiles/app.json"}}),
	"the container wins over its pod": object.union(_on_pod(_profile("Unconfined")), _on_container(_profile("RuntimeDefault"))),
}

_unconfined(type) := {[sprintf(`container "app" is not confined: seccompProfile.type is %s, not RuntimeDefault or Localhost`, [type]), ["containers", 0, "securityContext", "seccompProfile", "type"]]}

_denied := {
	"not set": {"pod": {"containers": [{"name": "app"}]}, "findings": _unconfined("not set")},
	"unconfined on the pod": {"pod": _on_pod(_profile("Unconfined")), "findings": _unconfined("Unconfined")},
	"unconfined on the container, which wins over its pod": {"pod": object.union(_on_pod(_profile("RuntimeDefault")), _on_container(_profile("Unconfined"))), "findings": _unconfined("Unconfined")},
	"a number": {"pod": _on_pod(_profile(1)), "findings": _unconfined("1")},
	"a profile that is text": {"pod": _on_pod({"seccompProfile": "RuntimeDefault"}), "findings": _unconfined("not set")},
	"a security context that is text": {"pod": _on_container("text"), "findings": _unconfined("not set")},
	"an init container": {
		"pod": object.union(_on_container(_profile("RuntimeDefault")), {"initContainers": [{"name": "init"}]}),
		"findings": {[`init container "init" is not confined: seccompProfile.type is not set, not RuntimeDefault or Localhost`, ["initContainers", 0, "securityContext", "seccompProfile", "type"]]},
	},
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	seccomp_profile.deny == set() with input as obj
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind, obj in fixture.workloads(want.pod)
	findings := {fixture.finding(kind, msg, path) | some [msg, path] in want.findings}
	seccomp_profile.deny == findings with input as obj
}

test_denies_what_it_cannot_read if {
	every obj in fixture.unreadable {
		count(seccomp_profile.deny) > 0 with input as obj
	}
}

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		seccomp_profile.deny == set() with input as obj
	}
}

test_asks_nothing_of_what_operators_set[label] if {
	some label, obj in fixture.operated({}, {})
	seccomp_profile.deny == set() with input as obj
}

test_denies_what_operators_are_told[label] if {
	some label, obj in fixture.operated({}, {"securityContext": {"seccompProfile": {"type": "Unconfined"}}})
	path := array.concat(fixture.operated_container[label], ["securityContext", "seccompProfile", "type"])
	{finding.path | some finding in seccomp_profile.deny; endswith(finding.msg, `is not confined: seccompProfile.type is Unconfined, not RuntimeDefault or Localhost`)} == {path} with input as obj
}

test_denies_what_operators_are_told_of_pods[label] if {
	some label, obj in fixture.operated({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}, {})
	path := array.concat(fixture.operated_pod(label, "securityContext"), ["seccompProfile", "type"])
	{finding.path | some finding in seccomp_profile.deny; endswith(finding.msg, `is not confined: seccompProfile.type is Unconfined, not RuntimeDefault or Localhost`)} == {path} with input as obj
}

test_denies_a_database_without_a_profile if {
	cluster := {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db"}, "spec": {"seccompProfile": {"type": "Unconfined"}}}
	{finding.path | some finding in seccomp_profile.deny} == {["spec", "seccompProfile", "type"]} with input as cluster
}
