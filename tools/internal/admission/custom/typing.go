package custom

import (
	"fmt"
	"sync"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kube-openapi/pkg/schemaconv"
	"k8s.io/kube-openapi/pkg/validation/spec"
	smd "sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
)

// typing is the type of a kind as the server's field manager has it. It refuses more than validation does: a field
// that is not declared, a scalar of the wrong type even in status, entries of a list map or set that repeat.
type typing struct{ object typed.ParseableType }

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
	return &typing{parser.Type(rootType)}, nil
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

// faults returns what the field manager refuses.
func (t *typing) faults(object map[string]any) []Fault {
	found, err := fault.Typing(t.object, object)
	if err != nil {
		found = []Fault{{Message: err.Error()}}
	}
	for i := range found {
		found[i].Type = typeApply
	}
	return sorted(found)
}
