# METADATA
# scope: package
# title: Every container states what it needs and what it may take
# description: |
#   Under a ResourceQuota a pod with a container that states no requests or limits is refused at
#   admission, and the rollout stands still. Without a quota it is worse: the scheduler packs the
#   node by requests, and the first to go when memory runs out is whoever asked for none. Init
#   containers and sidecars count like any other.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/policy/resource-quotas/
#   - ref: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Set resources.requests and resources.limits for cpu and memory on the container.
package policies.pod.resources_set

import data.policies.lib.part
import data.policies.lib.quantity

deny contains {"msg": msg, "path": path} if {
	some container in part.input_containers
	container.complete
	container.kind != "ephemeral" # the API has no resources for them
	some bound in ["requests", "limits"]
	some resource in ["cpu", "memory"]
	not _is_set(container.value, bound, resource)
	msg := sprintf("%s has no resources.%s.%s", [container.title, bound, resource])
	path := array.concat(container.path, ["resources", bound, resource])
}

_is_set(container, bound, resource) if quantity.value(container.resources[bound][resource]) > 0
