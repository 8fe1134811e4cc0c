# METADATA
# scope: package
# title: A schedule of backups begins with seconds
# description: |
#   CloudNativePG (1.27.0) reads the first field of a schedule as seconds, and takes one of five fields,
#   as cron has them, for one without the day of the week: "0 3 * * *" is no backup at three each night
#   but one each hour, three minutes past. Its webhook warns, which nobody sees of a sync.
# related_resources:
#   - ref: https://github.com/cloudnative-pg/cloudnative-pg/blob/v1.27.0/internal/webhook/v1/scheduledbackup_webhook.go
#   - ref: https://github.com/robfig/cron/blob/v1.2.0/parser.go
# custom:
#   severity: warning
#   states: fact
#   scope: object
#   mentions: postgresql.cnpg.io
#   fix: Write six fields, seconds first, such as "0 0 3 * * *" for three each night.
package policies.database.schedule_seconds

import data.policies.lib.database
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": ["spec", "schedule"]} if {
	input.kind == "ScheduledBackup"
	database.is_of_operator(input)
	schedule := obj_lib.at(input, ["spec", "schedule"], "")
	is_string(schedule)
	not obj_lib.is_filled_in(schedule)
	not startswith(schedule, "@")
	fields := database.schedule_fields(schedule)
	count(fields) == 5
	msg := sprintf("schedule of %s has five fields: the first, %s, is read as seconds, %s as minutes and %s as hours", [obj_lib.title(input), fields[0], fields[1], fields[2]])
}
