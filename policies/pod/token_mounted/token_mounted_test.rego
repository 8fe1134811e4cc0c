package policies.pod.token_mounted_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.token_mounted

_pod(fields) := object.union({"serviceAccountName": "web", "containers": [{"name": "app"}]}, fields)

_silent := _pod({})

_account(fields) := object.union({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "web", "namespace": "shop"}}, fields)

_binding(kind, namespace, subjects) := {
	"apiVersion": "rbac.authorization.k8s.io/v1",
	"kind": kind,
	"metadata": {"name": "web", "namespace": namespace},
	"subjects": subjects,
}

_subject := {"kind": "ServiceAccount", "name": "web", "namespace": "shop"}

_no_token := {"automountServiceAccountToken": false}

_projected(token) := {"name": "token", "projected": {"sources": [{"configMap": {"name": "ca"}}, {"serviceAccountToken": token}]}}

_allowed := {
	"the pod says no": [_pod(_no_token), []],
	"the ServiceAccount says no": [_silent, [_account(_no_token)]],
	"the pod says null and the ServiceAccount no": [_pod({"automountServiceAccountToken": null}), [_account(_no_token)]],
	"the pod's word wins over its ServiceAccount": [_pod(_no_token), [_account({"automountServiceAccountToken": true})]],
	"a RoleBinding gives it a permission": [_silent, [_binding("RoleBinding", "shop", [_subject])]],
	"a RoleBinding of another namespace does": [_silent, [_binding("RoleBinding", "other", [_subject])]],
	"a ClusterRoleBinding does": [_silent, [_binding("ClusterRoleBinding", "", [{"kind": "Group", "name": "x"}, _subject])]],
	"a token for somebody else than the API server": [_pod(object.union(_no_token, {"volumes": [_projected({"audience": "vault", "path": "token"})]})), []],
	"a token of its own making with a permission": [_pod(object.union(_no_token, {"volumes": [_projected({"path": "token"})]})), [_binding("RoleBinding", "shop", [_subject])]],
}

_denied := {
	"nothing said": [_silent, []],
	"the pod says yes": [_pod({"automountServiceAccountToken": true}), [_account(_no_token)]],
	"the pod says no in text": [_pod({"automountServiceAccountToken": "false"}), [_account(_no_token)]],
	"the ServiceAccount says yes": [_silent, [_account({"automountServiceAccountToken": true})]],
	"the ServiceAccount says no in text": [_silent, [_account({"automountServiceAccountToken": "false"})]],
	"another namespace's ServiceAccount says no": [_silent, [_account({"metadata": {"name": "web", "namespace": "other"}, "automountServiceAccountToken": false})]],
	"a binding of another ServiceAccount": [_silent, [_binding("RoleBinding", "shop", [{"kind": "ServiceAccount", "name": "other", "namespace": "shop"}])]],
	"a binding of another namespace's": [_silent, [_binding("RoleBinding", "shop", [{"kind": "ServiceAccount", "name": "web", "namespace": "other"}])]],
	"a binding of a user": [_silent, [_binding("RoleBinding", "shop", [{"kind": "User", "name": "web"}])]],
	"bindings of the wrong type": [_silent, [_binding("RoleBinding", "shop", "web"), _binding("RoleBinding", "shop", ["web"]), {"apiVersion": "example.com/v1", "kind": "RoleBinding", "subjects": [_subject]}]],
}

test_allows[note][kind] if {
	some note, [pod, others] in _allowed
	some kind, obj in fixture.workloads(pod)
	token_mounted.deny == set() with input as fixture.overlay(array.concat([obj], others))
}

test_denies[note][kind] if {
	some note, [pod, others] in _denied
	some kind, obj in fixture.workloads(pod)
	msg := sprintf(`the pods of %s "web" mount a token that nothing gives a permission: automountServiceAccountToken is not false and no binding names ServiceAccount "web"`, [kind])
	want := fixture.finding_in(1, kind, msg, ["automountServiceAccountToken"])
	token_mounted.deny == {want} with input as fixture.overlay(array.concat([{}, obj], others))
}

test_denies_a_projected_token[kind] if {
	some kind, obj in fixture.workloads(_pod(object.union(_no_token, {"volumes": [_projected({"path": "token"})]})))
	msg := sprintf(`the pods of %s "web" mount a token that nothing gives a permission: volume token projects one and no binding names ServiceAccount "web"`, [kind])
	want := fixture.finding_in(0, kind, msg, ["volumes", 0, "projected", "sources", 1, "serviceAccountToken"])
	token_mounted.deny == {want} with input as fixture.overlay([obj])
}

test_denies_what_it_cannot_read if {
	every obj in fixture.unreadable {
		count(token_mounted.deny) == 1 with input as fixture.overlay([obj])
	}
}

test_denies_the_default_account_by_its_name if {
	some finding in token_mounted.deny with input as fixture.overlay([fixture.workload("Deployment", {"containers": []}, {})])
	endswith(finding.msg, `no binding names ServiceAccount "default"`)
}

test_ignores_what_makes_no_pods if {
	token_mounted.deny == set() with input as fixture.overlay([obj | some obj in fixture.others])
}
