# METADATA
# scope: package
# title: What objects refer to by name
# description: |
#   The ConfigMaps, Secrets, Services, ServiceAccounts, claims, priority classes, roles, admission
#   policies and databases that an object needs before it can work. Each reference is
#   {kind, namespace, name, keys, path}: namespace is "" for cluster-scoped kinds and for the namespace
#   that objects without one get, which nobody here knows, and "*" where others say it; name is null where it is missing or no text, keys are those that must be in it,
#   path leads to the name. What is marked optional is not needed and not listed.
package policies.lib.reference

import data.policies.lib.entry
import data.policies.lib.object as obj_lib
import data.policies.lib.workload
import data.relations

# METADATA
# description: every reference of an object
of(obj) := array.concat(array.concat(_annotated(obj), _listed(obj)), [ref |
	some pod in workload.pods(obj)
	some ref in array.concat(_pod(obj, pod), array.concat(_containers(obj, pod), _volumes(obj, pod)))
]) if {
	count(workload.pods(obj)) > 0
} else := _bound(obj) if {
	obj_lib.group(obj) == "rbac.authorization.k8s.io"
} else := array.concat(_listed(obj), _selected(obj)) if {
	_selectors[obj_lib.group(obj)][obj.kind]
} else := _listed(obj)

# METADATA
# description: |
#   The references of an overlay's objects by index in input.objects, for rules of an overlay; an
#   object without any may be missing.
input_references := {index: of(obj) | some index, obj in _referring}

