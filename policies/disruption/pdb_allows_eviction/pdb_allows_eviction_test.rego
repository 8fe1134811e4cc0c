package policies.disruption.pdb_allows_eviction_test

import data.policies.disruption.pdb_allows_eviction
import data.policies.lib.fixture_test as fixture

_budget(bound) := {
	"apiVersion": "policy/v1",
	"kind": "PodDisruptionBudget",
	"metadata": {"name": "web", "namespace": "shop"},
	"spec": object.union({"selector": {"matchLabels": {"app": "web"}}}, bound),
}

_hpa(obj, minimum) := {
	"apiVersion": "autoscaling/v2",
	"kind": "HorizontalPodAutoscaler",
	"metadata": {"name": "web", "namespace": "shop"},
	"spec": {"minReplicas": minimum, "maxReplicas": 10, "scaleTargetRef": {"apiVersion": obj.apiVersion, "kind": obj.kind, "name": "web"}},
}

_scalable := ["ReplicationController", "Deployment", "StatefulSet", "ReplicaSet"]

# Replicas and a bound that leaves room.
_allowed := {
	"one may go": [3, {"maxUnavailable": 1}],
	"one of one may go": [1, {"maxUnavailable": 1}],
	"a little of few, rounded up": [2, {"maxUnavailable": "1%"}],
	"two of three stay": [3, {"minAvailable": 2}],
	"half of three stay, which is two": [3, {"minAvailable": "50%"}],
	"none has to stay": [1, {"minAvailable": 0}],
	"nothing runs": [0, {"minAvailable": 1}],
}

_blocked(field, value, pods) := {"msg": sprintf(`PodDisruptionBudget "web" allows no eviction: %s is %v and there may be only %v pods`, [field, value, pods]), "path": ["objects", 0, "spec", field]}

_never(field, value) := {"msg": sprintf(`PodDisruptionBudget "web" allows no eviction ever: %s is %v`, [field, value]), "path": ["objects", 0, "spec", field]}

_unreadable(field, value) := {"msg": sprintf(`PodDisruptionBudget "web" has no bound that can be read: %s is %v`, [field, value]), "path": ["objects", 0, "spec", field]}

_denied := {
	"all stay": [3, {"minAvailable": 3}, _blocked("minAvailable", 3, 3)],
	"more stay than there are": [2, {"minAvailable": 3}, _blocked("minAvailable", 3, 2)],
	"half of one stays, which is the one": [1, {"minAvailable": "50%"}, _blocked("minAvailable", "50%", 1)],
	"most of two stay, which is both": [2, {"minAvailable": "51%"}, _blocked("minAvailable", "51%", 2)],
	"none may go": [3, {"maxUnavailable": 0}, _never("maxUnavailable", 0)],
	"no per cent may go": [3, {"maxUnavailable": "0%"}, _never("maxUnavailable", "0%")],
	"every per cent stays": [3, {"minAvailable": "100%"}, _never("minAvailable", "100%")],
	"no bound": [3, {}, _unreadable("minAvailable", "not set")],
	"a null bound": [3, {"maxUnavailable": null}, _unreadable("minAvailable", "not set")],
	"a number in text": [3, {"maxUnavailable": "1"}, _unreadable("maxUnavailable", "1")],
	"a negative number": [3, {"minAvailable": -1}, _unreadable("minAvailable", -1)],
	"text": [3, {"minAvailable": "half"}, _unreadable("minAvailable", "half")],
}

# Without what else could give way.
_deny(objects) := faults if {
	faults := {object.remove(fault, ["with"]) | some fault in pdb_allows_eviction.deny} with input as fixture.overlay(objects)
}

test_allows[note][kind] if {
	some note, [replicas, bound] in _allowed
	some kind in _scalable
	pdb_allows_eviction.deny == set() with input as fixture.overlay([_budget(bound), fixture.workload(kind, {}, {"replicas": replicas})])
}

test_denies[note][kind] if {
	some note, [replicas, bound, want] in _denied
	some kind in _scalable
	_deny([_budget(bound), fixture.workload(kind, {}, {"replicas": replicas})]) == {want}
}

test_the_autoscalers_minimum_counts[kind] if {
	some kind in _scalable
	obj := fixture.workload(kind, {}, {})
	_deny([_budget({"minAvailable": 2}), obj, _hpa(obj, 2)]) == {_blocked("minAvailable", 2, 2)}
	pdb_allows_eviction.deny == set() with input as fixture.overlay([_budget({"minAvailable": 2}), obj, _hpa(obj, 3)])
}

test_a_budget_over_two_workloads_counts_both if {
	stable := fixture.workload("Deployment", {}, {"replicas": 2})
	canary := object.union(stable, {"metadata": {"name": "canary"}})
	pdb_allows_eviction.deny == set() with input as fixture.overlay([_budget({"minAvailable": 3}), stable, canary])
	_deny([_budget({"minAvailable": 4}), stable, canary]) == {_blocked("minAvailable", 4, 4)}
}

test_the_number_of_an_operators_pods_is_not_known if {
	cluster := {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"instances": 1}}
	pdb_allows_eviction.deny == set() with input as fixture.overlay([_budget({"minAvailable": 1}), cluster])
	pdb_allows_eviction.deny == {_never("maxUnavailable", 0)} with input as fixture.overlay([_budget({"maxUnavailable": 0}), cluster])
}

test_what_cannot_be_read_is_no_error if {
	every spec in ["text", null, []] {
		count(pdb_allows_eviction.deny) == 1 with input as fixture.overlay([object.union(_budget({}), {"spec": spec})])
	}
	pdb_allows_eviction.deny == set() with input as fixture.overlay([obj | some obj in fixture.unreadable])
}

test_names_what_says_how_many_pods_there_are if {
	stable := fixture.workload("Deployment", {}, {})
	canary := object.union(fixture.workload("Deployment", {}, {"replicas": 0}), {"metadata": {"name": "canary"}})
	[fault.with | some fault in pdb_allows_eviction.deny] == [{
		["objects", 2, "spec", "replicas"],
		["objects", 3, "spec", "minReplicas"],
	}] with input as fixture.overlay([_budget({"minAvailable": 4}), stable, canary, _hpa(stable, 2)])
}
