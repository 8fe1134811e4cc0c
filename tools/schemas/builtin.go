package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

type object = map[string]any

// A gvk is how the bundle names a kind: "apps/v1 Deployment".
type gvk struct{ apiVersion, kind string }

func (k gvk) String() string { return k.apiVersion + " " + k.kind }

// A release is what one Kubernetes minor version serves. Definitions refer to
// each other by name, as {"$ref": name}.
type release struct {
	minor       string
	definitions map[string]object
	kinds       map[gvk]string
}

const (
	quantityPattern = `^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+))?\s*$`
	// base64Pattern allows line breaks, as Go's decoder does.
	base64Pattern = `^[\r\n]*(([A-Za-z0-9+/][\r\n]*){4})*(([A-Za-z0-9+/][\r\n]*){2}(=[\r\n]*){2}|([A-Za-z0-9+/][\r\n]*){3}=[\r\n]*)?$`
)

const (
	meta       = "io.k8s.apimachinery.pkg.apis.meta.v1."
	objectMeta = meta + "ObjectMeta"
	listMeta   = meta + "ListMeta"
	extensions = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."
)

// special are the definitions that OpenAPI v2 cannot express: Go types with a
// JSON form of their own. All of them decode from null.
var special = map[string]object{
	"io.k8s.apimachinery.pkg.api.resource.Quantity":   {"type": []any{"string", "number", "null"}, "pattern": quantityPattern},
	"io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": []any{"string", "integer", "null"}, "minimum": minInt32, "maximum": maxInt32, "x-kubernetes-int-or-string": true},
	meta + "Time":      {"type": []any{"string", "null"}, "format": "date-time"},
	meta + "MicroTime": {"type": []any{"string", "null"}, "format": "date-time"},
	meta + "FieldsV1":  {"type": []any{"object", "null"}, "x-kubernetes-preserve-unknown-fields": true},
	"io.k8s.apimachinery.pkg.runtime.RawExtension": {"type": []any{"object", "null"}, "x-kubernetes-preserve-unknown-fields": true},
	extensions + "JSON":                            {"x-kubernetes-preserve-unknown-fields": true},
	extensions + "JSONSchemaPropsOrArray":          {"x-kubernetes-preserve-unknown-fields": true},
	extensions + "JSONSchemaPropsOrBool":           {"x-kubernetes-preserve-unknown-fields": true},
	extensions + "JSONSchemaPropsOrStringArray":    {"x-kubernetes-preserve-unknown-fields": true},
}

const (
	minInt32 = -1 << 31
	maxInt32 = 1<<31 - 1
)

// acceptedWithout are fields that the OpenAPI document calls required and the
// API server does not miss: a Go field without omitempty is "required" there,
// whether validation asks for it or not. A missing one decodes to its zero
// value, which is then valid or defaulted. Several left the document's required
// lists in later versions for this reason.
//
// Required fields whose zero value validation refuses stay required.
var acceptedWithout = map[string][]string{
	"io.k8s.api.apps.v1.ControllerRevision":                      {"revision"},
	"io.k8s.api.apps.v1.StatefulSetSpec":                         {"serviceName"},
	"io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern": {"status"}, // defaults to True
	"io.k8s.api.core.v1.HTTPHeader":                              {"value"},
	"io.k8s.api.core.v1.ISCSIPersistentVolumeSource":             {"lun"},
	"io.k8s.api.core.v1.ISCSIVolumeSource":                       {"lun"},
	"io.k8s.api.core.v1.LimitRangeSpec":                          {"limits"},
	"io.k8s.api.core.v1.PreferredSchedulingTerm":                 {"preference"},
	"io.k8s.api.core.v1.SleepAction":                             {"seconds"}, // 0 is valid since 1.34
	"io.k8s.api.core.v1.Sysctl":                                  {"value"},
	"io.k8s.api.discovery.v1.EndpointSlice":                      {"endpoints"},
	"io.k8s.api.discovery.v1.ForZone":                            {"name"},        // held to the syntax of a label's value alone
	"io.k8s.api.networking.v1.NetworkPolicySpec":                 {"podSelector"}, // none selects every pod
	"io.k8s.api.rbac.v1.RoleRef":                                 {"apiGroup"},    // defaults to rbac.authorization.k8s.io
	"io.k8s.api.resource.v1.DeviceCapacity":                      {"value"},
	"io.k8s.api.resource.v1beta1.DeviceCapacity":                 {"value"},
	"io.k8s.api.resource.v1beta2.DeviceCapacity":                 {"value"},
	"io.k8s.api.resource.v1.ResourcePool":                        {"generation"},
	"io.k8s.api.resource.v1beta1.ResourcePool":                   {"generation"},
	"io.k8s.api.resource.v1beta2.ResourcePool":                   {"generation"},
	"io.k8s.api.scheduling.v1.PriorityClass":                     {"value"},
	"io.k8s.api.storage.v1.CSIDriver":                            {"spec"}, // every field of it has a default
	"io.k8s.api.storage.v1.CSINode":                              {"spec"},
	"io.k8s.api.storage.v1.CSINodeSpec":                          {"drivers"},
	"io.k8s.api.storage.v1.TokenRequest":                         {"audience"}, // none is the server's own
	meta + "GroupResource":                                       {"group"},    // that of core has no name
	extensions + "CustomResourceDefinitionVersion":               {"served", "storage"},
}

