package typed

import (
	"slices"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/schema"
)

// Atom is schema.Atom with names of its own: the library's is made for YAML, and its embedded pointers collide in JSON.
type Atom struct {
	Scalar schema.Scalar `json:"s,omitempty"`
	List   *List         `json:"l,omitempty"`
	Map    *Map          `json:"m,omitempty"`
}

// List is schema.List.
type List struct {
	Element      Ref                        `json:"e"`
	Relationship schema.ElementRelationship `json:"r,omitempty"`
	Keys         []string                   `json:"k,omitempty"`
}

// Map is schema.Map; OpenAPI gives no unions.
type Map struct {
	Fields       []Field                    `json:"f,omitempty"`
	Element      Ref                        `json:"e"`
	Relationship schema.ElementRelationship `json:"r,omitempty"`
}

// Field is schema.StructField.
type Field struct {
	Name    string `json:"n"`
	Type    Ref    `json:"t"`
	Default any    `json:"d,omitempty"`
}

// Ref is schema.TypeRef.
type Ref struct {
	Named        string                      `json:"n,omitempty"`
	Inlined      *Atom                       `json:"i,omitempty"`
	Relationship *schema.ElementRelationship `json:"r,omitempty"`
	Nullable     bool                        `json:"u,omitempty"`
}

// Encode is the inverse of Atom.decode.
func Encode(a schema.Atom) *Atom {
	if a == (schema.Atom{}) {
		return nil
	}
	out := &Atom{}
	if a.Scalar != nil {
		out.Scalar = *a.Scalar
	}
	if a.List != nil {
		out.List = &List{Element: encodeRef(a.List.ElementType), Relationship: a.List.ElementRelationship, Keys: a.List.Keys}
	}
	if a.Map != nil {
		out.Map = &Map{Element: encodeRef(a.Map.ElementType), Relationship: a.Map.ElementRelationship}
		for _, f := range a.Map.Fields {
			out.Map.Fields = append(out.Map.Fields, Field{Name: f.Name, Type: encodeRef(f.Type), Default: f.Default})
		}
		// OpenAPI has no order of properties.
		slices.SortFunc(out.Map.Fields, func(a, b Field) int { return strings.Compare(a.Name, b.Name) })
	}
	return out
}

func encodeRef(r schema.TypeRef) Ref {
	out := Ref{Inlined: Encode(r.Inlined), Relationship: r.ElementRelationship, Nullable: r.Nullable}
	if r.NamedType != nil {
		out.Named = *r.NamedType
	}
	return out
}

func (a *Atom) decode() schema.Atom {
	var out schema.Atom
	if a == nil {
		return out
	}
	if a.Scalar != "" {
		out.Scalar = &a.Scalar
	}
	if a.List != nil {
		out.List = &schema.List{ElementType: a.List.Element.decode(), ElementRelationship: a.List.Relationship, Keys: a.List.Keys}
	}
	if a.Map != nil {
		out.Map = &schema.Map{ElementType: a.Map.Element.decode(), ElementRelationship: a.Map.Relationship}
		for _, f := range a.Map.Fields {
			out.Map.Fields = append(out.Map.Fields, schema.StructField{Name: f.Name, Type: f.Type.decode(), Default: f.Default})
		}
	}
	return out
}

func (r Ref) decode() schema.TypeRef {
	out := schema.TypeRef{Inlined: r.Inlined.decode(), ElementRelationship: r.Relationship, Nullable: r.Nullable}
	if r.Named != "" {
		out.NamedType = &r.Named
	}
	return out
}
