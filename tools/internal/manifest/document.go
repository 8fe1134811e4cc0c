package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	k8syaml "sigs.k8s.io/yaml"
)

// Limits on what one file may hold. They are far above what a person maintains and below what would stall a
// run; beyond them the file is refused with a message, never read in part.
const (
	MaxFileSize  = 10 << 20
	MaxDocuments = 5000    // also of the items of lists
	maxValues    = 1 << 20 // of a file, its aliases written out; each takes a kilobyte on its way through Kustomize
	maxDepth     = 500     // of lists and mappings in each other; definitions of operators reach 100
)

// Document is one YAML document of a file, with the positions that its text has in that file.
type Document struct {
	File string
	Line int // where its content begins, from 1
	Text []byte
	Node *yaml.Node // the content; line numbers are those of the file

	first  int  // the line that Text begins on
	indent int  // how far right of its columns the text stands in the file
	blind  bool // the columns of the file cannot be told
	size   Size
	lines  *lines // of Text

	// elsewhere is where a node stands that is not written in the file as it is; nil for one that is.
	elsewhere func(key, value *yaml.Node) Position
	inlines   bool // so it does for what its texts hold
}

// Rendered is the document of a text that something made of other files: at says where a node comes from. key or value may
// be nil, not both.
func (d Document) Rendered(at func(key, value *yaml.Node) Position) Document {
	d.elsewhere = at
	return d
}

// Edited is the document with another tree, of which at finds what stands elsewhere, and what is in its texts, by the line of a
// node.
func (d Document) Edited(node *yaml.Node, at func(line int) (Position, bool)) Document {
	written := d
	d.Node, d.inlines = node, true
	d.elsewhere = func(key, value *yaml.Node) Position {
		for _, n := range []*yaml.Node{key, value} {
			if n == nil {
				continue
			}
			if found, ok := at(n.Line); ok {
				return found
			}
		}
		return written.Position(key, value)
	}
	return d
}

// Size is how much a document holds once its aliases are written out.
type Size struct {
	Values int // lists, mappings with their keys, and scalars
	Bytes  int // of the text of the scalars
	depth  int
}

// Size tells how much the document holds.
func (d Document) Size() Size { return d.size }

// SyntaxError says that a file cannot be read as YAML, and where.
type SyntaxError struct {
	Position
	Message string
}

func (e *SyntaxError) Error() string { return e.Position.String() + ": " + e.Message }

// ParseDocuments splits a file into its documents; empty ones are left out. It refuses what would be read
// differently by different tools: text that is not UTF-8 and keys that repeat. The error is a *SyntaxError.
func ParseDocuments(file string, data []byte) ([]Document, error) { return parse(file, data, 0) }

