package manifest

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/equality"
)

func TestSealed(t *testing.T) {
	const enc = "ENC[AES256_GCM,data:c29tZXRoaW5n,iv:YWFhYQ==,tag:YmJi,type:"
	const sops = "sops: {mac: '" + enc + "str]', version: 3.9.0, age: [{recipient: a, enc: b}]}\n"
	for name, c := range map[string]struct{ text, want string }{
		"a Secret": {
			"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: '" + enc + "str]', b: cGxhaW4=}\nstringData: {c: '" + enc + "str]'}\n" + sops,
			`{"apiVersion":"v1","data":{"a":"e30=","b":"cGxhaW4="},"kind":"Secret","metadata":{"name":"a"},"stringData":{"c":"{}"}}`,
		},
		"values of every type": {
			"apiVersion: example.com/v1\nkind: Shop\nmetadata: {name: a}\ndata: {a: '" + enc + "str]'}\n" +
				"spec: [{i: '" + enc + "int]', f: '" + enc + "float]'}, '" + enc + "bool]', 'text " + enc + "str]']\n" + sops,
			`{"apiVersion":"example.com/v1","data":{"a":"1"},"kind":"Shop","metadata":{"name":"a"},"spec":[{"f":0,"i":0},true,"text ` + enc + `str]"]}`,
		},
		"not by SOPS": {
			"apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: {a: '" + enc + "str]'}\nsops: {version: 3.9.0}\n",
			`{"apiVersion":"v1","data":{"a":"` + enc + `str]"},"kind":"Secret","metadata":{"name":"a"},"sops":{"version":"3.9.0"}}`,
		},
	} {
		documents, err := ParseDocuments("a.yaml", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		written, err := documents[0].JSON()
		if err != nil {
			t.Fatal(err)
		}
		objects, err := documents[0].Objects()
		if err != nil || len(objects) != 1 || string(objects[0].JSON) != c.want || string(objects[0].Written()) != string(written) {
			t.Errorf("%s: got %s, %v\nwant %s", name, objects[0].JSON, err, c.want)
		}
		if path := (Path{"data", "a"}); objects[0].IsSealed(path) == (name == "not by SOPS") || objects[0].IsSealed(Path{"data"}) {
			t.Errorf("%s: %s is sealed: %t", name, path, objects[0].IsSealed(path))
		}
		decoded, err := Decode(written)
		if err != nil || !equality.Semantic.DeepEqual(decoded.Value, objects[0].Value) {
			t.Errorf("%s, decoded: got %s, %v", name, decoded.JSON, err)
		}
	}
}
