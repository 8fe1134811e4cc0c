package policies.config.external_secrets_accepted_test

import data.policies.config.external_secrets_accepted

_of(kind, spec) := {"apiVersion": "external-secrets.io/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec}

_external(spec) := _of("ExternalSecret", object.union({"data": [{"secretKey": "a", "remoteRef": {"key": "b"}}]}, spec))

_entry(entry) := _external({"dataFrom": [entry]})

_denied := {
	"nothing to take": [_of("ExternalSecret", {"target": {"name": "a"}}), `ExternalSecret "web" takes nothing: data or dataFrom has to be there`, ["spec"]],
	"empty lists": [_of("ExternalSecret", {"data": [], "dataFrom": []}), `ExternalSecret "web" takes nothing: data or dataFrom has to be there`, ["spec"]],
	"two ways": [_entry({"extract": {"key": "a"}, "find": {"path": "b"}}), `an entry of dataFrom of ExternalSecret "web" says extract and find: it says one of extract, find and sourceRef.generatorRef`, ["spec", "dataFrom", 0]],
	"a way and a generator": [_entry({"extract": {"key": "a"}, "sourceRef": {"generatorRef": {"name": "a"}}}), `an entry of dataFrom of ExternalSecret "web" says extract and generatorRef: it says one of extract, find and sourceRef.generatorRef`, ["spec", "dataFrom", 0]],
	"two ways of a store": [_entry({"extract": {"key": "a"}, "find": {"path": "b"}, "sourceRef": {"storeRef": {"name": "a"}}}), `an entry of dataFrom of ExternalSecret "web" says extract and find: it says one of extract, find and sourceRef.generatorRef`, ["spec", "dataFrom", 0]],
	"no way": [_entry({"rewrite": []}), `an entry of dataFrom of ExternalSecret "web" says nothing: it says one of extract, find and sourceRef.generatorRef`, ["spec", "dataFrom", 0]],
	"a source of nothing": [_entry({"sourceRef": {}}), `sourceRef of ExternalSecret "web" names neither a generator nor a store`, ["spec", "dataFrom", 0, "sourceRef"]],
	"an expression of a store": [_of("ClusterSecretStore", {"conditions": [{}, {"namespaceRegexes": ["^a$", "(b"]}]}), `ClusterSecretStore "web" has a condition that is no regular expression: (b`, ["spec", "conditions", 1, "namespaceRegexes", 1]],
}

_target := ["spec", "target", "deletionPolicy"]

_creation := ["spec", "target", "creationPolicy"]

_denied_with := {
	"deletes what it merges into": [_external({"target": {"deletionPolicy": "Delete", "creationPolicy": "Merge"}}), `ExternalSecret "web" is to delete a Secret that it does not own (creationPolicy: Merge): deletionPolicy Delete wants creationPolicy Owner`, _target, _creation],
	"deletes what nobody makes": [_external({"target": {"deletionPolicy": "Delete", "creationPolicy": "None"}}), `ExternalSecret "web" is to delete a Secret that it does not own (creationPolicy: None): deletionPolicy Delete wants creationPolicy Owner`, _target, _creation],
	"merges into what nobody makes": [_external({"target": {"deletionPolicy": "Merge", "creationPolicy": "None"}}), `ExternalSecret "web" is to merge with a Secret that nobody makes (creationPolicy: None)`, _target, _creation],
	"a key twice": [_of("ExternalSecret", {"data": [{"secretKey": "a"}, {"secretKey": "b"}, {"secretKey": "a"}]}), `ExternalSecret "web" has the key "a" twice`, ["spec", "data", 2, "secretKey"], ["spec", "data", 0, "secretKey"]],
}

_allowed := {
	"keys": _external({"target": {"name": "a"}}),
	"each way": _of("ExternalSecret", {"dataFrom": [{"extract": {"key": "a"}}, {"find": {"path": "b"}}, {"sourceRef": {"generatorRef": {"name": "c"}}}, {"extract": {"key": "a"}, "sourceRef": {"storeRef": {"name": "s"}}}]}),
	"a store alone, which the webhook takes": _entry({"sourceRef": {"storeRef": {"name": "s"}}}),
	"one that owns what it deletes": _external({"target": {"deletionPolicy": "Delete", "creationPolicy": "Owner"}}),
	"one that deletes, and owns by default": _external({"target": {"deletionPolicy": "Delete"}}),
	"a key twice where the Secret goes with it": _of("ExternalSecret", {"data": [{"secretKey": "a"}, {"secretKey": "a"}], "target": {"deletionPolicy": "Delete"}}),
	"a store": _of("SecretStore", {"conditions": [{"namespaceRegexes": ["^a-.*$"]}, {"namespaces": ["b"]}]}),
	"another group's kind": {"apiVersion": "example.com/v1", "kind": "ExternalSecret", "metadata": {"name": "web"}, "spec": {}},
	"fields of the wrong type": _of("ExternalSecret", {"data": "text", "dataFrom": [1, "text"], "target": "text"}),
	"keys of the wrong type": _of("ExternalSecret", {"data": [{"secretKey": 1}, "text", {"secretKey": 1}]}),
	"conditions of the wrong type": _of("SecretStore", {"conditions": [1, {"namespaceRegexes": [1]}]}),
}

test_denies[note] if {
	some note, [obj, msg, path] in _denied
	external_secrets_accepted.deny == {{"msg": msg, "path": path}} with input as obj
}

test_denies_with_another_field[note] if {
	some note, [obj, msg, path, beside] in _denied_with
	external_secrets_accepted.deny == {{"msg": msg, "path": path, "with": {beside}}} with input as obj
}

test_allows[note] if {
	some note, obj in _allowed
	external_secrets_accepted.deny == set() with input as obj
}
