package manifest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// maxMerges is how deep merge keys may be nested. Nobody nests two; what looks keys up goes down this far and no further.
const maxMerges = 20

// Plain copies a tree with its aliases and merge keys (<<) written out, by the rules of YAML: a mapping's own keys come
// first, then those of what it merges in, the earlier before the later. Values keep the positions of their text; an
// aliased one has the alias's, with what it stands for in its Alias. The tree must be one of ParseDocuments, which
// refuses those that have no end.
func Plain(node *yaml.Node) *yaml.Node { return written(Expand(node)) }

// written is Plain of a tree without aliases.
func written(node *yaml.Node) *yaml.Node {
	plain := *node
	plain.Content = nil
	if node.Kind != yaml.MappingNode {
		for _, child := range node.Content {
			plain.Content = append(plain.Content, written(child))
		}
		return &plain
	}
	taken := map[string]bool{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], written(node.Content[i+1])
		if key.Tag == yaml.MergeTag {
			if value.Kind == yaml.SequenceNode {
				merged = append(merged, value.Content...)
			} else {
				merged = append(merged, value)
			}
			continue
		}
		taken[key.Value] = true
		plain.Content = append(plain.Content, key, value)
	}
	for _, source := range merged {
		for i := 0; i+1 < len(source.Content); i += 2 {
			if key := source.Content[i]; !taken[key.Value] {
				taken[key.Value] = true
				plain.Content = append(plain.Content, key, source.Content[i+1])
			}
		}
	}
	return &plain
}

// Version is one of YAML, by which yes is a boolean or a text.
type Version bool

// Kustomize decodes what it takes for its own types by YAML 1.1, and reads resources by YAML 1.2.
const (
	YAML11 Version = true
	YAML12 Version = false
)

// PlainJSON encodes a tree of Plain. Keys are texts.
func PlainJSON(node *yaml.Node, version Version) ([]byte, error) {
	value, err := plainValue(node, version)
	if err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

func plainValue(node *yaml.Node, version Version) (any, error) {
	switch node.Kind {
	case yaml.MappingNode:
		fields := make(map[string]any, len(node.Content)/2)
		for i := 0; i+1 < len(node.Content); i += 2 {
			value, err := plainValue(node.Content[i+1], version)
			if err != nil {
				return nil, err
			}
			fields[textOfKey(node.Content[i], version)] = value
		}
		return fields, nil
	case yaml.SequenceNode:
		items := make([]any, len(node.Content))
		for i, child := range node.Content {
			value, err := plainValue(child, version)
			if err != nil {
				return nil, err
			}
			items[i] = value
		}
		return items, nil
	}
	if truth, ok := Truth(node); ok && version == YAML11 {
		return truth, nil
	}
	if node.ShortTag() == "!!timestamp" {
		return node.Value, nil // JSON has no other form of it
	}
	var value any
	if err := node.Decode(&value); err != nil {
		return nil, fmt.Errorf("line %d: %w", node.Line, err)
	}
	return value, nil
}

// truths are the words that YAML 1.1 takes for a boolean and YAML 1.2 for a text.
var truths = map[string]bool{
	"y": true, "Y": true, "yes": true, "Yes": true, "YES": true, "on": true, "On": true, "ON": true,
	"n": false, "N": false, "no": false, "No": false, "NO": false, "off": false, "Off": false, "OFF": false,
}

// Truth is the boolean that YAML 1.1, by which Kustomize reads its own files, takes a scalar for that YAML 1.2 takes for a text.
func Truth(node *yaml.Node) (truth, ok bool) {
	if node.Kind != yaml.ScalarNode || node.Style&^yaml.FlowStyle != 0 {
		return false, false // quoted, a block, or tagged
	}
	truth, ok = truths[node.Value]
	return truth, ok && node.ShortTag() == yaml.NodeTagString
}

// textOfKey is the key that a scalar becomes in JSON: 0x10 and 16 are one.
func textOfKey(key *yaml.Node, version Version) string {
	if truth, ok := Truth(key); ok && version == YAML11 {
		return fmt.Sprint(truth)
	}
	switch key.ShortTag() {
	case "!!int", "!!float", "!!bool":
		var value any
		if key.Decode(&value) == nil {
			return fmt.Sprint(value)
		}
	case "!!null":
		return "null"
	}
	return key.Value
}

// merges looks for merge keys and other keys that YAML libraries read differently.
type merges struct{ depths map[*yaml.Node]int }

// odd finds such a key, and says why: one with a tag, a second merge key, one that merges what is no mapping, and one
// nested deeper than what looks keys up goes.
func (m *merges) odd(node *yaml.Node) (*yaml.Node, string) {
	if node.Kind == yaml.MappingNode {
		count := 0
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			switch {
			case resolve(key).Kind != yaml.ScalarNode:
				return key, "a key that is no text: JSON has no such key, and no API server takes it"
			case resolve(key).Style&yaml.TaggedStyle != 0:
				return key, fmt.Sprintf("the key %q has the tag %s, which tools read differently: write the key alone", resolve(key).Value, resolve(key).Tag)
			case key.Kind == yaml.AliasNode && resolve(key).Tag == yaml.MergeTag:
				return key, "an alias stands for a merge key (<<): write the key itself"
			case key.Tag != yaml.MergeTag:
				continue
			case !mergeable(value):
				return key, "a merge key (<<) takes a mapping or a list of mappings"
			}
			if count++; count > 1 {
				return key, "a second merge key (<<) in one mapping: tools differ in what counts; merge a list of both"
			}
			if m.depth(node) > maxMerges {
				return key, fmt.Sprintf("merge keys (<<) are nested more than %d deep", maxMerges)
			}
		}
	}
	for _, child := range node.Content {
		if at, reason := m.odd(child); at != nil {
			return at, reason
		}
	}
	return nil, ""
}

// depth is how many merges lie below a mapping, one in the other.
func (m *merges) depth(node *yaml.Node) int {
	if depth, ok := m.depths[node]; ok {
		return depth
	}
	depth := 0
	for i := 0; i+1 < len(node.Content) && node.Kind == yaml.MappingNode; i += 2 {
		if node.Content[i].Tag != yaml.MergeTag {
			continue
		}
		sources := []*yaml.Node{resolve(node.Content[i+1])}
		if sources[0].Kind == yaml.SequenceNode {
			sources = sources[0].Content
		}
		for _, source := range sources {
			depth = max(depth, 1+m.depth(resolve(source)))
		}
	}
	m.depths[node] = depth
	return depth
}

func mergeable(node *yaml.Node) bool {
	node = resolve(node)
	if node.Kind == yaml.SequenceNode {
		return !slices.ContainsFunc(node.Content, func(item *yaml.Node) bool { return resolve(item).Kind != yaml.MappingNode })
	}
	return node.Kind == yaml.MappingNode
}

// coreTags are those that every YAML library knows and reads alike.
var coreTags = []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq"}

// OddTag finds a tag that is written out and that not every library knows; nil when there is none.
func OddTag(node *yaml.Node) *yaml.Node {
	if node.Style&yaml.TaggedStyle != 0 && !slices.Contains(coreTags, node.ShortTag()) || strings.HasPrefix(node.Tag, "!") && !strings.HasPrefix(node.Tag, "!!") {
		return node
	}
	for _, child := range node.Content {
		if odd := OddTag(child); odd != nil {
			return odd
		}
	}
	return nil
}
