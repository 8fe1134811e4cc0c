# METADATA
# scope: package
# title: The pods of an overlay, and what selects them
# description: |
#   Pods of workloads and those that operators make, with their labels and ports, and the selectors of
#   all kinds that have some (data.relations.selects). For rules that say that something selects
#   nothing: in a namespace of which not all pods are known here they say nothing.
package policies.lib.pods

import data.policies.lib.entry
import data.policies.lib.labels
import data.policies.lib.object as obj_lib
import data.policies.lib.operator
import data.policies.lib.role
import data.policies.lib.selector
import data.policies.lib.workload
import data.policies.lib.written
import data.relations

# METADATA
# description: |
#   The pods of an overlay, those of one object together: {index, title, namespace, labels, open, besides,
#   ports}. labels is a set of labels for each role that they can have; open are those that they may have
#   besides, with any value, null where that is every one of a domain of theirs; besides are those that they
#   may have, with their values; ports are {name, number, protocol, path}, or null where they are not known.
input_groups := array.concat(
	[{
		"index": index,
		"title": obj_lib.title(obj),
		"namespace": obj_lib.namespace(obj),
		"labels": workload.label_sets(obj),
		"open": [],
		"besides": {},
		"ports": _ports(obj),
	} |
		some index, obj in workload.input_workloads
	],
	[{
		"index": index,
		"title": obj_lib.title(obj),
		"namespace": obj_lib.namespace(obj),
		"labels": operator.pod_labels(obj),
		"open": _open_labels(made),
		"besides": operator.filled_labels(obj, {key: text | some key, text in made.sets; text != ""}),
		"ports": _made_ports(obj, made),
	} |
		some index, obj in operator.input_resources
		made := relations.made[obj_lib.group(obj)][obj.kind]
	],
)

_open_labels(made) := [key | some key, text in made.sets; text == ""] if {
	made.sets
} else := null

_ports(obj) := [{"name": obj_lib.at(port, ["name"], ""), "number": port.containerPort, "protocol": obj_lib.at(port, ["protocol"], "TCP"), "path": array.concat(container.path, ["ports", i])} |
	some container in workload.containers(obj)
	some i, port in container.value.ports
	is_number(port.containerPort)
]

_made_ports(obj, made) := [{"name": name, "number": number, "protocol": "TCP", "path": []} | some name, number in made.ports] if {
	made.ports
	every more in made.more {
		obj_lib.at(obj, more, null) == null
	}
} else := null

# METADATA
# description: whether a LabelSelector may select some pods of a group, for all that is known of their labels
may_select(label_selector, group) if {
	some own_labels in group.labels
	selector.matches(_closed(label_selector, own_labels, group), own_labels)
}

# METADATA
# description: whether a LabelSelector selects all pods of a group, whatever is not known of their labels
selects(label_selector, group) if {
	every own_labels in group.labels {
		selector.matches(label_selector, own_labels)
	}
}

# A selector without what it says of labels that nobody here knows.
_closed(label_selector, own_labels, group) := {
	"matchLabels": {key: value | some key, value in label_selector.matchLabels; not _is_open(key, value, own_labels, group)},
	"matchExpressions": [e | some e in label_selector.matchExpressions; not _is_open(e.key, "", own_labels, group)],
}

_is_open(key, _, _, _) if is_given(key)

_is_open(key, _, _, group) if key in group.open

_is_open(key, value, _, group) if value in {"", group.besides[key]}

_is_open(key, _, own_labels, group) if {
	group.open == null
	not own_labels[key]
	[domain, _] := split(key, "/")
	some other, _ in own_labels
	startswith(other, concat("", [domain, "/"]))
}

_is_open(key, value, own_labels, _) if {
	_begins_elsewhere(own_labels[key])
	is_string(value)
	endswith(value, own_labels[key])
}

# It begins with a namespace that nobody here knows.
_begins_elsewhere(value) if {
	is_string(value)
	startswith(value, ".")
}

# METADATA
# description: the pods that a LabelSelector may select in some namespaces, for all that is known of both
selected(label_selector, namespaces) := [_groups[index] |
	some index in ((_closed_groups & labels.candidates("pods", _told(label_selector), _near(namespaces))) | _open_among(_near(namespaces)))
	may_select(label_selector, _groups[index])
]

# METADATA
# description: the pods of a namespace that a map selector selects, in the first role that they can have
selected_by_map(map, namespace) := array.concat(
	[_groups[index] | some index in labels.selected_by_map("pods", map, {namespace})],
	[_groups[index] |
		some index in _open_groups[namespace]
		not index in _workloads
		selector.matches_map(map, _groups[index].labels[0])
	],
)

_workloads := {index | some index, _ in workload.input_workloads}

