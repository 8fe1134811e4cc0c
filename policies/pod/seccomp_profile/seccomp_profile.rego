# METADATA
# scope: package
# title: Containers run under a seccomp profile
# description: |
#   Without a profile a container runs Unconfined, unless the node's kubelet says otherwise, and may
#   make every system call: most container escapes needed one that RuntimeDefault blocks.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Set securityContext.seccompProfile.type to RuntimeDefault on the pod.
package policies.pod.seccomp_profile

import data.policies.lib.part

deny contains {"msg": msg, "path": path} if {
	some container in part.input_containers
	container.complete
	type := _type(container)
	not type in _confining
	msg := sprintf("%s is not confined: seccompProfile.type is %v, not RuntimeDefault or Localhost", [container.title, type])
	path := part.path(container, ["securityContext", "seccompProfile", "type"])
}

deny contains {"msg": msg, "path": setting.path} if {
	some container in part.input_containers
	not container.complete
	setting := part.setting(container, ["seccompProfile", "type"])
	not setting.value in _confining
	msg := sprintf("%s is not confined: seccompProfile.type is %v, not RuntimeDefault or Localhost", [container.title, setting.value])
}

_confining := {"RuntimeDefault", "Localhost"}

_type(container) := setting.value if setting := part.setting(container, ["seccompProfile", "type"])

else := "not set"
