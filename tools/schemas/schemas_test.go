package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/kgate-dev/gitops/tools/internal/archive"
)

// parse reads a schema that a test writes as JSON.
func parse(t *testing.T, text string) object {
	t.Helper()
	var schema object
	if err := json.Unmarshal([]byte(text), &schema); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return schema
}

func TestCustom(t *testing.T) {
	for _, test := range []struct{ name, raw, want string }{
		{"fixed fields",
			`{"type": "object", "description": "d", "properties": {"a": {"type": "string", "description": "d"}}}`,
			`{"type": "object", "additionalProperties": false, "properties": {"a": {"type": ["string", "null"]}}}`},
		{"a field called description",
			`{"type": "object", "properties": {"description": {"type": "string"}}}`,
			`{"type": "object", "additionalProperties": false, "properties": {"description": {"type": ["string", "null"]}}}`},
		{"no fields at all", `{"type": "object"}`, `{"type": "object", "additionalProperties": false}`},
		{"preserved fields",
			`{"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"a": {"type": "object", "properties": {"b": {"type": "integer"}}}}}`,
			`{"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"a": {"type": ["object", "null"], "additionalProperties": false, "properties": {"b": {"type": ["integer", "null"]}}}}}`},
		{"anything", `{"x-kubernetes-preserve-unknown-fields": true}`, `{"x-kubernetes-preserve-unknown-fields": true}`},
		{"a map", `{"type": "object", "additionalProperties": {"type": "string"}}`, `{"type": "object", "additionalProperties": {"type": ["string", "null"]}}`},
		{"a map of anything", `{"type": "object", "additionalProperties": true}`, `{"type": "object"}`},
		{"a list", `{"type": "array", "items": {"type": "string"}}`, `{"type": "array", "items": {"type": "string"}}`},
		{"a list that takes null", `{"type": "array", "items": {"type": "string", "nullable": true}}`, `{"type": "array", "items": {"type": ["string", "null"]}}`},
		{"required",
			`{"type": "object", "required": ["a", "b", "c"], "properties": {"a": {"type": "string"}, "b": {"type": "string", "default": ""}, "c": {"type": "string", "nullable": true}}}`,
			`{"type": "object", "additionalProperties": false, "required": ["a", "c"], "properties": {"a": {"type": "string"}, "b": {"type": ["string", "null"]}, "c": {"type": ["string", "null"]}}}`},
		{"an enum that takes null",
			`{"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}}}`,
			`{"type": "object", "additionalProperties": false, "properties": {"a": {"type": ["string", "null"], "enum": ["x", null]}}}`},
		{"int-or-string",
			`{"anyOf": [{"type": "integer"}, {"type": "string"}], "pattern": "^a$", "x-kubernetes-int-or-string": true}`,
			`{"type": ["integer", "string"], "pattern": "^a$", "x-kubernetes-int-or-string": true}`},
		{"alternatives stay as they are",
			`{"type": "object", "oneOf": [{"required": ["a"], "description": "d"}, {"properties": {"b": {"enum": ["x"]}}}], "properties": {"a": {"type": "string"}, "b": {"type": "string"}}}`,
			`{"type": "object", "oneOf": [{"required": ["a"]}, {"properties": {"b": {"enum": ["x"]}}}], "additionalProperties": false, "properties": {"a": {"type": ["string", "null"]}, "b": {"type": ["string", "null"]}}}`},
		{"null beside alternatives",
			`{"type": "object", "properties": {"a": {"type": "object", "not": {"required": ["b"]}, "additionalProperties": true}}}`,
			`{"type": "object", "additionalProperties": false, "properties": {"a": {"anyOf": [{"type": "null"}, {"type": "object", "not": {"required": ["b"]}}]}}}`},
		{"formats",
			`{"type": "array", "items": {"type": "integer", "format": "int32", "minimum": 0}}`,
			`{"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 2147483647}}`},
		{"an embedded resource",
			`{"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}`,
			`{"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true, "required": ["apiVersion", "kind"], "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"$ref": "` + objectMeta + `"}}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := custom(parse(t, test.raw))
			if err != nil {
				t.Fatal(err)
			}
			if want := canonical(parse(t, test.want)); !bytes.Equal(canonical(got), want) {
				t.Errorf("got  %s\nwant %s", canonical(got), want)
			}
		})
	}
	for name, raw := range map[string]string{
		"an unknown format":  `{"type": "string", "format": "ipv4"}`,
		"an unknown keyword": `{"type": "string", "const": "a"}`,
	} {
		if got, err := custom(parse(t, raw)); err == nil {
			t.Errorf("%s was taken: %s", name, canonical(got))
		}
	}
}

const testSwagger = `{
  "paths": {
    "/apis/g/v1/things": {"parameters": [], "post": {"x-kubernetes-group-version-kind": {"group": "g", "version": "v1", "kind": "Thing"}}},
    "/apis/g/v1/things/{name}/sub": {"post": {"x-kubernetes-group-version-kind": {"group": "g", "version": "v1", "kind": "Sub"}}}
  },
  "definitions": {
    "Thing": {"type": "object", "required": ["spec"], "x-kubernetes-group-version-kind": [{"group": "g", "version": "v1", "kind": "Thing"}],
      "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "spec": {"$ref": "#/definitions/Spec"}, "status": {"$ref": "#/definitions/Status"}}},
    "ThingList": {"type": "object", "required": ["items"], "x-kubernetes-group-version-kind": [{"group": "g", "version": "v1", "kind": "ThingList"}],
      "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "items": {"type": "array", "items": {"$ref": "#/definitions/Thing"}}}},
    "Sub": {"type": "object", "x-kubernetes-group-version-kind": [{"group": "g", "version": "v1", "kind": "Sub"}], "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}},
    "Spec": {"type": "object", "description": "d", "properties": {"next": {"$ref": "#/definitions/Spec"}, "items": {"type": "array", "items": {"$ref": "#/definitions/Spec"}}, "data": {"type": "string", "format": "byte"}}},
    "Status": {"type": "object", "required": ["phase"], "properties": {"phase": {"type": "string"}}}
  }
}`

func TestBuiltin(t *testing.T) {
	definitions, kinds, err := builtin([]byte(testSwagger))
	if err != nil {
		t.Fatal(err)
	}
	want := map[gvk]string{{"g/v1", "Thing"}: "root g/v1 Thing", {"g/v1", "ThingList"}: "root g/v1 ThingList"}
	if !reflect.DeepEqual(kinds, want) {
		t.Errorf("kinds %v, want %v", kinds, want)
	}
	for name, want := range map[string]string{
		"root g/v1 Thing": `{"type": "object", "additionalProperties": false, "required": ["apiVersion", "kind", "spec"], "properties": {"apiVersion": {"enum": ["g/v1"]}, "kind": {"enum": ["Thing"]}, "spec": {"allOf": [{"$ref": "Spec"}], "type": "object"}, "status": {"$ref": "Status"}}}`,
		"Status":          `{"type": ["object", "null"], "additionalProperties": false, "properties": {"phase": {"type": "string"}}}`,
		"Spec":            `{"type": ["object", "null"], "additionalProperties": false, "properties": {"next": {"$ref": "Spec"}, "items": {"type": ["array", "null"], "items": {"$ref": "Spec"}}, "data": {"type": ["string", "null"], "pattern": ` + string(canonical(base64Pattern)) + `}}}`,
	} {
		if got, want := canonical(definitions[name]), canonical(parse(t, want)); !bytes.Equal(got, want) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
	for name, text := range map[string]string{
		"a reference to nothing": strings.Replace(testSwagger, `"$ref": "#/definitions/Status"`, `"$ref": "#/definitions/None"`, 1),
		"an unknown type":        strings.Replace(testSwagger, `"phase": {"type": "string"}`, `"phase": {"type": "text"}`, 1),
		"an unknown format":      strings.Replace(testSwagger, `"format": "byte"`, `"format": "bytes"`, 1),
		"an unknown definition":  strings.Replace(testSwagger, `"Spec": {"type": "object"`, `"Spec": {"type": "string"`, 1),
	} {
		if _, _, err := builtin([]byte(text)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// Two versions with the same schema share it, also where definitions refer to
// themselves; one that differs has its own; nothing else is stored.
func TestPack(t *testing.T) {
	makeReleases := func() []release {
		var releases []release
		for i, minor := range []string{"1.9", "1.10", "1.11"} {
			text := testSwagger
			if i == 2 {
				text = strings.Replace(text, `"format": "byte"`, `"x-kubernetes-a": 1`, 1)
			}
			definitions, kinds, err := builtin([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			releases = append(releases, release{minor, definitions, kinds})
		}
		return releases
	}
	files, err := pack(makeReleases(), nil)
	if err != nil {
		t.Fatal(err)
	}
	kinds := strings.Split(strings.TrimSpace(string(files["kinds.txt"])), "\n")
	if len(kinds) != 5 || kinds[0] != "versions 1.9 1.10 1.11" || !strings.HasPrefix(kinds[1], "g/v1 Thing 1.9 1.10 ") || !strings.HasPrefix(kinds[2], "g/v1 Thing 1.11 1.11 ") {
		t.Errorf("kinds.txt:\n%s", files["kinds.txt"])
	}
	definitions, err := archive.Open(string(files["definitions.bin"]))
	if err != nil {
		t.Fatal(err)
	}
	// Twice two roots, Thing, Spec; one Status.
	if n := definitions.Len(); n != 9 {
		t.Errorf("%d definitions", n)
	}
	again, err := pack(makeReleases(), nil)
	if err != nil || !reflect.DeepEqual(files, again) {
		t.Errorf("not the same twice: %v", err)
	}

	broken := makeReleases()
	broken[0].definitions["Spec"] = object{"$ref": "None"}
	if _, err := pack(broken, nil); err == nil {
		t.Error("a reference to nothing was taken")
	}
}

func TestShare(t *testing.T) {
	long := func() object {
		return object{"type": "object", "properties": object{"a": object{"type": "string", "pattern": strings.Repeat("x", shareFrom)}}}
	}
	definitions := map[string]object{
		"one": {"properties": object{"a": long(), "b": object{"items": long()}}},
		"two": {"properties": object{"c": object{"type": "string"}}},
	}
	share(definitions)
	if len(definitions) != 3 {
		t.Fatalf("%d definitions: what stands inside a shared schema only must not be shared too", len(definitions))
	}
	a := definitions["one"]["properties"].(object)["a"].(object)
	b := definitions["one"]["properties"].(object)["b"].(object)["items"].(object)
	name, _ := a["$ref"].(string)
	if name == "" || b["$ref"] != name || !reflect.DeepEqual(definitions[name], long()) {
		t.Errorf("got %v", definitions)
	}
}

// A module that is not the one whose sum is recorded is refused.
func TestRead(t *testing.T) {
	s := source{Module: "example.com/m", Version: "v1.0.0", Files: []string{"a/*.yaml", "!a/x.yaml"}}
	name := filepath.Join(t.TempDir(), "m.zip")
	write := func(content string) string {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, file := range []string{"a/b.yaml", "a/c.txt", "a/x.yaml", "d.yaml"} {
			entry, err := w.Create("example.com/m@v1.0.0/" + file)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := entry.Write([]byte(content)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		sum, err := dirhash.HashZip(name, dirhash.Hash1)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	s.Sum = write("good")
	files, r, err := read(s, name)
	if err != nil || len(files) != 1 || files[0].Path != "a/b.yaml" || string(files[0].Content) != "good" || r.Sum != s.Sum || len(r.Files) != 1 {
		t.Errorf("got %v, %v, %v", files, r, err)
	}
	none := s
	none.Files = []string{"a/*.yaml", "none/*.yaml"}
	if _, _, err := read(none, name); err == nil {
		t.Error("a pattern that matches nothing was taken")
	}
	write("changed")
	if _, _, err := read(s, name); err == nil || !strings.Contains(err.Error(), "the module has sum") {
		t.Errorf("a changed module was taken: %v", err)
	}
}

func TestSources(t *testing.T) {
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range append([]string{kubernetes}, schemaModules...) {
		if !slices.ContainsFunc(all, func(s source) bool { return s.Module == module }) {
			t.Errorf("%s is missing", module)
		}
	}
	got, err := sourcesOf("x", "# why\n\na.example/m v1.0.0/first h1:x Apache-2.0 a !b\na.example/m v1.0.0/second h1:x MIT c\n")
	if err != nil || len(got) != 2 || got[0].release() != "a.example/m@v1.0.0/first" || got[1].key() != "a.example/m@v1.0.0" || len(got[0].Files) != 2 {
		t.Errorf("got %v, %v", got, err)
	}
	for text, want := range map[string]string{
		"a v1.0.0 h1:x Apache-2.0":                         "x:1: the line is not",
		"a v1.0.0 h2:x Apache-2.0 b":                       "x:1: the line is not",
		"a 1.0.0 h1:x Apache-2.0 b":                        "is no version",
		"a v1.0.0 h1:x AGPL-3.0 b":                         "is under AGPL-3.0",
		"a v1.0.0 h1:x MIT b\na v1.0.0 h1:x MIT b":         "x:2: a@v1.0.0 is there twice",
		"a v1.0.0/one h1:x MIT b\na v1.0.0/two h1:y MIT b": "another sum",
	} {
		if _, err := sourcesOf("x", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestCompare(t *testing.T) {
	files := map[string][]byte{"a": []byte("1"), "b": []byte("2")}
	for name, damage := range map[string]func(dir string) error{
		"":        func(string) error { return nil },
		"changed": func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("3"), 0o600) },
		"missing": func(dir string) error { return os.Remove(filepath.Join(dir, "b")) },
		"more":    func(dir string) error { return os.WriteFile(filepath.Join(dir, "c"), nil, 0o600) },
	} {
		dir := t.TempDir()
		if err := write(dir, files); err != nil {
			t.Fatal(err)
		}
		if err := damage(dir); err != nil {
			t.Fatal(err)
		}
		if err := compare(dir, files); (err == nil) != (name == "") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseCRDs(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":          "# no document\n",
		"another kind":     "kind: Deployment\n",
		"no strict schema": "kind: CustomResourceDefinition\nspec: {preserveUnknownFields: true}\n",
		"not YAML":         "kind: [\n",
	} {
		if _, err := parseCRDs([]byte(text)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
