package policies.lib.workload_test

import data.policies.lib.workload

_pod := {"containers": [{"name": "app"}]}

_template := {"metadata": {"labels": {"app": "web"}, "annotations": {"note": "x"}}, "spec": _pod}

_paths := {
	"Pod": ["spec"],
	"ReplicationController": ["spec", "template", "spec"],
	"Deployment": ["spec", "template", "spec"],
	"StatefulSet": ["spec", "template", "spec"],
	"DaemonSet": ["spec", "template", "spec"],
	"ReplicaSet": ["spec", "template", "spec"],
	"Job": ["spec", "template", "spec"],
	"CronJob": ["spec", "jobTemplate", "spec", "template", "spec"],
}

_every_kind := {
	"Pod": object.union({"apiVersion": "v1", "kind": "Pod"}, _template),
	"ReplicationController": _templated("v1", "ReplicationController"),
	"Deployment": _templated("apps/v1", "Deployment"),
	"StatefulSet": _templated("apps/v1", "StatefulSet"),
	"DaemonSet": _templated("apps/v1", "DaemonSet"),
	"ReplicaSet": _templated("apps/v1", "ReplicaSet"),
	"Job": _templated("batch/v1", "Job"),
	"CronJob": {"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": _template}}}},
}

_templated(api_version, kind) := {"apiVersion": api_version, "kind": kind, "spec": {"template": _template}}

_deployment(fields) := {"apiVersion": "apps/v1", "kind": "Deployment", "spec": fields}

test_pod_spec_of_every_kind if {
	count(_every_kind) == 8
	every kind, obj in _every_kind {
		workload.spec(obj) == _pod
		workload.spec_path(obj) == _paths[kind]
		workload.labels(obj) == {"app": "web"}
		workload.annotations(obj) == {"note": "x"}
		[c.path | some c in workload.containers(obj)] == [array.concat(_paths[kind], ["containers", 0])]
	}
}

test_other_kinds_are_no_workloads if {
	every obj in [{}, {"apiVersion": "v1", "kind": "Service"}, {"apiVersion": "apps/v1", "kind": "Pod"}, {"apiVersion": "example.com/v1", "kind": "Deployment"}, {"apiVersion": 1, "kind": "Pod"}, {"apiVersion": "v1", "kind": ["Pod"]}, "text", null] {
		not workload.is_workload(obj)
		not workload.spec(obj)
		not workload.is_long_running(obj)
		not workload.replicas(obj)
		workload.containers(obj) == []
	}
}

test_every_list_of_containers_is_read_with_its_kind if {
	obj := _deployment({"template": {"spec": {
		"containers": [{"name": "app"}],
		"initContainers": [{"name": "migrate"}, {"name": "proxy", "restartPolicy": "Always"}],
		"ephemeralContainers": [{"name": "debug"}],
	}}})
	{[c.kind, c.title, c.path[3], c.path[4]] | some c in workload.containers(obj)} == {
		["container", `container "app"`, "containers", 0],
		["init", `init container "migrate"`, "initContainers", 0],
		["sidecar", `sidecar "proxy"`, "initContainers", 1],
		["ephemeral", `ephemeral container "debug"`, "ephemeralContainers", 0],
	}
}

test_containers_that_cannot_be_read_are_one_without_fields if {
	every bad in [{}, {"template": "text"}, {"template": {"spec": []}}, {"template": {"spec": {"containers": "text"}}}, {"template": {"spec": {"containers": {"app": {}}}}}, {"template": {"spec": {"containers": []}}}, {"template": {"spec": {"containers": ["text"]}}}, {"template": {"spec": {"containers": [{"name": 1}]}}}] {
		[[c.name, c.kind, c.path] | some c in workload.containers(_deployment(bad))] == [["#0", "container", ["spec", "template", "spec", "containers", 0]]]
	}
}

test_init_containers_that_cannot_be_read_are_one_without_fields if {
	every bad in ["text", {"app": {}}, 1, ["text"]] {
		obj := _deployment({"template": {"spec": {"containers": [{"name": "app"}], "initContainers": bad}}})
		[c.value | some c in workload.containers(obj); c.kind == "init"] == [{}]
	}
}

test_absent_init_containers_are_none if {
	every none in [{}, {"initContainers": null}, {"initContainers": []}] {
		count(workload.containers(_deployment({"template": {"spec": object.union(_pod, none)}}))) == 1
	}
}

