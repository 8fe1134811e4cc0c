# METADATA
# scope: package
# title: Pods that an operator makes
# description: |
#   A database Cluster or a Collector is rendered as one custom resource; its pods appear in the
#   cluster only, with labels that the operator writes. Services and budgets may select them. Which
#   operators do so is said in data.relations.
package policies.lib.operator

import data.policies.lib.object as obj_lib
import data.policies.lib.selector
import data.relations

# METADATA
# description: |
#   The sets of labels that the pods of a custom resource carry, one set for each role that they can
#   have; empty for an object that no known operator turns into pods.
pod_labels(obj) := [object.union_n([obj_lib.labels(obj), _inherited(obj, made), filled_labels(obj, labels)]) |
	made := _made[obj_lib.group(obj)][obj.kind]
	some labels in made.labels
]

# METADATA
# description: labels of relations in which the name and the namespace of an object stand for {name} and {namespace}
filled_labels(obj, labels) := {key: strings.replace_n(values, text) | some key, text in labels} if {
	values := {"{name}": obj_lib.name(obj), "{namespace}": obj_lib.namespace(obj)}
}

_made := relations.made

_inherited(obj, made) := labels if {
	labels := obj_lib.at(obj, made.inherits, {})
	is_object(labels)
} else := {}

# METADATA
# description: |
#   The objects of an overlay that operators turn into pods, by their index in input.objects; for
#   rules of an overlay.
input_resources := {index: obj |
	some api_group, kinds in _made
	some kind, _ in kinds
	some index, obj in obj_lib.of_kind[api_group][kind]
}

# METADATA
# description: whether a map selector selects pods that an operator makes of an object
is_selected_by_map(obj, map) if {
	some labels in pod_labels(obj)
	selector.matches_map(map, object.union(labels, _filled(labels, map)))
}

# Labels that begin with a namespace which nobody here knows are what a selector takes them for.
_filled(labels, map) := {key: map[key] |
	some key, rest in labels
	startswith(rest, ".")
	is_string(map[key])
	endswith(map[key], rest)
}
