# METADATA
# scope: package
# title: Objects of an overlay by their labels
# description: |
#   What a selector selects, from tables that are made once: to hold each selector against each
#   object takes time by the product of both. Holders of labels are "pods", the workloads with the labels of
#   their pods, and "Service"; each is given by its index in input.objects.
package policies.lib.labels

import data.policies.lib.object as obj_lib
import data.policies.lib.selector
import data.policies.lib.workload

# METADATA
# description: the holders in some namespaces that a LabelSelector selects
selected(holders, label_selector, namespaces) := {index |
	some index in candidates(holders, label_selector, namespaces)
	selector.matches(label_selector, _labels[holders][index])
}

# METADATA
# description: the holders in some namespaces that a LabelSelector may select, as far as the tables tell
candidates(holders, label_selector, namespaces) := union({_answering(holders, label_selector, namespace) | some namespace in namespaces})

# METADATA
# description: the holders in some namespaces that a map selector selects
selected_by_map(holders, map, namespaces) := union({_with_all(holders, map, namespace) | some namespace in namespaces})

_with_all(holders, map, namespace) := intersection({_with(holders, namespace, key, value) |
	is_object(map)
	some key, value in map
})

_answering(holders, label_selector, namespace) := intersection(asked) if {
	asked := {_with(holders, namespace, key, value) | some key, value in label_selector.matchLabels} | {union(among) |
		some e in label_selector.matchExpressions
		e.operator == "In"
		among := {_with(holders, namespace, e.key, value) | some value in e.values}
	}
	count(asked) > 0
} else := object.get(_by_namespace, [holders, namespace], set())

_with(holders, namespace, key, value) := object.get(_by_label, [[holders, namespace, key, value]], set())

# METADATA
# description: the namespaces of holders that may be a namespace, for all that is known of it
near(holders, namespace) := {namespace, ""} if {
	namespace != ""
} else := {other | some other, _ in _by_namespace[holders]}

_labels := {
	"pods": {index: workload.labels(obj) | some index, obj in workload.input_workloads},
	"Service": {index: obj_lib.labels(obj) | some index, obj in obj_lib.of_kind[""].Service},
}

_by_namespace := _in_namespaces

_in_namespaces[holders][obj_lib.namespace(input.objects[index])] contains index if {
	some holders, indexes in _labels
	some index, _ in indexes
}

_by_label := _with_labels

_with_labels[[holders, namespace, key, value]] contains index if {
	some holders, namespaces in _by_namespace
	some namespace, indexes in namespaces
	some index in indexes
	some key, value in _labels[holders][index]
}
