package provenance

import (
	"slices"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// place is a field as a file has it: a node of a document with its key, or a position in another file.
type place struct {
	document   *manifest.Document
	key, value *yaml.Node

	bare    manifest.Position // without a document
	content []byte            // of the file, where the field is all of it
}

func (p place) position() manifest.Position {
	if p.document == nil {
		return p.bare
	}
	return p.document.Position(p.key, p.value)
}

// entry is the place of a field of a mapping.
func entry(document *manifest.Document, mapping *yaml.Node, name string) (place, bool) {
	if mapping.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if mapping.Content[i].Value == name {
				return place{document: document, key: mapping.Content[i], value: mapping.Content[i+1]}, true
			}
		}
	}
	return place{}, false
}

// mark says where a node of a tree comes from.
type mark struct {
	at   place
	over []place // what it overrode, the closest first
	made bool    // a mapping that a transformer put its field in: nobody wrote it
}

// below is the chain of places that a successor of the mark overrides.
func (m mark) below() []place { return append([]place{m.at}, m.over...) }

// marked is a set of trees whose nodes tell where they come from. The line of a node is the number of its mark: kyaml
// carries lines along through everything that it does to a tree, and looks at none.
type marked struct {
	marks   []mark
	keys    map[*yaml.Node]map[*yaml.Node]*yaml.Node // of values, by the document that they are in
	deleted map[deletion]mark                        // fields that something took away
}

type deletion struct {
	from int // the mark of the mapping
	key  string
}

// firstMark is above every line that a node could have of its own.
const firstMark = 1 << 30

func (m *marked) of(node *yaml.Node) (*mark, bool) {
	if node == nil || node.Line < firstMark || node.Line-firstMark >= len(m.marks) {
		return nil, false
	}
	return &m.marks[node.Line-firstMark], true
}

func (m *marked) set(node *yaml.Node, to mark) {
	node.Line = firstMark + len(m.marks)
	m.marks = append(m.marks, to)
}

// next is the line that the next mark will have.
func (m *marked) next() int { return firstMark + len(m.marks) }

// overrides notes that a node took the place of another.
func (m *marked) overrides(node, before *yaml.Node) {
	if by, ok := m.of(node); ok {
		if was, ok := m.of(before); ok && node.Line != before.Line {
			by.over = append(slices.Clip(by.over), was.below()...)
		}
	}
}

// planter copies the nodes of one document into a marked tree, with aliases and merge keys written out. A value stands
// where its anchor does; the aliases that lead there are next.
type planter struct {
	*marked
	document *manifest.Document
	keys     map[*yaml.Node]*yaml.Node // of values
}

func (m *marked) plant(document *manifest.Document, key, node *yaml.Node) *yaml.Node {
	p := &planter{m, document, m.keys[document.Node]}
	if p.keys == nil {
		// Once, not for each operation of a patch.
		p.keys = map[*yaml.Node]*yaml.Node{}
		p.index(document.Node)
		if m.keys == nil {
			m.keys = map[*yaml.Node]map[*yaml.Node]*yaml.Node{}
		}
		m.keys[document.Node] = p.keys
	}
	return p.copy(key, node, nil)
}

func (p *planter) index(node *yaml.Node) {
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 1 {
			p.keys[child] = node.Content[i-1]
		}
		p.index(child)
	}
}

func (p *planter) copy(key, node *yaml.Node, via []place) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return p.copy(p.keys[node.Alias], node.Alias, p.by(key, node, via))
	}
	out := *node
	out.Anchor, out.Alias, out.Content = "", nil, nil
	p.set(&out, mark{at: place{document: p.document, key: key, value: node}, over: via})
	switch node.Kind {
	case yaml.MappingNode:
		p.fields(&out, node, via)
	case yaml.SequenceNode:
		for _, item := range node.Content {
			out.Content = append(out.Content, p.copy(nil, item, via))
		}
	}
	return &out
}

func (p *planter) by(key, node *yaml.Node, via []place) []place {
	return append([]place{{document: p.document, key: key, value: node}}, via...)
}

// fields copies those of a mapping, then those that its merge keys bring and it does not have itself.
func (p *planter) fields(out, node *yaml.Node, via []place) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if key := node.Content[i]; key.Tag != yaml.MergeTag {
			plain := *key
			plain.Anchor, plain.Line = "", 0
			out.Content = append(out.Content, &plain, p.copy(key, node.Content[i+1], via))
		}
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Tag != yaml.MergeTag {
			continue
		}
		sources := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			sources = value.Content
		}
		for _, source := range sources {
			if source.Kind == yaml.AliasNode {
				source = source.Alias
			}
			if source.Kind != yaml.MappingNode {
				continue
			}
			merged := &yaml.Node{Kind: yaml.MappingNode}
			p.fields(merged, source, p.by(key, value, via))
			for j := 0; j+1 < len(merged.Content); j += 2 {
				if have := manifest.Lookup(out, merged.Content[j].Value); have != nil {
					p.overrides(have, merged.Content[j+1])
					continue
				}
				out.Content = append(out.Content, merged.Content[j], merged.Content[j+1])
			}
		}
	}
}

