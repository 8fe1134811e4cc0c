package policies.database.backups_accepted_test

import data.policies.database.backups_accepted

_object(kind, spec) := {"apiVersion": "postgresql.cnpg.io/v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec}

_scheduled(schedule) := _object("ScheduledBackup", {"schedule": schedule})

_faults(obj) := faults if faults := backups_accepted.deny with input as obj

_paths(obj) := {fault.path | some fault in _faults(obj)}

test_schedules_that_are_read[schedule] if {
	some schedule in [
		"0 0 3 * * *", "0 3 * * *", "0 0 0 1 JAN sun", "*/15 * ? 1-31/2 1,2,dec 0-6", "05 08 0 ? * MON-FRI", "0 0 5/6 * * *", " 0  0 3 * * * ",
		"0 0 3 * * 1,", "*-1 * * * * *", "@daily", "@midnight", "@every 1h30m", "@every 0.5h", "@every 0", "${SCHEDULE}", "0 +5 3 * * *",
	]
	_faults(_scheduled(schedule)) == set()
}

test_schedules_that_are_not_read[schedule] if {
	some schedule in [
		"", "* * * *", "0 0 0 * * * *", "0 0 3 * * 7", "0 0 24 * * *", "60 0 0 * * *", "0 0 0 0 * *", "0 0 0 * 13 *", "0 0 0 * jann *",
		"0 0 0 * * mond", "0 0 9-3 * * *", "0 0 */0 * * *", "0 0 1-2-3 * * *", "0 0 1/2/3 * * *", "0 0 -1 * * *", "0 0 5- * * *", "@nightly",
		"@every", "@every day", "@every  1h", "0 0 3 L * *", "0 0 3 * * 5#2", "daily",
	]
	_paths(_scheduled(schedule)) == {["spec", "schedule"]}
}

test_messages if {
	{fault.msg | some fault in _faults(_scheduled("0 0 3 * * 7"))} == {`schedule of ScheduledBackup "a" is "0 0 3 * * 7": "7" is no day of the week, which are 0 to 6`}
	{fault.msg | some fault in _faults(_scheduled("* * * *"))} == {`schedule of ScheduledBackup "a" is "* * * *": it has 4 fields, and the operator reads six, seconds before minutes, of which the last may be left out`}
	{fault.msg | some fault in _faults(_object("Backup", {"online": true}))} == {`online of Backup "a" is for the method volumeSnapshot, and its own is barmanObjectStore`}
}

test_methods[kind] if {
	some kind in ["Backup", "ScheduledBackup"]
	given := {"schedule": "@daily"}
	every spec in [{}, {"method": "volumeSnapshot", "online": true, "onlineConfiguration": {}}, {"method": "plugin", "online": true, "pluginConfiguration": {"name": "p"}}] {
		_faults(_object(kind, object.union(given, spec))) == set()
	}
	_paths(_object(kind, object.union(given, {"online": false}))) == {["spec", "online"]}
	_paths(_object(kind, object.union(given, {"method": "barmanObjectStore", "onlineConfiguration": {}}))) == {["spec", "onlineConfiguration"]}
}

test_a_plugin_that_is_not_named if {
	_paths(_object("Backup", {"method": "plugin"})) == {["spec", "pluginConfiguration"]}
	_paths(_object("Backup", {"method": "plugin", "pluginConfiguration": {"name": ""}})) == {["spec", "pluginConfiguration"]}
	_faults(_object("ScheduledBackup", {"schedule": "@daily", "method": "plugin"})) == set()
}

_annotated(obj, annotations) := object.union(obj, {"metadata": {"annotations": annotations}})

test_annotations if {
	path := ["metadata", "annotations", "cnpg.io/volumeSnapshotDeadline"]
	_paths(_annotated(_object("Backup", {}), {"cnpg.io/volumeSnapshotDeadline": "5m"})) == {path}
	every deadline in ["5", "", "${M}", 5] {
		_faults(_annotated(_object("Backup", {}), {"cnpg.io/volumeSnapshotDeadline": deadline})) == set()
	}
	_faults(_annotated(_object("Backup", {"online": true}), {"cnpg.io/validation": "disabled"})) == set()
	count(_faults(_annotated(_scheduled("no"), {"cnpg.io/validation": "disabled"}))) == 1
}

test_another_kind if {
	every obj in [object.union(_scheduled("no"), {"apiVersion": "k8up.io/v1"}), object.union(_object("Backup", {"online": true}), {"apiVersion": "velero.io/v1"}), {}, {"kind": "Backup"}] {
		_faults(obj) == set()
	}
	every spec in ["text", null, {"schedule": 5}] {
		_faults(_object("ScheduledBackup", spec)) == set()
	}
}
