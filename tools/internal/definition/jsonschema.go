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
	c := conversion{root: s.value, closes: closes(s.value), converted: new(int)}
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

// closes reports a schema of which every object with properties below the outermost takes no others, and there is one: what
// openapi2jsonschema makes of a definition, in which an object is closed unless it says otherwise. It does not look into lists, and
// leaves the outermost object open. A single closed object says nothing of the others.
func closes(root map[string]any) bool {
	closed, open := 0, 0
	var look func(s map[string]any)
	look = func(s map[string]any) {
		for _, value := range s {
			below, ok := value.(map[string]any)
			if !ok {
				continue
			}
			if _, named := below["properties"].(map[string]any); named {
				switch additional, decided := below["additionalProperties"]; {
				case additional == false:
					closed++
				case !decided && below["x-kubernetes-preserve-unknown-fields"] != true:
					open++
				}
			}
			look(below)
		}
	}
	look(root)
	return closed > 0 && open == 0
}

type conversion struct {
	root      map[string]any
	closes    bool
	limits    bool // what is converted is a branch
	converted *int // schemas, each as often as references lead to it
}

// mostSchemas is far above what definitions have: Argo CD's ApplicationSet, one of the largest, has 11,048.
const mostSchemas = 50_000

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
	if *c.converted++; *c.converted > mostSchemas {
		return nil, &SchemaFault{at, fmt.Sprintf("a definition has no $ref, and with what they lead to this one has more than %d schemas: write schemas that are deep down shorter, such as {\"type\": \"object\"}", mostSchemas)}
	}
	out, combined := map[string]any{}, map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(s)) {
		value, below := s[key], append(slices.Clone(at), key)
		fault := func(format string, args ...any) error { return &SchemaFault{below, fmt.Sprintf(format, args...)} }
		switch key {
		case "type":
			kind, nullable, ok := typed(value, c.limits)
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
			combined[key] = converted
		case "not":
			converted, err := c.branch(value, below, from)
			if err != nil {
				return nil, err
			}
			combined[key] = converted
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
	if c.limits { // by what the branch is of is for that to say
		maps.Copy(out, combined)
		return out, nil
	}
	out = c.whole(out, s, len(at) == 0)
	combine(out, combined)
	return out, nil
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

// branch converts a schema below allOf, anyOf, oneOf or not, where a definition only limits values; combine takes out the rest.
func (c conversion) branch(value any, at manifest.Path, from []string) (map[string]any, error) {
	s, ok := value.(map[string]any)
	if !ok {
		return nil, &SchemaFault{at, "a definition takes a schema here: write one"}
	}
	c.limits = true
	return c.schema(s, at, from)
}

// combine gives a schema its allOf, anyOf, oneOf and not. A branch of a definition has no types: where that makes it take other
// values, such as every one, the combination is left out, and without a type of its own the schema is open.
func combine(out, combined map[string]any) {
	_, typed := out["type"]
	typed = typed || out["x-kubernetes-int-or-string"] == true
	for _, key := range slices.Sorted(maps.Keys(combined)) {
		if key == "anyOf" || key == "oneOf" {
			branches, nullable := withoutNull(combined[key].([]any))
			if combined[key] = branches; nullable && !typed {
				out["nullable"] = true
			}
			if len(branches) == 0 {
				continue
			}
		}
		if limit(map[string]any{key: combined[key]}, out) {
			out[key] = combined[key]
		} else if !typed {
			out["x-kubernetes-preserve-unknown-fields"] = true
		}
	}
}

// withoutNull are the branches that take other values than null, and whether one takes null.
func withoutNull(branches []any) (others []any, nullable bool) {
	for _, of := range branches {
		branch := of.(map[string]any)
		nullable = nullable || branch["nullable"] == true
		if !onlyNull(branch) {
			others = append(others, of)
		}
	}
	return others, nullable
}

// limit takes out of a converted branch what a definition does not allow in one, and reports whether the branch takes the same
// values as before of those that the schema takes which it is of.
func limit(branch, of map[string]any) bool {
	same := takesTypeOf(branch, of)
	if _, ok := branch["additionalProperties"]; ok {
		same = false
	}
	for _, key := range []string{"type", "nullable", "title", "description", "default", "additionalProperties",
		"x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"} {
		delete(branch, key)
	}
	properties, _ := branch["properties"].(map[string]any)
	ofProperties, _ := of["properties"].(map[string]any)
	for name, property := range properties {
		ofProperty, _ := ofProperties[name].(map[string]any)
		same = limit(property.(map[string]any), ofProperty) && same
	}
	if items, ok := branch["items"].(map[string]any); ok {
		ofItems, _ := of["items"].(map[string]any)
		same = limit(items, ofItems) && same
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		branches, _ := branch[key].([]any)
		for _, below := range branches {
			same = limit(below.(map[string]any), of) && same
		}
	}
	if not, ok := branch["not"].(map[string]any); ok {
		same = limit(not, of) && same
	}
	return same
}

// takesTypeOf reports whether a branch takes each type that the schema does which it is of.
func takesTypeOf(branch, of map[string]any) bool {
	const either = "x-kubernetes-int-or-string"
	if onlyNull(branch) {
		return false
	}
	if branch["type"] == nil && branch[either] != true {
		return true
	}
	return branch["type"] == of["type"] && branch[either] == of[either] && (of["nullable"] != true || branch["nullable"] == true)
}

// onlyNull reports a branch that takes null and nothing else.
func onlyNull(branch map[string]any) bool {
	return branch["nullable"] == true && branch["type"] == nil && branch["x-kubernetes-int-or-string"] != true
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

// typed is the one type of a schema beside null; "" where it is null or any. Null alone is the type of a branch, and of nothing else.
func typed(value any, branch bool) (kind string, nullable, ok bool) {
	switch v := value.(type) {
	case string:
		if v == "null" {
			return "", true, branch
		}
		return v, false, true
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
