# METADATA
# scope: package
# title: Pods that an operator makes
# description: |
#   A database Cluster or a Collector is rendered as one custom resource; its pods appear in the
#   cluster only, with labels that the operator writes. Services and budgets may select them.
# related_resources:
#   - ref: https://cloudnative-pg.io/documentation/current/labels_annotations/
#   - ref: https://github.com/open-telemetry/opentelemetry-operator
package policies.lib.operator

import data.policies.lib.object as obj_lib
import data.policies.lib.selector

# METADATA
# description: |
#   The sets of labels that the pods of a custom resource carry, one set for each role that they can
#   have; empty for an object that no known operator turns into pods.
pod_labels(obj) := [object.union(obj_lib.labels(obj), labels) |
	some labels in _sets(obj)
]

_sets(obj) := [labels |
	some role in ["primary", "replica"]
	labels := {
		"cnpg.io/cluster": obj_lib.name(obj),
		"cnpg.io/instanceRole": role,
		"cnpg.io/podRole": "instance",
		"role": role,
	}
] if {
	obj_lib.is_kind(obj, "postgresql.cnpg.io", "Cluster")
} else := [{"cnpg.io/podRole": "pooler", "cnpg.io/poolerName": obj_lib.name(obj)}] if {
	obj_lib.is_kind(obj, "postgresql.cnpg.io", "Pooler")
} else := [{
	"app.kubernetes.io/component": "opentelemetry-collector",
	"app.kubernetes.io/instance": sprintf("%s.%s", [obj_lib.namespace(obj), obj_lib.name(obj)]),
	"app.kubernetes.io/managed-by": "opentelemetry-operator",
	"app.kubernetes.io/name": sprintf("%s-collector", [obj_lib.name(obj)]),
	"app.kubernetes.io/part-of": "opentelemetry",
}] if {
	obj_lib.is_kind(obj, "opentelemetry.io", "OpenTelemetryCollector")
} else := []

# METADATA
# description: |
#   The objects of an overlay that operators turn into pods, by their index in input.objects; for
#   rules of an overlay.
input_resources := object.union_n([
	object.get(obj_lib.of_kind, ["postgresql.cnpg.io", "Cluster"], {}),
	object.get(obj_lib.of_kind, ["postgresql.cnpg.io", "Pooler"], {}),
	object.get(obj_lib.of_kind, ["opentelemetry.io", "OpenTelemetryCollector"], {}),
])

# METADATA
# description: whether a map selector selects pods that an operator makes of an object
is_selected_by_map(obj, map) if {
	some labels in pod_labels(obj)
	selector.matches_map(map, labels)
}

# METADATA
# description: whether a LabelSelector selects pods that an operator makes of an object
is_selected(obj, label_selector) if {
	some labels in pod_labels(obj)
	selector.matches(label_selector, labels)
}
