package policies.rbac.secrets_by_name_test

import data.policies.rbac.secrets_by_name

_rule(verbs, names) := {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": verbs, "resourceNames": names}

_allowed := {
	"get and watch by name": [_rule(["get", "list", "watch"], ["web"])],
	"configmaps without a name": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "list"]}],
	"another group's secrets": [{"apiGroups": ["example.com"], "resources": ["secrets"], "verbs": ["list"]}],
	"no verbs": [_rule([], [])],
}

_every := [`may get, list every Secret: resourceNames is empty`, ["rules", 0, "resourceNames"]]

_denied := {
	"no names": {"rules": [object.remove(_rule(["get", "list"], []), ["resourceNames"])], "findings": {_every}},
	"an empty list of names": {"rules": [_rule(["get", "list"], [])], "findings": {_every}},
	"an empty name": {"rules": [_rule(["get", "list"], [""])], "findings": {_every}},
	"null names": {"rules": [_rule(["get", "list"], null)], "findings": {_every}},
	"a wildcard for the resource": {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list"]}], "findings": {_every}},
	"every verb": {"rules": [_rule(["*"], [])], "findings": {[`may * every Secret: resourceNames is empty`, ["rules", 0, "resourceNames"]]}},
	"text where lists belong": {"rules": [{"apiGroups": "", "resources": "secrets", "verbs": "watch"}], "findings": {[`may watch every Secret: resourceNames is empty`, ["rules", 0, "resourceNames"]]}},
	"what no name can limit": {
		"rules": [_rule(["get", "create", "deletecollection"], ["web"])],
		"findings": {
			[`may create Secrets, which no name can limit`, ["rules", 0, "verbs", 1]],
			[`may deletecollection Secrets, which no name can limit`, ["rules", 0, "verbs", 2]],
		},
	},
}

_role(kind, rules) := {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": "web"}, "rules": rules}

_kinds := ["Role", "ClusterRole"]

test_allows[note][kind] if {
	some note, rules in _allowed
	some kind in _kinds
	secrets_by_name.deny == set() with input as _role(kind, rules)
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind in _kinds
	findings := {{"msg": sprintf(`%s "web" %s`, [kind, msg]), "path": path} | some [msg, path] in want.findings}
	secrets_by_name.deny == findings with input as _role(kind, want.rules)
}

test_other_groups_are_ignored if {
	every want in _denied {
		secrets_by_name.deny == set() with input as object.union(_role("Role", want.rules), {"apiVersion": "example.com/v1"})
	}
}

test_what_cannot_be_read_is_no_error if {
	every rules in ["text", 1, null, {}, ["text"], [null], [[]], [{"verbs": {}, "resources": 1, "apiGroups": null}]] {
		secrets_by_name.deny == set() with input as _role("Role", rules)
	}
	secrets_by_name.deny == set() with input as {}
}
