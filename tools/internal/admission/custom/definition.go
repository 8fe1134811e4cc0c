package custom

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/version"
	kjson "sigs.k8s.io/json"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
)

// identity is what a definition says of its kind besides the schemas.
type identity struct {
	kind       schema.GroupKind
	plural     string
	source     string // the module of an embedded one with its version and channel, istio.io/api@v1.32.0
	namespaced bool
	served     map[string]bool
	deprecated map[string]bool
}

// versionsServed are the versions that a definition serves, sorted.
func (i identity) versionsServed() []Served {
	var all []Served
	for _, name := range slices.SortedFunc(maps.Keys(i.served), func(a, b string) int { return -version.CompareKubeAwareVersionStrings(a, b) }) {
		all = append(all, Served{name, i.deprecated[name]})
	}
	return all
}

// definition is a CustomResourceDefinition that is decoded when it is first needed, and each of its versions
// compiled when an object has it.
type definition struct {
	identity
	read func() (*apiextensionsv1.CustomResourceDefinition, error)

	mu       sync.Mutex
	versions map[string]func() (*kind, error)
	fitting  map[string]*fitting
}

// fitting is what judges the objects of one version: compiled for the fields that these have, and whole once they have often had
// others than those before.
type fitting struct {
	mu    sync.Mutex
	of    *shape
	kind  *kind
	times int // that it was compiled
}

// mostFitted is how often a version is compiled for the fields of objects.
const mostFitted = 4

func newDefinition(of identity, read func() (*apiextensionsv1.CustomResourceDefinition, error)) *definition {
	return &definition{identity: of, read: read, versions: map[string]func() (*kind, error){}, fitting: map[string]*fitting{}}
}

func (d *definition) title() string { return "kgate's definition, of " + d.source }

func (d *definition) scope() apiextensionsv1.ResourceScope {
	if d.namespaced {
		return apiextensionsv1.NamespaceScoped
	}
	return apiextensionsv1.ClusterScoped
}

func (d *definition) version(gvk schema.GroupVersionKind) (*kind, error) {
	d.mu.Lock()
	get, ok := d.versions[gvk.Version]
	if !ok {
		get = sync.OnceValues(func() (*kind, error) {
			crd, err := d.read()
			if err != nil {
				return nil, err
			}
			return compile(crd, gvk.Version, nil)
		})
		d.versions[gvk.Version] = get
	}
	d.mu.Unlock()
	return get() // outside the lock: two versions of a kind compile side by side
}

// versionFor is version for objects as they are applied, and those before them: of fields that none of these has it may know
// nothing.
func (d *definition) versionFor(gvk schema.GroupVersionKind, values ...map[string]any) (*kind, error) {
	d.mu.Lock()
	f := d.fitting[gvk.Version]
	if f == nil {
		f = &fitting{of: &shape{}}
		d.fitting[gvk.Version] = f
	}
	d.mu.Unlock()
	return f.get(values, func(of *shape) (*kind, error) {
		if of == nil {
			return d.version(gvk)
		}
		crd, err := d.read()
		if err != nil {
			return nil, err
		}
		return compile(crd, gvk.Version, of)
	})
}

// get is the version for values. compile compiles it for those of a shape; nil is all.
func (f *fitting) get(values []map[string]any, compile func(of *shape) (*kind, error)) (*kind, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kind != nil && !slices.ContainsFunc(values, func(v map[string]any) bool { return !f.of.covers(v) }) {
		return f.kind, nil
	}
	if f.times == mostFitted {
		f.kind = nil
		return compile(nil)
	}
	for _, value := range values {
		f.of.add(value)
	}
	f.times++
	var err error
	f.kind, err = compile(f.of)
	return f.kind, err
}

// ValidateDefinition returns what the API server would say to a CustomResourceDefinition that is created: strict
// decoding, defaults, then all that it validates, CEL rules and their cost included.
func ValidateDefinition(value map[string]any) ([]Fault, error) { return Define(value).Faults() }

var scheme = sync.OnceValue(func() *runtime.Scheme {
	s := runtime.NewScheme()
	install.Install(s)
	return s
})

const definitionKind = "CustomResourceDefinition"

