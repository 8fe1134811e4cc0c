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

_vault(annotations, value) := _secret({"metadata": {"name": "db", "annotations": annotations}, "stringData": {"a": value}})

_of_the_vault := {
	"a path": _vault({}, "<path:secret/data/db#password>"),
	"a version": _vault({}, "<path:secret/data/db#password#3>"),
	"a modifier": _vault({}, "<path:secret/data/db#password | base64encode>"),
	"several": _vault({}, "<path:secret/data/db#user>:<path:secret/data/db#password>"),
	"in base64": _secret({"data": {"a": base64.encode("<path:secret/data/db#password>\n"), "b": ""}}),
	"a key of the Secret's path": _vault({"avp.kubernetes.io/path": "secret/data/db"}, "<password>"),
	"a path beside it": _vault({"avp.kubernetes.io/path": "secret/data/db"}, "<user>:<path:secret/data/db#password>"),
}

_of_a_store := {
	"of 1Password": _vault({}, "op://shop/db/password"),
	"of 1Password, with a section": _vault({}, "op://shop/the database/admin/password\n"),
	"of 1Password, in braces": _vault({}, "{{ op://shop/db/password }}"),
	"of vals": _vault({}, "ref+awssecrets://shop/db#/password"),
	"of Bank-Vaults": _vault({}, "vault:secret/data/db#password"),
	"in base64": _secret({"data": {"a": base64.encode("vault:secret/data/db#password")}}),
}

_of_no_store := {
	"something before it": _vault({}, "hunter2 op://shop/db/password"),
	"something behind it": _vault({}, "op://shop/db/password\nhunter2"),
	"no field": _vault({}, "op://shop/db"),
	"something behind one of vals": _vault({}, "ref+awssecrets://shop/db hunter2"),
	"no key": _vault({}, "vault:secret/data/db"),
	"a plain value beside it": _secret({"stringData": {"a": "op://shop/db/password", "b": "hunter2"}}),
}

test_allows_references_to_a_store[note] if {
	some note, obj in _of_a_store
	no_secret_data.deny == set() with input as obj
}

test_denies_what_is_no_reference_alone[note] if {
	some note, obj in _of_no_store
	count(no_secret_data.deny) == 1 with input as obj
}

_of_the_repository := {
	"a key without a path": _vault({}, "<password>"),
	"a path without a key": _vault({}, "<path:secret/data/db>"),
	"something beside it": _vault({}, "admin:<path:secret/data/db#password>"),
	"something in base64 beside it": _secret({"data": {"a": base64.encode("admin:<path:secret/data/db#password>")}}),
	"an object that the plugin passes over": _vault({"avp.kubernetes.io/ignore": "true"}, "<path:secret/data/db#password>"),
	"a plain value beside it": _secret({"stringData": {"a": "<path:secret/data/db#password>", "b": "hunter2"}}),
	"a modifier that there is not": _vault({}, "<path:secret/data/db#password | hunter2>"),
	"a placeholder that does not end": _vault({"avp.kubernetes.io/path": "secret/data/db"}, "<password"),
}

test_allows_placeholders_of_the_vault[note] if {
	some note, obj in _of_the_vault
	no_secret_data.deny == set() with input as obj
}

test_denies_what_the_vault_does_not_fill[note] if {
	some note, obj in _of_the_repository
	count(no_secret_data.deny) == 1 with input as obj
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
