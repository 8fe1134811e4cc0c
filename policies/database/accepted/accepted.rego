# METADATA
# scope: package
# title: CloudNativePG accepts every Cluster
# description: |
#   The operator's webhook refuses what the schema takes, and no sync applies it: an image whose tag
#   does not begin with a version, as many synchronous replicas as instances, storage without a size,
#   two ways to bootstrap or a source that is not listed, requests beyond limits. As in version 1.27.0.
# related_resources:
#   - ref: https://github.com/cloudnative-pg/cloudnative-pg/blob/v1.27.0/internal/webhook/v1/cluster_webhook.go
#   - ref: https://github.com/cloudnative-pg/machinery/blob/v0.3.1/pkg/postgres/version/version.go
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: postgresql.cnpg.io
#   fix: Correct the field that the message names, as the operator wants it.
package policies.database.accepted

import data.policies.lib.entry
import data.policies.lib.object as obj_lib
import data.policies.lib.quantity
import data.policies.lib.spelling

# Its webhook lets through what is marked so.
_is_cluster if {
	input.kind == "Cluster"
	obj_lib.group(input) == "postgresql.cnpg.io"
	not obj_lib.annotations(input)["cnpg.io/validation"] == "disabled"
}

_instances := obj_lib.at(input, ["spec", "instances"], 1)

_at(path) := obj_lib.at(input, path, null)

deny contains {"msg": msg, "path": ["spec", "imageName"]} if {
	_is_cluster
	image := _at(["spec", "imageName"])
	is_string(image)
	image != ""
	not obj_lib.is_filled_in(image)
	reason := _refused(_tag(image))
	msg := sprintf("imageName of %s is %q: %s", [obj_lib.title(input), image, reason])
}

_tag(image) := tags[0][1] if {
	tags := regex.find_all_string_submatch_n(`:([^/]+)$`, _undigested(image), 1)
	count(tags) > 0
} else := "" if {
	contains(image, "@sha256:")
} else := "latest"

_undigested(image) := regex.replace(image, `@sha256:[a-fA-F0-9]+$`, "")

_refused("latest") := "the operator refuses the tag latest, from which it could tell no upgrade"

_refused("") := "the operator refuses a digest without a tag, from which it could tell no upgrade"

_refused(tag) := sprintf("the operator reads the version of PostgreSQL from the tag, and %q begins with none", [tag]) if {
	not tag in {"", "latest"}
	not regex.match(`^[0-9]`, tag)
}

deny contains {"msg": msg, "path": path, "with": {["spec", "instances"]}} if {
	_is_cluster
	path := ["spec", "postgresql", "synchronous", "number"]
	number := _at(path)
	is_number(number)
	is_number(_instances)
	named := sum([count(names) | some field in ["standbyNamesPre", "standbyNamesPost"]; names := _at(["spec", "postgresql", "synchronous", field]); is_array(names)])
	number >= _instances + named
	msg := sprintf("synchronous.number of %s is %v, and there are only %v instances, of which one is the primary: the operator refuses it", [obj_lib.title(input), number, _instances + named])
}

deny contains {"msg": msg, "path": path, "with": {["spec", "instances"]}} if {
	_is_cluster
	path := ["spec", "maxSyncReplicas"]
	number := _at(path)
	is_number(number)
	is_number(_instances)
	number >= _instances
	msg := sprintf("maxSyncReplicas of %s is %v, which is not below its %v instances", [obj_lib.title(input), number, _instances])
}

deny contains {"msg": msg, "path": ["spec", "minSyncReplicas"], "with": {["spec", "maxSyncReplicas"]}} if {
	_is_cluster
	least := _at(["spec", "minSyncReplicas"])
	is_number(least)
	most := obj_lib.at(input, ["spec", "maxSyncReplicas"], 0)
	is_number(most)
	least > most
	msg := sprintf("minSyncReplicas of %s is %v, above its maxSyncReplicas, %v", [obj_lib.title(input), least, most])
}

