package definition

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// JSONSchema is a JSON schema of the objects of one kind and version, as kubeconform's openapi2jsonschema makes them.
type JSONSchema struct {
	value map[string]any
}

// AsJSONSchema is what a document holds as a JSON schema of objects; false for an object or anything else.
func AsJSONSchema(value any) (JSONSchema, bool) {
	root, ok := value.(map[string]any)
	if !ok {
		return JSONSchema{}, false
	}
	if _, object := root["apiVersion"].(string); object {
		return JSONSchema{}, false
	}
	_, properties := root["properties"].(map[string]any)
	return JSONSchema{root}, properties || root["type"] == "object" || root["$schema"] != nil
}

// Kind is the kind and version that the schema says that it is of; false where it does not, or names several.
func (s JSONSchema) Kind() (schema.GroupVersionKind, bool) {
	said, _ := s.value["x-kubernetes-group-version-kind"].([]any)
	if len(said) == 1 {
		of, _ := said[0].(map[string]any)
		group, _ := of["group"].(string)
		version, _ := of["version"].(string)
		kind, _ := of["kind"].(string)
		if version != "" && kind != "" {
			return schema.GroupVersionKind{Group: group, Version: version, Kind: kind}, true
		}
	}
	properties, _ := s.value["properties"].(map[string]any)
	gvk := schema.FromAPIVersionAndKind(only(properties["apiVersion"]), only(properties["kind"]))
	return gvk, gvk.Kind != "" && gvk.Version != ""
}

// only is the one string that a schema takes, "" for any other schema.
func only(of any) string {
	s, _ := of.(map[string]any)
	if value, ok := s["const"].(string); ok {
		return value
	}
	if values, _ := s["enum"].([]any); len(values) == 1 {
		value, _ := values[0].(string)
		return value
	}
	return ""
}

// SchemaFault is what a CustomResourceDefinition cannot say of what a JSON schema does.
type SchemaFault struct {
	Path    manifest.Path // in the JSON schema
	Message string
}

func (f *SchemaFault) Error() string { return f.Path.String() + ": " + f.Message }

// Definition is a CustomResourceDefinition whose objects are those that the schema takes. A JSON schema knows neither the
// scope of its kind nor its plural: the scope is given, and the plural, which only the URL of a request holds, is made up.
// Where the schema leaves fields open the definition does as well.
func (s JSONSchema) Definition(gvk schema.GroupVersionKind, scope string) (map[string]any, error) {
	c := conversion{root: s.value, closes: closes(s.value)}
	converted, err := c.schema(s.value, nil, nil)
	if err != nil {
		return nil, err
	}
	// An API server sees to these itself.
	properties, _ := converted["properties"].(map[string]any)
	delete(properties, "metadata")
	for _, name := range []string{"apiVersion", "kind"} {
		if _, ok := properties[name]; ok {
			properties[name] = map[string]any{"type": "string"}
		}
	}
	singular := strings.ToLower(gvk.Kind)
	plural := singular + "s"
	return map[string]any{
		"apiVersion": Kind.Group + "/v1",
		"kind":       Kind.Kind,
		"metadata":   map[string]any{"name": plural + "." + gvk.Group},
		"spec": map[string]any{
			"group": gvk.Group,
			"names": map[string]any{"kind": gvk.Kind, "listKind": gvk.Kind + "List", "plural": plural, "singular": singular},
			"scope": scope,
			"versions": []any{map[string]any{
				"name": gvk.Version, "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": converted},
			}},
		},
	}, nil
}

// closes reports a schema that takes no other fields than it names, in any object. openapi2jsonschema closes each object of a
// definition but the outermost.
func closes(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		if v["additionalProperties"] == false {
			return true
		}
		for _, of := range v {
			if closes(of) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, closes)
	}
	return false
}

type conversion struct {
	root   map[string]any
	closes bool
}

// Keywords that say nothing of a value, and those that a structural schema has as they are.
var (
	silent = []string{"$schema", "$id", "id", "$comment", "$defs", "definitions", "examples", "readOnly", "writeOnly", "deprecated",
		"x-kubernetes-group-version-kind"}
	plain = []string{"description", "title", "format", "pattern", "minimum", "maximum", "multipleOf", "minLength", "maxLength", "minItems",
		"maxItems", "uniqueItems", "minProperties", "maxProperties", "required", "enum", "default", "example", "externalDocs", "nullable",
		"x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string", "x-kubernetes-embedded-resource", "x-kubernetes-list-type",
		"x-kubernetes-list-map-keys", "x-kubernetes-map-type", "x-kubernetes-validations"}
)

