package manifest

import (
	"encoding/base64"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

func TestSealed(t *testing.T) {
	const (
		iv   = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="
		tag  = "YmJiYmJiYmJiYmJiYmJiYg=="
		enc  = "ENC[AES256_GCM,data:c29tZXRoaW5n,iv:" + iv + ",tag:" + tag + ",type:str]"
		sops = "sops: {mac: '" + enc + "', version: 3.9.0, age: [{recipient: a, enc: b}]}\n"
	)
	of := func(typ string) string { return strings.TrimSuffix(enc, "type:str]") + "type:" + typ + "]" }
	secret := func(fields string) string { return "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n" + fields }
	for name, c := range map[string]struct {
		text, want string // JSON; "" for what stands there
	}{
		"a Secret": {
			secret("data: {a: '" + enc + "', b: cGxhaW4=}\nstringData: {c: '" + enc + "', d: 'text " + enc + "'}\n" + sops),
			`{"apiVersion":"v1","data":{"a":"e30=","b":"cGxhaW4="},"kind":"Secret","metadata":{"name":"a"},"stringData":{"c":"{}","d":"text ` + enc + `"}}`,
		},
		"a ConfigMap": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: '" + enc + "'}\nbinaryData: {b: '" + enc + "'}\n" + sops,
			`{"apiVersion":"v1","binaryData":{"b":"e30="},"data":{"a":"{}"},"kind":"ConfigMap","metadata":{"name":"a"}}`,
		},
		"another kind": {
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {replicas: '" + of("int") + "', paused: '" + of("bool") + "', template: {spec: {containers: [{name: '" + enc + "'}]}}}\n" + sops,
			`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":{"paused":true,"replicas":1,"template":{"spec":{"containers":[{"name":"{}"}]}}}}`,
		},
		"a kind that is encrypted": {"apiVersion: v1\nkind: '" + enc + "'\nmetadata: {name: a}\nstringData: {a: b}\n" + sops, `{"apiVersion":"v1","kind":"` + enc + `","metadata":{"name":"a"},"stringData":{"a":"b"}}`},
		"a group with Secrets":     {"apiVersion: example.com/v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: '" + enc + "'}\n" + sops, `{"apiVersion":"example.com/v1","data":{"a":"{}"},"kind":"Secret","metadata":{"name":"a"}}`},
		"an encrypted dotenv file in a Secret": {
			secret("data: {a: " + base64.StdEncoding.EncodeToString([]byte(enc)) + ", sops_mac: " + base64.StdEncoding.EncodeToString([]byte(enc)) + ", sops_version: My45, sops_age__list_0__map_enc: eA==, sops_unencrypted_suffix: X3VuZW5jcnlwdGVk}\n"),
			`{"apiVersion":"v1","data":{"a":"e30="},"kind":"Secret","metadata":{"name":"a"}}`,
		},
		"an encrypted file in a Secret": {
			secret("data: {a.yaml: " + base64.StdEncoding.EncodeToString([]byte("b: "+enc+"\n"+sops)) + ", b: cGxhaW4=}\n"),
			`{"apiVersion":"v1","data":{"a.yaml":"e30=","b":"cGxhaW4="},"kind":"Secret","metadata":{"name":"a"}}`,
		},
		"encrypted files in a ConfigMap": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a.json: '{\"data\":\"" + enc + "\",\"sops\":{\"age\":[{\"enc\":\"x\"}],\"mac\":\"" + enc + "\",\"version\":\"3.9.0\"}}'\n" +
				"  b.ini: |\n    [sops]\n    age__list_0__map_enc = x\n    mac = " + enc + "\n    version = 3.9.0\n  c.env: |\n    A=" + enc + "\n    sops_mac=" + enc + "\n    sops_version=3.9.0\n    sops_age__list_0__map_enc=x\n  d: sops\n",
			`{"apiVersion":"v1","data":{"a.json":"{}","b.ini":"{}","c.env":"{}","d":"sops"},"kind":"ConfigMap","metadata":{"name":"a"}}`,
		},
		"what its rules leave in plain, in a Secret": {
			secret("data: {a: '" + enc + "', user: YWRtaW4=, empty: '', tokenName: YQ==, b.json: eyJhIjogMX0=, url: aHR0cDovL2E6YkBj, password: eA==, id: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ==}\n" +
				strings.Replace(sops, "version", "mac_only_encrypted: true, encrypted_regex: ^a$, version", 1)),
			`{"apiVersion":"v1","data":{"a":"e30=","b.json":"eyJhIjogMX0=","empty":"","id":"LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQ==","password":"eA==","tokenName":"e30=","url":"aHR0cDovL2E6YkBj","user":"e30="},"kind":"Secret","metadata":{"name":"a"}}`,
		},
		"a suffix of what is in plain": {
			secret("stringData: {a: '" + enc + "', user_plain: admin, user: admin}\n" + strings.Replace(sops, "version", "unencrypted_suffix: _plain, version", 1)),
			`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"stringData":{"a":"{}","user":"admin","user_plain":"{}"}}`,
		},
		"nothing that is encrypted": {
			secret("stringData: {user: admin}\n" + strings.Replace(sops, "version", "encrypted_regex: ^a$, version", 1)),
			`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"stringData":{"user":"admin"}}`,
		},
		"rules of an encrypted dotenv file": {
			secret("stringData: {A: '" + enc + "', USER: admin, TOKEN: x, sops_mac: '" + enc + "', sops_version: '3', sops_age__list_0__map_enc: x, sops_encrypted_regex: ^A$}\n"),
			`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"stringData":{"A":"{}","TOKEN":"x","USER":"{}"}}`,
		},
		"keys that only look like those of SOPS": {
			secret("stringData: {a: '" + enc + "', sops_mac: '" + enc + "', sops_version: '3', sops_age__list_0__map_enc: a, sops_password: b}\n"),
			`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"stringData":{"a":"{}","sops_password":"b"}}`,
		},
		"keys of SOPS without a recipient": {secret("stringData: {sops_mac: '" + enc + "', sops_version: '3', sops_password: b}\n"), ""},
		"for nobody":                       {secret("data: {a: '" + enc + "'}\nsops: {mac: '" + enc + "', age: []}\n"), ""},
		"without a mac":                    {secret("data: {a: '" + enc + "'}\nsops: {age: [{recipient: a}]}\n"), ""},
		"a vector that is none":            {secret("stringData: {a: 'ENC[AES256_GCM,data:aHVudGVyMg==,iv:A,tag:A,type:str]'}\n" + sops), `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"stringData":{"a":"ENC[AES256_GCM,data:aHVudGVyMg==,iv:A,tag:A,type:str]"}}`},
		"a name that is encrypted":         {"apiVersion: v1\nkind: Secret\nmetadata: {name: '" + enc + "'}\ndata: {}\n" + sops, `{"apiVersion":"v1","data":{},"kind":"Secret","metadata":{"name":"` + enc + `"}}`},
		"data that is none":                {secret("data: '" + enc + "'\n" + sops), `{"apiVersion":"v1","data":"` + enc + `","kind":"Secret","metadata":{"name":"a"}}`},
		"an object without a block":        {secret("data: {a: '" + enc + "'}\n"), ""},
	} {
		documents, err := ParseDocuments("a.yaml", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		written, err := documents[0].JSON()
		if err != nil {
			t.Fatal(err)
		}
		want := c.want
		if want == "" {
			want = string(written)
		}
		objects, err := documents[0].Objects()
		if err != nil || len(objects) != 1 || string(objects[0].JSON) != want || string(objects[0].Written()) != string(written) {
			t.Errorf("%s: got %s, %v\nwant %s", name, objects[0].JSON, err, want)
		}
		decoded, err := Decode(written)
		if err != nil || string(decoded.JSON) != want || !reflect.DeepEqual(decoded.Value, objects[0].Value) || string(decoded.Again().Written()) != string(written) {
			t.Errorf("%s, decoded: got %s, %v", name, decoded.JSON, err)
		}
	}
}

