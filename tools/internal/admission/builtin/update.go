package builtin

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
)

// Types have the type of each kind as server-side apply has it.
type Types interface {
	Type(kind schema.GroupVersionKind) (typed.ParseableType, error)
}

// Change is an object as manifests have it before and after a change.
type Change struct {
	OldKind, NewKind schema.GroupVersionKind // of one group and kind; versions may differ
	Old, New         map[string]any
	// ClientSide says that whoever applied the old object applies the new one as kubectl does it without --server-side.
	ClientSide bool
	// MutateOld and MutateNew are mutating admission, where the cluster has some: of the old object when it is created, and of the new
	// one when it takes the old one's place. They return what takes the object's place, or why it is refused.
	MutateOld func(object runtime.Object) (runtime.Object, error)
	MutateNew func(object, live runtime.Object) (runtime.Object, error)
}

// Updated is what becomes of an object that is there when it is applied again.
type Updated struct {
	Faults []fault.Fault // why the server refuses it
	// The object that is there and the one that takes its place, as validating admission is shown them: in the internal version.
	// Both are nil where the server refuses before it asks anybody.
	Old, New runtime.Object
	// Born says that the cluster can have the old object: the server takes it when it is created. Nothing is said of others.
	Born bool
}

// Update passes a change through the code that the server runs when whoever applied the old object applies the new one, server-side
// unless the change says otherwise. The old one is as a cluster has it: created, defaulted, and with what a controller of every cluster adds where
// validation asks for it. Both have passed the typing of package typed.
func (s *Server) Update(ctx context.Context, types Types, c Change) (u Updated, err error) {
	strategy, ok := s.strategies[c.NewKind.GroupKind()].(rest.RESTUpdateStrategy)
	if !ok || c.OldKind.GroupKind() != c.NewKind.GroupKind() {
		return Updated{}, fmt.Errorf("update %s to %s: not one kind of Kubernetes", c.OldKind, c.NewKind)
	}
	defer recovered("update", c.NewKind, &err)
	given(&c)
	live, err := s.live(ctx, types, c.OldKind, c.Old, c.MutateOld)
	if err != nil || live == nil {
		return Updated{}, err
	}
	if refused := Unappliable(c.New); refused != nil {
		return Updated{Faults: []fault.Fault{*refused}, Born: true}, nil
	}
	var object runtime.Object
	if c.ClientSide {
		object, err = s.applyClientSide(live, c)
	} else {
		object, err = applyServerSide(types, strategy, live, c)
	}
	if err != nil {
		return Updated{Faults: []fault.Fault{decodingFault(c.New, err)}, Born: true}, nil
	}
	if c.MutateNew != nil {
		if object, err = c.MutateNew(object, live); err != nil {
			return Updated{Faults: []fault.Fault{{Message: err.Error()}}, Born: true}, nil
		}
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		return Updated{}, err
	}
	was, err := meta.Accessor(live)
	if err != nil {
		return Updated{}, err
	}
	ctx = requested(ctx, c.NewKind, was.GetNamespace(), accessor.GetName())
	// What rest.BeforeUpdate does, whose errors have no fields any more.
	if err := rest.EnsureObjectNamespaceMatchesRequestNamespace(was.GetNamespace(), accessor); err != nil {
		return Updated{Faults: []fault.Fault{{Path: []any{"metadata", "namespace"}, Message: "Forbidden: not allowed on this type"}}, Born: true}, nil
	}
	accessor.SetResourceVersion(was.GetResourceVersion()) // which one the cluster has by now nobody knows
	beforeUpdate(object, live)
	accessor.SetGeneration(was.GetGeneration())
	strategy.PrepareForUpdate(ctx, object, live)
	if accessor.GetUID() == "" {
		accessor.SetUID(was.GetUID())
	}
	accessor.SetCreationTimestamp(was.GetCreationTimestamp())
	errs := rest.ValidateUpdate(ctx, object, live, strategy)
	if len(errs) == 0 {
		errs = afterValidation(object)
	}
	u = Updated{Born: true}
	for _, e := range errs {
		u.Faults = append(u.Faults, fault.Fault{Path: fault.Path(c.New, written(c.New, e.Field)), Message: e.ErrorBody(), Type: string(e.Type), Detail: e.Detail})
	}
	if len(u.Faults) == 0 {
		strategy.Canonicalize(object)
		accessor.SetManagedFields(nil)
		was.SetManagedFields(nil)
		u.Old, u.New = live, object
	}
	return u, nil
}

func applyServerSide(types Types, strategy any, live runtime.Object, c Change) (runtime.Object, error) {
	manager, err := fieldManager(types, strategy, c.NewKind)
	if err != nil {
		return nil, err
	}
	return manager.Apply(live.DeepCopyObject(), &unstructured.Unstructured{Object: runtime.DeepCopyJSON(c.New)}, applier, true)
}

