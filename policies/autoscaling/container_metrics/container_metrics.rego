# METADATA
# scope: package
# title: With a sidecar, metrics are of one container
# description: |
#   A Resource metric is the sum over all containers of a pod against the sum of their requests. A
#   proxy that idles at its request hides an application that is saturated, and one that is busy
#   scales an application that is not.
# related_resources:
#   - ref: https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#container-resource-metrics
# custom:
#   severity: warning
#   states: convention
#   scope: overlay
#   mentions: autoscaling keda.sh
#   fix: Use a ContainerResource metric that names the application's container.
package policies.autoscaling.container_metrics

import data.policies.lib.object as obj_lib
import data.policies.lib.scaling
import data.policies.lib.workload

deny contains {"msg": msg, "path": ["objects", index, "spec", "metrics", entry]} if {
	some index, hpa in scaling.input_autoscalers
	some entry, metric in hpa.spec.metrics
	metric.type == "Resource"
	some target in scaling.targets(hpa)
	_has_sidecar(input.objects[target])
	msg := sprintf("%s averages %v over the application and its sidecar", [obj_lib.title(hpa), obj_lib.at(metric, ["resource", "name"], "a resource")])
}

_has_sidecar(obj) if {
	running := [container | some container in workload.containers(obj); container.kind in {"container", "sidecar"}]
	count(running) > 1
}

_has_sidecar(obj) if {
	_injection(obj) != "false"
	_is_injected(obj)
}

_injection(obj) := obj_lib.at(workload.labels(obj), ["sidecar.istio.io/inject"], "unset")

_is_injected(obj) if _injection(obj) == "true"

_is_injected(obj) if {
	some index in obj_lib.called("Namespace", obj_lib.namespace(obj))
	namespace := input.objects[index]
	obj_lib.group(namespace) == ""
	_asks_for_injection(obj_lib.labels(namespace))
}

_asks_for_injection(labels) if labels["istio-injection"] == "enabled"

_asks_for_injection(labels) if {
	labels["istio.io/rev"]
	obj_lib.at(labels, ["istio-injection"], "unset") != "disabled"
}
