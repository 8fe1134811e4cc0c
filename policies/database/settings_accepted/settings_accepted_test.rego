package policies.database.settings_accepted_test

import data.policies.database.settings_accepted

_cluster(spec) := {"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db"}, "spec": spec}

_with(settings) := {"postgresql": {"parameters": settings}}

_and(settings, spec) := object.union(_with(settings), spec)

_faults(cluster) := faults if faults := settings_accepted.deny with input as cluster

_paths(spec) := {fault.path | some fault in _faults(_cluster(spec))}

_setting(name) := ["spec", "postgresql", "parameters", name]

_slots(fields) := {"replicationSlots": {"highAvailability": fields}}

_of(major) := {"imageCatalogRef": {"kind": "ImageCatalog", "name": "a", "major": major}}

test_allows[sprintf("%v", [spec])] if {
	some spec in [
		{},
		_with({"max_connections": "100", "archive_timeout": "5min", "wal_level": "logical", "work_mem": "4MB"}),
		_with({"archive_mode": "off", "log_destination": "csvlog", "log_rotation_age": "0", "logging_collector": "on", "shared_preload_libraries": ""}),
		_with({"port": "${PORT}", "wal_level": "${LEVEL}", "hot_standby_feedback": "${ON}", "shared_buffers": "${SIZE}"}),
		_with({"port": 5433}),
		_with({"wal_log_hints": "off"}),
		_and({"wal_log_hints": "on"}, {"instances": 3}),
		_with({"hot_standby_feedback": "YE", "sync_replication_slots": "of"}),
		_with({"shared_buffers": "128", "min_wal_size": "1 GB", "max_wal_size": "1.5TB"}),
		_with({"shared_buffers": "16384kB", "min_wal_size": "0", "max_wal_size": "50MB"}),
		_with({"shared_buffers": "", "min_wal_size": "", "max_wal_size": ""}),
		_and({"min_wal_size": "512MB", "max_wal_size": "4GB"}, {"walStorage": {"size": "5Gi"}}),
		# The default of max_wal_size is not compared with the volume.
		_and({"min_wal_size": "100MB"}, {"walStorage": {"size": "512Mi"}}),
		_and({"shared_buffers": "1GB"}, {"resources": {"requests": {"memory": "1Gi"}}}),
		_and({"shared_buffers": "4GB"}, {"resources": {"requests": {"memory": "1Gi", "hugepages-2Mi": "4Gi"}}}),
		_and({"pg_failover_slots.synchronize_slot_names": "a", "hot_standby_feedback": "on"}, _slots({"enabled": true})),
		_and({"hot_standby_feedback": "on", "sync_replication_slots": "on"}, object.union(_slots({"synchronizeLogicalDecoding": true}), _of(17))),
		# Of which version nobody here knows.
		_slots({"synchronizeLogicalDecoding": true}),
		{"imageName": "postgres:13.1@sha256:ab"},
		{"imageName": "registry:5000/postgres"},
		_of(18),
	]
	_paths(spec) == set()
}

test_denies[sprintf("%v", [case])] if {
	some case in [
		[_with({"port": "5433"}), {_setting("port")}],
		[_with({"port": "5432"}), {_setting("port")}],
		[_with({"ssl": "on", "log_destination": "jsonlog", "shared_preload_libraries": "pgaudit"}), {_setting("ssl"), _setting("log_destination"), _setting("shared_preload_libraries")}],
		[_with({"wal_level": "hot_standby"}), {_setting("wal_level")}],
		[_with({"wal_level": "minimal"}), {_setting("wal_level")}],
		[_with({"hot_standby_feedback": "o", "wal_log_hints": ""}), {_setting("hot_standby_feedback"), _setting("wal_log_hints")}],
		[_and({"wal_log_hints": "OFF"}, {"instances": 2}), {_setting("wal_log_hints")}],
		[_with({"shared_buffers": "128M"}), {_setting("shared_buffers")}],
		[_with({"max_wal_size": "1 GiB"}), {_setting("max_wal_size")}],
		[_with({"min_wal_size": "2GB"}), {_setting("min_wal_size")}],
		[_with({"max_wal_size": "80MB"}), {_setting("max_wal_size")}],
		[_with({"min_wal_size": "2GB", "max_wal_size": "1GB"}), {_setting("min_wal_size")}],
		[_and({"max_wal_size": "10GB"}, {"walStorage": {"size": "10Gi"}}), {_setting("max_wal_size")}],
		[_and({"shared_buffers": "2GB"}, {"resources": {"requests": {"memory": "1Gi"}}}), {_setting("shared_buffers")}],
		[_with({"pg_failover_slots.synchronize_slot_names": "a"}), {_setting("hot_standby_feedback")}],
		[_and({"pg_failover_slots.synchronize_slot_names": "a", "hot_standby_feedback": "on"}, _slots({"enabled": false})), {["spec", "replicationSlots", "highAvailability", "enabled"]}],
		[object.union(_slots({"synchronizeLogicalDecoding": true}), {"imageName": "postgres:17.5"}), {_setting("hot_standby_feedback"), _setting("sync_replication_slots")}],
		[object.union(_slots({"synchronizeLogicalDecoding": true}), _of(16)), {["spec", "replicationSlots", "highAvailability", "synchronizeLogicalDecoding"]}],
		[{"imageName": "postgres:12-bookworm"}, {["spec", "imageName"]}],
		[_of(12), {["spec", "imageCatalogRef"]}],
	]
	_paths(case[0]) == case[1]
}

_messages(spec, annotations) := {fault.msg | some fault in _faults(object.union(_cluster(spec), {"metadata": {"annotations": annotations}}))}

test_minimal_wal if {
	skip := {"cnpg.io/skipWalArchiving": "enabled"}
	alone := {"wal_level": "minimal", "max_wal_senders": "0"}
	_messages(_with(alone), skip) == set()
	_messages(_with(alone), {}) == {`wal_level of Cluster "db" is minimal, and its WAL is archived, as there is no annotation cnpg.io/skipWalArchiving: enabled: the operator wants replica or logical`}
	_messages(_and(alone, {"instances": 3}), skip) == {`wal_level of Cluster "db" is minimal, and it has 3 instances: the operator wants replica or logical`}
	_messages(_with({"wal_level": "minimal"}), skip) == {`wal_level of Cluster "db" is minimal, with which the operator wants max_wal_senders 0`}
	every replica in [{"enabled": true}, {"primary": "other"}, {"primary": "db", "self": "other"}] {
		_messages(_and(alone, {"replica": replica}), skip) == {`wal_level of Cluster "db" is minimal, and it is a replica of another Cluster: the operator wants replica or logical`}
	}
	every replica in [{"enabled": false}, {"primary": "db"}, {"primary": "a", "self": "a"}] {
		_messages(_and(alone, {"replica": replica}), skip) == set()
	}
}

test_validation_that_is_disabled if {
	_messages(_with({"port": "1"}), {"cnpg.io/validation": "disabled"}) == set()
	_messages(_with({"port": "1"}), {"cnpg.io/validation": "on"}) == {`port of Cluster "db" is the operator's to set: it refuses "1"`}
}

test_another_kind if {
	every obj in [object.union(_cluster(_with({"port": "1"})), {"apiVersion": "cluster.x-k8s.io/v1beta1"}), {}, {"kind": "Cluster"}] {
		_faults(obj) == set()
	}
	every spec in ["text", null, {"postgresql": "text"}, _with("text"), _with(["port"])] {
		_paths(spec) == set()
	}
}
