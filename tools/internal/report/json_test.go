package report

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func reportSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	return compile(t, Schema())
}

// compile takes a JSON Schema whose formats are asserted.
func compile(t testing.TB, schema []byte) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func validate(t testing.TB, schema *jsonschema.Schema, text []byte) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("no JSON: %v\n%s", err, text)
	}
	if err := schema.Validate(document); err != nil {
		t.Errorf("against its schema: %v\n%s", err, text)
	}
}

func TestJSONSchema(t *testing.T) {
	schema := reportSchema(t)
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d golden reports, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		validate(t, schema, text)
	}
	for _, wrong := range []string{`{}`, `null`, `{"version": "v2"}`} {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(wrong))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(document) == nil {
			t.Errorf("%s is taken for a report", wrong)
		}
	}
}

// TestJSONSchemaIsComplete holds that the schema describes every key that can be written and no other, and that it
// requires those that always are.
func TestJSONSchemaIsComplete(t *testing.T) {
	describes(t, Schema(), reflect.TypeFor[jsonReport]())
}

// describes holds a schema to a type.
func describes(t *testing.T, text []byte, written reflect.Type) {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	definitions, _ := root["$defs"].(map[string]any)
	within := map[string]bool{}
	var compare func(where string, schema map[string]any, of reflect.Type)
	compare = func(where string, schema map[string]any, of reflect.Type) {
		if name, ok := schema["$ref"].(string); ok {
			if within[name] {
				return // a finding below a finding
			}
			within[name] = true
			defer delete(within, name)
			schema, _ = definitions[strings.TrimPrefix(name, "#/$defs/")].(map[string]any)
		}
		switch of.Kind() {
		case reflect.Pointer:
			compare(where, schema, of.Elem())
		case reflect.Slice:
			items, _ := schema["items"].(map[string]any)
			compare(where+"[]", items, of.Elem())
		case reflect.Struct:
			described, _ := schema["properties"].(map[string]any)
			var required []string
			for i := range of.NumField() {
				key, option, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
				property, ok := described[key].(map[string]any)
				if !ok {
					t.Errorf("%s: %s is written and not in the schema", where, key)
					continue
				}
				if option == "" {
					required = append(required, key)
				}
				compare(where+"."+key, property, of.Field(i).Type)
			}
			if len(described) != of.NumField() {
				t.Errorf("%s: the schema has the keys %v, more than are written", where, slices.Sorted(maps.Keys(described)))
			}
			var always []string
			list, _ := schema["required"].([]any)
			for _, key := range list {
				always = append(always, key.(string))
			}
			if !slices.Equal(always, required) {
				t.Errorf("%s: the schema requires %v, always written are %v", where, always, required)
			}
		default:
			if len(schema) == 0 {
				t.Errorf("%s: the schema says nothing of it", where)
			}
		}
	}
	compare("report", root, written)
}

// TestJSONKeys holds the keys that programs rely on by name: a golden file could be updated away.
func TestJSONKeys(t *testing.T) {
	var out bytes.Buffer
	if err := JSON(&out, busy(), Options{}); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	var walk func(where string, value any)
	walk = func(where string, value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, inner := range value {
				keys[strings.TrimPrefix(where+"."+key, ".")] = true
				walk(where+"."+key, inner)
			}
		case []any:
			for _, item := range value {
				walk(where, item)
			}
		}
	}
	walk("", got)
	var want []string
	list := func(where, keys string) {
		for key := range strings.FieldsSeq(keys) {
			want = append(want, where+key)
		}
	}
	place := func(where string) {
		list(where, "target object object.apiVersion object.kind object.namespace object.name path")
	}
	list("", "version kgate summary notes targets findings exemptions exempted failures omitted")
	list("notes.", "about message source source.file source.line leftOut")
	list("exemptions.", "check path reason owner expires source source.file source.line onObject findings")
	list("summary.", "targets objects errors warnings exempted failures follow")
	list("targets.", "path environment rendered objects")
	place("findings.")
	list("findings.", "check severity message fix source source.file source.line source.column source.endColumn related related.file related.line also fingerprint")
	list("findings.with", ".path .source .source.file .source.line .source.column .source.endColumn .object .object.apiVersion .object.kind .object.namespace .object.name")
	list("findings.", "with follows")
	place("findings.also.")
	place("findings.follows.")
	list("findings.follows.", "check severity message fix source source.file source.line related also with follows fingerprint")
	place("findings.follows.also.")
	list("exempted.", "finding exemption exemption.check exemption.path exemption.onObject exemption.reason exemption.owner exemption.expires exemption.source exemption.source.file exemption.source.line")
	place("exempted.finding.")
	list("exempted.finding.", "check severity message fix source source.file source.line related also with follows fingerprint")
	list("failures.", "target message source source.file source.line")
	slices.Sort(want)
	if have := slices.Sorted(maps.Keys(keys)); !slices.Equal(have, want) {
		t.Errorf("got  %q\nwant %q", have, want)
	}
}
