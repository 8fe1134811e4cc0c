package policies.pod.resources_set_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.resources_set

_full := {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"cpu": 2, "memory": "1Gi"}}

_pod(resources) := {"containers": [{"name": "app", "resources": resources}]}

_allowed := {
	"all four": _pod(_full),
	"all four on every container": object.union(_pod(_full), {"initContainers": [{"name": "init", "resources": _full}, {"name": "proxy", "restartPolicy": "Always", "resources": _full}]}),
	"an ephemeral container, which can have none": object.union(_pod(_full), {"ephemeralContainers": [{"name": "debug"}]}),
}

_missing(title, path, fields) := {[sprintf("%s has no resources.%s", [title, concat(".", field)]), array.concat(path, array.concat(["resources"], field))] | some field in fields}

_every_field := [["requests", "cpu"], ["requests", "memory"], ["limits", "cpu"], ["limits", "memory"]]

_all := _missing(`container "app"`, ["containers", 0], _every_field)

_limit := _missing(`container "app"`, ["containers", 0], [["limits", "memory"]])

_with_limit(limit) := _pod({"requests": _full.requests, "limits": {"cpu": "1", "memory": limit}})

_denied := {
	"no resources": {"pod": {"containers": [{"name": "app"}]}, "findings": _all},
	"empty resources": {"pod": _pod({}), "findings": _all},
	"resources that are text": {"pod": _pod("text"), "findings": _all},
	"null": {"pod": _pod(null), "findings": _all},
	"no limits": {"pod": _pod({"requests": _full.requests}), "findings": _missing(`container "app"`, ["containers", 0], [["limits", "cpu"], ["limits", "memory"]])},
	"no requests": {"pod": _pod({"limits": _full.limits}), "findings": _missing(`container "app"`, ["containers", 0], [["requests", "cpu"], ["requests", "memory"]])},
	"one missing": {"pod": _pod({"requests": _full.requests, "limits": {"cpu": "1"}}), "findings": _limit},
	"zero, which is no limit": {"pod": _with_limit("0"), "findings": _limit},
	"no quantity": {"pod": _with_limit("1 GB"), "findings": _limit},
	"a list": {"pod": _with_limit(["1Gi"]), "findings": _limit},
	"an init container": {"pod": object.union(_pod(_full), {"initContainers": [{"name": "init"}]}), "findings": _missing(`init container "init"`, ["initContainers", 0], _every_field)},
	"a sidecar": {"pod": object.union(_pod(_full), {"initContainers": [{"name": "proxy", "restartPolicy": "Always"}]}), "findings": _missing(`sidecar "proxy"`, ["initContainers", 0], _every_field)},
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	resources_set.deny == set() with input as obj
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind, obj in fixture.workloads(want.pod)
	findings := {fixture.finding(kind, msg, path) | some [msg, path] in want.findings}
	resources_set.deny == findings with input as obj
}

test_denies_what_it_cannot_read if {
	every obj in fixture.unreadable {
		count(resources_set.deny) > 0 with input as obj
	}
}

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		resources_set.deny == set() with input as obj
	}
}

test_asks_nothing_of_what_operators_set[label] if {
	some label, obj in fixture.operated({}, {})
	resources_set.deny == set() with input as obj
}

test_denies_a_pod_template_without_any if {
	obj := {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "web"}, "template": {"spec": {"containers": [{"name": "app"}]}}}
	count(resources_set.deny) == 4 with input as obj
}
