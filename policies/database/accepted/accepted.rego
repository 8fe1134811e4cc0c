# METADATA
# scope: package
# title: CloudNativePG accepts every Cluster, Pooler and Database
# description: |
#   The operator's webhook refuses what the schema takes, and no sync applies it: a tag that begins with
#   no version, as many synchronous replicas as instances, storage without a size, sources that are not
#   listed, names that the operator or PostgreSQL keeps. As in version 1.27.0, but for what a later one takes.
# related_resources:
#   - ref: https://github.com/cloudnative-pg/cloudnative-pg/blob/v1.27.0/internal/webhook/v1/cluster_webhook.go
#   - ref: https://github.com/cloudnative-pg/cloudnative-pg/blob/v1.27.0/internal/webhook/v1/pooler_webhook.go
#   - ref: https://github.com/cloudnative-pg/barman-cloud/blob/v0.3.3/pkg/api/webhooks/config.go
#   - ref: https://github.com/cloudnative-pg/machinery/blob/v0.3.1/pkg/postgres/version/version.go
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: postgresql.cnpg.io
#   fix: Correct the field that the message names, as the operator wants it.
package policies.database.accepted

import data.policies.lib.database
import data.policies.lib.entry
import data.policies.lib.object as obj_lib
import data.policies.lib.quantity
import data.policies.lib.spelling

_is_cluster if _is("Cluster")

_is(kind) if {
	input.kind == kind
	database.is_judged(input)
}

_instances := database.instances(input)

_at(path) := obj_lib.at(input, path, null)

_entries(path) := entry.list(_at(path), path)

_text(path) := text if {
	text := _at(path)
	is_string(text)
	text != ""
	not obj_lib.is_filled_in(text)
}

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
	number >= _instances + _standbys
	msg := sprintf("synchronous.number of %s is %v, and there are only %v instances, of which one is the primary: the operator refuses it", [obj_lib.title(input), number, _instances + _standbys])
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

deny contains {"msg": msg, "path": cluster.path} if {
	_is_cluster
	some cluster in _entries(["spec", "externalClusters"])
	is_object(cluster.value)
	every field in ["connectionParameters", "barmanObjectStore", "plugin"] {
		obj_lib.at(cluster.value, [field], null) == null
	}
	msg := sprintf("externalClusters of %s has %v without connectionParameters, barmanObjectStore or plugin: there is no way to it", [obj_lib.title(input), json.marshal(obj_lib.at(cluster.value, ["name"], ""))])
}

# The lists whose entries have names of their own.
_named := {["spec", "externalClusters"]: ["name"], ["spec", "managed", "roles"]: ["name"], ["spec", "managed", "services", "additional"]: ["serviceTemplate", "metadata", "name"], ["spec", "postgresql", "extensions"]: ["name"], ["spec", "tablespaces"]: ["name"]} if _is_cluster

_named := {["spec", "extensions"]: ["name"], ["spec", "schemas"]: ["name"]} if _is("Database")

deny contains {"msg": msg, "path": array.concat(one.path, field), "with": {array.concat(entries[first].path, field)}} if {
	some path, field in _named
	entries := _entries(path)
	some index, one in entries
	name := obj_lib.at(one.value, field, "")
	name != ""
	first := min([i | some i, other in entries; _identity(path, obj_lib.at(other.value, field, "")) == _identity(path, name)])
	first < index
	msg := sprintf("%s of %s has %v twice", [concat(".", array.slice(path, 1, count(path))), obj_lib.title(input), json.marshal(name)])
}

# PostgreSQL reads names of tablespaces without their case.
_identity(path, name) := lower(name) if {
	path == ["spec", "tablespaces"]
	is_string(name)
} else := name

_storage contains [["spec", "storage"], "storage"] if _is_cluster

_storage contains [["spec", "walStorage"], "walStorage"] if {
	_is_cluster
	_at(["spec", "walStorage"]) != null
}

