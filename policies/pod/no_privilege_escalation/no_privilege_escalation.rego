# METADATA
# scope: package
# title: Containers gain no privileges
# description: |
#   A setuid binary in the image turns a remote code execution in an unprivileged service into
#   root in the container. allowPrivilegeEscalation defaults to true, so leaving it out is to
#   allow it.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   locked: self
#   fix: Set securityContext.allowPrivilegeEscalation to false on every container.
package policies.pod.no_privilege_escalation

import data.policies.lib.object as obj_lib
import data.policies.lib.part

deny contains {"msg": msg, "path": path} if {
	some container in part.input_containers
	not _never_escalates(container)
	msg := sprintf("%s may gain privileges: allowPrivilegeEscalation is not false", [container.title])
	path := part.path(container, ["securityContext", "allowPrivilegeEscalation"])
}

_never_escalates(container) if _setting(container) == false

_never_escalates(container) if {
	not container.complete
	_setting(container) == null
}

_setting(container) := obj_lib.at(container.value, ["securityContext", "allowPrivilegeEscalation"], null)
