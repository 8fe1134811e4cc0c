package policies.config.no_credentials_test

import data.policies.config.no_credentials
import data.policies.lib.fixture_test as fixture

_config(data_) := {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": data_}

_url := "postgres://app:hunter2@db:5432/app"

_literal(title, key) := sprintf("%s holds a credential: %s has a literal value", [title, key])

_denied := {
	"a URL with a password in a ConfigMap": [_config({"url": _url}), `ConfigMap "web" holds a URL with a password`, ["data", "url"]],
	"a key of a ConfigMap": [_config({"DB_PASSWORD": "hunter2"}), _literal(`ConfigMap "web"`, "DB_PASSWORD"), ["data", "DB_PASSWORD"]],
	"a key inside JSON": [_config({"app.json": `{"apiKey": "abc123"}`}), _literal(`ConfigMap "web"`, "apiKey"), ["data", "app.json"]],
	"the Collector's configuration": [
		{"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "otel"}, "spec": {"config": {"exporters": {"otlp": {"headers": {"api-key": "abc123"}}}}}},
		_literal(`OpenTelemetryCollector "otel"`, "exporters.otlp.headers.api-key"), ["spec", "config"],
	],
	"a variable of a custom resource": [
		{"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db"}, "spec": {"env": [{"name": "PGPASSWORD", "value": "hunter2"}]}},
		`Cluster "db" holds a credential: variable PGPASSWORD has a literal value`, ["spec", "env", 0, "value"],
	],
	"a key of AWS in another field": [
		{"apiVersion": "example.com/v1", "kind": "Bucket", "metadata": {"name": "web"}, "spec": {"keys": [concat("", ["AKIA", "ABCDEFGHIJKLMNOP"])]}},
		`Bucket "web" holds an AWS access key`, ["spec", "keys", 0],
	],
	"any string of any object": [
		{"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"}, "spec": {"source": {"repoURL": "https://user:hunter2@example.com/x.git"}}},
		`Application "web" holds a URL with a password`, ["spec", "source", "repoURL"],
	],
}

_release(values) := {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "web"}, "spec": {"values": values}}

_application(helm) := {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "web"}, "spec": {"source": {"helm": helm}}}

_application_set(helm) := {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "metadata": {"name": "web"}, "spec": {"template": {"spec": {"sources": [{}, {"helm": helm}]}}}}

_given(kind, key) := sprintf("%s \"web\" holds a credential: %s, which it gives a chart, has a literal value", [kind, key])

_denied_values := {
	"a HelmRelease": [_release({"auth": {"password": "hunter2"}}), _given("HelmRelease", "password"), ["spec", "values", "auth", "password"]],
	"an Application's values": [_application({"valuesObject": {"auth": {"password": "hunter2"}}}), _given("Application", "password"), ["spec", "source", "helm", "valuesObject", "auth", "password"]],
	"a parameter": [_application({"parameters": [{}, {"name": "auth.password", "value": "hunter2"}]}), _given("Application", "auth.password"), ["spec", "source", "helm", "parameters", 1, "value"]],
	"an ApplicationSet": [_application_set({"valuesObject": {"password": "hunter2"}}), _given("ApplicationSet", "password"), ["spec", "template", "spec", "sources", 1, "helm", "valuesObject", "password"]],
}

_denied_values_at := {
	"an Application's values as text": [_application({"values": "auth:\n  username: app\n  password: hunter2\n"}), _given("Application", "password"), ["spec", "source", "helm", "values"], 3],
	"a ConfigMap that a HelmRelease takes values from": [_config({"values.yaml": "db:\n  password: hunter2\n"}), _given("ConfigMap", "password"), ["data", "values.yaml"], 2],
	"a chart of k3s": [{"apiVersion": "helm.cattle.io/v1", "kind": "HelmChart", "metadata": {"name": "web"}, "spec": {"valuesContent": "a: 1\nadminPassword: hunter2\n"}}, _given("HelmChart", "adminPassword"), ["spec", "valuesContent"], 2],
}

