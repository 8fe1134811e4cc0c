package policies.lib.part_test

import data.policies.lib.fixture_test as fixture
import data.policies.lib.part

_fields := {
	"hostNetwork": true,
	"securityContext": {"runAsUser": 0},
	"serviceAccountName": "own",
	"volumes": [{"name": "a"}],
}

_container := {"name": "app", "image": "app:1.0.0", "securityContext": {"privileged": true}}

test_fields_of_the_pods_of_every_kind[label] if {
	some label, obj in fixture.operated(_fields, {})
	pods := part.input_pods with input as obj
	some pod in pods
	pod.fields == _fields
	every field, _ in _fields {
		pod.paths[field] == fixture.operated_pod(label, field)
	}
	every other in pods {
		not other.complete
		other.fields in [_fields, {}]
	}
}

test_containers_of_every_kind[label] if {
	some label, obj in fixture.operated({}, _container)
	containers := part.input_containers with input as obj
	some container in containers
	container.value.securityContext == {"privileged": true}
	container.path == fixture.operated_container[label]
	not container.complete
}

test_every_fixture_has_a_path if {
	object.keys(fixture.operated({}, {})) == object.keys(fixture.operated_container)
}

test_a_workload_is_one_complete_pod if {
	every kind, obj in fixture.workloads({"hostPID": true, "containers": [_container]}) {
		pods := part.input_pods with input as obj
		[[pod.complete, pod.fields, pod.paths.hostPID] | some pod in pods] == [[true, {"hostPID": true}, array.concat(fixture.spec_paths[kind], ["hostPID"])]]
		containers := part.input_containers with input as obj
		[[container.complete, container.value, container.pod] | some container in containers] == [[true, _container, pods[0]]]
	}
}

test_each_pod_that_an_object_embeds if {
	ray := {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {"name": "r"}, "spec": {
		"headGroupSpec": {"template": {"spec": {"hostNetwork": true, "containers": [_container]}}},
		"workerGroupSpecs": [{}, {"template": {"spec": {"containers": [_container]}}}],
	}}
	pods := part.input_pods with input as ray
	{pod.paths.hostNetwork: pod.complete | some pod in pods} == {
		["spec", "headGroupSpec", "template", "spec", "hostNetwork"]: true,
		["spec", "workerGroupSpecs", 1, "template", "spec", "hostNetwork"]: true,
	}
	containers := part.input_containers with input as ray
	{container.path | some container in containers} == {
		["spec", "headGroupSpec", "template", "spec", "containers", 0],
		["spec", "workerGroupSpecs", 1, "template", "spec", "containers", 0],
	}
}

test_a_template_that_an_operator_fills_in_is_a_part if {
	pods := part.input_pods with input as {
		"apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication", "metadata": {"name": "s"},
		"spec": {"driver": {"template": {"spec": {"hostPID": true}}}, "executor": {"cores": 1}},
	}
	[[pod.complete, pod.fields] | some pod in pods] == [[false, {"hostPID": true}]]
}

_pod_template(template) := {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "web"}, "template": template}

test_a_pod_template_is_complete if {
	obj := _pod_template({"spec": {"hostIPC": true, "containers": [_container], "initContainers": [_container]}})
	pods := part.input_pods with input as obj
	[[pod.title, pod.complete, pod.fields, pod.paths.hostIPC] | some pod in pods] == [[`PodTemplate "web"`, true, {"hostIPC": true}, ["template", "spec", "hostIPC"]]]
	containers := part.input_containers with input as obj
	{[container.kind, container.path, container.complete] | some container in containers} == {
		["container", ["template", "spec", "containers", 0], true],
		["init", ["template", "spec", "initContainers", 0], true],
	}
}

test_a_pod_template_that_cannot_be_read_has_a_container_without_fields if {
	every template in ["text", null, [], {}, {"spec": "text"}, {"spec": {"containers": "text"}}, {"spec": {"containers": []}}] {
		containers := part.input_containers with input as _pod_template(template)
		[[container.value, container.complete] | some container in containers] == [[{}, true]]
	}
}

test_other_objects_have_none if {
	every obj in fixture.others {
		part.input_pods == [] with input as obj
		part.input_containers == [] with input as obj
	}
}

test_what_operators_are_told_and_cannot_be_read_is_absent if {
	every label, obj in fixture.operated({}, {}) {
		every spec in ["text", 1, null, [], {}, {"containers": "text", "template": "text", "targetAllocator": [], "volumes": null}, {"additionalContainers": {}, "initContainers": 1, "template": {"spec": []}}] {
			containers := part.input_containers with input as object.union(object.remove(obj, ["spec"]), {"spec": spec})
			{container.value | some container in containers} == {{}}
			label != ""
		}
	}
}

test_a_target_allocator_that_is_off_makes_no_pod if {
	every target in [{"enabled": false, "image": "ta:latest"}, {"image": "ta:latest"}, {"enabled": "true"}, "text"] {
		obj := {"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "o"}, "spec": {"targetAllocator": target}}
		pods := part.input_pods with input as obj
		[pod.title | some pod in pods] == [`OpenTelemetryCollector "o"`]
	}
}

test_fields_by_their_own_names if {
	cluster := {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db"}, "spec": {
		"imageName": "postgresql:17.2",
		"seccompProfile": {"type": "Unconfined"},
	}}
	containers := part.input_containers with input as cluster
	{[container.value.image, part.path(container, ["image"])] | some container in containers} == {["postgresql:17.2", ["spec", "imageName"]]}
	{part.setting(container, ["seccompProfile", "type"]) | some container in containers} == {{"value": "Unconfined", "path": ["spec", "seccompProfile", "type"]}}

	prometheus := {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": {"name": "p"}, "spec": {"thanos": {"image": "thanos:latest"}}}
	{[container.title, container.path] | some container in part.input_containers; container.value.image} == {[`the Thanos sidecar of Prometheus "p"`, ["spec", "thanos"]]} with input as prometheus

	instrumentation := {"apiVersion": "opentelemetry.io/v1alpha1", "kind": "Instrumentation", "metadata": {"name": "i"}, "spec": {"go": {"env": [{"name": "A"}]}}}
	{[container.title, container.path] | some container in part.input_containers; container.value.env} == {[`the go agent of Instrumentation "i"`, ["spec", "go"]]} with input as instrumentation
}

test_a_container_s_setting_wins_over_its_pod_s if {
	obj := fixture.operated({"securityContext": {"runAsUser": 1}}, {"securityContext": {"runAsUser": 2}})["Collector's other container"]
	containers := part.input_containers with input as obj
	{part.setting(container, ["runAsUser"]) | some container in containers} == {
		{"value": 1, "path": ["spec", "podSecurityContext", "runAsUser"]}, # of the collector, and of nothing else
		{"value": 2, "path": ["spec", "additionalContainers", 0, "securityContext", "runAsUser"]},
	}
}
