// Package custom judges custom resources and their definitions as the API server would on a server-side apply
// that creates them, with the server's own code.
package custom

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Fault is one thing that the API server holds against an object.
type Fault struct {
	Path    []any  // keys (string) and indexes (int) that lead to the field; empty for the whole object
	Message string // the server's own, without the path
	Type    string // the server's type of error, as FieldValueInvalid; or one of ApplyError, StrictDecodingError, DecodingError
}

// ErrUnknown says that no definition serves the object's kind in its version.
var ErrUnknown = errors.New("no CustomResourceDefinition serves it")

// Definitions are the CustomResourceDefinitions that a run knows. They are safe for concurrent use: nothing of a
// definition is decoded or compiled before the first object of its kind, and then once.
type Definitions struct {
	kinds map[schema.GroupKind]*definition
	next  *Definitions // asked for what kinds lacks
}

// With returns definitions that prefer crds, the CustomResourceDefinitions that were rendered beside the objects.
// One that the API server would refuse is left out, and its faults returned: their paths begin with its index in
// crds. Of several for one kind the first counts, as the server would not accept the names of the others.
func (d *Definitions) With(crds []map[string]any) (*Definitions, []Fault) {
	if len(crds) == 0 {
		return d, nil
	}
	with := &Definitions{kinds: map[schema.GroupKind]*definition{}, next: d}
	var faults []Fault
	for i, value := range crds {
		crd, found, err := decodeDefinition(value)
		if err == nil && len(found) == 0 {
			found, err = judgeDefinition(crd)
		}
		if err != nil {
			found = []Fault{{Message: err.Error(), Type: "InternalError"}}
		}
		for _, f := range found {
			f.Path = append([]any{i}, f.Path...)
			faults = append(faults, f)
		}
		if len(found) > 0 {
			continue
		}
		kind := schema.GroupKind{Group: crd.Spec.Group, Kind: crd.Spec.Names.Kind}
		if _, taken := with.kinds[kind]; taken {
			faults = append(faults, Fault{
				Path:    []any{i, "spec", "names", "kind"},
				Message: fmt.Sprintf("%q is already in use", kind.Kind),
				Type:    "FieldValueInvalid",
			})
			continue
		}
		versions := map[string]bool{}
		for _, v := range crd.Spec.Versions {
			if v.Served {
				versions[v.Name] = true
			}
		}
		with.kinds[kind] = newDefinition(crd.Spec.Scope == apiextensionsv1.NamespaceScoped, versions,
			func() (*apiextensionsv1.CustomResourceDefinition, error) { return crd, nil })
	}
	return with, faults
}

func (d *Definitions) find(gvk schema.GroupVersionKind) *definition {
	for ; d != nil; d = d.next {
		if found := d.kinds[gvk.GroupKind()]; found != nil {
			if !found.served[gvk.Version] {
				return nil // a definition that was rendered says what is served
			}
			return found
		}
	}
	return nil
}

// Knows tells whether a definition serves the kind in the version.
func (d *Definitions) Knows(gvk schema.GroupVersionKind) bool { return d.find(gvk) != nil }

// Namespaced tells whether objects of a known kind are in a namespace; false for an unknown one.
func (d *Definitions) Namespaced(gvk schema.GroupVersionKind) bool {
	found := d.find(gvk)
	return found != nil && found.namespaced
}

// Validate returns what the API server would say to the object, which it does not change: the faults of the first
// of its phases that finds any, in the order of their paths. An object without a namespace is judged as in default.
// Keys that repeat in its text are not seen here. The error is ErrUnknown for a kind that no definition serves; any other means that
// the verdict could not be made.
func (d *Definitions) Validate(ctx context.Context, value map[string]any) (faults []Fault, err error) {
	gvk := kindOf(value)
	defer func() {
		if r := recover(); r != nil {
			faults, err = nil, fmt.Errorf("judge %s: the API server's code panics: %v\n%s", gvk, r, debug.Stack())
		}
	}()
	found := d.find(gvk)
	if found == nil {
		return nil, fmt.Errorf("judge %s: %w", gvk, ErrUnknown)
	}
	k, err := found.version(gvk)
	if err != nil {
		return nil, fmt.Errorf("read the definition of %s: %w", gvk, err)
	}
	return k.judge(ctx, value), nil
}

func kindOf(value map[string]any) schema.GroupVersionKind {
	apiVersion, _ := value["apiVersion"].(string)
	kind, _ := value["kind"].(string)
	return schema.FromAPIVersionAndKind(apiVersion, kind)
}
