package custom

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	schemaobjectmeta "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	schemavalidation "k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/operation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/admission"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/common"
	"k8s.io/apiserver/pkg/features"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// Update returns what the API server would say when the manager that applied an object applies another state of it, which it
// changes neither of. The old one may be of another version, where no webhook converts it: then nothing is said. Otherwise
// it is Validate, with what the schema forgives what was so before, and rules that see oldSelf.
func (d *Definitions) Update(ctx context.Context, old, value map[string]any) ([]Fault, error) {
	return d.hold(value, func(k *kind) []Fault {
		live := k.live(old)
		if live == nil {
			return nil
		}
		_, faults := k.update(ctx, live, value)
		return faults
	}, old)
}

// Change is an object that is there and the one that takes its place, as validating admission is shown them, and what it asks
// about them.
type Change struct {
	Old, New   *unstructured.Unstructured
	Interfaces admission.ObjectInterfaces
}

// Changes are what becomes of an object by each definition that serves its kind, those that are alike once. There is none
// where the server refuses before it asks anybody; Update says why.
func (d *Definitions) Changes(ctx context.Context, old, value map[string]any) (all []Change, err error) {
	gvk := kindOf(value)
	defer func() {
		if r := recover(); r != nil {
			all, err = nil, fmt.Errorf("update %s: the API server's code panics: %v\n%s", gvk, r, debug.Stack())
		}
	}()
	for _, s := range d.serving(gvk) {
		k, err := s.versionFor(gvk, old, value)
		if err != nil {
			return nil, fmt.Errorf("read the definition of %s: %w", gvk, err)
		}
		live := k.live(old)
		if live == nil {
			continue
		}
		object, faults := k.update(ctx, live, value)
		if object == nil || len(faults) > 0 {
			continue
		}
		interfaces, err := s.interfaces()
		if err != nil {
			return nil, fmt.Errorf("read the definition of %s: %w", gvk, err)
		}
		live.SetManagedFields(nil)
		object.SetManagedFields(nil)
		if !slices.ContainsFunc(all, func(c Change) bool { return reflect.DeepEqual(c.New, object) && reflect.DeepEqual(c.Old, live) }) {
			all = append(all, Change{live, object, interfaces})
		}
	}
	return all, nil
}

// applier is whoever applies both.
const applier = "kgate"

// live is what a cluster has of an object: applied, created, and read in the version of the kind; nil for one that cannot be
// there.
func (k *kind) live(old map[string]any) *unstructured.Unstructured {
	was := runtime.DeepCopyJSON(old)
	from := kindOf(was)
	if from.GroupKind() != k.gvk.GroupKind() || from.Version != k.gvk.Version && k.webhook || hasManagedFields(was) {
		return nil
	}
	was["apiVersion"] = k.gvk.GroupVersion().String()
	// What the definition does not have any more is not read back.
	pruning.Prune(was, k.structural, true)
	if len(k.typing.faults(was)) > 0 {
		return nil
	}
	object, err := k.apply(&unstructured.Unstructured{Object: map[string]any{"apiVersion": was["apiVersion"], "kind": k.gvk.Kind}}, was)
	if err != nil {
		return nil
	}
	owned := object.GetManagedFields()
	if k.complete(object) != nil {
		return nil
	}
	object.SetResourceVersion("1")
	object.SetManagedFields(owned)
	return object
}

// update follows a server-side apply of an object that is there, and returns what takes its place, nil where the server does not
// come that far.
func (k *kind) update(ctx context.Context, live *unstructured.Unstructured, value map[string]any) (*unstructured.Unstructured, []Fault) {
	if hasManagedFields(value) {
		return nil, []Fault{{Path: []any{"metadata", "managedFields"}, Message: "metadata.managedFields must be nil", Type: typeApply}}
	}
	is := runtime.DeepCopyJSON(value)
	if faults := k.typing.faults(is); len(faults) > 0 {
		return nil, faults
	}
	unstructured.RemoveNestedField(is, "metadata", "managedFields")
	object, err := k.apply(live.DeepCopy(), is)
	if err != nil {
		return nil, []Fault{{Message: err.Error(), Type: typeApply}}
	}
	if !k.namespaced {
		object.SetNamespace("")
	}
	// What rest.BeforeUpdate and the strategy's PrepareForUpdate do.
	if object.GetUID() == "" {
		object.SetUID(live.GetUID())
	}
	object.SetResourceVersion(live.GetResourceVersion()) // which one the cluster has by now nobody knows
	object.SetCreationTimestamp(live.GetCreationTimestamp())
	object.SetGeneration(live.GetGeneration())
	if k.status {
		delete(object.Object, "status") // the one that was applied last had none either
	}
	if !reflect.DeepEqual(withoutMetadata(object), withoutMetadata(live)) {
		object.SetGeneration(live.GetGeneration() + 1)
	}
	errs, broken := k.validateUpdate(ctx, object, live)
	if len(errs)+len(broken) == 0 {
		errs = apivalidation.ValidateObjectMetaAccessor(object, k.namespaced, pathSegment, field.NewPath("metadata"))
		errs = append(errs, apivalidation.ValidateObjectMetaAccessorUpdate(object, live, field.NewPath("metadata"))...)
	}
	return object, k.faultsOf(object.Object, errs, broken)
}

