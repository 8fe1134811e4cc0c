# METADATA
# scope: package
# title: No selector holds a label that changes with a release
# description: |
#   A workload's selector cannot be changed once it exists. With the version in it, the first
#   promotion is refused by the API server ("field is immutable") and someone has to delete the
#   running Deployment. A Service or PodDisruptionBudget that selects by version loses its pods
#   during a rollout.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#label-selector-updates
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: selector
#   fix: Keep the version on the pod template only, and select by name, instance or track.
package policies.workload.selector_stable

import data.policies.lib.object as obj_lib

_changing := {"version", "app.kubernetes.io/version", "helm.sh/chart", "pod-template-hash"}

# The path to the labels of a selector, by group and kind.
_places := {
	"": {
		"ReplicationController": ["spec", "selector"],
		"Service": ["spec", "selector"],
	},
	"apps": {kind: ["spec", "selector", "matchLabels"] | some kind in ["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"]},
	"policy": {"PodDisruptionBudget": ["spec", "selector", "matchLabels"]},
}

deny contains {"msg": msg, "path": array.concat(path, [label])} if {
	path := _places[obj_lib.group(input)][input.kind]
	some label, value in obj_lib.at(input, path, {})
	label in _changing
	msg := sprintf("%s selects by %s=%v, which changes with a release", [obj_lib.title(input), label, value])
}

deny contains {"msg": msg, "path": ["spec", "selector", "matchExpressions", i, "key"]} if {
	_places[obj_lib.group(input)][input.kind] == ["spec", "selector", "matchLabels"]
	some i, expression in input.spec.selector.matchExpressions
	expression.key in _changing
	msg := sprintf("%s selects by %s, which changes with a release", [obj_lib.title(input), expression.key])
}
