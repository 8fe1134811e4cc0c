# METADATA
# scope: package
# title: The quota holds the worst case
# description: |
#   A quota that fits the everyday and not the worst case fails at the worst moment: the autoscaler
#   at its maximum, a rollout's surge, the canary and the database's job all at once. Pods are then
#   refused with "exceeded quota", the rollout hangs, and nothing in the Deployment says why.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/policy/resource-quotas/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: ResourceQuota
#   fix: Raise the quota, or lower maxReplicas, surge or what the containers ask for.
package policies.capacity.quota_holds

import data.policies.lib.capacity
import data.policies.lib.collector
import data.policies.lib.object as obj_lib
import data.policies.lib.quantity

deny contains {"msg": msg, "path": ["objects", quota.index, "spec", "hard", key], "with": with_fields} if {
	some namespace, quotas in capacity.quotas
	some quota in quotas
	some key, hard in quota.hard
	parts := _parts(namespace, key)
	need := sum([amount | some part in parts; amount := part.pods * part.each])
	quantity.millis(hard) < need
	with_fields := {path | some part in parts; part.pods * part.each > 0; some path in part.fields}
	msg := sprintf("%s allows %v of %s, and %s can be needed at once: %s", [
		quota.title,
		hard,
		key,
		_text(key, need),
		concat(" + ", [_made_of(key, part) | some part in parts; part.pods * part.each > 0]),
	])
}

deny contains {"msg": msg, "path": ["objects", quota.index, "spec", "hard", key]} if {
	some _, quotas in capacity.quotas
	some quota in quotas
	some key, hard in quota.hard
	not quantity.millis(hard)
	msg := sprintf("%s allows %v of %s, which is no quantity", [quota.title, json.marshal(hard), key])
}

deny contains {"msg": msg, "path": ["objects", quota.index, "spec", "hard"]} if {
	some _, quotas in capacity.quotas
	some quota in quotas
	not is_object(quota.hard)
	msg := sprintf("%s has no list of what it allows", [quota.title])
}

deny contains {"msg": msg, "path": ["objects", i, "spec"]} if {
	some i, obj in capacity.input_consumers
	capacity.quotas[obj_lib.namespace(obj)]
	not capacity.pods(obj)
	msg := sprintf("%s does not say how many pods it may have, so no quota can be shown to hold them", [obj_lib.title(obj)])
}

_keys := {
	"cpu": ["requests", "cpu"],
	"memory": ["requests", "memory"],
	"requests.cpu": ["requests", "cpu"],
	"requests.memory": ["requests", "memory"],
	"limits.cpu": ["limits", "cpu"],
	"limits.memory": ["limits", "memory"],
}

# Each part of the need: {title, pods, each, fields}, each in thousandths; fields are the paths of
# what says how many pods there are.
_parts(namespace, key) := [part |
	[field, resource] := _keys[key]
	some [index, obj] in _consumers[namespace]
	part := {
		"title": obj_lib.title(obj),
		"pods": capacity.pods(obj),
		"each": capacity.per_pod(obj, field, resource),
		"fields": capacity.pods_fields(index, obj),
	}
] if {
	_keys[key]
} else := [part |
	some [index, obj] in _consumers[namespace]
	part := {"title": obj_lib.title(obj), "pods": capacity.pods(obj), "each": 1000, "fields": capacity.pods_fields(index, obj)}
] if {
	key in {"pods", "count/pods"}
} else := [part |
	some obj in _claimants[namespace]
	number := _claims(obj)
	part := {"title": obj_lib.title(obj), "pods": number, "each": 1000, "fields": set()}
] if {
	key in {"persistentvolumeclaims", "count/persistentvolumeclaims"}
} else := [part |
	some obj in _serving[namespace]
	number := _services(obj)
	part := {"title": obj_lib.title(obj), "pods": number, "each": 1000, "fields": set()}
] if {
	key in {"services", "count/services"}
}

_consumers := _consumers_by_namespace

_consumers_by_namespace[obj_lib.namespace(obj)] contains [index, obj] if some index, obj in capacity.input_consumers

_claimants := _claimants_by_namespace

_claimants_by_namespace[obj_lib.namespace(obj)] contains obj if {
	some [api_group, kind] in [["", "PersistentVolumeClaim"], ["apps", "StatefulSet"], ["postgresql.cnpg.io", "Cluster"]]
	some obj in obj_lib.of_kind[api_group][kind]
}

_claims(obj) := 1 if obj_lib.is_kind(obj, "", "PersistentVolumeClaim")

_claims(obj) := capacity.pods(obj) * count(obj.spec.volumeClaimTemplates) if {
	obj_lib.is_kind(obj, "apps", "StatefulSet")
	is_array(obj.spec.volumeClaimTemplates)
}

# One for the data of each instance, one for its WAL where that is apart, one for each tablespace.
_claims(obj) := (capacity.pods(obj) - 1) * (1 + count(apart)) if {
	obj_lib.is_kind(obj, "postgresql.cnpg.io", "Cluster")
	apart := array.concat(
		[1 | obj.spec.walStorage],
		[1 | some _ in obj.spec.tablespaces],
	)
}

_serving := _serving_by_namespace

_serving_by_namespace[obj_lib.namespace(obj)] contains obj if {
	some [api_group, kind] in [["", "Service"], ["postgresql.cnpg.io", "Cluster"], ["opentelemetry.io", "OpenTelemetryCollector"]]
	some obj in obj_lib.of_kind[api_group][kind]
}

_services(obj) := 1 if obj_lib.is_kind(obj, "", "Service")

# CloudNativePG makes -rw, -ro and -r; the OpenTelemetry Operator a Service, a headless and a monitoring one.
_services(obj) := 3 if obj_lib.is_kind(obj, "postgresql.cnpg.io", "Cluster")

_services(obj) := 3 if collector.is_collector(obj)

_made_of(key, part) := sprintf("%s %v × %s", [part.title, part.pods, _text(key, part.each)]) if _keys[key]

else := sprintf("%s %v", [part.title, part.pods])

_text(key, millis) := sprintf("%vMi", [millis / 1048576000]) if endswith(key, "memory")

else := sprintf("%v", [millis / 1000])