// validateUpdate is the ValidateUpdate of the server's strategy for custom resources, as validate is its Validate.
func (k *kind) validateUpdate(ctx context.Context, object, live *unstructured.Unstructured) (errs, broken field.ErrorList) {
	content, was := object.UnstructuredContent(), live.UnstructuredContent()
	correlated := common.NewCorrelatedObject(content, was, &model.Structural{Structural: k.structural})
	metadata, invalid := objectMeta(content)
	before, invalidBefore := objectMeta(was)
	if errs = append(invalid, invalidBefore...); len(errs) == 0 {
		errs = apivalidation.ValidateObjectMetaDeclaratively(ctx, operation.Update, metadata, before, k.namespaced, nil,
			field.NewPath("metadata"), utilfeature.DefaultFeatureGate.Enabled(features.DeclarativeValidationBeta))
	}
	errs = append(errs, schemavalidation.ValidateCustomResourceUpdate(nil, content, was, k.schema, schemavalidation.WithRatcheting(correlated))...)
	if k.scale != nil {
		errs = append(errs, validateScale(content, k.scale)...)
	}
	errs = append(errs, schemaobjectmeta.Validate(ctx, nil, content, k.structural, false)...)
	if len(listtype.ValidateListSetsAndMaps(nil, k.structural, was)) == 0 {
		errs = append(errs, listtype.ValidateListSetsAndMaps(nil, k.structural, content)...)
	}
	if k.ruled && slices.ContainsFunc(errs, blocks) {
		return append(errs, rulesUnchecked()), nil
	}
	if k.rules == nil {
		return errs, nil
	}
	broken, _ = k.rules.Validate(ctx, nil, k.structural, content, was, celconfig.RuntimeCELCostBudget, cel.WithRatcheting(correlated))
	// A status that an operator has written is not known here.
	return errs, slices.DeleteFunc(broken, func(e *field.Error) bool { return k.status && strings.Contains(e.Detail, "no such key: status") })
}

func withoutMetadata(o *unstructured.Unstructured) map[string]any {
	content := maps.Clone(o.Object)
	delete(content, "metadata")
	return content
}

// apply merges what is applied into what is there, as the field manager of custom resources does, and defaults what comes of it.
func (k *kind) apply(live *unstructured.Unstructured, value map[string]any) (*unstructured.Unstructured, error) {
	reset := map[fieldpath.APIVersion]fieldpath.Filter{}
	if k.status {
		reset[fieldpath.APIVersion(k.gvk.GroupVersion().String())] = fieldpath.NewExcludeSetFilter(fieldpath.NewSet(fieldpath.MakePathOrDie("status")))
	}
	manager, err := managedfields.NewDefaultCRDFieldManager(typeConverter{k}, converter{}, k, k, k.gvk, k.gvk.GroupVersion(), "", reset)
	if err != nil {
		return nil, err
	}
	merged, err := manager.Apply(live, &unstructured.Unstructured{Object: value}, applier, true)
	if err != nil {
		return nil, err
	}
	object, ok := merged.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("apply a %s: got a %T", k.gvk, merged)
	}
	return object, nil
}

// Default gives an object the defaults of the schema.
func (k *kind) Default(in runtime.Object) {
	if object, ok := in.(*unstructured.Unstructured); ok {
		defaulting.Default(object.Object, k.structural)
	}
}