// TestSealedFile holds which files are encrypted as a whole, and what a ConfigMap has in place of them; "" for one that is not.
func TestSealedFile(t *testing.T) {
	const (
		enc  = "ENC[AES256_GCM,data:c29tZXRoaW5n,iv:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=,tag:YmJiYmJiYmJiYmJiYmJiYg==,type:str]"
		meta = "mac: '" + enc + "', version: 3.9.0"
		sops = "sops: {" + meta + ", age: [{recipient: a, enc: b}]"
		env  = "sops_mac=" + enc + "\nsops_version=3.9.0\nsops_lastmodified=2026-01-01T00:00:00Z\n"
		own  = env + "sops_pgp__list_0__map_enc=a\\nb\nsops_pgp__list_0__map_fp=c\n"
		ini  = "[sops]\nmac = " + enc + "\nversion = 3.9.0\n"
		for1 = "age__list_0__map_enc = a\\nb\nage__list_0__map_recipient = c\n"
	)
	for text, want := range map[string]string{
		"a: " + enc + "\nb: [" + strconv.Quote(enc) + ", {c: '', d: null}]\n" + sops + "}\n":                                        "{}",
		"a: " + enc + "\n" + sops + "}\n---\nb: '" + enc + "'\n" + sops + "}\n":                                                     "{}",
		"{\n\t\"data\": \"" + enc + "\",\n\t\"sops\": {\"mac\": \"" + enc + "\", \"version\": \"3\", \"kms\": [{\"enc\": \"x\"}]}}": "{}",
		"a: '" + enc + "'\nsops: {" + meta + ", key_groups: [{hc_vault: [{enc: x}]}]}\n":                                            "{}",
		"A=" + enc + "\nB=\n\n" + own:                        "{}",
		"#" + enc + "\nA=" + enc + "\r\n" + own:              "{}",
		"[a]\n; " + enc + "\nb = " + enc + "\n" + ini + for1: "{}",

		"kind: a\nb: {data: {c: '" + enc + "'}}\n" + sops + ", encrypted_regex: ^data$}\n": "kind: a\n",
		"a_plain: x\nb: '" + enc + "'\n" + sops + ", unencrypted_suffix: _plain}\n":        "a_plain: x\n",
		"a_unencrypted: {b: 1}\nb: '" + enc + "'\n" + sops + "}\n":                         "b: 1\n",
		"a: x\nb_enc: '" + enc + "'\n" + sops + ", encrypted_suffix: _enc}\n":              "a: x\n",
		"a: x\nb: '" + enc + "'\n" + sops + ", unencrypted_regex: ^a$}\n":                  "a: x\n",

		"a: x\nb: '" + enc + "'\n" + sops + "}\n":                                              "",
		"a: x\nb: '" + enc + "'\n" + sops + ", unencrypted_regex: ^a$, encrypted_suffix: b}\n": "",
		"a: x\nb: '" + enc + "'\n" + sops + ", encrypted_regex: a}\n":                          "",
		"a: x\n" + sops + ", unencrypted_regex: .}\n":                                          "",
		"a: '" + enc + " x'\n" + sops + "}\n":                                                  "",
		"a: 1\n" + sops + "}\n":                                                                "",
		sops + "}\n---\na: x\n":                                                                "",
		sops + "}\n---\n- x\n":                                                                 "",
		"a: x\na: '" + enc + "'\n" + sops + "}\n":                                              "",
		"a: '" + enc + "' # password: x\n" + sops + "}\n":                                      "",
		"a: '" + enc + "'\nsops: {" + meta + ", age: [x]}\n":                                   "",
		"a: '" + enc + "'\nsops: {" + meta + ", age: [{recipient: x}]}\n":                      "",
		"a: '" + enc + "'\nsops: {mac: '" + enc + "', age: [{enc: x}]}\n":                      "",
		"{\"a\": \"x\", \"a\": \"" + enc + "\", \"sops\": {\"mac\": \"" + enc + "\", \"version\": \"3\", \"kms\": [{\"enc\": \"x\"}]}}": "",
		"A=x\n" + own:                            "",
		"A=" + enc + "\n" + env:                  "",
		"A=" + enc + "\nb\n" + own:               "",
		"A=" + enc + "\nsops_password=x\n" + own: "",
		"# token=x\nA=" + enc + "\n" + own:       "",
		"A=" + enc + "\nsops_mac=ENC[AES256_GCM,data:\nsops_version=3\nsops_age__list_0__map_enc=x\n": "",
		"a = x\n" + ini + for1:                                   "",
		"[a]\nb\n" + ini + for1:                                  "",
		"[a]\nb = " + enc + "\n" + ini:                           "",
		"[a]\nb = " + enc + "\n" + ini + for1 + "password = x\n": "",
	} {
		value := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"}, "data": map[string]any{"f": text}}
		object, err := Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		object, err = Decode(object.JSON)
		if err != nil {
			t.Fatal(err)
		}
		got := TextAt(object.Value, "data", "f")
		if want == "" {
			want = text
		}
		if got != want || object.Hides(Path{"data", "f"}) != (want == "{}") {
			t.Errorf("%q: got %q, unknown %v", text, got, object.Unknown)
		}
	}
	// What rules leave in plain a Secret may hold, unless it may be a credential.
	for line, sealed := range map[string]bool{
		"a: x": true, "db_password: x": false, "apiKey: x": false, "dbPass: x": false, "automountServiceAccountToken: false": true,
		"existingSecret: x": true, "tokens: {a: x}": false, "secretRef: {name: x}": true, "password: 1": false,
		"# password: x": false, "# password: ask the platform team": true, "# token: <from the vault>": true,
		"# public key: age1" + strings.Repeat("q", 58): true, "# key: hunter2": false, "# -----BEGIN PRIVATE KEY-----": false,
	} {
		text := line + "\nb: '" + enc + "'\n" + sops + ", encrypted_regex: ^b$}\n"
		file, ok := sealedFileOf(text)
		if !ok {
			t.Fatal(text)
		}
		if rest, ok := file.rest("Secret", true); ok != sealed || ok && rest != "e30=" {
			t.Errorf("%s: got %q, %t", line, rest, ok)
		}
	}
}

func TestHides(t *testing.T) {
	object := &Object{Unknown: []Path{{"spec", "rules", 1}}}
	for path, hides := range map[string]bool{"spec": false, "spec.rules": false, "spec.rules[0]": false, "spec.rules[1]": true, "spec.rules[1].host": true, "": false} {
		parsed, err := ParsePath(path)
		if err != nil || object.Hides(parsed) != hides {
			t.Errorf("%q: %t, %v", path, !hides, err)
		}
	}
}