// applyClientSide merges what differs between the manifests into the object that is there, as kubectl's patcher and Argo CD do: where a
// union keeps one of its fields alone (patchStrategy retainKeys, as a Deployment's strategy), what was filled in of another goes.
// https://github.com/kubernetes/kubectl/blob/master/pkg/cmd/apply/patcher.go
func (s *Server) applyClientSide(live runtime.Object, c Change) (runtime.Object, error) {
	versioned, err := legacyscheme.Scheme.ConvertToVersion(live.DeepCopyObject(), c.NewKind.GroupVersion())
	if err != nil {
		return nil, err
	}
	accessor, err := meta.Accessor(versioned)
	if err != nil {
		return nil, err
	}
	accessor.SetManagedFields(nil)
	var texts [3][]byte
	for i, value := range []any{c.Old, c.New, versioned} {
		if texts[i], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	typed, err := legacyscheme.Scheme.New(c.NewKind)
	if err != nil {
		return nil, err
	}
	fields, err := strategicpatch.NewPatchMetaFromStruct(typed)
	if err != nil {
		return nil, err
	}
	patch, err := strategicpatch.CreateThreeWayMergePatch(texts[0], texts[1], texts[2], fields, true)
	if err != nil {
		return nil, err
	}
	merged, err := strategicpatch.StrategicMergePatchUsingLookupPatchMeta(texts[2], patch, fields)
	if err != nil {
		return nil, err
	}
	return s.Decode(c.NewKind, merged)
}

// written is the field of an object for one that the server makes of it: addresses of the address, data of text.
func written(value map[string]any, field string) string {
	for _, of := range []struct{ kind, within, made, from string }{
		{"Service", "spec", "clusterIPs", "clusterIP"},
		{"Secret", "", "data", "stringData"},
	} {
		fields, made, from := value, of.made, of.from
		if of.within != "" {
			fields, _ = value[of.within].(map[string]any)
			made, from = of.within+"."+made, of.within+"."+from
		}
		if value["kind"] != of.kind || !strings.HasPrefix(field, made) || fields[of.made] != nil || fields[of.from] == nil && of.kind == "Secret" {
			continue
		}
		_, after, _ := strings.Cut(field, "]")
		if of.kind == "Secret" {
			after = strings.TrimPrefix(field, made)
		}
		return from + after
	}
	return field
}

// applier is whoever applies both.
const applier = "kgate"

// live is what a cluster has of an object: applied by a manager that owns the fields that it has, then created. It is nil for
// one that the server does not create.
func (s *Server) live(ctx context.Context, types Types, kind schema.GroupVersionKind, value map[string]any,
	mutate func(runtime.Object) (runtime.Object, error)) (runtime.Object, error) {
	strategy := s.strategies[kind.GroupKind()]
	if Unappliable(value) != nil {
		return nil, nil
	}
	manager, err := fieldManager(types, strategy, kind)
	if err != nil {
		return nil, err
	}
	empty, err := legacyscheme.Scheme.New(kind)
	if err != nil {
		return nil, err
	}
	object, err := manager.Apply(empty, &unstructured.Unstructured{Object: runtime.DeepCopyJSON(value)}, applier, true)
	if err != nil {
		return nil, nil
	}
	if mutate != nil {
		if object, err = mutate(object); err != nil {
			return nil, nil // nobody could create it
		}
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		return nil, err
	}
	owned := accessor.GetManagedFields()
	c, refused, err := prepare(ctx, strategy, kind, object)
	if err != nil || refused != nil {
		return nil, err
	}
	if len(rest.ValidateCreate(c.ctx, c.object, strategy)) > 0 {
		return nil, nil
	}
	strategy.Canonicalize(c.object)
	accessor.SetResourceVersion("1")
	accessor.SetManagedFields(owned)
	established(c.object)
	return stored(c.object, kind)
}

// stored is an object as it is read from where it was stored, in the internal version: defaults come upon what controllers wrote.
func stored(object runtime.Object, kind schema.GroupVersionKind) (runtime.Object, error) {
	versioned, err := legacyscheme.Scheme.ConvertToVersion(object, kind.GroupVersion())
	if err != nil {
		return nil, err
	}
	legacyscheme.Scheme.Default(versioned)
	return legacyscheme.Scheme.UnsafeConvertToVersion(versioned, schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal})
}

// fieldManager is the server's for objects of a kind.
func fieldManager(types Types, strategy any, kind schema.GroupVersionKind) (*managedfields.FieldManager, error) {
	reset := map[fieldpath.APIVersion]*fieldpath.Set{}
	if resets, ok := strategy.(rest.ResetFieldsStrategy); ok {
		reset = resets.GetResetFields()
	} else {
		reset[fieldpath.APIVersion(kind.GroupVersion().String())] = fieldpath.NewSet(fieldpath.MakePathOrDie("status"))
	}
	manager, err := managedfields.NewDefaultFieldManager(converter{types}, runtime.UnsafeObjectConvertor(legacyscheme.Scheme), legacyscheme.Scheme,
		legacyscheme.Scheme, kind, schema.GroupVersion{Group: kind.Group, Version: runtime.APIVersionInternal}, "", fieldpath.NewExcludeFilterSetMap(reset))
	if err != nil {
		return nil, fmt.Errorf("manage the fields of %s: %w", kind, err)
	}
	return manager, nil
}

// TypeConverter types objects of Kubernetes' kinds.
func TypeConverter(types Types) managedfields.TypeConverter { return converter{types} }

// converter types objects with the embedded types.
type converter struct{ Types }

func (c converter) ObjectToTyped(object runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	of, err := c.Type(object.GetObjectKind().GroupVersionKind())
	if err != nil {
		return nil, err
	}
	if u, ok := object.(*unstructured.Unstructured); ok {
		return of.FromUnstructured(u.UnstructuredContent(), options...)
	}
	return of.FromStructured(object, options...)
}

func (converter) TypedToObject(value *typed.TypedValue) (runtime.Object, error) {
	content, ok := value.AsValue().Unstructured().(map[string]any)
	if !ok {
		return nil, fmt.Errorf("a typed value is no object")
	}
	return &unstructured.Unstructured{Object: content}, nil
}
