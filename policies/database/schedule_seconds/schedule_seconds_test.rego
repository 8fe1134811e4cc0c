package policies.database.schedule_seconds_test

import data.policies.database.schedule_seconds

_backup(schedule) := {"apiVersion": "postgresql.cnpg.io/v1", "kind": "ScheduledBackup", "metadata": {"name": "a"}, "spec": {"schedule": schedule}}

test_denies if {
	every schedule in ["0 3 * * *", " */5  * * * * "] {
		{fault.path | some fault in schedule_seconds.deny} == {["spec", "schedule"]} with input as _backup(schedule)
	}
	{fault.msg | some fault in schedule_seconds.deny} == {`schedule of ScheduledBackup "a" has five fields: the first, 0, is read as seconds, 3 as minutes and * as hours`} with input as _backup("0 3 * * *")
}

test_allows if {
	every schedule in ["0 0 3 * * *", "@daily", "@every 1h", "${S} 3 * * *", "0 3 * *", "", 5, null] {
		schedule_seconds.deny == set() with input as _backup(schedule)
	}
}

test_another_kind if {
	schedule_seconds.deny == set() with input as object.union(_backup("0 3 * * *"), {"apiVersion": "k8up.io/v1"})
	schedule_seconds.deny == set() with input as object.union(_backup("0 3 * * *"), {"kind": "Backup"})
	schedule_seconds.deny == set() with input as {}
}
