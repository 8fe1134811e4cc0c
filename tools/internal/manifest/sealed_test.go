package manifest

import (
	"reflect"
	"testing"
)

func TestSealed(t *testing.T) {
	const (
		iv   = "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="
		tag  = "YmJiYmJiYmJiYmJiYmJiYg=="
		enc  = "ENC[AES256_GCM,data:c29tZXRoaW5n,iv:" + iv + ",tag:" + tag + ",type:str]"
		sops = "sops: {mac: '" + enc + "', version: 3.9.0, age: [{recipient: a, enc: b}]}\n"
	)
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
		// What a rule would keep out is not taken on trust.
		"another kind":              {"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostPID: '" + enc + "'}\n" + sops, ""},
		"a kind that is encrypted":  {"apiVersion: v1\nkind: '" + enc + "'\nmetadata: {name: a}\nstringData: {a: b}\n" + sops, ""},
		"a group with Secrets":      {"apiVersion: example.com/v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: '" + enc + "'}\n" + sops, ""},
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