test_a_spec_of_the_wrong_type_is_empty if {
	every kind, obj in _every_kind {
		workload.spec({"apiVersion": obj.apiVersion, "kind": kind, "spec": "text"}) == {}
		workload.labels({"apiVersion": obj.apiVersion, "kind": kind, "spec": "text"}) == {}
	}
}

test_jobs_end_and_everything_else_runs if {
	{kind | some kind, obj in _every_kind; workload.is_long_running(obj)} == {"Pod", "ReplicationController", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"}
	not workload.is_long_running({"apiVersion": "v1", "kind": "Pod", "spec": {"restartPolicy": "Never"}})
	not workload.is_long_running({"apiVersion": "v1", "kind": "Pod", "spec": {"restartPolicy": "OnFailure"}})
}

test_replicas_default_to_one_where_a_kind_has_them if {
	{kind | some kind, obj in _every_kind; workload.replicas(obj) == 1} == {"ReplicationController", "Deployment", "StatefulSet", "ReplicaSet"}
	workload.replicas(_deployment({"replicas": 0})) == 0
	workload.replicas(_deployment({"replicas": null})) == 1
	not workload.replicas(_deployment({"replicas": "3"}))
}

test_title_names_kind_and_name if {
	workload.title({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}) == `Deployment "web"`
}

test_workloads_of_an_overlay if {
	objects := array.concat([{"apiVersion": "example.com/v1", "kind": "Deployment"}, {}], [obj | some obj in _every_kind])
	workload.input_workloads == {index: obj | some index, obj in objects; index > 1} with input as {"objects": objects}
}

_of_others := [
	["apps.kruise.io/v1beta1", "StatefulSet", ["spec", "template"]],
	["apps.kruise.io/v1alpha1", "CloneSet", ["spec", "template"]],
	["apps.openshift.io/v1", "DeploymentConfig", ["spec", "template"]],
	["argoproj.io/v1alpha1", "Rollout", ["spec", "template"]],
	["keda.sh/v1alpha1", "ScaledJob", ["spec", "jobTargetRef", "template"]],
	["kubeflow.org/v1", "Notebook", ["spec", "template"]],
	["serving.knative.dev/v1", "Service", ["spec", "template"]],
	["sources.knative.dev/v1", "ContainerSource", ["spec", "template"]],
]

_at(path, value) := json.patch({"spec": {"jobTargetRef": {}}}, [{"op": "add", "path": path, "value": value}])

test_pods_of_kinds_of_others if {
	every case in _of_others {
		[version, kind, path] := case
		obj := object.union(_at(path, _template), {"apiVersion": version, "kind": kind})
		workload.spec(obj) == _pod
		workload.spec_path(obj) == array.concat(path, ["spec"])
		workload.labels(obj) == {"app": "web"}
		workload.input_workloads == {0: obj} with input as {"objects": [obj]}
	}
}

# They need not have one, and what is no template is for their schema to say.
test_kinds_of_others_without_a_template_make_no_pods if {
	every case in _of_others {
		every value in [null, "text", []] {
			[version, kind, path] := case
			obj := object.union(_at(path, value), {"apiVersion": version, "kind": kind})
			not workload.is_workload(obj)
			workload.containers(obj) == []
			workload.input_workloads == {} with input as {"objects": [obj]}
		}
	}
}

test_labels_that_a_controller_adds if {
	config := {"apiVersion": "apps.openshift.io/v1", "kind": "DeploymentConfig", "metadata": {"name": "web"}, "spec": {"template": _template}}
	workload.labels(config) == {"app": "web", "deploymentconfig": "web"}
}

test_kinds_of_others_with_replicas if {
	{kind |
		some [version, kind, path] in _of_others
		workload.replicas(object.union(_at(path, _template), {"apiVersion": version, "kind": kind})) == 1
	} == {"StatefulSet", "CloneSet", "DeploymentConfig", "Rollout"}
}

test_aliases if {
	every hosts, want in {
		[{"hostnames": ["Web", "cart"]}, {"hostnames": ["db"]}]: {"web", "cart", "db"},
		[{"hostnames": [1, null]}, {"hostnames": "text"}, "text", {}]: set(),
	} {
		workload.aliases({"apiVersion": "v1", "kind": "Pod", "spec": {"hostAliases": hosts}}) == want
	}
	workload.aliases({"apiVersion": "v1", "kind": "Pod", "spec": {"hostAliases": "text"}}) == set()
}