_groups := {group.index: group | some group in input_groups}

# The namespaces of pods that may be one of some.
_near(namespaces) := {name | some name in namespaces} | {""} if {
	not "" in namespaces
} else := {group.namespace | some group in input_groups}

# A selector without the labels that those who run pods give.
_told(label_selector) := {
	"matchLabels": {key: value | some key, value in label_selector.matchLabels; not is_given(key)},
	"matchExpressions": [e | some e in label_selector.matchExpressions; not is_given(e.key)],
}

# Groups of which all labels are known, and the others by their namespaces.
_closed_groups := {group.index | some group in input_groups; _is_closed(group)}

_is_closed(group) if {
	group.open == []
	group.besides == {}
	count(group.labels) == 1
	every value in group.labels[0] {
		not _begins_elsewhere(value)
	}
}

_open_among(namespaces) := union({object.get(_open_groups, namespace, set()) | some namespace in namespaces})

_open_groups := _open_by_namespace

_open_by_namespace[group.namespace] contains group.index if {
	some group in input_groups
	not _is_closed(group)
}

# METADATA
# description: |
#   The pods that a LabelSelector may select in some namespaces; undefined where not all of them, or
#   not all of their ports, are known here, or there are none.
with_ports(label_selector, namespaces) := found if {
	every namespace in namespaces {
		namespace in input_namespaces
	}
	found := selected(label_selector, namespaces)
	count(found) > 0
	every group in found {
		group.ports != null
	}
}

# METADATA
# description: |
#   whether a name or a number, as text too, is one of a port of a container that is injected into some pods, for all that is
#   known of them
is_injected(port, groups) if {
	injected := relations.injected[port]
	_may_be_asked(injected, groups)
}

is_injected(port, groups) if {
	some injected in relations.injected
	sprintf("%v", [injected.port]) == sprintf("%v", [port])
	_may_be_asked(injected, groups)
}

_may_be_asked(injected, _) if not injected.asked

_may_be_asked(injected, groups) if {
	some group in groups
	not lower(object.get(_annotations(group), injected.asked, "unsaid")) in {"0", "false", "n", "no", "off", "unsaid"}
}

# What operators give their pods is not known here.
_annotations(group) := object.union_n(array.concat([workload.annotations(obj)], [obj_lib.at(metadata, ["annotations"], {}) | some metadata in workload.tracks(obj)])) if {
	obj := workload.input_workloads[group.index]
} else := {key: "" | some injected in relations.injected; key := injected.asked}

# METADATA
# description: |
#   The number of the pods' own port behind a number that is the port of a Service over some of them,
#   where it is another one and none of them has the Service's; undefined otherwise. Of several it is
#   the least.
behind(number, protocol, groups) := min(numbers) if {
	[number, protocol] in _moved
	numbers := {own | some group in groups; some own in _owns[[group.index, number, protocol]]} - {number}
	count(numbers) > 0
	not _has_number(number, protocol, groups)
}

_has_number(number, protocol, groups) if {
	some group in groups
	[number, protocol] in _numbers[group.index]
}

# METADATA
# description: the number that pods have behind a port of a Service over them
own(port, group) := [opened.number | some opened in group.ports; opened.name == port.targetPort][0] if {
	is_string(port.targetPort)
} else := port.targetPort if {
	is_number(port.targetPort)
	port.targetPort > 0
} else := port.port if {
	obj_lib.at(port, ["targetPort"], 0) in {0, ""}
}

# What pods have behind the ports of the Services over them, by group, number and protocol.
_owns := _numbers_behind

_numbers_behind[[group.index, port.port, protocol]] contains number if {
	some service in obj_lib.of_kind[""].Service
	some group in selected_by_map(service.spec.selector, obj_lib.namespace(service))
	some port in service.spec.ports
	protocol := obj_lib.at(port, ["protocol"], "TCP")
	number := own(port, group)
}

_moved contains [number, protocol] if {
	some [_, number, protocol], owns in _owns
	owns != {number}
}

# What pods open: what they declare, and what Services take for theirs.
_numbers := _known_numbers

_known_numbers[group.index] contains [opened.number, opened.protocol] if {
	some group in input_groups
	some opened in group.ports
}

_known_numbers[index] contains [number, protocol] if {
	some [index, port, protocol], owns in _owns
	some number in owns
}

# METADATA
# description: what a message says that pods open instead
opened(groups) := concat(", ", {_port_title(port) | some group in groups; some port in group.ports})

_port_title(port) := sprintf("%s (%v/%s)", [port.name, port.number, port.protocol]) if port.name != ""

else := sprintf("%v/%s", [port.number, port.protocol])

# METADATA
# description: the titles of pods, for a message
titles(groups) := concat(" and ", {group.title | some group in groups})

