package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/archive"
)

const testDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.g.example, annotations: {a: b, api-approved.kubernetes.io: "https://x"}, labels: {a: b}}
spec:
  group: g.example
  scope: Namespaced
  names: {kind: Thing, plural: things, categories: [all], shortNames: [t]}
  conversion: {strategy: Webhook, webhook: {}}
  versions:
  - name: v1
    served: true
    storage: true
    deprecated: true
    additionalPrinterColumns: [{name: a, type: string, jsonPath: .a}]
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        description: gone
        properties:
          description: {type: string, description: gone, title: gone, default: stays}
          list:
            type: array
            x-kubernetes-list-type: set
            items: {type: string, description: gone, format: date-time, nullable: true}
          map:
            type: object
            default: {description: stays}
            example: {a: gone}
            additionalProperties: {description: gone, type: string}
            oneOf: [{required: [a], description: gone}, {not: {required: [b], description: gone}}]
            x-kubernetes-validations: [{rule: "true", message: stays}]
  - {name: v0, served: false, storage: false, schema: {openAPIV3Schema: {type: object}}}
`

func from(source string, crds ...object) []sourced {
	var all []sourced
	for _, crd := range crds {
		all = append(all, sourced{crd, source})
	}
	return all
}

func TestPackDefinitions(t *testing.T) {
	first, err := parseDefinitions([]byte(testDefinition + "---\n---" + strings.NewReplacer("Thing", "Any", "thing", "any").Replace(testDefinition)))
	if err != nil {
		t.Fatal(err)
	}
	files, err := packDefinitions(from("m@v1.0.0", first...), []record{{Module: "m", Version: "v1.0.0"}})
	if err != nil {
		t.Fatal(err)
	}
	const content = `{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"annotations":{"api-approved.kubernetes.io":"https://x"},"name":"things.g.example"},` +
		`"spec":{"group":"g.example","names":{"kind":"Thing","plural":"things"},"scope":"Namespaced","versions":[` +
		`{"deprecated":true,"name":"v1","schema":{"openAPIV3Schema":{"properties":{"description":{"default":"stays","type":"string"},` +
		`"list":{"items":{"format":"date-time","nullable":true,"type":"string"},"type":"array","x-kubernetes-list-type":"set"},` +
		`"map":{"additionalProperties":{"type":"string"},"default":{"description":"stays"},"oneOf":[{"required":["a"]},{"not":{"required":["b"]}}],"type":"object","x-kubernetes-validations":[{"message":"stays","rule":"true"}]}},"type":"object"}},` +
		`"served":true,"storage":true,"subresources":{"status":{}}}]}}`
	lines := strings.Split(strings.TrimSpace(string(files["kinds.txt"])), "\n")
	definitions, err := archive.Open(string(files["definitions.bin"]))
	if err != nil || definitions.Len() != 2 {
		t.Fatalf("definitions.bin: %v, %v", definitions, err)
	}
	for i, want := range []struct{ line, content string }{
		{"g.example Any anys Namespaced v1! m@v1.0.0 ", strings.NewReplacer("Thing", "Any", "thing", "any").Replace(content)},
		{"g.example Thing things Namespaced v1! m@v1.0.0 ", content},
	} {
		if i >= len(lines) || lines[i] != want.line+archive.KeyOf(want.content).String() {
			t.Fatalf("index:\n%s", files["kinds.txt"])
		}
		if got, err := definitions.Read(archive.KeyOf(want.content)); err != nil || string(got) != want.content {
			t.Errorf("got  %s, %v\nwant %s", got, err, want.content)
		}
	}
	again, err := packDefinitions(from("m@v1.0.0", first[1], first[0]), []record{{Module: "m", Version: "v1.0.0"}})
	if err != nil {
		t.Fatal(err)
	}
	for name := range files {
		if !bytes.Equal(files[name], again[name]) {
			t.Errorf("%s depends on the order of the files that are read", name)
		}
	}
}

// TestPackReleases shows what becomes of several releases, and of versions that are deprecated or not served.
func TestPackReleases(t *testing.T) {
	read := func(from, to string) object {
		all, err := parseDefinitions([]byte(strings.Replace(testDefinition, from, to, 1)))
		if err != nil {
			t.Fatal(err)
		}
		return all[0]
	}
	old := strings.NewReplacer("served: true", "served: false", "served: false", "served: true, deprecated: true, deprecationWarning: it goes").Replace(testDefinition)
	whole, err := parseDefinitions([]byte(old + "---\nkind: Deployment\n"))
	if err != nil || len(whole) != 1 {
		t.Fatalf("%d definitions, %v", len(whole), err)
	}
	files, err := packDefinitions([]sourced{{read("", ""), "m@v2.0.0/a"}, {whole[0], "m@v1.0.0"}, {read("served: true", "served: false"), "n@v1.0.0"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(files["kinds.txt"])), "\n")
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "g.example Thing things Namespaced v1! m@v2.0.0/a ") || !strings.HasPrefix(lines[1], "g.example Thing things Namespaced v0! m@v1.0.0 ") {
		t.Fatalf("index:\n%s", files["kinds.txt"])
	}
	texts, err := archive.Open(string(files["definitions.bin"]))
	if err != nil {
		t.Fatal(err)
	}
	key, err := archive.ParseKey(strings.Fields(lines[1])[6])
	if err != nil {
		t.Fatal(err)
	}
	text, err := texts.Read(key)
	if err != nil || strings.Contains(string(text), `"v1"`) || !strings.Contains(string(text), `"deprecationWarning":"it goes"`) || !strings.Contains(string(text), `"storage":true`) {
		t.Errorf("%v: %s", err, text)
	}
	if _, err := packDefinitions([]sourced{{read("", ""), "m@v1.0.0"}, {read("", ""), "n@v1.0.0"}}, nil); err == nil {
		t.Error("a kind of two modules was taken")
	}
}

func TestPackDefinitionsRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"two of a kind":          testDefinition + "---" + testDefinition,
		"an old apiVersion":      strings.Replace(testDefinition, "apiextensions.k8s.io/v1", "apiextensions.k8s.io/v1beta1", 1),
		"no plural":              strings.Replace(testDefinition, "plural: things", "plural: ''", 1),
		"no scope":               strings.Replace(testDefinition, "scope: Namespaced", "scope: ''", 1),
		"unknown fields kept":    strings.Replace(testDefinition, "scope: Namespaced", "scope: Namespaced\n  preserveUnknownFields: true", 1),
		"a field that is text":   strings.Replace(testDefinition, "description: {type: string, description: gone, title: gone, default: stays}", "description: gone", 1),
		"a version without name": strings.Replace(testDefinition, "name: v1", "name: ''", 1),
	} {
		crds, err := parseDefinitions([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := packDefinitions(from("m@v1.0.0", crds...), nil); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	crds, err := parseDefinitions([]byte(testDefinition))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := packDefinitions(from("", crds...), nil); err == nil {
		t.Error("a definition without a source was taken")
	}
}