// settle gives every node of a tree its mark after Kustomize has changed it. Nodes with a mark of fresh or above came
// with the change. by is the place of the change, for what has no mark at all.
type settle struct {
	*marked
	fresh int
	by    mark
}

func (s settle) node(before, after *yaml.Node) {
	switch _, known := s.of(after); {
	case known && after.Line >= s.fresh:
		s.overrides(after, before)
	case known:
	case before != nil && before.Kind == after.Kind && (after.Kind != yaml.ScalarNode || before.Value == after.Value):
		after.Line = before.Line // Kustomize wrote the same again
	default:
		s.set(after, s.by)
		s.overrides(after, before)
	}
	within := s
	if at, ok := s.of(after); ok {
		within.by = mark{at: at.at}
	}
	switch after.Kind {
	case yaml.MappingNode:
		within.fields(before, after)
	case yaml.SequenceNode:
		was := within.items(before, after)
		for i, item := range after.Content {
			within.node(was.counterpart(i), item)
		}
	}
}

func (s settle) fields(before, after *yaml.Node) {
	earlier := entries(before)
	for i := 0; i+1 < len(after.Content); i += 2 {
		key, value := after.Content[i], after.Content[i+1]
		was := earlier(key.Value)
		s.node(was, value)
		if gone, ok := s.deleted[deletion{after.Line, key.Value}]; ok && was == nil {
			if at, ok := s.of(value); ok {
				at.over = append(slices.Clip(at.over), gone.below()...)
			}
		}
	}
}

// many is how many entries a mapping has to have to be worth an index.
const many = 16

// entries looks up the fields of a mapping, as manifest.Lookup does, without going through all of them for each.
func entries(mapping *yaml.Node) func(key string) *yaml.Node {
	if mapping == nil || mapping.Kind != yaml.MappingNode || len(mapping.Content) < 2*many {
		return func(key string) *yaml.Node { return manifest.Lookup(mapping, key) }
	}
	index := make(map[string]*yaml.Node, len(mapping.Content)/2)
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key := mapping.Content[i]
		if key.Tag == yaml.MergeTag {
			return func(key string) *yaml.Node { return manifest.Lookup(mapping, key) }
		}
		if _, known := index[key.Value]; !known {
			index[key.Value] = mapping.Content[i+1]
		}
	}
	return func(key string) *yaml.Node { return index[key] }
}

// items finds what the items of a list were before a change.
type items struct {
	before, after *yaml.Node
	replaced      bool                             // the list is another one
	byMark        map[int]*yaml.Node               // of before
	byName        map[string]map[string]*yaml.Node // of before, by the field that identifies
}

func (s settle) items(before, after *yaml.Node) *items {
	if before == nil || before.Kind != yaml.SequenceNode {
		return &items{}
	}
	l := &items{before: before, after: after, replaced: after.Line >= s.fresh, byMark: map[int]*yaml.Node{}, byName: map[string]map[string]*yaml.Node{}}
	for _, was := range before.Content {
		if l.byMark[was.Line] == nil {
			l.byMark[was.Line] = was
		}
	}
	return l
}

// named is the first item with a name.
func (l *items) named(field, name string) *yaml.Node {
	if l.byName[field] == nil {
		l.byName[field] = map[string]*yaml.Node{}
		for _, was := range l.before.Content {
			if text := manifest.Text(was, field); l.byName[field][text] == nil {
				l.byName[field][text] = was
			}
		}
	}
	return l.byName[field][name]
}

// counterpart is what an item of a list was before: the item with the same mark, or of the same name. In a list that was
// replaced whole, it may also be the one at the same index.
func (l *items) counterpart(index int) *yaml.Node {
	if l.before == nil {
		return nil
	}
	item := l.after.Content[index]
	if was := l.byMark[item.Line]; was != nil {
		return was
	}
	if item.Kind == yaml.MappingNode {
		for _, name := range manifest.Identifying {
			if value := manifest.Text(item, name); value != "" {
				return l.named(name, value)
			}
		}
	}
	if l.replaced && index < len(l.before.Content) {
		return l.before.Content[index]
	}
	return nil
}

// removed notes the fields that a change took out of mappings that are still the same. where finds the place that says so.
func (s settle) removed(before, after *yaml.Node, path manifest.Path, where func(manifest.Path) place) {
	if before == nil || before.Kind != after.Kind || before.Line != after.Line {
		return
	}
	switch after.Kind {
	case yaml.MappingNode:
		now := entries(after)
		for i := 0; i+1 < len(before.Content); i += 2 {
			key := before.Content[i].Value
			below := append(slices.Clip(path), key)
			if still := now(key); still != nil {
				s.removed(before.Content[i+1], still, below, where)
				continue
			}
			gone := mark{at: where(below)}
			if was, ok := s.of(before.Content[i+1]); ok {
				gone.over = was.below()
			}
			s.deleted[deletion{after.Line, key}] = gone
		}
	case yaml.SequenceNode:
		was := s.items(before, after)
		for i, item := range after.Content {
			s.removed(was.counterpart(i), item, append(slices.Clip(path), i), where)
		}
	}
}
