package custom

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	schemaobjectmeta "k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/operation"
	"k8s.io/apimachinery/pkg/api/validate/content"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/features"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
)

// kind is one version of a definition, compiled: what the server keeps for each kind that it serves.
type kind struct {
	gvk        schema.GroupVersionKind
	namespaced bool
	structural *structural.Structural
	typing     *typing
	schema     validation.SchemaValidator
	rules      *cel.Validator // of what it is compiled for; nil for none
	ruled      bool           // the definition has rules
	status     bool           // status is a subresource
	webhook    bool           // one converts objects of other versions
	scale      *apiextensionsv1.CustomResourceSubresourceScale
}

// compile reads the schema of a version, without what objects of a shape do not ask of it; nil is all.
func compile(crd *apiextensionsv1.CustomResourceDefinition, version string, of *shape) (*kind, error) {
	k := &kind{
		gvk:        schema.GroupVersionKind{Group: crd.Spec.Group, Version: version, Kind: crd.Spec.Names.Kind},
		namespaced: crd.Spec.Scope == apiextensionsv1.NamespaceScoped,
		webhook:    convertsByWebhook(crd),
	}
	subresources, err := apihelpers.GetSubresourcesForVersion(crd, version)
	if err != nil {
		return nil, err
	}
	if subresources != nil {
		k.status = subresources.Status != nil
		k.scale = subresources.Scale
	}
	raw, err := apihelpers.GetSchemaForVersion(crd, version)
	if err != nil {
		return nil, err
	}
	if raw == nil || raw.OpenAPIV3Schema == nil {
		return nil, fmt.Errorf("version %s has no schema", version)
	}
	k.ruled = hasRules(raw.OpenAPIV3Schema)
	if of != nil {
		raw = &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: reduced(raw.OpenAPIV3Schema, of)}
	}
	internal := &apiextensions.CustomResourceValidation{}
	if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(raw, internal, nil); err != nil {
		return nil, err
	}
	if k.structural, err = structural.NewStructural(internal.OpenAPIV3Schema); err != nil {
		return nil, err
	}
	if k.typing, err = newTyping(k.structural); err != nil {
		return nil, err
	}
	// The server copies the structural schema here, for it shares its defaults with the internal form. That form is
	// this function's own, and nothing reads the defaults of it.
	if err := defaulting.PruneDefaults(k.structural); err != nil {
		return nil, err
	}
	fill(k.gvk.GroupKind(), k.structural)
	if k.schema, _, err = validation.NewSchemaValidator(internal.OpenAPIV3Schema); err != nil {
		return nil, err
	}
	k.rules = cel.NewValidator(k.structural, true, celconfig.PerCallLimit)
	return k, nil
}

// judge follows a server-side apply of an object that is not there yet: field manager, defaults, metadata that the
// server sets, the strategy's PrepareForCreate and Validate, and last the metadata rules of all kinds.
func (k *kind) judge(ctx context.Context, value map[string]any) []Fault {
	object, faults := k.create(value)
	if len(faults) > 0 {
		return faults
	}
	errs, broken := k.validate(ctx, object)
	if len(errs)+len(broken) == 0 {
		errs = apivalidation.ValidateObjectMetaAccessor(object, k.namespaced, pathSegment, field.NewPath("metadata"))
	}
	return k.faultsOf(object.Object, errs, broken)
}

// faultsOf are the faults of what validation says, and of the CEL rules that are broken.
func (k *kind) faultsOf(content map[string]any, errs, broken field.ErrorList) []Fault {
	faults := fieldFaults(content, broken)
	for i := range faults {
		faults[i].Whole, faults[i].Inputs = true, k.inputs(faults[i])
	}
	return sorted(append(faults, fieldFaults(content, errs)...))
}

// structure is what judge finds by the schema alone: without CEL rules, and without what is said of the metadata of every kind.
func (k *kind) structure(ctx context.Context, value map[string]any) []Fault {
	object := runtime.DeepCopyJSON(value)
	faults := k.typing.faults(object)
	if slices.ContainsFunc(faults, func(f Fault) bool { return !Undeclared(f) }) {
		return faults
	}
	// What is not declared changes nothing about the rest, which the server does not come to.
	defaulting.Default(object, k.structural)
	k.dropStatus(object)
	errs := validation.ValidateCustomResource(nil, object, k.schema)
	errs = append(errs, schemaobjectmeta.Validate(ctx, nil, object, k.structural, false)...)
	return sorted(append(faults, fieldFaults(object, append(errs, listtype.ValidateListSetsAndMaps(nil, k.structural, object)...))...))
}

// create returns the object as the server holds it when it validates it, or why it does not come that far.
func (k *kind) create(value map[string]any) (*unstructured.Unstructured, []Fault) {
	object := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(value)}
	if hasManagedFields(object.Object) {
		return nil, []Fault{{Path: []any{"metadata", "managedFields"}, Message: "metadata.managedFields must be nil", Type: typeApply}}
	}
	if faults := k.typing.faults(object.Object); len(faults) > 0 {
		return nil, faults
	}
	unstructured.RemoveNestedField(object.Object, "metadata", "managedFields") // the field manager writes its own
	defaulting.Default(object.Object, k.structural)
	if refused := k.complete(object); refused != nil {
		return nil, []Fault{*refused}
	}
	return object, nil
}

