# METADATA
# scope: package
# title: Under a quota every container says what it needs
# description: |
#   Where a quota limits CPU or memory, a pod with a container that does not state them, and for
#   which no LimitRange has a default, is refused: "failed quota: must specify limits.cpu". The
#   Deployment is accepted and stays without pods.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/policy/resource-quotas/#how-kubernetes-resourcequotas-work
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: ResourceQuota
#   fix: Set requests and limits on the container, or a default in the namespace's LimitRange.
package policies.capacity.quota_needs_resources

import data.policies.lib.capacity
import data.policies.lib.object as obj_lib
import data.policies.lib.quantity

_keys := {
	"cpu": ["requests", "cpu"],
	"memory": ["requests", "memory"],
	"requests.cpu": ["requests", "cpu"],
	"requests.memory": ["requests", "memory"],
	"limits.cpu": ["limits", "cpu"],
	"limits.memory": ["limits", "memory"],
}

deny contains {"msg": msg, "path": array.concat(["objects", i], container.paths[field][resource])} if {
	some i, obj in capacity.input_consumers
	some quota in capacity.quotas[obj_lib.namespace(obj)]
	some key, _ in quota.hard
	[field, resource] := _keys[key]
	some container in capacity.containers(obj)
	not _good(container, field, resource)
	msg := sprintf("%s of %s states no %s of %s, which %s limits and no LimitRange gives", [container.title, obj_lib.title(obj), field, resource, quota.title])
}

_good(container, field, resource) if quantity.millis(container[field][resource])
