# METADATA
# scope: package
# title: What NetworkPolicies let through
# description: |
#   Policies as Kubernetes takes them: a pod that one selects for a direction sends, or gets, what some
#   rule of some policy over it lets through, and nothing else. What is not known here (an address, the
#   labels of a namespace, the port behind a Service of others) may be what a rule is for. The ends of
#   a connection are {namespace, group}, group being one of lib.pods or null; a port is {number,
#   protocol, names}, number and names null where they are not known.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/network-policies/
package policies.lib.network

import data.policies.lib.collector
import data.policies.lib.object as obj_lib
import data.policies.lib.pods
import data.policies.lib.selector
import data.policies.lib.spelling
import data.policies.lib.workload

# METADATA
# description: the policies of an overlay, each {index, obj, namespace, directions}
input_policies := [{"index": index, "obj": obj, "namespace": obj_lib.namespace(obj), "directions": _directions(obj)} |
	some index, obj in obj_lib.of_kind["networking.k8s.io"].NetworkPolicy
]

_directions(obj) := {direction | some direction in obj.spec.policyTypes} if {
	count(obj.spec.policyTypes) > 0
} else := {"Ingress", "Egress"} if {
	count(obj.spec.egress) > 0
} else := {"Ingress"}

# METADATA
# description: |
#   The policies that fence the pods of a group in a direction; none where something else may let
#   through what they do not: a policy of Cilium, Calico or the cluster's, a mesh without sidecars, the
#   node's own network.
fencing(group, direction) := [input_policies[position] |
	not is_outside(group)
	some position in _fencing[[group.index, direction]]
]

_fencing := _fencing_groups

_fencing_groups[[group.index, direction]] contains position if {
	some position, policy in input_policies
	some group in pods.selected(_pod_selector(policy.obj), [policy.namespace])
	policy.namespace == group.namespace
	selector.matches(_pod_selector(policy.obj), group.labels[0])
	some direction in policy.directions
}

_pod_selector(obj) := obj_lib.at(obj, ["spec", "podSelector"], {})

# METADATA
# description: whether NetworkPolicies of the overlay are not all that decides what the pods of a group send and get
is_outside(group) if input.objects[group.index].spec.template.spec.hostNetwork

is_outside(group) if input.objects[group.index].spec.hostNetwork

is_outside(group) if group.labels[0]["istio.io/dataplane-mode"] == "ambient"

# Its proxies speak to each other on a port of theirs.
is_outside(group) if workload.annotations(input.objects[group.index])["linkerd.io/inject"] == "enabled"

# The operator writes a policy of its own.
is_outside(group) if {
	obj := input.objects[group.index]
	collector.is_collector(obj)
	not obj_lib.at(obj, ["spec", "networkPolicy", "enabled"], true) == false
}

is_outside(group) if {
	some namespace in _otherwise
	obj_lib.may_be_one(namespace, group.namespace)
}

_otherwise contains obj_lib.namespace(obj) if {
	some obj in input.objects
	endswith(obj.kind, "NetworkPolicy")
	obj_lib.group(obj) != "networking.k8s.io"
}

_otherwise contains namespace if {
	some namespace, labels in _namespace_labels
	labels["istio.io/dataplane-mode"] == "ambient"
}

_otherwise contains obj_lib.name(obj) if {
	some obj in obj_lib.of_kind[""].Namespace
	obj_lib.annotations(obj)["linkerd.io/inject"] == "enabled"
}

_namespace_labels[obj_lib.name(obj)] := obj_lib.labels(obj) if {
	some obj in obj_lib.of_kind[""].Namespace
}

# METADATA
# description: whether some policy over a group may let through what goes between it and another end in a direction
may_pass(group, direction, other, port) if {
	some policy in perhaps_over(group, direction)
	some rule in rules(policy, direction)
	may_be_peer(rule, policy, other)
	may_be_port(rule, port)
}

# METADATA
# description: the policies that may fence the pods of a group in a direction, for all that is known of their labels and namespaces
perhaps_over(group, direction) := [input_policies[position] | some position in _perhaps[[group.index, direction]]]

_perhaps := _perhaps_over_groups

_perhaps_over_groups[[group.index, direction]] contains position if {
	some position, policy in input_policies
	some group in pods.selected(_pod_selector(policy.obj), [policy.namespace])
	some direction in policy.directions
}

_fields := {"Ingress": ["ingress", "from"], "Egress": ["egress", "to"]}

# METADATA
# description: the rules of a policy for a direction, each {peers, ports, path}
rules(policy, direction) := [{"peers": obj_lib.at(rule, [side], []), "ports": obj_lib.at(rule, ["ports"], []), "path": ["spec", field, i]} |
	[field, side] := _fields[direction]
	some i, rule in obj_lib.at(policy.obj, ["spec", field], [])
]

# METADATA
# description: the policies over the pods of a group that have rules for a direction and do not name it among their policyTypes, where rules count alone
unnamed(group, direction) := [input_policies[position] | some position in _unnamed[[group.index, direction]]]

_unnamed := _unnamed_groups

_unnamed_groups[[group.index, direction]] contains position if {
	some position, policy in input_policies
	some direction in ({"Ingress", "Egress"} - policy.directions)
	count(rules(policy, direction)) > 0
	some group in pods.selected(_pod_selector(policy.obj), [policy.namespace])
}

