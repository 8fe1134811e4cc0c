package policies.lib.credential_test

import data.policies.lib.credential

# No scanner of this repository should find a token here, so each is put together from its parts.
_token(parts) := concat("", parts)

_shaped := {
	"a private key": [
		_token(["-----BEGIN ", "PRIVATE KEY-----"]),
		_token(["-----BEGIN RSA ", "PRIVATE KEY-----\nMIIE"]),
		_token(["x: |\n  -----BEGIN OPENSSH ", "PRIVATE KEY-----"]),
		_token(["-----BEGIN PGP ", "PRIVATE KEY BLOCK-----"]),
	],
	"a private key in base64": [base64.encode(_token(["-----BEGIN ", kind, "PRIVATE KEY-----"])) | some kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "]],
	"an AWS access key": [_token(["AKIA", "ABCDEFGHIJKLMNOP"]), _token(["id:\nASIA", "ABCDEFGHIJKLMNOP"])],
	"a GitHub token": [_token(["ghp_", _long]), _token(["ghs_", _long]), _token(["github_pat_", _long])],
	"a GitLab token": [_token(["glpat-", _long])],
	"a Slack token": [_token(["xoxb-", "1234567890-abc"])],
	"a Slack webhook": [_token(["https://hooks.slack.com/services/", "T01234567/B01234567/", _long])],
	"a Google API key": [_token(["AIza", substring(_long, 0, 35)])],
	"a Stripe key": [_token(["sk_", "live_", _long])],
	"an npm token": [_token(["npm_", _long])],
	"a Vault token": [_token(["hvs.", _long])],
	"a JSON Web Token": [_token(["Bearer eyJ", "hbGciOiJIUzI1NiJ9", ".eyJ", "zdWIiOiJtZSIsIm4iOjF9.", "SflKxwRJSMeKKF2QT4"])],
	"a URL with a password": [
		"postgres://app:hunter2@db:5432/app?sslmode=require",
		"redis://:hunter2@cache:6379",
		"url: 'https://user:p%40ss@example.com/'",
		"amqp://app:a,b@rabbit,x",
	],
}

_long := "0123456789abcdefghijABCDEFGHIJ012345"

_shapeless := [
	"",
	"postgres://app@db:5432/app",
	"postgres://db:5432/app",
	"postgres://app:$(DB_PASSWORD)@db/app",
	"postgres://app:${DB_PASSWORD}@db/app",
	"postgres://app:{{password}}@db/app",
	"postgres://app:<password>@db/app",
	"postgres://{USER}:{PASSWORD}@db/app",
	"postgres://%s:%s@%s/app",
	"postgres://{}:{}@{}/app",
	"postgres://{0}:{1}@{2}/app",
	"postgres://app:***@db/app",
	"https://bot:token@example.com/x.git",
	"postgres://user:password@host/db",
	"postgres://app:xxxxx@db/app",
	"mongodb://[username:password@]host1[:port1]",
	"http://otel-collector.observability:4318",
	"http://a:8080/x?mail=me@example.com",
	"http://a:8080?mail=me@example.com",
	"git@github.com:kgate-dev/gitops.git",
	"ssh://git@github.com:22/kgate-dev/gitops.git",
	"oci://ghcr.io:443/kgate-dev/app@sha256:0123",
	"outbound|8080||web.shop.svc.cluster.local",
	"-----BEGIN CERTIFICATE-----",
	"-----BEGIN PUBLIC KEY-----",
	base64.encode("-----BEGIN CERTIFICATE-----"),
	base64.encode("-----BEGIN PUBLIC KEY-----"),
	"AKIA",
	"SLAKIAABCDEFGHIJKLMNOP",
	"ghp_short",
	"xoxb",
	"eyJ.eyJ.x",
	"sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
]

_literal := {
	"password": ["hunter2", "correct horse", "changeme", "a-b", "$2a$10$abc", 123456, "123456"],
	"DB_PASSWORD": ["hunter2"],
	"dbPassword": ["hunter2"],
	"http_passwd": ["x"],
	"MYSQL_PWD": ["hunter2"],
	"SMTP_PASS": ["hunter2"],
	"passphrase": ["open sesame"],
	"token": ["abc123def456", "QWxhZGRpbg==", "abcdef"],
	"API_TOKEN": ["abc123"],
	"client_secret": ["s3cr3t"],
	"clientSecret": ["8f14e45f-ceea-467f"],
	"apiKey": ["abc123"],
	"api-key": ["abc123"],
	"API_KEY": ["abc123"],
	"AWS_SECRET_ACCESS_KEY": ["wJalrXUtnFEMI/K7MDENG/bPxRfiCY"],
	"shared_key": ["s3cr3t"],
	"NEW_RELIC_LICENSE_KEY": ["0123456789abcdef"],
	"authorization": ["Bearer abc123def456", "Bearer $2y$10$abc", "Basic QWxhZGRpbjpvcGVu"],
}

_harmless := {
	"password": ["", "  ", null, true, [], {}, "${DB_PASSWORD}", "$(DB_PASSWORD)", "$DB_PASSWORD", "{{ .Values.password }}", "%(password)s", "%PASSWORD%", "<password>", "<your password>", "{PASSWORD}", "{db.password}", "****", "xxxx", "REDACTED", "/etc/db/password", "./password", "file:/etc/password", "vault:secret/data/db#password", "op://shop/db/password", "must have eight characters", "none", "required", "https://example.com/reset", "not set", "TODO", "Forgot Password?", "New password", "your-password", "placeholder", "REPLACE_ME", "<<DB_PASSWORD>>", "__DB_PASSWORD__", "#{DB_PASSWORD}#", "!secret db", "generate"],
	"token": ["bearer", "access-token", "db_token", "ACCESS_TOKEN", "RADARR_4K_TOKEN", "S3_TOKEN", 3600, "3600", "30s", "/var/run/secrets/kubernetes.io/serviceaccount/token", "the token that the collector sends"],
	"secret": ["go-otlp-app-db-app", "s3-credentials", "db_2_main", "default/basic-auth"],
	"private_key": ["/etc/tls/tls.key", "tls.key", "certs/tls.pem"],
	"authorization": ["Bearer ${env:TOKEN}", "Bearer $ledger-token", "$ledger:api.token", "Bearer", "basic"],
	"API_KEY": ["$__env{API_KEY}", "ref+awsssm://api-key", "secret/data/api#key"],
}

_insensitive := {
	"password_file", "PASSWORD_FILE", "passwordKey", "secretName", "token_url", "tokenTTL", "max_tokens", "tokens",
	"key", "public_key", "keyboard", "primaryKey", "partition_key", "PWD", "OLDPWD", "bypass", "compass", "passive", "imagePullSecret", "existingSecret",
	"secretKeyRef", "name", "", "nginx.ingress.kubernetes.io/auth-secret",
}

test_finds_each_shape[title] if {
	some title, texts in _shaped
	every text in texts {
		credential.shapes(text) == {title}
		credential.may_have_shape(json.marshal({"a": [text]}))
	}
}

test_finds_no_shape_in[text] if {
	some text in _shapeless
	credential.shapes(text) == set()
}

test_finds_several_shapes_in_one_text if {
	text := _token([_token(["ghp_", _long]), "\npostgres://app:hunter2@db"])
	credential.shapes(text) == {"a GitHub token", "a URL with a password"}
}

test_literal_beside[key] if {
	some key, values in _literal
	credential.is_sensitive(key)
	every value in values {
		credential.is_literal(key, value)
	}
}

test_harmless_beside[key] if {
	some key, values in _harmless
	credential.is_sensitive(key)
	every value in values {
		not credential.is_literal(key, value)
	}
}

test_insensitive_key[key] if {
	some key in _insensitive
	not credential.is_sensitive(key)
}

test_keys_of_other_types_are_insensitive if {
	every key in [1, null, true, [], {}] {
		not credential.is_sensitive(key)
	}
}

_texts := {
	"YAML": ["database:\n  user: app\n  password: hunter2\n", {"database.password"}],
	"YAML in several documents": ["a: 1\n---\ntoken: abc123\n", {"token"}],
	"a YAML list": ["- password: hunter2\n", {"0.password"}],
	"a block scalar": ["password: |\n  hunter2\n", {"password"}],
	"environment variables in YAML": ["env:\n  - name: DB_PASSWORD\n    value: hunter2\n", {"env.0"}],
	"JSON": [`{"a": {"apiKey": "abc123"}}`, {"a.apiKey"}],
	"properties": ["db.user=app\ndb.password=hunter2\n", {"db.password"}],
	"an env file": ["export API_TOKEN=\"abc123\"\nUSER=app\n", {"API_TOKEN"}],
	"INI": ["[database]\nuser = app\npassword = hunter2\n", {"password"}],
	"TOML": ["[api]\napi_key = \"abc123\"\n", {"api_key"}],
	"a template that is no YAML": ["{{ if x }}\n  password: hunter2\n{{ end }}\n", {"password"}],
	"classic Fluent Bit": ["[OUTPUT]\n    HTTP_User app\n    HTTP_Passwd hunter2\n", {"HTTP_Passwd"}],
	"a connection string": ["dsn: host=db user=app password=hunter2 sslmode=require\n", {"password"}],
	"a JDBC URL": ["url: jdbc:postgresql://db/app?user=app&password=hunter2\n", {"password"}],
	"a URL with a token": ["url: https://example.com/hook?access_token=abc123\n", {"access_token"}],
	"a quoted value of a shell line": ["run -e DB_PASSWORD='hunter two' image\n", {"DB_PASSWORD"}],
	"a quote that does not end": ["say \"password=hunter2\nand go on\n", {"password"}],
	"Python": ["import os\n\ndef connect(host, password: str = 'hunter2'):\n    return db(host, password=password)\n", {"password"}],
	"a Python element": ["#!/usr/bin/env python3\nconfig[\"db_password\"] = \"hunter2\"\n", {"db_password"}],
	"a Python call": ["from db import connect\nconn = connect(user=\"app\", password=\"hunter2\")\n", {"password"}],
	"JavaScript": ["const client = new Client({\n  user: env.USER,\n  apiKey: 'abc123',\n})\n", {"apiKey"}],
	"Go": ["package main\n\nfunc main() {\n\tpassword := `hunter2`\n\tuse(password)\n}\n", {"password"}],
	"Java": ["public class Db {\n  String password = \"hunter2\";\n}\n", {"password"}],
	"a URL in Ruby": ["require 'net/http'\nget \"https://example.com/hook?access_token=abc123\"\n", {"access_token"}],
	"a shell script with functions": ["#!/bin/bash\nlocal x = 1\nfunction go() {\n  PASSWORD=hunter2 run\n}\n", {"PASSWORD"}],
	"YAML with code in it": ["password: hunter2\nscript: |\n  import os\n  print(os.environ)\n", {"password"}],
	"a Caddyfile": ["import auth\nbasicauth {\n  password hunter2\n}\n", {"password"}],
	"SQL": ["CREATE USER app PASSWORD 'hunter2';\n", {"PASSWORD"}],
}

_clean_texts := {
	"nothing": "",
	"messages": "doForgotPassword=Forgot Password?\ninvalidPassword=Password is wrong.\ndb.password=${A}\n",
	"prose": "The password is kept in a Secret.\nToken: a string that the server gives out\n",
	"references in YAML": "database:\n  password: ${DB_PASSWORD}\n  password_file: /etc/db/password\n",
	"a reference to a Secret": "password:\n  secretKeyRef:\n    name: db\n    key: password\n",
	"environment variables that refer": "env:\n  - name: DB_PASSWORD\n    valueFrom: {secretKeyRef: {name: db, key: password}}\n  - name: TOKEN\n    value: $(OTHER)\n",
	"empty values": "password:\ntoken: \"\"\n[s]\nsecret =\nother = x\n",
	"comments": "[security]\n;admin_password = admin\n# password=hunter2\n",
	"a comment with an example": "# the digest of password 'qwerty':\nuser=0xbc8\n",
	"a quoted value that is not set yet": "#!/bin/sh\nset -e\nPASSWORD=\"not set\"\nif true; then PASSWORD='not set'; fi\n",
	"PromQL": "expr: sum(rate(kube_secret_info{secret=\"tls\", token=\"x\"}[5m]))\n",
	"a program in a line of a shell": "echo \"$X\" | python3 -c \"import urllib.parse; encoded_pass = urllib.parse.quote(input()); print(encoded_pass)\"\n",
	"a broken document": "a: [1\n  - b: {",
	"code": "config = {\n  \"secretkey\": b64encode(key),\n  \"accessKeySecret\": {\n  },\n}\nself.token = await login()\napi_key = settings[\"key\"]\nx: y: z\n",
	"Python's names of values": "import os\nfrom db import connect\n\n@dataclass\nclass Login:\n    password: str\n    token: Optional[str] = None\n\npassword = args.password\nsecret_key = settings.SECRET_KEY\nconn = connect(user=user, password=pw)\nif password == \"\":\n    raise ValueError\n",
	"Python's names of keys": "import os\nCONF_PASSWORD = \"password\"\nATTR_ACCESS_TOKEN = \"access-token\"\nos.getenv(\"DB_PASSWORD\")\n# password = \"hunter2\"\n",
	"Python's formats": "import os\nurl = f\"https://{user}\"\nheaders = {\"Authorization\": \"Bearer %s\" % token, \"X-Token\": \"{}\".format(token)}\npassword = f\"{first}{second}\"\n",
	"JavaScript's names of values": "const password = process.env.PASSWORD;\nconst client = new Client({ user, password: config.password, token })\nconst headers = { Authorization: `Bearer ${token}` }\n",
	"Go's names of values": "package main\n\nfunc main() {\n\tpassword := os.Getenv(\"DB_PASSWORD\")\n\tdb := Config{Password: password, Token: strings.TrimSpace(token)}\n\tif password == \"\" {\n\t}\n}\n",
	"Java's names of values": "import java.util.Map;\npublic class Db {\n  private final String password;\n  Db(String password) { this.password = password; }\n}\n",
	"Lua's names of values": "local token = request:header('x')\nlocal password = conf.password\n",
	"what a shell sets to what it is given": "#!/bin/sh\nPASSWORD=$1\nTOKEN=`cat /token`\nDB_PASSWORD=\"$2\"\n",
	"sshd": "PasswordAuthentication no\n",
	"the service's own configuration": "app:\n  name: go-otlp-app\ndatabase:\n  max_conns: 25\notlp:\n  endpoint: otel-collector.observability:4317\n",
	"YAML with odd values": "a: .inf\nb: .nan\nc: 2024-01-01\n? [d]\n: e\n",
}

test_finds_a_credential_in[note] if {
	some note, [text, keys] in _texts
	credential.in_text(text) == keys
}

test_finds_no_credential_in[note] if {
	some note, text in _clean_texts
	credential.in_text(text) == set()
}

test_structures_of_every_type_are_searched if {
	credential.in_structure({"a": [{"token": "abc123"}], "password": 1234}) == {"a.0.token", "password"}
	every value in ["text", null, 1, [], {}, [[]], {"password": {"a": ["b"]}}] {
		credential.in_structure(value) == set()
	}
}

# Shapes that charts have: what stands beside a key of its Secret, in place of it, and in a mapping of them.
_values_with := {
	"a password": [{"auth": {"password": "hunter2", "username": "app"}}, {[["auth", "password"], "password"]}],
	"beside an empty existingSecret": [{"auth": {"rootPassword": "hunter2", "existingSecret": ""}}, {[["auth", "rootPassword"], "rootPassword"]}],
	"a password that is a word": [{"grafana": {"adminPassword": "admin"}}, {[["grafana", "adminPassword"], "adminPassword"]}],
	"a number": [{"password": 123456}, {[["password"], "password"]}],
	"a database elsewhere": [{"externalDatabase": {"password": "s3cr3t!"}}, {[["externalDatabase", "password"], "password"]}],
	"a variable": [{"extraEnv": [{"name": "SMTP_PASSWORD", "value": "hunter2"}]}, {[["extraEnv", 0, "value"], "SMTP_PASSWORD"]}],
	"a variable of a mapping": [{"env": {"DB_PASSWORD": "hunter2"}}, {[["env", "DB_PASSWORD"], "DB_PASSWORD"]}],
	"a random key": [{"oidc": {"clientSecret": "q7Tz0WmB4xKp9Rr2LdYc"}}, {[["oidc", "clientSecret"], "clientSecret"]}],
	"a random password below a secret": [{"secret": {"data": {"password": "0123456789abcdef0123456789abcdef"}}}, {[["secret", "data", "password"], "password"]}],
}

_values_without := {
	"references": {"auth": {"password": "${DB_PASSWORD}"}, "widget": {"token": "{{`{{VAR_TOKEN}}`}}"}, "a": {"adminPassword": "<path:kv/data/a#b>"}, "b": {"password": "$__env{P}"}},
	"names of Secrets": {"existingSecret": "db-password", "secretName": "db", "githubConfigSecret": "runner-secret", "usersExistingSecret": "valkey-credentials", "database": {"secret": "piped"}, "secret": "tailscale"},
	"names of keys": {"passwordKey": "password", "existingSecretPasswordKey": "db-password", "secretKeys": {"adminPasswordKey": "password", "password": "DB_PASSWORD"}, "external": {"keys": {"password": "pw"}}},
	"keys beside the name of their Secret": {"auth": {"existingSecret": "db", "password": "db-password"}, "smtp": {"secretName": "smtp", "password": "pw"}},
	"variables of Secrets": {"envFromSecret": {"TURN_PASSWORD": "coturn/COTURN_PASSWORD", "AUTH_TOKEN": "oidc/TOKEN"}, "secretEnv": {"PASSWORD": "db"}},
	"what an ExternalSecret takes": {"rawResources": {"secret": {"spec": {"data": [{"secretKey": "WIREGUARD_PRIVATE_KEY"}]}}}, "externalSecrets": {"password": "shop-db"}},
	"paths of a store": {"password": "kv/shop/db", "adminPassword": "/run/secrets/admin"},
	"names of variables": {"password": "DB_PASSWORD_1", "adminPassword": "ADMIN_PASSWORD"},
	"what is encrypted": {"encryptedData": {"password": "AgBy8hCFhnwb0123456789abcdefABCDEF"}, "password": "ENC[AES256_GCM,data:abc=,type:str]", "admin": {"password": "$ANSIBLE_VAULT;1.1;AES256\n62313365396662343061393464336163\n"}},
	"sums": {"podAnnotations": {"checksum/secret": "0123456789abcdef0123456789abcdef"}},
	"nothing yet": {"auth": {"password": "", "token": null, "enablePassword": true}, "a": "text", "b": ["password"], "c": {"password": {"valueFrom": {}}}},
	"odd keys": {"env": [{"name": 1, "value": "a"}, {"name": "PASSWORD"}]},
	"words": {"tokenSecret": "internal-token", "apiKey": "my-api-key", "private_key": "id", "s390x": {"secret": "ibm-s390x-ssh-key-large-builder-02-31"}},
}

test_finds_what_a_chart_is_given[note] if {
	some note, [values, found] in _values_with
	credential.in_values(values) == found
}

test_finds_nothing_in_values[note] if {
	some note, values in _values_without
	credential.in_values(values) == set()
}

test_single_values if {
	credential.is_value("auth.password", "hunter2")
	credential.is_value("password", "hunter2")
	not credential.is_value("auth.secretKeys.password", "hunter2")
	not credential.is_value("auth.passwordKey", "hunter2")
	not credential.is_value("auth.password", "$ARGOCD_ENV_PASSWORD")
}

test_line_of_a_shape if {
	credential.line_of_shape("a: b\nurl: postgres://app:hunter2@db/app\nurl: postgres://app:hunter2@db/app\n", "a URL with a password") == {"line": 2}
	credential.line_of_shape("url: postgres://app:hunter2@db/app", "a URL with a password") == {}
	credential.line_of_shape("a: b\n", "a URL with a password") == {}
}

_line_of_key := {
	"a key of properties": ["a=b\ndb.password=hunter2\n", "db.password", {"line": 2}],
	"a key of a structure": ["db:\n  # password: old\n  password: hunter2\n", "db.password", {"line": 3}],
	"the first of two lines": ["[a]\npassword=hunter2\npassword=hunter2\n", "password", {"line": 2}],
	"two keys of one name": ["a:\n  password: x1\nb:\n  password: x2\n", "a.password", {}],
	"two lines of one structure": ["password: hunter2\nrun: |\n  password: hunter2\n", "password", {}],
	"a line of a program": ["import os\npassword = args.password\nconnect(password=\"hunter2\")\n", "password", {"line": 3}],
	"a value of one line": ["password=hunter2", "password", {}],
	"a mapping on one line": ["a: b\nc: {password: hunter2}\n", "c.password", {}],
}

test_line_of_a_key[note] if {
	some note, [text, key, line] in _line_of_key
	credential.line_of_key(text, key) == line
}

test_a_tag_of_a_program_is_a_reference if {
	count(credential.in_text("password: !secret db_password\n")) == 0
	count(credential.in_text("a: {api_key: !env_var API_KEY, url: x}\n")) == 0
	count(credential.in_text("list:\n  - name: token\n    value: !env 'Tok3nOfShop'\n")) == 0
	credential.in_text("db: {password: !!str hunter22}\n") == {"db.password"}
	credential.in_text("user: !env_var NAME\npassword: hunter22\n") == {"password"}
	credential.in_text("password: \"!Sup3rS3cretPw\"\n") == {"password"}
	credential.in_text("passwd = !Sup3rS3cret9\n") == {"passwd"}
	credential.is_literal("A_PASSWORD", "!Sup3rS3cretPw")
}
