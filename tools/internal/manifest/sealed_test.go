package manifest

import (
	"encoding/base64"
	"reflect"
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
			secret("data: {a: " + base64.StdEncoding.EncodeToString([]byte(enc)) + ", sops_mac: " + base64.StdEncoding.EncodeToString([]byte(enc)) + ", sops_version: My45, sops_age__list_0__map_enc: eA==}\n"),
			`{"apiVersion":"v1","data":{"a":"e30="},"kind":"Secret","metadata":{"name":"a"}}`,
		},
		"an encrypted file in a Secret": {
			secret("data: {a.yaml: " + base64.StdEncoding.EncodeToString([]byte("b: "+enc+"\n"+sops)) + ", b: cGxhaW4=}\n"),
			`{"apiVersion":"v1","data":{"a.yaml":"e30=","b":"cGxhaW4="},"kind":"Secret","metadata":{"name":"a"}}`,
		},
		"encrypted files in a ConfigMap": {
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a.json: '{\"data\":\"" + enc + "\",\"sops\":{\"age\":[{}],\"mac\":\"" + enc + "\"}}'\n" +
				"  b.ini: |\n    [sops]\n    age__list_0__map_enc = x\n    mac = " + enc + "\n  c.env: |\n    A=" + enc + "\n    sops_mac=" + enc + "\n    sops_version=3.9.0\n  d: sops\n",
			`{"apiVersion":"v1","data":{"a.json":"{}","b.ini":"{}","c.env":"{}","d":"sops"},"kind":"ConfigMap","metadata":{"name":"a"}}`,
		},
		"for nobody":                {secret("data: {a: '" + enc + "'}\nsops: {mac: '" + enc + "', age: []}\n"), ""},
		"without a mac":             {secret("data: {a: '" + enc + "'}\nsops: {age: [{recipient: a}]}\n"), ""},
		"a vector that is none":     {secret("stringData: {a: 'ENC[AES256_GCM,data:aHVudGVyMg==,iv:A,tag:A,type:str]'}\n" + sops), `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"stringData":{"a":"ENC[AES256_GCM,data:aHVudGVyMg==,iv:A,tag:A,type:str]"}}`},
		"a name that is encrypted":  {"apiVersion: v1\nkind: Secret\nmetadata: {name: '" + enc + "'}\ndata: {}\n" + sops, `{"apiVersion":"v1","data":{},"kind":"Secret","metadata":{"name":"` + enc + `"}}`},
		"data that is none":         {secret("data: '" + enc + "'\n" + sops), `{"apiVersion":"v1","data":"` + enc + `","kind":"Secret","metadata":{"name":"a"}}`},
		"an object without a block": {secret("data: {a: '" + enc + "'}\n"), ""},
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

func TestHides(t *testing.T) {
	object := &Object{Unknown: []Path{{"spec", "rules", 1}}}
	for path, hides := range map[string]bool{"spec": false, "spec.rules": false, "spec.rules[0]": false, "spec.rules[1]": true, "spec.rules[1].host": true, "": false} {
		parsed, err := ParsePath(path)
		if err != nil || object.Hides(parsed) != hides {
			t.Errorf("%q: %t, %v", path, !hides, err)
		}
	}
}
