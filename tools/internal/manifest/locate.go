package manifest

import (
	"reflect"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Identifying lists the fields that tell the items of a Kubernetes list apart, the most telling first.
var Identifying = []string{"name", "key", "containerPort", "mountPath", "port", "type", "host", "ip", "devicePath", "topologyKey"}

// Find is the node of a field in a YAML tree; nil when the field is absent. Lists are followed by what identifies an
// item: value, when given, is the object that the path was taken from, and an item of its list is looked up here by
// the same name, not by its index.
func Find(node *yaml.Node, path Path, value any) *yaml.Node {
	if _, found, exact := follow(node, path, value); exact {
		return resolve(found)
	}
	return nil
}

// follow goes as far along a path as the tree has it. It returns the node that it came to, as it is written, with its
// key where it has one.
func follow(node *yaml.Node, path Path, value any) (key, found *yaml.Node, exact bool) {
	found = resolve(node)
	for i, step := range path {
		var nextKey, next *yaml.Node
		within := resolve(found)
		switch step := step.(type) {
		case string:
			nextKey, next = mapEntry(within, step)
		case int:
			if within.Kind == yaml.SequenceNode {
				next = item(within, step, path[:i], value)
			}
		}
		if next == nil {
			return key, found, false
		}
		key, found = nextKey, next
	}
	return key, found, true
}

// Lookup follows a path through a YAML tree by keys and indexes; nil when it leads nowhere.
func Lookup(node *yaml.Node, path ...any) *yaml.Node {
	for _, step := range path {
		node = resolve(node)
		switch step := step.(type) {
		case string:
			_, node = mapEntry(node, step)
		case int:
			if node == nil || node.Kind != yaml.SequenceNode || step < 0 || step >= len(node.Content) {
				return nil
			}
			node = node.Content[step]
		case Line:
			return nil
		}
		if node == nil {
			return nil
		}
	}
	return resolve(node)
}

// Text is the scalar at a path, or "", also for null.
func Text(node *yaml.Node, path ...any) string {
	if found := Lookup(node, path...); found != nil && found.Kind == yaml.ScalarNode && found.ShortTag() != "!!null" {
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
	if node == nil || node.Kind != yaml.MappingNode || depth > maxMerges {
		return nil, nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := resolve(node.Content[i]); key.Kind == yaml.ScalarNode && key.Value == name && key.Tag != yaml.MergeTag {
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
		if byIndex != nil && sameScalar(byIndex, at) {
			return byIndex
		}
		for _, candidate := range list.Content {
			if sameScalar(candidate, at) {
				return candidate
			}
		}
		return byIndex
	}
	for _, field := range Identifying {
		want, ok := fields[field]
		switch want.(type) {
		case map[string]any, []any, nil:
			ok = false // names nothing
		}
		if !ok {
			continue
		}
		if byIndex != nil {
			// The item at the index comes first of several; so there is no need to look for others.
			if _, got := mapEntry(resolve(byIndex), field); got != nil && sameScalar(got, want) {
				return byIndex
			}
		}
		for _, candidate := range list.Content {
			if _, got := mapEntry(resolve(candidate), field); got != nil && sameScalar(got, want) {
				return candidate
			}
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
	if text, ok := want.(string); ok && node.ShortTag() == yaml.NodeTagString {
		return node.Value == text // a list of thousands is compared item by item
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
