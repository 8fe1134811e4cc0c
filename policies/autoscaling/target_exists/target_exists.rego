# METADATA
# scope: package
# title: Autoscalers scale something that is there
# description: |
#   A scaler whose target was renamed, is of a kind without replicas, or lacks the container of a metric,
#   says so in its conditions and nowhere else, and the first peak is when somebody notices. Two on one
#   target undo each other's decisions (KEDA makes one of each ScaledObject, and v2.21.0 refuses a second),
#   and one that changes requests moves the utilization that another goes by.
# related_resources:
#   - ref: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
#   - ref: https://github.com/kedacore/keda/blob/v2.21.0/apis/keda/v1alpha1/scaledobject_webhook.go
#   - ref: https://github.com/kubernetes/autoscaler/blob/vertical-pod-autoscaler-1.4.0/vertical-pod-autoscaler/docs/known-limitations.md
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: autoscaling keda.sh
#   fix: Name a Deployment or StatefulSet of the same namespace, with its apiVersion, in scaleTargetRef; one autoscaler a target.
package policies.autoscaling.target_exists

import data.policies.lib.object as obj_lib
import data.policies.lib.operator
import data.policies.lib.pods
import data.policies.lib.scaling
import data.policies.lib.workload

deny contains {"msg": msg, "path": array.concat(["objects", index, "spec", "scaleTargetRef"], _wrong(hpa, target)), "missing": missing} if {
	some index, hpa in scaling.input_autoscalers
	not _has_target(hpa)
	target := obj_lib.at(hpa, ["spec", "scaleTargetRef"], {})
	missing := {"kind": obj_lib.at(target, ["kind"], ""), "namespace": obj_lib.namespace(hpa), "name": obj_lib.at(target, ["name"], "")}
	msg := sprintf("%s scales nothing: no %v %q of %v with replicas%s", [
		obj_lib.title(hpa),
		obj_lib.at(target, ["kind"], "object"),
		sprintf("%v", [obj_lib.at(target, ["name"], "")]),
		obj_lib.at(target, ["apiVersion"], "apiVersion v1"),
		obj_lib.within("in", obj_lib.namespace(hpa)),
	])
}

# The other two are often for what operators and charts make: said where all pods of the namespace are known.
deny contains {"msg": msg, "path": array.concat(["objects", index, "spec", field], _wrong(scaler, target)), "missing": missing} if {
	some index, scaler in _scalers
	not scaler.kind == "HorizontalPodAutoscaler"
	field := _target_field[scaler.kind]
	ref := obj_lib.at(scaler, ["spec", field], null)
	is_object(ref)
	target := object.union(_default_target[scaler.kind], {key: value | some key, value in ref; value != null})
	is_string(target.name)
	is_string(target.kind)
	not obj_lib.is_filled_in(target.name)
	obj_lib.namespace(scaler) in pods.input_namespaces
	not _is_there(scaler, target)
	not _is_made(target)
	missing := {"kind": target.kind, "namespace": obj_lib.namespace(scaler), "name": target.name}
	msg := sprintf("%s has no target: no %s %q%s", [obj_lib.title(scaler), target.kind, target.name, obj_lib.within("in", obj_lib.namespace(scaler))])
}

_default_target := {"ScaledObject": {"kind": "Deployment"}, "VerticalPodAutoscaler": {}}

_is_there(scaler, target) if {
	some index in obj_lib.called(target.kind, target.name)
	obj_lib.may_be_one(obj_lib.namespace(scaler), obj_lib.namespace(input.objects[index]))
}

_is_there(scaler, target) if {
	some declared in input.external
	declared.kind == target.kind
	declared.name == target.name
	obj_lib.may_be_one(obj_lib.namespace(scaler), obj_lib.namespace({"metadata": declared}))
}

# What operators make of a resource is mostly called after it.
_is_made(target) if {
	some obj in operator.input_resources
	obj_lib.name(obj) != ""
	contains(target.name, obj_lib.name(obj))
}

# Of a chart that is not rendered nobody here knows what it makes.
_is_made(_) if {
	some obj in input.objects
	obj.kind in {"HelmChart", "HelmRelease"}
}

