package difference

import (
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Name is a path of a value as a reader knows it: items of lists are called by what tells them apart there, such as
// spec.template.spec.containers[name=app].image, and by their index where nothing does.
func Name(path manifest.Path, value any) string {
	var b strings.Builder
	from := 0 // what is not written yet
	for i, s := range path {
		index, ok := s.(int)
		if !ok {
			continue
		}
		list, _ := path[:i].Lookup(value)
		items, _ := list.([]any)
		field, name, ok := calledBy(items, index)
		if !ok {
			continue
		}
		write(&b, path[from:i])
		b.WriteString("[" + field + "=" + name + "]")
		from = i + 1
	}
	write(&b, path[from:])
	return b.String()
}

func write(b *strings.Builder, path manifest.Path) {
	text := path.String()
	if b.Len() > 0 && text != "" && text[0] != '[' {
		b.WriteString(".")
	}
	b.WriteString(text)
}

// calledBy is the field that tells an item of a list from the others, and what it holds.
func calledBy(items []any, index int) (field, name string, ok bool) {
	if index < 0 || index >= len(items) {
		return "", "", false
	}
	for _, field := range manifest.Identifying {
		if _, alone := named(items, nil, func(item any) (string, bool) { return keyOf(item, []string{field}) }); !alone {
			continue
		}
		value := manifest.At(items[index], field)
		if text, isText := value.(string); isText {
			return field, text, true
		}
		return field, textOf(value), true
	}
	return "", "", false
}

// Descriptions parts the changes of a CustomResourceDefinition that say what fields are for, which change nothing to the server,
// from the others.
func Descriptions(o *manifest.Object, changes []Change) (others, descriptions []Change) {
	if o.Kind != "CustomResourceDefinition" {
		return changes, nil
	}
	for _, c := range changes {
		if isDescription(c) {
			descriptions = append(descriptions, c)
		} else {
			others = append(others, c)
		}
	}
	return others, descriptions
}

// isDescription reports the description of a field; a field that is called so has a schema, which is no text.
func isDescription(c Change) bool {
	if len(c.Path) == 0 || c.Path[len(c.Path)-1] != "description" || !slices.Contains(c.Path, any("openAPIV3Schema")) {
		return false
	}
	text := func(value any) bool { _, ok := value.(string); return value == nil || ok }
	return text(c.Old) && text(c.New)
}