_storage contains [array.concat(one.path, ["storage"]), what] if {
	_is_cluster
	is_array(_at(["spec", "tablespaces"]))
	some one in _entries(["spec", "tablespaces"])
	is_object(one.value)
	what := sprintf("storage of tablespace %v", [json.marshal(obj_lib.at(one.value, ["name"], ""))])
}

deny contains {"msg": msg, "path": array.concat(path, ["size"])} if {
	some [path, what] in _storage
	obj_lib.at(input, array.concat(path, ["size"]), "") == ""
	_at(array.concat(path, ["pvcTemplate", "resources", "requests", "storage"])) == null
	msg := sprintf("%s of %s has no size: the operator wants one, or a storage request in its pvcTemplate", [what, obj_lib.title(input)])
}

deny contains {"msg": msg, "path": array.concat(path, ["size"])} if {
	some [path, what] in _storage
	size := obj_lib.at(input, array.concat(path, ["size"]), "")
	size != ""
	not obj_lib.is_filled_in(size)
	not quantity.value(size)
	msg := sprintf("size of %s of %s is %v, which is no quantity", [what, obj_lib.title(input), json.marshal(size)])
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

deny contains {"msg": msg, "path": ["spec", "certificates", "serverAltDNSNames"], "with": {["spec", "certificates", "serverTLSSecret"]}} if {
	_is_cluster
	_is_set(["spec", "certificates", "serverTLSSecret"])
	count(_entries(["spec", "certificates", "serverAltDNSNames"])) > 0
	msg := sprintf("certificates of %s has serverAltDNSNames beside serverTLSSecret, whose certificate has names of its own", [obj_lib.title(input)])
}

# What a field may be, where the schema takes any text.
_words := {
	["spec", "imagePullPolicy"]: ["Always", "Never", "IfNotPresent"],
	["spec", "affinity", "podAntiAffinityType"]: ["preferred", "required"],
	["metadata", "annotations", "cnpg.io/hibernation"]: ["on", "off"],
}

deny contains {"msg": msg, "path": path} if {
	_is_cluster
	some path, words in _words
	word := _text(path)
	not word in words
	msg := sprintf("%s of %s is %q: the operator takes %s", [path[count(path) - 1], obj_lib.title(input), word, concat(" or ", words)])
}

deny contains {"msg": msg, "path": ["spec", "primaryUpdateStrategy"], "with": {["spec", "instances"]}} if {
	_is_cluster
	_at(["spec", "primaryUpdateStrategy"]) == "supervised"
	_instances == 1
	msg := sprintf("primaryUpdateStrategy of %s is supervised, which wants more than its one instance", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": path, "with": {other}} if {
	_is_cluster
	some [path, other] in _apart
	_is_set(path)
	_is_set(other)
	msg := sprintf("%s of %s stands beside %s: the operator takes one", [concat(".", array.slice(path, 1, count(path))), obj_lib.title(input), concat(".", array.slice(other, 1, count(other)))])
}

_is_set(path) if not obj_lib.at(input, path, "") == ""

# What stands in each other's place.
_apart := [
	[["spec", "postgresql", "ldap", "bindSearchAuth"], ["spec", "postgresql", "ldap", "bindAsAuth"]],
	[["spec", "ephemeralVolumeSource"], ["spec", "ephemeralVolumesSizeLimit", "temporaryData"]],
	[["spec", "bootstrap", "recovery", "backup"], ["spec", "bootstrap", "recovery", "volumeSnapshots"]],
	[["spec", "bootstrap", "recovery", "recoveryTarget", "backupID"], ["spec", "bootstrap", "recovery", "volumeSnapshots"]],
	[["spec", "replica", "enabled"], ["spec", "replica", "primary"]],
	[["spec", "replica", "minApplyDelay"], ["spec", "replica", "promotionToken"]],
]

deny contains {"msg": msg, "path": ["spec", "postgresql", "ldap"]} if {
	_is_cluster
	is_object(_at(["spec", "postgresql", "ldap"]))
	obj_lib.at(input, ["spec", "postgresql", "ldap", "server"], "") == ""
	msg := sprintf("ldap of %s has no server", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "bootstrap", "initdb", "walSegmentSize"]} if {
	_is_cluster
	size := _at(["spec", "bootstrap", "initdb", "walSegmentSize"])
	is_number(size)
	not size in {0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
	msg := sprintf("walSegmentSize of %s is %v, which is no power of two", [obj_lib.title(input), size])
}

_import := ["spec", "bootstrap", "initdb", "import"]

deny contains {"msg": msg, "path": array.concat(_import, path)} if {
	_is_cluster
	some [path, reason] in _wrong_import(_at(array.concat(_import, ["type"])))
	msg := sprintf("bootstrap.initdb.import of %s is of the type %s, which %s", [obj_lib.title(input), _at(array.concat(_import, ["type"])), reason])
}

_imported(field) := [one.value | some one in _entries(array.concat(_import, [field]))]

_wrong_import("microservice") := ({[["databases"], "takes one database"] |
	count(_imported("databases")) != 1
} | {[["databases", 0], "takes no wildcard"] |
	count(_imported("databases")) == 1
	is_string(_imported("databases")[0])
	contains(_imported("databases")[0], "*")
}) | {[["roles"], "takes no roles"] |
	count(_imported("roles")) > 0
}

_wrong_import("monolith") := ({[["databases"], "takes one database or more"] |
	count(_imported("databases")) == 0
} | {[[field], "takes a wildcard alone or none"] |
	some field in ["databases", "roles"]
	count(_imported(field)) > 1
	"*" in _imported(field)
}) | {[["postImportApplicationSQL"], "takes no postImportApplicationSQL"] |
	count(_imported("postImportApplicationSQL")) > 0
}

_target := ["spec", "bootstrap", "recovery", "recoveryTarget"]

_aim(field) := text if {
	text := obj_lib.at(input, array.concat(_target, [field]), "")
	text != ""
}

_aims := [field | some field in ["targetImmediate", "targetLSN", "targetName", "targetXID", "targetTime"]; _aim(field)]

deny contains {"msg": msg, "path": _target} if {
	_is_cluster
	count(_aims) > 1
	msg := sprintf("recoveryTarget of %s has %s: the operator takes one", [obj_lib.title(input), concat(" and ", _aims)])
}

deny contains {"msg": msg, "path": array.concat(_target, ["backupID"])} if {
	_is_cluster
	some field in _aims
	field in {"targetImmediate", "targetName", "targetXID"}
	not _aim("backupID")
	_at(["spec", "bootstrap", "recovery", "volumeSnapshots"]) == null
	msg := sprintf("recoveryTarget of %s has %s without backupID: the operator cannot tell which backup comes before", [obj_lib.title(input), field])
}

# How each begins that is read; https://github.com/cloudnative-pg/machinery/blob/v0.3.1/pkg/types/time.go
_written := {
	"targetTime": `^\s*[0-9]+-[0-9]+-[0-9]+`,
	"targetLSN": `^[0-9a-fA-F]+/[0-9a-fA-F]+$`,
	"targetTLI": `^(latest|\+?0*[1-9][0-9]*)$`,
}

deny contains {"msg": msg, "path": array.concat(_target, [field])} if {
	_is_cluster
	some field, pattern in _written
	text := _text(array.concat(_target, [field]))
	not regex.match(pattern, text)
	msg := sprintf("%s of %s is %q, which cannot be read as one", [field, obj_lib.title(input), text])
}

_snapshots := ["spec", "bootstrap", "recovery", "volumeSnapshots"]

deny contains {"msg": msg, "path": path} if {
	_is_cluster
	some field in ["storage", "walStorage"]
	path := array.concat(_snapshots, [field])
	source := _at(path)
	is_object(source)
	not [obj_lib.at(source, ["apiGroup"], ""), obj_lib.at(source, ["kind"], "")] in [["snapshot.storage.k8s.io", "VolumeSnapshot"], ["", "PersistentVolumeClaim"]]
	msg := sprintf("%s of %s recovers from %v %v of the group %v: the operator takes a VolumeSnapshot of snapshot.storage.k8s.io or a PersistentVolumeClaim", [field, obj_lib.title(input), obj_lib.at(source, ["kind"], "kind"), json.marshal(obj_lib.at(source, ["name"], "")), json.marshal(obj_lib.at(source, ["apiGroup"], ""))])
}

deny contains {"msg": msg, "path": array.concat(_snapshots, ["walStorage"])} if {
	_is_cluster
	_at(array.concat(_snapshots, ["walStorage"])) != null
	_at(["spec", "walStorage"]) == null
	msg := sprintf("%s recovers its WAL from a snapshot and has no walStorage to put it in", [obj_lib.title(input)])
}

# Whose source is not there says so itself where the field may be left out.
deny contains {"msg": msg, "path": ["spec", "replica", field]} if {
	_is_cluster
	some field in ["source", "self", "primary"]
	name := obj_lib.at(input, ["spec", "replica", field], "")
	name != ""
	not _external[name]
	msg := sprintf("replica.%s of %s is %v, which externalClusters does not list", [field, obj_lib.title(input), json.marshal(name)])
}

deny contains {"msg": msg, "path": ["spec", "replica", "promotionToken"], "with": {["spec", "replica", "enabled"]}} if {
	_is_cluster
	_text(["spec", "replica", "promotionToken"])
	_at(["spec", "replica", "enabled"]) == true
	msg := sprintf("replica of %s has a promotionToken, which is for a primary cluster, and is enabled", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": array.concat(tablespace.path, ["name"])} if {
	_is_cluster
	some tablespace in _entries(["spec", "tablespaces"])
	name := tablespace.value.name
	is_string(name)
	not obj_lib.is_filled_in(name)
	reason := _wrong_identifier(name)
	msg := sprintf("tablespace %q of %s %s", [name, obj_lib.title(input), reason])
}

_wrong_identifier(name) := "begins with pg_, which PostgreSQL keeps for its own" if {
	startswith(name, "pg_")
} else := "is no identifier of PostgreSQL: letters, digits, _ and $, with no digit or $ at its beginning, at most 63" if {
	not regex.match(`^[a-zA-Z_][a-zA-Z0-9_$]{0,62}$`, name)
}

deny contains {"msg": msg, "path": array.concat(path, [name])} if {
	_is_cluster
	path := ["spec", "backup", "volumeSnapshot", "tablespaceClassName"]
	some name, _ in _at(path)
	not name in {one.value.name | some one in _entries(["spec", "tablespaces"])}
	msg := sprintf("tablespaceClassName of %s names tablespace %v, which it does not have", [obj_lib.title(input), json.marshal(name)])
}

deny contains {"msg": msg, "path": array.concat(role.path, [field])} if {
	_is_cluster
	some role in _entries(["spec", "managed", "roles"])
	some [field, reason] in _wrong_role(role.value)
	msg := sprintf("role %v of %s %s", [json.marshal(obj_lib.at(role.value, ["name"], "")), obj_lib.title(input), reason])
}

_wrong_role(role) := ({["name", "is kept for the operator and PostgreSQL"] |
	is_string(role.name)
	regex.match(`^(postgres$|streaming_replica$|cnpg_|pg_)`, role.name)
} | {["connectionLimit", sprintf("has the connectionLimit %v: no limit is -1", [role.connectionLimit])] |
	is_number(role.connectionLimit)
	role.connectionLimit < -1
}) | {["disablePassword", "both has a passwordSecret and disables its password"] |
	role.disablePassword == true
	obj_lib.at(role, ["passwordSecret"], null) != null
}

deny contains {"msg": msg, "path": disabled.path} if {
	_is_cluster
	some disabled in _entries(["spec", "managed", "services", "disabledDefaultServices"])
	disabled.value == "rw"
	msg := sprintf("%s disables its service rw, without which the operator cannot do", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": array.concat(array.concat(service.path, ["serviceTemplate"]), path)} if {
	_is_cluster
	some service in _entries(["spec", "managed", "services", "additional"])
	is_object(service.value)
	some [path, reason] in _wrong_service(obj_lib.at(service.value, ["serviceTemplate"], {}))
	msg := sprintf("an additional service of %s %s", [obj_lib.title(input), reason])
}

_wrong_service(template) := ({[["metadata", "name"], "has no name"] |
	obj_lib.at(template, ["metadata", "name"], "") == ""
} | {[["metadata", "name"], sprintf("is called %q, as one of the operator's own is", [name])] |
	name := obj_lib.at(template, ["metadata", "name"], "")
	some suffix in ["rw", "ro", "r", "any"]
	name == sprintf("%s-%s", [obj_lib.name(input), suffix])
}) | {[["spec", "selector"], "has a selector, which is the operator's to write"] |
	count(obj_lib.at(template, ["spec", "selector"], {})) > 0
}

_store := ["spec", "backup", "barmanObjectStore"]

_credentials := [field | some field in ["azureCredentials", "s3Credentials", "googleCredentials"]; _at(array.concat(_store, [field])) != null]

deny contains {"msg": msg, "path": _store} if {
	_is_cluster
	is_object(_at(_store))
	count(_credentials) != 1
	msg := sprintf("backup.barmanObjectStore of %s has %s: the operator takes one of azureCredentials, s3Credentials and googleCredentials", [obj_lib.title(input), _listed(_credentials)])
}

_listed(fields) := "no credentials" if count(fields) == 0

_listed(fields) := concat(" and ", fields) if count(fields) > 0

deny contains {"msg": msg, "path": array.concat(_store, [field])} if {
	_is_cluster
	some field in _credentials
	credentials := _at(array.concat(_store, [field]))
	has := {key | some key, value in credentials; not value in [null, false]}
	reason := _wrong_credentials(field, has)
	msg := sprintf("%s of %s %s", [field, obj_lib.title(input), reason])
}

_wrong_credentials("azureCredentials", has) := "want one of connectionString, inheritFromAzureAD, storageKey and storageSasToken" if {
	count(has & {"connectionString", "inheritFromAzureAD", "storageKey", "storageSasToken"}) != 1
}

_wrong_credentials("s3Credentials", has) := "want accessKeyId with secretAccessKey, or inheritFromIAMRole" if {
	ways := has & {"accessKeyId", "secretAccessKey", "inheritFromIAMRole"}
	not ways in [{"accessKeyId", "secretAccessKey"}, {"inheritFromIAMRole"}]
}

_wrong_credentials("googleCredentials", has) := "want either applicationCredentials or gkeEnvironment" if {
	count(has & {"applicationCredentials", "gkeEnvironment"}) != 1
}

_annotation(key) := _text(["metadata", "annotations", key])

_quorum := _annotation("alpha.cnpg.io/failoverQuorum")

# As Go reads booleans.
_true := {"1", "t", "T", "TRUE", "true", "True"}

_false := {"0", "f", "F", "FALSE", "false", "False"}

deny contains {"msg": msg, "path": path} if {
	_is_cluster
	some [path, reason] in _wrong_quorum
	msg := sprintf("alpha.cnpg.io/failoverQuorum of %s %s", [obj_lib.title(input), reason])
}

_wrong_quorum contains [["metadata", "annotations", "alpha.cnpg.io/failoverQuorum"], sprintf("is %q, which is no boolean", [text])] if {
	text := _quorum
	not text in (_true | _false)
}

_wrong_quorum contains [["spec", "postgresql", "synchronous"], "wants postgresql.synchronous"] if {
	_quorum in _true
	_at(["spec", "postgresql", "synchronous"]) == null
}

_wrong_quorum contains [["spec", "postgresql", "synchronous", "number"], "wants a synchronous.number above the standbys that are named"] if {
	_quorum in _true
	number := _at(["spec", "postgresql", "synchronous", "number"])
	is_number(number)
	number <= _standbys
}

_standbys := sum([count(names) | some field in ["standbyNamesPre", "standbyNamesPost"]; names := _at(["spec", "postgresql", "synchronous", field]); is_array(names)])

deny contains {"msg": msg, "path": pattern.path} if {
	_is_cluster
	_has_slots
	some pattern in _entries(["spec", "replicationSlots", "synchronizeReplicas", "excludePatterns"])
	is_string(pattern.value)
	not obj_lib.is_filled_in(pattern.value)
	not regex.is_valid(pattern.value)
	msg := sprintf("an excludePattern of %s, %q, is no regular expression", [obj_lib.title(input), pattern.value])
}

# Where both are off, the operator does not read the patterns.
_has_slots if {
	some field in ["highAvailability", "synchronizeReplicas"]
	obj_lib.at(input, ["spec", "replicationSlots", field, "enabled"], true) == true
}

_archivers := [plugin.path |
	some plugin in _entries(["spec", "plugins"])
	plugin.value.isWALArchiver == true
	obj_lib.at(plugin.value, ["enabled"], true) == true
]

deny contains {"msg": msg, "path": array.concat(_archivers[1], ["isWALArchiver"]), "with": {array.concat(path, ["isWALArchiver"]) | some path in _archivers}} if {
	_is_cluster
	count(_archivers) > 1
	msg := sprintf("%v plugins of %s archive its WAL: the operator takes one", [count(_archivers), obj_lib.title(input)])
}

deny contains {"msg": msg, "path": array.concat(_archivers[0], ["isWALArchiver"]), "with": {_store}} if {
	_is_cluster
	count(_archivers) > 0
	is_object(_at(_store))
	msg := sprintf("a plugin of %s archives its WAL beside backup.barmanObjectStore: the operator takes one", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["metadata", "annotations", "cnpg.io/podPatch"]} if {
	_is_cluster
	patch := _annotation("cnpg.io/podPatch")
	not _is_list(patch)
	msg := sprintf("cnpg.io/podPatch of %s is no JSON patch, a list of operations", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["metadata", "annotations", "alpha.cnpg.io/livenessPinger"]} if {
	_is_cluster
	pinger := _annotation("alpha.cnpg.io/livenessPinger")
	not _says_enabled(pinger)
	msg := sprintf("alpha.cnpg.io/livenessPinger of %s is no JSON object that says whether it is enabled", [obj_lib.title(input)])
}

_is_list(text) if {
	json.is_valid(text)
	is_array(json.unmarshal(text))
}

_says_enabled(text) if {
	json.is_valid(text)
	is_boolean(json.unmarshal(text).enabled)
}

deny contains {"msg": msg, "path": one.path} if {
	_is_cluster
	some extension in _entries(["spec", "postgresql", "extensions"])
	some field in ["extension_control_path", "dynamic_library_path"]
	paths := entry.list(obj_lib.at(extension.value, [field], null), array.concat(extension.path, [field]))
	some index, one in paths
	_is_empty_or_repeated(paths, index)
	msg := sprintf("%s of an extension of %s has %v, which is empty or there twice", [field, obj_lib.title(input), json.marshal(one.value)])
}

_is_empty_or_repeated(paths, index) if paths[index].value == ""

_is_empty_or_repeated(paths, index) if {
	some other in array.slice(paths, 0, index)
	other.value == paths[index].value
}

deny contains {"msg": msg, "path": array.concat(toleration.path, [field])} if {
	_is_cluster
	some toleration in _entries(["spec", "affinity", "tolerations"])
	is_object(toleration.value)
	some [field, reason] in _wrong_toleration(toleration.value)
	msg := sprintf("a toleration of %s %s", [obj_lib.title(input), reason])
}

_wrong_toleration(toleration) := ((({["operator", sprintf("has the operator %v: there are Equal and Exists", [json.marshal(operator)])] |
	not operator in {"", "Equal", "Exists", "Gt", "Lt"}
} | {["operator", "has no key, which wants the operator Exists"] |
	obj_lib.at(toleration, ["key"], "") == ""
	operator in {"", "Equal"}
}) | {["value", "has a value, which the operator Exists does not take"] |
	operator == "Exists"
	obj_lib.at(toleration, ["value"], "") != ""
}) | {["effect", "has tolerationSeconds, which want the effect NoExecute"] |
	obj_lib.at(toleration, ["tolerationSeconds"], null) != null
	effect != "NoExecute"
}) | {["effect", sprintf("has the effect %v: there are NoSchedule, PreferNoSchedule and NoExecute", [json.marshal(effect)])] |
	not effect in {"", "NoSchedule", "PreferNoSchedule", "NoExecute"}
} if {
	operator := obj_lib.at(toleration, ["operator"], "")
	effect := obj_lib.at(toleration, ["effect"], "")
}

deny contains {"msg": msg, "path": ["spec", "resources", "requests", resource], "with": {["spec", "resources", "limits", resource]}} if {
	_is_cluster
	some resource, request in _at(["spec", "resources", "requests"])
	startswith(resource, "hugepages-")
	limit := _at(["spec", "resources", "limits", resource])
	quantity.value(request) != quantity.value(limit)
	msg := sprintf("%s asks for %v of %s, and its limit is %v: of huge pages both are one", [obj_lib.title(input), request, resource, limit])
}

deny contains {"msg": msg, "path": ["spec", "cluster", "name"]} if {
	_is("Pooler")
	obj_lib.name(input) != ""
	_at(["spec", "cluster", "name"]) == obj_lib.name(input)
	msg := sprintf("%s is called as its Cluster is: the operator refuses it, as the names of what both make would clash", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "pgbouncer", "authQuery"]} if {
	_is("Pooler")
	_is_set(["spec", "pgbouncer", "authQuery"])
	every field in ["authQuerySecret", "serverTLSSecret"] { not _names_secret(field) }
	msg := sprintf("pgbouncer of %s has authQuery without authQuerySecret: the operator wants both or none", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "pgbouncer", "authQuerySecret"]} if {
	_is("Pooler")
	_names_secret("authQuerySecret")
	not _is_set(["spec", "pgbouncer", "authQuery"])
	msg := sprintf("pgbouncer of %s has authQuerySecret without authQuery: the operator wants both or none", [obj_lib.title(input)])
}

_names_secret(field) if _is_set(["spec", "pgbouncer", field, "name"])

deny contains {"msg": msg, "path": ["spec", "pgbouncer", "parameters", parameter]} if {
	_is("Pooler")
	some parameter, _ in _at(["spec", "pgbouncer", "parameters"])
	not parameter in _of_pgbouncer
	msg := sprintf("pgbouncer.parameters of %s has %s, which is none that the operator lets users set", [obj_lib.title(input), parameter])
}

# With auth_type, auth_user, sslmode of clients and servers, ciphers of clients and of TLS 1.3, which versions after 1.27 take.
_of_pgbouncer := {
	"application_name_add_host", "auth_type", "auth_user", "autodb_idle_timeout",
	"cancel_wait_timeout", "client_idle_timeout", "client_login_timeout",
	"client_tls13_ciphers", "client_tls_ciphers", "client_tls_sslmode",
	"default_pool_size", "disable_pqexec", "dns_max_ttl", "dns_nxdomain_ttl",
	"idle_transaction_timeout", "ignore_startup_parameters",
	"listen_backlog", "log_connections", "log_disconnections", "log_pooler_errors", "log_stats",
	"max_client_conn", "max_db_connections", "max_packet_size", "max_prepared_statements", "max_user_connections", "min_pool_size",
	"pkt_buf", "query_timeout", "query_wait_timeout", "reserve_pool_size", "reserve_pool_timeout", "sbuf_loopcnt",
	"server_check_delay", "server_check_query", "server_connect_timeout", "server_fast_close", "server_idle_timeout", "server_lifetime",
	"server_login_retry", "server_reset_query", "server_reset_query_always", "server_round_robin",
	"server_tls13_ciphers", "server_tls_ciphers", "server_tls_protocols", "server_tls_sslmode",
	"stats_period", "suspend_timeout",
	"tcp_defer_accept", "tcp_keepalive", "tcp_keepcnt", "tcp_keepidle", "tcp_keepintvl", "tcp_socket_buffer", "tcp_user_timeout",
	"track_extra_parameters", "verbose",
}