deny contains {"msg": msg, "path": ["spec", field], "with": {["spec", "postgresql", "synchronous"]}} if {
	_is_cluster
	_at(["spec", "postgresql", "synchronous"]) != null
	some field in ["minSyncReplicas", "maxSyncReplicas"]
	number := _at(["spec", field])
	is_number(number)
	number > 0
	msg := sprintf("%s of %s stands beside postgresql.synchronous, which takes its place: the operator refuses both", [field, obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "bootstrap"]} if {
	_is_cluster
	methods := [method | some method in ["initdb", "pg_basebackup", "recovery"]; _at(["spec", "bootstrap", method]) != null]
	count(methods) > 1
	msg := sprintf("bootstrap of %s has %s: the operator takes one", [obj_lib.title(input), concat(" and ", methods)])
}

_external := {cluster.value.name: cluster.value |
	some cluster in entry.list(obj_lib.at(input, ["spec", "externalClusters"], null), [])
	is_string(cluster.value.name)
}

deny contains {"msg": msg, "path": path} if {
	_is_cluster
	some method in ["pg_basebackup", "recovery"]
	path := ["spec", "bootstrap", method, "source"]
	source := obj_lib.at(input, path, "")
	source != ""
	not _external[source]
	msg := sprintf("bootstrap.%s.source of %s is %v, which externalClusters does not list", [method, obj_lib.title(input), json.marshal(source)])
}

deny contains {"msg": msg, "path": path} if {
	_is_cluster
	path := ["spec", "bootstrap", "recovery", "source"]
	cluster := _external[_at(path)]
	not cluster.barmanObjectStore
	not cluster.plugin
	msg := sprintf("bootstrap.recovery.source of %s is %q, which has neither barmanObjectStore nor plugin to recover from", [obj_lib.title(input), _at(path)])
}

deny contains {"msg": msg, "path": array.concat(cluster.path, ["name"])} if {
	_is_cluster
	clusters := entry.list(obj_lib.at(input, ["spec", "externalClusters"], null), ["spec", "externalClusters"])
	some i, cluster in clusters
	some j, other in clusters
	j < i
	cluster.value.name == other.value.name
	msg := sprintf("externalClusters of %s has %v twice", [obj_lib.title(input), json.marshal(cluster.value.name)])
}

_storage contains ["spec", "storage"] if _is_cluster

_storage contains ["spec", "walStorage"] if {
	_is_cluster
	_at(["spec", "walStorage"]) != null
}

deny contains {"msg": msg, "path": array.concat(path, ["size"])} if {
	some path in _storage
	obj_lib.at(input, array.concat(path, ["size"]), "") == ""
	_at(array.concat(path, ["pvcTemplate", "resources", "requests", "storage"])) == null
	msg := sprintf("%s of %s has no size: the operator wants one, or a storage request in its pvcTemplate", [path[1], obj_lib.title(input)])
}

deny contains {"msg": msg, "path": array.concat(path, ["size"])} if {
	some path in _storage
	size := obj_lib.at(input, array.concat(path, ["size"]), "")
	size != ""
	not obj_lib.is_filled_in(size)
	not quantity.value(size)
	msg := sprintf("%s.size of %s is %v, which is no quantity", [path[1], obj_lib.title(input), json.marshal(size)])
}

deny contains {"msg": msg, "path": ["metadata", "name"]} if {
	_is_cluster
	name := obj_lib.name(input)
	name != ""
	not obj_lib.is_filled_in(name)
	not regex.match(`^[a-z]([-a-z0-9]{0,48}[a-z0-9])?$`, name)
	msg := sprintf("the name of %s is no DNS label of at most 50 characters that begins with a letter, as the operator wants it", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": array.concat(variable.path, ["name"])} if {
	_is_cluster
	some variable in entry.list(obj_lib.at(input, ["spec", "env"], null), ["spec", "env"])
	name := variable.value.name
	is_string(name)
	regex.match(`^(CNPG_.*|PG.*|POD_NAME|NAMESPACE|CLUSTER_NAME)$`, upper(name))
	msg := sprintf("env of %s sets %s, which the operator keeps for itself", [obj_lib.title(input), name])
}

deny contains {"msg": msg, "path": ["spec", "resources", "requests", resource], "with": ({["spec", "resources", "limits", resource]} | _misspelt(resource))} if {
	_is_cluster
	some resource in ["cpu", "memory", "ephemeral-storage"]
	request := _at(["spec", "resources", "requests", resource])
	limit := _at(["spec", "resources", "limits", resource])
	quantity.value(limit) > 0
	quantity.value(request) > quantity.value(limit)
	msg := sprintf("%s asks for %v of %s, above its limit of %v", [obj_lib.title(input), request, resource, limit])
}

# A key that is nearly the resource is one that nobody reads.
_misspelt(resource) := {["spec", "resources", "requests", key] |
	some key, _ in input.spec.resources.requests
	key != resource
	spelling.is_near(key, resource)
}

deny contains {"msg": msg, "path": ["spec", "postgresql", "parameters", "shared_buffers"], "with": {["spec", "resources", "requests", "memory"]}} if {
	_is_cluster
	buffers := _at(["spec", "postgresql", "parameters", "shared_buffers"])
	request := _at(["spec", "resources", "requests", "memory"])
	quantity.value(request) > 0
	_bytes(buffers) > quantity.value(request)
	not _has_huge_pages
	msg := sprintf("shared_buffers of %s is %v, above the memory that it requests, %v: the operator refuses it", [obj_lib.title(input), buffers, request])
}

_has_huge_pages if {
	some field in ["requests", "limits"]
	some resource, _ in _at(["spec", "resources", field])
	startswith(resource, "hugepages-")
}

# As the operator reads it: MB where there is no unit.
_bytes(text) := to_number(parts[0][1]) * _units[parts[0][2]] if {
	is_string(text)
	parts := regex.find_all_string_submatch_n(`^([0-9]{1,12}) *(kB|MB|GB|TB|)$`, text, 1)
}

_units := {"": 1048576, "kB": 1024, "MB": 1048576, "GB": 1073741824, "TB": 1099511627776}

_together := {
	"serverTLSSecret": "serverCASecret",
	"replicationTLSSecret": "clientCASecret",
}

deny contains {"msg": msg, "path": ["spec", "certificates", field]} if {
	_is_cluster
	some field, other in _together
	obj_lib.at(input, ["spec", "certificates", field], "") != ""
	obj_lib.at(input, ["spec", "certificates", other], "") == ""
	msg := sprintf("certificates of %s has %s without %s", [obj_lib.title(input), field, other])
}

deny contains {"msg": msg, "path": ["spec", "postgresql", "syncReplicaElectionConstraint", "enabled"]} if {
	_is_cluster
	constraint := _at(["spec", "postgresql", "syncReplicaElectionConstraint"])
	constraint.enabled == true
	count(obj_lib.at(constraint, ["nodeLabelsAntiAffinity"], [])) == 0
	msg := sprintf("syncReplicaElectionConstraint of %s is enabled without nodeLabelsAntiAffinity", [obj_lib.title(input)])
}
