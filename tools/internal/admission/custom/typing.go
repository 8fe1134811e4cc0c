package custom

import (
	"fmt"
	"slices"
	"sync"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/kube-openapi/pkg/schemaconv"
	"k8s.io/kube-openapi/pkg/validation/spec"
	smd "sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
)

// typing is the type of a kind as the server's field manager has it. It refuses more than validation does: a field
// that is not declared, a scalar of the wrong type even in status, entries of a list map or set that repeat.
type typing struct {
	schema *smd.Schema
	object typed.ParseableType
}

const rootType = "object"

func newTyping(s *structural.Structural) (*typing, error) {
	root := s.ToKubeOpenAPI()
	root.SetProperty("apiVersion", *spec.StringProperty())
	root.SetProperty("kind", *spec.StringProperty())
	root.SetProperty("metadata", *spec.RefSchema(metaModel))
	embeddedResources(root)
	models := map[string]*spec.Schema{rootType: root}
	for name, model := range metaModels() {
		models[name] = model
	}
	converted, err := schemaconv.ToSchemaFromOpenAPI(models, false)
	if err != nil {
		return nil, fmt.Errorf("convert the schema to that of server-side apply: %w", err)
	}
	parser := typed.Parser{Schema: smd.Schema{Types: converted.Types}}
	return &typing{schema: &parser.Schema, object: parser.Type(rootType)}, nil
}

const modelPrefix = "#/components/schemas/"

var metaModel = modelPrefix + metav1.ObjectMeta{}.OpenAPIModelName()

// metaModels are the models of ObjectMeta and of what it refers to.
var metaModels = sync.OnceValue(func() map[string]*spec.Schema {
	all := openapi.GetOpenAPIDefinitions(func(name string) spec.Ref { return spec.MustCreateRef(modelPrefix + name) })
	models := map[string]*spec.Schema{}
	for _, name := range []string{
		metav1.ObjectMeta{}.OpenAPIModelName(),
		metav1.OwnerReference{}.OpenAPIModelName(),
		metav1.ManagedFieldsEntry{}.OpenAPIModelName(),
		metav1.FieldsV1{}.OpenAPIModelName(),
		metav1.Time{}.OpenAPIModelName(),
	} {
		model := all[name].Schema
		models[name] = &model
	}
	return models
})

// embeddedResources declares the fields that every object has where the schema says x-kubernetes-embedded-resource.
func embeddedResources(s *spec.Schema) {
	if s == nil {
		return
	}
	for name, property := range s.Properties {
		embeddedResources(&property)
		s.Properties[name] = property
	}
	if s.Items != nil {
		embeddedResources(s.Items.Schema)
	}
	if s.AdditionalProperties != nil {
		embeddedResources(s.AdditionalProperties.Schema)
	}
	if embedded, _ := s.Extensions.GetBool("x-kubernetes-embedded-resource"); embedded {
		s.SetProperty("apiVersion", *spec.StringProperty())
		s.SetProperty("kind", *spec.StringProperty())
		s.SetProperty("metadata", *spec.RefSchema(metaModel))
	}
}

// faults returns what the field manager refuses. At the first undeclared field of a map the library leaves the map,
// and which one is first is chance: those fields are found here, all of them, and the library is asked about the
// rest.
func (t *typing) faults(object map[string]any) []Fault {
	_, err := t.object.FromUnstructured(object)
	if err == nil {
		return nil
	}
	name := rootType
	rest := runtime.DeepCopyJSON(object)
	var faults []Fault
	t.undeclared(rest, smd.TypeRef{NamedType: &name}, nil, func(path []any) {
		faults = append(faults, Fault{Path: slices.Clone(path), Message: undeclared, Type: typeApply})
	})
	_, err = t.object.FromUnstructured(rest)
	more, err := fault.Typing(t.object, rest, err)
	if err != nil {
		more = []Fault{{Message: err.Error()}}
	}
	for _, f := range more {
		f.Type = typeApply
		faults = append(faults, f)
	}
	return sorted(faults)
}

// undeclared finds fields that the type does not have and removes them from content.
func (t *typing) undeclared(content any, ref smd.TypeRef, path []any, found func(path []any)) {
	atom, ok := t.schema.Resolve(ref)
	if !ok {
		return
	}
	switch content := content.(type) {
	case map[string]any:
		if atom.Map == nil {
			return
		}
		for key, child := range content {
			of := atom.Map.ElementType
			if declared, ok := atom.Map.FindField(key); ok {
				of = declared.Type
			} else if of == (smd.TypeRef{}) {
				found(append(path, key))
				delete(content, key)
				continue
			}
			t.undeclared(child, of, append(path, key), found)
		}
	case []any:
		if atom.List == nil {
			return
		}
		for i, child := range content {
			t.undeclared(child, atom.List.ElementType, append(path, i), found)
		}
	}
}
