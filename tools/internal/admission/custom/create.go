package custom

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured/unstructuredscheme"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apiserver/pkg/admission"
)

// Creation is an object as the server hands it to validating admission when it is applied: with the defaults of its
// schema and the metadata that the server sets, and what admission asks about it.
type Creation struct {
	Object     *unstructured.Unstructured
	Interfaces admission.ObjectInterfaces
}

// Create returns what becomes of an object by each definition that serves its kind, those that are alike
// once. An error means that the server refuses the object before it comes that far, or that no definition
// serves it; Validate says why. Whether it is valid is not asked.
func (d *Definitions) Create(value map[string]any) (all []Creation, err error) {
	gvk := kindOf(value)
	defer func() {
		if r := recover(); r != nil {
			all, err = nil, fmt.Errorf("create %s: the API server's code panics: %v", gvk, r)
		}
	}()
	sides, either := d.serving(gvk), 0
	for _, s := range d.either[gvk.GroupKind()] {
		if s.served[gvk.Version] {
			either++
		}
	}
	if len(sides) == 0 {
		return nil, fmt.Errorf("create %s: %w", gvk, ErrUnknown)
	}
	var refused error
	taken := false // by one of those of which one is enough
	for i, s := range sides {
		alternative := i >= len(sides)-either
		if alternative && taken {
			break
		}
		k, err := s.versionFor(gvk, value)
		if err != nil {
			return nil, fmt.Errorf("read the definition of %s: %w", gvk, err)
		}
		object, faults := k.create(value)
		if len(faults) > 0 {
			refused = fmt.Errorf("create %s: %s", gvk, faults[0].Message)
			continue
		}
		taken = alternative
		interfaces, err := s.interfaces()
		if err != nil {
			return nil, fmt.Errorf("read the definition of %s: %w", gvk, err)
		}
		if !slices.ContainsFunc(all, func(c Creation) bool {
			return reflect.DeepEqual(c.Object, object) && reflect.DeepEqual(c.Interfaces, interfaces)
		}) {
			all = append(all, Creation{object, interfaces})
		}
	}
	if len(all) == 0 {
		return nil, refused
	}
	return all, nil
}

// Reception is an object as the server hands it to mutating admission, with what that asks about it.
type Reception struct {
	Object     *unstructured.Unstructured
	Interfaces admission.ObjectInterfaces
	Types      managedfields.TypeConverter
}

// Receive returns an object as the server hands it to mutating admission when it is applied, by the first definition that serves
// its kind: with the defaults of the schema, in its namespace. An error means that the server refuses it before it comes that far.
func (d *Definitions) Receive(value map[string]any) (r Reception, err error) {
	gvk := kindOf(value)
	defer func() {
		if p := recover(); p != nil {
			r, err = Reception{}, fmt.Errorf("receive %s: the API server's code panics: %v", gvk, p)
		}
	}()
	serving := d.serving(gvk)
	if len(serving) == 0 {
		return Reception{}, fmt.Errorf("receive %s: %w", gvk, ErrUnknown)
	}
	k, err := serving[0].version(gvk)
	if err != nil {
		return Reception{}, fmt.Errorf("read the definition of %s: %w", gvk, err)
	}
	object := &unstructured.Unstructured{Object: runtime.DeepCopyJSON(value)}
	if faults := k.typing.faults(object.Object); len(faults) > 0 {
		return Reception{}, fmt.Errorf("receive %s: %s", gvk, faults[0].Message)
	}
	defaulting.Default(object.Object, k.structural)
	if k.namespaced && object.GetNamespace() == "" {
		object.SetNamespace(metav1.NamespaceDefault)
	}
	asked, err := serving[0].interfaces()
	if err != nil {
		return Reception{}, fmt.Errorf("read the definition of %s: %w", gvk, err)
	}
	return Reception{object, defaulted{asked, k}, typeConverter{k}}, nil
}

// defaulted are what admission asks, with the defaults of a schema for what it changes.
type defaulted struct {
	admission.ObjectInterfaces
	kind *kind
}

