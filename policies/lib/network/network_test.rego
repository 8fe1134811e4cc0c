package policies.lib.network_test

import data.policies.lib.network
import data.policies.lib.pods

_in(namespace, api_version, kind, name, rest) := object.union({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}, rest)

_pods(name) := _in("shop", "apps/v1", "Deployment", name, {"spec": {"template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "app", "ports": [{"name": "http", "containerPort": 8080}]}]}}}})

_policy(spec) := _in("shop", "networking.k8s.io/v1", "NetworkPolicy", "p", {"spec": spec})

_of(app) := {"podSelector": {"matchLabels": {"app": app}}}

_http := {"number": 8080, "protocol": "TCP", "names": {"http"}}

# How many policies fence web in a direction, and whether they may let it pass to or from cache.
_verdict(direction, objects) := verdict if {
	all := array.concat([_pods("web"), _pods("cache")], objects)
	[web, cache] := pods.input_groups with input as {"objects": all, "external": []}
	fencing := network.fencing(web, direction) with input as {"objects": all, "external": []}
	verdict := {"fencing": count(fencing), "passes": _passes(all, web, direction, {"namespace": "shop", "group": cache})}
}

_passes(objects, group, direction, other) if {
	network.may_pass(group, direction, other, _http) with input as {"objects": objects, "external": []}
} else := false

test_without_a_policy_nothing_fences if _verdict("Egress", []).fencing == 0

test_directions[note] if {
	some note, c in {
		"ingress unless it says more": {"spec": {"podSelector": {}}, "ingress": 1, "egress": 0},
		"egress where it has rules": {"spec": {"podSelector": {}, "egress": [{}]}, "ingress": 1, "egress": 1},
		"what it says": {"spec": {"podSelector": {}, "policyTypes": ["Egress"]}, "ingress": 0, "egress": 1},
		"of other pods": {"spec": _of("cache"), "ingress": 0, "egress": 0},
	}
	_verdict("Ingress", [_policy(c.spec)]).fencing == c.ingress
	_verdict("Egress", [_policy(c.spec)]).fencing == c.egress
}

test_what_passes[note] if {
	some note, rule in {
		"everything": {},
		"the pods": {"to": [_of("cache")]},
		"the pods at the port": {"to": [_of("cache")], "ports": [{"port": 8080}]},
		"the port by name": {"to": [_of("cache")], "ports": [{"port": "http"}]},
		"a range": {"ports": [{"port": 8000, "endPort": 9000}]},
		"the namespace": {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]},
		"an address, which may be theirs": {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
	}
	_verdict("Egress", [_policy(object.union(_of("web"), {"policyTypes": ["Egress"], "egress": [rule]}))]) == {"fencing": 1, "passes": true}
}

test_what_does_not_pass[note] if {
	some note, rule in {
		"other pods": {"to": [_of("web")]},
		"another port": {"to": [_of("cache")], "ports": [{"port": 8081}]},
		"another protocol": {"ports": [{"port": 8080, "protocol": "UDP"}]},
		"another namespace": {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}]},
	}
	_verdict("Egress", [_policy(object.union(_of("web"), {"policyTypes": ["Egress"], "egress": [rule]}))]) == {"fencing": 1, "passes": false}
}

test_one_policy_of_several_is_enough if {
	deny := _policy({"podSelector": {}, "policyTypes": ["Egress"]})
	allow := _policy(object.union(_of("web"), {"policyTypes": ["Egress"], "egress": [{"to": [_of("cache")]}]}))
	_verdict("Egress", [deny]) == {"fencing": 1, "passes": false}
	_verdict("Egress", [deny, allow]) == {"fencing": 2, "passes": true}
}

# Where something else decides as well, NetworkPolicies are not the whole truth.
test_policies_of_others_leave_nothing_established if {
	deny := _policy({"podSelector": {}, "policyTypes": ["Egress"]})
	cilium := _in("shop", "cilium.io/v2", "CiliumNetworkPolicy", "c", {"spec": {}})
	_verdict("Egress", [deny, cilium]).fencing == 0
}
