package main

import (
	"strings"
	"testing"
)

const enumerated = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.g.example}
spec:
  group: g.example
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              sources: {type: array, items: {type: object, properties: {kind: {type: string, enum: [A, B]}, name: {type: string}}}}
  - {name: v0, served: false, storage: false, schema: {openAPIV3Schema: {type: object}}}
`

func TestExtend(t *testing.T) {
	const url = " https://example.com"
	for _, test := range []struct{ name, line, source, fails string }{
		{"values", "g.example Thing spec.sources[].kind C,D" + url, "m@v1.0.0", ""},
		{"a value that is there", "g.example Thing spec.sources[].kind C,B" + url, "m@v1.0.0", `"B" is one of the operator's own values`},
		{"a field without an enumeration", "g.example Thing spec.sources[].name C" + url, "m@v1.0.0", "no enumeration"},
		{"a field that is not there", "g.example Thing spec.targets[].kind C" + url, "m@v1.0.0", "no enumeration"},
		{"a kind that is not there", "g.example Other spec.sources[].kind C" + url, "m@v1.0.0", "no definition of g.example"},
		{"a kind with JSON schemas", "g.example Thing spec.sources[].kind C" + url, schemaModules[0] + "@v1.0.0", "would not be extended"},
		{"no source", "g.example Thing spec.sources[].kind C", "m@v1.0.0", "extensions.txt:1: the line is not"},
	} {
		t.Run(test.name, func(t *testing.T) {
			crds, err := parseDefinitions([]byte(enumerated))
			if err != nil {
				t.Fatal(err)
			}
			by, err := extensionsOf("extensions.txt", test.line)
			if err == nil {
				err = extend(from(test.source, crds...), by)
			}
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Fatalf("got %v, want %s", err, test.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			d, err := lean(crds[0])
			if err != nil || !strings.Contains(string(d.content), `"enum":["A","B","C","D"]`) {
				t.Errorf("%v: %s", err, d.content)
			}
		})
	}
}

func TestFilled(t *testing.T) {
	const url = " https://example.com"
	required := strings.Replace(enumerated, "        properties:\n          spec:", "        required: [spec, other]\n        properties:\n          spec:", 1)
	for _, test := range []struct{ name, line, fails string }{
		{"a field", "g.example Thing other" + url, ""},
		{"a field that is not asked for", "g.example Thing other,third" + url, "third is not asked for by now"},
		{"no source", "g.example Thing other", "filled.txt:1: the line is not"},
	} {
		t.Run(test.name, func(t *testing.T) {
			crds, err := parseDefinitions([]byte(required))
			if err != nil {
				t.Fatal(err)
			}
			by, err := filledOf("filled.txt", test.line)
			if err == nil {
				err = extend(from("m@v1.0.0", crds...), by)
			}
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Fatalf("got %v, want %s", err, test.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d, err := lean(crds[0]); err != nil || !strings.Contains(string(d.content), `"required":["spec"]`) {
				t.Errorf("%v: %s", err, d.content)
			}
		})
	}
}
