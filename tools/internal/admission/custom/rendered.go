package custom

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Definition is a CustomResourceDefinition that is not embedded. It is decoded and judged once, when it is made, and
// each of its versions compiled when an object has it. It is safe for concurrent use.
type Definition struct {
	name    string
	defined *definition // nil for one that the server refuses
	faults  []Fault
	err     error
}

// LargestRequest is the size of a request's body up to which an API server reads it, in bytes: MaxRequestBodyBytes of
// k8s.io/apiserver's server.Config.
const LargestRequest = 3 << 20

// Define reads a CustomResourceDefinition.
func Define(value map[string]any) *Definition {
	crd, faults, err := decodeDefinition(value)
	if err == nil && len(faults) == 0 {
		faults, err = judgeDefinition(crd)
	}
	if err != nil || len(faults) > 0 {
		return &Definition{faults: faults, err: err}
	}
	of := identity{
		kind:       schema.GroupKind{Group: crd.Spec.Group, Kind: crd.Spec.Names.Kind},
		plural:     crd.Spec.Names.Plural,
		namespaced: crd.Spec.Scope == apiextensionsv1.NamespaceScoped,
		served:     map[string]bool{},
		deprecated: map[string]bool{},
	}
	for _, v := range crd.Spec.Versions {
		if v.Served {
			of.served[v.Name], of.deprecated[v.Name] = true, v.Deprecated
		}
	}
	return &Definition{
		name:    crd.Name,
		defined: newDefinition(of, func() (*apiextensionsv1.CustomResourceDefinition, error) { return crd, nil }),
	}
}

// Content is a CustomResourceDefinition without what its definition of a kind does not depend on: labels and most of the
// other metadata, which each target that renders it may set in its own way. Define says the same of both, but for what
// MetadataOf says.
func Content(value map[string]any) map[string]any {
	metadata, _ := value["metadata"].(map[string]any)
	kept := map[string]any{}
	for _, key := range []string{"name", "generateName"} {
		if v, ok := metadata[key]; ok {
			kept[key] = v
		}
	}
	annotations, _ := metadata["annotations"].(map[string]any)
	if approval, ok := annotations[apiextensionsv1.KubeAPIApprovedAnnotation]; ok {
		kept["annotations"] = map[string]any{apiextensionsv1.KubeAPIApprovedAnnotation: approval}
	}
	content := maps.Clone(value)
	content["metadata"] = kept
	return content
}

// WithMetadata is the definition as a CustomResourceDefinition has it whose Content it was made from: it is refused as well
// for what is wrong with the rest of the metadata.
func (d *Definition) WithMetadata(value map[string]any) *Definition {
	faults, err := metadataFaults(value)
	if d.err != nil || err == nil && len(faults) == 0 {
		return d
	}
	return &Definition{name: d.name, faults: sorted(slices.Concat(d.faults, faults)), err: err}
}

func metadataFaults(value map[string]any) ([]Fault, error) {
	head := map[string]any{"apiVersion": value["apiVersion"], "kind": value["kind"], "metadata": value["metadata"]}
	crd, faults, err := decodeDefinition(head)
	if err != nil || len(faults) > 0 {
		return faults, err
	}
	crd.Namespace, crd.Generation = "", 1                 // as Define has it
	anyName := func(string, bool) []string { return nil } // Define judges the name
	return fieldFaults(head, apivalidation.ValidateObjectMeta(&crd.ObjectMeta, false, anyName, field.NewPath("metadata"))), nil
}

// Faults are what the API server would say to the definition when it is created. One with faults defines nothing.
func (d *Definition) Faults() ([]Fault, error) { return d.faults, d.err }

// Serves are the kinds that the definition serves, a version each; none for one that the server refuses.
func (d *Definition) Serves() []schema.GroupVersionKind {
	if d.defined == nil {
		return nil
	}
	var kinds []schema.GroupVersionKind
	for version := range d.defined.served {
		kinds = append(kinds, d.defined.kind.WithVersion(version))
	}
	slices.SortFunc(kinds, func(a, b schema.GroupVersionKind) int { return strings.Compare(a.Version, b.Version) })
	return kinds
}

// Deprecates reports whether the definition calls a version deprecated.
func (d *Definition) Deprecates(version string) bool {
	return d.defined != nil && d.defined.deprecated[version]
}

// Defines reports whether the definition defines a kind, in whatever versions; no kind for one that the server refuses.
func (d *Definition) Defines(kind schema.GroupKind) bool {
	return d.defined != nil && d.defined.kind == kind
}

// Undefinable is a definition that could not be read.
func Undefinable(err error) *Definition { return &Definition{err: err} }

// Rendered is a definition and where it is rendered, "crd.yaml:3".
type Rendered struct {
	*Definition
	At     string
	Given  bool   // nothing renders it: kgate.yaml or the command line name it
	Stated string // the release that it says it is of, as Stated finds it
	Source manifest.Position
}

func (r Rendered) title() string {
	if r.Given {
		return "the CustomResourceDefinition given in " + r.At
	}
	return "the CustomResourceDefinition rendered at " + r.At
}

// Conflicts returns why a cluster does not come to have the definition as it is: an operator's own, of which the
// embedded one is, is there and takes other names or another scope, or one that is rendered before it has its kind. A
// server accepts no names that another definition has, and changes neither the scope nor the kind of one that is
// established.
func (d *Definitions) Conflicts(r Rendered) []Fault {
	defined := r.defined
	if defined == nil {
		return nil
	}
	var faults []Fault
	add := func(value, message string, path ...any) {
		faults = append(faults, Fault{Path: path, Message: fmt.Sprintf("Invalid value: %q: %s", value, message), Type: "FieldValueInvalid"})
	}
	if all := d.embedded(defined.kind); len(all) > 0 {
		known := all[0]
		if known.plural != defined.plural {
			add(defined.plural, fmt.Sprintf("%s calls the resource of %s %q, and a server takes no second definition of a kind",
				known.title(), defined.kind.Kind, known.plural), "spec", "names", "plural")
		}
		if known.namespaced != defined.namespaced {
			add(string(defined.scope()), fmt.Sprintf("%s has scope %s, and a server changes no scope", known.title(), known.scope()), "spec", "scope")
		}
	}
	for _, kind := range d.catalogue.inGroup(defined.kind.Group) {
		if all := d.embedded(kind); len(all) > 0 && all[0].plural == defined.plural && kind != defined.kind {
			add(defined.kind.Kind, fmt.Sprintf("%s of this name defines %s, and a server changes no kind", all[0].title(), kind.Kind), "spec", "names", "kind")
		}
	}
	for _, other := range d.rendered[defined.kind] {
		if other.definition == defined {
			break
		}
		if other.plural != defined.plural {
			add(defined.kind.Kind, other.title+" defines it already, and a server takes no second definition of a kind", "spec", "names", "kind")
		}
	}
	return sorted(faults)
}
