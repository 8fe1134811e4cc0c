# METADATA
# scope: package
# title: What the pods of an overlay ask for
# description: |
#   The CPU and memory of every container as admission sees it: what is written, or else the
#   LimitRange's default; the Istio sidecar that injection adds; the instances of a CloudNativePG
#   Cluster and the pods of an OpenTelemetryCollector, which their operators make. And how many pods
#   there can be at once. For rules whose input is an overlay.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
#   - ref: https://kubernetes.io/docs/concepts/policy/limit-range/
package policies.lib.capacity

import data.policies.lib.collector
import data.policies.lib.database
import data.policies.lib.object as obj_lib
import data.policies.lib.quantity
import data.policies.lib.scaling
import data.policies.lib.sidecar
import data.policies.lib.workload

# METADATA
# description: the resources that are counted
resources := ["cpu", "memory"]

_is_database(obj) if obj_lib.is_kind(obj, "postgresql.cnpg.io", "Cluster")

# METADATA
# description: the objects that make pods, themselves or by their operator, by their index in input.objects
input_consumers := object.union_n([
	workload.input_workloads,
	object.get(obj_lib.of_kind, ["postgresql.cnpg.io", "Cluster"], {}),
	collector.input_collectors,
])

# METADATA
# description: |
#   The containers of one pod, each {title, kind, order, requests, limits, paths}: kind is container,
#   sidecar or init; requests and limits hold the quantities in force by resource; paths lead from
#   the object to where requests and limits of a resource are written.
containers(obj) := [_in_force(container, obj_lib.namespace(obj)) | some container in _declared(obj)]

_declared(obj) := array.concat(_written(obj), _injected(obj)) if {
	workload.is_workload(obj)
} else := [_of_operator("instance", obj)] if {
	_is_database(obj)
} else := [_of_operator("collector", obj)] if {
	collector.is_collector(obj)
} else := []

_written(obj) := [container |
	some found in workload.containers(obj)
	found.kind != "ephemeral"
	container := {
		"title": found.title,
		"kind": found.kind,
		"order": found.path[count(found.path) - 1],
		"requests": _amounts(found.value, "requests"),
		"limits": _amounts(found.value, "limits"),
		"paths": _paths(array.concat(found.path, ["resources"])),
	}
]

_of_operator(title, obj) := {
	"title": title,
	"kind": "container",
	"order": 0,
	"requests": _amounts(obj_lib.at(obj, ["spec"], {}), "requests"),
	"limits": _amounts(obj_lib.at(obj, ["spec"], {}), "limits"),
	"paths": _paths(["spec", "resources"]),
}

_amounts(holder, field) := {resource: amount |
	some resource in resources
	amount := obj_lib.at(holder, ["resources", field, resource], null)
	amount != null
}

_paths(base) := {field: {resource: array.concat(base, [field, resource]) | some resource in resources} | some field in ["requests", "limits"]}

_injected(obj) := [{
	"title": "injected sidecar",
	"kind": "sidecar",
	"order": -1,
	"requests": _proxy(obj).requests,
	"limits": _proxy(obj).limits,
	"paths": {field: {resource: array.concat(workload.template_path(obj), ["metadata", "annotations", annotation]) |
		some resource, annotation in by_resource
	} |
		some field, by_resource in _annotations
	},
}] if {
	sidecar.is_injected(obj)
} else := []

_annotations := {
	"requests": {"cpu": "sidecar.istio.io/proxyCPU", "memory": "sidecar.istio.io/proxyMemory"},
	"limits": {"cpu": "sidecar.istio.io/proxyCPULimit", "memory": "sidecar.istio.io/proxyMemoryLimit"},
}

# One annotation replaces all of Istio's defaults, so what is not annotated is not set.
_proxy(obj) := annotated if {
	annotated := {field: {resource: amount |
		some resource, annotation in by_resource
		amount := workload.annotations(obj)[annotation]
	} |
		some field, by_resource in _annotations
	}
	annotated != {"requests": {}, "limits": {}}
} else := {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}

_in_force(container, namespace) := object.union(container, {
	"requests": {resource: amount | some resource in resources; amount := _request(container, namespace, resource)},
	"limits": {resource: amount | some resource in resources; amount := _limit(container, namespace, resource)},
})

_limit(container, namespace, resource) := _first([
	obj_lib.at(container.limits, [resource], null),
	_default(namespace, ["default", "max"], resource),
])

# Without a request the limit is taken for it, before any LimitRange is asked.
_request(container, namespace, resource) := _first([
	obj_lib.at(container.requests, [resource], null),
	obj_lib.at(container.limits, [resource], null),
	_default(namespace, ["defaultRequest", "default", "max", "min"], resource),
])

_first(amounts) := present[0] if present := [amount | some amount in amounts; amount != null]

# A LimitRange fills in its own defaults: the limit from max, the request from the limit or min.
_default(namespace, fields, resource) := found[0] if {
	found := [amount |
		some item in _items[namespace]
		some field in fields
		amount := obj_lib.at(item, [field, resource], null)
		amount != null
	]
} else := null

_items := _items_by_namespace

_items_by_namespace[obj_lib.namespace(obj)] contains item if {
	some obj in obj_lib.of_kind[""].LimitRange
	some item in obj.spec.limits
	item.type == "Container"
}

