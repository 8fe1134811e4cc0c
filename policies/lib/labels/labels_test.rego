package policies.lib.labels_test

import data.policies.lib.fixture_test as fixture
import data.policies.lib.labels

_pod(name, namespace, set) := {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, "labels": set}}

_service := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "a", "labels": {"app": "web"}}}

_overlay := fixture.overlay([
	_pod("web", "a", {"app": "web", "tier": "front"}),
	_pod("api", "a", {"app": "api", "tier": "front"}),
	_pod("web", "b", {"app": "web"}),
	{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare", "labels": {"app": "web"}}},
	_service,
	_pod("none", "a", {}),
])

test_label_selectors if {
	every want in [
		[{"matchLabels": {"app": "web"}}, {"a"}, {0}],
		[{"matchLabels": {"app": "web"}}, {"a", "b", ""}, {0, 2, 3}],
		[{"matchLabels": {"app": "web", "tier": "back"}}, {"a"}, set()],
		[{"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "api"]}]}, {"a"}, {0, 1}],
		[{"matchLabels": {"tier": "front"}, "matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, {"a"}, {1}],
		[{"matchExpressions": [{"key": "app", "operator": "Exists"}]}, {"a"}, {0, 1}],
		[{"matchExpressions": [{"key": "app", "operator": "In"}]}, {"a"}, set()],
		[{}, {"a"}, {0, 1, 5}],
		[null, {"a"}, set()],
		["text", {"a"}, set()],
		[{"matchLabels": "text"}, {"a"}, set()],
		[{"matchLabels": {"app": "web"}}, {"c"}, set()],
	] {
		labels.selected("pods", want[0], want[1]) == want[2] with input as _overlay
	}
	labels.selected("Service", {"matchLabels": {"app": "web"}}, {"a"}) == {4} with input as _overlay
}

test_map_selectors if {
	every want in [[{"app": "web"}, {0}], [{"app": "web", "tier": "front"}, {0}], [{"tier": "front"}, {0, 1}], [{"app": 1}, set()], [{}, set()], [null, set()], ["text", set()]] {
		labels.selected_by_map("pods", want[0], {"a"}) == want[1] with input as _overlay
	}
}

test_namespaces_that_may_be_one if {
	labels.near("pods", "a") == {"a", ""} with input as _overlay
	labels.near("pods", "") == {"a", "b", ""} with input as _overlay
	labels.near("pods", "") == set() with input as fixture.overlay([])
}
