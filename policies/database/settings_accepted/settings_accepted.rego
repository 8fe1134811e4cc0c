# METADATA
# scope: package
# title: CloudNativePG accepts every setting of PostgreSQL
# description: |
#   Settings that the operator writes itself are refused by its webhook, and so are some that
#   contradict the Cluster around them: wal_level minimal where WAL is archived or sent, min_wal_size
#   that is not below max_wal_size or the volume, shared_buffers above the memory that is requested,
#   slots that standbys keep without hot_standby_feedback. As in version 1.27.0.
# related_resources:
#   - ref: https://github.com/cloudnative-pg/cloudnative-pg/blob/v1.27.0/internal/webhook/v1/cluster_webhook.go
#   - ref: https://github.com/cloudnative-pg/cloudnative-pg/blob/v1.27.0/pkg/postgres/configuration.go
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: postgresql.cnpg.io
#   fix: Leave out the setting, or set what the message names, as the operator wants it.
package policies.database.settings_accepted

import data.policies.lib.database
import data.policies.lib.object as obj_lib
import data.policies.lib.quantity

_is_cluster if {
	input.kind == "Cluster"
	database.is_judged(input)
}

_at(path) := obj_lib.at(input, path, null)

_path(name) := ["spec", "postgresql", "parameters", name]

_parameters := parameters if {
	parameters := _at(["spec", "postgresql", "parameters"])
	is_object(parameters)
} else := {}

# Settings are texts; the schema says so of what is none.
_settings := {name: text |
	some name, text in _parameters
	is_string(text)
	not obj_lib.is_filled_in(text)
}

_instances := database.instances(input)

deny contains {"msg": msg, "path": _path(name)} if {
	_is_cluster
	some name, text in _settings
	name in _of_operator
	not _as_it_is[name] == text
	msg := sprintf("%s of %s is the operator's to set: it refuses %q", [name, obj_lib.title(input), text])
}

# Without archive_mode, which its other webhook overwrites before.
_of_operator := {
	"allow_system_table_mods", "archive_cleanup_command", "archive_command", "bonjour", "bonjour_name", "cluster_name", "config_file",
	"data_directory", "data_sync_retry", "event_source", "external_pid_file", "hba_file", "hot_standby", "ident_file", "jit_provider",
	"listen_addresses", "log_destination", "log_directory", "log_file_mode", "log_filename", "log_rotation_age", "log_rotation_size",
	"log_truncate_on_rotation", "logging_collector", "pg_failover_slots.primary_dsn", "pg_failover_slots.standby_slot_names", "port",
	"primary_conninfo", "primary_slot_name", "promote_trigger_file", "recovery_end_command", "recovery_min_apply_delay", "recovery_target",
	"recovery_target_action", "recovery_target_inclusive", "recovery_target_lsn", "recovery_target_name", "recovery_target_time",
	"recovery_target_timeline", "recovery_target_xid", "restart_after_crash", "restore_command", "shared_preload_libraries", "ssl",
	"ssl_ca_file", "ssl_cert_file", "ssl_crl_file", "ssl_dh_params_file", "ssl_ecdh_curve", "ssl_key_file", "ssl_passphrase_command",
	"ssl_passphrase_command_supports_reload", "ssl_prefer_server_ciphers", "stats_temp_directory", "synchronized_standby_slots",
	"synchronous_standby_names", "syslog_facility", "syslog_ident", "syslog_sequence_numbers", "syslog_split_messages", "temp_tablespaces",
	"unix_socket_directories", "unix_socket_group", "unix_socket_permissions",
}

# What it takes of these: its own values, to the letter.
_as_it_is := {
	"log_destination": "csvlog",
	"log_directory": "/controller/log",
	"log_filename": "postgres",
	"log_rotation_age": "0",
	"log_rotation_size": "0",
	"log_truncate_on_rotation": "false",
	"logging_collector": "on",
	"shared_preload_libraries": "",
}

deny contains {"msg": msg, "path": _path("wal_level")} if {
	_is_cluster
	level := _settings.wal_level
	not level in {"logical", "replica", "minimal"}
	msg := sprintf("wal_level of %s is %q: there are logical, replica and minimal", [obj_lib.title(input), level])
}

