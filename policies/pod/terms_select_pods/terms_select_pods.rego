# METADATA
# scope: package
# title: Terms of affinity and spreading select pods
# description: |
#   A term of anti-affinity, or of topology spreading, whose selector no pod of its namespace answers is
#   kept by nothing: replicas share a node as if it were not there. Where required affinity
#   asks for such pods, the scheduler finds no node, and the pod stays Pending. A renamed label of the
#   pods themselves is the usual reason. Said only where all pods of the namespace are known.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity
#   - ref: https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: spec apps/ batch/ Pod
#   fix: Select labels that the pods have; for a term about the workload's own replicas, its own.
package policies.pod.terms_select_pods

import data.policies.lib.entry
import data.policies.lib.object as obj_lib
import data.policies.lib.pods
import data.policies.lib.workload

deny contains {"msg": msg, "path": array.concat(["objects", term.index], term.idle.blame), "missing": term.idle.missing} if {
	some term in _terms
	msg := sprintf("%s of %s %s: %s", [term.title, obj_lib.title(input.objects[term.index]), term.effect, pods.described(term.idle)])
}

_terms := [{"index": index, "title": place.title, "effect": place.effect, "idle": idle} |
	some index, described in _described
	some place in _places
	some found in entry.places(input.objects[index], array.concat(described, place.path))
	not _is_elsewhere(found.value)
	idle := pods.idle(found.value.labelSelector, _namespaces(index, found.value), array.concat(found.path, ["labelSelector"]))
]

# Where fields of a pod stand: in a template, or in what an operator makes pods of.
_described[index] := workload.spec_path(obj) if some index, obj in workload.input_workloads

_described[index] := ["spec"] if {
	some [api_group, kind] in [
		["monitoring.coreos.com", "Alertmanager"],
		["monitoring.coreos.com", "Prometheus"],
		["monitoring.coreos.com", "PrometheusAgent"],
		["monitoring.coreos.com", "ThanosRuler"],
		["opentelemetry.io", "OpenTelemetryCollector"],
	]
	some index, _ in obj_lib.of_kind[api_group][kind]
}

_places := [
	{"path": ["affinity", "podAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "*"], "title": "required affinity", "effect": "finds no node"},
	{"path": ["affinity", "podAffinity", "preferredDuringSchedulingIgnoredDuringExecution", "*", "podAffinityTerm"], "title": "preferred affinity", "effect": "prefers nothing"},
	{"path": ["affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "*"], "title": "required anti-affinity", "effect": "keeps apart nothing"},
	{"path": ["affinity", "podAntiAffinity", "preferredDuringSchedulingIgnoredDuringExecution", "*", "podAffinityTerm"], "title": "preferred anti-affinity", "effect": "keeps apart nothing"},
	{"path": ["topologySpreadConstraints", "*"], "title": "a topology spread constraint", "effect": "spreads nothing"},
]

# Namespaces by their labels, which others may have given.
_is_elsewhere(term) if obj_lib.at(term, ["namespaceSelector"], null) != null

_namespaces(_, term) := term.namespaces if count(term.namespaces) > 0

_namespaces(index, term) := [obj_lib.namespace(input.objects[index])] if obj_lib.at(term, ["namespaces"], []) == []
