# METADATA
# scope: package
# title: Peers of network policies are pods
# description: |
#   A rule of a NetworkPolicy lets through what its peers select. Where no pod has these labels it
#   lets nobody through: the connection that it is for times out, as if the rule were not there. Said
#   only where all pods of the namespace are known. A label for clients that are yet to come is a
#   reason to keep such a rule: exempt it.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/network-policies/#behavior-of-to-and-from-selectors
# custom:
#   severity: warning
#   states: fact
#   scope: overlay
#   mentions: NetworkPolicy
#   fix: Select labels that the pods at the other end have, in the namespace that they are in.
package policies.selector.peers_select_pods

import data.policies.lib.object as obj_lib
import data.policies.lib.pods

deny contains {"msg": msg, "path": array.concat(["objects", found.index], found.blame), "missing": found.missing} if {
	some found in pods.input_idle
	found.known.peer
	obj := input.objects[found.index]
	msg := sprintf("%s %s nobody by %s: %s", [obj_lib.title(obj), found.known.verb, _place(found.path), pods.described(found)])
}

_place([_, direction, i, _, j, _]) := sprintf("rule %v, peer %v of %s", [i + 1, j + 1, direction])

# A namespace that is not there, where kgate.yaml says which are there besides those that are rendered.
deny contains {"msg": msg, "path": array.concat(["objects", index], path), "missing": missing} if {
	count(_declared) > 0
	some index, obj in obj_lib.of_kind["networking.k8s.io"].NetworkPolicy
	some [direction, side] in [["ingress", "from"], ["egress", "to"]]
	some i, rule in obj.spec[direction]
	some j, peer in rule[side]
	name := peer.namespaceSelector.matchLabels[_name]
	not name in _declared
	not name in _rendered
	path := ["spec", direction, i, side, j, "namespaceSelector", "matchLabels", _name]
	missing := {"kind": "Namespace", "namespace": "", "name": name}
	msg := sprintf("namespace %s of %s by rule %v, peer %v of %s is neither rendered nor declared external", [json.marshal(name), obj_lib.title(obj), i + 1, j + 1, direction])
}

_name := "kubernetes.io/metadata.name"

_declared := {declared.name | some declared in input.external; declared.kind == "Namespace"}

_rendered contains "default"

_rendered contains "kube-system"

_rendered contains obj_lib.name(obj) if some obj in obj_lib.of_kind[""].Namespace

_rendered contains obj_lib.namespace(obj) if some obj in input.objects
