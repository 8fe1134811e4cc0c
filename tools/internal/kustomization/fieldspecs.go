package kustomization

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/resid"
	k8syaml "sigs.k8s.io/yaml"
)

// fieldSpecs say which fields of which kinds Kustomize's transformers write to, and which refer to objects by name. The
// keys are those of a file that `configurations` names.
type fieldSpecs struct {
	NamePrefix                types.FsSlice `json:"namePrefix,omitempty"`
	NameSuffix                types.FsSlice `json:"nameSuffix,omitempty"`
	Namespace                 types.FsSlice `json:"namespace,omitempty"`
	CommonLabels              types.FsSlice `json:"commonLabels,omitempty"`
	Labels                    types.FsSlice `json:"labels,omitempty"`
	TemplateLabels            types.FsSlice `json:"templateLabels,omitempty"`
	VolumeClaimTemplateLabels types.FsSlice `json:"volumeClaimTemplateLabels,omitempty"`
	CommonAnnotations         types.FsSlice `json:"commonAnnotations,omitempty"`
	NameReference             []references  `json:"nameReference,omitempty"`
	VarReference              types.FsSlice `json:"varReference,omitempty"`
	Images                    types.FsSlice `json:"images,omitempty"`
	Replicas                  types.FsSlice `json:"replicas,omitempty"`
}

// references are the fields that refer to objects of a kind by name.
type references struct {
	resid.Gvk `json:",inline,omitempty"`
	Referrers types.FsSlice `json:"fieldSpecs,omitempty"`
}

// lists are the fields but for nameReference.
func (s *fieldSpecs) lists() []*types.FsSlice {
	return []*types.FsSlice{
		&s.NamePrefix, &s.NameSuffix, &s.Namespace, &s.CommonLabels, &s.Labels, &s.TemplateLabels,
		&s.VolumeClaimTemplateLabels, &s.CommonAnnotations, &s.VarReference, &s.Images, &s.Replicas,
	}
}

// sorted orders the lists as Kustomize does when it has read them. Its order is that of an unstable sort.
func (s *fieldSpecs) sorted() *fieldSpecs {
	for _, list := range s.lists() {
		sort.Sort(list)
	}
	sort.Slice(s.NameReference, func(i, j int) bool { return s.NameReference[i].IsLessThan(s.NameReference[j].Gvk) })
	return s
}

// merge adds what more says to what is there. Neither is changed.
func (s *fieldSpecs) merge(more *fieldSpecs) (*fieldSpecs, error) {
	merged := *s
	from := more.lists()
	for i, list := range merged.lists() {
		var err error
		if *list, err = mergeLists(*list, *from[i]); err != nil {
			return nil, err
		}
	}
	merged.NameReference = slices.Clone(s.NameReference)
	for _, r := range more.NameReference {
		found := false
		for i := range merged.NameReference {
			if merged.NameReference[i].Equals(r.Gvk) {
				var err error
				if merged.NameReference[i].Referrers, err = mergeLists(merged.NameReference[i].Referrers, r.Referrers); err != nil {
					return nil, err
				}
				found = true
			}
		}
		if !found {
			merged.NameReference = append(merged.NameReference, r)
		}
	}
	return &merged, nil
}

func mergeLists(have, more types.FsSlice) (types.FsSlice, error) {
	switch {
	case len(more) == 0:
		return have, nil
	case slices.Equal(have, more): // the builtin ones come with every layer
		return have, nil
	}
	return slices.Clip(have).MergeAll(more)
}

//go:embed fieldspecs.json
var builtinFieldSpecs []byte

// defaultFieldSpecs are Kustomize's own, which it exports to nobody: fieldspecs.json is taken from its source, and a test
// holds it there. They must not be changed.
var defaultFieldSpecs = sync.OnceValue(func() *fieldSpecs {
	var s fieldSpecs
	if err := json.Unmarshal(builtinFieldSpecs, &s); err != nil {
		panic("fieldspecs.json: " + err.Error())
	}
	return &s
})

// readFieldSpecs reads a file that `configurations` names.
func readFieldSpecs(text []byte) (*fieldSpecs, error) {
	var s fieldSpecs
	if err := k8syaml.UnmarshalStrict(text, &s); err != nil {
		return nil, err
	}
	return s.sorted(), nil
}

// apiType is one type of a file that `crds` names.
type apiType struct{ Schema spec.Schema }

// Extensions by which a type of `crds` says what Kustomize's transformers do with a property.
const (
	extensionAnnotation    = "x-kubernetes-annotation"
	extensionLabelSelector = "x-kubernetes-label-selector"
	extensionIdentity      = "x-kubernetes-identity"
	extensionRefVersion    = "x-kubernetes-object-ref-api-version"
	extensionRefKind       = "x-kubernetes-object-ref-kind"
	extensionRefNameKey    = "x-kubernetes-object-ref-name-key"
)

// readTypes makes field specs of a file that `crds` names. Types that are no objects count as parts of those that are.
func readTypes(text []byte) (*fieldSpecs, error) {
	if len(text) == 0 {
		return nil, errors.New("the file is empty")
	}
	var all map[string]apiType
	var err error
	if text[0] == '{' {
		err = json.Unmarshal(text, &all)
	} else {
		err = k8syaml.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("unable to parse the OpenAPI definition: %w", err)
	}
	merged := &fieldSpecs{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		properties := all[name].Schema.Properties
		if !hasAll(properties, "kind", "apiVersion", "metadata") {
			continue
		}
		one := &fieldSpecs{}
		gvk := resid.Gvk{Kind: name[strings.LastIndexByte(name, '.')+1:]}
		if err := one.addType(gvk, all, name, nil); err != nil {
			return nil, err
		}
		if merged, err = merged.merge(one); err != nil {
			return nil, err
		}
	}
	return merged, nil
}

func hasAll[T any](in map[string]T, keys ...string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool { _, ok := in[key]; return !ok })
}

// addType follows the properties of a type and of those that it refers to.
func (s *fieldSpecs) addType(gvk resid.Gvk, all map[string]apiType, name string, path []string) error {
	for _, key := range slices.Sorted(maps.Keys(all[name].Schema.Properties)) {
		property := all[name].Schema.Properties[key]
		at := append(slices.Clip(path), key)
		field := types.FieldSpec{Gvk: gvk, Path: strings.Join(at, "/")}
		for _, rule := range []struct {
			extension string
			list      *types.FsSlice
		}{{extensionAnnotation, &s.CommonAnnotations}, {extensionLabelSelector, &s.CommonLabels}, {extensionIdentity, &s.NamePrefix}} {
			if _, ok := property.Extensions.GetString(rule.extension); ok {
				var err error
				if *rule.list, err = rule.list.MergeOne(field); err != nil {
					return err
				}
			}
		}
		version, versioned := property.Extensions.GetString(extensionRefVersion)
		kind, ok := property.Extensions.GetString(extensionRefKind)
		if versioned && ok {
			nameKey, ok := property.Extensions.GetString(extensionRefNameKey)
			if !ok {
				nameKey = "name"
			}
			merged, err := s.merge(&fieldSpecs{NameReference: []references{{
				Gvk:       resid.Gvk{Kind: kind, Version: version},
				Referrers: types.FsSlice{{Gvk: gvk, Path: strings.Join(append(at, nameKey), "/")}},
			}}})
			if err != nil {
				return err
			}
			*s = *merged
		}
		if property.Ref.GetURL() != nil {
			if err := s.addType(gvk, all, property.Ref.String(), at); err != nil {
				return err
			}
		}
	}
	return nil
}
