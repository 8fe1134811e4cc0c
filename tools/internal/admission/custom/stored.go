package custom

import (
	"fmt"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// Kept is an object as the server keeps it.
type Kept struct {
	Value  map[string]any
	Status bool // a status that somebody applies is kept
	// Type is what server-side apply knows of the kind's fields, Schema what else its definition says of them.
	Type   typed.ParseableType
	Schema *structural.Structural
}

// Stored is an object as the server keeps it by the first definition that serves its kind: with defaults, and without nulls
// where the schema has none. Fields that the kind does not have are left as they are. The error is ErrUnknown for a kind that no
// definition serves.
func (d *Definitions) Stored(value map[string]any) (kept Kept, err error) {
	gvk := kindOf(value)
	defer func() {
		if r := recover(); r != nil {
			kept, err = Kept{}, fmt.Errorf("default %s: the API server's code panics: %v", gvk, r)
		}
	}()
	serving := d.serving(gvk)
	if len(serving) == 0 {
		return Kept{}, fmt.Errorf("default %s: %w", gvk, ErrUnknown)
	}
	k, err := serving[0].version(gvk)
	if err != nil {
		return Kept{}, fmt.Errorf("read the definition of %s: %w", gvk, err)
	}
	object := runtime.DeepCopyJSON(value)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, k.structural)
	defaulting.Default(object, k.structural)
	return Kept{Value: object, Status: !k.status, Type: k.typing.object, Schema: k.structural}, nil
}

// StoredDefinition is a CustomResourceDefinition as the server gives it back: with defaults, and without what is empty.
func StoredDefinition(value map[string]any) (map[string]any, error) {
	object, err := CreateDefinition(value)
	if err != nil {
		return nil, err
	}
	return object.Object, nil
}