// parse is ParseDocuments of a part of a file, before which there are so many lines.
func parse(file string, data []byte, before int) ([]Document, error) {
	fail := func(line int, format string, args ...any) error {
		line = min(line, before+bytes.Count(data, []byte("\n"))+1) // the library also names the line after the last
		return &SyntaxError{Position{File: file, Line: line}, fmt.Sprintf(format, args...)}
	}
	if len(data) > MaxFileSize {
		return nil, fail(0, "the file has %d MB; the limit is %d MB: split it", len(data)>>20, MaxFileSize>>20)
	}
	if !utf8.Valid(data) {
		line, reason := describeEncoding(data)
		return nil, fail(before+line, "%s: save the file as UTF-8", reason)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var documents []Document
	whole := &expansion{sizes: map[*yaml.Node]Size{}}
	for _, chunk := range split(data) {
		chunk.line += before
		var root, second yaml.Node
		decoder := yaml.NewDecoder(bytes.NewReader(chunk.text))
		err := decoder.Decode(&root)
		if errors.Is(err, io.EOF) {
			continue // only comments or white space
		}
		if err != nil {
			line, message := describeYAML(err)
			if strings.HasSuffix(message, "control characters are not allowed") {
				line = controlLine(chunk.text)
			}
			if at := tabLine(chunk.text, line, message); at > 0 {
				line, message = at, "invalid YAML: a tab stands where only spaces may: YAML takes no tab for indentation"
			}
			if at, reason, ok := describeAlias(message, chunk.text, chunk.line, documents); ok {
				line, message = at, reason
			}
			return nil, fail(chunk.line+max(line, 1)-1, "%s", message)
		}
		// A document behind an empty one would be passed over as well.
		if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
			const without = "a second document begins without a `---` line: it would be passed over"
			if err == nil {
				return nil, fail(second.Line+chunk.line-1, without)
			}
			line, message := describeYAML(err)
			if strings.HasSuffix(message, "did not find expected <document start>") {
				message = without
			}
			return nil, fail(chunk.line+max(line, 1)-1, "%s", message)
		}
		if len(root.Content) == 0 || root.Content[0].Tag == "!!null" && root.Content[0].Value == "" {
			continue
		}
		content := root.Content[0]
		shift(content, chunk.line-1)
		clear(whole.sizes) // an anchor ends with its document
		if node, reason := whole.check(content, 1); node != nil {
			return nil, fail(node.Line, "%s", reason)
		}
		if key, reason := (&merges{depths: map[*yaml.Node]int{}}).odd(content); key != nil {
			return nil, fail(key.Line, "%s", reason)
		}
		whole.before.Values += whole.sizes[content].Values
		whole.before.Bytes += whole.sizes[content].Bytes
		if key, first := duplicateKey(content); key != nil {
			return nil, fail(key.Line, "key %q repeats the one of line %d: only one of them would count", resolve(key).Value, first)
		}
		documents = append(documents, Document{File: file, Line: content.Line, Text: chunk.text, Node: content, first: chunk.line,
			size: whole.sizes[content], lines: &lines{text: chunk.text}})
		if len(documents) > MaxDocuments {
			return nil, fail(content.Line, "the file has more than %d documents: split it", MaxDocuments)
		}
		if items := Items(content); len(items) > MaxDocuments {
			return nil, fail(items[MaxDocuments].Line, "the list has more than %d items: split it", MaxDocuments)
		}
	}
	return documents, nil
}

// JSON is the document's content as the API server would receive it from kubectl.
func (d Document) JSON() ([]byte, error) {
	text, err := k8syaml.YAMLToJSON(d.Text)
	if err != nil {
		_, message := describeYAML(err)
		return nil, &SyntaxError{Position{File: d.File, Line: d.Line}, message}
	}
	return text, nil
}

// Item is the document of which one node is the content: an object of a list.
func (d Document) Item(node *yaml.Node) Document {
	d.Node, d.Line = node, node.Line
	return d
}