// decodeDefinition returns the defaulted definition, or what is wrong with its fields.
func decodeDefinition(value map[string]any) (*apiextensionsv1.CustomResourceDefinition, []Fault, error) {
	gvk := kindOf(value)
	if gvk != apiextensionsv1.SchemeGroupVersion.WithKind(definitionKind) {
		return nil, nil, fmt.Errorf("decode %s: it is not a %s of %s", gvk, definitionKind, apiextensionsv1.SchemeGroupVersion)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, nil, fmt.Errorf("decode %s: %w", gvk, err)
	}
	decoder := serializer.NewSerializerWithOptions(serializer.DefaultMetaFactory, scheme(), scheme(), serializer.SerializerOptions{Strict: true})
	object, _, err := decoder.Decode(text, nil, nil)
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		var faults []Fault
		for _, e := range strict.Errors() {
			var at kjson.FieldError
			var path []any
			if errors.As(e, &at) {
				path = fault.Path(value, at.FieldPath())
			}
			faults = append(faults, Fault{Path: path, Message: e.Error(), Type: typeStrict})
		}
		return nil, sorted(faults), nil
	}
	if err != nil {
		return nil, []Fault{{Path: mistyped(value, err), Message: err.Error(), Type: typeDecode}}, nil
	}
	crd, ok := object.(*apiextensionsv1.CustomResourceDefinition)
	if !ok {
		return nil, nil, fmt.Errorf("decode %s: got a %T", gvk, object)
	}
	scheme().Default(crd)
	return crd, nil, nil
}

// mistyped returns the path of the field that the decoder names when a value does not fit its Go type. It does not
// say which element of a list it was in: then it is the path of the list.
func mistyped(value map[string]any, err error) []any {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return nil
	}
	path := fault.Path(value, wrong.Field)
	var content any = value
	for i, step := range path {
		fields, ok := content.(map[string]any)
		if !ok {
			return path[:i]
		}
		key, _ := step.(string)
		content = fields[key]
	}
	return path
}

// judgeDefinition does to the decoded definition what the server's strategy does on a create.
func judgeDefinition(crd *apiextensionsv1.CustomResourceDefinition) (faults []Fault, err error) {
	defer func() {
		if r := recover(); r != nil {
			faults, err = nil, fmt.Errorf("judge %s %s: the API server's code panics: %v\n%s", definitionKind, crd.Name, r, debug.Stack())
		}
	}()
	internal := &apiextensions.CustomResourceDefinition{}
	if err := scheme().Convert(crd.DeepCopy(), internal, nil); err != nil {
		return nil, fmt.Errorf("judge %s %s: %w", definitionKind, crd.Name, err)
	}
	internal.Namespace = "" // the server clears it of what is not in a namespace
	internal.Generation = 1
	internal.Status = apiextensions.CustomResourceDefinitionStatus{}
	for _, v := range internal.Spec.Versions {
		if v.Storage {
			internal.Status.StoredVersions = []string{v.Name}
			break
		}
	}
	errs := validation.ValidateCustomResourceDefinition(context.Background(), internal)
	if len(errs) == 0 {
		return nil, nil
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(crd)
	if err != nil {
		return nil, fmt.Errorf("judge %s %s: %w", definitionKind, crd.Name, err)
	}
	for i, e := range errs {
		moved := *e
		moved.Field = published(e.Field)
		errs[i] = &moved
	}
	return fieldFaults(content, errs), nil
}

// published returns where v1 has a field of the internal form, which the server names: that form keeps once what all
// versions have alike.
func published(path string) string {
	for _, move := range [][2]string{
		{"spec.validation", "spec.versions[0].schema"},
		{"spec.subresources", "spec.versions[0].subresources"},
		{"spec.additionalPrinterColumns", "spec.versions[0].additionalPrinterColumns"},
		{"spec.selectableFields", "spec.versions[0].selectableFields"},
		{"spec.conversion.webhookClientConfig", "spec.conversion.webhook.clientConfig"},
		{"spec.conversion.conversionReviewVersions", "spec.conversion.webhook.conversionReviewVersions"},
	} {
		if rest, ok := strings.CutPrefix(path, move[0]); ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return move[1] + rest
		}
	}
	return path
}
