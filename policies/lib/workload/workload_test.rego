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