deny contains {"msg": msg, "path": _path("wal_level"), "with": with_fields} if {
	_is_cluster
	_settings.wal_level == "minimal"
	some [reason, with_fields] in [_needs_wal]
	msg := sprintf("wal_level of %s is minimal, and %s: the operator wants replica or logical", [obj_lib.title(input), reason])
}

# The first reason alone: each of them is enough.
_needs_wal := [sprintf("it has %v instances", [_instances]), {["spec", "instances"]}] if {
	is_number(_instances)
	_instances > 1
} else := ["it is a replica of another Cluster", {["spec", "replica"]}] if {
	_is_replica
} else := ["its WAL is archived, as there is no annotation cnpg.io/skipWalArchiving: enabled", set()] if {
	not obj_lib.annotations(input)["cnpg.io/skipWalArchiving"] == "enabled"
}

_is_replica if _at(["spec", "replica", "enabled"]) == true

_is_replica if {
	is_object(_at(["spec", "replica"]))
	_at(["spec", "replica", "enabled"]) == null
	obj_lib.at(input, ["spec", "replica", "self"], obj_lib.name(input)) != obj_lib.at(input, ["spec", "replica", "primary"], "")
}

deny contains {"msg": msg, "path": _path("max_wal_senders"), "with": {_path("wal_level")}} if {
	_is_cluster
	_settings.wal_level == "minimal"
	not _needs_wal
	not object.get(_settings, "max_wal_senders", "") == "0"
	msg := sprintf("wal_level of %s is minimal, with which the operator wants max_wal_senders 0", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": _path(name)} if {
	_is_cluster
	some name in ["hot_standby_feedback", "sync_replication_slots", "wal_log_hints"]
	text := _settings[name]
	not lower(text) in (_on | _off)
	msg := sprintf("%s of %s is %q, which is no boolean of PostgreSQL", [name, obj_lib.title(input), text])
}

_on := {"1", "on", "y", "ye", "yes", "t", "tr", "tru", "true"}

_off := {"0", "of", "off", "n", "no", "f", "fa", "fal", "fals", "false"}

deny contains {"msg": msg, "path": _path("wal_log_hints"), "with": {["spec", "instances"]}} if {
	_is_cluster
	lower(_settings.wal_log_hints) in _off
	is_number(_instances)
	_instances > 1
	msg := sprintf("wal_log_hints of %s is off, which the operator refuses of more than one instance", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": _path(name)} if {
	_is_cluster
	some name in ["shared_buffers", "min_wal_size", "max_wal_size"]
	size := _settings[name]
	size != ""
	not _is_size(size)
	msg := sprintf("%s of %s is %q, which is no size as 128MB is", [name, obj_lib.title(input), size])
}

_is_size(text) if regex.match(`^[+-]?[0-9]+$`, text)

_is_size(text) if {
	endswith(text, "B")
	regex.match(`^[+-]?([0-9]+B|([0-9]+\.?[0-9]*|\.[0-9]+)[kKMGTPE]B)$`, replace(text, " ", ""))
}

# As the operator reads it: MB where there is no unit.
_bytes(text) := to_number(parts[0][1]) * _units[parts[0][2]] if {
	parts := regex.find_all_string_submatch_n(`^([0-9]{1,12}) *(B|[kK]B|MB|GB|TB|)$`, text, 1)
}

_units := {"": 1048576, "B": 1, "kB": 1024, "KB": 1024, "MB": 1048576, "GB": 1073741824, "TB": 1099511627776}

deny contains {"msg": msg, "path": _path("shared_buffers"), "with": {["spec", "resources", "requests", "memory"]}} if {
	_is_cluster
	request := _at(["spec", "resources", "requests", "memory"])
	quantity.value(request) > 0
	_bytes(_settings.shared_buffers) > quantity.value(request)
	not _has_huge_pages
	msg := sprintf("shared_buffers of %s is %v, above the memory that it requests, %v: the operator refuses it", [obj_lib.title(input), _settings.shared_buffers, request])
}

_has_huge_pages if {
	some field in ["requests", "limits"]
	some resource, _ in _at(["spec", "resources", field])
	startswith(resource, "hugepages-")
}

# What the operator compares with where one is not set.
_wal_size(name) := size if {
	size := _settings[name]
	size != ""
} else := {"min_wal_size": "80MB", "max_wal_size": "1GB"}[name] if {
	obj_lib.at(input, _path(name), "") == ""
}

deny contains {"msg": msg, "path": _path(named[0]), "with": {_path(name) | some name in named}} if {
	_is_cluster
	named := [name | some name in ["min_wal_size", "max_wal_size"]; object.get(_settings, name, "") != ""]
	count(named) > 0
	least := _bytes(_wal_size("min_wal_size"))
	most := _bytes(_wal_size("max_wal_size"))
	least > 0
	most > 0
	least >= most
	msg := sprintf("min_wal_size of %s is %s, not below its max_wal_size, %s", [obj_lib.title(input), _wal_size("min_wal_size"), _wal_size("max_wal_size")])
}

deny contains {"msg": msg, "path": _path(name), "with": {["spec", "walStorage", "size"]}} if {
	_is_cluster
	some name in ["min_wal_size", "max_wal_size"]
	bytes := _bytes(_settings[name])
	_settings[name] != ""
	bytes > 0
	size := _at(["spec", "walStorage", "size"])
	bytes >= quantity.value(size)
	msg := sprintf("%s of %s is %s, not below the %v of its walStorage", [name, obj_lib.title(input), _settings[name], size])
}

_fails_over if {
	some name in object.keys(_parameters)
	startswith(name, "pg_failover_slots.")
}

_is_on(name) if lower(_settings[name]) in _on

# What is filled in later may be on.
_is_on(name) if obj_lib.is_filled_in(_at(_path(name)))

deny contains {"msg": msg, "path": _path("hot_standby_feedback")} if {
	_is_cluster
	some reason in _wants_feedback
	not _is_on("hot_standby_feedback")
	msg := sprintf("%s of %s wants hot_standby_feedback on", [reason, obj_lib.title(input)])
}

_wants_feedback contains "pg_failover_slots" if _fails_over

_wants_feedback contains "synchronizeLogicalDecoding" if _decodes

_decodes if {
	_at(["spec", "replicationSlots", "highAvailability", "synchronizeLogicalDecoding"]) == true
	not _fails_over
	_major >= 17
}

deny contains {"msg": msg, "path": _path("sync_replication_slots")} if {
	_is_cluster
	_decodes
	not _is_on("sync_replication_slots")
	msg := sprintf("synchronizeLogicalDecoding of %s wants sync_replication_slots on, or pg_failover_slots", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "replicationSlots", "highAvailability", "synchronizeLogicalDecoding"]} if {
	_is_cluster
	_at(["spec", "replicationSlots", "highAvailability", "synchronizeLogicalDecoding"]) == true
	not _fails_over
	_major < 17
	msg := sprintf("synchronizeLogicalDecoding of %s wants PostgreSQL 17, or pg_failover_slots: it has %v", [obj_lib.title(input), _major])
}

deny contains {"msg": msg, "path": ["spec", "replicationSlots", "highAvailability", "enabled"]} if {
	_is_cluster
	_fails_over
	_at(["spec", "replicationSlots", "highAvailability", "enabled"]) == false
	msg := sprintf("pg_failover_slots of %s wants replicationSlots.highAvailability, which is off", [obj_lib.title(input)])
}

# Where neither is given the operator's own configuration has the image.
_major := _at(["spec", "imageCatalogRef", "major"]) if {
	is_number(_at(["spec", "imageCatalogRef", "major"]))
} else := to_number(parts[0][1]) if {
	image := _at(["spec", "imageName"])
	is_string(image)
	parts := regex.find_all_string_submatch_n(`:([0-9]{1,4})[^/:]*(?:@sha256:[a-fA-F0-9]+)?$`, image, 1)
}

deny contains {"msg": msg, "path": ["spec", field]} if {
	_is_cluster
	some field in ["imageCatalogRef", "imageName"]
	_at(["spec", field]) != null
	_major < 13
	msg := sprintf("%s has PostgreSQL %v: the operator takes 13 and later", [obj_lib.title(input), _major])
}
