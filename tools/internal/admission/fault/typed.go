package fault

import (
	"errors"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Typing is what server-side apply's typing holds against an object of a type: an error of the library, of which an object
// may have several, or else the second result, which means that the object could not be typed at all.
func Typing(of typed.ParseableType, content map[string]any, err error) ([]Fault, error) {
	var list typed.ValidationErrors
	if !errors.As(err, &list) {
		return nil, err
	}
	var faults []Fault
	for _, e := range list {
		faults = append(faults, Fault{Path: TypedPath(of, content, e.Path), Message: e.ErrorMessage})
	}
	return faults, nil
}

// TypedPath turns a field as structured-merge-diff writes it (.spec.ports[port=80,protocol="TCP"].name) into steps. The type
// says which keys tell the items of a list apart, and their defaults.
func TypedPath(of typed.ParseableType, content any, text string) manifest.Path {
	var path manifest.Path
	ref := of.TypeRef
	for text != "" {
		atom, ok := of.Schema.Resolve(ref)
		if !ok {
			break
		}
		switch c := content.(type) {
		case map[string]any:
			key, after, ok := longestKey(c, strings.TrimPrefix(text, "."))
			if !ok || atom.Map == nil {
				return append(path, plain(strings.TrimPrefix(text, "."))...)
			}
			ref = atom.Map.ElementType
			if declared, ok := atom.Map.FindField(key); ok {
				ref = declared.Type
			}
			path, content, text = append(path, key), c[key], after
		case []any:
			if atom.List == nil {
				return path
			}
			i, after := element(of.Schema, atom.List, c, text)
			if i < 0 {
				return path
			}
			ref = atom.List.ElementType
			path, content, text = append(path, i), c[i], after
		default:
			return path
		}
	}
	return path
}

// element returns the index of the list's element that text begins with, -1 if there is none, and what follows.
func element(s *schema.Schema, of *schema.List, list []any, text string) (int, string) {
	if i, after, ok := index(text); ok && of.ElementRelationship != schema.Associative && i < len(list) {
		return i, after
	}
	for i, child := range list {
		var element fieldpath.PathElement
		if len(of.Keys) == 0 {
			v := value.NewValueInterface(child)
			element.Value = &v
		} else {
			fields, ok := child.(map[string]any)
			if !ok {
				continue
			}
			keys := value.FieldList{}
			for _, key := range of.Keys {
				if v, ok := fields[key]; ok {
					keys = append(keys, value.Field{Name: key, Value: value.NewValueInterface(v)})
				} else if v := keyDefault(s, of, key); v != nil {
					keys = append(keys, value.Field{Name: key, Value: value.NewValueInterface(v)})
				}
			}
			keys.Sort()
			element.Key = &keys
		}
		if after, ok := strings.CutPrefix(text, element.String()); ok {
			return i, after
		}
	}
	return -1, ""
}

func keyDefault(s *schema.Schema, of *schema.List, key string) any {
	atom, ok := s.Resolve(of.ElementType)
	if !ok || atom.Map == nil {
		return nil
	}
	declared, _ := atom.Map.FindField(key)
	return declared.Default
}