// Objects decodes the document. A list (kind ending in List with items) yields its items.
func (d Document) Objects() ([]*Object, error) {
	text, err := d.JSON()
	if err != nil {
		return nil, err
	}
	var value any
	if err := utiljson.Unmarshal(text, &value); err != nil {
		return nil, &SyntaxError{Position{File: d.File, Line: d.Line}, err.Error()}
	}
	content, ok := value.(map[string]any)
	if !ok {
		return nil, &SyntaxError{Position{File: d.File, Line: d.Line}, "the document is not a mapping: an object has apiVersion, kind and metadata"}
	}
	utiljson.ConvertMapNumbers(content, 0)
	id := Identify(content)
	items, isList := content["items"].([]any)
	if isList && !strings.HasSuffix(id.Kind, "List") {
		at, _ := d.Locate(Path{"items"}, nil)
		return nil, &SyntaxError{at, (&ListError{id}).Error()}
	}
	if !isList {
		object := &Object{ID: id, Value: content, JSON: text, Source: Position{File: d.File, Line: d.Line}}
		return []*Object{object}, object.unseal()
	}
	var objects []*Object
	for i, item := range items {
		line := Items(d.Node)[i].Line
		value, ok := item.(map[string]any)
		if !ok {
			return nil, &SyntaxError{Position{File: d.File, Line: line}, fmt.Sprintf("items[%d] is not an object", i)}
		}
		text, err := utiljson.Marshal(value)
		if err != nil {
			return nil, &SyntaxError{Position{File: d.File, Line: line}, err.Error()}
		}
		object := &Object{ID: Identify(value), Value: value, JSON: text, Source: Position{File: d.File, Line: line}}
		if _, isList := value["items"].([]any); isList {
			return nil, &SyntaxError{object.Source, (&ListError{object.ID}).Error()}
		}
		if err := object.unseal(); err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// ListError is an object with a list of items. Whoever applies it takes it for a List, whatever its kind, and applies what is in
// the list in its place.
type ListError struct{ ID ID }

func (e *ListError) Error() string {
	return fmt.Sprintf("%s has a list of items: kubectl, Argo CD and Flux apply what is in such a list, and not the object, whatever its kind; write the objects as documents of their own", e.ID)
}

// Encode makes an Object of decoded content, which must not change any more.
func Encode(value any) (*Object, error) {
	content, _ := value.(map[string]any)
	text, err := utiljson.Marshal(content)
	return &Object{ID: Identify(content), Value: content, JSON: text}, err
}

// Decode makes an Object of JSON text, as a renderer emits it.
func Decode(text []byte) (*Object, error) {
	var value map[string]any
	if err := utiljson.Unmarshal(text, &value); err != nil {
		return nil, fmt.Errorf("decode object: %w", err)
	}
	object := &Object{ID: Identify(value), Value: value, JSON: text}
	if _, isList := value["items"].([]any); isList {
		return nil, &ListError{object.ID}
	}
	return object, object.unseal()
}

// Items are the nodes of a list's objects (kind ending in List with items); nil for any other document.
func Items(node *yaml.Node) []*yaml.Node {
	if items := Lookup(node, "items"); items != nil && items.Kind == yaml.SequenceNode && strings.HasSuffix(Text(node, "kind"), "List") {
		return items.Content
	}
	return nil
}

// expansion counts what a file holds as if every alias were written out. Whatever walks a document follows its aliases:
// one that holds itself has no end, ten levels of ten references each make ten thousand million nodes, and a long text
// under a name is long as often as it is named. What walks it calls itself at each level.
type expansion struct {
	sizes  map[*yaml.Node]Size
	before Size // of the documents before this one

	aliased bool // an alias was met
}

const unfinished = -1

// check returns the first node that cannot be taken, for its size or its value, and why. depth is how many lists and
// mappings the node is within, itself counted.
func (e *expansion) check(node *yaml.Node, depth int) (*yaml.Node, string) {
	switch {
	case node.Kind == yaml.AliasNode && e.sizes[node.Alias].Values == unfinished:
		return node, fmt.Sprintf("the anchor %q holds itself", node.Value)
	case node.Kind == yaml.AliasNode:
		e.aliased = true
		e.sizes[node] = e.sizes[node.Alias]
		if depth+e.sizes[node].depth > maxDepth {
			return node, fmt.Sprintf("with its aliases written out, the document is nested more than %d deep", maxDepth)
		}
		return nil, ""
	case depth > maxDepth:
		return node, fmt.Sprintf("the document is nested more than %d deep", maxDepth)
	}
	if node.Kind == yaml.ScalarNode {
		if notJSON.MatchString(node.Value) && node.ShortTag() == "!!float" {
			return node, node.Value + " is a number that JSON does not have, and so no API server takes it"
		}
		e.sizes[node] = Size{Values: 1, Bytes: len(node.Value)}
		return nil, ""
	}
	e.sizes[node] = Size{Values: unfinished}
	size := Size{Values: 1}
	for _, child := range node.Content {
		if at, reason := e.check(child, depth+1); at != nil {
			return at, reason
		}
		within := e.sizes[child]
		size = Size{size.Values + within.Values, size.Bytes + within.Bytes, max(size.depth, within.depth+1)}
		alias := ""
		if e.aliased {
			alias = "with its aliases written out, "
		}
		if e.before.Values+size.Values > maxValues {
			return child, fmt.Sprintf("%sthe file has more than %d values: split it", alias, maxValues)
		}
		if e.before.Bytes+size.Bytes > MaxFileSize {
			return child, fmt.Sprintf("%sthe file has more than %d MB: split it", alias, MaxFileSize>>20)
		}
	}
	e.sizes[node] = size
	return nil, ""
}

// Expand copies a tree with its aliases written out, each at the line of the alias, with what it stands for in its Alias.
// The tree must be one of ParseDocuments, which refuses those that have no end.
func Expand(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		expanded := *Expand(node.Alias)
		expanded.Line, expanded.Column, expanded.Alias = node.Line, node.Column, node.Alias
		return &expanded
	}
	expanded := *node
	expanded.Content = make([]*yaml.Node, len(node.Content))
	for i, child := range node.Content {
		expanded.Content[i] = Expand(child)
	}
	return &expanded
}

type chunk struct {
	line int
	text []byte
}

// split cuts a stream at its "---" lines, keeping what follows a separator on its own line.
func split(data []byte) []chunk {
	var chunks []chunk
	current := chunk{line: 1}
	line := 0
	for len(data) > 0 {
		line++
		end := bytes.IndexByte(data, '\n') + 1
		if end == 0 {
			end = len(data)
		}
		text := data[:end]
		data = data[end:]
		if bytes.HasPrefix(text, []byte("---")) && (len(text) == 3 || strings.ContainsRune(" \t\r\n", rune(text[3]))) {
			chunks = append(chunks, current)
			rest := bytes.TrimLeft(text[3:], " \t")
			current = chunk{line: line, text: append(bytes.Repeat([]byte(" "), len(text)-len(rest)), rest...)}
			continue
		}
		current.text = append(current.text, text...)
	}
	return append(chunks, current)
}

func shift(node *yaml.Node, by int) {
	if by == 0 {
		return
	}
	node.Line += by
	for _, child := range node.Content {
		shift(child, by)
	}
}

// duplicateKey finds a mapping key that repeats an earlier one of the same mapping, as any library reads it: as it is
// written, or as the key of JSON that it becomes.
func duplicateKey(node *yaml.Node) (key *yaml.Node, first int) {
	if node.Kind == yaml.MappingNode {
		asWritten := make(map[string]int, len(node.Content)/2)
		asJSON := make(map[string]int, len(node.Content)/2)
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			name := resolve(key)
			if name.Kind != yaml.ScalarNode || name.Tag == yaml.MergeTag {
				continue
			}
			for _, line := range []int{asWritten[name.Value], asJSON[textOfKey(name, YAML11)]} {
				if line > 0 {
					return key, line
				}
			}
			asWritten[name.Value], asJSON[textOfKey(name, YAML11)] = key.Line, key.Line
		}
	}
	for _, child := range node.Content {
		if key, line := duplicateKey(child); key != nil {
			return key, line
		}
	}
	return nil, 0
}

