# METADATA
# scope: package
# title: The default container is one of the pod
# description: |
#   kubectl exec, logs and attach go to the container that kubectl.kubernetes.io/default-container
#   names. One that the pod does not have is passed over, and they go to the first container. Proxies
#   that a webhook puts into the pod count.
# related_resources:
#   - ref: https://kubernetes.io/docs/reference/labels-annotations-taints/#kubectl-kubernetes-io-default-container
#   - ref: https://github.com/kubernetes/kubectl/blob/v0.37.2/pkg/cmd/util/podcmd/podcmd.go
# custom:
#   severity: warning
#   states: fact
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Name a container of the pod.
package policies.pod.default_container

import data.policies.lib.object as obj_lib
import data.policies.lib.workload

deny contains {"msg": msg, "path": path} if {
	workload.is_workload(input)
	some annotation in ["kubectl.kubernetes.io/default-container", "kubectl.kubernetes.io/default-logs-container"]
	name := workload.annotations(input)[annotation]
	is_string(name)
	not name in {container.name | some container in workload.input_containers}
	not name in _injected
	not contains(name, "$")
	path := array.concat(workload.template_path(input), ["metadata", "annotations", annotation])
	msg := sprintf("%s is %q, and the pods of %s have no such container", [annotation, name, obj_lib.title(input)])
}

_injected := {"daprd", "istio-proxy", "linkerd-proxy", "otc-container", "vault-agent"}
