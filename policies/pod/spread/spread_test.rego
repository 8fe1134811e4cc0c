package policies.pod.spread_test

import data.policies.lib.fixture_test as fixture
import data.policies.pod.spread

_constraint := {"topologyKey": "kubernetes.io/hostname", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": {"app": "web"}}}

_term := {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}}

_required(term) := {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}

_preferred(term) := {"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]}}}

_scalable := ["ReplicationController", "Deployment", "StatefulSet", "ReplicaSet"]

_spread := {
	"a constraint": {"topologySpreadConstraints": [{"topologyKey": "topology.kubernetes.io/zone"}, _constraint]},
	"required anti-affinity": _required(_term),
	"preferred anti-affinity": _preferred(_term),
	"anti-affinity that names its own namespace": _required(object.union(_term, {"namespaces": ["other", "shop"]})),
	"anti-affinity over every namespace": _required(object.union(_term, {"namespaceSelector": {}})),
}

_together := {
	"nothing": {},
	"a constraint over zones": {"topologySpreadConstraints": [object.union(_constraint, {"topologyKey": "topology.kubernetes.io/zone"})]},
	"a constraint that selects others": {"topologySpreadConstraints": [object.union(_constraint, {"labelSelector": {"matchLabels": {"app": "other"}}})]},
	"a constraint without a selector": {"topologySpreadConstraints": [object.remove(_constraint, ["labelSelector"])]},
	"a constraint that is text": {"topologySpreadConstraints": ["kubernetes.io/hostname"]},
	"constraints that are text": {"topologySpreadConstraints": "kubernetes.io/hostname"},
	"affinity, the opposite": {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [_term]}}},
	"required anti-affinity against others": _required(object.union(_term, {"labelSelector": {"matchLabels": {"app": "other"}}})),
	"preferred anti-affinity over zones": _preferred(object.union(_term, {"topologyKey": "topology.kubernetes.io/zone"})),
	"anti-affinity in another namespace": _preferred(object.union(_term, {"namespaces": ["other"]})),
	"anti-affinity in some namespaces": _required(object.union(_term, {"namespaceSelector": {"matchLabels": {"team": "other"}}})),
	"affinity that is text": {"affinity": "text"},
	"anti-affinity that is text": {"affinity": {"podAntiAffinity": "text"}},
}

_replicas := {"replicas": 3}

_hpa(kind, api_version, maximum) := {
	"apiVersion": "autoscaling/v2",
	"kind": "HorizontalPodAutoscaler",
	"metadata": {"name": "web", "namespace": "shop"},
	"spec": {"maxReplicas": maximum, "scaleTargetRef": {"apiVersion": api_version, "kind": kind, "name": "web"}},
}

_want(index, kind, count) := fixture.finding_in(
	index, kind,
	sprintf(`%s "web" may have %v replicas and nothing keeps them on different nodes`, [kind, count]),
	["topologySpreadConstraints"],
)

test_allows_replicas_with[note][kind] if {
	some note, pod in _spread
	some kind in _scalable
	spread.deny == set() with input as fixture.overlay([fixture.workload(kind, pod, _replicas)])
}

test_denies_replicas_with[note][kind] if {
	some note, pod in _together
	some kind in _scalable
	spread.deny == {_want(1, kind, 3)} with input as fixture.overlay([{}, fixture.workload(kind, pod, _replicas)])
}

test_one_replica_needs_no_spreading[note][kind] if {
	some note, fields in {"by default": {}, "one": {"replicas": 1}, "none": {"replicas": 0}}
	some kind in _scalable
	spread.deny == set() with input as fixture.overlay([fixture.workload(kind, {}, fields)])
}

test_an_autoscaler_above_one_asks_for_spreading[kind] if {
	some kind in _scalable
	obj := fixture.workload(kind, {}, {})
	spread.deny == {_want(0, kind, 2)} with input as fixture.overlay([obj, _hpa(kind, obj.apiVersion, 2)])
	spread.deny == set() with input as fixture.overlay([obj, _hpa(kind, obj.apiVersion, 1)])
	spread.deny == set() with input as fixture.overlay([obj, _hpa("Other", obj.apiVersion, 2)])
}

test_an_unreadable_number_of_replicas_asks_for_spreading[kind] if {
	some kind in _scalable
	spread.deny == {_want(0, kind, "an unknown number of")} with input as fixture.overlay([fixture.workload(kind, {}, {"replicas": "3"})])
}

test_denies_replicas_that_it_cannot_read if {
	every kind in _scalable {
		obj := object.union(fixture.workload(kind, {}, {}), {"spec": {"replicas": 3, "template": "text"}})
		spread.deny == {_want(0, kind, 3)} with input as fixture.overlay([obj])
	}
}

test_kinds_without_replicas_are_not_asked[kind] if {
	some kind in ["Pod", "DaemonSet", "Job", "CronJob"]
	spread.deny == set() with input as fixture.overlay([fixture.workload(kind, {}, {"parallelism": 3, "replicas": 3})])
}

test_ignores_what_makes_no_pods if {
	spread.deny == set() with input as fixture.overlay([obj | some obj in fixture.others])
}