var notJSON = regexp.MustCompile(`(?i)^[-+]?\.(inf|nan)$`)

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// describeYAML takes the line out of a YAML library's message.
func describeYAML(err error) (line int, message string) {
	message = err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "yaml: ", "unmarshal errors:\n  "} {
		message = strings.TrimPrefix(message, prefix)
	}
	if match := yamlLine.FindStringSubmatch(message); match != nil {
		line, _ = strconv.Atoi(match[1])
		message = message[len(match[0]):]
	}
	for _, expected := range []string{"<document start>", "node content", "'-' indicator", "key", "',' or ']'", "',' or '}'"} {
		if strings.HasSuffix(message, "did not find expected "+expected) {
			line++ // the library's parser counts from 0, its scanner from 1
		}
	}
	return line, "invalid YAML: " + message
}

// tabLine is the line on which a tab is what the library complains about, at the line it names or the one behind it; 0 for none.
func tabLine(data []byte, line int, message string) int {
	if !strings.Contains(message, "found character that cannot start any token") && !strings.Contains(message, "found a tab character") {
		return 0
	}
	all := bytes.Split(data, []byte("\n"))
	for n := max(line, 1); n <= min(line+1, len(all)); n++ {
		text := all[n-1]
		blank := text[:len(text)-len(bytes.TrimLeft(text, " \t"))]
		if bytes.ContainsRune(blank, '\t') {
			return n
		}
		for _, before := range []string{": \t", ":\t", "-\t", "- \t"} {
			if bytes.Contains(text, []byte(before)) {
				return n
			}
		}
	}
	return 0
}

// controlLine finds the line of the first character that YAML does not allow; the library names none.
func controlLine(data []byte) int {
	line := 1
	for _, r := range string(data) {
		switch {
		case r == '\n':
			line++
		case r < ' ' && r != '\t' && r != '\r', r > '~' && r < 0xa0 && r != 0x85, r == 0xfffe, r == 0xffff:
			return line
		}
	}
	return 1
}

func describeEncoding(data []byte) (line int, reason string) {
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		return 1, "the text is UTF-16"
	}
	line = 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			return line, fmt.Sprintf("byte 0x%02x is not UTF-8", data[0])
		}
		if r == '\n' {
			line++
		}
		data = data[size:]
	}
	return line, "the text is not UTF-8"
}
