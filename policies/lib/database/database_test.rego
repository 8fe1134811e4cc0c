package policies.lib.database_test

import data.policies.lib.database

_cluster := {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db"}, "spec": {"instances": 3}}

_marked(value) := object.union(_cluster, {"metadata": {"annotations": {"cnpg.io/validation": value}}})

test_of_the_operator if {
	database.is_of_operator(_cluster)
	every obj in [{}, {"apiVersion": "v1"}, object.union(_cluster, {"apiVersion": "cluster.x-k8s.io/v1beta1"})] {
		not database.is_of_operator(obj)
		not database.is_judged(obj)
	}
}

test_judged if {
	every obj in [_cluster, _marked("enabled"), _marked(true)] {
		database.is_judged(obj)
	}
	not database.is_judged(_marked("disabled"))
	database.is_of_operator(_marked("disabled"))
}

test_instances if {
	database.instances(_cluster) == 3
	every spec in [null, "text", {}, {"instances": null}] {
		database.instances({"spec": spec}) == 1
	}
	database.instances({"spec": {"instances": "three"}}) == "three"
}

test_schedule_fields if {
	database.schedule_fields(" 0  0 3\t* * * ") == ["0", "0", "3", "*", "*", "*"]
	database.schedule_fields("") == [""]
	every schedule in [null, 1, []] {
		not database.schedule_fields(schedule)
	}
}
