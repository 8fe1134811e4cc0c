package definition_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/definition"
)

// openapi2jsonschema's ways are turned back into a structural schema; what the schema leaves open stays open.
func TestJSONSchema(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"a closed object closes the outermost one", `{"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}, "additionalProperties": false}}}`,
			`{"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}`},
		{"without a closed object all is open", `{"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}`,
			`{"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"size": {"type": "integer"}}}}}`},
		{"int or string", `{"type": "object", "additionalProperties": false, "properties": {"port": {"oneOf": [{"type": "string"}, {"type": "integer"}]}, "other": {"type": ["integer", "string"]}}}`,
			`{"type": "object", "properties": {"port": {"x-kubernetes-int-or-string": true}, "other": {"x-kubernetes-int-or-string": true}}}`},
		{"null", `{"type": "object", "additionalProperties": false, "properties": {"a": {"type": ["string", "null"]}}}`,
			`{"type": "object", "properties": {"a": {"type": "string", "nullable": true}}}`},
		{"a map", `{"type": "object", "additionalProperties": false, "properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}}}`,
			`{"type": "object", "properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}}}`},
		{"a reference within the file", `{"type": "object", "additionalProperties": false, "properties": {"a": {"$ref": "#/definitions/a~1b"}}, "definitions": {"a/b": {"type": "string", "const": "x"}}}`,
			`{"type": "object", "properties": {"a": {"type": "string", "enum": ["x"]}}}`},
		{"numbers of later drafts", `{"type": "object", "additionalProperties": false, "properties": {"a": {"type": "integer", "exclusiveMinimum": 3}}}`,
			`{"type": "object", "properties": {"a": {"type": "integer", "minimum": 3, "exclusiveMinimum": true}}}`},
		{"a branch only limits", `{"type": "object", "additionalProperties": false, "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "oneOf": [{"required": ["a"], "properties": {"a": {"minLength": 1}}, "additionalProperties": false}, {"required": ["b"]}]}`,
			`{"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "oneOf": [{"required": ["a"], "properties": {"a": {"minLength": 1}}}, {"required": ["b"]}]}`},
		{"a branch of a type of its own leaves the field open", `{"type": "object", "additionalProperties": false, "properties": {"a": {"oneOf": [{"type": "string"}, {"type": "boolean"}]}, "b": {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"c": {"type": "string"}}}]}, "c": {"not": {"type": "string"}}, "d": {"description": "x", "allOf": [{"not": {"items": {"type": "string"}}}]}}}`,
			`{"type": "object", "properties": {"a": {"x-kubernetes-preserve-unknown-fields": true}, "b": {"x-kubernetes-preserve-unknown-fields": true}, "c": {"x-kubernetes-preserve-unknown-fields": true}, "d": {"description": "x", "x-kubernetes-preserve-unknown-fields": true}}}`},
		{"a branch of another type leaves the type", `{"type": "object", "additionalProperties": false, "properties": {"a": {"type": "number", "oneOf": [{"type": "string"}, {"type": "integer"}, {"minimum": 3}]}, "b": {"type": "object", "additionalProperties": false, "properties": {"c": {"type": "string"}}, "anyOf": [{"properties": {"c": {"type": "string", "enum": ["x"]}}}], "not": {"properties": {"c": {"type": "number"}}}}}}`,
			`{"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "object", "properties": {"c": {"type": "string"}}, "anyOf": [{"properties": {"c": {"enum": ["x"]}}}]}}}`},
		{"a branch of the same type limits", `{"type": "object", "additionalProperties": false, "properties": {"a": {"type": "string", "oneOf": [{"type": "string", "minLength": 3}, {"enum": ["x"]}], "not": {"type": "string", "pattern": "y"}}, "b": {"type": ["string", "null"], "anyOf": [{"type": ["string", "null"], "maxLength": 3}]}}}`,
			`{"type": "object", "properties": {"a": {"type": "string", "oneOf": [{"minLength": 3}, {"enum": ["x"]}], "not": {"pattern": "y"}}, "b": {"type": "string", "nullable": true, "anyOf": [{"maxLength": 3}]}}}`},
		{"null in a branch is nullable", `{"type": "object", "additionalProperties": false, "properties": {"a": {"oneOf": [{"type": ["string", "null"]}, {"type": ["number", "null"]}]}, "b": {"anyOf": [{"type": "null"}, {"enum": ["x"]}]}, "c": {"type": "string", "anyOf": [{"type": "null"}, {"minLength": 1}]}, "d": {"not": {"type": "null"}}, "e": {"type": ["string", "null"], "anyOf": [{"type": "string"}]}}}`,
			`{"type": "object", "properties": {"a": {"x-kubernetes-preserve-unknown-fields": true, "nullable": true}, "b": {"x-kubernetes-preserve-unknown-fields": true, "nullable": true, "anyOf": [{"enum": ["x"]}]}, "c": {"type": "string", "anyOf": [{"minLength": 1}]}, "d": {"x-kubernetes-preserve-unknown-fields": true}, "e": {"type": "string", "nullable": true}}}`},
		{"a branch that closes a map leaves the field open", `{"type": "object", "additionalProperties": false, "properties": {"a": {"type": "object", "oneOf": [{"additionalProperties": {"type": "string"}}, {"required": ["x"]}]}}}`,
			`{"type": "object", "properties": {"a": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}`},
		{"a closed object beside an open one closes nothing else", `{"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": false}}}}}`,
			`{"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}}}}}`},
		{"an object that says that it is open, one in a list, and one without properties", `{"type": "object", "properties": {"spec": {"type": "object", "additionalProperties": false, "properties": {"a": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"b": {"type": "string"}}}, "c": {"type": "object"}}, "oneOf": [{"properties": {"c": {"maxProperties": 1}}}]}}}`,
			`{"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"b": {"type": "string"}}}, "c": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}, "oneOf": [{"properties": {"c": {"maxProperties": 1}}}]}}}`},
		{"a property called properties", `{"type": "object", "properties": {"spec": {"type": "object", "additionalProperties": false, "properties": {"properties": {"type": "string"}, "additionalProperties": false}}}}`,
			`{"type": "object", "properties": {"spec": {"type": "object", "properties": {"properties": {"type": "string"}}}}}`},
		{"metadata is the server's", `{"type": "object", "additionalProperties": false, "properties": {"apiVersion": {"type": "string", "enum": ["acme.dev/v1"]}, "kind": {"const": "Widget"}, "metadata": {"type": "object", "properties": {}, "additionalProperties": false}}}`,
			`{"type": "object", "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, ok := definition.AsJSONSchema(decoded(t, c.in))
			if !ok {
				t.Fatal("no JSON schema")
			}
			crd, err := s.Definition(schema.GroupVersionKind{Group: "acme.dev", Version: "v1", Kind: "Widget"}, "Namespaced")
			if err != nil {
				t.Fatal(err)
			}
			version := crd["spec"].(map[string]any)["versions"].([]any)[0].(map[string]any)
			got := version["schema"].(map[string]any)["openAPIV3Schema"]
			if want := decoded(t, c.want); !reflect.DeepEqual(got, want) {
				t.Errorf("got %v\nwant %v", got, want)
			}
		})
	}
}

// What a definition cannot say is refused with its place, never left out.
func TestJSONSchemaRefused(t *testing.T) {
	// Twenty definitions in a row, each with two references to the next: a million schemas.
	twice := `{"properties": {"a": {"$ref": "#/definitions/0"}}, "definitions": {`
	for i := range 20 {
		twice += fmt.Sprintf(`"%d": {"properties": {"a": {"$ref": "#/definitions/%d"}, "b": {"$ref": "#/definitions/%[2]d"}}}, `, i, i+1)
	}
	twice += `"20": {"type": "string"}}}`
	for in, want := range map[string]string{
		twice: "properties.a.properties.a.properties.",
		`{"properties": {"a": {"type": ["string", "object"]}}}`:                                                            "properties.a.type: a definition takes one type",
		`{"properties": {"a": {"patternProperties": {"x": {}}}}}`:                                                          "properties.a.patternProperties: a definition has no patternProperties",
		`{"properties": {"a": {"items": [{"type": "string"}]}}}`:                                                           "properties.a.items: a definition takes one schema",
		`{"properties": {"a": {"$ref": "_definitions.json#/x"}}}`:                                                          "properties.a[\"$ref\"]: _definitions.json#/x is in another file",
		`{"properties": {"a": {"$ref": "#/definitions/x"}}}`:                                                               "properties.a[\"$ref\"]: #/definitions/x leads to nothing",
		`{"properties": {"a": {"$ref": "#/definitions/x"}}, "definitions": {"x": {"items": {"$ref": "#/definitions/x"}}}}`: "properties.a.items[\"$ref\"]: #/definitions/x leads back to itself",
		`{"properties": {"a": {"type": "null"}}}`:                                                                          "properties.a.type: a definition takes one type",
		`{"properties": {"a": true}}`:                                                                                      "properties.a: a property of a definition has a schema",
	} {
		s, _ := definition.AsJSONSchema(decoded(t, in))
		_, err := s.Definition(schema.GroupVersionKind{Group: "acme.dev", Version: "v1", Kind: "Widget"}, "Cluster")
		fault := (*definition.SchemaFault)(nil)
		if !errors.As(err, &fault) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}
