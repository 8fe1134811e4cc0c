package builtin

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
)

// Stored is an object as the server gives it back in the version in which it was applied: with defaults, each value written in
// the one way that its type has, and without what the type leaves out. Of fields that the type does not have there is nothing.
// Status tells whether the server keeps a status that somebody applies. An error means that it cannot be read as its kind.
func (s *Server) Stored(ctx context.Context, kind schema.GroupVersionKind, value map[string]any) (stored map[string]any, status bool, err error) {
	strategy := s.strategies[kind.GroupKind()]
	if strategy == nil {
		return nil, false, fmt.Errorf("%s is not a kind of Kubernetes", kind)
	}
	defer recovered("store", kind, &err)
	decoded, err := legacyscheme.Scheme.New(kind)
	if err != nil {
		return nil, false, err
	}
	// What is converted must not share lists and maps with what was given.
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(runtime.DeepCopyJSON(value), decoded); err != nil {
		return nil, false, fmt.Errorf("decode %s: %w", kind.Kind, err)
	}
	legacyscheme.Scheme.Default(decoded)
	// Through the internal version: a field that stands for another one, such as serviceAccount, is the same there.
	object, err := legacyscheme.Scheme.ConvertToVersion(decoded, schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal})
	if err != nil {
		return nil, false, fmt.Errorf("convert %s: %w", kind.Kind, err)
	}
	back, err := legacyscheme.Scheme.ConvertToVersion(object, kind.GroupVersion())
	if err != nil {
		return nil, false, fmt.Errorf("convert %s: %w", kind.Kind, err)
	}
	if stored, err = runtime.DefaultUnstructuredConverter.ToUnstructured(back); err != nil {
		return nil, false, fmt.Errorf("encode %s: %w", kind.Kind, err)
	}
	if value["status"] == nil {
		return stored, false, nil
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		return nil, false, err
	}
	strategy.PrepareForCreate(genericapirequest.WithNamespace(ctx, accessor.GetNamespace()), object)
	if back, err = legacyscheme.Scheme.ConvertToVersion(object, kind.GroupVersion()); err != nil {
		return nil, false, fmt.Errorf("convert %s: %w", kind.Kind, err)
	}
	created, err := runtime.DefaultUnstructuredConverter.ToUnstructured(back)
	return stored, equality.Semantic.DeepEqual(created["status"], stored["status"]), err
}
