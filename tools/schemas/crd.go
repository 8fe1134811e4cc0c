package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A crd is the part of a CustomResourceDefinition that the bundle is made of.
type crd struct {
	Kind string
	Spec struct {
		Group                 string
		PreserveUnknownFields bool `yaml:"preserveUnknownFields"`
		Names                 struct {
			Kind     string
			ListKind string `yaml:"listKind"`
		}
		Versions []struct {
			Name   string
			Served bool
			Schema struct {
				OpenAPIV3Schema object `yaml:"openAPIV3Schema"`
			}
			Subresources struct {
				Status *struct{}
			}
		}
	}
}

func parseCRDs(text []byte) ([]crd, error) {
	var found []crd
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var c crd
		if err := decoder.Decode(&c); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		switch {
		case c.Kind == "": // an empty document
		case c.Kind != "CustomResourceDefinition":
			return nil, fmt.Errorf("a %s between CustomResourceDefinitions", c.Kind)
		case c.Spec.PreserveUnknownFields:
			return nil, fmt.Errorf("%s: spec.preserveUnknownFields is set, which a strict schema cannot express", c.Spec.Names.Kind)
		default:
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no CustomResourceDefinition")
	}
	return found, nil
}

// customMeta is the metadata of custom resources.
const customMeta = "metadata of custom resources"

// metadataOf makes it of the ObjectMeta of a Kubernetes version: a time that is
// none is dropped there, where an object of a built-in kind is refused.
func metadataOf(builtin object) object {
	out := maps.Clone(builtin)
	properties, _ := builtin["properties"].(object)
	properties = maps.Clone(properties)
	for _, field := range []string{"creationTimestamp", "deletionTimestamp"} {
		properties[field] = object{"type": []any{"string", "number", "boolean", "null"}}
	}
	out["properties"] = properties
	return out
}

// customResources returns the definitions of every served version of every
// CRD, and of its list. They refer to the metadata of a Kubernetes version by
// name, so that each version brings its own.
func customResources(crds []crd) (map[string]object, map[gvk]string, error) {
	definitions := map[string]object{}
	kinds := map[gvk]string{}
	for _, c := range crds {
		for _, v := range c.Spec.Versions {
			if !v.Served {
				continue
			}
			k := gvk{c.Spec.Group + "/" + v.Name, c.Spec.Names.Kind}
			if v.Schema.OpenAPIV3Schema == nil {
				return nil, nil, fmt.Errorf("%s: no schema", k)
			}
			name := "root " + k.String()
			if _, twice := definitions[name]; twice {
				return nil, nil, fmt.Errorf("%s is defined twice", k)
			}
			root, err := customObject(v.Schema.OpenAPIV3Schema, v.Subresources.Status != nil)
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", k, err)
			}
			identify(root, k)
			definitions[name] = root
			kinds[k] = name

			listKind := gvk{k.apiVersion, c.Spec.Names.ListKind}
			if listKind.kind == "" {
				listKind.kind = k.kind + "List"
			}
			items := object{
				"type":                 "object",
				"additionalProperties": false,
				"properties": object{
					"metadata": object{"$ref": listMeta},
					"items":    object{"type": "array", "items": object{"$ref": name}},
				},
				"required": []any{"items"},
			}
			identify(items, listKind)
			definitions["root "+listKind.String()] = items
			kinds[listKind] = "root " + listKind.String()
		}
	}
	share(definitions)
	return definitions, kinds, nil
}

func customObject(raw object, statusSubresource bool) (object, error) {
	raw = maps.Clone(raw)
	properties, _ := raw["properties"].(object)
	properties = maps.Clone(properties)
	status, hasStatus := properties["status"].(object)
	if statusSubresource {
		delete(properties, "status")
		raw["required"] = slices.DeleteFunc(slices.Clone(list(raw["required"])), func(r any) bool { return r == "status" })
	}
	raw["properties"] = properties
	root, err := custom(raw)
	if err != nil {
		return nil, err
	}
	fields, _ := root["properties"].(object)
	if fields == nil {
		fields = object{}
		root["properties"] = fields
	}
	if statusSubresource && hasStatus {
		strict, err := custom(status)
		if err != nil {
			return nil, fmt.Errorf("status: %w", err)
		}
		fields["status"] = fieldsOnly(strict)
	}
	fields["metadata"] = object{"$ref": customMeta}
	root["type"] = "object"
	return root, nil
}

