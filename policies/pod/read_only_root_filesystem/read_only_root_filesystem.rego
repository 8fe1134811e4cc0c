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
#   states: convention
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Set securityContext.readOnlyRootFilesystem to true and mount an emptyDir where the process writes.
package policies.pod.read_only_root_filesystem

import data.policies.lib.object as obj_lib
import data.policies.lib.part

deny contains {"msg": msg, "path": path} if {
	some container in part.input_containers
	not _is_read_only(container)
	msg := sprintf("%s can write to its root file system: readOnlyRootFilesystem is not true", [container.title])
	path := part.path(container, ["securityContext", "readOnlyRootFilesystem"])
}

_is_read_only(container) if _setting(container) == true

_is_read_only(container) if {
	not container.complete
	_setting(container) == null
}

_setting(container) := obj_lib.at(container.value, ["securityContext", "readOnlyRootFilesystem"], null)
