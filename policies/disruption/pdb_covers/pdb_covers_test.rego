package policies.disruption.pdb_covers_test

import data.policies.disruption.pdb_covers
import data.policies.lib.fixture_test as fixture

_budget(name, selector) := {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": "shop"}, "spec": {"maxUnavailable": 1, "selector": selector}}

_web := {"matchLabels": {"app": "web"}}

_hpa(obj, maximum) := {
	"apiVersion": "autoscaling/v2",
	"kind": "HorizontalPodAutoscaler",
	"metadata": {"name": "web", "namespace": "shop"},
	"spec": {"maxReplicas": maximum, "scaleTargetRef": {"apiVersion": obj.apiVersion, "kind": obj.kind, "name": "web"}},
}

_scalable := ["ReplicationController", "Deployment", "StatefulSet", "ReplicaSet", "Rollout", "DeploymentConfig"]

_three(kind) := fixture.workload(kind, {}, {"replicas": 3})

_uncovered(kind, replicas) := {
	"msg": sprintf(`%s "web" may have %v replicas and no PodDisruptionBudget of namespace shop selects them`, [kind, replicas]),
	"path": ["objects", 0],
}

test_allows_one_budget[kind] if {
	some kind in _scalable
	pdb_covers.deny == set() with input as fixture.overlay([_three(kind), _budget("web", _web)])
}

test_denies_no_budget[kind] if {
	some kind in _scalable
	pdb_covers.deny == {_uncovered(kind, 3)} with input as fixture.overlay([_three(kind)])
}

test_denies_no_budget_where_an_autoscaler_goes_above_one[kind] if {
	some kind in _scalable
	obj := fixture.workload(kind, {}, {})
	pdb_covers.deny == {_uncovered(kind, 2)} with input as fixture.overlay([obj, _hpa(obj, 2)])
	pdb_covers.deny == set() with input as fixture.overlay([obj, _hpa(obj, 1)])
}

test_denies_an_unreadable_number_of_replicas[kind] if {
	some kind in _scalable
	pdb_covers.deny == {_uncovered(kind, "an unknown number of")} with input as fixture.overlay([fixture.workload(kind, {}, {"replicas": "3"})])
}

test_one_replica_needs_no_budget[kind] if {
	some kind in _scalable
	pdb_covers.deny == set() with input as fixture.overlay([fixture.workload(kind, {}, {"replicas": 1})])
}

test_kinds_without_replicas_need_no_budget[kind] if {
	some kind in ["Pod", "DaemonSet", "Job", "CronJob"]
	pdb_covers.deny == set() with input as fixture.overlay([_three(kind)])
}

test_denies_two_budgets[kind] if {
	some kind, obj in fixture.workloads({})
	msg := sprintf(`the pods of %s "web" cannot be evicted: PodDisruptionBudget "a", PodDisruptionBudget "b" all select them`, [kind])
	pdb_covers.deny == {{"msg": msg, "path": ["objects", 0]}} with input as fixture.overlay([obj, _budget("a", _web), _budget("b", {})])
}

test_a_budget_elsewhere_covers_nothing[note] if {
	some note, selector in {"other labels": {"matchLabels": {"app": "other"}}, "no selector": null, "text": "app"}
	pdb_covers.deny == {_uncovered("Deployment", 3)} with input as fixture.overlay([_three("Deployment"), _budget("web", selector)])
}

test_a_budget_of_another_namespace_covers_nothing if {
	budget := object.union(_budget("web", _web), {"metadata": {"namespace": "other"}})
	count(pdb_covers.deny) == 1 with input as fixture.overlay([_three("Deployment"), budget])
}

test_a_budget_without_a_spec_covers_nothing[note] if {
	some note, spec in {"null": null, "text": "text", "a list": []}
	pdb_covers.deny == {_uncovered("Deployment", 3)} with input as fixture.overlay([_three("Deployment"), object.union(_budget("web", _web), {"spec": spec})])
}

test_a_budget_may_select_an_operators_pods if {
	cluster := {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db", "namespace": "shop"}, "spec": {"instances": 3}}
	pdb_covers.deny == set() with input as fixture.overlay([cluster, _budget("db", {"matchLabels": {"cnpg.io/cluster": "db"}})])
}

test_ignores_other_objects if {
	pdb_covers.deny == set() with input as fixture.overlay([obj | some obj in fixture.others])
}
