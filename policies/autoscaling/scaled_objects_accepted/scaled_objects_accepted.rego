# METADATA
# scope: package
# title: KEDA accepts every ScaledObject and ScaledJob
# description: |
#   The operator's webhook refuses what the schema takes, and where it is left out KEDA makes no
#   autoscaler: a minimum above the maximum, no pods by metrics of pods alone, a fallback that no
#   trigger has, two triggers of one name, a formula without a target or with a name that no trigger
#   has. As in version 2.21.0, whose schema says itself where the two bounds that are given contradict.
# related_resources:
#   - ref: https://github.com/kedacore/keda/blob/v2.21.0/apis/keda/v1alpha1/scaledobject_webhook.go
#   - ref: https://github.com/kedacore/keda/blob/v2.21.0/apis/keda/v1alpha1/scaledobject_types.go
#   - ref: https://github.com/kedacore/keda/blob/v2.21.0/apis/keda/v1alpha1/scaletriggers_types.go
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: autoscaling keda.sh
#   fix: Correct the field that the message names, as KEDA wants it.
package policies.autoscaling.scaled_objects_accepted

import data.policies.lib.entry
import data.policies.lib.object as obj_lib

_is_scaled if {
	input.kind == "ScaledObject"
	obj_lib.group(input) == "keda.sh"
}

_has_triggers if _is_scaled

_has_triggers if {
	input.kind == "ScaledJob"
	obj_lib.group(input) == "keda.sh"
}

_at(path) := obj_lib.at(input, array.concat(["spec"], path), null)

# Where a number is given, what KEDA has the autoscaler keep; where none is, it compares with 0.
_least := 0 if _at(["minReplicaCount"]) == null

_least := max({1, number}) if {
	number := _at(["minReplicaCount"])
	is_number(number)
}

_most := number if {
	number := obj_lib.at(input, ["spec", "maxReplicaCount"], 100)
	is_number(number)
}

deny contains {"msg": msg, "path": ["spec", "minReplicaCount"], "with": {["spec", "maxReplicaCount"]}} if {
	_is_scaled
	_least > _most
	not _at(["minReplicaCount"]) > _most
	msg := sprintf("%s keeps at least %v replicas and at most %v", [obj_lib.title(input), _least, _most])
}

deny contains {"msg": msg, "path": ["spec", "idleReplicaCount"], "with": {["spec", "minReplicaCount"]}} if {
	_is_scaled
	idle := _at(["idleReplicaCount"])
	is_number(idle)
	idle >= _least
	msg := sprintf("idleReplicaCount of %s is %v, not below its minReplicaCount, %v", [obj_lib.title(input), idle, obj_lib.at(input, ["spec", "minReplicaCount"], 0)])
}

_triggers := entry.list(_at(["triggers"]), ["spec", "triggers"])

_of_pods := {"cpu", "memory"}

_only_of_pods if {
	is_array(_at(["triggers"]))
	count(_triggers) > 0
	every trigger in _triggers { trigger.value.type in _of_pods }
}

# Of another kind KEDA does not ask.
_of_workload if obj_lib.at(input, ["spec", "scaleTargetRef", "kind"], "Deployment") in {"Deployment", "StatefulSet"}

deny contains {"msg": msg, "path": ["spec", "minReplicaCount"], "with": {trigger.path | some trigger in _triggers}} if {
	_is_scaled
	_of_workload
	_only_of_pods
	obj_lib.at(input, ["spec", "minReplicaCount"], 0) == 0
	msg := sprintf("%s may scale to no pods, and has triggers of cpu and memory alone, which nobody has without pods: set minReplicaCount to 1 or more", [obj_lib.title(input)])
}

_uses_modifiers if count(obj_lib.at(input, ["spec", "advanced", "scalingModifiers"], {})) > 0

deny contains {"msg": msg, "path": ["spec", "fallback"], "with": {trigger.path | some trigger in _triggers}} if {
	_is_scaled
	_at(["fallback"]) != null
	not _uses_modifiers
	_only_of_pods
	msg := sprintf("fallback of %s is for triggers other than cpu and memory, and it has none", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "fallback", field]} if {
	_is_scaled
	some field in ["failureThreshold", "replicas"]
	number := _at(["fallback", field])
	is_number(number)
	number < 0
	msg := sprintf("fallback.%s of %s is %v, less than none", [field, obj_lib.title(input), number])
}

deny contains {"msg": msg, "path": ["spec", "advanced", "scalingModifiers", "formula"], "with": {["spec", "advanced", "scalingModifiers", "target"]}} if {
	_is_scaled
	modifiers := _at(["advanced", "scalingModifiers"])
	obj_lib.at(modifiers, ["formula"], "") != ""
	obj_lib.at(modifiers, ["target"], "") == ""
	msg := sprintf("scalingModifiers of %s have a formula, and no target that its result is held to", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "advanced", "scalingModifiers", "target"]} if {
	_is_scaled
	target := _at(["advanced", "scalingModifiers", "target"])
	is_string(target)
	target != ""
	not obj_lib.is_filled_in(target)
	not _is_positive(target)
	msg := sprintf("target of scalingModifiers of %s is %q, which is no number above 0", [obj_lib.title(input), target])
}

