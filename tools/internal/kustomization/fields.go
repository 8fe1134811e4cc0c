package kustomization

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

var (
	kustomizationType = reflect.TypeFor[types.Kustomization]()
	replacementType   = reflect.TypeFor[types.Replacement]()
)

// unknownField finds a key that Kustomize's own type does not have. Kustomize refuses it too, without a line.
func unknownField(document *manifest.Document, node *yaml.Node, what string, typ reflect.Type) error {
	return misfit(document, node, what, typ, true)
}

// misfit finds a value that is not of the type that Kustomize decodes it to. With strict, it finds a key that the type does not
// have, and of the values those that are wrong without a doubt: which words are numbers and truths, only the decoder knows.
func misfit(document *manifest.Document, node *yaml.Node, what string, typ reflect.Type, strict bool) error {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case node.Kind == yaml.AliasNode:
		return misfit(document, node.Alias, what, typ, strict)
	case node.Tag == "!!null":
		return nil
	case typ.Kind() == reflect.Struct:
		if node.Kind != yaml.MappingNode {
			return fail(document.Position(nil, node), "%s must be a mapping", what)
		}
		known := jsonFields(typ)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			if key.Tag == yaml.MergeTag {
				continue
			}
			field, ok := known[key.Value]
			if !ok && !strict {
				continue
			}
			if !ok {
				return fail(document.Position(key, nil), "%s has no field %q%s", what, key.Value, suggest(key.Value, known))
			}
			if err := misfit(document, value, "`"+key.Value+"`", field, strict); err != nil {
				return err
			}
		}
	case typ.Kind() == reflect.Slice:
		if node.Kind != yaml.SequenceNode {
			return fail(document.Position(nil, node), "%s must be a list", what)
		}
		for _, item := range node.Content {
			if item.ShortTag() == "!!null" {
				return fail(document.Position(nil, item), "an entry of %s is empty", what)
			}
			if err := misfit(document, item, "an entry of "+what, typ.Elem(), strict); err != nil {
				return err
			}
		}
	case typ.Kind() == reflect.String && node.Kind != yaml.ScalarNode:
		return fail(document.Position(nil, node), "%s must be a text", what)
	case typ.Kind() == reflect.String && (node.ShortTag() != "!!str" && node.ShortTag() != "!!timestamp" || !strict && isTruth(node)):
		return fail(document.Position(nil, node), "%s must be a text: quote %s", what, node.Value)
	case !strict && typ.Kind() == reflect.Bool && !isTruth(node):
		return fail(document.Position(nil, node), "%s must be true or false", what)
	case !strict && isWhole(typ) && node.ShortTag() != "!!int":
		return fail(document.Position(nil, node), "%s must be a whole number", what)
	case typ.Kind() == reflect.Map:
		if node.Kind != yaml.MappingNode {
			return fail(document.Position(nil, node), "%s must be a mapping", what)
		}
		for i := 0; i+1 < len(node.Content) && !strict; i += 2 {
			if key := node.Content[i]; key.Tag != yaml.MergeTag {
				if err := misfit(document, node.Content[i+1], "`"+key.Value+"` of "+what, typ.Elem(), strict); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func isWhole(typ reflect.Type) bool { return typ.Kind() >= reflect.Int && typ.Kind() <= reflect.Uint64 }

// isTruth reports whether Kustomize takes a scalar for true or false.
func isTruth(node *yaml.Node) bool {
	_, word := manifest.Truth(node)
	return word || node.Style == 0 && node.ShortTag() == yaml.NodeTagBool
}

// anyCase writes the keys of a tree as the type has them: Kustomize takes them in any letter case, and many a scaffold has
// written fieldpath.
func anyCase(node *yaml.Node, typ reflect.Type) {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ.Kind() == reflect.Slice && node.Kind == yaml.SequenceNode:
		for _, item := range node.Content {
			anyCase(item, typ.Elem())
		}
	case typ.Kind() == reflect.Struct && node.Kind == yaml.MappingNode:
		known := jsonFields(typ)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			for name := range known {
				if strings.EqualFold(key.Value, name) && manifest.Lookup(node, name) == nil && ascii(key.Value) {
					key.Value = name
				}
			}
			if field, ok := known[key.Value]; ok {
				anyCase(node.Content[i+1], field)
			}
		}
	}
}

// ascii reports whether no letter of a text only looks like another.
func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > unicode.MaxASCII })
}

// jsonFields lists the keys that encoding/json would fill, with the types of their values.
func jsonFields(typ reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range typ.NumField() {
		field := typ.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || !field.IsExported():
		case field.Anonymous && name == "", strings.Contains(options, "inline"):
			embedded := field.Type
			for embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			for key, t := range jsonFields(embedded) {
				fields[key] = t
			}
		case name == "":
			fields[field.Name] = field.Type
		default:
			fields[name] = field.Type
		}
	}
	return fields
}

func suggest(name string, known map[string]reflect.Type) string {
	return spelling.Meant(name, slices.Collect(maps.Keys(known)))
}

// closest is the key that is nearly a name; empty when there is none.
func closest[T any](name string, known map[string]T) string {
	return spelling.Closest(name, slices.Collect(maps.Keys(known)))
}
