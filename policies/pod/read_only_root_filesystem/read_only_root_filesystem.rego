# METADATA
# scope: package
# title: Containers have a read-only root file system
# description: |
#   With a writable root file system an intruder drops tools next to the binary, and a service that
#   writes where no volume is mounted fills the node's disk until the kubelet evicts its neighbours.
# related_resources:
#   - ref: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#security-context-1
# custom:
#   severity: error
#   scope: object
#   fix: Set securityContext.readOnlyRootFilesystem to true and mount an emptyDir where the process writes.
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
#                 readOnlyRootFilesystem: false # because the app writes to /tmp
#   good: |
#     apiVersion: apps/v1
#     kind: Deployment
#     metadata: {name: go-otlp-app}
#     spec:
#       template:
#         spec:
#           containers:
#             - name: app
#               securityContext:
#                 readOnlyRootFilesystem: true
#               volumeMounts: [{name: tmp, mountPath: /tmp}]
#           volumes:
#             - name: tmp
#               emptyDir: {sizeLimit: 100Mi}
package policies.pod.read_only_root_filesystem

import data.policies.lib.workload

deny contains {"msg": msg, "path": path} if {
	some container in workload.input_containers
	not _is_read_only(container.value)
	msg := sprintf("%s can write to its root file system: readOnlyRootFilesystem is not true", [container.title])
	path := array.concat(container.path, ["securityContext", "readOnlyRootFilesystem"])
}

_is_read_only(container) if container.securityContext.readOnlyRootFilesystem == true