// schema converts one schema, which $ref led to through the names in from.
func (c conversion) schema(s map[string]any, at manifest.Path, from []string) (map[string]any, error) {
	if name, ok := s["$ref"].(string); ok {
		referred, err := c.refer(name, append(slices.Clone(at), "$ref"), from)
		if err != nil {
			return nil, err
		}
		return c.schema(referred, at, append(slices.Clone(from), name))
	}
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		value, below := s[key], append(slices.Clone(at), key)
		fault := func(format string, args ...any) error { return &SchemaFault{below, fmt.Sprintf(format, args...)} }
		switch key {
		case "type":
			kind, nullable, ok := typed(value)
			if all, _ := value.([]any); eitherNumberOrString(all, func(of any) any { return of }) {
				out["x-kubernetes-int-or-string"] = true
				continue
			}
			if !ok {
				return nil, fault("a definition takes one type: write the one that objects have")
			}
			if kind != "" {
				out["type"] = kind
			}
			if nullable {
				out["nullable"] = true
			}
		case "properties":
			properties, _ := value.(map[string]any)
			converted := map[string]any{}
			for _, name := range slices.Sorted(maps.Keys(properties)) {
				property, ok := properties[name].(map[string]any)
				switch {
				case ok:
					p, err := c.schema(property, append(slices.Clone(below), name), from)
					if err != nil {
						return nil, err
					}
					converted[name] = p
				case name == "additionalProperties" && properties["properties"] != nil:
					// openapi2jsonschema takes a property called properties for the keyword, and closes it.
				default:
					return nil, &SchemaFault{append(below, name), "a property of a definition has a schema: write one, or take the property out"}
				}
			}
			out["properties"] = converted
		case "items":
			items, ok := value.(map[string]any)
			if !ok {
				return nil, fault("a definition takes one schema for all items: write it")
			}
			converted, err := c.schema(items, below, from)
			if err != nil {
				return nil, err
			}
			out["items"] = converted
		case "additionalProperties":
			switch of := value.(type) {
			case bool: // false closes an object, which a definition does by itself
				if _, named := s["properties"]; of && !named {
					out["x-kubernetes-preserve-unknown-fields"] = true
				}
			case map[string]any:
				converted, err := c.schema(of, below, from)
				if err != nil {
					return nil, err
				}
				out["additionalProperties"] = converted
			}
		case "allOf", "anyOf", "oneOf":
			all, _ := value.([]any)
			if eitherNumberOrString(all, onlyType) {
				out["x-kubernetes-int-or-string"] = true
				continue
			}
			var converted []any
			for i, of := range all {
				branch, err := c.branch(of, append(slices.Clone(below), i), from)
				if err != nil {
					return nil, err
				}
				converted = append(converted, branch)
			}
			out[key] = converted
		case "not":
			converted, err := c.branch(value, below, from)
			if err != nil {
				return nil, err
			}
			out[key] = converted
		case "const":
			out["enum"] = []any{value}
		case "exclusiveMinimum", "exclusiveMaximum":
			if _, draft4 := value.(bool); !draft4 {
				out["m"+key[len("exclusiveM"):]] = value
				value = true
			}
			out[key] = value
		default:
			switch {
			case slices.Contains(plain, key):
				out[key] = value
			case slices.Contains(silent, key):
			default:
				return nil, fault("a definition has no %s: take it out, and what it asks for is not checked", key)
			}
		}
	}
	if out["x-kubernetes-int-or-string"] == true {
		delete(out, "type")
		delete(out, "format")
	}
	return c.whole(out, s, len(at) == 0), nil
}

// whole gives a schema what a structural one needs: a type, and a word where it is open.
func (c conversion) whole(out, s map[string]any, outermost bool) map[string]any {
	_, named := out["properties"]
	if _, ok := out["type"]; !ok && named {
		out["type"] = "object"
	}
	_, decided := s["additionalProperties"]
	switch {
	case outermost && c.closes, decided, out["x-kubernetes-int-or-string"] == true:
	case out["type"] == "object", out["type"] == nil:
		out["x-kubernetes-preserve-unknown-fields"] = true
	}
	return out
}

// branch converts a schema below allOf, anyOf, oneOf or not, where a definition only limits values.
func (c conversion) branch(value any, at manifest.Path, from []string) (map[string]any, error) {
	s, ok := value.(map[string]any)
	if !ok {
		return nil, &SchemaFault{at, "a definition takes a schema here: write one"}
	}
	converted, err := c.schema(s, at, from)
	if err != nil {
		return nil, err
	}
	limits(converted)
	return converted, nil
}

// limits takes out of a converted schema what a definition does not allow in a branch.
func limits(s map[string]any) {
	for _, key := range []string{"type", "nullable", "title", "description", "default", "additionalProperties",
		"x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"} {
		delete(s, key)
	}
	properties, _ := s["properties"].(map[string]any)
	for _, property := range properties {
		limits(property.(map[string]any))
	}
	if items, ok := s["items"].(map[string]any); ok {
		limits(items)
	}
}

// refer is the schema that a $ref leads to, within the file. One that leads back to itself has no end as a definition.
func (c conversion) refer(name string, at manifest.Path, from []string) (map[string]any, error) {
	if slices.Contains(from, name) {
		return nil, &SchemaFault{at, name + " leads back to itself, and a definition has an end: write how deep objects go"}
	}
	rest, inside := strings.CutPrefix(name, "#/")
	if !inside {
		return nil, &SchemaFault{at, name + " is in another file: use the standalone schema, which has no $ref"}
	}
	var found any = c.root
	for part := range strings.SplitSeq(rest, "/") {
		of, _ := found.(map[string]any)
		found = of[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	s, ok := found.(map[string]any)
	if !ok {
		return nil, &SchemaFault{at, name + " leads to nothing in this file"}
	}
	return s, nil
}

// typed is the one type of a schema beside null; "" where it is null or any.
func typed(value any) (kind string, nullable, ok bool) {
	switch v := value.(type) {
	case string:
		return v, false, v != "null"
	case []any:
		for _, one := range v {
			switch one, _ := one.(string); {
			case one == "null":
				nullable = true
			case kind != "":
				return "", false, false
			default:
				kind = one
			}
		}
		return kind, nullable, true
	}
	return "", false, false
}

// eitherNumberOrString reports what openapi2jsonschema makes of int-or-string, in either way to write it.
func eitherNumberOrString(all []any, typeOf func(any) any) bool {
	if len(all) != 2 {
		return false
	}
	first, second := typeOf(all[0]), typeOf(all[1])
	return first == "string" && second == "integer" || first == "integer" && second == "string"
}

// onlyType is the type of a schema that says nothing else.
func onlyType(of any) any {
	if s, ok := of.(map[string]any); ok && len(s) == 1 {
		return s["type"]
	}
	return nil
}