# As strconv.ParseFloat reads it, but for hexadecimal digits, of which nothing is said.
_is_positive(text) if {
	regex.match(`^\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`, text)
	regex.match(`^[+.0]*[1-9]`, text)
}

_is_positive(text) if regex.match(`(?i)^\+?(0x.*|inf|infinity|nan)$`, text)

deny contains {"msg": msg, "path": ["spec", "advanced", "scalingModifiers", "metricType"]} if {
	_is_scaled
	obj_lib.at(input, ["spec", "advanced", "scalingModifiers", "target"], "") != ""
	_at(["advanced", "scalingModifiers", "metricType"]) == "Utilization"
	msg := sprintf("metricType of scalingModifiers of %s is Utilization: what a formula makes has AverageValue or Value", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "fallback", "behavior"]} if {
	_is_scaled
	_at(["fallback", "behavior"]) == "scalingModifiers"
	not _uses_modifiers
	msg := sprintf("fallback.behavior of %s is scalingModifiers, and it has none", [obj_lib.title(input)])
}

# KEDA compiles the formula with the names of the triggers that have metrics of their own.
deny contains {"msg": msg, "path": ["spec", "advanced", "scalingModifiers", "formula"], "with": {trigger.path | some trigger in _triggers}} if {
	_is_scaled
	formula := _at(["advanced", "scalingModifiers", "formula"])
	_is_plain(formula)
	is_array(_at(["triggers"]))
	every trigger in _triggers { not obj_lib.is_filled_in(trigger.value.name) }
	unknown := _names(formula) - {trigger.value.name | some trigger in _triggers; not trigger.value.type in _of_pods}
	count(unknown) > 0
	msg := sprintf("formula of %s names %s, and no trigger other than of cpu and memory is called so", [obj_lib.title(input), concat(", ", unknown)])
}

# What else a formula may hold (texts, comments, maps, names of its own) is not read here.
_is_plain(formula) if {
	is_string(formula)
	regex.match(`^[A-Za-z0-9_\s+*/%^(),?:<>=!&|.#{}\[\]-]+$`, formula)
	not obj_lib.is_filled_in(formula)
	not regex.match(`\blet\b|//|/\*|\{[^}]*:`, formula)
}

# https://github.com/expr-lang/expr/blob/v1.17.8/docs/language-definition.md
_names(formula) := {part[2] |
	some part in regex.find_all_string_submatch_n(`([.#]\s*)?\b([A-Za-z_][A-Za-z0-9_]*)\s*(\(?)`, formula, -1)
	part[1] == ""
	part[3] == ""
	not part[2] in {"and", "contains", "else", "endsWith", "false", "if", "in", "matches", "nil", "not", "or", "startsWith", "true"}
}

deny contains {"msg": msg, "path": ["spec", "advanced", "scalingModifiers"]} if {
	_is_scaled
	_uses_modifiers
	obj_lib.at(input, ["spec", "advanced", "scalingModifiers", "formula"], "") == ""
	msg := sprintf("scalingModifiers of %s have no formula", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "triggers"]} if {
	_has_triggers
	_at(["triggers"]) == []
	msg := sprintf("%s has no trigger", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": array.concat(trigger.path, ["name"]), "with": {array.concat(_triggers[first].path, ["name"])}} if {
	_has_triggers
	some index, trigger in _triggers
	name := trigger.value.name
	is_string(name)
	name != ""
	first := min([other | some other, one in _triggers; one.value.name == name])
	first < index
	msg := sprintf("two triggers of %s are called %s", [obj_lib.title(input), name])
}

deny contains {"msg": msg, "path": array.concat(trigger.path, ["useCachedMetrics"])} if {
	_has_triggers
	some trigger in _triggers
	trigger.value.useCachedMetrics == true
	trigger.value.type in {"cpu", "memory", "cron"}
	msg := sprintf("useCachedMetrics of a trigger of %s is not for the type %s", [obj_lib.title(input), trigger.value.type])
}

deny contains {"msg": msg, "path": path} if {
	_is_scaled
	some [name, path, what] in _labels
	is_string(name)
	not obj_lib.is_filled_in(name)
	count(name) > 63
	msg := sprintf("%s %q has %d characters, and KEDA writes it into a label, which holds 63", [what, name, count(name)])
}

_labels contains [obj_lib.name(input), ["metadata", "name"], "the name"]

_labels contains [_at(_named), array.concat(["spec"], _named), "the autoscaler's name"] if _at(_named) != null

_labels contains [name, ["metadata", "name"], "the autoscaler's name"] if {
	_at(_named) == null
	count(obj_lib.name(input)) <= 63
	name := concat("", ["keda-hpa-", obj_lib.name(input)])
}

_named := ["advanced", "horizontalPodAutoscalerConfig", "name"]