# One finding of all that scale a target, at the first of them.
deny contains {"msg": msg, "path": places[0], "with": {place | some place in places} - {places[0]}} if {
	some positions in _of_one_target
	some kinds in [{"HorizontalPodAutoscaler", "ScaledObject"}, {"VerticalPodAutoscaler"}]
	rivals := sort([position |
		some position in positions
		_scalers[position].kind in kinds
		_decides(_scalers[position])
		some other in positions
		other != position
		_decides(_scalers[other])
		_rival(_scalers[position], _scalers[other])
	])
	count(rivals) > 0
	together := [position | some i, position in rivals; not position in array.slice(rivals, 0, i)]
	places := [["objects", position, "spec", _target_field[_scalers[position].kind]] | some position in together]
	titles := [obj_lib.title(_scalers[position]) | some position in together]
	msg := sprintf("%s scales what %s scales too", [titles[0], concat(", ", array.slice(titles, 1, count(titles)))])
}

deny contains {"msg": msg, "path": ["objects", index, "spec", "targetRef"], "with": {array.concat(["objects", other], used.path)}} if {
	some index, vpa in _scalers
	vpa.kind == "VerticalPodAutoscaler"
	_decides(vpa)
	some other in _of_one_target[_aim(vpa)]
	scaler := _scalers[other]
	used := [use | some use in _utilizations(scaler); _changes(vpa, use.resource, use.container)][0]
	msg := sprintf("%s changes the requests of %s, and %s scales by their utilization", [obj_lib.title(vpa), used.resource, obj_lib.title(scaler)])
}

# The shares of requests that a scaler goes by: {resource, container, path}; container is "*" for all of a pod.
_utilizations(hpa) := [{"resource": source.name, "container": obj_lib.at(source, ["container"], "*"), "path": ["spec", "metrics", i]} |
	some i, metric in hpa.spec.metrics
	some field in ["resource", "containerResource"]
	source := metric[field]
	source.name in {"cpu", "memory"}
	is_number(source.target.averageUtilization)
] if {
	hpa.kind == "HorizontalPodAutoscaler"
	_has_metrics(hpa)
}

# Of version 1.
_utilizations(hpa) := [{"resource": "cpu", "container": "*", "path": ["spec", "targetCPUUtilizationPercentage"]}] if {
	hpa.kind == "HorizontalPodAutoscaler"
	not _has_metrics(hpa)
	is_number(hpa.spec.targetCPUUtilizationPercentage)
}

# The API server gives one without a metric 80 % of cpu, in any version.
# https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/apis/autoscaling/v2/defaults.go
_utilizations(hpa) := [{"resource": "cpu", "container": "*", "path": ["spec", "metrics"]}] if {
	hpa.kind == "HorizontalPodAutoscaler"
	not _has_metrics(hpa)
	obj_lib.at(hpa, ["spec", "targetCPUUtilizationPercentage"], null) == null
}

_has_metrics(hpa) if not obj_lib.at(hpa, ["spec", "metrics"], []) == []

# Where version 1 has others.
_has_metrics(hpa) if obj_lib.annotations(hpa)["autoscaling.alpha.kubernetes.io/metrics"]

_utilizations(scaled) := [{"resource": trigger.type, "container": obj_lib.at(trigger, ["metadata", "containerName"], "*"), "path": ["spec", "triggers", i]} |
	some i, trigger in scaled.spec.triggers
	trigger.type in {"cpu", "memory"}
	"Utilization" in {obj_lib.at(trigger, ["metricType"], ""), obj_lib.at(trigger, ["metadata", "type"], "")}
] if {
	scaled.kind == "ScaledObject"
}

# Of a whole pod it is said where no policy leaves the resource of a container alone.
_changes(vpa, resource, "*") if {
	every one in _policies(vpa) { _controls(one, resource) }
}

_changes(vpa, resource, container) if {
	container != "*"
	found := [one | some name in [container, "*"]; some one in _policies(vpa); obj_lib.at(one, ["containerName"], "*") == name]
	_controls(array.concat(found, [{}])[0], resource)
}

_policies(vpa) := obj_lib.at(vpa, ["spec", "resourcePolicy", "containerPolicies"], [])

_controls(policy, resource) if {
	obj_lib.at(policy, ["mode"], "Auto") != "Off"
	resource in obj_lib.at(policy, ["controlledResources"], ["cpu", "memory"])
}

