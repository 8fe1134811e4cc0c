# METADATA
# scope: package
# title: Policies, monitors and disruption budgets select pods
# description: |
#   A NetworkPolicy, a PodMonitor, a PodDisruptionBudget, a PeerAuthentication or another policy of the mesh whose selector no pod of
#   its namespace answers is accepted and does nothing: what it was to deny is let through, what it was to let through is denied by
#   others, and a drain evicts whom it was to keep up. So does a ServiceMonitor that no Service answers, a monitor of a namespace that is
#   nearly called so, and a Gateway of Istio where pods have nearly its labels. Said only of namespaces of which the target has pods, and
#   all are known: not where the namespace or a Service in it is declared external, a Role lets somebody make pods, operators make who
#   knows what, nor of kube-system and OpenShift's own. An empty selector selects every pod, also those that are yet to come.
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
import data.policies.lib.selector
import data.policies.lib.spelling

deny contains {"msg": msg, "path": array.concat(["objects", found.index], found.blame), "missing": found.missing} if {
	some found in pods.input_idle
	not found.known.peer
	obj := input.objects[found.index]
	not obj.spec.workloadRef # a Rollout with the pods of something else
	msg := sprintf("%s %s nothing: %s", [obj_lib.title(obj), found.known.verb, pods.described(found)])
}

# Services by their labels.
deny contains {"msg": msg, "path": ["objects", index, "spec", "selector"], "missing": missing} if {
	some index, obj in obj_lib.of_kind["monitoring.coreos.com"].ServiceMonitor
	wanted := obj.spec.selector.matchLabels
	count(wanted) > 0
	monitored := pods.monitored(obj)
	count(monitored.services) == 0
	some namespace in monitored.namespaces
	missing := {"kind": "Service", "namespace": namespace, "name": "*"}
	msg := sprintf("%s scrapes nothing: no Service%s has the labels %s", [obj_lib.title(obj), obj_lib.within("of", namespace), json.marshal(wanted)])
}

# A namespace that nobody has, and one that is nearly called so.
deny contains {"msg": msg, "path": ["objects", index, "spec", "namespaceSelector", "matchNames", i], "missing": missing} if {
	some kind in ["PodMonitor", "Probe", "ServiceMonitor"]
	some index, obj in obj_lib.of_kind["monitoring.coreos.com"][kind]
	some i, name in obj.spec.namespaceSelector.matchNames
	is_string(name)
	not name in _namespaces
	some other in _namespaces
	spelling.is_misspelt(name, other)
	missing := {"kind": "Namespace", "namespace": "", "name": name}
	msg := sprintf("%s looks into namespace %q, which nobody has: there is %q", [obj_lib.title(obj), name, other])
}

_namespaces := {obj_lib.namespace(obj) | some obj in input.objects} | ({obj_lib.name(obj) | some obj in obj_lib.of_kind[""].Namespace} | {declared.name |
	some declared in input.external
	declared.kind == "Namespace"
})

# A Gateway of Istio is for pods of any namespace: said where some have nearly its labels.
deny contains {"msg": msg, "path": ["objects", index, "spec", "selector", key], "missing": missing} if {
	some index, obj in obj_lib.of_kind["networking.istio.io"].Gateway
	wanted := obj.spec.selector
	count([group | some group in pods.input_groups; pods.may_select({"matchLabels": wanted}, group)]) == 0
	some key, value in wanted
	is_string(value)
	some group in pods.input_groups
	some own_labels in group.labels
	spelling.is_misspelt(value, own_labels[key])
	selector.matches_map(object.union(wanted, {key: own_labels[key]}), own_labels)
	missing := {"kind": "pods", "namespace": "", "name": json.marshal(wanted)}
	msg := sprintf("%s is for no pods: none has %s=%s, and %s has %s", [obj_lib.title(obj), key, value, group.title, own_labels[key]])
}
