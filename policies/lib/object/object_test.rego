package policies.lib.object_test

import data.policies.lib.object as obj_lib

test_group_of_every_spelling if {
	every api_version, want in {"v1": "", "apps/v1": "apps", "postgresql.cnpg.io/v1": "postgresql.cnpg.io"} {
		obj_lib.group({"apiVersion": api_version}) == want
	}
}

test_group_of_a_malformed_version_is_undefined if {
	every bad in [{}, {"apiVersion": 1}, {"apiVersion": null}, "text", null, []] {
		not obj_lib.group(bad)
	}
}

test_kind_is_known_by_its_group_too if {
	obj_lib.is_kind({"apiVersion": "v1", "kind": "Service"}, "", "Service")
	not obj_lib.is_kind({"apiVersion": "serving.knative.dev/v1", "kind": "Service"}, "", "Service")
	not obj_lib.is_kind({"kind": "Service"}, "", "Service")
}

test_namespace_of_an_object_without_one_is_not_known if {
	obj_lib.namespace({"metadata": {"namespace": "a"}}) == "a"
	every bad in [{}, {"metadata": {}}, {"metadata": {"namespace": ""}}, {"metadata": {"namespace": null}}, {"metadata": "text"}, "text"] {
		obj_lib.namespace(bad) == ""
	}
}

test_namespaces_that_may_be_one if {
	every pair in [["a", "a"], ["a", ""], ["", "a"], ["", ""]] {
		obj_lib.may_be_one(pair[0], pair[1])
	}
	not obj_lib.may_be_one("a", "b")
}

test_a_message_has_the_namespaces_that_are_known if {
	obj_lib.within("in", "shop") == " in namespace shop"
	obj_lib.within("of", "") == ""
	obj_lib.within("of", 1) == ""
}

test_metadata_of_any_json_is_readable if {
	every bad in [{}, {"metadata": "text"}, {"metadata": {"name": 1, "labels": "text", "annotations": []}}, "text", null] {
		obj_lib.name(bad) == ""
		obj_lib.labels(bad) == {}
		obj_lib.annotations(bad) == {}
	}
	meta := {"metadata": {"name": "a", "labels": {"b": "c"}, "annotations": {"d": "e"}}}
	obj_lib.name(meta) == "a"
	obj_lib.labels(meta) == {"b": "c"}
	obj_lib.annotations(meta) == {"d": "e"}
}

test_title_names_kind_and_name if {
	obj_lib.title({"kind": "Deployment", "metadata": {"name": "web"}}) == `Deployment "web"`
}

test_at_falls_back_where_the_path_leads_nowhere if {
	obj_lib.at({"a": {"b": [{"c": 1}]}}, ["a", "b", 0, "c"], 2) == 1
	obj_lib.at({"a": {"b": false}}, ["a", "b"], true) == false
	every bad in [{}, {"a": "text"}, {"a": {"b": null}}, {"a": []}, "text", null, 1] {
		obj_lib.at(bad, ["a", "b"], 2) == 2
	}
}

test_objects_by_kind if {
	service := {"apiVersion": "v1", "kind": "Service"}
	knative := {"apiVersion": "serving.knative.dev/v1", "kind": "Service"}
	objects := [service, {}, knative, {"apiVersion": "v1", "kind": 3}, {"kind": "Service"}, service]
	obj_lib.of_kind == {
		"": {"Service": {0: service, 5: service}},
		"serving.knative.dev": {"Service": {2: knative}},
	} with input as {"objects": objects}
}

test_kinds_in_no_namespace if {
	obj_lib.is_of_cluster({"apiVersion": "v1", "kind": "Namespace"})
	obj_lib.is_of_cluster({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"})
	every other in [{"apiVersion": "v1", "kind": "Pod"}, {"apiVersion": "example.com/v1", "kind": "Node"}, {"kind": "Node"}, {}, "text", null] {
		not obj_lib.is_of_cluster(other)
	}
}

test_objects_by_kind_and_name if {
	objects := [{"kind": "Service", "metadata": {"name": "a"}}, {"kind": "Secret", "metadata": {"name": "a"}}, {"kind": "Service", "metadata": {"name": "a", "namespace": "b"}}, "text"]
	obj_lib.called("Service", "a") == {0, 2} with input as {"objects": objects}
	obj_lib.called("Service", "b") == set() with input as {"objects": objects}
}

test_what_is_filled_in_later if {
	every text in ["${TAG}", "$(TAG)", "{{ tag }}"] {
		obj_lib.is_filled_in(text)
	}
	every other in ["$TAG", "a", 1, null] {
		not obj_lib.is_filled_in(other)
	}
}
