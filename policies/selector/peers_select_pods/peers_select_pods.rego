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
