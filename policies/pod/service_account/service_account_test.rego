package policies.pod.service_account_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.service_account

_pod(fields) := object.union({"containers": [{"name": "app"}]}, fields)

_shared := {
	"": _pod({}),
	"default": _pod({"serviceAccountName": "default"}),
	"1": _pod({"serviceAccountName": 1}),
	`["web"]`: _pod({"serviceAccountName": ["web"]}),
}

test_allows_one_of_its_own[kind] if {
	some kind, obj in fixture.workloads(_pod({"serviceAccountName": "web"}))
	service_account.deny == set() with input as obj
}

test_denies_a_shared_one[name][kind] if {
	some name, pod in _shared
	some kind, obj in fixture.workloads(pod)
	msg := sprintf(`the pods of %s "web" run under a shared ServiceAccount: serviceAccountName is %q`, [kind, name])
	service_account.deny == {fixture.finding(kind, msg, ["serviceAccountName"])} with input as obj
}

test_denies_an_empty_one[note] if {
	some note, name in {"empty": "", "null": null}
	count(service_account.deny) == 1 with input as fixture.workload("Deployment", _pod({"serviceAccountName": name}), {})
}

test_denies_the_deprecated_field_alone if {
	count(service_account.deny) == 1 with input as fixture.workload("Deployment", _pod({"serviceAccount": "web"}), {})
}

test_denies_what_it_cannot_read if {
	every obj in fixture.unreadable {
		count(service_account.deny) == 1 with input as obj
	}
}

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		service_account.deny == set() with input as obj
	}
}

test_asks_nothing_of_what_operators_set[label] if {
	some label, obj in fixture.operated({}, {})
	service_account.deny == set() with input as obj
}

test_denies_what_operators_are_told_of_pods[label] if {
	some label, obj in fixture.operated({"serviceAccountName": "default"}, {})
	path := array.concat(fixture.operated_pod(label, "serviceAccountName"), [])
	{finding.path | some finding in service_account.deny; endswith(finding.msg, `run under a shared ServiceAccount: serviceAccountName is "default"`)} == {path} with input as obj
}
