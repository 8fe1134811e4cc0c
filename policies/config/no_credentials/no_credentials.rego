# METADATA
# scope: package
# title: No credential outside a Secret
# description: |
#   A ConfigMap, an environment value and an argument are in git, in every backup of etcd and in `kubectl describe`, and
#   any role that may view a namespace may read them. A password that was committed once has to be changed, not moved. The
#   database's URL comes from the Secret that its operator writes. In source code only what stands in quotes is one:
#   anything else is the name of a value. In the values of a chart (HelmRelease, Application) a password is one that is
#   written out, a key or a token one that is plainly random: much of what stands there is the name of a Secret.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/configuration/secret/
#   - ref: https://kubernetes.io/docs/concepts/security/secrets-good-practices/
# custom:
#   severity: error
#   states: convention
#   standard: error
#   scope: object
#   fix: Change the credential, keep it in a Secret that is not in git, and refer to it with secretKeyRef or a mounted file.
package policies.config.no_credentials

import data.policies.lib.argo
import data.policies.lib.credential
import data.policies.lib.object as obj_lib
import data.policies.lib.part

# Any string of any object; the object is asked as a whole before its strings are.
deny contains object.union({"msg": msg, "path": path}, credential.line_of_shape(text, shape)) if {
	_is_searched
	credential.may_have_shape(sprintf("%v", [input]))
	some path, text
	walk(input, [path, text])
	is_string(text)
	some shape in credential.shapes(text)
	not _is_key_id(path, shape)
	msg := sprintf("%s holds %s", [obj_lib.title(input), shape])
}

# The half of a key of AWS that is no secret, in the field that is for it, as route53.accessKeyID of an Issuer.
_is_key_id(path, "an AWS access key") if {
	key := path[count(path) - 1]
	is_string(key)
	regex.match(`(?i)^access_?key_?id$`, key)
}

# A Secret has a rule of its own, and a CRD describes what others may hold.
_is_searched if {
	not obj_lib.is_kind(input, "", "Secret")
	input.kind != "CustomResourceDefinition"
}

deny contains object.union({"msg": msg, "path": document.path}, _line(document.value, key)) if {
	some document in _documents
	some key in _credentials(document.value)
	msg := sprintf("%s holds a credential: %s has a literal value", [obj_lib.title(input), key])
}

_line(text, key) := credential.line_of_key(text, key) if {
	is_string(text)
} else := {}

deny contains {"msg": msg, "path": ["data", key]} if {
	input.kind == "ConfigMap"
	obj_lib.group(input) == ""
	some key, value in input.data
	credential.is_sensitive(key)
	credential.is_literal(key, value)
	msg := sprintf("%s holds a credential: %s has a literal value", [obj_lib.title(input), key])
}

# What is configuration as a whole: the files of a ConfigMap and the Collector's own document.
_documents contains {"value": value, "path": ["data", key]} if {
	input.kind == "ConfigMap"
	obj_lib.group(input) == ""
	some key, value in input.data
	not _is_for_chart(key)
}

# A file of values that a HelmRelease takes from the ConfigMap, or Argo CD from the directory.
_is_for_chart(key) if regex.match(`(?i)(^|[-_.])values([-_.][\w.-]*)?\.ya?ml$`, key)

_documents contains {"value": input.spec.config, "path": ["spec", "config"]} if {
	input.kind == "OpenTelemetryCollector"
	obj_lib.group(input) == "opentelemetry.io"
}

# The values that charts are given, at the field or at the line of the text.
deny contains {"msg": msg, "path": array.concat(path, field)} if {
	some [path, values] in _values
	is_object(values)
	some [field, key] in credential.in_values(values)
	msg := _given(key)
}

deny contains object.union({"msg": msg, "path": path}, credential.line_of_key(text, key)) if {
	some [path, text] in _values
	is_string(text)
	yaml.is_valid(text)
	some [_, key] in credential.in_values(yaml.unmarshal(text))
	msg := _given(key)
}

