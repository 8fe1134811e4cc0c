# METADATA
# scope: package
# title: Pods share no namespace with their node
# description: |
#   A pod in the host's network sees every connection of the node, passes by NetworkPolicies and
#   reaches the kubelet on localhost; in the host's PID or IPC namespace it reads the memory of its
#   neighbours. A hostPort is a hole of the same kind, and keeps two pods off one node.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
# custom:
#   severity: error
#   states: convention
#   standard: error
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   locked: self
#   fix: Leave out hostNetwork, hostPID, hostIPC and hostPort; reach the pod through a Service.
package policies.pod.no_host_namespaces

import data.policies.lib.object as obj_lib
import data.policies.lib.part

deny contains {"msg": msg, "path": path} if {
	some pod in part.input_pods
	some field in ["hostNetwork", "hostPID", "hostIPC"]
	value := obj_lib.at(pod.fields, [field], false)
	value != false
	msg := sprintf("the pods of %s share a namespace of their node: %s is %v", [pod.title, field, value])
	path := pod.paths[field]
}

deny contains {"msg": msg, "path": path} if {
	some container in part.input_containers
	some index, port in container.value.ports
	number := obj_lib.at(port, ["hostPort"], 0)
	number != 0
	msg := sprintf("%s opens a port of its node: hostPort is %v", [container.title, number])
	path := part.path(container, ["ports", index, "hostPort"])
}