// builtin turns the OpenAPI document of a Kubernetes version into strict
// definitions, and names the kinds that can be created and their lists.
//
// Null follows the decoder of the API server: it gives a field its zero value,
// so an optional field takes it, and a list item or map value takes it where
// an empty one would do. A required field does not.
func builtin(swagger []byte) (map[string]object, map[gvk]string, error) {
	var doc struct {
		Definitions map[string]object
		Paths       map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(swagger, &doc); err != nil {
		return nil, nil, err
	}
	b := &builtins{raw: doc.Definitions, out: map[string]object{}}
	for _, name := range slices.Sorted(maps.Keys(b.raw)) {
		schema, err := b.definition(name)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		b.out[name] = schema
	}

	creatable, err := created(doc.Paths)
	if err != nil {
		return nil, nil, err
	}
	named := map[gvk]string{}
	for name, schema := range b.raw {
		ids, _ := schema["x-kubernetes-group-version-kind"].([]any)
		if len(ids) == 1 { // DeleteOptions and the like name every group
			named[gvkOf(ids[0].(object))] = name
		}
	}
	kinds := map[gvk]string{}
	for k := range creatable {
		name, ok := named[k]
		if !ok {
			continue // a subresource's kind, defined in another group
		}
		if err := b.root(kinds, k, name); err != nil {
			return nil, nil, err
		}
		list := gvk{k.apiVersion, k.kind + "List"}
		if name, ok := named[list]; ok {
			if err := b.root(kinds, list, name); err != nil {
				return nil, nil, err
			}
		}
	}
	b.relaxStatus(kinds)
	return b.out, kinds, nil
}

type builtins struct {
	raw map[string]object
	out map[string]object
}

// created are the kinds that a POST to a collection makes: what a manifest can
// hold. A path with {name} in it is a subresource.
func created(paths map[string]map[string]json.RawMessage) (map[gvk]bool, error) {
	kinds := map[gvk]bool{}
	for path, methods := range paths {
		post, ok := methods["post"]
		if !ok || strings.Contains(path, "{name}") {
			continue
		}
		var operation struct {
			ID object `json:"x-kubernetes-group-version-kind"`
		}
		if err := json.Unmarshal(post, &operation); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if operation.ID != nil {
			kinds[gvkOf(operation.ID)] = true
		}
	}
	return kinds, nil
}

func gvkOf(id object) gvk {
	group, _ := id["group"].(string)
	version, _ := id["version"].(string)
	kind, _ := id["kind"].(string)
	if group != "" {
		version = group + "/" + version
	}
	return gvk{version, kind}
}

// root adds the schema of a whole object: the definition, for this apiVersion
// and kind alone.
func (b *builtins) root(kinds map[gvk]string, k gvk, name string) error {
	properties, _ := b.out[name]["properties"].(object)
	if properties["apiVersion"] == nil || properties["kind"] == nil {
		return fmt.Errorf("%s: an object without apiVersion and kind", k)
	}
	root := maps.Clone(b.out[name])
	root["type"] = "object"
	identify(root, k)
	key := "root " + k.String()
	b.out[key] = root
	kinds[k] = key
	return nil
}

// identify holds a schema of an object to one apiVersion and kind.
func identify(root object, k gvk) {
	properties, _ := root["properties"].(object)
	properties = maps.Clone(properties)
	properties["apiVersion"] = object{"enum": []any{k.apiVersion}}
	properties["kind"] = object{"enum": []any{k.kind}}
	root["properties"] = properties
	required := []any{"apiVersion", "kind"}
	for _, r := range list(root["required"]) {
		if r != "apiVersion" && r != "kind" {
			required = append(required, r)
		}
	}
	root["required"] = required
}

// relaxStatus drops "required" from every definition that is reached through
// status alone: the API server discards status when it creates an object.
func (b *builtins) relaxStatus(kinds map[gvk]string) {
	outside := map[string]bool{}
	var reach func(name string)
	reach = func(name string) {
		if outside[name] {
			return
		}
		outside[name] = true
		schema := maps.Clone(b.out[name])
		if properties, ok := schema["properties"].(object); ok {
			properties = maps.Clone(properties)
			if properties["apiVersion"] != nil && properties["kind"] != nil {
				delete(properties, "status")
			}
			schema["properties"] = properties
		}
		for ref := range references(schema) {
			reach(ref)
		}
	}
	for _, name := range kinds {
		reach(name)
	}
	for name, schema := range b.out {
		if !outside[name] && schema["required"] != nil {
			schema = maps.Clone(schema)
			delete(schema, "required")
			b.out[name] = schema
		}
	}
}

func (b *builtins) definition(name string) (object, error) {
	if s, ok := special[name]; ok {
		return s, nil
	}
	raw := b.raw[name]
	if raw["type"] != "object" {
		return nil, fmt.Errorf("a definition of type %v: give it a form in special", raw["type"])
	}
	out := object{"type": []any{"object", "null"}, "additionalProperties": false}
	copyExtensions(out, raw)
	delete(out, "x-kubernetes-group-version-kind")
	required := b.required(name)
	if len(required) > 0 {
		out["required"] = required
	}
	properties := object{}
	raws, _ := raw["properties"].(object)
	for field, schema := range raws {
		at := optional
		if slices.Contains(required, any(field)) {
			at = mandatory
		}
		property, err := b.schema(schema.(object), at)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field, err)
		}
		properties[field] = property
	}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	return out, nil
}

