# METADATA
# scope: package
# title: Pods mount nothing of their node
# description: |
#   A hostPath volume hands a part of the node to the pod: through the kubelet's or the runtime's
#   directories it is a way to root, and what a pod leaves there outlives it. An agent that must
#   read the node's logs gets an exemption that names its path.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
# custom:
#   severity: error
#   states: convention
#   standard: error
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   locked: self
#   fix: Use an emptyDir, a PersistentVolumeClaim, a ConfigMap or a Secret; exempt a node agent in kgate.yaml.
package policies.pod.no_host_path

import data.policies.lib.object as obj_lib
import data.policies.lib.part

deny contains {"msg": msg, "path": path} if {
	some pod in part.input_pods
	some index, volume in pod.fields.volumes
	obj_lib.at(volume, ["hostPath"], null) != null

	# Which path it is decides nothing, and nobody may know it.
	msg := sprintf("volume %v mounts a path of the node", [obj_lib.at(volume, ["name"], index)])
	path := array.concat(pod.paths.volumes, [index, "hostPath"])
}
