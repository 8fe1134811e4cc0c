# METADATA
# scope: package
# title: Policies, monitors and disruption budgets select pods
# description: |
#   A NetworkPolicy, a PodMonitor, a PodDisruptionBudget, a PeerAuthentication or another policy of the mesh whose selector
#   no pod of its namespace answers is accepted and does nothing: what it was to deny is let through,
#   what it was to let through is denied by others, and a drain evicts whom it was to keep up. One renamed label is enough. Said only where all
#   pods of the namespace are known: beside charts, and resources of which operators make who knows
#   what, nothing is. An empty selector selects every pod, also those that are yet to come.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/network-policies/#the-networkpolicy-resource
#   - ref: https://istio.io/latest/docs/reference/config/type/workload-selector/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   fix: Select labels that the pods have, or remove what nobody needs.
package policies.selector.selects_pods

import data.policies.lib.object as obj_lib
import data.policies.lib.pods

deny contains {"msg": msg, "path": array.concat(["objects", found.index], found.blame), "missing": found.missing} if {
	some found in pods.input_idle
	not found.known.peer
	msg := sprintf("%s %s nothing: %s", [obj_lib.title(input.objects[found.index]), found.known.verb, pods.described(found)])
}
