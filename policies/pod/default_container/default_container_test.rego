package policies.pod.default_container_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.default_container

_with(annotation, value) := object.union(fixture.workload("Deployment", {"containers": [{"name": "app"}], "initContainers": [{"name": "init"}]}, {}), {"spec": {"template": {"metadata": {"annotations": {annotation: value}}}}})

_annotations := ["kubectl.kubernetes.io/default-container", "kubectl.kubernetes.io/default-logs-container"]

test_containers_of_the_pod if {
	every annotation in _annotations {
		every value in ["app", "init", "istio-proxy", "${CONTAINER}", 1, null] {
			default_container.deny == set() with input as _with(annotation, value)
		}
	}
	default_container.deny == set() with input as _with("example.com/default-container", "web")
}

test_another_container if {
	every annotation in _annotations {
		default_container.deny == {{
			"path": ["spec", "template", "metadata", "annotations", annotation],
			"msg": sprintf(`%s is "web", and the pods of Deployment "web" have no such container`, [annotation]),
		}} with input as _with(annotation, "web")
	}
}

test_says_nothing_of_what_it_cannot_read if {
	every obj in fixture.unreadable {
		default_container.deny == set() with input as obj
	}
	every obj in fixture.others {
		default_container.deny == set() with input as obj
	}
}
