package policies.service.unique_names_test

import data.policies.lib.fixture_test as fixture
import data.policies.service.unique_names

_service(ports) := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"ports": ports}}

_allowed := {
	"one port without a name": [{"port": 80}],
	"two ports with names": [{"name": "http", "port": 80}, {"name": "metrics", "port": 9090}],
	"none": [],
	"text": "text",
	"null": null,
}

_no_name(total, number) := [sprintf(`Service "web" has %d ports and number %d has no name`, [total, number]), number - 1]

_denied := {
	"two without names": [[{"port": 80}, {"port": 90}], {_no_name(2, 1), _no_name(2, 2)}],
	"one of two without": [[{"name": "http", "port": 80}, {"port": 90}], {_no_name(2, 2)}],
	"an empty name": [[{"name": "http", "port": 80}, {"name": "", "port": 90}], {_no_name(2, 2)}],
	"a name of the wrong type": [[{"name": "http", "port": 80}, {"name": 1, "port": 90}], {_no_name(2, 2)}],
	"ports of the wrong type": [["80", "90"], {_no_name(2, 1), _no_name(2, 2)}],
	"a name twice": [[{"name": "http", "port": 80}, {"name": "http", "port": 90}], {[`Service "web" has two ports named http`, 1]}],
}

test_allows[note] if {
	some note, ports in _allowed
	unique_names.deny == set() with input as fixture.overlay([_service(ports)])
}

test_denies[note] if {
	some note, [ports, want] in _denied
	findings := {{"msg": msg, "path": ["objects", 1, "spec", "ports", entry, "name"]} | some [msg, entry] in want}
	unique_names.deny == findings with input as fixture.overlay([{}, _service(ports)])
}

test_denies_an_object_twice[kind] if {
	some kind, obj in fixture.workloads({})
	msg := sprintf(`%s "web" is in the overlay 2 times in namespace shop`, [kind])
	unique_names.deny == {{"msg": msg, "path": ["objects", 2, "metadata", "name"]}} with input as fixture.overlay([obj, {}, obj])
}

test_denies_an_object_twice_in_two_versions if {
	deployment := fixture.workload("Deployment", {}, {})
	count(unique_names.deny) == 1 with input as fixture.overlay([deployment, object.union(deployment, {"apiVersion": "apps/v1beta1"})])
}

# Whoever deploys them says where they are, and it need not be default.
test_objects_without_a_namespace_are_in_one if {
	config := {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}}
	msg := `ConfigMap "web" is in the overlay 2 times`
	unique_names.deny == {{"msg": msg, "path": ["objects", 1, "metadata", "name"]}} with input as fixture.overlay([config, config])
	count(unique_names.deny) == 0 with input as fixture.overlay([config, object.union(config, {"metadata": {"namespace": "default"}})])
}

_different := {
	"another name": {"metadata": {"name": "other"}},
	"another namespace": {"metadata": {"namespace": "other"}},
	"another kind": {"kind": "StatefulSet"},
	"another group": {"apiVersion": "example.com/v1"},
}

test_allows_different_objects[note] if {
	some note, fields in _different
	deployment := fixture.workload("Deployment", {}, {})
	unique_names.deny == set() with input as fixture.overlay([deployment, object.union(deployment, fields)])
}

test_objects_without_a_name_are_not_compared if {
	nameless := {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "web-"}}
	unique_names.deny == set() with input as fixture.overlay([nameless, nameless, {}, {}])
}
