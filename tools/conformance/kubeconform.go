package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	kcresource "github.com/yannh/kubeconform/pkg/resource"
	"github.com/yannh/kubeconform/pkg/validator"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kubeconform is `kubeconform -strict`, given schemas as its users have them. Those of Kubernetes are made of the OpenAPI
// document of the server's version by the rules of the published kubernetes-json-schema: unknown fields are refused, a field
// that is not required may be null, a quantity may be a number. Those of custom resources are made of the definitions as
// kubeconform's own scripts/openapi2jsonschema.py makes them. CustomResourceDefinition, which the published set leaves out
// because it refers to itself, has one here.
type kubeconform struct {
	validator validator.Validator
	dir       string
	kinds     map[schema.GroupVersionKind]bool
}

// schemaTemplate is how kubeconform finds the file of a kind.
const schemaTemplate = "{{ .ResourceKind }}_{{ .Group }}_{{ .ResourceAPIVersion }}.json"

func newKubeconform(swagger []byte, definitions map[string][]byte) (k *kubeconform, err error) {
	k = &kubeconform{kinds: map[schema.GroupVersionKind]bool{}}
	if k.dir, err = os.MkdirTemp("", "kgate-kubeconform-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.Close())
		}
	}()
	if err := k.writeBuiltin(swagger); err != nil {
		return nil, fmt.Errorf("make schemas of the OpenAPI document: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		if err := k.writeCustom(definitions[name]); err != nil {
			return nil, fmt.Errorf("make schemas of %s: %w", name, err)
		}
	}
	k.validator, err = validator.New([]string{filepath.Join(k.dir, schemaTemplate)}, validator.Opts{Strict: true})
	return k, err
}

func (k *kubeconform) Close() error { return os.RemoveAll(k.dir) }

// judge returns why kubeconform refuses an object, "" if it does not. It is safe for concurrent use.
func (k *kubeconform) judge(kind schema.GroupVersionKind, text []byte) (string, error) {
	if !k.kinds[kind] {
		return "", fmt.Errorf("kubeconform has no schema of %s", kind)
	}
	result := k.validator.ValidateResource(kcresource.Resource{Bytes: text})
	switch {
	case result.Status == validator.Valid:
		return "", nil
	case result.Status == validator.Invalid, result.Status == validator.Error && !strings.HasPrefix(result.Err.Error(), "could not find schema"):
		return result.Err.Error(), nil
	default: // a schema that does not compile reads as one that is missing
		return "", fmt.Errorf("kubeconform gives no verdict on a %s: %w", kind, cmp.Or(result.Err, errors.New("it was passed over")))
	}
}

func (k *kubeconform) write(kind schema.GroupVersionKind, document map[string]any) error {
	text, err := json.Marshal(document)
	if err != nil {
		return err
	}
	k.kinds[kind] = true
	name := fmt.Sprintf("%s_%s_%s.json", strings.ToLower(kind.Kind), kind.Group, kind.Version)
	if kind.Group == "" {
		name = fmt.Sprintf("%s_%s_%s.json", strings.ToLower(kind.Kind), kind.Version, kind.Version) // as the template is filled in
	}
	return os.WriteFile(filepath.Join(k.dir, name), text, 0o600)
}