// hasManagedFields is unstructured.GetManagedFields() != nil without what that writes to the log.
func hasManagedFields(object map[string]any) bool {
	metadata, _ := object["metadata"].(map[string]any)
	entries, ok := metadata["managedFields"].([]any)
	for _, entry := range entries {
		fields, isMap := entry.(map[string]any)
		ok = ok && isMap && runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &metav1.ManagedFieldsEntry{}) == nil
	}
	return ok
}

// complete sets what the server sets before it validates.
func (k *kind) complete(object *unstructured.Unstructured) *Fault {
	if uid := object.GetUID(); uid != "" {
		return &Fault{
			Path:    []any{"metadata", "uid"},
			Message: fmt.Sprintf("uid mismatch: the provided object specified uid %s, and no existing object was found", uid),
			Type:    typeApply,
		}
	}
	if version := object.GetResourceVersion(); version != "" {
		if _, err := strconv.ParseUint(version, 10, 64); err != nil {
			return &Fault{Path: []any{"metadata", "resourceVersion"}, Message: err.Error(), Type: typeApply}
		}
	}
	switch {
	case !k.namespaced:
		object.SetNamespace("")
	case object.GetNamespace() == "":
		object.SetNamespace(metav1.NamespaceDefault)
	}
	if prefix := object.GetGenerateName(); prefix != "" && object.GetName() == "" {
		object.SetName(prefix[:min(len(prefix), maxPrefix)] + "00000") // the server's five characters are random
	}
	object.SetCreationTimestamp(metav1.Unix(0, 0))
	object.SetUID("00000000-0000-0000-0000-000000000000")
	object.SetDeletionTimestamp(nil)
	object.SetDeletionGracePeriodSeconds(nil)
	object.SetSelfLink("")
	k.dropStatus(object.Object)
	object.SetGeneration(1)
	return nil
}

// dropStatus is what the server does to a new object whose status is a subresource, before it validates.
func (k *kind) dropStatus(object map[string]any) {
	if k.status {
		delete(object, "status")
	}
}

// maxPrefix is how much of generateName the server takes: names are cut so that they fit a label.
const maxPrefix = 63 - 5

// validate is the Validate of the server's strategy for custom resources, whose package would bring the whole
// registry with it. Rules in CEL are broken besides.
func (k *kind) validate(ctx context.Context, object *unstructured.Unstructured) (errs, broken field.ErrorList) {
	content := object.UnstructuredContent()
	metadata, invalid := objectMeta(content)
	if len(invalid) > 0 {
		errs = append(errs, invalid...)
	} else {
		errs = append(errs, apivalidation.ValidateObjectMetaDeclaratively(ctx, operation.Create, metadata, nil, k.namespaced, apivalidation.NameIsDNSSubdomain,
			field.NewPath("metadata"), utilfeature.DefaultFeatureGate.Enabled(features.DeclarativeValidationBeta))...)
	}
	errs = append(errs, validation.ValidateCustomResource(nil, content, k.schema)...)
	if k.scale != nil {
		errs = append(errs, validateScale(content, k.scale)...)
	}
	errs = append(errs, schemaobjectmeta.Validate(ctx, nil, content, k.structural, false)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, k.structural, content)...)
	if k.ruled && slices.ContainsFunc(errs, blocks) {
		return append(errs, rulesUnchecked()), nil
	}
	if k.rules == nil {
		return errs, nil
	}
	broken, _ = k.rules.Validate(ctx, nil, k.structural, content, nil, celconfig.RuntimeCELCostBudget)
	return errs, broken
}

func objectMeta(content map[string]any) (*metav1.ObjectMeta, field.ErrorList) {
	metadata := &metav1.ObjectMeta{}
	raw, ok := content["metadata"].(map[string]any)
	if !ok {
		if content["metadata"] == nil {
			return metadata, nil
		}
		return nil, field.ErrorList{field.Invalid(field.NewPath("metadata"), content["metadata"], fmt.Sprintf("expected map[string]interface{}, got %T", content["metadata"]))}
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, metadata); err != nil {
		return nil, field.ErrorList{field.Invalid(field.NewPath("metadata"), raw, err.Error())}
	}
	return metadata, nil
}

// validateScale holds the fields that the scale subresource stands for to what a Scale can hold.
func validateScale(content map[string]any, scale *apiextensionsv1.CustomResourceSubresourceScale) field.ErrorList {
	steps := func(path string) []string { return strings.Split(strings.TrimPrefix(path, "."), ".") }
	var errs field.ErrorList
	for _, path := range []string{scale.SpecReplicasPath, scale.StatusReplicasPath} {
		replicas, _, err := unstructured.NestedInt64(content, steps(path)...)
		switch {
		case err != nil:
			errs = append(errs, field.Invalid(field.NewPath(path), replicas, err.Error()))
		case replicas < 0:
			errs = append(errs, field.Invalid(field.NewPath(path), replicas, "should be a non-negative integer"))
		case replicas > math.MaxInt32:
			errs = append(errs, field.Invalid(field.NewPath(path), replicas, fmt.Sprintf("should be less than or equal to %v", math.MaxInt32)))
		}
	}
	if path := scale.LabelSelectorPath; path != nil {
		if selector, _, err := unstructured.NestedString(content, steps(*path)...); err != nil {
			errs = append(errs, field.Invalid(field.NewPath(*path), selector, err.Error()))
		}
	}
	return errs
}

func pathSegment(name string, prefix bool) []string {
	if prefix {
		return content.IsPathSegmentPrefix(name)
	}
	return content.IsPathSegmentName(name)
}