# METADATA
# description: whether the other end may be among the peers of a rule
may_be_peer(rule, _, _) if rule.peers == []

may_be_peer(rule, policy, other) if {
	some peer in rule.peers
	_may_be(peer, policy, other)
}

_may_be(peer, _, _) if peer.ipBlock

_may_be(peer, policy, other) if {
	_may_be_in(obj_lib.at(peer, ["namespaceSelector"], null), policy, other.namespace)
	_may_be_pod(obj_lib.at(peer, ["podSelector"], {}), other.group)
	not peer.ipBlock
}

_may_be_in(_, _, null)

_may_be_in(null, policy, namespace) if {
	is_string(namespace)
	obj_lib.may_be_one(policy.namespace, namespace)
}

_may_be_in(chosen, _, namespace) if {
	is_object(chosen)
	is_string(namespace)
	labels := object.union(object.get(_namespace_labels, namespace, {}), {_name: namespace})
	selector.matches(_known(chosen, labels, namespace), labels)
}

_name := "kubernetes.io/metadata.name"

# Others may give a namespace labels, and those of one that is not rendered are not known at all.
_known(chosen, labels, namespace) := {
	"matchLabels": {key: value | some key, value in chosen.matchLabels; _tells(key, labels, namespace)},
	"matchExpressions": [e | some e in chosen.matchExpressions; _tells(e.key, labels, namespace)],
}

_tells(key, labels, namespace) if {
	namespace != ""
	labels[key]
}

_may_be_pod(_, null)

_may_be_pod(pod_selector, group) if {
	group != null
	pods.may_select(pod_selector, group)
}

# METADATA
# description: whether a port may be among those of a rule
may_be_port(rule, _) if rule.ports == []

may_be_port(rule, port) if {
	some listed in rule.ports
	obj_lib.at(listed, ["protocol"], "TCP") == port.protocol
	_may_be_number(obj_lib.at(listed, ["port"], null), listed, port)
}

_may_be_number(null, _, _)

_may_be_number(wanted, _, port) if {
	is_number(wanted)
	port.number == null
}

_may_be_number(wanted, listed, port) if {
	is_number(wanted)
	is_number(port.number)
	wanted <= port.number
	port.number <= obj_lib.at(listed, ["endPort"], wanted)
}

_may_be_number(wanted, _, port) if {
	is_string(wanted)
	port.names == null
}

_may_be_number(wanted, _, port) if {
	is_string(wanted)
	wanted in port.names
}

# METADATA
# description: |
#   Where a rule is missing among policies that fence a group, {index, path}: the port of a rule for the
#   same peer that is nearly the one, the namespace of the same pods that is another, the ports of the
#   one rule that has the peer, or the policy that is for these pods, or the one that denies everything.
place(policies, direction, other, port) := array.concat(
	_near_ports(policies, direction, other, port),
	array.concat(_near_peers(policies, direction, other, port), [_nearest(policies, direction, other)]),
)[0]

_near_ports(policies, direction, other, port) := [{"index": policy.index, "path": array.concat(rule.path, ["ports", i, "port"])} |
	some policy in policies
	some rule in rules(policy, direction)
	may_be_peer(rule, policy, other)
	some i, listed in rule.ports
	is_number(listed.port)
	is_number(port.number)
	_is_near(listed, port.number)
]

_is_near(listed, number) if abs(listed.port - number) < 10

_is_near(listed, number) if _digits(listed.port) == _digits(number)

# A digit more, less, or another.
_is_near(listed, number) if {
	not listed.endPort
	min([listed.port, number]) > 99
	spelling.is_near(sprintf("%v", [listed.port]), sprintf("%v", [number]))
}

_digits(number) := sort(regex.split("", sprintf("%v", [number])))

# The pods are right, and said to be in another namespace.
_near_peers(policies, direction, other, port) := [{"index": policy.index, "path": array.concat(rule.path, [_fields[direction][1], i, "namespaceSelector", "matchLabels", _name])} |
	some policy in policies
	some rule in rules(policy, direction)
	may_be_port(rule, port)
	some i, peer in rule.peers
	peer.namespaceSelector.matchLabels[_name] != other.namespace
	other.group != null
	peer.podSelector
	_may_be_pod(peer.podSelector, other.group)
]

_nearest(policies, direction, other) := {"index": near[0].index, "path": near[0].path} if {
	near := [{"index": policy.index, "path": _ports_path(rule)} |
		some policy in policies
		some rule in rules(policy, direction)
		count(rule.peers) > 0
		other.group != null
		may_be_peer(rule, policy, other)
	]
	count(near) == 1
} else := {"index": policy.index, "path": _rules_path(policy.obj, direction)} if {
	own := [policy | some policy in policies; _pod_selector(policy.obj) != {}]
	count(own) > 0
	policy := own[0]
} else := {"index": policies[0].index, "path": _rules_path(policies[0].obj, direction)}

_ports_path(rule) := array.concat(rule.path, ["ports", 0, "port"]) if {
	count(rule.ports) == 1
} else := array.concat(rule.path, ["ports"])

_rules_path(obj, direction) := ["spec", _fields[direction][0]] if {
	obj_lib.at(obj, ["spec", _fields[direction][0]], null) != null
} else := ["spec", "policyTypes", i] if {
	some i, listed in obj.spec.policyTypes
	listed == direction
} else := ["spec"]
