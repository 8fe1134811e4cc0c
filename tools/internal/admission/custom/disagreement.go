package custom

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Disagreement is that a definition which is not embedded lets pass what the catalogue refuses.
type Disagreement struct {
	Definition manifest.Position
	Release    string  // of the catalogue, module@version
	Faults     []Fault // what it holds against the object
	Stub       bool    // the definition keeps whatever fields there are where the catalogue names them
}

// Disagreements are the definitions by which an object passes that no release in the catalogue takes. None where the
// definition says that it is of a newer release than those, and is as strict about unknown fields; none either where it serves
// a version that the catalogue lacks: then kgate does not know better.
func (d *Definitions) Disagreements(ctx context.Context, value map[string]any) ([]Disagreement, error) {
	gvk := kindOf(value)
	local := d.local(gvk.GroupKind())
	if len(local) == 0 || d.embeddedServing(gvk) == nil || !d.Knows(gvk) {
		return nil, nil
	}
	var release *definition
	var faults []Fault
	for _, of := range d.embedded(gvk.GroupKind()) {
		if !of.served[gvk.Version] {
			continue
		}
		found, err := judgeBy(ctx, of, gvk, value)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, nil
		}
		if release == nil {
			release, faults = of, found
		}
	}
	passed, err := d.Validate(ctx, value)
	if err != nil || len(passed) > 0 {
		return nil, err // it is refused, and that is said
	}
	var all []Disagreement
	for _, s := range local {
		if !s.served[gvk.Version] {
			continue
		}
		if found, err := judgeBy(ctx, s.definition, gvk, value); err != nil || len(found) > 0 {
			continue // another of those of which one is enough
		}
		stub, err := hollow(s.definition, release, gvk)
		if err != nil {
			return nil, err
		}
		if !stub && newerThan(s.stated, release.source) {
			continue
		}
		all = append(all, Disagreement{s.source, release.source, faults, stub})
	}
	return all, nil
}

func judgeBy(ctx context.Context, of *definition, gvk schema.GroupVersionKind, value map[string]any) (faults []Fault, err error) {
	defer func() {
		if r := recover(); r != nil {
			faults, err = nil, fmt.Errorf("judge %s: the API server's code panics: %v", gvk, r)
		}
	}()
	k, err := of.version(gvk)
	if err != nil {
		return nil, fmt.Errorf("read the definition of %s: %w", gvk, err)
	}
	return sorted(k.judge(ctx, value)), nil
}

// newerThan reports whether a version that a definition states is a later one than that of a release.
func newerThan(stated, release string) bool {
	_, of, _ := strings.Cut(release, "@")
	of, _, _ = strings.Cut(of, "/")
	a, err := version.ParseSemantic(stated)
	if err != nil {
		return false
	}
	b, err := version.ParseSemantic(of)
	return err == nil && b.LessThan(a)
}

// Stated is the release that a CustomResourceDefinition says it is of, in a label or an annotation whose name ends in version
// as operators and charts write it; "" for none.
func Stated(value map[string]any) string {
	metadata, _ := value["metadata"].(map[string]any)
	for _, in := range []string{"labels", "annotations"} {
		entries, _ := metadata[in].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			if key == "controller-gen.kubebuilder.io/version" || !strings.HasSuffix(key, "/version") && !strings.HasSuffix(key, "/bundle-version") {
				continue
			}
			text, _ := entries[key].(string)
			if of, err := version.ParseSemantic(text); err == nil {
				return of.String()
			}
		}
	}
	return ""
}

// hollow reports whether a definition keeps whatever fields there are where another names them.
func hollow(of, than *definition, gvk schema.GroupVersionKind) (bool, error) {
	a, err := of.version(gvk)
	if err != nil {
		return false, err
	}
	b, err := than.version(gvk)
	if err != nil {
		return false, err
	}
	return hollower(a.structural, b.structural), nil
}

func hollower(a, b *structural.Structural) bool {
	if a == nil || b == nil {
		return false
	}
	if a.XPreserveUnknownFields && !b.XPreserveUnknownFields && (len(b.Properties) > 0 || b.Items != nil) {
		return true
	}
	for name, field := range b.Properties {
		if other, ok := a.Properties[name]; ok && hollower(&other, &field) {
			return true
		}
	}
	if hollower(a.Items, b.Items) {
		return true
	}
	if a.AdditionalProperties != nil && b.AdditionalProperties != nil {
		return hollower(a.AdditionalProperties.Structural, b.AdditionalProperties.Structural)
	}
	return false
}

// Deprecation is what to say of objects of a version that works and will not for ever: it is deprecated, or the operator's
// newest release no longer serves it. "" of any other.
func (d *Definitions) Deprecation(gvk schema.GroupVersionKind) string {
	serving := d.serving(gvk)
	if len(serving) == 0 {
		return ""
	}
	all := d.sides(gvk.GroupKind())
	of := serving[0]
	if slices.ContainsFunc(serving, func(s side) bool { return !s.deprecated[gvk.Version] }) {
		if first := all[0]; of.definition != first.definition && len(d.local(gvk.GroupKind())) == 0 {
			return fmt.Sprintf("%s is served by %s and no longer by %s, which serves %s", gvk.GroupVersion(), releaseName(of.definition.source), releaseName(first.definition.source), strings.Join(names(first.versionsServed()), ", "))
		}
		return ""
	}
	text := fmt.Sprintf("%s %s is deprecated", gvk.GroupVersion(), gvk.Kind)
	if crd, err := of.read(); err == nil {
		for _, v := range crd.Spec.Versions {
			if v.Name == gvk.Version && v.DeprecationWarning != nil {
				text = strings.TrimSuffix(strings.TrimSpace(*v.DeprecationWarning), ".")
			}
		}
	}
	var others []string
	for _, v := range of.versionsServed() {
		if !v.Deprecated {
			others = append(others, v.Name)
		}
	}
	if len(others) > 0 && !strings.Contains(text, others[0]) {
		text += ": " + gvk.Group + " has it in " + strings.Join(others, ", ") + " as well"
	}
	return text + " (so says " + of.title + ")"
}

func names(versions []Served) []string {
	var all []string
	for _, v := range versions {
		all = append(all, v.Name)
	}
	return all
}

// releaseName is a release as people write it: its module and its version.
func releaseName(source string) string {
	module, release, _ := strings.Cut(source, "@")
	return module + " " + release
}
