package manifest

import (
	"reflect"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// identifying lists the fields that tell the items of a Kubernetes list apart, the most telling first.
var identifying = []string{"name", "key", "containerPort", "mountPath", "port", "type", "host", "ip", "devicePath", "topologyKey"}

// Locate finds the line of a field in a YAML tree. When the field is absent it gives the line of its closest
// ancestor, with exact false. Lists are followed by what identifies an item: value, when given, is the object
// that the path was taken from, and an item of its list is looked up here by the same name, not by its index.
func Locate(node *yaml.Node, path Path, value any) (line int, exact bool) {
	line, found := follow(node, path, value)
	return line, found != nil
}

// Find is the node whose line Locate finds; nil when the field is absent.
func Find(node *yaml.Node, path Path, value any) *yaml.Node {
	_, found := follow(node, path, value)
	return found
}

func follow(node *yaml.Node, path Path, value any) (line int, found *yaml.Node) {
	node = resolve(node)
	line = node.Line
	for i, step := range path {
		var next *yaml.Node
		switch step := step.(type) {
		case string:
			key, child := mapEntry(node, step)
			if child == nil {
				return line, nil
			}
			line, next = key.Line, child
		case int:
			if node.Kind != yaml.SequenceNode {
				return line, nil
			}
			next = item(node, step, path[:i], value)
			if next == nil {
				return line, nil
			}
			line = next.Line
		}
		node = resolve(next)
	}
	return line, node
}

// Lookup follows a path through a YAML tree by keys and indexes; nil when it leads nowhere.
func Lookup(node *yaml.Node, path ...any) *yaml.Node {
	for _, step := range path {
		node = resolve(node)
		switch step := step.(type) {
		case string:
			_, node = mapEntry(node, step)
		case int:
			if node == nil || node.Kind != yaml.SequenceNode || step >= len(node.Content) {
				return nil
			}
			node = node.Content[step]
		}
		if node == nil {
			return nil
		}
	}
	return resolve(node)
}

// Text is the scalar at a path, or "".
func Text(node *yaml.Node, path ...any) string {
	if found := Lookup(node, path...); found != nil && found.Kind == yaml.ScalarNode {
		return found.Value
	}
	return ""
}

func resolve(node *yaml.Node) *yaml.Node {
	for node != nil && (node.Kind == yaml.AliasNode || node.Kind == yaml.DocumentNode) {
		if node.Kind == yaml.AliasNode {
			node = node.Alias
			continue
		}
		if len(node.Content) == 0 {
			return node
		}
		node = node.Content[0]
	}
	return node
}

// mapEntry finds a key of a mapping, also through merge keys (<<), own keys first.
func mapEntry(node *yaml.Node, name string) (key, value *yaml.Node) {
	return mapEntryDepth(node, name, 0)
}

func mapEntryDepth(node *yaml.Node, name string, depth int) (key, value *yaml.Node) {
	if node == nil || node.Kind != yaml.MappingNode || depth > 20 {
		return nil, nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name && node.Content[i].Tag != yaml.MergeTag {
			return node.Content[i], node.Content[i+1]
		}
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Tag != yaml.MergeTag {
			continue
		}
		merged := resolve(node.Content[i+1])
		sources := []*yaml.Node{merged}
		if merged != nil && merged.Kind == yaml.SequenceNode {
			sources = merged.Content
		}
		for _, source := range sources {
			if key, value := mapEntryDepth(resolve(source), name, depth+1); key != nil {
				return key, value
			}
		}
	}
	return nil, nil
}

// item finds the list item that stands for value's item at path[index].
func item(list *yaml.Node, index int, path Path, value any) *yaml.Node {
	var byIndex *yaml.Node
	if index >= 0 && index < len(list.Content) {
		byIndex = list.Content[index]
	}
	if value == nil {
		return byIndex
	}
	at, ok := append(append(Path{}, path...), index).Lookup(value)
	if !ok {
		return byIndex
	}
	fields, ok := at.(map[string]any)
	if !ok {
		for _, candidate := range list.Content {
			if sameScalar(candidate, at) {
				return candidate
			}
		}
		return byIndex
	}
	for _, field := range identifying {
		want, ok := fields[field]
		if !ok {
			continue
		}
		var matches []*yaml.Node
		for _, candidate := range list.Content {
			if _, got := mapEntry(resolve(candidate), field); got != nil && sameScalar(got, want) {
				matches = append(matches, candidate)
			}
		}
		if len(matches) == 1 {
			return matches[0]
		}
		if len(matches) > 1 {
			for _, candidate := range matches {
				if candidate == byIndex {
					return candidate
				}
			}
			return matches[0]
		}
		if field == "name" || field == "key" {
			return nil // the item is named, and no item here has that name
		}
	}
	return byIndex
}

func sameScalar(node *yaml.Node, want any) bool {
	node = resolve(node)
	if node == nil || node.Kind != yaml.ScalarNode {
		return false
	}
	var got any
	if err := node.Decode(&got); err != nil {
		return false
	}
	if n, ok := got.(int); ok {
		got = int64(n)
	}
	return reflect.DeepEqual(got, want)
}