func (b *builtins) required(name string) []any {
	return slices.DeleteFunc(slices.Clone(list(b.raw[name]["required"])), func(field any) bool {
		return slices.Contains(acceptedWithout[name], field.(string))
	})
}

// A position says what null means for a value.
type position int

const (
	optional  position = iota // a field that may be left out
	mandatory                 // a field that may not
	element                   // a list item or a map value
)

func (b *builtins) schema(raw object, at position) (object, error) {
	if ref, ok := raw["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/definitions/")
		target, ok := b.raw[name]
		if !ok {
			return nil, fmt.Errorf("no definition %s", name)
		}
		nullable := at == optional || at == element && (special[name] != nil || len(b.required(name)) == 0)
		if nullable {
			return object{"$ref": name}, nil
		}
		return object{"allOf": []any{object{"$ref": name}}, "type": notNull(name, target)}, nil
	}
	out := object{}
	copyExtensions(out, raw)
	kind, _ := raw["type"].(string)
	switch kind {
	case "string":
		switch format, _ := raw["format"].(string); format {
		case "":
		case "byte":
			out["pattern"] = base64Pattern
		default:
			return nil, fmt.Errorf("string format %q is unknown", format)
		}
	case "integer":
		if raw["format"] == "int32" {
			out["minimum"], out["maximum"] = minInt32, maxInt32
		}
	case "number", "boolean":
	case "array":
		items, err := b.schema(raw["items"].(object), element)
		if err != nil {
			return nil, err
		}
		out["items"] = items
	case "object":
		if values, ok := raw["additionalProperties"].(object); ok {
			schema, err := b.schema(values, element)
			if err != nil {
				return nil, err
			}
			out["additionalProperties"] = schema
		}
	default:
		return nil, fmt.Errorf("type %q is unknown", kind)
	}
	out["type"] = []any{kind, "null"}
	if at == mandatory {
		out["type"] = kind
	}
	return out, nil
}

// notNull is the type of a definition without null.
func notNull(name string, raw object) any {
	s, ok := special[name]
	if !ok {
		return raw["type"]
	}
	types := list(s["type"])
	if len(types) == 0 {
		types = []any{"object", "array", "string", "number", "boolean"}
	}
	return slices.DeleteFunc(slices.Clone(types), func(t any) bool { return t == "null" })
}

// copyExtensions keeps what Kubernetes adds to JSON Schema, for readers that
// know it; validators pass over it.
func copyExtensions(to, from object) {
	for key, value := range from {
		if strings.HasPrefix(key, "x-kubernetes-") {
			to[key] = value
		}
	}
}

func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// references yields the names that a schema refers to.
func references(v any) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		var walk func(v any) bool
		walk = func(v any) bool {
			switch v := v.(type) {
			case object:
				for key, value := range v {
					if name, ok := value.(string); ok && key == "$ref" {
						if !yield(name) {
							return false
						}
					} else if !walk(value) {
						return false
					}
				}
			case []any:
				for _, value := range v {
					if !walk(value) {
						return false
					}
				}
			}
			return true
		}
		walk(v)
	}
}
