package fault

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Undeclared is the message of a field that the type does not have.
const Undeclared = "field not declared in schema"

// Typing is what server-side apply's typing holds against an object of a type: errors of the library, of which an object may
// have several, or else the second result, which means that the object could not be typed at all. At the first undeclared
// field of a map the library leaves the map, and which one is first is chance: those fields are found here, all of them, and
// the library is asked about the rest.
func Typing(of typed.ParseableType, content map[string]any) ([]Fault, error) {
	_, err := of.FromUnstructured(content)
	if err == nil {
		return nil, nil
	}
	rest := runtime.DeepCopyJSON(content)
	var faults []Fault
	undeclared(of.Schema, of.TypeRef, rest, nil, func(path manifest.Path) {
		faults = append(faults, Fault{Path: slices.Clone(path), Message: Undeclared})
	})
	if len(faults) > 0 {
		_, err = of.FromUnstructured(rest)
	}
	var list typed.ValidationErrors
	switch {
	case err == nil:
	case !errors.As(err, &list):
		return faults, err
	}
	for _, e := range list {
		faults = append(faults, Fault{Path: TypedPath(of, rest, e.Path), Message: e.ErrorMessage, Whole: strings.HasPrefix(e.ErrorMessage, "duplicate entries")})
	}
	return faults, nil
}

// undeclared finds fields that a type does not have and removes them from content, in the order of their names.
func undeclared(of *schema.Schema, ref schema.TypeRef, content any, path manifest.Path, found func(manifest.Path)) {
	atom, ok := of.Resolve(ref)
	if !ok {
		return
	}
	switch content := content.(type) {
	case map[string]any:
		if atom.Map == nil {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(content)) {
			element := atom.Map.ElementType
			if declared, ok := atom.Map.FindField(key); ok {
				element = declared.Type
			} else if element == (schema.TypeRef{}) {
				found(append(path, key))
				delete(content, key)
				continue
			}
			undeclared(of, element, content[key], append(path, key), found)
		}
	case []any:
		if atom.List == nil {
			return
		}
		for i, child := range content {
			undeclared(of, atom.List.ElementType, child, append(path, i), found)
		}
	}
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