# METADATA
# description: whether who runs pods gives them a label
is_given(key) if key in relations.given.names

is_given(key) if {
	is_string(key)
	some prefix in relations.given.prefixes
	startswith(key, prefix)
}

# METADATA
# description: |
#   The Services that a ServiceMonitor selects, {namespaces, services} with these by their index in input.objects; undefined
#   where not all pods and Services of the namespaces that it looks into are known here
monitored(obj) := {"namespaces": namespaces, "services": labels.selected("Service", obj.spec.selector, near)} if {
	namespaces := _monitored_namespaces(obj)
	every namespace in namespaces {
		namespace in input_namespaces
		not namespace in _of_operators
	}
	near := union({labels.near("Service", namespace) | some namespace in namespaces})
}

_monitored_namespaces(obj) := [obj_lib.namespace(obj)] if {
	obj_lib.at(obj, ["spec", "namespaceSelector"], {}) == {}
} else := obj.spec.namespaceSelector.matchNames if {
	not obj.spec.namespaceSelector.any
}

# Operators make Services there, of which nobody here knows the labels.
_of_operators := {made.namespace | some made in written.input_objects; made.kind == "Service"}

# METADATA
# description: |
#   The selectors of an overlay that some pods have to answer: {index, selector, path, namespaces, known}.
#   selector is a LabelSelector, namespaces those that it looks into, null for some that are not known here.
input_selectors := [{"index": index, "selector": label_selector, "path": place.path, "namespaces": _namespaces(obj, known, place.path), "known": known} |
	some api_group, kinds in relations.selects
	some kind, all in kinds
	some index, obj in obj_lib.of_kind[api_group][kind]
	some known in all
	some place in entry.places(obj, known.path)
	label_selector := _label_selector(known, place.value)
]

_label_selector(known, value) := {"matchLabels": value} if {
	known.map
	is_object(value)
	value != {}
} else := value if {
	not known.map
	is_object(value)
	_is_choosy(value)
}

_is_choosy(label_selector) if count(label_selector.matchLabels) > 0

_is_choosy(label_selector) if count(label_selector.matchExpressions) > 0

_namespaces(obj, known, path) := _beside(obj, _chosen(obj, known, path)) if {
	known.beside
} else := named if {
	known.namespaces
	chosen := obj_lib.at(obj, known.namespaces, {})
	not chosen.any
	named := [name | some name in object.get(chosen, "matchNames", [])]
	count(named) > 0
} else := null if {
	known.namespaces
	obj_lib.at(obj, known.namespaces, {}).any
} else := null if {
	known.mesh
	_may_be_everywhere(obj_lib.namespace(obj))
} else := [obj_lib.namespace(obj)]

_chosen(obj, known, path) := obj_lib.at(object.get(obj, array.slice(path, 0, count(path) - 1), {}), [known.beside], null)

_beside(obj, null) := [obj_lib.namespace(obj)]

_beside(_, chosen) := named_namespaces(chosen) if chosen != null

# METADATA
# description: the namespaces that a selector of namespaces selects by their names, null where it does so by what others may have given them
named_namespaces(chosen) := [name] if {
	name := chosen.matchLabels[_name]
} else := names if {
	some e in chosen.matchExpressions
	e.key == _name
	e.operator == "In"
	names := e.values
} else := null

_name := "kubernetes.io/metadata.name"

# Istio's root namespace, or what somebody chose for it: there are no sidecars in it.
_may_be_everywhere("istio-system")

_may_be_everywhere(namespace) if {
	some kind in ["WorkloadEntry", "WorkloadGroup"]
	some obj in obj_lib.of_kind["networking.istio.io"][kind]
	obj_lib.may_be_one(obj_lib.namespace(obj), namespace)
}

# METADATA
# description: |
#   The namespaces of which the overlay has pods, and all that are known here: none that is declared
#   external, or has objects of kinds of which nobody here knows the pods or not all of their labels, Roles
#   of whom makes pods as they run, or Services of others.
input_namespaces := {group.namespace | some group in input_groups} - _half_known

_half_known contains "kube-system"

_half_known contains group.namespace if {
	some group in input_groups
	startswith(group.namespace, "openshift")
}

_half_known contains declared.name if {
	some declared in input.external
	declared.kind == "Namespace"
}

_half_known contains declared.namespace if {
	some declared in input.external
	declared.kind == "Service"
	not declared.name in _services[declared.namespace]
}

_half_known contains obj_lib.namespace(obj) if {
	some obj in input.objects
	_is_untold(obj)
}

_half_known contains obj_lib.namespace(obj) if some obj in _partly_known

