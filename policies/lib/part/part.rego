# METADATA
# scope: package
# title: Pods and the parts of pods that an object writes
# description: |
#   The pod rules of one object see every pod through this module: that of a workload, and those that
#   an operator makes of its custom resource, of which the resource writes a part. A new kind is one
#   entry of _kinds: where the fields of the pod stand in it, those of the container that the operator
#   runs, and the lists of further containers.
#   The pod of a workload, and a PodTemplate's, is complete: what it leaves out is the API server's
#   default. A part is not: what it leaves out is the operator's business (CloudNativePG sets a
#   security context of its own, the Prometheus Operator probes), so that a rule denies in it what is
#   written and never what is missing. Rules that ask only for what is missing (probes,
#   resources-set), and those about the replicas of a workload or the token of its ServiceAccount,
#   which operators use (spread, token-mounted), look at complete pods alone.
# related_resources:
#   - ref: https://github.com/open-telemetry/opentelemetry-operator/blob/v0.140.0/docs/api/opentelemetrycollectors.md
#   - ref: https://cloudnative-pg.io/documentation/1.27/cloudnative-pg.v1/
#   - ref: https://prometheus-operator.dev/docs/api-reference/api/
package policies.lib.part

import data.policies.lib.object as obj_lib
import data.policies.lib.workload

# By group and kind, the pods that come of an object. base leads to what is described; pod is where in it
# the fields of a pod spec stand; containers are those that the operator runs, each with the fields of a
# container that can be written and their names; lists are further containers with their kind; when is
# the field that has to be true for the pod to be made at all.
_kinds := {
	"": {"PodTemplate": [object.union(_template, {"base": ["template", "spec"], "complete": true})]},
	"monitoring.coreos.com": {
		"Alertmanager": [_monitoring],
		"Prometheus": [object.union(_monitoring, {"containers": [
			_monitored,
			{"title": "the Thanos sidecar of %s", "base": ["thanos"], "fields": _same(["image", "resources", "volumeMounts"])},
		]})],
		"PrometheusAgent": [_monitoring],
		"ThanosRuler": [_monitoring],
	},
	"opentelemetry.io": {
		# Its agents are containers in the pods of others; their images are a matter of image-pinned.
		"Instrumentation": [{
			"base": ["spec"],
			"pod": {},
			"containers": [{"title": sprintf("the %s agent of %%s", [language]), "base": [language], "fields": {"env": "env"}} |
				some language in ["apacheHttpd", "dotnet", "go", "java", "nginx", "nodejs", "python"]
			],
			"lists": {},
		}],
		"OpAMPBridge": [_telemetry],
		"OpenTelemetryCollector": [
			_telemetry,
			object.union(_telemetry, {"base": ["spec", "targetAllocator"], "when": ["spec", "targetAllocator", "enabled"], "title": "the target allocator of %s", "containers": [object.union(_instrumented, {"title": "the target allocator of %s"})]}),
		],
		"TargetAllocator": [_telemetry],
	},
	"postgresql.cnpg.io": {
		"Cluster": [
			{
				"base": ["spec"],
				"pod": {"securityContext": ["podSecurityContext"]},
				"containers": [{"title": "%s", "base": [], "fields": object.union(_same(["env", "envFrom", "resources", "securityContext"]), {"image": "imageName"})}],
				"lists": {},
			},
			# Of the pod's security context it has had this one field in a place of its own.
			{"base": ["spec"], "pod": {"securityContext": []}, "containers": [{"title": "%s", "base": [], "fields": {}}], "lists": {}},
		],
		# A pod template; the operator adds its pgbouncer to it.
		"Pooler": [object.union(_template, {"base": ["spec", "template", "spec"], "containers": [{"title": "%s", "base": [], "fields": {}}]})],
	},
}

_pod_fields := ["hostIPC", "hostNetwork", "hostPID", "securityContext", "serviceAccountName", "volumes"]

_template := {
	"pod": {field: [field] | some field in _pod_fields},
	"containers": [],
	"lists": {"containers": "container", "ephemeralContainers": "ephemeral", "initContainers": "init"},
}

_monitoring := {
	"base": ["spec"],
	"pod": {field: [field] | some field in ["hostNetwork", "securityContext", "serviceAccountName", "volumes"]},
	"containers": [_monitored],
	"lists": {"containers": "container", "initContainers": "init"},
}

_monitored := {"title": "%s", "base": [], "fields": _same(["image", "resources", "volumeMounts"])}

