package policies.lib.scaling_test

import data.policies.lib.scaling

_web := {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "a"}, "spec": {"replicas": 4}}

_hpa(spec) := {
	"apiVersion": "autoscaling/v2",
	"kind": "HorizontalPodAutoscaler",
	"metadata": {"name": "web", "namespace": "a"},
	"spec": object.union({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}, spec),
}

test_an_autoscaler_scales_its_target_only if {
	scaling.scales(_hpa({}), _web)
	every other in [
		{"metadata": {"name": "other"}},
		{"metadata": {"namespace": "b"}},
		{"kind": "StatefulSet"},
		{"apiVersion": "example.com/v1"},
	] {
		not scaling.scales(_hpa({}), object.union(_web, other))
	}
}

test_bounds_are_those_of_the_autoscaler if {
	objects := [_web, _hpa({"minReplicas": 2, "maxReplicas": 9})]
	scaling.minimum(_web) == 2 with input as {"objects": objects}
	scaling.maximum(_web) == 9 with input as {"objects": objects}
}

test_minimum_of_an_autoscaler_defaults_to_one if {
	scaling.minimum(_web) == 1 with input as {"objects": [_hpa({"maxReplicas": 9})]}
}

test_bounds_of_several_autoscalers_are_the_widest if {
	objects := [_hpa({"minReplicas": 2, "maxReplicas": 5}), _hpa({"minReplicas": 3, "maxReplicas": 9})]
	scaling.minimum(_web) == 2 with input as {"objects": objects}
	scaling.maximum(_web) == 9 with input as {"objects": objects}
}

test_without_an_autoscaler_the_bounds_are_the_replicas if {
	scaling.minimum(_web) == 4 with input as {"objects": [_web]}
	scaling.maximum(_web) == 4 with input as {"objects": [_web]}
}

test_malformed_bounds_fall_back_to_the_replicas if {
	objects := [_hpa({"minReplicas": "2", "maxReplicas": "9"}), {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": "text"}]
	scaling.minimum(_web) == 4 with input as {"objects": objects}
	scaling.maximum(_web) == 4 with input as {"objects": objects}
}

test_what_has_no_replicas_has_no_bounds if {
	every obj in [{"apiVersion": "apps/v1", "kind": "DaemonSet"}, {"apiVersion": "v1", "kind": "Service"}, "text"] {
		not scaling.minimum(obj) with input as {"objects": [obj]}
		not scaling.maximum(obj) with input as {"objects": [obj]}
	}
}

test_autoscalers_of_an_overlay if {
	scaling.input_autoscalers == {1: _hpa({})} with input as {"objects": [_web, _hpa({})]}
	scaling.input_autoscalers == {} with input as {"objects": [object.union(_hpa({}), {"apiVersion": "example.com/v1"})]}
}

test_fields_that_bound_replicas if {
	scaling.fields(0, _web, "maxReplicas") == {["objects", 1, "spec", "maxReplicas"]} with input as {"objects": [_web, _hpa({})]}
	scaling.fields(0, _web, "minReplicas") == {["objects", 0, "spec", "replicas"]} with input as {"objects": [_web]}
	scaling.fields(0, {"apiVersion": "apps/v1", "kind": "DaemonSet"}, "minReplicas") == set() with input as {"objects": []}
}

test_scaled_by_others if {
	web := {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
	keda := {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "a"}, "spec": {"scaleTargetRef": {"name": "web"}}}
	scaling.is_scaled_by_others(web) with input as {"objects": [web, keda]}
	not scaling.is_scaled_by_others(web) with input as {"objects": [web, object.union(keda, {"spec": {"scaleTargetRef": {"name": "other"}}})]}
}
