package policies.pod.probes_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.probes

_get := {"httpGet": {"path": "/healthz", "port": 8080}}

_all := {"livenessProbe": _get, "readinessProbe": {"grpc": {"port": 9090}}, "startupProbe": {"exec": {"command": ["/app", "healthcheck"]}}}

_app := object.union({"name": "app"}, _all)

_long_running := ["Pod", "ReplicationController", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Rollout", "DeploymentConfig"]

_allowed := {
	"all three": {"containers": [_app]},
	"an init container without": {"containers": [_app], "initContainers": [{"name": "init"}]},
	"an ephemeral container, which can have none": {"containers": [_app], "ephemeralContainers": [{"name": "debug"}]},
	"a sidecar with all three": {"containers": [_app], "initContainers": [object.union(_all, {"name": "proxy", "restartPolicy": "Always"})]},
}

_no(title, path) := {[sprintf("%s has no %s", [title, field]), array.concat(path, [field])] | some field in ["livenessProbe", "readinessProbe", "startupProbe"]}

_liveness := {[`container "app" has no livenessProbe`, ["containers", 0, "livenessProbe"]]}

_denied := {
	"none of them": {"pod": {"containers": [{"name": "app"}]}, "findings": _no(`container "app"`, ["containers", 0])},
	"one missing": {"pod": {"containers": [object.remove(_app, ["livenessProbe"])]}, "findings": _liveness},
	"one without a handler": {"pod": {"containers": [object.union(_app, {"livenessProbe": {"periodSeconds": 20, "httpGet": null}})]}, "findings": _liveness},
	"one with a handler that is text": {"pod": {"containers": [object.union(_app, {"livenessProbe": {"httpGet": "/healthz"}})]}, "findings": _liveness},
	"one that is text": {"pod": {"containers": [object.union(_app, {"livenessProbe": "/healthz"})]}, "findings": _liveness},
	"a second container": {"pod": {"containers": [_app, {"name": "other"}]}, "findings": _no(`container "other"`, ["containers", 1])},
	"a sidecar": {"pod": {"containers": [_app], "initContainers": [{"name": "proxy", "restartPolicy": "Always"}]}, "findings": _no(`sidecar "proxy"`, ["initContainers", 0])},
}

test_allows[note][kind] if {
	some note, pod in _allowed
	some kind, obj in fixture.workloads(pod)
	probes.deny == set() with input as obj
}

test_denies[note][kind] if {
	some note, want in _denied
	some kind in _long_running
	findings := {fixture.finding(kind, msg, path) | some [msg, path] in want.findings}
	probes.deny == findings with input as fixture.workload(kind, want.pod, {})
}

test_asks_nothing_of_what_ends[kind] if {
	some kind in ["Job", "CronJob"]
	probes.deny == set() with input as fixture.workload(kind, {"containers": [{"name": "app"}]}, {})
}

test_asks_nothing_of_a_pod_that_ends[policy] if {
	some policy in ["Never", "OnFailure"]
	probes.deny == set() with input as fixture.workload("Pod", {"restartPolicy": policy, "containers": [{"name": "app"}]}, {})
}

test_denies_what_it_cannot_read if {
	every obj in fixture.unreadable {
		_is_denied_or_ends(obj)
	}
}

_is_denied_or_ends(obj) if obj.kind in {"Job", "CronJob"}

_is_denied_or_ends(obj) if count(probes.deny) == 3 with input as obj

test_ignores_what_makes_no_pods if {
	every obj in fixture.others {
		probes.deny == set() with input as obj
	}
}

test_allows_what_knative_probes_itself if {
	pods := {"template": {"spec": {"containers": [{"image": "app:1.0.0"}]}}}
	probes.deny == set() with input as {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "web"}, "spec": pods}
}