_allowed_values := {
	"values that refer": _release({"auth": {"existingSecret": "db", "password": ""}, "secretKeys": {"password": "DB_PASSWORD"}}),
	"values of the wrong type": _release(["hunter2"]),
	"no values": _release(null),
	"a ConfigMap with values": _config({"values-base.yaml": "auth:\n  secretKeys: {password: DB_PASSWORD}\n  existingSecret: db\n"}),
	"an Application that refers": _application({"values": "auth:\n  existingSecret: db\n  passwordKey: password\n", "parameters": [{"name": "auth.existingSecret", "value": "db"}, {"name": 1, "value": 2}, "text"]}),
	"values that are no YAML": _application({"values": "a: [password: hunter2", "parameters": "text"}),
	"an Application without a chart": _application(null),
	"an ApplicationSet that fills in": _application_set({"values": "password: '{{ .password }}'\n"}),
	"another kind of release": {"apiVersion": "example.com/v1", "kind": "HelmRelease", "metadata": {"name": "web"}, "spec": {"values": {"password": "hunter2"}}},
}

test_denies_what_a_chart_is_given[note] if {
	some note, [obj, msg, path] in _denied_values
	no_credentials.deny == {{"msg": msg, "path": path}} with input as obj
}

test_denies_what_a_chart_is_given_at_a_line[note] if {
	some note, [obj, msg, path, line] in _denied_values_at
	no_credentials.deny == {{"msg": msg, "path": path, "line": line}} with input as obj
}

test_allows_what_a_chart_is_given[note] if {
	some note, obj in _allowed_values
	no_credentials.deny == set() with input as obj
}

# At a line of the text.
_denied_at := {
	"a URL with a password inside a file of a ConfigMap": [_config({"app.yaml": sprintf("database:\n  url: %s\n", [_url])}), `ConfigMap "web" holds a URL with a password`, ["data", "app.yaml"], 2],
	"a key inside a file of a ConfigMap": [_config({"app.yaml": "database:\n  password: hunter2\n"}), _literal(`ConfigMap "web"`, "database.password"), ["data", "app.yaml"], 2],
	"a line of properties": [_config({"app.properties": "db.password=hunter2\n"}), _literal(`ConfigMap "web"`, "db.password"), ["data", "app.properties"], 1],
	"the Collector's configuration as text": [
		{"apiVersion": "opentelemetry.io/v1alpha1", "kind": "OpenTelemetryCollector", "metadata": {"name": "otel"}, "spec": {"config": "extensions:\n  auth:\n    token: abc123\n"}},
		_literal(`OpenTelemetryCollector "otel"`, "extensions.auth.token"), ["spec", "config"], 3,
	],
	"a line of a script": [_config({"run.sh": "set -e\npsql 'host=db password=hunter2'\n"}), _literal(`ConfigMap "web"`, "password"), ["data", "run.sh"], 2],
	"the first of two lines": [_config({"a.ini": "[a]\npassword=hunter2\npassword=hunter2\n"}), _literal(`ConfigMap "web"`, "password"), ["data", "a.ini"], 2],
	"beside a line that refers": [_config({"a.yaml": "a:\n  password: ${A}\nb:\n  password: hunter2\n"}), _literal(`ConfigMap "web"`, "b.password"), ["data", "a.yaml"], 4],
}