# What makes its pods when it is asked to, as a hub of notebooks does.
_half_known contains obj_lib.namespace(obj) if {
	some obj in obj_lib.of_kind["rbac.authorization.k8s.io"].Role
	some rule in entry.list(obj_lib.at(obj, ["rules"], null), ["rules"])
	some [api_group, resource] in [["", "pods"], ["batch", "jobs"]]
	_has(rule.value, "apiGroups", api_group)
	_has(rule.value, "resources", resource)
	_has(rule.value, "verbs", "create")
}

_has(rule, field, wanted) if {
	some value in role.entries(rule, field)
	value in {wanted, "*"}
}

_partly_known := [obj |
	some api_group, kinds in relations.partly
	some kind in kinds
	some obj in obj_lib.of_kind[api_group][kind]
]

# METADATA
# description: whether a namespace may have pods of objects of which nobody here knows all labels
may_have_others(namespace) if {
	some obj in _partly_known
	obj_lib.may_be_one(obj_lib.namespace(obj), namespace)
}

_is_untold(obj) if {
	api_group := obj_lib.group(obj)
	contains(api_group, ".")
	not _is_podless(api_group, obj.kind)
	not relations.templates[api_group][obj.kind]
	not relations.made[api_group][obj.kind]
}

_is_podless(api_group, _) if api_group in relations.podless

_is_podless(api_group, kind) if sprintf("%s/%v", [api_group, kind]) in relations.podless

_is_podless(api_group, _) if {
	some ending in relations.podless
	startswith(ending, ".")
	endswith(api_group, ending)
}

_services[obj_lib.namespace(obj)] contains obj_lib.name(obj) if {
	some obj in obj_lib.of_kind[""].Service
}

_services[made.namespace] contains made.name if {
	some made in written.input_objects
	made.kind == "Service"
}

# METADATA
# description: |
#   The selectors that select no pods, of namespaces of which all pods are known here, each with
#   blame, the path of the label that no pod has or else of the selector, and missing.
input_idle := [object.union(found, fault) |
	some found in input_selectors
	found.namespaces != null
	fault := _fault(found)
]

_fault(found) := {"blame": _blame(found), "missing": _missing(found)} if {
	every namespace in found.namespaces {
		namespace in input_namespaces
	}
	not _selects_some(found.selector, found.namespaces)
}

# METADATA
# description: a LabelSelector at a path, as input_idle has one; undefined where it selects pods, or may
idle(label_selector, namespaces, path) := object.union(found, _fault(found)) if {
	_is_choosy(label_selector)
	found := {"selector": label_selector, "namespaces": namespaces, "path": path, "known": {"map": false}}
}

_selects_some(label_selector, namespaces) if {
	count(selected(label_selector, namespaces)) > 0
}

# The one label that no pod has, or else all of them.
_blame(found) := array.concat(found.path, array.concat(_steps(found.known), [key])) if {
	alone := [key | some key, value in found.selector.matchLabels; not _selects_some({"matchLabels": {key: value}}, found.namespaces)]
	count(alone) == 1
	key := alone[0]
} else := found.path

_steps(known) := [] if {
	known.map
} else := ["matchLabels"]

_missing(found) := {"kind": "pods", "namespace": _one(found.namespaces), "name": json.marshal(_asked(found.selector))}

# METADATA
# description: |
#   Pods that a selector would have to select besides for a port to be among theirs, as `missing` of a
#   denial has it
missing_port(label_selector, namespaces, port) := {"kind": "pods", "namespace": _one(namespaces), "name": json.marshal({
	"matchLabels": object.get(label_selector, "matchLabels", {}),
	"matchExpressions": object.get(label_selector, "matchExpressions", []),
	"port": port,
})}

_one(namespaces) := namespaces[0] if {
	count(namespaces) == 1
} else := ""

# Labels alone are a mapping of them; who runs pods gives some.
_asked(label_selector) := labels if {
	labels := {key: value | some key, value in object.get(label_selector, "matchLabels", {}); not is_given(key)}
	count(object.get(label_selector, "matchExpressions", [])) == 0
} else := {
	"matchLabels": {key: value | some key, value in label_selector.matchLabels; not is_given(key)},
	"matchExpressions": [e | some e in label_selector.matchExpressions; not is_given(e.key)],
}

# METADATA
# description: what a message says that a selector asks for
described(found) := sprintf("no pod%s has the labels %s", [_within(found.namespaces), json.marshal(found.selector.matchLabels)]) if {
	count(object.get(found.selector, "matchExpressions", [])) == 0
} else := sprintf("no pod%s is selected by %s", [_within(found.namespaces), json.marshal(found.selector)])

_within([namespace]) := obj_lib.within("of", namespace)

_within(namespaces) := sprintf(" of the namespaces %s", [concat(", ", namespaces)]) if count(namespaces) != 1
