# METADATA
# scope: package
# title: Network policies let through what objects need
# description: |
#   A pod that a NetworkPolicy selects sends, or gets, what some rule lets through and nothing else: a
#   default-deny without a rule for the DNS, the database or the Collector is a pod that times out. What
#   is needed is read from addresses in environment, arguments and configuration, from monitors,
#   routes, webhooks, databases and sidecars. Said only where no rule can be for it: not where an
#   ipBlock may be, or another kind of policy, nor of pods or ports that are not known here.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/network-policies/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: NetworkPolicy
#   fix: Add the rule that the message names to a policy over these pods, or mend the one that was meant.
package policies.traffic.let_through

import data.policies.lib.flows
import data.policies.lib.network
import data.policies.lib.object as obj_lib
import data.policies.lib.pods
import data.policies.lib.spelling

deny contains {"msg": msg, "path": array.concat(["objects", place.index], place.path), "with": _service_port(flow), "missing": missing} if {
	some flow in flows.input_flows
	some [direction, here, there] in [["Egress", flow.from, flow.to], ["Ingress", flow.to, flow.from]]
	_is_denied(here.group, direction, there, flow.port)
	found := _found(here.group, direction, there, flow.port)
	place := found.place
	missing := found.missing
	msg := sprintf("%s, and no %s rule over %s lets %s through", [flow.why, lower(direction), here.group.title, _what(direction, there, flow.port)])
}

# The Service says which port of the pods it is.
_service_port(flow) := [place | place := flow.port.at]

# Whoever asks for a name asks the DNS first.
deny contains {"msg": msg, "path": array.concat(["objects", place.index], place.path), "missing": missing} if {
	some group in {flow.from.group | some flow in flows.input_flows; flow.named; flow.from.group != null}
	policies := network.fencing(group, "Egress")
	count(policies) > 0
	not _may_ask(group)
	place := network.place(policies, "Egress", {"namespace": null, "group": null}, {"number": 53})
	missing := {"kind": "policies", "namespace": group.namespace, "name": `{"Egress":53}`}
	msg := sprintf("%s asks the DNS for the names that it sends to, and no egress rule over it lets port 53 through", [group.title])
}

# CoreDNS listens on 53, that of OpenShift on 5353. Its pods are not known here, and in another namespace.
_may_ask(group) if {
	some policy in network.perhaps_over(group, "Egress")
	some rule in network.rules(policy, "Egress")
	_may_be_dns(rule, policy)
	some number in _dns_ports
	some protocol in ["UDP", "TCP"]
	network.may_be_port(rule, {"number": number, "protocol": protocol, "names": null})
}

_may_be_dns(rule, _) if rule.peers == []

_may_be_dns(rule, _) if {
	some peer in rule.peers
	peer.ipBlock
}

_may_be_dns(rule, policy) if {
	some peer in rule.peers
	not _is_known(_namespaces(peer, policy))
}

# A server that is rendered.
_may_be_dns(rule, policy) if {
	some peer in rule.peers
	some group in pods.selected(obj_lib.at(peer, ["podSelector"], {}), _namespaces(peer, policy))
	some opened in group.ports
	opened.number in _dns_ports
}

_namespaces(peer, policy) := pods.named_namespaces(peer.namespaceSelector) if {
	obj_lib.at(peer, ["namespaceSelector"], null) != null
} else := [policy.namespace]

_dns_ports := [53, 1053, 5353]

_is_known(namespaces) if {
	is_array(namespaces)
	every namespace in namespaces {
		namespace in pods.input_namespaces
	}
}

_is_denied(group, direction, other, port) if {
	group != null
	not _is_outside(other)
	count(network.fencing(group, direction)) > 0
	not network.may_pass(group, direction, other, port)
}

_is_outside(other) if network.is_outside(other.group)

_what("Egress", other, port) := sprintf("%s to %s", [_port(port), _end(other)])

