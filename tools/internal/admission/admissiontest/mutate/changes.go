package mutate

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
)

// Everywhere changes a text wherever the object has it, below metadata.labels and in everything but metadata: what renames a
// label with the selectors that ask for it.
const Everywhere = "everywhere"

// everywhere replaces the text at the mutation's path.
func (m Mutation) everywhere(object map[string]any) error {
	held := any(object)
	for _, step := range m.Path {
		switch step := step.(type) {
		case string:
			fields, _ := held.(map[string]any)
			held = fields[step]
		case int:
			items, _ := held.([]any)
			if step < 0 || step >= len(items) {
				return fmt.Errorf("%s: there is no such item", m)
			}
			held = items[step]
		}
	}
	text, ok := held.(string)
	by, also := m.Value.(string)
	if !ok || !also {
		return fmt.Errorf("%s: there is no such text", m)
	}
	var replace func(node any) any
	replace = func(node any) any {
		switch node := node.(type) {
		case map[string]any:
			for key, child := range node {
				node[key] = replace(child)
			}
		case []any:
			for i, child := range node {
				node[i] = replace(child)
			}
		case string:
			if node == text {
				return by
			}
		}
		return node
	}
	for key, child := range object {
		if key == "apiVersion" || key == "kind" {
			continue
		}
		if metadata, ok := child.(map[string]any); ok && key == "metadata" {
			if labels, ok := metadata["labels"]; ok {
				metadata["labels"] = replace(labels)
			}
			continue
		}
		object[key] = replace(child)
	}
	return nil
}

// Changes are up to n ways to change an object, one or two mutations each. resourceVersion is left alone: which one an object has
// that is there is chance.
func Changes(object map[string]any, seed uint64, n int) [][]Mutation {
	singles := slices.DeleteFunc(Of(object, seed, 4*n), func(m Mutation) bool {
		return m.Name == Oversize || len(m.Path) > 1 && m.Path[0] == "metadata" && (m.Path[1] == "resourceVersion" || m.Path[1] == "namespace" || m.Path[1] == "name")
	})
	digest := fnv.New64a()
	collect(object, nil, func(path []any, v any) {
		fmt.Fprintln(digest, Text(path), v)
		text, ok := v.(string)
		if ok && text != "" && path[0] != "metadata" && path[0] != "status" && !slices.ContainsFunc(singles, func(m Mutation) bool {
			return m.Name == Everywhere && m.Value == other(text)
		}) {
			singles = append(singles, Mutation{Name: Everywhere, Path: slices.Clone(path), Value: other(text)})
		}
	})
	r := rand.New(rand.NewPCG(seed, digest.Sum64()))
	r.Shuffle(len(singles), func(i, j int) { singles[i], singles[j] = singles[j], singles[i] })
	var all [][]Mutation
	for i, m := range singles {
		if len(all) == n {
			break
		}
		if i%4 == 3 { // with one that went before, which may take away what it is about
			all = append(all, []Mutation{singles[r.IntN(i)], m})
			continue
		}
		all = append(all, []Mutation{m})
	}
	return all
}

// other is a text like another: of the same form, where it is a name or a quantity.
func other(text string) string {
	for i, c := range text {
		if c >= '1' && c <= '8' {
			return text[:i] + string(c+1) + text[i+1:]
		}
	}
	if strings.HasSuffix(text, "x") {
		return text + "y"
	}
	return text + "x"
}