// New is an object of the kind with nothing in it.
func (k *kind) New(gvk schema.GroupVersionKind) (runtime.Object, error) {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(gvk)
	return object, nil
}

// typeConverter types objects of a kind.
type typeConverter struct{ *kind }

func (c typeConverter) ObjectToTyped(object runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	u, ok := object.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("type a %T", object)
	}
	return c.typing.object.FromUnstructured(u.Object, options...)
}

func (typeConverter) TypedToObject(value *typed.TypedValue) (runtime.Object, error) {
	content, ok := value.AsValue().Unstructured().(map[string]any)
	if !ok {
		return nil, fmt.Errorf("a typed value is no object")
	}
	return &unstructured.Unstructured{Object: content}, nil
}

// UpdateDefinition returns what the API server would say to a change of a CustomResourceDefinition that is established. The
// cluster has stored objects in the version that the old one says; in which others it has nobody knows here.
func UpdateDefinition(old, value map[string]any) (faults []Fault, err error) {
	defer func() {
		if r := recover(); r != nil {
			faults, err = nil, fmt.Errorf("update %s: the API server's code panics: %v\n%s", definitionKind, r, debug.Stack())
		}
	}()
	was, _, err := internalDefinition(old)
	if err != nil || was == nil {
		return nil, err
	}
	is, content, err := internalDefinition(value)
	if err != nil || is == nil {
		return nil, err
	}
	was.Status.StoredVersions = stored(was, nil)
	apiextensions.SetCRDCondition(was, apiextensions.CustomResourceDefinitionCondition{Type: apiextensions.Established, Status: apiextensions.ConditionTrue})
	was.Generation, was.ResourceVersion, was.UID = 1, "1", "00000000-0000-0000-0000-000000000000"
	was.DeletionTimestamp, was.DeletionGracePeriodSeconds = nil, nil
	is.Status = *was.Status.DeepCopy()
	is.Status.StoredVersions = stored(is, was.Status.StoredVersions)
	is.Generation, is.ResourceVersion, is.UID = 1, "1", was.UID
	for _, e := range validation.ValidateCustomResourceDefinitionUpdate(context.Background(), is, was) {
		moved := *e
		moved.Field = published(e.Field)
		if strings.HasPrefix(moved.Field, "status.storedVersions") {
			moved.Field = "spec.versions"
			moved.Detail = fmt.Sprintf("the cluster has objects stored as %v, so that a version of that name must stay, served or not, until they are stored anew and status.storedVersions is cleared: %s", e.BadValue, e.Detail)
		}
		for _, f := range fieldFaults(content, field.ErrorList{&moved}) {
			f.Detail = moved.Detail
			faults = append(faults, f)
		}
	}
	return sorted(faults), nil
}

// internalDefinition is a definition in the server's internal form, and its content with defaults; nil for one that cannot be
// decoded.
func internalDefinition(value map[string]any) (*apiextensions.CustomResourceDefinition, map[string]any, error) {
	crd, faults, err := decodeDefinition(value)
	if err != nil || len(faults) > 0 {
		return nil, nil, err
	}
	internal := &apiextensions.CustomResourceDefinition{}
	if err := scheme().Convert(crd.DeepCopy(), internal, nil); err != nil {
		return nil, nil, fmt.Errorf("update %s %s: %w", definitionKind, crd.Name, err)
	}
	internal.Namespace = ""
	internal.Status = apiextensions.CustomResourceDefinitionStatus{}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(crd)
	return internal, content, err
}

// stored are the versions in which objects are stored once a definition is in force.
func stored(crd *apiextensions.CustomResourceDefinition, before []string) []string {
	for _, v := range crd.Spec.Versions {
		if v.Storage && !slices.Contains(before, v.Name) {
			return append(slices.Clone(before), v.Name)
		}
	}
	return before
}

// blocks reports a fault after which the server evaluates no rule.
func blocks(err *field.Error) bool {
	switch err.Type {
	case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
		return true
	}
	return false
}

func rulesUnchecked() *field.Error {
	return field.Invalid(nil, nil, "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation")
}

// convertsByWebhook reports a definition whose objects a webhook converts.
func convertsByWebhook(crd *apiextensionsv1.CustomResourceDefinition) bool {
	return crd.Spec.Conversion != nil && crd.Spec.Conversion.Strategy == apiextensionsv1.WebhookConverter
}
