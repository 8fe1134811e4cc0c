# METADATA
# scope: package
# title: No container has the rights of its node
# description: |
#   A privileged container sees every device of its node and may load kernel modules: whoever
#   takes it over has the node, and with the node's credentials the pods of all others on it.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
# custom:
#   severity: error
#   states: convention
#   standard: error
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   locked: self
#   fix: Leave securityContext.privileged out, and add the one capability that the container needs.
package policies.pod.not_privileged

import data.policies.lib.object as obj_lib
import data.policies.lib.part

deny contains {"msg": msg, "path": path} if {
	some container in part.input_containers
	privileged := obj_lib.at(container.value, ["securityContext", "privileged"], false)
	privileged != false
	msg := sprintf("%s has the rights of its node: privileged is %v", [container.title, privileged])
	path := part.path(container, ["securityContext", "privileged"])
}