_referring := object.union_n(array.concat([workload.input_described], [objects |
	some [api_group, kind] in array.concat(
		[["rbac.authorization.k8s.io", "RoleBinding"], ["rbac.authorization.k8s.io", "ClusterRoleBinding"]],
		[[api_group, kind] | some described in [_fields, _selectors]; some api_group, kinds in described; some kind, _ in kinds],
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

_pod(obj, pod) := array.concat(
	[ref |
		some field in _pod_names.fields
		field.needed
		some ref in _pod_field(obj, pod, field)
	],
	[ref |
		lists := array.concat(pod.path, ["imagePullSecrets"])
		some secret in entry.list(obj_lib.at(pod.value, ["imagePullSecrets"], null), lists)
		ref := _reference("Secret", obj, obj_lib.at(secret.value, ["name"], null), array.concat(secret.path, ["name"]))
	],
)

_pod_names := relations.pod

_pod_field(obj, pod, field) := [ref |
	some place in entry.places(pod.value, field.path)
	_is_name(place.value)
	found := _reference(field.kind, obj, place.value, array.concat(pod.path, place.path))
	ref := object.union(found, {"namespace": _scope(field, obj)})
]

_scope(field, obj) := "" if {
	field.cluster
} else := "*" if {
	obj_lib.is_of_cluster(obj)
} else := obj_lib.namespace(obj)

# What annotations of the pods name, beside or with a namespace.
_annotated(obj) := [ref |
	some key, value in workload.annotations(obj)
	some known in _pod_names.annotations
	startswith(key, known.begins)
	is_string(value)
	not lower(value) in {"", "false", "true"}
	found := _reference(known.kind, obj, value, array.concat(workload.template_path(obj), ["metadata", "annotations", key]))
	ref := object.union(found, _qualified(value))
]

_qualified(value) := {"namespace": namespace, "name": name} if {
	[namespace, name] = split(value, "/")
} else := {}

_containers(obj, pod) := array.concat(
	[ref |
		some container in workload.containers_of(pod)
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
		some container in workload.containers_of(pod)
		path := array.concat(container.path, ["envFrom"])
		some source in entry.list(obj_lib.at(container.value, ["envFrom"], null), path)
		some known in _pod_names.envFrom
		value := source.value[known.source]
		value != null
		not value.optional == true
		ref := _reference(known.kind, obj, obj_lib.at(value, [known.name], null), array.concat(source.path, [known.source, known.name]))
	],
)

_volumes(obj, pod) := array.concat(
	[ref |
		some volume in _volume_list(pod)
		some ref in _volume_references(obj, volume, _pod_names.volumes)
	],
	[ref |
		some volume in _volume_list(pod)
		path := array.concat(volume.path, ["projected", "sources"])
		some source in entry.list(obj_lib.at(volume.value, ["projected", "sources"], null), path)
		some ref in _volume_references(obj, source, _pod_names.projected)
	],
)

_volume_list(pod) := entry.list(
	obj_lib.at(pod.value, ["volumes"], null),
	array.concat(pod.path, ["volumes"]),
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

# What is named by a field that data.relations knows.
_listed(obj) := _named(obj, _fields[obj_lib.group(obj)][obj.kind]) if {
	_fields[obj_lib.group(obj)][obj.kind]
} else := []

_named(obj, fields) := [ref |
	some field in fields
	not _is_hidden(field, obj)
	some place in entry.places(obj, field.path)
	_is_told(field, obj, place.path)
	_is_name(place.value)
	_is_of_kind(field, obj, place.path)
	not _is_in_annotation(field, obj, place.path)
	not obj_lib.at(obj, _beside(place.path, "optional"), false) == true
	ref := object.union(_reference(field.kind, obj, place.value, place.path), {"namespace": _elsewhere(field, obj, place.path)})
]

# The AWS Load Balancer Controller takes the name of such a backend for that of an action, which an annotation describes.
# https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/#actions
_is_in_annotation(field, obj, path) if {
	field.port
	obj.kind == "Ingress"
	obj_lib.at(obj, array.concat(_beside(path, field.port), ["name"]), "") == "use-annotation"
}

# Who declares nothing and renders none has not begun to say what the cluster has.
_is_told(field, _, _) if not field.told

_is_told(_, _, _) if count(input.external) > 0

_is_told(field, obj, path) if {
	field.told == "target"
	_elsewhere(field, obj, path) == obj_lib.namespace(obj)
	count(obj_lib.of_kind[field.group][field.kind]) > 0
}

# In another namespace others have theirs, whatever there is in one's own.
_is_told(field, obj, path) if {
	field.told
	_elsewhere(field, obj, path) in _having[[field.group, field.kind]]
}

# The namespaces that have some, of the kinds of which that counts.
_having := {[field.group, field.kind]: namespaces |
	some kinds in relations.references
	some fields in kinds
	some field in fields
	field.told
	namespaces := {obj_lib.namespace(other) | some other in obj_lib.of_kind[field.group][field.kind]}
}

# In which namespace it looks for what it names, an object without one leaves to its controller, and so mostly to what was there before
# everything else.
_is_hidden(field, obj) if {
	obj_lib.is_of_cluster(obj)
	not field.cluster
	not field.namespace
	count(object.get(input, "external", [])) == 0
}

_is_of_kind(field, obj, path) if {
	_is_typed(field, obj, path)
	not _is_of_another_group(field, obj, path)
	not obj_lib.at(obj, _beside(path, object.get(field, "unless", "")), false) == true
	not _is_qualified(field, object.get(obj, path, ""))
}

_is_qualified(field, name) if contains(name, field.qualified)

_is_typed(field, _, _) if not field.typed

_is_typed(field, obj, path) if {
	kind := obj_lib.at(obj, _beside(path, field.typed), "")
	_says(field, kind)
}

_is_of_another_group(field, obj, path) if obj_lib.at(obj, _beside(path, field.grouped), field.group) != field.group

_says(field, kind) if kind == field.kind

_says(field, "") if field.default

_beside(path, field) := array.concat(array.slice(path, 0, count(path) - 1), [field])

# METADATA
# description: |
#   What an overlay's objects name that mostly comes with the cluster, classes and the like, by index in
#   input.objects. An object that names none may be missing.
input_provided := {index: refs |
	some index, obj in _naming
	refs := array.concat(
		_named(obj, object.get(_provided, [obj_lib.group(obj), obj.kind], [])),
		[ref |
			some pod in workload.pods(obj)
			some field in _pod_names.fields
			field.provided
			some ref in _pod_field(obj, pod, field)
		],
	)
	count(refs) > 0
}

_naming := object.union_n(array.concat([workload.input_described], [objects |
	some api_group, kinds in _provided
	some kind, _ in kinds
	objects := obj_lib.of_kind[api_group][kind]
]))

_provided := {api_group: named |
	some api_group, kinds in relations.references
	named := {kind: provided |
		some kind, fields in kinds
		provided := [field | some field in fields; field.provided]
		count(provided) > 0
	}
}

# METADATA
# description: |
#   The ports of Services that an overlay's objects name: {index, namespace, name, port, path} with path
#   leading to the name, and port to what stands beside it, {value, path}.
input_ports := [port |
	some [api_group, kind, field] in _with_port
	some index, obj in obj_lib.of_kind[api_group][kind]
	some place in entry.places(obj, field.path)
	is_string(place.value)
	_is_of_kind(field, obj, place.path)
	beside := _beside(place.path, field.port)
	port := {
		"index": index,
		"namespace": _elsewhere(field, obj, place.path),
		"name": place.value,
		"path": place.path,
		"port": {"value": obj_lib.at(obj, beside, null), "path": beside},
	}
]

_with_port := [[api_group, kind, field] |
	some api_group, kinds in relations.references
	some kind, fields in kinds
	some field in fields
	field.port
]

# An empty one is as good as none.
_is_name(value) if not value in {"", null}

_elsewhere(field, obj, path) := "*" if {
	field.anywhere
} else := obj_lib.at(obj, _beside(path, field.namespace), obj_lib.namespace(obj)) if {
	field.namespace
} else := _scope(field, obj)

_fields := {api_group: named |
	some api_group, kinds in relations.references
	named := {kind: needed |
		some kind, fields in kinds
		needed := [field | some field in fields; field.needed]
		count(needed) > 0
	}
}

# What is named by a field that is known by what it is called.
_selected(obj) := [ref |
	known := _fields_of(_selectors[obj_lib.group(obj)][obj.kind])
	walk(obj.spec, [path, value])
	is_object(value)
	some selector in _holding(known, path)
	not _is_hidden(selector, obj)
	name := value[selector.name]
	_is_name(name)
	not value.optional == true
	not _is_of_another(selector, value)
	found := _reference(selector.kind, obj, name, array.concat(array.concat(["spec"], path), [selector.name]))
	ref := object.union(found, {"keys": _selected_keys(value), "namespace": _elsewhere(selector, obj, path)})
]

_is_of_another(selector, value) if {
	selector.typed
	not value.kind == selector.kind
}

_selectors := relations.selecting

# The selectors of the names that a kind has, by the field that holds them.
_fields_of(names) := {field: selectors |
	some field in {field | some name in names; some field, _ in _by_field[name]}
	selectors := [selector | some name in names; some selector in _by_field[name][field]]
}

_by_field := {name: fields |
	some name, selectors in relations.selectors
	fields := {field: [selector | some selector in selectors; field in selector.fields] |
		some selector in selectors
		some field in selector.fields
	}
}

# The selectors of the field that leads to an object, which may be one of a list.
_holding(known, path) := [selector | some selector in known[path[count(path) - 1]]; not selector.many] if {
	is_string(path[count(path) - 1])
} else := [selector | some selector in known[path[count(path) - 2]]; not selector.many] if {
	known[path[count(path) - 2]]
} else := [selector | some selector in known[path[count(path) - 3]]; selector.many]

_selected_keys(value) := {key |
	some key in array.concat([obj_lib.at(value, ["key"], null)], [item.key | some item in value.items])
	is_string(key)
}
