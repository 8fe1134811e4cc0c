# METADATA
# scope: package
# title: Workloads and the pods that they make
# description: |
#   Where each workload kind keeps its pod template, what is in it, and how many pods come of it. The
#   kinds of others than Kubernetes are among them (Rollout, DeploymentConfig), with or without a schema.
#   Containers that cannot be read (a string where a list belongs, an empty list) are given as one
#   container without fields: what a rule demands of every container is then missing, and denied.
package policies.lib.workload

import data.policies.lib.entry
import data.policies.lib.object as obj_lib
import data.relations

# The fields that lead to the pod template; the Pod is its own template.
_template_paths := relations.templates

# METADATA
# description: the path to the pod template; undefined for an object that makes no pods
template_path(obj) := path if {
	api_group := obj_lib.group(obj)
	path := _template_paths[api_group][obj.kind]
	_makes_pods(api_group, obj, path)
}

# METADATA
# description: whether a group is of Kubernetes itself, which requires a template of its workloads
is_builtin(api_group) if api_group in {"", "apps", "batch"}

_makes_pods(api_group, _, _) if is_builtin(api_group)

_makes_pods(_, obj, path) if is_object(obj_lib.at(obj, path, null))

# METADATA
# description: the path to the pod spec; undefined for an object that makes no pods
spec_path(obj) := array.concat(template_path(obj), ["spec"])

# METADATA
# description: whether an object makes pods
is_workload(obj) if template_path(obj)

# METADATA
# description: the pod spec of a workload, empty where there is none; undefined for other objects
spec(obj) := found if {
	found := obj_lib.at(obj, spec_path(obj), {})
	is_object(found)
} else := {} if {
	is_workload(obj)
}

# METADATA
# description: the names that the pods of a workload know without asking anybody (hostAliases), of addresses that are not known here
aliases(obj) := {lower(hostname) |
	some alias in spec(obj).hostAliases
	some hostname in alias.hostnames
	is_string(hostname)
}

# METADATA
# description: the labels that the pods of a workload carry
labels(obj) := object.union(obj_lib.labels(_template(obj)), _added(obj))

# METADATA
# description: |
#   The sets of labels that the pods of a workload may carry, labels(obj) first: a Rollout gives those of a
#   track some more.
label_sets(obj) := array.concat([labels(obj)], [object.union(labels(obj), added) |
	some metadata in tracks(obj)
	added := metadata.labels
	is_object(added)
])

# METADATA
# description: the labels and annotations that a Rollout gives the pods of each track beside those of the template
tracks(obj) := [metadata |
	obj_lib.is_kind(obj, "argoproj.io", "Rollout")
	some [strategy, field] in [["canary", "canaryMetadata"], ["canary", "stableMetadata"], ["blueGreen", "activeMetadata"], ["blueGreen", "previewMetadata"]]
	metadata := obj_lib.at(obj, ["spec", "strategy", strategy, field], {})
]

# What its controller adds, Kubernetes' own or another.
_added(obj) := {key: strings.replace_n({"{name}": obj_lib.name(obj)}, text) | some key, text in added} if {
	obj_lib.name(obj) != ""
	added := relations.added[obj_lib.group(obj)][obj.kind]
} else := {}

# METADATA
# description: the annotations that the pods of a workload carry
annotations(obj) := obj_lib.annotations(_template(obj))

_template(obj) := obj_lib.at(obj, template_path(obj), {})

# METADATA
# description: what a message calls a workload, such as Deployment "web"
title(obj) := obj_lib.title(obj)

# METADATA
# description: |
#   Every container of a workload, in order: {name, kind, title, value, path}. kind is container,
#   sidecar (an init container that restarts for ever), init or ephemeral; title is what a message
#   calls it; value is the container, {} where it is no object; path leads to it from the object.
containers(obj) := containers_of({"value": spec(obj), "path": spec_path(obj)}) if {
	is_workload(obj)
} else := []

