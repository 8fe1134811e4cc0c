# METADATA
# scope: package
# title: A variable is there where another value refers to it
# description: |
#   The kubelet fills in $(NAME) in env, command, args and subPathExpr from the variables of the
#   container: in env from those above alone. What it does not find it leaves as it is written, and
#   the process reads the dollar sign; of a subPathExpr the container does not start. Variables of a
#   Service count, and where a ConfigMap of envFrom is not rendered nobody knows.
# related_resources:
#   - ref: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: spec apps/ batch/ Pod
#   fix: Define the variable above its use, correct its name, or write $$(NAME) for the text itself.
package policies.pod.env_references

import data.policies.lib.entry
import data.policies.lib.object as obj_lib
import data.policies.lib.spelling
import data.policies.lib.workload

deny contains {"msg": msg, "path": array.concat(["objects", i], use.path), "with": with_fields} if {
	some i, obj in workload.input_workloads
	not _adds_variables(obj)
	some container in workload.containers(obj)
	uses := _uses(container)
	count(uses) > 0
	sourced := _sourced(obj, container)
	names := _names(container)
	some use in uses
	some below in [false, true]
	unset := [name |
		some name in use.names
		not name in {known | some index, known in names; index < use.before}
		not name in sourced
		not _is_given(obj, name)
		_is_meant(use, name, names)
		below == _is_below(name, names)
	]
	count(unset) > 0
	with_fields := {array.concat(["objects", i], array.concat(container.path, ["env", index, "name"])) | some index, known in names; known in unset}
	held := concat(", ", [sprintf("$(%s)", [name]) | some name in sort(unset)])
	msg := sprintf("%s of %s holds %s, %s", [use.title, container.title, held, _why(below, count(unset))])
}

_why(false, 1) := "and no variable of the container has this name: it stays as it is written"

_why(false, n) := "and no variable of the container has these names: they stay as they are written" if n > 1

_why(true, 1) := "which is defined below it: it stays as it is written"

_why(true, n) := "which are defined below it: they stay as they are written" if n > 1

# $(date) is a command's output in a shell, $(CC) a word of make: what nobody but the kubelet expands looks like a variable, and in a
# script is one of the container's, or nearly.
_is_meant(use, _, _) if use.strict

_is_meant(_, name, names) if name in names

_is_meant(use, name, _) if {
	not use.script
	regex.match(`^[A-Z_][A-Z0-9_]*$`, name)
}

_is_meant(_, name, names) if {
	some known in names
	_is_near(name, known)
}

# $(hostname) is a command, whether there is a HOSTNAME or not.
_is_near(name, known) if {
	_plain(name) == _plain(known)
	regex.match(`[A-Z_]`, name)
}

# Of short names many are that near.
_is_near(name, known) if {
	count(name) > 4
	count(known) > 4
	spelling.is_near(name, known)
}

_plain(name) := upper(regex.replace(name, `[-._]`, ""))

_is_below(name, names) if {
	name in names
} else := false

# By index in env.
_names(container) := {index: variable.name |
	some index, variable in container.value.env
	is_string(variable.name)
}

# What is expanded: {title, names, before, path}, with the names that it refers to and the index in env before which they have to stand;
# script where a shell or make reads the text, strict where nothing but a variable may be meant.
_uses(container) := array.concat(
	[{"title": sprintf("env %v", [variable.name]), "names": names, "before": index, "script": contains(variable.value, "\n"), "path": array.concat(container.path, ["env", index, "value"])} |
		some index, variable in container.value.env
		names := _referred(variable.value, `^[A-Za-z_][-._A-Za-z0-9]*$`)
		count(names) > 0
	],
	array.concat(
		[{"title": sprintf("%s[%v]", [field, index]), "names": names, "before": 1000000, "script": _is_script(container, text), "path": array.concat(container.path, [field, index])} |
			some field in ["args", "command"]
			some index, text in container.value[field]
			names := _of_line(_referred(text, `^[A-Za-z_][-._A-Za-z0-9]*$`))
			count(names) > 0
		],
		[{"title": sprintf("subPathExpr of the mount %v", [mount.mountPath]), "names": names, "before": 1000000, "strict": true, "path": array.concat(container.path, ["volumeMounts", index, "subPathExpr"])} |
			some index, mount in container.value.volumeMounts
			names := _referred(mount.subPathExpr, ``)
			count(names) > 0
		],
	),
)

# A text of several lines is one; so is what a shell is given.
_is_script(container, text) if {
	contains(text, "\n")
} else if {
	_runs_shell(container)
} else := false

_runs_shell(container) if {
	some field in ["args", "command"]
	some word in container.value[field]
	is_string(word)
	regex.match(`^(.*/)?(a|ba|da|k|z)?sh$`, word)
}

# A shell and awk have words of their own in parentheses: $(date), $(NF).
_of_line(names) := names - {"FNR", "NF", "NR"}

_referred(text, pattern) := {name |
	is_string(text)
	contains(text, "$(")
	some found in regex.find_n(`\$\$|\$\([^)]*\)`, text, -1)
	found != "$$"
	name := substring(found, 2, count(found) - 3)
	regex.match(pattern, name)
}

# The names that envFrom brings. Undefined where nobody here knows them all.
_sourced(obj, container) := {name |
	some source in container.value.envFrom
	some keys in _config_maps[obj_lib.namespace(obj)][source.configMapRef.name]
	some key in keys
	name := concat("", [_prefix(source), key])
} if {
	every source in entry.list(obj_lib.at(container.value, ["envFrom"], null), []) {
		_config_maps[obj_lib.namespace(obj)][source.value.configMapRef.name]
	}
}

_prefix(source) := source.prefix if is_string(source.prefix)

else := ""

_config_maps := _config_maps_by_name

_config_maps_by_name[obj_lib.namespace(obj)][obj_lib.name(obj)] contains object.keys(obj_lib.at(obj, ["data"], {})) if {
	some obj in obj_lib.of_kind[""].ConfigMap
	is_object(obj_lib.at(obj, ["data"], {}))
}

# Variables of the Services that the kubelet knows of, those of a Job's controller, and what webhooks are known to put in.
_is_given(_, name) if regex.match(`_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$|_PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`, name)

_is_given(obj, "JOB_COMPLETION_INDEX") if obj_lib.group(obj) == "batch"

_is_given(_, name) if regex.match(`^(AWS|AZURE|DAPR)_`, name)

_is_given(obj, name) if {
	startswith(name, "OTEL_")
	some annotation, _ in workload.annotations(obj)
	contains(annotation, "opentelemetry.io/")
}

# Their controllers put variables of their own into containers.
_adds_variables(obj) if {
	some project in ["knative.dev", "kubeflow.org", "x-k8s.io"]
	endswith(obj_lib.group(obj), project)
}