_what("Ingress", other, port) := sprintf("%s from %s", [_port(port), _end(other)])

_port(port) := sprintf("port %v/%s", [port.number, port.protocol]) if port.number != null

else := "it"

_end(other) := other.group.title if {
	other.group != null
} else := sprintf("namespace %s", [other.namespace]) if {
	other.namespace != null
} else := "anywhere"

# Where rules that would let it through do not count, a selector of one of these policies selects nobody, or a port of
# theirs is none, that is the mistake.
_found(group, direction, other, port) := array.concat(array.concat(_unnamed(group, direction, other, port), _idle(group, direction, other, port)), array.concat(_closed(group, direction), [{
	"place": network.place(network.fencing(group, direction), direction, other, port),
	"missing": {"kind": "policies", "namespace": group.namespace, "name": json.marshal({direction: port.number, "with": _end(other)})},
}]))[0]

_unnamed(group, direction, other, port) := [{"place": {"index": policy.index, "path": ["spec", "policyTypes"]}, "missing": missing} |
	some policy in network.unnamed(group, direction)
	some rule in network.rules(policy, direction)
	network.may_be_peer(rule, policy, other)
	network.may_be_port(rule, port)
	missing := {"kind": "policies", "namespace": group.namespace, "name": json.marshal([policy.index, direction])}
]

_idle(group, direction, other, port) := array.concat(
	[{"place": {"index": idle.index, "path": idle.blame}, "missing": idle.missing} |
		some policy in network.fencing(group, direction)
		some idle in _idle_peers[policy.index]
		idle.path[1] == lower(direction)
		network.may_be_port(network.rules(policy, direction)[idle.path[2]], port)
	],
	[{"place": {"index": idle.index, "path": idle.blame}, "missing": idle.missing} |
		some policy in network.input_policies
		policy.namespace == group.namespace
		direction in policy.directions
		some idle in _idle_policies[policy.index]
		_is_meant(policy, idle, group)
		some rule in network.rules(policy, direction)
		network.may_be_peer(rule, policy, other)
		network.may_be_port(rule, port)
	],
)

# A policy that selects nobody is the mistake only where it is for these pods: by its name, or by labels that are nearly theirs.
_is_meant(policy, _, group) if obj_lib.name(policy.obj) == obj_lib.name(input.objects[group.index])

_is_meant(_, idle, group) if {
	count(object.get(idle.selector, "matchExpressions", [])) == 0
	every value in idle.selector.matchLabels {
		some own in group.labels[0]
		spelling.is_near(value, own)
	}
}

_idle_peers := _peers_by_policy

_peers_by_policy[idle.index] contains idle if {
	some idle in pods.input_idle
	idle.known.peer
}

_idle_policies := _policies_by_index

_policies_by_index[idle.index] contains idle if {
	some idle in pods.input_idle
	not idle.known.peer
	input.objects[idle.index].kind == "NetworkPolicy"
}

# selector/opened-ports says the same.
_closed(group, "Ingress") := [{"place": {"index": policy.index, "path": array.concat(rule.path, ["ports", i, "port"])}, "missing": missing} |
	some policy in network.fencing(group, "Ingress")
	some rule in network.rules(policy, "Ingress")
	some i, listed in rule.ports
	protocol := obj_lib.at(listed, ["protocol"], "TCP")
	_is_none(listed, protocol, group)
	missing := pods.missing_port(policy.obj.spec.podSelector, [policy.namespace], sprintf("%v/%s", [listed.port, protocol]))
]

_closed(_, "Egress") := []

_is_none(listed, protocol, group) if {
	is_string(listed.port)
	not pods.is_injected(listed.port, [group])
	group.ports != null
	count([opened | some opened in group.ports; opened.name == listed.port; opened.protocol == protocol]) == 0
}

_is_none(listed, protocol, group) if {
	is_number(listed.port)
	not listed.endPort
	not pods.is_injected(listed.port, [group])
	pods.behind(listed.port, protocol, [group])
}
