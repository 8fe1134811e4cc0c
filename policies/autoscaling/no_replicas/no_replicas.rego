# METADATA
# scope: package
# title: No replicas beside an autoscaler
# description: |
#   With replicas in git and an autoscaler in the cluster, every sync sets the number back and the
#   autoscaler raises it again: at the peak of the day a sync takes seven of ten pods away.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/best_practices/#leaving-room-for-imperativeness
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: autoscaling keda.sh
#   fix: Leave replicas out of the workload; vary minReplicas and maxReplicas instead.
package policies.autoscaling.no_replicas

import data.policies.lib.object as obj_lib
import data.policies.lib.scaling
import data.policies.lib.workload

deny contains {"msg": msg, "path": ["objects", index, "spec", "replicas"]} if {
	some hpa in scaling.input_autoscalers
	some index in scaling.targets(hpa)
	obj := input.objects[index]
	replicas := obj_lib.at(obj, ["spec", "replicas"], null)
	replicas != null
	msg := sprintf("%s fights %s: replicas is %v", [workload.title(obj), obj_lib.title(hpa), replicas])
}
