# METADATA
# scope: package
# title: CloudNativePG accepts every backup
# description: |
#   The operator's webhook refuses a Backup or a ScheduledBackup that the schema takes: a schedule that
#   it cannot read, online for a method other than volumeSnapshot, the method plugin without one. It
#   reads schedules with a field of seconds before those of cron. As in version 1.27.0.
# related_resources:
#   - ref: https://github.com/cloudnative-pg/cloudnative-pg/blob/v1.27.0/internal/webhook/v1/scheduledbackup_webhook.go
#   - ref: https://github.com/cloudnative-pg/cloudnative-pg/blob/v1.27.0/internal/webhook/v1/backup_webhook.go
#   - ref: https://github.com/robfig/cron/blob/v1.2.0/parser.go
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: postgresql.cnpg.io
#   fix: Correct the field that the message names; a schedule has seconds, minutes, hours, day of the month, month, day of the week.
package policies.database.backups_accepted

import data.policies.lib.database
import data.policies.lib.object as obj_lib

_is_backup if {
	input.kind == "Backup"
	database.is_judged(input)
}

# Whatever it is marked with.
_is_scheduled if {
	input.kind == "ScheduledBackup"
	database.is_of_operator(input)
}

_method := obj_lib.at(input, ["spec", "method"], "barmanObjectStore")

deny contains {"msg": msg, "path": ["spec", field], "with": {["spec", "method"]}} if {
	_is_any
	_method == "barmanObjectStore"
	some field in ["online", "onlineConfiguration"]
	obj_lib.at(input, ["spec", field], null) != null
	msg := sprintf("%s of %s is for the method volumeSnapshot, and its own is barmanObjectStore", [field, obj_lib.title(input)])
}

_is_any if _is_backup

_is_any if _is_scheduled

deny contains {"msg": msg, "path": ["spec", "pluginConfiguration"], "with": {["spec", "method"]}} if {
	_is_backup
	_method == "plugin"
	obj_lib.at(input, ["spec", "pluginConfiguration", "name"], "") == ""
	msg := sprintf("%s is by a plugin that pluginConfiguration does not name", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["metadata", "annotations", "cnpg.io/volumeSnapshotDeadline"]} if {
	_is_backup
	deadline := obj_lib.annotations(input)["cnpg.io/volumeSnapshotDeadline"]
	is_string(deadline)
	deadline != ""
	not obj_lib.is_filled_in(deadline)
	not regex.match(`^[+-]?[0-9]+$`, deadline)
	msg := sprintf("cnpg.io/volumeSnapshotDeadline of %s is %q, which is no number of minutes", [obj_lib.title(input), deadline])
}

deny contains {"msg": msg, "path": ["spec", "schedule"]} if {
	_is_scheduled
	schedule := obj_lib.at(input, ["spec", "schedule"], null)
	is_string(schedule)
	not obj_lib.is_filled_in(schedule)
	reason := _wrong_schedule(schedule)
	msg := sprintf("schedule of %s is %q: %s", [obj_lib.title(input), schedule, reason])
}

_wrong_schedule(schedule) := "it is none" if {
	schedule == ""
} else := "there are @yearly, @monthly, @weekly, @daily, @hourly and @every with a duration" if {
	startswith(schedule, "@")
	not schedule in {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
	not regex.match(`^@every [+-]?(0|(([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$`, schedule)
} else := sprintf("it has %v fields, and the operator reads six, seconds before minutes, of which the last may be left out", [count(database.schedule_fields(schedule))]) if {
	not startswith(schedule, "@")
	not count(database.schedule_fields(schedule)) in {5, 6}
} else := reasons[0] if {
	not startswith(schedule, "@")
	reasons := [sprintf("%q is no %s, which are %v to %v", [field, _fields[i].what, _fields[i].from, _fields[i].to]) |
		some i, field in database.schedule_fields(schedule)
		not _is_field(field, _fields[i])
	]
	count(reasons) > 0
}

_fields := [
	{"what": "second", "from": 0, "to": 59, "names": []},
	{"what": "minute", "from": 0, "to": 59, "names": []},
	{"what": "hour", "from": 0, "to": 23, "names": []},
	{"what": "day of the month", "from": 1, "to": 31, "names": []},
	{"what": "month", "from": 1, "to": 12, "names": ["", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]},
	{"what": "day of the week", "from": 0, "to": 6, "names": ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]},
]

_is_field(field, bounds) if {
	every part in split(field, ",") { _is_range(part, bounds) }
}

# Commas alone are no part, and no fault either.
_is_range("", _)

_is_range(part, _) if regex.match(`^[*?](-[^-/]*)*(/\+?0*[1-9][0-9]*)?$`, part)

_is_range(part, bounds) if {
	parts := regex.find_all_string_submatch_n(`^([^-/*?]+)(?:-([^-/]+))?(?:/\+?0*[1-9][0-9]*)?$`, part, 1)
	from := _number(parts[0][1], bounds)
	to := _number(_or(parts[0][2], parts[0][1]), bounds)
	bounds.from <= from
	from <= to
	to <= bounds.to
}

_or(text, other) := other if text == ""

else := text

_number(text, bounds) := index if {
	some index, name in bounds.names
	name == lower(text)
} else := to_number(digits[0][1]) if {
	digits := regex.find_all_string_submatch_n(`^\+?0*([0-9]{1,4})$`, text, 1)
}
