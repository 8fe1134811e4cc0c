package policies.pod.version_label_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.version_label

_workload(labels, images) := {
	"apiVersion": "apps/v1",
	"kind": "Deployment",
	"metadata": {"name": "web", "namespace": "shop"},
	"spec": {"template": {
		"metadata": {"labels": labels},
		"spec": {"containers": [{"name": sprintf("c%v", [i]), "image": tagged} | some i, tagged in images]},
	}},
}

_template := ["spec", "template"]

_image(index) := array.concat(_template, ["spec", "containers", index, "image"])

test_another_version if {
	version_label.deny == {{
		"msg": `pods of Deployment "web" are labelled version=1.1.0, and container "c0" runs 1.2.0`,
		"path": array.concat(_template, ["metadata", "labels", "version"]),
		"with": {_image(0)},
	}} with input as _workload({"version": "1.1.0"}, ["r.example:5000/web:1.2.0"])
}

test_no_container_of_that_version if {
	version_label.deny == {{
		"msg": `pods of Deployment "web" are labelled app.kubernetes.io/version=v1.1.0, and no container runs that: they run 1.2.0, v0.9`,
		"path": array.concat(_template, ["metadata", "labels", "app.kubernetes.io/version"]),
		"with": {_image(0), _image(1)},
	}} with input as _workload({"app.kubernetes.io/version": "v1.1.0"}, ["web:1.2.0", "proxy:v0.9"])
}

test_allows[note] if {
	some note, [version, images] in {
		"the same": ["1.2.0", ["web:1.2.0"]],
		"with a v": ["1.2.0", ["web:v1.2.0"]],
		"a tag that says more": ["15.2", ["postgres:15.2.1-bookworm"]],
		"a label that says more": ["1.2.0-rc.1", ["web:1.2"]],
		"a sidecar of another version": ["1.2.0", ["web:1.2.0", "proxy:0.9.0"]],
		"a digest alone": ["1.2.0", ["web@sha256:ab"]],
		"a digest beside a version": ["1.2.0", ["web@sha256:ab", "proxy:0.9.0"]],
		"a tag that is no version": ["1.2.0", ["web:sha-1f2e3d4"]],
		"a tag that is no version, beside one": ["1.2.0", ["web:main", "proxy:0.9.0"]],
		"the name of a track": ["v1", ["web:1.2.0"]],
		"a label that is no text": [1.2, ["web:1.3.0"]],
		"no image": ["1.2.0", [null]],
		"no container": ["1.2.0", []],
	}
	version_label.deny == set() with input as _workload({"version": version}, images)
}

# 1.2 is no part of 1.20.
test_a_longer_number if {
	count(version_label.deny) == 1 with input as _workload({"version": "1.2"}, ["web:1.20"])
	count(version_label.deny) == 1 with input as _workload({"version": "1.20.1"}, ["web:1.2"])
}

test_ignores_init_containers if {
	one := _workload({"version": "1.1.0"}, ["web:1.1.0"])
	migrated := object.union(one, {"spec": {"template": {"spec": {"initContainers": [{"name": "migrate", "image": "migrate:4.0.0"}]}}}})
	version_label.deny == set() with input as migrated
	stale := object.union(migrated, {"metadata": {"labels": {"version": "4.0.0"}}})
	version_label.deny == set() with input as stale
}

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		version_label.deny == set() with input as obj
	}
}