// custom turns a structural schema into JSON Schema as the API server applies
// it: unknown fields are refused where it would prune them, and null is removed
// from a field or map value before validation (or replaced by the default),
// but not from a list.
func custom(raw object) (object, error) {
	out, err := values(raw)
	if err != nil {
		return nil, err
	}
	preserve := raw["x-kubernetes-preserve-unknown-fields"] == true
	embedded := raw["x-kubernetes-embedded-resource"] == true

	properties := object{}
	raws, _ := raw["properties"].(object)
	required := list(raw["required"])
	for field, schema := range raws {
		child, ok := schema.(object)
		if !ok {
			return nil, fmt.Errorf("%s: not a schema", field)
		}
		property, err := custom(child)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field, err)
		}
		_, defaulted := child["default"]
		if defaulted {
			required = slices.DeleteFunc(slices.Clone(required), func(r any) bool { return r == field })
		}
		if child["nullable"] == true || defaulted || !slices.Contains(required, any(field)) {
			property = orNull(property)
		}
		properties[field] = property
	}
	if embedded {
		properties["apiVersion"] = object{"type": "string"}
		properties["kind"] = object{"type": "string"}
		properties["metadata"] = object{"$ref": objectMeta}
		for _, field := range []any{"apiVersion", "kind"} {
			if !slices.Contains(required, field) {
				required = append(slices.Clone(required), field)
			}
		}
	}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	if len(required) > 0 {
		out["required"] = required
	}
	switch extra := raw["additionalProperties"].(type) {
	case object:
		schema, err := custom(extra)
		if err != nil {
			return nil, fmt.Errorf("additionalProperties: %w", err)
		}
		out["additionalProperties"] = orNull(schema)
	case bool:
		// true says nothing; false is not allowed in a structural schema.
	default:
		if !preserve && (raw["type"] == "object" || len(properties) > 0) {
			out["additionalProperties"] = false
		}
	}
	if items, ok := raw["items"].(object); ok {
		schema, err := custom(items)
		if err != nil {
			return nil, fmt.Errorf("items: %w", err)
		}
		if _, defaulted := items["default"]; defaulted || items["nullable"] == true {
			schema = orNull(schema)
		}
		out["items"] = schema
	}
	return out, nil
}

// values copies the keywords that hold a value, and nothing that describes it.
// Of formats, those of numbers are ranges here, and of the rest only those
// stay that the API server enforces and the validator knows.
func values(raw object) (object, error) {
	out := object{}
	copyExtensions(out, raw)
	for key, value := range raw {
		switch key {
		case "type", "enum", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
			"minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
			"allOf", "anyOf", "oneOf", "not":
			// What stands under these four only adds conditions: a structural
			// schema has no fields there of its own, so nothing is made strict.
			out[key] = plain(value)
		case "format":
			switch value {
			case "int32":
				if _, set := raw["minimum"]; !set {
					out["minimum"] = minInt32
				}
				if _, set := raw["maximum"]; !set {
					out["maximum"] = maxInt32
				}
			case "byte":
				if raw["pattern"] == nil {
					out["pattern"] = base64Pattern
				}
			case "date-time", "duration":
				out["format"] = value
			case "int64", "double", "float":
			default:
				return nil, fmt.Errorf("format %v: decide what the API server makes of it", value)
			}
		case "properties", "required", "additionalProperties", "items":
		case "description", "title", "default", "nullable", "example", "externalDocs":
		default:
			if !strings.HasPrefix(key, "x-kubernetes-") {
				return nil, fmt.Errorf("keyword %q is unknown", key)
			}
		}
	}
	if raw["x-kubernetes-int-or-string"] == true {
		// Generators write anyOf for the same thing; one type list is one
		// schema to compile in place of three.
		delete(out, "anyOf")
		out["type"] = []any{"integer", "string"}
	}
	return out, nil
}

