package policies.pod.field_refs_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.field_refs

_ref(path) := {"fieldRef": {"fieldPath": path}}

_env(path) := {"containers": [{"name": "app", "env": [{"name": "A", "valueFrom": _ref(path)}]}]}

_allowed := {
	"a label": _env("metadata.labels['app']"),
	"of controllers": _env("metadata.labels['pod-template-hash']"),
	"of the platform": _env("metadata.labels['topology.kubernetes.io/zone']"),
	"of a mesh": _env("metadata.annotations['sidecar.istio.io/status']"),
	"of the Operator Lifecycle Manager": _env("metadata.annotations['olm.targetNamespaces']"),
	"of others": _env("metadata.annotations['example.com/address']"),
	"another field": _env("metadata.name"),
	"all labels": {"containers": [], "volumes": [{"name": "info", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}, {"path": "cpu", "resourceFieldRef": {}}]}}]},
	"not a path": _env(1),
	"resources of a container": _resources("app", "helper"),
	"resources of an init container": _resources("setup", "setup"),
	"of its own": {"containers": [{"name": "app", "env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]}]},
	"of what is injected": _resources("istio-proxy", "app"),
	"other quotation marks": _env(`metadata.labels["gone"]`),
	"wrong types": {"containers": [{"name": "app", "env": ["text", {"valueFrom": "text"}]}], "volumes": ["text", {"downwardAPI": "text", "projected": {"sources": "text"}}, {"downwardAPI": {"items": ["text"]}}]},
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	field_refs.deny == set() with input as obj
}

_resources(in_env, in_file) := {
	"containers": [{"name": "app", "env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"containerName": in_env, "resource": "limits.cpu"}}}]}, {"name": "helper"}],
	"initContainers": [{"name": "setup"}],
	"volumes": [{"name": "info", "downwardAPI": {"items": [{"path": "r", "resourceFieldRef": {"containerName": in_file, "resource": "limits.cpu"}}]}}],
}

_denied := {
	"resources of no container": {"pod": _resources("ap", "app"), "msg": `env A of container "app" cannot be read: the pods of %s "web" have no container "ap"`, "path": ["containers", 0, "env", 0, "valueFrom", "resourceFieldRef", "containerName"]},
	"a file of no container": {"pod": _resources("app", "ap"), "msg": `the file r of volume info cannot be read: the pods of %s "web" have no container "ap"`, "path": ["volumes", 0, "downwardAPI", "items", 0, "resourceFieldRef", "containerName"]},
	"a label": {"pod": _env("metadata.labels['release']"), "msg": `env A of container "app" is empty: the pods of %s "web" have no label "release"`, "path": ["containers", 0, "env", 0, "valueFrom", "fieldRef", "fieldPath"]},
	"an annotation": {"pod": _env("metadata.annotations['release']"), "msg": `env A of container "app" is empty: the pods of %s "web" have no annotation "release"`, "path": ["containers", 0, "env", 0, "valueFrom", "fieldRef", "fieldPath"]},
	"a common label": {"pod": _env("metadata.labels['app.kubernetes.io/nme']"), "msg": `env A of container "app" is empty: the pods of %s "web" have no label "app.kubernetes.io/nme"`, "path": ["containers", 0, "env", 0, "valueFrom", "fieldRef", "fieldPath"]},
	"a file": {
		"pod": {"containers": [], "volumes": [{"name": "info", "downwardAPI": {"items": [{"path": "r", "fieldRef": {"fieldPath": "metadata.labels['release']"}}]}}]},
		"msg": `the file r of volume info is empty: the pods of %s "web" have no label "release"`,
		"path": ["volumes", 0, "downwardAPI", "items", 0, "fieldRef", "fieldPath"],
	},
	"a projected file": {
		"pod": {"containers": [], "volumes": [{"name": "info", "projected": {"sources": [{}, {"downwardAPI": {"items": [{"path": "r", "fieldRef": {"fieldPath": "metadata.labels['release']"}}]}}]}}]},
		"msg": `the file r of volume info is empty: the pods of %s "web" have no label "release"`,
		"path": ["volumes", 0, "projected", "sources", 1, "downwardAPI", "items", 0, "fieldRef", "fieldPath"],
	},
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind, obj in fixture.workloads(want.pod)
	{[fault.msg, fault.path] | some fault in field_refs.deny} == {[sprintf(want.msg, [kind]), array.concat(fixture.spec_paths[kind], want.path)]} with input as obj
}

test_of_a_prefix_that_the_pod_has if {
	labelled := object.union(fixture.workload("Deployment", _env("metadata.labels['example.com/tier']"), {}), {"spec": {"template": {"metadata": {"labels": {"example.com/team": "a"}}}}})
	[fault.with | some fault in field_refs.deny] == [{["spec", "template", "metadata", "labels", "app"], ["spec", "template", "metadata", "labels", "example.com/team"]}] with input as labelled
}

test_says_nothing_of_what_it_cannot_read if {
	every obj in fixture.unreadable {
		field_refs.deny == set() with input as obj
	}
	every obj in fixture.others {
		field_refs.deny == set() with input as obj
	}
}

test_tracks_of_a_rollout if {
	every want in [["role", 0], ["other", 1]] {
		rollout := fixture.workload("Rollout", _env(sprintf("metadata.labels['%s']", [want[0]])), {"strategy": {"canary": {"canaryMetadata": {"labels": {"role": "canary"}}}}})
		count(field_refs.deny) == want[1] with input as rollout
	}
}
