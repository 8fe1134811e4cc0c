# METADATA
# scope: package
# title: The Collector may read what k8sattributes asks for
# description: |
#   The processor lists and watches pods, and what else it takes attributes of. Without the
#   permission it never fills its cache, telemetry arrives without its pod, and the log repeats that
#   something is forbidden. Said where all roles that bind the ServiceAccount are rendered.
# related_resources:
#   - ref: https://github.com/open-telemetry/opentelemetry-collector-contrib/blob/v0.145.0/processor/k8sattributesprocessor/internal/kube/client.go
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: OpenTelemetryCollector
#   fix: Give the role list and watch of the resource, and get beside them.
package policies.telemetry.collector_permissions

import data.policies.lib.collector
import data.policies.lib.object as obj_lib
import data.policies.lib.role

deny contains {"msg": msg, "path": _path(bound, need), "with": {array.concat(["objects", i], processor.path)}} if {
	some i, obj in collector.input_collectors
	account := {"name": obj.spec.serviceAccount, "namespace": obj_lib.namespace(obj)}
	bound := _bound(account)
	some processor in collector.used(obj, "processors")
	processor.type in {"k8sattributes", "k8s_attributes"}
	_is_own(processor.value)
	some need in (_needs(processor.value) | _older(obj, processor.value))
	lacking := [verb | some verb in ["list", "watch"]; not _grants(bound, need, verb)]
	count(lacking) > 0
	msg := sprintf("ServiceAccount %q may not %s %s, which %s of %s asks for", [account.name, concat(" and ", lacking), need.resource, processor.id, obj_lib.title(obj)])
}

# With passthrough it asks for nothing, and with another way in it is somebody else.
_is_own(value) if {
	is_object(value)
	obj_lib.at(value, ["auth_type"], "serviceAccount") == "serviceAccount"
	obj_lib.at(value, ["passthrough"], false) != true
	obj_lib.at(value, ["kubelet", "enabled"], false) != true
}

# The roles that bind an account, each {index, role}; undefined where none binds it by its name, where one of them is not
# rendered, or is put together elsewhere.
_bound(account) := found if {
	named := [binding |
		some binding in input.objects
		role.is_binding(binding)
		some subject in binding.subjects
		_is_account(subject, account, obj_lib.namespace(binding))
	]
	count(named) > 0
	grouped := [binding |
		some binding in input.objects
		role.is_binding(binding)
		some subject in binding.subjects
		_is_group(subject, account)
	]
	bindings := array.concat(named, grouped)
	found := {{"index": i, "role": rendered} |
		some binding in bindings
		some i, rendered in input.objects
		_is_of(binding, rendered)
	}
	every binding in bindings {
		some one in found
		_is_of(binding, one.role)
		not one.role.aggregationRule
	}
}

_is_account(subject, account, namespace) if {
	subject.kind == "ServiceAccount"
	subject.name == account.name
	obj_lib.may_be_one(obj_lib.at(subject, ["namespace"], namespace), account.namespace)
}

# A ServiceAccount is a user too, and in these groups.
_is_account(subject, account, _) if {
	subject.kind == "User"
	is_string(subject.name)
	["system", "serviceaccount", namespace, account.name] = split(subject.name, ":")
	obj_lib.may_be_one(namespace, account.namespace)
}

_is_group(subject, _) if {
	subject.kind == "Group"
	subject.name in {"system:authenticated", "system:serviceaccounts"}
}

_is_group(subject, account) if {
	subject.kind == "Group"
	is_string(subject.name)
	["system", "serviceaccounts", namespace] = split(subject.name, ":")
	obj_lib.may_be_one(namespace, account.namespace)
}

_is_of(binding, rendered) if {
	role.is_role(rendered)
	rendered.kind == binding.roleRef.kind
	obj_lib.name(rendered) == binding.roleRef.name
	_is_beside(rendered, binding)
}

_is_beside(rendered, _) if rendered.kind == "ClusterRole"

_is_beside(rendered, binding) if obj_lib.may_be_one(obj_lib.namespace(rendered), obj_lib.namespace(binding))

_grants(bound, need, verb) if {
	some one in bound
	some rule in one.role.rules
	need.group in _or_any(rule, "apiGroups", need.group)
	need.resource in _or_any(rule, "resources", need.resource)
	verb in _or_any(rule, "verbs", verb)
}

_or_any(rule, field, wanted) := [wanted] if {
	"*" in role.entries(rule, field)
} else := role.entries(rule, field)

# Of each what makes the processor ask for it: attributes, and whose labels and annotations it takes.
_needs(value) := {{"group": "", "resource": "pods"}} | {need |
	some resource, why in _reasons
	_is_asked(value, why)
	need := {"group": why.group, "resource": resource}
}

# Up to 0.145 it looks the Deployment up by the ReplicaSet.
_older(obj, value) := {{"group": "apps", "resource": "replicasets"}} if {
	"k8s.deployment.name" in value.extract.metadata
	obj_lib.at(value, ["extract", "deployment_name_from_replicaset"], false) == false
	[[_, minor]] := regex.find_all_string_submatch_n(`:v?0\.([0-9]+)\.[0-9]+(?:[-@].*)?$`, obj.spec.image, 1)
	to_number(minor) <= 145
} else := set()

_reasons := {
	"namespaces": {"group": "", "from": {"namespace"}, "metadata": {"k8s.cluster.uid"}},
	"nodes": {"group": "", "from": {"node"}, "metadata": {"k8s.node.uid"}},
	"replicasets": {"group": "apps", "from": {"deployment"}, "metadata": {"k8s.deployment.uid"}},
	"deployments": {"group": "apps", "from": {"deployment"}, "metadata": set()},
	"statefulsets": {"group": "apps", "from": {"statefulset"}, "metadata": set()},
	"daemonsets": {"group": "apps", "from": {"daemonset"}, "metadata": set()},
	"jobs": {"group": "batch", "from": {"job"}, "metadata": {"k8s.cronjob.uid"}},
}

_is_asked(value, why) if {
	some name in value.extract.metadata
	name in why.metadata
}

_is_asked(value, why) if {
	some kind in ["labels", "annotations"]
	some entry in value.extract[kind]
	entry.from in why.from
}

# The rule of the API group that is there, or the role's rules.
_path(bound, need) := array.concat(["objects"], found) if {
	places := {[one.index, "rules", i, field] |
		some one in bound
		some i, rule in one.role.rules
		need.group in role.entries(rule, "apiGroups")
		field := _field(rule, need)
	}
	found := min(places)
} else := array.concat(["objects"], min({[one.index, "rules"] | some one in bound}))

_field(rule, need) := "verbs" if {
	need.resource in role.entries(rule, "resources")
} else := "resources"
