package policies.rbac.no_escalation_test

import data.policies.rbac.no_escalation

_allowed := {
	"ordinary verbs": [{"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["get", "list", "watch"]}],
	"reading tokens' resource": [{"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get"]}],
}

_denied := {
	"each verb": {
		"rules": [{"apiGroups": ["*"], "resources": ["roles", "users"], "verbs": ["get", "bind", "escalate", "impersonate"]}],
		"findings": {
			["can give itself more: verb bind", ["rules", 0, "verbs", 1]],
			["can give itself more: verb escalate", ["rules", 0, "verbs", 2]],
			["can give itself more: verb impersonate", ["rules", 0, "verbs", 3]],
		},
	},
	"tokens of others": {
		"rules": [{"apiGroups": [""], "resources": ["pods", "serviceaccounts/token"], "verbs": ["create"]}],
		"findings": {["can give itself more: it may create tokens of ServiceAccounts", ["rules", 0, "resources", 1]]},
	},
	"text where a list belongs": {"rules": [{"verbs": "escalate"}], "findings": {["can give itself more: verb escalate", ["rules", 0, "verbs", 0]]}},
}

_role(kind, rules) := {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": "web"}, "rules": rules}

_kinds := ["Role", "ClusterRole"]

test_allows[note][kind] if {
	some note, rules in _allowed
	some kind in _kinds
	no_escalation.deny == set() with input as _role(kind, rules)
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind in _kinds
	findings := {{"msg": sprintf(`%s "web" %s`, [kind, msg]), "path": path} | some [msg, path] in want.findings}
	no_escalation.deny == findings with input as _role(kind, want.rules)
}

test_other_groups_are_ignored if {
	every want in _denied {
		no_escalation.deny == set() with input as object.union(_role("Role", want.rules), {"apiVersion": "example.com/v1"})
	}
}

test_what_cannot_be_read_is_no_error if {
	every rules in ["text", 1, null, {}, ["text"], [null], [[]], [{"verbs": {}, "resources": 1, "apiGroups": null}]] {
		no_escalation.deny == set() with input as _role("Role", rules)
	}
	no_escalation.deny == set() with input as {}
}