// writeBuiltin writes a document for every kind: what it reaches stands in the document's definitions.
func (k *kubeconform) writeBuiltin(swagger []byte) error {
	var openAPI struct{ Definitions map[string]map[string]any }
	if err := json.Unmarshal(swagger, &openAPI); err != nil {
		return err
	}
	definitions := map[string]map[string]any{}
	for name, raw := range openAPI.Definitions {
		switch name {
		case "io.k8s.apimachinery.pkg.util.intstr.IntOrString":
			raw = map[string]any{"oneOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "integer"}}}
		case "io.k8s.apimachinery.pkg.api.resource.Quantity":
			raw = map[string]any{"oneOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "number"}}}
		}
		definitions[name] = strict(raw, false)
	}
	for name, raw := range openAPI.Definitions {
		kinds, _ := raw["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 { // options of requests are of every group
			continue
		}
		id := kinds[0].(map[string]any)
		kind := schema.GroupVersionKind{Group: id["group"].(string), Version: id["version"].(string), Kind: id["kind"].(string)}
		root := maps.Clone(definitions[name])
		properties, ok := root["properties"].(map[string]any)
		if !ok {
			continue
		}
		root["type"], root["additionalProperties"], root["properties"] = "object", false, maps.Clone(properties)
		for field, value := range map[string]string{"apiVersion": kind.GroupVersion().String(), "kind": kind.Kind} {
			root["properties"].(map[string]any)[field] = map[string]any{"type": []any{"string", "null"}, "enum": []any{value}}
		}
		reached := map[string]map[string]any{}
		reach(root, definitions, reached)
		root["definitions"] = reached
		if err := k.write(kind, root); err != nil {
			return err
		}
	}
	return nil
}

const refPrefix = "#/definitions/"

// strict is a schema of OpenAPI as JSON Schema. Null is allowed unless the value is that of a required field.
func strict(raw map[string]any, required bool) map[string]any {
	if _, ok := raw["$ref"].(string); ok {
		ref := map[string]any{"$ref": raw["$ref"]}
		if required {
			return map[string]any{"allOf": []any{ref}, "not": map[string]any{"type": "null"}}
		}
		return ref
	}
	out := maps.Clone(raw)
	if t, ok := raw["type"].(string); ok && !required {
		out["type"] = []any{t, "null"}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if child, ok := raw[key].(map[string]any); ok {
			out[key] = strict(child, false)
		}
	}
	if alternatives, ok := raw["oneOf"].([]any); ok {
		var all []any
		for _, a := range alternatives {
			all = append(all, strict(a.(map[string]any), false))
		}
		out["oneOf"] = all
	}
	if properties, ok := raw["properties"].(map[string]any); ok {
		names, _ := raw["required"].([]any)
		fields := map[string]any{}
		for name, child := range properties {
			fields[name] = strict(child.(map[string]any), slices.Contains(names, any(name)))
		}
		out["properties"] = fields
		if raw["additionalProperties"] == nil {
			out["additionalProperties"] = false
		}
	}
	return out
}

// reach collects the definitions that a schema refers to, all the way down.
func reach(node any, from, reached map[string]map[string]any) {
	switch node := node.(type) {
	case map[string]any:
		if ref, ok := node["$ref"].(string); ok {
			name := strings.TrimPrefix(ref, refPrefix)
			if reached[name] == nil && from[name] != nil {
				reached[name] = from[name]
				reach(from[name], from, reached)
			}
		}
		for _, child := range node {
			reach(child, from, reached)
		}
	case []any:
		for _, child := range node {
			reach(child, from, reached)
		}
	}
}

// writeCustom writes a document for every version of a CustomResourceDefinition.
func (k *kubeconform) writeCustom(definition []byte) error {
	var d struct {
		Spec struct {
			Group    string
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct{ OpenAPIV3Schema map[string]any }
			}
		}
	}
	if err := json.Unmarshal(definition, &d); err != nil {
		return err
	}
	for _, v := range d.Spec.Versions {
		root := map[string]any{}
		for key, child := range v.Schema.OpenAPIV3Schema {
			root[key] = closed(child)
		}
		if err := k.write(schema.GroupVersionKind{Group: d.Spec.Group, Version: v.Name, Kind: d.Spec.Names.Kind}, root); err != nil {
			return err
		}
	}
	return nil
}

// closed refuses unknown fields wherever fields are named, and lets a value be an integer or a string where its format says so.
func closed(node any) any {
	fields, ok := node.(map[string]any)
	if !ok {
		return node
	}
	if fields["format"] == "int-or-string" {
		return map[string]any{"oneOf": []any{map[string]any{"type": "string"}, map[string]any{"type": "integer"}}}
	}
	out := map[string]any{}
	for key, child := range fields {
		out[key] = closed(child)
	}
	if fields["properties"] != nil && fields["additionalProperties"] == nil {
		out["additionalProperties"] = false
	}
	return out
}
