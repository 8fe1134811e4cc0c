package manifest

import (
	"errors"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// Position is where a field stands in the document's file: from its key, or from its value where it has none as an item
// of a list has none, to the end of what its line holds of the value. key or value may be nil, not both.
func (d *Document) Position(key, value *yaml.Node) Position {
	if d.elsewhere != nil {
		return d.elsewhere(key, value)
	}
	from := key
	if from == nil {
		from = value
	}
	at := Position{File: d.File, Line: from.Line}
	line := d.line(from.Line)
	if d.blind || from.Column < 1 || from.Column > len(line)+1 {
		return at
	}
	end := from.Column - 1
	if key != nil {
		end = max(end, line.end(key, from.Line))
	}
	if value != nil {
		end = max(end, line.end(value, from.Line))
	}
	if end < from.Column {
		return at // nothing is written there, as for a document of comments
	}
	at.Column, at.EndColumn = from.Column+d.indent, end+d.indent+1
	return at
}

// Locate is the position of a field. When the field is absent it is that of its closest ancestor, with exact false;
// that of the document itself is its first field.
func (d *Document) Locate(path Path, value any) (at Position, exact bool) {
	key, found, exact := follow(d.Node, path, value)
	return d.Position(key, found), exact
}

// Find is a field of the document and its key, which an item of a list has not; nil when the field is absent.
func (d *Document) Find(path Path, value any) (key, node *yaml.Node) {
	key, node, exact := follow(d.Node, path, value)
	if !exact {
		return nil, nil
	}
	return key, node
}

// inline is where the document that a scalar of this one holds stands: the lines before it and the columns left of it,
// unless the scalar's style hides them.
func (d *Document) inline(node *yaml.Node) (before int, indent int, blind bool) {
	switch node.Style &^ yaml.TaggedStyle {
	case yaml.LiteralStyle, yaml.FoldedStyle:
		first := strings.SplitN(strings.TrimLeft(node.Value, "\n"), "\n", 2)[0]
		blank := len(node.Value) - len(strings.TrimLeft(node.Value, "\n"))
		text := strings.TrimRight(string(d.line(node.Line+1+blank)), "\r")
		if !strings.HasSuffix(text, first) || node.Style&yaml.FoldedStyle != 0 && strings.TrimRight(first, " ") == "" {
			return node.Line, 0, true
		}
		return node.Line, len([]rune(text)) - len([]rune(first)), node.Style&yaml.FoldedStyle != 0 && strings.Contains(first, " ")
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		text := d.line(node.Line)
		column := node.Column + 1
		_, plain := text.starts(column-1, node.Value)
		return node.Line - 1, column - 1, column > len(text) || !plain
	}
	return node.Line - 1, node.Column - 1, strings.Contains(node.Value, "\n")
}

// ParseInline reads the documents that a scalar holds, a patch written into a kustomization. Their lines are those of
// this file, and their columns too where the scalar is written as it reads.
func (d *Document) ParseInline(node *yaml.Node) ([]Document, error) {
	if node.Kind == yaml.ScalarNode && node.Alias != nil {
		node = node.Alias // Expand leaves there what the text of an alias stands in
	}
	before, indent, blind := d.inline(node)
	documents, err := parse(d.File, []byte(node.Value), before)
	if syntax := (*SyntaxError)(nil); d.inlines && errors.As(err, &syntax) {
		syntax.Position = d.Position(nil, node)
	}
	for i := range documents {
		documents[i].indent, documents[i].blind = indent, blind
		if d.inlines {
			documents[i] = documents[i].Edited(documents[i].Node, func(line int) (Position, bool) {
				if at := d.elsewhere(nil, &yaml.Node{Kind: yaml.ScalarNode, Line: line}); at.Line != line || at.File != d.File {
					return at, true
				}
				return Position{}, false
			})
		}
	}
	return documents, err
}

// InlineLine is the position of a line, from 1, of the text that a scalar holds; of the scalar where its style hides its lines.
func (d *Document) InlineLine(node *yaml.Node, number int) Position {
	if node.Kind == yaml.ScalarNode && node.Alias != nil {
		node = node.Alias
	}
	if d.elsewhere != nil || d.blind || number < 1 || node.Style&yaml.LiteralStyle == 0 {
		return d.Position(nil, node)
	}
	return Position{File: d.File, Line: node.Line + number}
}

// line is a line of the document's file, as far as the document goes.
func (d *Document) line(number int) characters {
	if d.lines == nil {
		return nil // the document of no file
	}
	return d.lines.line(number - max(d.first, 1))
}

// end is the number of characters up to the end of what the line holds of a node; 0 when the node is not on it.
func (c characters) end(node *yaml.Node, number int) int {
	if node.Line != number || node.Column < 1 || node.Column > len(c) {
		return 0
	}
	at := node.Column - 1
	switch {
	case node.Kind == yaml.AliasNode:
		return c.word(at)
	case node.Kind == yaml.ScalarNode:
		return c.scalar(node, c.properties(at))
	case node.Style&yaml.FlowStyle != 0:
		return c.flow(node, number, c.properties(at))
	case node.Kind == yaml.MappingNode && len(node.Content) > 1:
		// Of an item of several lines, its first field.
		return max(c.end(node.Content[0], number), c.end(node.Content[1], number))
	case node.Kind == yaml.SequenceNode && len(node.Content) > 0:
		return c.end(node.Content[0], number)
	}
	return 0
}

// properties skips the anchor and the tag of a node.
func (c characters) properties(at int) int {
	for at < len(c) && (c[at] == '&' || c[at] == '!') {
		for at = c.word(at); at < len(c) && c[at] == ' '; at++ {
		}
	}
	return at
}

// word skips to where a space or the punctuation of a flow collection ends a name.
func (c characters) word(at int) int {
	for at < len(c) && !strings.ContainsRune(" \t,[]{}", c[at]) {
		at++
	}
	return at
}

func (c characters) scalar(node *yaml.Node, at int) int {
	if at >= len(c) {
		return 0
	}
	switch quote := c[at]; {
	case node.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0:
		for i := at + 1; i < len(c); i++ {
			switch {
			case c[i] == '\\' && quote == '"':
				i++
			case c[i] == quote && quote == '\'' && i+1 < len(c) && c[i+1] == quote:
				i++
			case c[i] == quote:
				return i + 1
			}
		}
		return c.written()
	case node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return c.word(at)
	case node.Value == "":
		return 0
	}
	if end, ok := c.starts(at, node.Value); ok {
		return end
	}
	return c.uncommented(0) // a plain scalar of several lines
}

// flow is the end of a [list] or a {mapping}: its bracket, or its last item where the bracket is on another line.
func (c characters) flow(node *yaml.Node, number, at int) int {
	end := at + 1
	for _, child := range node.Content {
		end = max(end, c.end(child, number))
	}
	for i := end; i < len(c); i++ {
		switch c[i] {
		case ' ', '\t', ',', ':':
			continue
		case ']', '}':
			return i + 1
		}
		break
	}
	return end
}
