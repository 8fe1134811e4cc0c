# METADATA
# scope: package
# title: A pod has what it reads of itself
# description: |
#   A variable, or a file of a downward API volume, that is filled from a label or an annotation of
#   the pod is empty where the pod has none of this name, and nothing says so. What the controller
#   of the pods, the kubelet or a platform puts there counts. One that is filled from the resources of
#   a container needs a container of this name, or the kubelet starts none: those that a mesh, an agent
#   or an operator injects are known by their names.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Write the label or annotation into the pod template, or name what it has.
package policies.pod.field_refs

import data.policies.lib.entry
import data.policies.lib.object as obj_lib
import data.policies.lib.workload

deny contains {"msg": msg, "path": field.path, "with": with_fields} if {
	workload.is_workload(input)
	some field in _fields
	[kind, key] := _read(field.value)
	have := _have[kind]
	not key in object.keys(have)
	not _is_given(kind, key)
	with_fields := {array.concat(workload.template_path(input), ["metadata", kind, other]) | some other, _ in have}
	msg := sprintf("%s is empty: the pods of %s have no %s %s", [field.title, obj_lib.title(input), _singular[kind], json.marshal(key)])
}

deny contains {"msg": msg, "path": field.path, "with": with_fields} if {
	workload.is_workload(input)
	some field in _resources
	is_string(field.value)
	field.value != ""
	every list in ["containers", "initContainers"] {
		every container in object.get(workload.input_spec, list, []) {
			container.name != field.value
		}
	}
	not field.value in _injected
	with_fields := {array.concat(workload.spec_path(input), [list, i, "name"]) | some list in ["containers", "initContainers"]; some i, _ in workload.input_spec[list]}
	msg := sprintf("%s cannot be read: the pods of %s have no container %s", [field.title, obj_lib.title(input), json.marshal(field.value)])
}

_injected := {
	"cilium-envoy", "cloud-sql-proxy", "consul-dataplane", "daprd", "envoy", "istio-init", "istio-proxy", "istio-validation",
	"kuma-init", "kuma-sidecar", "linkerd-init", "linkerd-proxy", "otc-container", "queue-proxy", "vault-agent", "vault-agent-init",
}

_resources := array.concat(
	[{"title": sprintf("env %v of %s", [variable.value.name, container.title]), "value": name, "path": array.concat(variable.path, ["valueFrom", "resourceFieldRef", "containerName"])} |
		some container in workload.input_containers
		some variable in entry.list(obj_lib.at(container.value, ["env"], null), array.concat(container.path, ["env"]))
		name := variable.value.valueFrom.resourceFieldRef.containerName
	],
	[{"title": sprintf("the file %v of volume %v", [item.path, volume.name]), "value": item.resourceFieldRef.containerName, "path": array.concat(path, ["resourceFieldRef", "containerName"])} |
		some i, volume in workload.input_spec.volumes
		some [steps, items] in _items(volume)
		some j, item in items
		path := array.concat(array.concat(workload.spec_path(input), ["volumes", i]), array.concat(steps, [j]))
		item.resourceFieldRef.containerName
	],
)

_singular := {"annotations": "annotation", "labels": "label"}

_have := {"annotations": workload.annotations(input), "labels": workload.labels(input)}

# A Rollout gives those of a track some more.
_is_given(kind, key) if {
	some metadata in workload.tracks(input)
	key in object.keys(metadata[kind])
}

_fields := array.concat(
	[{"title": sprintf("env %v of %s", [variable.value.name, container.title]), "value": path, "path": array.concat(variable.path, ["valueFrom", "fieldRef", "fieldPath"])} |
		some container in workload.input_containers
		some variable in entry.list(obj_lib.at(container.value, ["env"], null), array.concat(container.path, ["env"]))
		path := variable.value.valueFrom.fieldRef.fieldPath
	],
	[{"title": sprintf("the file %v of volume %v", [item.path, volume.name]), "value": item.fieldRef.fieldPath, "path": array.concat(path, ["fieldRef", "fieldPath"])} |
		some i, volume in workload.input_spec.volumes
		some [steps, items] in _items(volume)
		some j, item in items
		path := array.concat(array.concat(workload.spec_path(input), ["volumes", i]), array.concat(steps, [j]))
		item.fieldRef.fieldPath
	],
)

_items(volume) := array.concat(
	[[["downwardAPI", "items"], items] | items := volume.downwardAPI.items],
	[[["projected", "sources", i, "downwardAPI", "items"], items] | some i, source in volume.projected.sources; items := source.downwardAPI.items],
)

# The API server takes the one quotation mark only.
_read(path) := [parts[1], parts[2]] if {
	is_string(path)
	some parts in regex.find_all_string_submatch_n(`^metadata\.(labels|annotations)\['(.*)'\]$`, path, 1)
}

# What the controllers of Kubernetes and of Rollouts give pods.
_is_given("labels", key) if {
	key in {
		"controller-revision-hash",
		"controller-uid",
		"job-name",
		"pod-template-generation",
		"pod-template-hash",
		"rollouts-pod-template-hash",
	}
}

# The Operator Lifecycle Manager writes those of an OperatorGroup into the pod template.
_is_given("annotations", key) if key in {"olm.operatorGroup", "olm.operatorNamespace", "olm.targetNamespaces"}

# Others give pods what begins with a name of theirs: a node's zone, what a mesh or a network has to say.
_is_given(_, key) if {
	contains(key, "/")
	not startswith(key, "app.kubernetes.io/")
	prefix := split(key, "/")[0]
	_is_of_platform(prefix)
}

_is_given(kind, key) if {
	contains(key, "/")
	prefix := concat("", [split(key, "/")[0], "/"])
	prefix != "app.kubernetes.io/"
	not _has_prefix(kind, prefix)
}

_has_prefix(kind, prefix) if {
	some other, _ in _have[kind]
	startswith(other, prefix)
}

_is_of_platform(prefix) if {
	some project in ["kubernetes.io", "k8s.io", "x-k8s.io", "istio.io", "openshift.io", "cncf.io", "linkerd.io", "knative.dev", "opentelemetry.io", "argoproj.io", "kubevirt.io", "ovn.org", "cilium.io", "projectcalico.org", "hashicorp.com", "amazonaws.com", "google.com", "gke.io", "azure.com"]
	_is_below(prefix, project)
}

_is_below(prefix, project) if prefix == project

_is_below(prefix, project) if endswith(prefix, concat("", [".", project]))
