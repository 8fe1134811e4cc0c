# METADATA
# scope: package
# title: Resources of CloudNativePG
# description: What rules ask of a Cluster and of what stands around it.
package policies.lib.database

import data.policies.lib.object as obj_lib

# METADATA
# description: |
#   Whether an object is of CloudNativePG's group. A rule of one object compares input.kind itself first, as for is_kind of
#   lib.object.
is_of_operator(obj) if obj_lib.group(obj) == "postgresql.cnpg.io"

# METADATA
# description: |
#   Whether the operator's webhook judges an object of its group: it lets through what an annotation marks so. That of a
#   ScheduledBackup does not ask for it.
is_judged(obj) if {
	is_of_operator(obj)
	not obj_lib.annotations(obj)["cnpg.io/validation"] == "disabled"
}

# METADATA
# description: how many instances a Cluster asks for; what is no number is returned as it stands
instances(obj) := obj_lib.at(obj, ["spec", "instances"], 1)

# METADATA
# description: the fields of a schedule; undefined of what is no text
schedule_fields(schedule) := regex.split(`\s+`, trim_space(schedule)) if is_string(schedule)
