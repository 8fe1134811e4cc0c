package policies.lib.pods_test

import data.policies.lib.fixture_test as fixture
import data.policies.lib.pods

_named(api_version, kind, rest) := object.union({"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "namespace": "shop"}}, rest)

_policy(selector) := _named("networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": selector}})

_peer(fields) := _named("networking.k8s.io/v1", "NetworkPolicy", {"spec": {"podSelector": {}, "egress": [{}, {"to": [{"ipBlock": {}}, fields]}]}})

_web := fixture.workload("Deployment", {"containers": [{"name": "app", "ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}, "text"]}]}, {})

_paths(objects) := paths if {
	paths := {found.blame | some found in pods.input_idle} with input as fixture.overlay(objects)
}

_other := {"matchLabels": {"app": "other"}}

test_groups_have_labels_and_ports if {
	groups := pods.input_groups with input as fixture.overlay([_web])
	groups == [{
		"index": 0, "title": `Deployment "web"`, "namespace": "shop", "labels": [{"app": "web"}], "open": [], "besides": {},
		"ports": [
			{"name": "http", "number": 8080, "protocol": "TCP", "path": ["spec", "template", "spec", "containers", 0, "ports", 0]},
			{"name": "", "number": 53, "protocol": "UDP", "path": ["spec", "template", "spec", "containers", 0, "ports", 1]},
		],
	}]
}

_cluster(spec) := _named("postgresql.cnpg.io/v1", "Cluster", {"spec": spec})

_port_names(obj) := names if {
	[group] := pods.input_groups with input as fixture.overlay([obj])
	names := {port.name | some port in group.ports}
	group.ports != null
} else := "unknown"

test_ports_of_operators if {
	_port_names(_cluster({})) == {"metrics", "postgresql", "status"}
	_port_names(_cluster({"plugins": [{"name": "barman"}]})) == "unknown"
	_port_names(_named("postgresql.cnpg.io/v1", "Pooler", {})) == {"metrics", "pgbouncer"}
	_port_names(_named("postgresql.cnpg.io/v1", "Pooler", {"spec": {"template": {}}})) == "unknown"
	_port_names(_named("monitoring.coreos.com/v1", "Prometheus", {})) == {"reloader-init", "reloader-web", "web"}
	_port_names(_named("monitoring.coreos.com/v1", "PrometheusAgent", {})) == {"reloader-init", "reloader-web", "web"}
	every field in ["containers", "listenLocal", "portName", "thanos"] {
		_port_names(_named("monitoring.coreos.com/v1", "Prometheus", {"spec": {field: "a"}})) == "unknown"
	}
	_port_names(_named("monitoring.coreos.com/v1", "Alertmanager", {})) == "unknown"
}

test_kinds_that_select if {
	every api_version, case in {
		"extensions.istio.io/v1alpha1": ["WasmPlugin", {"selector": _other}],
		"argoproj.io/v1alpha1": ["Rollout", {"selector": _other}],
		"networking.istio.io/v1beta1": ["ServiceEntry", {"workloadSelector": {"labels": {"app": "other"}}}],
		"networking.istio.io/v1alpha1": ["DestinationRule", {"workloadSelector": _other}],
		"monitoring.coreos.com/v1": ["PodMonitor", {"selector": _other}],
		"networking.istio.io/v1": ["Sidecar", {"workloadSelector": {"labels": {"app": "other"}}}],
		"networking.istio.io/v1alpha3": ["EnvoyFilter", {"workloadSelector": {"labels": {"app": "other"}}}],
		"networking.k8s.io/v1": ["NetworkPolicy", {"podSelector": _other}],
		"policy/v1": ["PodDisruptionBudget", {"selector": _other}],
		"security.istio.io/v1": ["PeerAuthentication", {"selector": _other}],
		"security.istio.io/v1beta1": ["AuthorizationPolicy", {"selector": _other}],
		"security.istio.io/v1alpha1": ["RequestAuthentication", {"selector": _other}],
		"telemetry.istio.io/v1": ["Telemetry", {"selector": _other}],
	} {
		[kind, spec] := case
		count(_paths([_web, _named(api_version, kind, {"spec": spec})])) == 1
		right := json.unmarshal(replace(json.marshal(spec), "other", "web"))
		_paths([_web, _named(api_version, kind, {"spec": right})]) == set()
	}
}

_nothing := {
	"every pod": _policy({}),
	"every pod, at length": _policy({"matchLabels": {}, "matchExpressions": []}),
	"text": _policy("text"),
	"no selector": _named("security.istio.io/v1", "PeerAuthentication", {"spec": {"mtls": {"mode": "STRICT"}}}),
	"a selector of nothing": _named("security.istio.io/v1", "PeerAuthentication", {"spec": {"selector": {"matchLabels": {}}}}),
	"another namespace": _named("networking.k8s.io/v1", "NetworkPolicy", {"metadata": {"namespace": "other"}, "spec": {"podSelector": _other}}),
	"the root of a mesh": _named("security.istio.io/v1", "AuthorizationPolicy", {"metadata": {"namespace": "istio-system"}, "spec": {"selector": _other}}),
	"every namespace": _named("monitoring.coreos.com/v1", "PodMonitor", {"spec": {"selector": _other, "namespaceSelector": {"any": true}}}),
	"namespaces that are not known": _named("monitoring.coreos.com/v1", "PodMonitor", {"spec": {"selector": _other, "namespaceSelector": {"matchNames": ["shop", "other"]}}}),
	"an expression": _policy({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web", "other"]}]}),
	"what a controller gives": _policy({"matchLabels": {"app": "web", "pod-template-hash": "5d7f"}}),
	"what a controller gives, in expressions": _policy({"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}]}),
	"an address": _peer({"ipBlock": {"cidr": "10.0.0.0/8"}}),
	"a peer": _peer({"podSelector": {"matchLabels": {"app": "web"}}}),
	"a peer by its namespace": _peer({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}, "podSelector": {"matchLabels": {"app": "web"}}}),
	"a peer of namespaces by a label": _peer({"namespaceSelector": {"matchLabels": {"team": "a"}}, "podSelector": _other}),
	"a peer of every namespace": _peer({"namespaceSelector": {}, "podSelector": _other}),
	"a peer in a namespace that is not known": _peer({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}, "podSelector": _other}),
}

test_selects_or_is_not_known[note] if {
	some note, obj in _nothing
	_paths([_web, obj]) == set()
}

_selects_nothing := {
	"a label": [_policy(_other), ["spec", "podSelector", "matchLabels", "app"]],
	"one label of two": [_policy({"matchLabels": {"app": "web", "track": "canary"}}), ["spec", "podSelector", "matchLabels", "track"]],
	"two labels": [_policy({"matchLabels": {"app": "other", "track": "canary"}}), ["spec", "podSelector"]],
	"an expression": [_policy({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}), ["spec", "podSelector"]],
	"beside what a controller gives": [_policy({"matchLabels": {"app": "other", "pod-template-hash": "5d7f"}}), ["spec", "podSelector", "matchLabels", "app"]],
	"a map": [_named("networking.istio.io/v1", "Sidecar", {"spec": {"workloadSelector": {"labels": {"app": "other"}}}}), ["spec", "workloadSelector", "labels", "app"]],
	"named namespaces": [_named("monitoring.coreos.com/v1", "PodMonitor", {"metadata": {"namespace": "other"}, "spec": {"selector": _other, "namespaceSelector": {"matchNames": ["shop"]}}}), ["spec", "selector", "matchLabels", "app"]],
	"a peer": [_peer({"podSelector": _other}), ["spec", "egress", 1, "to", 1, "podSelector", "matchLabels", "app"]],
	"a peer by its namespace": [_peer({"namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["shop"]}]}, "podSelector": _other}), ["spec", "egress", 1, "to", 1, "podSelector", "matchLabels", "app"]],
}

test_selects_nothing[note] if {
	some note, [obj, path] in _selects_nothing
	_paths([_web, obj]) == {path}
}

_beside := {
	"a kind of an operator": _named("example.com/v1", "Cache", {}),
	"a kind that makes pods as well": _named("argoproj.io/v1alpha1", "Workflow", {}),
	"a mesh with machines": _named("networking.istio.io/v1", "WorkloadEntry", {}),
}

test_says_nothing_beside[note] if {
	some note, obj in _beside
	_paths([_web, obj, _named("security.istio.io/v1", "PeerAuthentication", {"spec": {"selector": _other}})]) == set()
}

test_kinds_that_make_no_pods if {
	every api_version, kind in {"argoproj.io/v1alpha1": "Application", "cert-manager.io/v1": "Certificate", "source.toolkit.fluxcd.io/v1": "GitRepository", "gateway.networking.k8s.io/v1": "HTTPRoute"} {
		count(_paths([_web, _named(api_version, kind, {}), _policy(_other)])) == 1
	}
}

_external(declared) := found if {
	found := {found.blame | some found in pods.input_idle} with input as object.union(fixture.overlay([_web, _policy(_other), _named("v1", "Service", {}), _cluster({})]), {"external": [declared]})
}

test_says_nothing_of_namespaces_of_others if {
	_external({"kind": "Namespace", "namespace": "", "name": "shop"}) == set()
	_external({"kind": "Service", "namespace": "shop", "name": "cache"}) == set()
	count(_external({"kind": "Service", "namespace": "other", "name": "cache"})) == 1
	count(_external({"kind": "Service", "namespace": "shop", "name": "web"})) == 1
	count(_external({"kind": "Service", "namespace": "shop", "name": "web-rw"})) == 1
}

test_says_nothing_of_namespaces_of_a_cluster if {
	every namespace in ["kube-system", "openshift-dns"] {
		objects := [object.union(obj, {"metadata": {"namespace": namespace}}) | some obj in [_web, _policy(_other)]]
		_paths(objects) == set()
	}
}

test_pods_of_operators if {
	every labels, count_found in {
		{"cnpg.io/cluster": "web"}: 0,
		{"cnpg.io/cluster": "web", "cnpg.io/instanceName": "web-1"}: 0,
		{"cnpg.io/cluster": "web", "cnpg.io/instanceRole": "replica"}: 0,
		{"cnpg.io/cluster": "other"}: 1,
		{"cnpg.io/clster": "web"}: 1,
	} {
		count(_paths([_cluster({}), _policy({"matchLabels": labels})])) == count_found
	}
	collector := _named("opentelemetry.io/v1beta1", "OpenTelemetryCollector", {})
	every labels, count_found in {
		{"app.kubernetes.io/instance": "shop.web"}: 0,
		{"app.kubernetes.io/name": "web-targetallocator"}: 0,
		{"app.kubernetes.io/version": "latest"}: 0,
		{"app.kubernetes.io/name": "other"}: 1,
		{"app": "web"}: 1,
	} {
		count(_paths([collector, _policy({"matchLabels": labels})])) == count_found
	}
	nowhere := [object.remove(collector, ["metadata"]), {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"podSelector": {"matchLabels": {"app.kubernetes.io/instance": "shop.web"}}}}]
	anywhere := object.union(nowhere[0], {"metadata": {"name": "web"}})
	_paths([anywhere, nowhere[1]]) == set()
}

test_selects_for_certain if {
	groups := pods.input_groups with input as fixture.overlay([_cluster({})])
	pods.selects({"matchLabels": {"cnpg.io/cluster": "web"}}, groups[0])
	not pods.selects({"matchLabels": {"cnpg.io/instanceRole": "primary"}}, groups[0])
	pods.may_select({"matchLabels": {"cnpg.io/instanceRole": "primary"}}, groups[0])
	not pods.selects({"matchLabels": {"cnpg.io/instanceName": "web-1"}}, groups[0])
}

test_what_is_missing if {
	missing := {found.missing | some found in pods.input_idle} with input as fixture.overlay([
		_web,
		_policy({"matchLabels": {"app": "other", "pod-template-hash": "5d7f"}}),
		_policy({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}, {"key": "pod-template-hash", "operator": "Exists"}]}),
	])
	missing == {
		{"kind": "pods", "namespace": "shop", "name": `{"app":"other"}`},
		{"kind": "pods", "namespace": "shop", "name": `{"matchExpressions":[{"key":"app","operator":"DoesNotExist"}],"matchLabels":{}}`},
	}
}

test_described if {
	texts := {pods.described(found) | some found in pods.input_idle} with input as fixture.overlay([
		_web,
		object.union(_web, {"metadata": {"namespace": "other"}}),
		_policy(_other),
		_policy({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}),
		_named("monitoring.coreos.com/v1", "PodMonitor", {"spec": {"selector": _other, "namespaceSelector": {"matchNames": ["shop", "other"]}}}),
	])
	texts == {
		`no pod of namespace shop has the labels {"app":"other"}`,
		`no pod of namespace shop is selected by {"matchExpressions":[{"key":"app","operator":"DoesNotExist"}]}`,
		`no pod of the namespaces shop, other has the labels {"app":"other"}`,
	}
}

test_pods_of_which_not_all_labels_are_known if {
	every api_version, kind in {
		"elasticsearch.k8s.elastic.co/v1": "Elasticsearch",
		"jobset.x-k8s.io/v1alpha2": "JobSet",
		"kafka.strimzi.io/v1beta2": "Kafka",
		"kubeflow.org/v1": "PyTorchJob",
		"leaderworkerset.x-k8s.io/v1": "LeaderWorkerSet",
		"rabbitmq.com/v1beta1": "RabbitmqCluster",
		"ray.io/v1": "RayCluster",
		"sparkoperator.k8s.io/v1beta2": "SparkApplication",
	} {
		obj := _named(api_version, kind, {"spec": {}})
		_paths([_web, obj, _policy(_other)]) == set()
		pods.may_have_others("shop") with input as fixture.overlay([obj])
		not pods.may_have_others("other") with input as fixture.overlay([obj])
		count(_paths([_web, object.union(obj, {"metadata": {"namespace": "other"}}), _policy(_other)])) == 1
	}
	not pods.may_have_others("shop") with input as fixture.overlay([_web])
}

_role(rule) := _named("rbac.authorization.k8s.io/v1", "Role", {"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}, rule]})

test_pods_that_are_made_at_run_time if {
	every rule in [
		{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "create"]},
		{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]},
		{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
	] {
		_paths([_web, _role(rule), _policy(_other)]) == set()
	}
	every rule in [
		{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "delete"]},
		{"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]},
		{"apiGroups": ["apps"], "resources": ["pods"], "verbs": ["create"]},
		"text",
		{},
	] {
		count(_paths([_web, _role(rule), _policy(_other)])) == 1
	}
}

test_labels_of_databases if {
	recommended := {"matchLabels": {"cnpg.io/cluster": "web", "app.kubernetes.io/name": "postgresql"}}
	_paths([_cluster({}), _policy(recommended)]) == set()
	every labels, count_found in {
		{"app.kubernetes.io/instance": "web"}: 0,
		{"app.kubernetes.io/version": "17"}: 0,
		{"app.kubernetes.io/name": "web"}: 1,
		{"app.kubernetes.io/instance": "other"}: 1,
		{"app.kubernetes.io/part-of": "web"}: 1,
	} {
		count(_paths([_cluster({}), _policy({"matchLabels": labels})])) == count_found
	}
	every label in ["app.kubernetes.io/name", "app.kubernetes.io/version"] {
		_paths([_cluster({}), _policy({"matchExpressions": [{"key": label, "operator": "Exists"}]})]) == set()
	}
	pooler := _named("postgresql.cnpg.io/v1", "Pooler", {"spec": {"template": {"metadata": {"labels": {"app": "pool"}}}}})
	_paths([pooler, _policy({"matchLabels": {"app": "pool"}})]) == set()
	_paths([pooler, _policy(recommended)]) == set()
	count(_paths([pooler, _policy(_other)])) == 1
}

_rollout := object.union(fixture.workload("Rollout", {}, {}), {"spec": {"strategy": {"canary": {"canaryMetadata": {"labels": {"role": "canary"}}, "stableMetadata": {"labels": {"role": "stable"}}}}}})

test_labels_of_the_tracks_of_a_rollout if {
	every track in ["canary", "stable"] {
		_paths([_rollout, _policy({"matchLabels": {"app": "web", "role": track}})]) == set()
	}
	count(_paths([_rollout, _policy({"matchLabels": {"role": "other"}})])) == 1
}

_injected(port, annotations) if {
	web := object.union(fixture.workload("Deployment", {}, {}), {"spec": {"template": {"metadata": {"annotations": annotations}}}})
	pods.is_injected(port, pods.input_groups) with input as fixture.overlay([web])
}

test_injected_ports if {
	every port in ["http-envoy-prom", "linkerd-admin", 15020, "15020", 4191] {
		_injected(port, {})
	}
	not _injected("http", {})
	not _injected(8080, {})
}

# Dapr gives its ports to pods that ask for them.
test_injected_ports_that_are_asked_for if {
	every port in ["dapr-metrics", 9090, "9090"] {
		_injected(port, {"dapr.io/enabled": "true"})
		_injected(port, {"dapr.io/enabled": "1"})
		_injected(port, {"dapr.io/enabled": "${DAPR}"})
		not _injected(port, {"dapr.io/enabled": "false"})
		not _injected(port, {"dapr.io/config": "tracing"})
		not _injected(port, {})
	}
	rollout := {"spec": {"strategy": {"canary": {"canaryMetadata": {"annotations": {"dapr.io/enabled": "true"}}}}}}
	pods.is_injected(9090, pods.input_groups) with input as fixture.overlay([object.union(fixture.workload("Rollout", {}, {}), rollout)])

	# Nobody here knows what an operator annotates its pods with.
	pods.is_injected(9090, pods.input_groups) with input as fixture.overlay([_cluster({})])
}

test_selected_by_map if {
	titles := {pods.titles(pods.selected_by_map(map, "shop")) | some map in [{"app": "web"}, {"cnpg.io/cluster": "web"}, {"app": "other"}, {}]} with input as fixture.overlay([_web, _cluster({})])
	titles == {`Deployment "web"`, `Cluster "web"`, ""}
}

# Of several ports that Services go to, one is named.
test_behind_several_services if {
	services := [_named("v1", "Service", {"spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": port}]}}) | some port in [9090, "http", "gone", 0, 7070]]
	numbers := {number | number := pods.behind(80, "TCP", pods.input_groups)} with input as fixture.overlay([_web, services[0], services[1], services[2], services[4]])
	numbers == {7070}
	kept := {number | number := pods.behind(80, "TCP", pods.input_groups)} with input as fixture.overlay(array.concat([_web], services))
	kept == set()
}
