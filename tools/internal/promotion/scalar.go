package promotion

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Scalar is a scalar of a file that says a value, wholly or in part. The zero value is that of what no file says.
type Scalar struct {
	manifest.Position         // of the scalar itself, with its quotes
	Address           Address // how it is found in the file as it was at other times
	Text              string  // all that it says

	// Aliased is set where the file says the value by an alias: the scalar is that of the anchor, and others may use it.
	Aliased bool

	// Environments are those whose targets read the file, in the order of the table: an edit may reach all of them.
	Environments []string
}

// Address leads from the documents of a file to a scalar. Items of lists are told apart by what they are called, so that it
// still leads there when others come before them.
type Address []step

// step is one step of an address; one of its fields is set.
type step struct {
	document *described // of the file, or of the text of a scalar
	key      string     // of a mapping
	item     *described // of a list
}

// described is one of several by what it is called, or by its place among them.
type described struct {
	index int
	by    [][2]string // fields and what they hold, dots between the steps; none where only the place tells
}

func (d described) String() string {
	if len(d.by) == 0 {
		return fmt.Sprint(d.index)
	}
	var parts []string
	for _, field := range d.by {
		parts = append(parts, field[0]+"="+field[1])
	}
	return strings.Join(parts, ",")
}

// String writes the address as images[name=app].newTag.
func (a Address) String() string {
	var b strings.Builder
	for i, s := range a {
		switch {
		case s.item != nil:
			fmt.Fprintf(&b, "[%s]", s.item)
		case s.document != nil && i > 0:
			b.WriteString("|")
		case s.document == nil && b.Len() > 0 && !strings.HasSuffix(b.String(), "|"):
			b.WriteString("." + s.key)
		case s.document == nil:
			b.WriteString(s.key)
		}
	}
	return b.String()
}

// Find is the scalar that the address leads to in the documents of a file; false where there is none.
func (a Address) Find(documents []manifest.Document) (Scalar, bool) {
	found, _, ok := a.follow(documents)
	return found, ok
}

func (a Address) follow(documents []manifest.Document) (found Scalar, node *yaml.Node, ok bool) {
	var in *manifest.Document
	for i, s := range a {
		switch {
		case s.document != nil:
			if i > 0 {
				inline, err := in.ParseInline(node)
				if err != nil {
					return Scalar{}, nil, false
				}
				documents = inline
			}
			nodes := make([]*yaml.Node, len(documents))
			for i := range documents {
				nodes[i] = documents[i].Node
			}
			at := s.document.among(nodes)
			if at < 0 {
				return Scalar{}, nil, false
			}
			in, node = &documents[at], resolved(nodes[at])
		case s.item != nil:
			if node.Kind != yaml.SequenceNode {
				return Scalar{}, nil, false
			}
			at := s.item.among(node.Content)
			if at < 0 {
				return Scalar{}, nil, false
			}
			node = resolved(node.Content[at])
		default:
			if node = manifest.Lookup(node, s.key); node == nil {
				return Scalar{}, nil, false
			}
		}
	}
	if node == nil || node.Kind != yaml.ScalarNode {
		return Scalar{}, nil, false
	}
	return Scalar{Position: in.Position(nil, node), Address: a, Text: node.Value}, node, true
}

// among is the index of what is described among several; -1 where it is not there, or nobody can tell which.
func (d described) among(nodes []*yaml.Node) int {
	if len(d.by) == 0 {
		if d.index < len(nodes) {
			return d.index
		}
		return -1
	}
	at := -1
	for i, node := range nodes {
		if slices.ContainsFunc(d.by, func(field [2]string) bool { return textAt(node, field[0]) != field[1] }) {
			continue
		}
		if at >= 0 {
			return -1
		}
		at = i
	}
	return at
}

// describe tells one of several apart by the first fields that do.
func describe(nodes []*yaml.Node, index int, fields [][]string) *described {
	d := &described{index: index}
	for _, names := range fields {
		d.by = nil
		for _, name := range names {
			if text := textAt(nodes[index], name); text != "" {
				d.by = append(d.by, [2]string{name, text})
			}
		}
		if len(d.by) > 0 && d.among(nodes) == index {
			return d
		}
	}
	d.by = nil
	return d
}

func textAt(node *yaml.Node, field string) string {
	var path []any
	for name := range strings.SplitSeq(field, ".") {
		path = append(path, name)
	}
	return manifest.Text(node, path...)
}

var (
	ofDocuments = [][]string{{"kind", "metadata.name"}, {"kind"}}
	ofItems     = [][]string{{"name"}, {"op", "path"}, {"target.kind", "target.name"}, {"path"}, {"key"}, {"source.kind", "source.fieldPath"}}
)

// scalarAt finds the scalar that a position is about: the one that stands there, or that the key which stands there is for.
func scalarAt(documents []manifest.Document, at manifest.Position) (Scalar, bool) {
	nodes := make([]*yaml.Node, len(documents))
	for i := range documents {
		nodes[i] = documents[i].Node
	}
	for i := range documents {
		if len(documents) > 1 && i+1 < len(documents) && at.Line >= documents[i+1].Line && documents[i+1].Line > documents[i].Line {
			continue
		}
		in := within{&documents[i], at}
		if found, ok := in.look(nodes[i], Address{{document: describe(nodes, i, ofDocuments)}}); ok {
			return found, true
		}
	}
	return Scalar{}, false
}

// within looks for a position in a document.
type within struct {
	document *manifest.Document
	at       manifest.Position
}

func (w within) is(key, value *yaml.Node) bool {
	at := w.document.Position(key, value)
	return at.Line == w.at.Line && (at.Column == w.at.Column || w.at.Column == 0)
}

func (w within) scalar(key, value *yaml.Node, address Address) (Scalar, bool) {
	to := resolved(value)
	if to == nil || to.Kind != yaml.ScalarNode {
		return Scalar{}, false
	}
	if w.is(key, value) || key != nil && w.is(nil, value) {
		return Scalar{Position: w.document.Position(nil, to), Address: address, Text: to.Value, Aliased: to != value}, true
	}
	if to != value || !strings.ContainsAny(to.Value, "\n:") || w.at.Line < to.Line || w.at.Line > to.Line+strings.Count(to.Value, "\n")+1 {
		return Scalar{}, false
	}
	inline, err := w.document.ParseInline(to)
	if err != nil {
		return Scalar{}, false // a text of another kind
	}
	found, ok := scalarAt(inline, w.at)
	found.Address = slices.Concat(address, found.Address)
	return found, ok
}

func (w within) look(node *yaml.Node, address Address) (Scalar, bool) {
	into := func(key, value *yaml.Node, next step) (Scalar, bool) {
		further := append(slices.Clip(address), next)
		if found, ok := w.scalar(key, value, further); ok {
			return found, true
		}
		if value.Kind == yaml.AliasNode {
			return Scalar{}, false // where the anchor is, it is found
		}
		return w.look(value, further)
	}
	switch node.Kind {
	case yaml.DocumentNode:
		if len(node.Content) > 0 {
			return w.look(node.Content[0], address)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if found, ok := into(node.Content[i], node.Content[i+1], step{key: node.Content[i].Value}); ok {
				return found, true
			}
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			if found, ok := into(nil, item, step{item: describe(node.Content, i, ofItems)}); ok {
				return found, true
			}
		}
	}
	return Scalar{}, false
}

func resolved(node *yaml.Node) *yaml.Node { return manifest.Lookup(node) }