_allowed := {
	"a ConfigMap that refers": _config({"DB_PASSWORD_FILE": "/etc/db/password", "url": "postgres://app:$(DB_PASSWORD)@db/app", "app.yaml": "database:\n  password: ${DB_PASSWORD}\n"}),
	"an empty ConfigMap": _config({}),
	"a ConfigMap of the wrong type": _config("password"),
	"a ConfigMap with values of the wrong type": _config({"a": 1, "b": null, "c": ["password"], "d": {"e": "f"}}),
	"a Secret, which has a rule of its own": {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"url": _url}},
	"a CRD, which only describes": {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "x"}, "spec": {"description": _url}},
	"another kind's data": {"apiVersion": "example.com/v1", "kind": "ConfigMap", "data": {"password": "hunter2"}},
	"a Collector that refers": {"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "spec": {"config": {"exporters": {"otlp": {"headers": {"api-key": "${env:API_KEY}"}}}}}},
	"a Collector of the wrong type": {"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "spec": {"config": 1, "env": "text"}},
	"the id of a key, whose secret is elsewhere": {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "metadata": {"name": "web"}, "spec": {"acme": {"solvers": [{"dns01": {"route53": {"accessKeyID": concat("", ["AKIA", "ABCDEFGHIJKLMNOP"]), "secretAccessKeySecretRef": {"name": "a", "key": "b"}}}}]}}},
	"an empty object": {},
}

test_denies[note] if {
	some note, [obj, msg, path] in _denied
	no_credentials.deny == {{"msg": msg, "path": path}} with input as obj
}

test_denies_at_a_line[note] if {
	some note, [obj, msg, path, line] in _denied_at
	no_credentials.deny == {{"msg": msg, "path": path, "line": line}} with input as obj
}

# Which of two lines a key of a structure is, its last part does not say.
test_denies_at_the_field_what_two_lines_may_be if {
	obj := _config({"a.yaml": "a:\n  password: hunter2\nb: {password: hunter2}\n"})
	want := {{"msg": _literal(`ConfigMap "web"`, key), "path": ["data", "a.yaml"]} | some key in ["a.password", "b.password"]}
	no_credentials.deny == want with input as obj
}

test_allows[note] if {
	some note, obj in _allowed
	no_credentials.deny == set() with input as obj
}

_pods_denied := {
	"a variable": [{"env": [{"name": "LOG_LEVEL", "value": "info"}, {"name": "DB_PASSWORD", "value": "hunter2"}]}, `variable DB_PASSWORD has a literal value`, ["env", 1, "value"]],
	"a connection string in a variable": [{"env": [{"name": "DSN", "value": "host=db password=hunter2"}]}, `password has a literal value in variable DSN`, ["env", 0, "value"]],
	"a flag": [{"args": ["serve", "--db-password=hunter2"]}, `db-password has a literal value`, ["args", 1]],
	"a flag and its value": [{"args": ["--token", "abc123"]}, `token has a literal value`, ["args", 0]],
	"a flag of the command": [{"command": ["/app", "--api-key=abc123"]}, `api-key has a literal value`, ["command", 1]],
	"a shell script": [{"args": ["sh", "-c", "set -e\nexport PGPASSWORD=hunter2\npsql\n"]}, `PGPASSWORD has a literal value`, ["args", 2], 2],
	"a shell line": [{"command": ["sh", "-c", "export PGPASSWORD=hunter2; psql"]}, `PGPASSWORD has a literal value`, ["command", 2]],
}

test_denies_in_every_kind[note][kind] if {
	some note, [fields, reason, path, line] in {note: array.slice(array.concat(row, [0]), 0, 4) | some note, row in _pods_denied}
	some list, title in {"containers": `container "app"`, "initContainers": `init container "app"`}
	some kind, obj in fixture.workloads({list: [object.union({"name": "app"}, fields)]})
	found := fixture.finding(kind, sprintf("%s holds a credential: %s", [title, reason]), array.concat([list, 0], path))
	want := object.union(found, {key: number | some key, number in {"line": line}; number > 0})
	no_credentials.deny == {want} with input as obj
}

_pods_allowed := {
	"a variable from a Secret": {"env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]},
	"a variable that refers": {"env": [{"name": "DATABASE_URL", "value": "postgres://app:$(DB_PASSWORD)@db/app"}, {"name": "TOKEN_FILE", "value": "/var/run/token"}, {"name": "TOKEN", "value": ""}]},
	"flags that refer": {"args": ["--password-file=/etc/db/password", "--token=$(TOKEN)", "--token", "$(TOKEN)", "--token", "--verbose", "--token"]},
	"variables of the wrong type": {"env": "text", "args": "text", "command": {"a": "--token=abc123"}},
	"entries of the wrong type": {"env": ["text", {"name": 1, "value": 2}, {"name": "TOKEN", "value": ["x"]}], "args": [1, null, {}, "--token", 1]},
}

test_allows_in_every_kind[note][kind] if {
	some note, fields in _pods_allowed
	some kind, obj in fixture.workloads({"containers": [object.union({"name": "app"}, fields)]})
	no_credentials.deny == set() with input as obj
}

test_shapes_in_variables_and_arguments_of_every_kind[kind] if {
	some kind, obj in fixture.workloads({"containers": [{"name": "app", "env": [{"name": "DATABASE_URL", "value": _url}], "args": [_url]}]})
	msg := sprintf(`%s "web" holds a URL with a password`, [kind])
	want := {fixture.finding(kind, msg, ["containers", 0, "env", 0, "value"]), fixture.finding(kind, msg, ["containers", 0, "args", 0])}
	no_credentials.deny == want with input as obj
}

test_no_message_repeats_the_value if {
	every want in array.concat([want | some want in _denied], [want | some want in _denied_at]) {
		not contains(want[1], "hunter2")
	}
}

test_what_cannot_be_read_is_no_error if {
	every obj in fixture.unreadable {
		no_credentials.deny == set() with input as obj
	}
}
