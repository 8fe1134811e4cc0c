# METADATA
# scope: package
# title: Ignored differences are kept in a sync
# description: |
#   ignoreDifferences only hides a field from the comparison. The next sync for any other reason
#   applies the field from git all the same, and puts a scaled Deployment or a shifted canary weight
#   back, unless the Application has the sync option RespectIgnoreDifferences. What git leaves out no sync touches, so
#   this is said only where a workload, an autoscaler, a webhook's configuration or a route that the Application takes from this
#   repository has such a field: one that a JSON pointer or a jq path without conditions leads to.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#respect-ignore-difference-configs
# custom:
#   severity: error
#   states: fact
#   scope: repository
#   mentions: argoproj.io
#   sees: admissionregistration.k8s.io apps argoproj.io autoscaling networking.istio.io
#   fix: Add RespectIgnoreDifferences=true to spec.syncPolicy.syncOptions.
package policies.gitops.respect_ignored_differences

import data.policies.lib.argo
import data.policies.lib.entry
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": ["targets", application.target, "objects", application.object, "spec", "syncPolicy", "syncOptions"]} if {
	some application in argo.applications
	argo.is_applied(application.value)
	not "RespectIgnoreDifferences=true" in obj_lib.at(application.value, ["spec", "syncPolicy", "syncOptions"], [])
	fields := {field |
		some target in input.targets
		argo.brings(application, target.path)
		some obj in target.objects
		some field in _ignored(application, target.path, obj)
	}
	count(fields) > 0
	msg := sprintf("%s ignores differences of %s without RespectIgnoreDifferences=true, so a sync overwrites them", [application.title, concat(", ", fields)])
}

# The fields of an object that are ignored and that git has.
_ignored(application, target, obj) := {sprintf("%s of %s", [concat(".", path), obj_lib.title(obj)]) |
	some ignored in entry.list(obj_lib.at(application.value, ["spec", "ignoreDifferences"], null), [])
	_is_of(ignored.value, obj)
	_is_brought(ignored.value, target, application.path)
	some path in _paths(ignored.value)
	count(entry.places(obj, path)) > 0
}

# Argo CD reads group and kind as globs.
_is_of(ignored, obj) if {
	glob.match(obj_lib.at(ignored, ["group"], ""), null, obj_lib.group(obj))
	glob.match(ignored.kind, null, obj.kind)
	obj_lib.at(ignored, ["name"], "") in {"", obj_lib.name(obj)}
	obj_lib.at(ignored, ["namespace"], "") in {"", obj_lib.namespace(obj)}
}

_is_brought(_, target, path) if target == path

# What is named is of the part that it is named for.
_is_brought(ignored, _, _) if obj_lib.at(ignored, ["name"], "") != ""

_paths(ignored) := {_steps(pointer) | some pointer in ignored.jsonPointers} | {_fields(query) | some query in ignored.jqPathExpressions}

_steps(pointer) := [replace(replace(step, "~1", "/"), "~0", "~") | some step in split(trim_prefix(pointer, "/"), "/")] if startswith(pointer, "/")

# A jq path of fields and of all items: .webhooks[]?.clientConfig.caBundle.
_fields(query) := split(trim_prefix(replace(replace(query, "?", ""), "[]", ".*"), "."), ".") if {
	regex.match(`^(\.[A-Za-z_][A-Za-z0-9_]*\??(\[\]\??)?)+$`, query)
}
