# METADATA
# scope: package
# title: Containers run as a non-root user
# description: |
#   A process that is root in its container is root on the node as soon as it escapes, and owns
#   whatever volume it can reach until then. With runAsNonRoot the kubelet refuses to start an image
#   whose user is 0, so that a base image changed by accident fails at once and visibly.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Set securityContext.runAsNonRoot to true on the pod or on every container, and runAsUser to no 0.
package policies.pod.run_as_non_root

import data.policies.lib.part

deny contains {"msg": msg, "path": path} if {
	some container in part.input_containers
	container.complete
	not _is_non_root(container)
	msg := sprintf("%s may run as root: runAsNonRoot is not true", [container.title])
	path := part.path(container, ["securityContext", "runAsNonRoot"])
}

deny contains {"msg": msg, "path": setting.path} if {
	some container in part.input_containers
	not container.complete
	setting := part.setting(container, ["runAsNonRoot"])
	setting.value != true
	msg := sprintf("%s may run as root: runAsNonRoot is not true", [container.title])
}

deny contains {"msg": msg, "path": path} if {
	some container in part.input_containers
	container.value.securityContext.runAsUser == 0
	msg := sprintf("%s runs as root: runAsUser is 0", [container.title])
	path := part.path(container, ["securityContext", "runAsUser"])
}

deny contains {"msg": msg, "path": path} if {
	some pod in part.input_pods
	pod.fields.securityContext.runAsUser == 0
	msg := sprintf("the pods of %s run as root: runAsUser is 0", [pod.title])
	path := array.concat(pod.paths.securityContext, ["runAsUser"])
}

_is_non_root(container) if {
	setting := part.setting(container, ["runAsNonRoot"])
	setting.value == true
}