// plain removes descriptions below allOf, anyOf, oneOf and not.
func plain(v any) any {
	switch v := v.(type) {
	case object:
		out := object{}
		for key, value := range v {
			if _, text := value.(string); text && (key == "description" || key == "title") {
				continue
			}
			out[key] = plain(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plain(v[i])
		}
		return out
	default:
		return v
	}
}

// orNull lets a schema take null as well.
func orNull(schema object) object {
	if schema["type"] == nil && schema["enum"] == nil && !conditional(schema) {
		return schema
	}
	if conditional(schema) {
		return object{"anyOf": []any{object{"type": "null"}, schema}}
	}
	schema = maps.Clone(schema)
	switch t := schema["type"].(type) {
	case string:
		schema["type"] = []any{t, "null"}
	case []any:
		if !slices.Contains(t, any("null")) {
			schema["type"] = append(slices.Clone(t), "null")
		}
	}
	if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, nil) {
		schema["enum"] = append(slices.Clone(enum), nil)
	}
	return schema
}

func conditional(schema object) bool {
	for _, key := range []string{"allOf", "anyOf", "oneOf", "not"} {
		if schema[key] != nil {
			return true
		}
	}
	return false
}

// fieldsOnly keeps which fields there are and drops every condition on them.
// It is what is left of status where status is a subresource: the API server
// discards it when it creates the object, but only after it has looked for
// unknown fields.
func fieldsOnly(schema object) object {
	out := object{}
	copyExtensions(out, schema)
	delete(out, "x-kubernetes-validations")
	if properties, ok := schema["properties"].(object); ok {
		fields := object{}
		for name, child := range properties {
			fields[name] = fieldsOnly(unwrapNull(child.(object)))
		}
		out["properties"] = fields
	}
	for _, key := range []string{"items", "additionalProperties"} {
		switch child := schema[key].(type) {
		case object:
			out[key] = fieldsOnly(unwrapNull(child))
		case bool:
			out[key] = child
		}
	}
	return out
}

// unwrapNull undoes the wrapper of orNull.
func unwrapNull(schema object) object {
	if branches := list(schema["anyOf"]); len(branches) == 2 && len(schema) == 1 {
		if inner, ok := branches[1].(object); ok {
			return inner
		}
	}
	return schema
}

// shareFrom is the length in bytes from which a schema that occurs twice is
// worth a definition of its own.
const shareFrom = 160

// share moves schemas that occur more than once into definitions. CRDs have no
// references: a pod template is written out wherever it is used, and both the
// size of the bundle and the time to compile a schema grow with it.
func share(definitions map[string]object) {
	type node struct {
		schema object
		uses   int
	}
	nodes := map[string]*node{} // by canonical JSON
	// Count a schema's uses once for each different schema that it stands in:
	// what only ever occurs inside one shared schema needs no name.
	seen := map[string]bool{}
	var visit func(schema object, used bool)
	visit = func(schema object, used bool) {
		key := string(canonical(schema))
		if used && len(key) >= shareFrom {
			if nodes[key] == nil {
				nodes[key] = &node{schema: schema}
			}
			nodes[key].uses++
		}
		if seen[key] {
			return
		}
		seen[key] = true
		subschemas(schema, func(child object) object { visit(child, true); return child })
	}
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		visit(definitions[name], false)
	}

	names := map[string]string{}
	for key, n := range nodes {
		if n.uses > 1 {
			names[key] = "shared " + digest([]byte(key))
		}
	}
	var replace func(v object) object
	replace = func(v object) object {
		return subschemas(v, func(child object) object {
			if name, ok := names[string(canonical(child))]; ok {
				return object{"$ref": name}
			}
			return replace(child)
		})
	}
	for name, schema := range definitions {
		definitions[name] = replace(schema)
	}
	for key, name := range names {
		definitions[name] = replace(nodes[key].schema)
	}
}

// subschemas returns schema with f applied to each schema directly below it.
func subschemas(schema object, f func(object) object) object {
	out := maps.Clone(schema)
	for _, key := range []string{"items", "additionalProperties", "not"} {
		if child, ok := schema[key].(object); ok {
			out[key] = f(child)
		}
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		if children := list(schema[key]); children != nil {
			replaced := make([]any, len(children))
			for i, child := range children {
				replaced[i] = f(child.(object))
			}
			out[key] = replaced
		}
	}
	if properties, ok := schema["properties"].(object); ok {
		replaced := object{}
		for name, child := range properties {
			replaced[name] = f(child.(object))
		}
		out["properties"] = replaced
	}
	return out
}
