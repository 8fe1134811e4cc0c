package policies.rbac.no_wildcard_test

import data.policies.rbac.no_wildcard

_rule := {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}

_allowed := {
	"everything named": [_rule],
	"no rules": [],
	"paths that are named": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}],
}

_denied := {
	"a verb": {"rules": [_rule, object.union(_rule, {"verbs": ["get", "*"]})], "findings": {[`permits whatever there will be: verbs holds "*"`, ["rules", 1, "verbs", 1]]}},
	"a resource": {"rules": [object.union(_rule, {"resources": ["*"]})], "findings": {[`permits whatever there will be: resources holds "*"`, ["rules", 0, "resources", 0]]}},
	"a subresource": {"rules": [object.union(_rule, {"resources": ["*/scale"]})], "findings": {[`permits whatever there will be: resources holds "*/scale"`, ["rules", 0, "resources", 0]]}},
	"an API group": {"rules": [object.union(_rule, {"apiGroups": ["*"]})], "findings": {[`permits whatever there will be: apiGroups holds "*"`, ["rules", 0, "apiGroups", 0]]}},
	"a path": {"rules": [{"nonResourceURLs": ["/debug/*"], "verbs": ["get"]}], "findings": {[`permits whatever there will be: nonResourceURLs holds "/debug/*"`, ["rules", 0, "nonResourceURLs", 0]]}},
	"text where a list belongs": {"rules": [object.union(_rule, {"verbs": "*"})], "findings": {[`permits whatever there will be: verbs holds "*"`, ["rules", 0, "verbs", 0]]}},
}

_role(kind, rules) := {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": "web"}, "rules": rules}

_kinds := ["Role", "ClusterRole"]

test_allows[note][kind] if {
	some note, rules in _allowed
	some kind in _kinds
	no_wildcard.deny == set() with input as _role(kind, rules)
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind in _kinds
	findings := {{"msg": sprintf(`%s "web" %s`, [kind, msg]), "path": path} | some [msg, path] in want.findings}
	no_wildcard.deny == findings with input as _role(kind, want.rules)
}

test_other_groups_are_ignored if {
	every want in _denied {
		no_wildcard.deny == set() with input as object.union(_role("Role", want.rules), {"apiVersion": "example.com/v1"})
	}
}

test_what_cannot_be_read_is_no_error if {
	every rules in ["text", 1, null, {}, ["text"], [null], [[]], [{"verbs": {}, "resources": 1, "apiGroups": null}]] {
		no_wildcard.deny == set() with input as _role("Role", rules)
	}
	no_wildcard.deny == set() with input as {}
}