# METADATA
# description: every container of a pod spec, {value, path}, as containers has them
containers_of(pod) := [found |
	some list, kind in _lists
	some index, value in entries(pod.value, list)
	found := container(array.concat(pod.path, [list, index]), kind, value, index)
]

# METADATA
# description: |
#   The pod specs of an object, {value, path, part}: a workload's own, and those that it embeds. part is whether
#   an operator adds to it.
pods(obj) := array.concat(
	[{"value": spec(obj), "path": spec_path(obj), "part": false} | is_workload(obj)],
	embedded(obj),
)

# METADATA
# description: the pod specs that an object embeds, as pods has them
embedded(obj) := [pod |
	some known in relations.embeds[obj_lib.group(obj)][obj.kind]
	some place in entry.places(obj, known.path)
	is_object(place.value)
	pod := object.union(place, {"part": object.get(known, "part", false)})
]

# METADATA
# description: the objects of an overlay that have pod specs, by their index in input.objects
input_described := object.union(input_workloads, {index: obj |
	some api_group, kinds in relations.embeds
	some kind, _ in kinds
	some index, obj in obj_lib.of_kind[api_group][kind]
})

_lists := {
	"containers": "container",
	"ephemeralContainers": "ephemeral",
	"initContainers": "init",
}

# METADATA
# description: |
#   The entries of a list of containers of a pod spec. A list that cannot be read, and a pod without
#   containers, is one entry without fields.
entries(pod, list) := pod[list] if {
	is_array(pod[list])
	count(pod[list]) > 0
} else := [{}] if {
	list == "containers"
} else := [] if {
	obj_lib.at(pod, [list], []) == []
} else := [{}]

# METADATA
# description: a container as containers has it, of its path, the kind of its list, its value and its index
container(path, kind, value, index) := {
	"name": name,
	"kind": actual,
	"title": sprintf("%s %q", [_titles[actual], name]),
	"value": fields,
	"path": path,
} if {
	fields := _object_or_empty(value)
	name := _name(fields, index)
	actual := _actual_kind(kind, fields)
}

_titles := {
	"container": "container",
	"ephemeral": "ephemeral container",
	"init": "init container",
	"sidecar": "sidecar",
}

_object_or_empty(value) := value if is_object(value)

else := {}

_name(fields, index) := fields.name if is_string(fields.name)

else := sprintf("#%v", [index])

_actual_kind(kind, fields) := "sidecar" if {
	kind == "init"
	fields.restartPolicy == "Always"
} else := kind

# METADATA
# description: |
#   Whether the pods of a workload are meant to run until something stops them, unlike a Job's.
#   A bare Pod does unless its restartPolicy says otherwise.
is_long_running(obj) if {
	is_workload(obj)
	obj_lib.group(obj) != "batch"
	not _ends_by_itself(spec(obj))
}

_ends_by_itself(pod) if pod.restartPolicy in {"Never", "OnFailure"}

# METADATA
# description: whether a workload has a number of replicas that a person or an HPA chooses
is_scalable(obj) if {
	obj.kind in relations.scaled[obj_lib.group(obj)]
	is_workload(obj)
}

# METADATA
# description: |
#   spec.replicas of a scalable workload, 1 where it is not set, as the API server defaults it.
#   Undefined where it is no number, and for workloads that have no replicas.
replicas(obj) := count_set if {
	is_scalable(obj)
	count_set := obj_lib.at(obj, ["spec", "replicas"], 1)
	is_number(count_set)
}

# METADATA
# description: |
#   containers(input), for rules of one object. A rule's value is computed once an evaluation and a
#   function's at each call, and a dozen rules ask for this one.
input_containers := containers(input)

# METADATA
# description: spec(input), for rules of one object
input_spec := spec(input)

# METADATA
# description: the workloads of an overlay by their index in input.objects, for rules of an overlay
input_workloads := {index: obj |
	some api_group, kinds in _template_paths
	some kind, _ in kinds
	some index, obj in obj_lib.of_kind[api_group][kind]
	is_workload(obj)
}
