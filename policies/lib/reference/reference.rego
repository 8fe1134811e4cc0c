# METADATA
# scope: package
# title: What objects refer to by name
# description: |
#   The ConfigMaps, Secrets, ServiceAccounts, claims, priority classes, roles and admission policies
#   that an object needs before it can work. Each reference is {kind, namespace, name, keys, path}: namespace is ""
#   for cluster-scoped kinds, name is null where it is missing or no text, keys are those that must
#   be in it, path leads to the name. What is marked optional is not needed and not listed.
package policies.lib.reference

import data.policies.lib.entry
import data.policies.lib.object as obj_lib
import data.policies.lib.workload
import data.relations

# METADATA
# description: every reference of an object
of(obj) := array.concat(array.concat(_pod(obj), _listed(obj)), array.concat(_containers(obj), _volumes(obj))) if {
	workload.is_workload(obj)
} else := _bound(obj) if {
	obj_lib.group(obj) == "rbac.authorization.k8s.io"
} else := _listed(obj)

# METADATA
# description: |
#   The references of an overlay's objects by index in input.objects, for rules of an overlay; an
#   object without any may be missing.
input_references := {index: of(obj) | some index, obj in _referring}

_referring := object.union_n(array.concat([workload.input_workloads], [objects |
	some [api_group, kind] in array.concat(
		[["rbac.authorization.k8s.io", "RoleBinding"], ["rbac.authorization.k8s.io", "ClusterRoleBinding"], ["networking.k8s.io", "Ingress"]],
		[[api_group, kind] | some api_group, kinds in _fields; some kind, _ in kinds],
	)
	objects := obj_lib.of_kind[api_group][kind]
]))

_reference(kind, obj, value, path) := {
	"kind": kind,
	"namespace": obj_lib.namespace(obj),
	"name": value,
	"keys": set(),
	"path": path,
}

_pod(obj) := array.concat(
	[ref |
		some field in _pod_names.fields
		field.needed
		value := obj_lib.at(workload.spec(obj), field.path, "")
		value != ""
		path := array.concat(workload.spec_path(obj), field.path)
		ref := object.union(_reference(field.kind, obj, value, path), {"namespace": _scope(field, obj)})
	],
	[ref |
		lists := array.concat(workload.spec_path(obj), ["imagePullSecrets"])
		some secret in entry.list(obj_lib.at(workload.spec(obj), ["imagePullSecrets"], null), lists)
		ref := _reference("Secret", obj, obj_lib.at(secret.value, ["name"], null), array.concat(secret.path, ["name"]))
	],
)

_pod_names := relations.pod

_scope(field, obj) := "" if {
	field.cluster
} else := obj_lib.namespace(obj)

_containers(obj) := array.concat(
	[ref |
		some container in workload.containers(obj)
		path := array.concat(container.path, ["env"])
		some variable in entry.list(obj_lib.at(container.value, ["env"], null), path)
		some known in _pod_names.env
		value := variable.value.valueFrom[known.source]
		value != null
		not value.optional == true
		key := obj_lib.at(value, ["key"], null)
		found := _reference(known.kind, obj, obj_lib.at(value, [known.name], null), array.concat(variable.path, ["valueFrom", known.source, known.name]))
		ref := object.union(found, {"keys": {key}})
	],
	[ref |
		some container in workload.containers(obj)
		path := array.concat(container.path, ["envFrom"])
		some source in entry.list(obj_lib.at(container.value, ["envFrom"], null), path)
		some known in _pod_names.envFrom
		value := source.value[known.source]
		value != null
		not value.optional == true
		ref := _reference(known.kind, obj, obj_lib.at(value, [known.name], null), array.concat(source.path, [known.source, known.name]))
	],
)

_volumes(obj) := array.concat(
	[ref |
		some volume in _volume_list(obj)
		some ref in _volume_references(obj, volume, _pod_names.volumes)
	],
	[ref |
		some volume in _volume_list(obj)
		path := array.concat(volume.path, ["projected", "sources"])
		some source in entry.list(obj_lib.at(volume.value, ["projected", "sources"], null), path)
		some ref in _volume_references(obj, source, _pod_names.projected)
	],
)

_volume_list(obj) := entry.list(
	obj_lib.at(workload.spec(obj), ["volumes"], null),
	array.concat(workload.spec_path(obj), ["volumes"]),
)

_volume_references(obj, source, sources) := [ref |
	some known in sources
	value := source.value[known.source]
	value != null
	not value.optional == true
	found := _reference(known.kind, obj, obj_lib.at(value, [known.name], null), array.concat(source.path, [known.source, known.name]))
	ref := object.union(found, {"keys": {item.key | some item in value.items}})
]

# METADATA
# description: a binding needs its role and the ServiceAccounts among its subjects
_bound(obj) := array.concat(
	[ref |
		obj.kind in {"RoleBinding", "ClusterRoleBinding"}
		role := obj_lib.at(obj, ["roleRef", "kind"], null)
		found := _reference(role, obj, obj_lib.at(obj, ["roleRef", "name"], null), ["roleRef", "name"])
		ref := object.union(found, {"namespace": _role_scope(role, obj)})
	],
	[ref |
		obj.kind in {"RoleBinding", "ClusterRoleBinding"}
		some subject in entry.list(obj_lib.at(obj, ["subjects"], null), ["subjects"])
		_needs_account(subject.value)
		found := _reference("ServiceAccount", obj, obj_lib.at(subject.value, ["name"], null), array.concat(subject.path, ["name"]))
		ref := object.union(found, {"namespace": obj_lib.at(subject.value, ["namespace"], obj_lib.namespace(obj))})
	],
)

_role_scope("Role", obj) := obj_lib.namespace(obj)

_role_scope(kind, _) := "" if kind != "Role"

_needs_account(subject) if not _is_person(subject)

_is_person(subject) if subject.kind in {"User", "Group"}

# What is named by a field that data.relations knows, or by an Ingress.
_listed(obj) := [ref |
	some field in _fields[obj_lib.group(obj)][obj.kind]
	value := obj_lib.at(obj, field.path, null)
	value != null
	ref := object.union(_reference(field.kind, obj, value, field.path), {"namespace": _scope(field, obj)})
] if {
	_fields[obj_lib.group(obj)][obj.kind]
} else := [_reference("Secret", obj, value, array.concat(tls.path, ["secretName"])) |
	some tls in entry.list(obj_lib.at(obj, ["spec", "tls"], null), ["spec", "tls"])
	value := obj_lib.at(tls.value, ["secretName"], null)
	value != null
] if {
	obj_lib.is_kind(obj, "networking.k8s.io", "Ingress")
} else := []

_fields := {api_group: named |
	some api_group, kinds in relations.references
	named := {kind: needed |
		some kind, fields in kinds
		needed := [field | some field in fields; field.needed]
		count(needed) > 0
	}
}
