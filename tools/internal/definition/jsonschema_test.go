package definition_test

import (
	"encoding/json"
	"errors"
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
	for in, want := range map[string]string{
		`{"properties": {"a": {"type": ["string", "object"]}}}`:                                                            "properties.a.type: a definition takes one type",
		`{"properties": {"a": {"patternProperties": {"x": {}}}}}`:                                                          "properties.a.patternProperties: a definition has no patternProperties",
		`{"properties": {"a": {"items": [{"type": "string"}]}}}`:                                                           "properties.a.items: a definition takes one schema",
		`{"properties": {"a": {"$ref": "_definitions.json#/x"}}}`:                                                          "properties.a[\"$ref\"]: _definitions.json#/x is in another file",
		`{"properties": {"a": {"$ref": "#/definitions/x"}}}`:                                                               "properties.a[\"$ref\"]: #/definitions/x leads to nothing",
		`{"properties": {"a": {"$ref": "#/definitions/x"}}, "definitions": {"x": {"items": {"$ref": "#/definitions/x"}}}}`: "properties.a.items[\"$ref\"]: #/definitions/x leads back to itself",
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
