package admission

import (
	"context"
	"errors"
	"slices"
	"strings"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"sigs.k8s.io/structured-merge-diff/v6/schema"

	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Stored is an object as the server keeps it and gives it back.
type Stored struct {
	// Value has defaults, and of Kubernetes' own kinds each value written in the one way that its type has. nil where the
	// server would not read the object, or nobody knows its kind.
	Value map[string]any
	Type  Type
	// Builtin reports a kind of Kubernetes' own. Lists in Value have the items that the object has, in their order.
	Builtin bool
	// Status reports that a status which somebody applies is kept.
	Status bool
}

// Stored is what becomes of an object of a target that is applied. Whether it is valid is not asked.
func (s *Server) Stored(ctx context.Context, object *manifest.Object, target *check.Target) (Stored, error) {
	if len(object.JSON) > custom.LargestRequest || custom.Excessive(object.Value) != nil {
		return Stored{Status: true}, nil
	}
	kind := kindOf(object)
	defines := kind.GroupKind() == definition.Kind
	if defines || s.builtin().Knows(kind) {
		of := Stored{Builtin: true, Status: true}
		if served, err := s.types.Knows(kind); err != nil {
			return Stored{}, err
		} else if served {
			t, err := s.types.Type(kind)
			if err != nil {
				return Stored{}, err
			}
			of.Type = Type{schema: t.Schema, ref: t.TypeRef, known: true}
		}
		// What the server cannot read is for admission/accepted to say; there is nothing that it would keep.
		if defines {
			if kind.Version == "v1" {
				of.Status = false
				of.Value, _ = custom.StoredDefinition(object.Value)
			}
		} else if value, status, err := s.builtin().Stored(ctx, kind, object.Value); err == nil {
			of.Value, of.Status = value, status
		}
		return of, ctx.Err()
	}
	kinds, err := s.kinds.Of(target)
	if err != nil {
		return Stored{}, err
	}
	found, err := kinds.For(ctx, kind.GroupKind())
	if err != nil {
		return Stored{}, err
	}
	kept, err := found.Stored(object.Value)
	if errors.Is(err, custom.ErrUnknown) {
		return Stored{Status: true}, nil
	}
	if err != nil {
		return Stored{}, err
	}
	return Stored{
		Value: kept.Value, Status: kept.Status,
		Type: Type{schema: kept.Type.Schema, ref: kept.Type.TypeRef, structural: kept.Schema, known: true},
	}, nil
}

// Type is what the server knows of a field. The zero Type is of a field that nobody knows.
type Type struct {
	schema     *schema.Schema
	ref        schema.TypeRef
	structural *structural.Structural // of a custom resource
	known      bool
}

// Known reports whether the kind has the field.
func (t Type) Known() bool { return t.known }

func (t Type) atom() schema.Atom {
	if t.schema == nil {
		return schema.Atom{}
	}
	atom, _ := t.schema.Resolve(t.ref)
	return atom
}

// Names are those of the fields that a mapping has by its type, sorted; none of one with keys of any name.
func (t Type) Names() []string {
	of := t.atom().Map
	if of == nil {
		return nil
	}
	var names []string
	for _, f := range of.Fields {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}

// IsList reports a field that holds a list; one that may hold anything is none.
func (t Type) IsList() bool {
	of := t.atom()
	return of.List != nil && of.Scalar == nil && of.Map == nil
}

// Field is the type of a field, or of the values of a map.
func (t Type) Field(name string) Type {
	field := Type{schema: t.schema}
	if of := t.structural; of != nil {
		if property, ok := of.Properties[name]; ok {
			field.structural = &property
		} else if of.AdditionalProperties != nil {
			field.structural = of.AdditionalProperties.Structural
		}
	}
	of := t.atom().Map
	if of == nil {
		return field
	}
	if declared, ok := of.FindField(name); ok {
		field.ref, field.known = declared.Type, true
	} else if of.ElementType != (schema.TypeRef{}) {
		field.ref, field.known = of.ElementType, true
	}
	return field
}

// Item is the type of the items of a list.
func (t Type) Item() Type {
	item := Type{schema: t.schema}
	if t.structural != nil {
		item.structural = t.structural.Items
	}
	if of := t.atom().List; of != nil {
		item.ref, item.known = of.ElementType, true
	}
	return item
}

// Keys are the fields by which the server tells the items of a list apart; none for another list.
func (t Type) Keys() []string {
	if of := t.atom().List; of != nil && of.ElementRelationship == schema.Associative {
		return of.Keys
	}
	return nil
}

// Set reports a list of texts or numbers in which each is once and the order means nothing.
func (t Type) Set() bool {
	of := t.atom().List
	return of != nil && of.ElementRelationship == schema.Associative && len(of.Keys) == 0
}

// quantity is how controller-gen begins the pattern of a resource.Quantity.
const quantity = `^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|`

// Quantity reports a field that is a quantity, or one of a custom resource that its operator reads as one.
func (t Type) Quantity() bool {
	if name := t.ref.NamedType; name != nil && *name == "io.k8s.apimachinery.pkg.api.resource.Quantity" {
		return true
	}
	of := t.structural
	return of != nil && of.ValueValidation != nil && strings.HasPrefix(of.ValueValidation.Pattern, quantity)
}

// Duration reports a field of a custom resource that its definition says to be a duration.
func (t Type) Duration() bool {
	of := t.structural
	return of != nil && of.ValueValidation != nil && of.ValueValidation.Format == "duration"
}
