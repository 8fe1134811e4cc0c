# METADATA
# scope: package
# title: External Secrets accepts every ExternalSecret and store
# description: |
#   The operator's webhook refuses what the schema takes, and no sync applies it: an ExternalSecret
#   that takes nothing, an entry of dataFrom that says two ways or none, a Secret that is to be
#   deleted by who does not own it, one key twice, a regular expression of a store that is none. As
#   in version 1.3.2.
# related_resources:
#   - ref: https://github.com/external-secrets/external-secrets/blob/v1.3.2/apis/externalsecrets/v1/externalsecret_validator.go
#   - ref: https://github.com/external-secrets/external-secrets/blob/v1.3.2/apis/externalsecrets/v1/secretstore_validator.go
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: external-secrets.io
#   fix: Correct the field that the message names, as External Secrets wants it.
package policies.config.external_secrets_accepted

import data.policies.lib.object as obj_lib

_is_external if {
	input.kind == "ExternalSecret"
	obj_lib.group(input) == "external-secrets.io"
}

_is_store if {
	input.kind in {"SecretStore", "ClusterSecretStore"}
	obj_lib.group(input) == "external-secrets.io"
}

_at(path) := obj_lib.at(input, array.concat(["spec"], path), null)

deny contains {"msg": msg, "path": ["spec"]} if {
	_is_external
	every field in ["data", "dataFrom"] { _at([field]) in {null, []} }
	msg := sprintf("%s takes nothing: data or dataFrom has to be there", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "dataFrom", index]} if {
	_is_external
	some index, entry in _at(["dataFrom"])
	is_object(entry)
	found := _ways(entry)
	not "storeRef" in found
	count(found) != 1
	msg := sprintf("an entry of dataFrom of %s says %s: it says one of extract, find and sourceRef.generatorRef", [obj_lib.title(input), _said(found)])
}

# The store of a sourceRef is where extract or find looks, and stands beside them.
deny contains {"msg": msg, "path": ["spec", "dataFrom", index]} if {
	_is_external
	some index, entry in _at(["dataFrom"])
	is_object(entry)
	found := _ways(entry) - {"storeRef"}
	"storeRef" in _ways(entry)
	count(found) > 1
	msg := sprintf("an entry of dataFrom of %s says %s: it says one of extract, find and sourceRef.generatorRef", [obj_lib.title(input), _said(found)])
}

deny contains {"msg": msg, "path": ["spec", "dataFrom", index, "sourceRef"]} if {
	_is_external
	some index, entry in _at(["dataFrom"])
	is_object(entry.sourceRef)
	every field in ["generatorRef", "storeRef"] { obj_lib.at(entry, ["sourceRef", field], null) == null }
	msg := sprintf("sourceRef of %s names neither a generator nor a store", [obj_lib.title(input)])
}

_ways(entry) := ({field | some field in ["extract", "find"]; entry[field] != null} | {field |
	some field in ["generatorRef", "storeRef"]
	obj_lib.at(entry, ["sourceRef", field], null) != null
}) | {"sourceRef" |
	is_object(entry.sourceRef)
	every field in ["generatorRef", "storeRef"] { obj_lib.at(entry, ["sourceRef", field], null) == null }
}

_said(found) := "nothing" if found == set()

_said(found) := concat(" and ", sort(found)) if found != set()

deny contains {"msg": msg, "path": ["spec", "target", "deletionPolicy"], "with": {["spec", "target", "creationPolicy"]}} if {
	_is_external
	_at(["target", "deletionPolicy"]) == "Delete"
	creates := _at(["target", "creationPolicy"])
	creates in {"Merge", "None"}
	msg := sprintf("%s is to delete a Secret that it does not own (creationPolicy: %s): deletionPolicy Delete wants creationPolicy Owner", [obj_lib.title(input), creates])
}

deny contains {"msg": msg, "path": ["spec", "target", "deletionPolicy"], "with": {["spec", "target", "creationPolicy"]}} if {
	_is_external
	_at(["target", "deletionPolicy"]) == "Merge"
	_at(["target", "creationPolicy"]) == "None"
	msg := sprintf("%s is to merge with a Secret that nobody makes (creationPolicy: None)", [obj_lib.title(input)])
}

# Retain is the default, and the only one of which the webhook asks it.
deny contains {"msg": msg, "path": ["spec", "data", later, "secretKey"], "with": {["spec", "data", first, "secretKey"]}} if {
	_is_external
	obj_lib.at(input, ["spec", "target", "deletionPolicy"], "Retain") == "Retain"
	some later, entry in _at(["data"])
	key := entry.secretKey
	is_string(key)
	not obj_lib.is_filled_in(key)
	some first, other in _at(["data"])
	first < later
	other.secretKey == key
	msg := sprintf("%s has the key %q twice", [obj_lib.title(input), key])
}

deny contains {"msg": msg, "path": ["spec", "conditions", index, "namespaceRegexes", number]} if {
	_is_store
	some index, condition in _at(["conditions"])
	some number, pattern in condition.namespaceRegexes
	is_string(pattern)
	not obj_lib.is_filled_in(pattern)
	not regex.is_valid(pattern)
	msg := sprintf("%s has a condition that is no regular expression: %s", [obj_lib.title(input), pattern])
}
