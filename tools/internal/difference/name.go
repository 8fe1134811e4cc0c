package difference

import (
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Name is a path in an object as a reader knows it: items of lists are called by what no other item there has, such as
// spec.template.spec.containers[app].volumeMounts[mountPath=/data], and by their index where nothing tells them apart or nobody is to
// read what does. Of no object it is the path as it is written.
func Name(o *manifest.Object, path manifest.Path) string {
	if o == nil {
		return path.String()
	}
	var b strings.Builder
	from := 0 // what is not written yet
	for i, s := range path {
		index, ok := s.(int)
		if !ok {
			continue
		}
		name, ok := calledBy(o, path[:i], index)
		if !ok {
			continue
		}
		write(&b, path[from:i])
		b.WriteString("[" + name + "]")
		from = i + 1
	}
	write(&b, path[from:])
	return b.String()
}

// Name is the field as a reader knows it, who has both objects.
func (c Change) Name(old, new *manifest.Object) string {
	if c.Removed {
		return Name(old, c.OldPath)
	}
	return Name(new, c.Path)
}

func write(b *strings.Builder, path manifest.Path) {
	text := path.String()
	if b.Len() > 0 && text != "" && text[0] != '[' {
		b.WriteString(".")
	}
	b.WriteString(text)
}

// calledBy is what tells an item of a list from the others: its name, or another field with what that holds.
func calledBy(o *manifest.Object, list manifest.Path, index int) (string, bool) {
	found, _ := list.Lookup(o.Value)
	items, _ := found.([]any)
	if index < 0 || index >= len(items) {
		return "", false
	}
	for _, field := range manifest.Identifying {
		value := manifest.At(items[index], field)
		text, ok := scalarOf(value)
		if !ok || value == "" {
			continue
		}
		at := append(step(list, index), field)
		if o.Hides(at) || isSecret(o) && !isOpen(at) {
			continue
		}
		has := func(item any) bool { return same(manifest.At(item, field), value) }
		if slices.ContainsFunc(items[:index], has) || slices.ContainsFunc(items[index+1:], has) {
			continue
		}
		if plain, ok := value.(string); ok {
			text = plain
		}
		if field == "name" {
			return text, true
		}
		return field + "=" + text, true
	}
	return "", false
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
