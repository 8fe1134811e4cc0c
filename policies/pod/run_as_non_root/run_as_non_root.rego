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
#   scope: object
#   fix: Set securityContext.runAsNonRoot to true on the pod or on every container, and runAsUser to no 0.
#   bad: |
#     apiVersion: apps/v1
#     kind: Deployment
#     metadata: {name: go-otlp-app}
#     spec:
#       template:
#         spec:
#           containers:
#             - name: app
#               securityContext:
#                 runAsUser: 0 # root
#   good: |
#     apiVersion: apps/v1
#     kind: Deployment
#     metadata: {name: go-otlp-app}
#     spec:
#       template:
#         spec:
#           securityContext:
#             runAsNonRoot: true
#             runAsUser: 65532
#           containers:
#             - name: app
package policies.pod.run_as_non_root

import data.policies.lib.object as obj_lib
import data.policies.lib.workload

deny contains {"msg": msg, "path": path} if {
	some container in workload.input_containers
	not _setting(container, "runAsNonRoot") == true
	msg := sprintf("%s may run as root: runAsNonRoot is not true", [container.title])
	path := array.concat(container.path, ["securityContext", "runAsNonRoot"])
}

deny contains {"msg": msg, "path": path} if {
	some container in workload.input_containers
	container.value.securityContext.runAsUser == 0
	msg := sprintf("%s runs as root: runAsUser is 0", [container.title])
	path := array.concat(container.path, ["securityContext", "runAsUser"])
}

deny contains {"msg": msg, "path": path} if {
	workload.input_spec.securityContext.runAsUser == 0
	msg := sprintf("the pods of %s run as root: runAsUser is 0", [workload.title(input)])
	path := array.concat(workload.spec_path(input), ["securityContext", "runAsUser"])
}

# A container's own setting wins over its pod's.
_setting(container, field) := obj_lib.at(
	container.value, ["securityContext", field],
	obj_lib.at(workload.input_spec, ["securityContext", field], "unset"),
)