deny contains {"msg": msg, "path": array.concat(source.path, ["helm", "parameters", index, "value"])} if {
	some source in _sources
	some index, parameter in obj_lib.at(source.value, ["helm", "parameters"], [])
	is_string(parameter.name)
	credential.is_value(parameter.name, parameter.value)
	msg := _given(parameter.name)
}

_given(key) := sprintf("%s holds a credential: %v, which it gives a chart, has a literal value", [obj_lib.title(input), key])

_values contains [["spec", "values"], input.spec.values] if {
	input.kind == "HelmRelease"
	obj_lib.group(input) == "helm.toolkit.fluxcd.io"
}

_values contains [["data", key], text] if {
	input.kind == "ConfigMap"
	obj_lib.group(input) == ""
	some key, text in input.data
	_is_for_chart(key)
}

_values contains [["spec", "valuesContent"], input.spec.valuesContent] if {
	input.kind in {"HelmChart", "HelmChartConfig"}
	obj_lib.group(input) == "helm.cattle.io"
}

_values contains [array.concat(source.path, ["helm", field]), value] if {
	some source in _sources
	some field in ["values", "valuesObject"]
	value := source.value.helm[field]
}

_sources contains source if {
	argo.is_application(input)
	some source in argo.sources(input)
}

_sources contains {"value": source.value, "path": array.concat(["spec", "template"], source.path)} if {
	obj_lib.is_kind(input, "argoproj.io", "ApplicationSet")
	some source in argo.sources(obj_lib.at(input, ["spec", "template"], {}))
}

_credentials(value) := credential.in_text(value) if is_string(value)

_credentials(value) := credential.in_structure(value) if is_object(value)

deny contains {"msg": msg, "path": path} if {
	some variable in _variables
	_is_credential(variable.name, variable.value)
	msg := sprintf("%s holds a credential: variable %s has a literal value", [variable.title, variable.name])
	path := variable.path
}

deny contains {"msg": msg, "path": path} if {
	some variable in _variables
	is_string(variable.value)
	some key in credential.inline(variable.value)
	msg := sprintf("%s holds a credential: %s has a literal value in variable %v", [variable.title, key, variable.name])
	path := variable.path
}

_variables contains {"title": container.title, "name": name, "value": variable.value, "path": path} if {
	some container in part.input_containers
	some index, variable in container.value.env
	name := obj_lib.at(variable, ["name"], "")
	path := part.path(container, ["env", index, "value"])
}

_variables contains {"title": title, "name": name, "value": variable.value, "path": ["spec", "env", index, "value"]} if {
	obj_lib.group(input) in {"opentelemetry.io", "postgresql.cnpg.io"}
	title := obj_lib.title(input)
	some index, variable in input.spec.env
	name := obj_lib.at(variable, ["name"], "")
}

deny contains object.union({"msg": msg, "path": argument.path}, _line(argument.text, flag)) if {
	some argument in _arguments
	some flag in _flags(argument)
	msg := sprintf("%s holds a credential: %s has a literal value", [argument.title, flag])
}

_arguments contains {"title": container.title, "text": text, "next": next, "path": path} if {
	some container in part.input_containers
	some field in ["args", "command"]
	arguments := container.value[field]
	is_array(arguments)
	some index, text in arguments
	is_string(text)
	next := array.slice(array.concat(arguments, [null]), index + 1, index + 2)[0]
	path := part.path(container, [field, index])
}

# --token=x, --token x, and a shell line that sets a password.
_flags(argument) := {name} if {
	name := regex.replace(argument.text, `^--?([\w.-]+)=(?s:.*)$`, "$1")
	name != argument.text
	_is_credential(name, substring(argument.text, indexof(argument.text, "=") + 1, -1))
} else := {name} if {
	regex.match(`^--?[\w.-]+$`, argument.text)
	name := trim_left(argument.text, "-")
	is_string(argument.next)
	not startswith(argument.next, "-")
	_is_credential(name, argument.next)
} else := credential.inline(argument.text)

_is_credential(key, value) if {
	credential.is_sensitive(key)
	credential.is_literal(key, value)
}
