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
#   scope: object
#   fix: Set securityContext.seccompProfile.type to RuntimeDefault on the pod.
#   bad: |
#     apiVersion: apps/v1
#     kind: Deployment
#     metadata: {name: go-otlp-app}
#     spec:
#       template:
#         spec:
#           securityContext:
#             seccompProfile: {type: Unconfined} # every system call
#           containers:
#             - name: app
#   good: |
#     apiVersion: apps/v1
#     kind: Deployment
#     metadata: {name: go-otlp-app}
#     spec:
#       template:
#         spec:
#           securityContext:
#             seccompProfile: {type: RuntimeDefault}
#           containers:
#             - name: app
package policies.pod.seccomp_profile

import data.policies.lib.object as obj_lib
import data.policies.lib.workload

deny contains {"msg": msg, "path": path} if {
	some container in workload.input_containers
	type := _type(container.value)
	not type in {"RuntimeDefault", "Localhost"}
	msg := sprintf("%s is not confined: seccompProfile.type is %v, not RuntimeDefault or Localhost", [container.title, type])
	path := array.concat(container.path, ["securityContext", "seccompProfile", "type"])
}

# A container's own profile wins over its pod's.
_type(container) := obj_lib.at(
	container, ["securityContext", "seccompProfile", "type"],
	obj_lib.at(workload.input_spec, ["securityContext", "seccompProfile", "type"], "not set"),
)
