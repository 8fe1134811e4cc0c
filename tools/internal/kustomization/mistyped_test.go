package kustomization

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"

	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	k8syaml "sigs.k8s.io/yaml"
)

// wrong are values of every kind, each of a line.
var wrong = []string{`"text"`, "7", "true", "yes", "2026-11-27", "1.5", "[]", "[x]", "[[]]", "{}", "{x: y}", "{metadata: 7}"}

// eachField visits every field of a type and shows the lines that lead to it: {} stands for its value.
func eachField(typ reflect.Type, indent string, before string, depth int, visit func(text string)) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	visit(before + " {}")
	switch {
	case depth == 0:
	case typ.Kind() == reflect.Slice:
		eachField(typ.Elem(), indent+"  ", before+"\n"+indent+"-", depth-1, visit)
	case typ.Kind() == reflect.Map:
		eachField(typ.Elem(), indent+"  ", before+"\n"+indent+"key:", depth-1, visit)
	case typ.Kind() == reflect.Struct:
		for name, field := range jsonFields(typ) {
			eachField(field, indent+"  ", before+"\n"+indent+name+":", depth-1, visit)
		}
	}
}

// TestMistypedFields gives every field of a kustomization values of every type. What Kustomize cannot decode is refused at its
// line, in words of the file.
func TestMistypedFields(t *testing.T) {
	refused := 0
	for name, typ := range jsonFields(kustomizationType) {
		eachField(typ, "  ", name+":", 7, func(text string) {
			for _, value := range wrong {
				file := strings.Replace(text, "{}", value, 1) + "\n"
				if name != "resources" {
					file = "resources: [object.yaml]\n" + file
				}
				var decoded types.Kustomization
				if decoded.Unmarshal([]byte(file)) == nil {
					continue
				}
				refused++
				var generic any
				if err := k8syaml.Unmarshal([]byte(file), &generic); err != nil {
					t.Fatalf("%v in\n%s", err, file)
				}
				_, err := New(fstest.MapFS{
					"kustomization.yaml": {Data: []byte(file)},
					"object.yaml":        {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")},
				}, nil).Render(t.Context(), ".")
				if err == nil {
					t.Errorf("Kustomize refuses it:\n%s", file)
					continue
				}
				line := fmt.Sprintf("kustomization.yaml:%d: ", strings.Count(file, "\n"))
				said := err.Error()
				if !strings.Contains(said, line) || strings.Contains(said, "Go ") || strings.Contains(said, "json:") || strings.Contains(said, "unmarshal") || strings.Contains(said, "GeneratorArgs") || strings.Contains(said, "types.") {
					t.Errorf("%s\nof\n%s", said, file)
				}
			}
		})
	}
	if refused < 1000 {
		t.Errorf("Kustomize refuses %d files alone", refused)
	}
}

// TestMistypedPlugins does the same to the configurations of builtin plugins.
func TestMistypedPlugins(t *testing.T) {
	refused := 0
	for kind := range builtinPlugins {
		for _, typ := range pluginTypes(kind) {
			if typ.Kind() == reflect.Pointer {
				typ = typ.Elem()
			}
			for name, field := range jsonFields(typ) {
				eachField(field, "  ", name+":", 5, func(text string) {
					if name == "metadata" || strings.Contains(text, "{}\n") {
						return
					}
					for _, value := range wrong {
						head := "apiVersion: builtin\nkind: " + kind + "\nmetadata: {name: a}\n"
						file := head + strings.Replace(text, "{}", value, 1) + "\n"
						plugin := builtinPlugins[kind]()
						err := k8syaml.Unmarshal([]byte(file), plugin)
						if err == nil || !strings.Contains(err.Error(), "cannot unmarshal") {
							continue
						}
						refused++
						field := "transformers"
						if _, generates := plugin.(resmap.Generator); generates {
							field = "generators"
						}
						_, err = New(fstest.MapFS{
							"kustomization.yaml": {Data: []byte("resources: [object.yaml]\n" + field + ": [plugin.yaml]\n")},
							"plugin.yaml":        {Data: []byte(file)},
							"object.yaml":        {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: object}\n")},
						}, nil).Render(t.Context(), ".")
						if err == nil || value == "yes" || value == "2026-11-27" || strings.Contains(err.Error(), "cloud provider") {
							continue // words that are texts here: Kustomize writes them with quotes before it decodes them
						}
						line := fmt.Sprintf("plugin.yaml:%d: ", strings.Count(file, "\n"))
						said := err.Error()
						if !strings.Contains(said, line) || strings.Contains(said, "Go ") || strings.Contains(said, "json:") || strings.Contains(said, "unmarshal") || strings.Contains(said, "types.") {
							t.Errorf("%s\nof\n%s", said, file)
						}
					}
				})
			}
		}
	}
	if refused < 300 {
		t.Errorf("Kustomize refuses %d files alone", refused)
	}
}