_telemetry := {
	"base": ["spec"],
	"pod": {
		"hostIPC": ["hostIPC"],
		"hostNetwork": ["hostNetwork"],
		"hostPID": ["hostPID"],
		"securityContext": ["podSecurityContext"],
		"serviceAccountName": ["serviceAccount"],
		"volumes": ["volumes"],
	},
	"containers": [_instrumented],
	"lists": {"additionalContainers": "container", "initContainers": "init"},
}

_instrumented := {
	"title": "%s",
	"base": [],
	"fields": _same(["env", "envFrom", "image", "ports", "resources", "securityContext", "volumeMounts"]),
}

_same(fields) := {field: field | some field in fields}

# METADATA
# description: |
#   The pods of the input: {title, complete, fields, paths}. fields are those of a pod spec that are
#   written, by the names that a pod has for them; paths lead to where they stand or would.
input_pods := array.concat(
	[{
		"title": workload.title(input),
		"complete": true,
		"fields": {field: value | some field in _pod_fields; value := obj_lib.at(workload.input_spec, [field], null); value != null},
		"paths": {field: array.concat(workload.spec_path(input), [field]) | some field in _pod_fields},
	} |
		workload.is_workload(input)
	],
	[_pod(described) | some described in _described],
)

_described := array.concat(
	[described |
		some described in object.get(_kinds, [obj_lib.group(input), input.kind], [])
		_is_made(described)
	],
	[object.union(_template, {"base": pod.path, "complete": pod.part == false}) | some pod in workload.embedded(input)],
)

_is_made(described) if not described.when

_is_made(described) if obj_lib.at(input, described.when, false) == true

_pod(described) := {
	"title": sprintf(object.get(described, "title", "%s"), [obj_lib.title(input)]),
	"complete": object.get(described, "complete", false),
	"fields": {field: value | some field, path in paths; value := obj_lib.at(input, path, null); value != null},
	"paths": paths,
} if {
	paths := {field: array.concat(described.base, path) | some field, path in described.pod}
}

# METADATA
# description: |
#   The containers of the input, as workload.containers has them, and besides complete, the pod that
#   they are in, and keys: what a field is called where it is not by the name that a container has
#   for it.
input_containers := array.concat(
	[object.union(container, {"complete": true, "keys": {}, "pod": input_pods[0]}) | some container in workload.input_containers],
	[object.union(container, {"complete": pod.complete, "pod": pod}) |
		some described in _described
		pod := _pod(described)
		some container in array.concat(_run(described), _listed(described))
	],
)

# What the operator runs: of each the fields that are written.
_run(described) := [container |
	some run in described.containers
	path := array.concat(described.base, run.base)
	container := {
		"name": "",
		"kind": "container",
		"title": sprintf(run.title, [obj_lib.title(input)]),
		"value": {field: value | some field, key in run.fields; value := obj_lib.at(input, array.concat(path, [key]), null); value != null},
		"path": path,
		"keys": {field: key | some field, key in run.fields; field != key},
	}
]

_listed(described) := [object.union(container, {"keys": {}}) |
	some list, kind in described.lists
	path := array.concat(described.base, [list])
	some index, value in _entries(described, path, list)
	container := workload.container(array.concat(path, [index]), kind, value, index)
]

# A complete pod has containers: what cannot be read is one without fields, as in a workload.
_entries(described, path, list) := workload.entries(obj_lib.at(input, described.base, {}), list) if {
	object.get(described, "complete", false)
	path == array.concat(described.base, [list])
} else := values if {
	values := obj_lib.at(input, path, [])
	is_array(values)
} else := []

# METADATA
# description: the path to a field of a container of the input
path(container, steps) := array.concat(container.path, array.concat(
	[object.get(container.keys, steps[0], steps[0])],
	array.slice(steps, 1, count(steps)),
))

# METADATA
# description: |
#   A field of a container's security context that its pod may have in its place: {value, path}, path
#   leading to where it is written. Undefined where neither has it.
setting(container, steps) := {"value": value, "path": path(container, array.concat(["securityContext"], steps))} if {
	value := obj_lib.at(container.value, array.concat(["securityContext"], steps), null)
	value != null
} else := {"value": value, "path": array.concat(container.pod.paths.securityContext, steps)} if {
	value := obj_lib.at(container.pod.fields, array.concat(["securityContext"], steps), null)
	value != null
}