# METADATA
# description: |
#   What one pod of an object is charged for, in thousandths: field is requests or limits. Init
#   containers run one after the other beside the sidecars started before them; the pod is charged
#   for whichever moment takes most.
per_pod(obj, field, resource) := max(array.concat([running], starting)) if {
	all_of := containers(obj)
	running := sum([_millis(container, field, resource) | some container in all_of; container.kind != "init"])
	starting := [amount |
		some init in all_of
		init.kind == "init"
		beside := sum([_millis(sidecar, field, resource) |
			some sidecar in all_of
			sidecar.kind == "sidecar"
			sidecar.order < init.order
		])
		amount := _millis(init, field, resource) + beside
	]
}

# What is no quantity is capacity/quota-needs-resources' business.
_millis(container, field, resource) := quantity.millis(container[field][resource]) if _is_quantity(container, field, resource)

else := 0

_is_quantity(container, field, resource) if quantity.millis(container[field][resource])

# METADATA
# description: |
#   The most pods of an object at once: the autoscaler's maximum or the replicas, and what a rolling
#   update adds; a database has one job beside its instances. Undefined where it cannot be told. A
#   DaemonSet's depend on the nodes, a Knative Service's on the requests: they are not counted.
pods(obj) := most + _surge(obj, most) if {
	workload.is_scalable(obj)
	most := scaling.maximum(obj)
} else := 1 if {
	obj.kind == "Pod"
	workload.is_workload(obj)
} else := 0 if {
	obj.kind == "DaemonSet"
	workload.is_workload(obj)
} else := 0 if {
	workload.is_workload(obj)
	not workload.is_builtin(obj_lib.group(obj))
	not workload.is_scalable(obj)
} else := parallelism if {
	workload.is_workload(obj)
	parallelism := obj_lib.at(obj, _parallelism[obj.kind], 1)
	is_number(parallelism)
} else := instances + 1 if {
	_is_database(obj)
	instances := database.instances(obj)
	is_number(instances)
} else := replicas + ceil(replicas / 4) if {
	collector.is_collector(obj)
	replicas := max([
		obj_lib.at(obj, ["spec", "replicas"], 1),
		obj_lib.at(obj, ["spec", "autoscaler", "maxReplicas"], 1),
	])
	is_number(replicas)
	not obj_lib.at(obj, ["spec", "mode"], "deployment") in {"daemonset", "sidecar"}
} else := 0 if {
	collector.is_collector(obj)
	obj.spec.mode in {"daemonset", "sidecar"}
}

_parallelism := {"Job": ["spec", "parallelism"], "CronJob": ["spec", "jobTemplate", "spec", "parallelism"]}

_surge(obj, most) := _extra(obj_lib.at(obj, ["spec", "strategy", "rollingUpdate", "maxSurge"], "25%"), most) if _rolls(obj)

_surge(obj, _) := 0 if {
	not _rolls(obj)
	not _is_rollout(obj)
}

_surge(obj, most) := _extra(obj_lib.at(obj, ["spec", "strategy", "canary", "maxSurge"], "25%"), most) if {
	_is_rollout(obj)
	not _runs_beside(obj)
}

_surge(obj, most) := most if {
	_is_rollout(obj)
	_runs_beside(obj)
}

_is_rollout(obj) if obj_lib.is_kind(obj, "argoproj.io", "Rollout")

# The new pods come up in full while all of the old ones still serve.
_runs_beside(obj) if obj.spec.strategy.blueGreen

_runs_beside(obj) if obj.spec.strategy.canary.trafficRouting

_rolls(obj) if {
	obj.kind == "Deployment"
	obj_lib.at(obj, ["spec", "strategy", "type"], "RollingUpdate") == "RollingUpdate"
}

_extra(surge, _) := surge if is_number(surge)

_extra(surge, most) := ceil((most * to_number(trim_suffix(surge, "%"))) / 100) if {
	is_string(surge)
	regex.match(`^[0-9]{1,5}%$`, surge)
}

# METADATA
# description: the paths of what says how many pods the object of an index in input.objects has
pods_fields(index, obj) := scaling.fields(index, obj, "maxReplicas") if {
	workload.is_scalable(obj)
} else := {["objects", index, "spec", "instances"]} if {
	_is_database(obj)
} else := {["objects", index, "spec", "replicas"]} if {
	collector.is_collector(obj)
} else := {array.concat(["objects", index], _parallelism[obj.kind])} if {
	workload.is_workload(obj)
} else := set()

# METADATA
# description: |
#   The quotas of a namespace, each {index, title, hard}. A quota with scopes counts only some pods
#   and is left out.
quotas := _quotas

_quotas[obj_lib.namespace(obj)] contains quota if {
	some i, obj in obj_lib.of_kind[""].ResourceQuota
	obj_lib.at(obj, ["spec", "scopes"], []) == []
	obj_lib.at(obj, ["spec", "scopeSelector"], null) == null
	quota := {"index": i, "title": obj_lib.title(obj), "hard": obj_lib.at(obj, ["spec", "hard"], {})}
}

# METADATA
# description: the limit items of a namespace that speak of containers, each {title, index, value, path}
limits := _limits

_limits[obj_lib.namespace(obj)] contains limit if {
	some i, obj in obj_lib.of_kind[""].LimitRange
	some j, item in obj.spec.limits
	item.type == "Container"
	limit := {"title": obj_lib.title(obj), "value": item, "path": ["objects", i, "spec", "limits", j]}
}
