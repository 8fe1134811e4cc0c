package provenance

import (
	"slices"
	"strconv"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// jsonPatch does to a tree what RFC 6902 says of a patch's operations. Kustomize does the same to the tree's JSON, which
// has no places. Rendering has shown that the patch applies: what does not is passed over.
func (m *marked) jsonPatch(root *yaml.Node, patch *manifest.Document) *yaml.Node {
	// A patch without a root would be one to the document itself: the root is a field of nothing.
	tree := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{{Kind: yaml.ScalarNode}, root}}
	for _, operation := range patch.Node.Content {
		o := operationOf(m, patch, operation)
		o.apply(tree)
	}
	return tree.Content[1]
}

// operation is one of a JSON patch.
type operation struct {
	*marked
	op         string
	path, from []string
	where      place      // its path
	value      *yaml.Node // planted, as if it were a field of its path
}

func operationOf(m *marked, patch *manifest.Document, node *yaml.Node) operation {
	for node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	o := operation{marked: m, op: manifest.Text(node, "op"), path: pointer(node, "path"), from: pointer(node, "from")}
	var known bool
	if o.where, known = entry(patch, node, "path"); !known {
		o.where = place{document: patch, value: node}
	}
	if value, ok := entry(patch, node, "value"); ok {
		o.value = m.plant(patch, value.key, value.value)
		everywhere(o.value, asYAML11)
		o.related(o.value)
	} else {
		o.value = &yaml.Node{Kind: yaml.ScalarNode, Tag: yaml.NodeTagNull, Value: "null"}
		m.set(o.value, mark{at: o.where})
	}
	return o
}

// asYAML11 gives a scalar the value that it has in YAML 1.1, by which Kustomize makes JSON of a patch: an unquoted n is false.
func asYAML11(node *yaml.Node) {
	if is, ok := manifest.Truth(node); ok {
		node.Value, node.Tag = strconv.FormatBool(is), yaml.NodeTagBool
	}
}

// pointer is the path of an operation from the root that jsonPatch makes. As in the library that Kustomize uses, what is
// before the first slash does not count.
func pointer(node *yaml.Node, field string) []string {
	steps := manifest.Pointer(manifest.Text(node, field))
	steps[0] = ""
	return steps
}

// related names the operation's path next to the place of a value, unless they are in one line.
func (o operation) related(value *yaml.Node) {
	if by, ok := o.of(value); ok {
		if at, where := by.at.position(), o.where.position(); at.File != where.File || at.Line != where.Line {
			by.over = append([]place{o.where}, by.over...)
		}
	}
}

func (o operation) apply(tree *yaml.Node) {
	switch o.op {
	case "add":
		o.put(tree, o.value, false)
	case "replace":
		o.put(tree, o.value, true)
	case "remove":
		o.remove(tree, o.path)
	case "move":
		if value := o.remove(tree, o.from); value != nil {
			o.related(value)
			o.put(tree, value, false)
		}
	case "copy":
		parent, last := walk(tree, o.from)
		if value := child(parent, last); value != nil {
			value = o.again(value)
			o.related(value)
			o.put(tree, value, false)
		}
	}
}

// again copies a tree; the copies come from where the originals do.
func (m *marked) again(node *yaml.Node) *yaml.Node {
	out := *node
	if from, ok := m.of(node); ok {
		m.set(&out, mark{from.at, slices.Clone(from.over), from.made})
	}
	out.Content = nil
	for _, c := range node.Content {
		out.Content = append(out.Content, m.again(c))
	}
	return &out
}

// walk goes to the parent of what a pointer names.
func walk(tree *yaml.Node, steps []string) (parent *yaml.Node, last string) {
	for _, step := range steps[:len(steps)-1] {
		if tree = child(tree, step); tree == nil {
			break
		}
	}
	return tree, steps[len(steps)-1]
}

func child(parent *yaml.Node, step string) *yaml.Node {
	if parent == nil {
		return nil
	}
	if parent.Kind == yaml.MappingNode {
		return manifest.Lookup(parent, step)
	}
	if i, ok := index(parent, step); ok && i < len(parent.Content) {
		return parent.Content[i]
	}
	return nil
}

// index reads the step of a pointer into a list: a number, one from the end, or - for behind the end.
func index(list *yaml.Node, step string) (int, bool) {
	if list.Kind != yaml.SequenceNode {
		return 0, false
	}
	if step == "-" {
		return len(list.Content), true
	}
	i, err := strconv.Atoi(step)
	if err == nil && i < 0 {
		i += len(list.Content)
	}
	return i, err == nil && i >= 0 && i <= len(list.Content)
}

func (o operation) put(tree, value *yaml.Node, replace bool) {
	parent, last := walk(tree, o.path)
	if parent == nil || value == nil {
		return
	}
	if was := child(parent, last); was != nil && (replace || parent.Kind == yaml.MappingNode) {
		o.replaces(value, was)
		*was = *value
		return
	}
	if parent.Kind == yaml.MappingNode {
		if gone, ok := o.deleted[deletion{parent.Line, last}]; ok {
			if by, ok := o.of(value); ok {
				by.over = append(slices.Clip(by.over), gone.below()...)
			}
		}
		parent.Content = append(parent.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: last}, value)
		return
	}
	if i, ok := index(parent, last); ok {
		parent.Content = slices.Insert(parent.Content, i, value)
	}
}

// replaces notes what the parts of a value override.
func (o operation) replaces(value, was *yaml.Node) {
	o.overrides(value, was)
	if value.Kind != was.Kind {
		return
	}
	for i, part := range value.Content {
		switch {
		case value.Kind == yaml.MappingNode && i%2 == 1:
			if before := manifest.Lookup(was, value.Content[i-1].Value); before != nil {
				o.replaces(part, before)
			}
		case value.Kind == yaml.SequenceNode && i < len(was.Content):
			o.replaces(part, was.Content[i])
		}
	}
}

// remove takes a value out of a tree and returns it.
func (o operation) remove(tree *yaml.Node, steps []string) *yaml.Node {
	parent, last := walk(tree, steps)
	value := child(parent, last)
	if value == nil {
		return nil
	}
	at := slices.Index(parent.Content, value)
	if parent.Kind == yaml.SequenceNode {
		parent.Content = slices.Delete(parent.Content, at, at+1)
		return value
	}
	gone := mark{at: o.where}
	if was, ok := o.of(value); ok {
		gone.over = was.below()
	}
	o.deleted[deletion{parent.Line, last}] = gone
	parent.Content = slices.Delete(parent.Content, at-1, at+1)
	return value
}
