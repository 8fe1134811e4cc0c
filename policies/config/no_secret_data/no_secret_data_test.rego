package policies.config.no_secret_data_test

import data.policies.config.no_secret_data

_secret(fields) := object.union({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}}, fields)

test_denies[field] if {
	some field in ["data", "stringData"]
	want := {"msg": sprintf(`Secret "db" has its contents in the repository: %s is not empty`, [field]), "path": [field]}
	no_secret_data.deny == {want} with input as _secret({field: {"password": "aHVudGVyMg=="}})
	no_secret_data.deny == {want} with input as _secret({field: "text"})
}

_allowed := {
	"nothing in it": _secret({}),
	"empty fields": _secret({"data": {}, "stringData": null}),
	"a token that a controller fills": _secret({"type": "kubernetes.io/service-account-token"}),
	"another group's Secret": {"apiVersion": "example.com/v1", "kind": "Secret", "data": {"a": "b"}},
	"a ConfigMap": {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}},
	"what is encrypted": _secret({"data": {"a": "e30="}, "stringData": {"b": "{}"}}),
	"what is empty beside what is encrypted": _secret({"data": {"a": "e30=", "b": ""}, "stringData": {"c": ""}}),
	"an empty object": {},
}

test_denies_what_is_empty_without_it if {
	count(no_secret_data.deny) == 1 with input as _secret({"data": {"a": ""}})
}

test_denies_what_is_plain_beside if {
	count(no_secret_data.deny) == 1 with input as _secret({"data": {"a": "e30=", "b": "aHVudGVyMg=="}})
}

test_allows[note] if {
	some note, obj in _allowed
	no_secret_data.deny == set() with input as obj
}