# A metric of one container, of which the pods of the target have none of this name: the autoscaler gets no metric.
# https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/controller/podautoscaler/metrics/client.go
deny contains {"msg": msg, "path": path, "with": with_fields} if {
	some index, hpa in scaling.input_autoscalers
	some i, metric in hpa.spec.metrics
	name := metric.containerResource.container
	is_string(name)
	not _is_injected(name)
	scaled := [position | some position, obj in workload.input_workloads; scaling.scales(hpa, obj)]
	count(scaled) == 1
	containers := [container | some container in workload.containers(input.objects[scaled[0]]); container.kind in {"container", "sidecar"}]
	count(containers) > 0
	not name in {container.value.name | some container in containers}
	path := ["objects", index, "spec", "metrics", i, "containerResource", "container"]
	with_fields := {array.concat(["objects", scaled[0]], array.concat(container.path, ["name"])) | some container in containers}
	msg := sprintf("%s takes %v of container %s, and the pods of %s have none of this name", [
		obj_lib.title(hpa),
		obj_lib.at(metric, ["containerResource", "name"], "a resource"),
		json.marshal(name),
		obj_lib.title(input.objects[scaled[0]]),
	])
}

# What webhooks put into pods is in no template, and mostly called so.
_is_injected(name) if regex.match(`(agent|envoy|istio|linkerd|proxy|sidecar)`, name)

_is_injected(name) if name in {"consul-dataplane", "daprd", "otc-container"}

# A VerticalPodAutoscaler that is off recommends, and changes nothing.
_decides(scaler) if not obj_lib.at(scaler, ["spec", "updatePolicy", "updateMode"], "") == "Off"

# Two of one kind, or an HPA beside the one that KEDA makes of a ScaledObject, unless that is told to take it over.
_rival(a, b) if a.kind == b.kind

_rival(a, b) if {
	{a.kind, b.kind} == {"HorizontalPodAutoscaler", "ScaledObject"}
	not _takes_over(a)
	not _takes_over(b)
}

_takes_over(obj) if obj_lib.annotations(obj)["scaledobject.keda.sh/transfer-hpa-ownership"] == "true"

_takes_over(obj) if {
	obj.kind == "ScaledObject"
	obj_lib.at(obj, ["spec", "advanced", "horizontalPodAutoscalerConfig", "name"], "") in {obj_lib.name(hpa) | some hpa in scaling.input_autoscalers}
}

_target_field := {"HorizontalPodAutoscaler": "scaleTargetRef", "ScaledObject": "scaleTargetRef", "VerticalPodAutoscaler": "targetRef"}

_scalers := object.union_n([object.get(obj_lib.of_kind, found, {}) |
	some found in [["autoscaling", "HorizontalPodAutoscaler"], ["keda.sh", "ScaledObject"], ["autoscaling.k8s.io", "VerticalPodAutoscaler"]]
])

# The name, where nothing that could be scaled has it; else what of the rest is not as there.
_wrong(hpa, target) := ["name"] if {
	is_string(target.name)
	count(_called(hpa, target.name)) == 0
} else := ["kind"] if {
	every obj in _called(hpa, target.name) {
		obj.kind != target.kind
	}
} else := ["apiVersion"] if {
	is_string(target.name)
	is_string(target.apiVersion)
} else := []

_called(hpa, name) := [obj |
	some obj in _scalable[name]
	obj_lib.may_be_one(obj_lib.namespace(obj), obj_lib.namespace(hpa))
]

_scalable := _scalable_by_name

_scalable_by_name[obj_lib.name(obj)] contains obj if {
	some obj in workload.input_workloads
	workload.is_scalable(obj)
}

_has_target(hpa) if {
	some index in obj_lib.called(hpa.spec.scaleTargetRef.kind, hpa.spec.scaleTargetRef.name)
	obj := input.objects[index]
	scaling.may_scale(hpa, obj)
	_can_scale(obj)
}

# Of a custom resource nobody here knows whether it has replicas.
_can_scale(obj) if workload.is_scalable(obj)

_can_scale(obj) if {
	not workload.is_workload(obj)
	not obj_lib.group(obj) in {"", "apps", "batch"}
}

_of_one_target := _scalers_by_target

_scalers_by_target[_aim(scaler)] contains position if {
	some position, scaler in _scalers
}

_aim(scaler) := [obj_lib.namespace(scaler), _target(scaler)]

_target(obj) := [obj_lib.at(ref, ["kind"], "Deployment"), ref.name] if {
	ref := obj.spec[_target_field[obj.kind]]
	is_string(ref.name)
}
