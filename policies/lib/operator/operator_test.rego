package policies.lib.operator_test

import data.policies.lib.operator

_cluster := {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db", "namespace": "shop", "labels": {"team": "a"}}}

_pooler := {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Pooler", "metadata": {"name": "pool"}}

_collector := {"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "otel", "namespace": "observability"}}

test_map_selectors_of_operators_pods if {
	operator.is_selected_by_map(_cluster, {"cnpg.io/cluster": "db"})
	operator.is_selected_by_map(_cluster, {"cnpg.io/cluster": "db", "cnpg.io/instanceRole": "primary"})
	operator.is_selected_by_map(_cluster, {"cnpg.io/cluster": "db", "role": "replica", "team": "a"})
	operator.is_selected_by_map(_pooler, {"cnpg.io/poolerName": "pool"})
	operator.is_selected_by_map(_collector, {"app.kubernetes.io/component": "opentelemetry-collector", "app.kubernetes.io/instance": "observability.otel"})
	not operator.is_selected_by_map(_cluster, {"cnpg.io/cluster": "other"})
	not operator.is_selected_by_map(_cluster, {"cnpg.io/cluster": "db", "cnpg.io/instanceRole": "primary", "role": "replica"})
	not operator.is_selected_by_map(_collector, {"app.kubernetes.io/name": "otel"})
	not operator.is_selected_by_map(_cluster, {})
}

test_labels_with_a_namespace_that_nobody_knows if {
	deployed := {"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "otel"}}
	operator.is_selected_by_map(deployed, {"app.kubernetes.io/instance": "observability.otel"})
	not operator.is_selected_by_map(deployed, {"app.kubernetes.io/instance": "observability.other"})
	not operator.is_selected_by_map(deployed, {"app.kubernetes.io/instance": 1})
}

test_labels_that_a_database_hands_down if {
	handing := object.union(_cluster, {"spec": {"inheritedMetadata": {"labels": {"tier": "data", "role": "mine"}}}})
	operator.is_selected_by_map(handing, {"tier": "data", "team": "a", "role": "primary"})
	not operator.is_selected_by_map(handing, {"role": "mine"})
	every written in ["text", [], null] {
		odd := object.union(_cluster, {"spec": {"inheritedMetadata": {"labels": written}}})
		operator.pod_labels(odd) == operator.pod_labels(_cluster)
	}
}

test_other_objects_make_no_pods if {
	every obj in [{}, {"apiVersion": "example.com/v1", "kind": "Cluster", "metadata": {"name": "db"}}, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": "text"}, "text"] {
		operator.pod_labels(obj) == []
	}
}

test_resources_of_operators_in_an_overlay if {
	objects := [_cluster, {"apiVersion": "example.com/v1", "kind": "Cluster"}, _pooler, _collector]
	operator.input_resources == {0: _cluster, 2: _pooler, 3: _collector} with input as {"objects": objects}
}

test_pods_of_more_operators if {
	every api_version, case in {
		"elasticsearch.k8s.elastic.co/v1": ["Elasticsearch", {"elasticsearch.k8s.elastic.co/cluster-name": "a"}],
		"grafana.integreatly.org/v1beta1": ["Grafana", {"app": "a"}],
		"jobset.x-k8s.io/v1alpha2": ["JobSet", {"jobset.sigs.k8s.io/jobset-name": "a"}],
		"kafka.strimzi.io/v1": ["Kafka", {"strimzi.io/name": "a-kafka"}],
		"kubeflow.org/v1": ["PyTorchJob", {"training.kubeflow.org/job-name": "a"}],
		"kubevirt.io/v1": ["VirtualMachine", {"vm.kubevirt.io/name": "a"}],
		"monitoring.coreos.com/v1": ["Prometheus", {"prometheus": "a"}],
		"rabbitmq.com/v1beta1": ["RabbitmqCluster", {"app.kubernetes.io/name": "a"}],
		"ray.io/v1": ["RayCluster", {"ray.io/cluster": "a", "ray.io/node-type": "head"}],
		"sparkoperator.k8s.io/v1beta2": ["SparkApplication", {"spark-role": "driver"}],
	} {
		obj := {"apiVersion": api_version, "kind": case[0], "metadata": {"name": "a", "namespace": "shop"}}
		operator.is_selected_by_map(obj, case[1])
		not operator.is_selected_by_map(obj, {"app": "other"})
	}
}

test_labels_that_a_virtual_machine_hands_down if {
	machine := {"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": "a"}, "spec": {"template": {"metadata": {"labels": {"app": "web"}}}}}
	operator.is_selected_by_map(machine, {"app": "web"})
}