func (d defaulted) GetObjectDefaulter() runtime.ObjectDefaulter { return d.kind }

// CreateDefinition is Create for a CustomResourceDefinition.
func CreateDefinition(value map[string]any) (*unstructured.Unstructured, error) {
	crd, faults, err := decodeDefinition(value)
	if err == nil && len(faults) > 0 {
		err = fmt.Errorf("create %s: %s", definitionKind, faults[0].Message)
	}
	if err != nil {
		return nil, err
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(crd)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{Object: content}
	object.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind(definitionKind))
	return object, nil
}

// Resource is the resource of a kind that a definition serves, in the paths of the API and in the rules of policies.
// Where definitions differ the embedded one counts, else the first.
func (d *Definitions) Resource(gvk schema.GroupVersionKind) (schema.GroupVersionResource, error) {
	if !d.Knows(gvk) {
		return schema.GroupVersionResource{}, fmt.Errorf("find the resource of %s: %w", gvk, ErrUnknown)
	}
	return gvk.GroupVersion().WithResource(d.first(gvk.GroupKind()).plural), nil
}

// interfaces are what admission asks about objects of a kind: their conversion, and the versions that it has.
func (d *definition) interfaces() (admission.ObjectInterfaces, error) {
	crd, err := d.read()
	if err != nil {
		return nil, err
	}
	registry := runtime.NewEquivalentResourceRegistry()
	for _, v := range crd.Spec.Versions { // those that are not served too, as the server does
		of := schema.GroupVersion{Group: crd.Spec.Group, Version: v.Name}
		registry.RegisterKindFor(of.WithResource(crd.Spec.Names.Plural), "", of.WithKind(crd.Spec.Names.Kind))
	}
	return interfaces{converter{convertsByWebhook(crd)}, registry}, nil
}

// DefinitionInterfaces are what admission asks about CustomResourceDefinitions themselves.
func DefinitionInterfaces() admission.ObjectInterfaces {
	return interfaces{converter{}, runtime.NewEquivalentResourceRegistry()}
}

type interfaces struct {
	converter runtime.ObjectConvertor
	mapper    runtime.EquivalentResourceMapper
}

func (interfaces) GetObjectCreater() runtime.ObjectCreater {
	return unstructuredscheme.NewUnstructuredCreator()
}
func (interfaces) GetObjectTyper() runtime.ObjectTyper {
	return unstructuredscheme.NewUnstructuredObjectTyper()
}
func (interfaces) GetObjectDefaulter() runtime.ObjectDefaulter {
	return unstructuredscheme.NewUnstructuredDefaulter()
}
func (i interfaces) GetObjectConvertor() runtime.ObjectConvertor { return i.converter }
func (i interfaces) GetEquivalentResourceMapper() runtime.EquivalentResourceMapper {
	return i.mapper
}

// converter converts custom resources from version to version as a definition without a webhook does: it changes the
// apiVersion and nothing else.
type converter struct{ webhook bool }

var errWebhook = errors.New("a webhook of the cluster converts it")

func (c converter) Convert(in, out, _ any) error {
	from, ok := in.(*unstructured.Unstructured)
	to, also := out.(*unstructured.Unstructured)
	if !ok || !also {
		return fmt.Errorf("convert a %T to a %T", in, out)
	}
	if c.webhook {
		return errWebhook
	}
	kind := to.GroupVersionKind()
	to.Object = runtime.DeepCopyJSON(from.Object)
	to.SetGroupVersionKind(kind)
	return nil
}

func (c converter) ConvertToVersion(in runtime.Object, target runtime.GroupVersioner) (runtime.Object, error) {
	kind, ok := target.KindForGroupVersionKinds([]schema.GroupVersionKind{in.GetObjectKind().GroupVersionKind()})
	if !ok {
		return nil, fmt.Errorf("convert %s to %v", in.GetObjectKind().GroupVersionKind(), target)
	}
	out := &unstructured.Unstructured{}
	out.SetGroupVersionKind(kind)
	return out, c.Convert(in, out, nil)
}

func (converter) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}
