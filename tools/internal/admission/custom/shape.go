package custom

import (
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// shape is which fields some objects have. Schemas of operators have those of whole pods in them, of which an object has a few:
// to compile the rest would take most of the time and memory of a verdict.
type shape struct {
	fields map[string]*shape
	items  *shape // of all elements together
}

// add takes in the fields of a value.
func (s *shape) add(value any) {
	switch value := value.(type) {
	case map[string]any:
		if s.fields == nil {
			s.fields = map[string]*shape{}
		}
		for key, below := range value {
			if s.fields[key] == nil {
				s.fields[key] = &shape{}
			}
			s.fields[key].add(below)
		}
	case []any:
		if s.items == nil {
			s.items = &shape{}
		}
		for _, item := range value {
			s.items.add(item)
		}
	}
}

// covers reports whether a value has no other fields.
func (s *shape) covers(value any) bool {
	switch value := value.(type) {
	case map[string]any:
		for key, below := range value {
			if at := s.fields[key]; at == nil || !at.covers(below) {
				return false
			}
		}
	case []any:
		return len(value) == 0 || s.items != nil && !slices.ContainsFunc(value, func(item any) bool { return !s.items.covers(item) })
	}
	return true
}

// merge takes in the fields of another.
func (s *shape) merge(other *shape) {
	if other == nil {
		return
	}
	for key, below := range other.fields {
		if s.fields == nil {
			s.fields = map[string]*shape{}
		}
		if s.fields[key] == nil {
			s.fields[key] = &shape{}
		}
		s.fields[key].merge(below)
	}
	if other.items != nil {
		if s.items == nil {
			s.items = &shape{}
		}
		s.items.merge(other.items)
	}
}

// reduced is a schema without what it says of fields that no object of the shape has: what is said of a field that is not there
// counts only where it has a default, where a rule in CEL asks for it, and where it is a key of a list.
func reduced(schema *apiextensionsv1.JSONSchemaProps, of *shape, keys ...string) *apiextensionsv1.JSONSchemaProps {
	if schema == nil || schema.Default != nil || schema.XEmbeddedResource || asks(schema) {
		return schema
	}
	if of == nil {
		of = &shape{}
	}
	less := *schema
	if len(schema.Properties) > 0 {
		less.Properties = map[string]apiextensionsv1.JSONSchemaProps{}
		for name, property := range schema.Properties {
			switch below := of.fields[name]; {
			case below != nil:
				less.Properties[name] = *reduced(&property, below)
			case property.Default != nil, slices.Contains(keys, name):
				less.Properties[name] = property
			}
		}
		if len(less.Properties) == 0 { // an object without properties may have any, as the field manager sees it
			name := slices.Min(slices.Collect(maps.Keys(schema.Properties)))
			property := schema.Properties[name]
			less.Properties[name] = *reduced(&property, nil)
		}
	}
	if more := schema.AdditionalProperties; more != nil && more.Schema != nil {
		others := &shape{}
		for _, below := range of.fields {
			others.merge(below)
		}
		less.AdditionalProperties = &apiextensionsv1.JSONSchemaPropsOrBool{Allows: more.Allows, Schema: reduced(more.Schema, others)}
	}
	if items := schema.Items; items != nil && items.Schema != nil {
		less.Items = &apiextensionsv1.JSONSchemaPropsOrArray{Schema: reduced(items.Schema, of.items, schema.XListMapKeys...), JSONSchemas: items.JSONSchemas}
	}
	return &less
}

// asks reports a schema with a rule in CEL about what it describes, itself or in what is said of the same value besides.
func asks(schema *apiextensionsv1.JSONSchemaProps) bool {
	if len(schema.XValidations) > 0 {
		return true
	}
	hasRule := func(more apiextensionsv1.JSONSchemaProps) bool { return hasRules(&more) }
	return slices.ContainsFunc(schema.AllOf, hasRule) || slices.ContainsFunc(schema.AnyOf, hasRule) ||
		slices.ContainsFunc(schema.OneOf, hasRule) || hasRules(schema.Not)
}

// hasRules reports a schema with a rule in CEL anywhere in it.
func hasRules(schema *apiextensionsv1.JSONSchemaProps) bool {
	if schema == nil {
		return false
	}
	if asks(schema) {
		return true
	}
	for _, property := range schema.Properties {
		if hasRules(&property) {
			return true
		}
	}
	return schema.Items != nil && hasRules(schema.Items.Schema) || schema.AdditionalProperties != nil && hasRules(schema.AdditionalProperties.Schema)
}
