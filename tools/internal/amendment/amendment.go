// Package amendment changes single values of YAML files and keeps every other byte of them.
package amendment

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// An Edit changes values of one file.
type Edit interface {
	// apply says which bytes change, and changes the tree as the file is to read then.
	apply(s *source) ([]splice, error)
}

// File is a file and what it is to hold.
type File struct {
	Name     string // with slashes, from the top of the repository
	Old, New []byte
}

// Apply makes edits of a file. Each stands where it does in text, whatever the others move. An error names the line, and is a
// *manifest.SyntaxError.
func Apply(file string, text []byte, edits ...Edit) ([]byte, error) {
	s, err := read(file, text)
	if err != nil {
		return nil, err
	}
	var all []splice
	for _, edit := range edits {
		some, err := edit.apply(s)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.SortStableFunc(all, func(a, b splice) int { return cmp.Or(a.from-b.from, a.to-b.to) })
	var out bytes.Buffer
	at := 0
	for _, one := range all {
		if one.from < at {
			return nil, s.fail(s.lineOf(one.from), "two edits meet here")
		}
		out.Write(text[at:one.from])
		out.WriteString(one.text)
		at = one.to
	}
	out.Write(text[at:])
	return out.Bytes(), s.verify(out.Bytes())
}

// splice puts a text in the place of bytes.
type splice struct {
	from, to int
	text     string
}

// source is a file as it is read.
type source struct {
	file      string
	text      []byte
	lines     []int // where each begins
	documents []manifest.Document
	anchored  map[*yaml.Node]bool // what an alias of the file stands for
}

func read(file string, text []byte) (*source, error) {
	documents, err := manifest.ParseDocuments(file, text)
	if err != nil {
		return nil, err
	}
	s := &source{file: file, text: text, documents: documents, anchored: map[*yaml.Node]bool{}, lines: []int{0}}
	if bytes.HasPrefix(text, []byte("\ufeff")) {
		s.lines[0] = len("\ufeff")
	}
	for i, b := range text {
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	for _, d := range documents {
		s.note(d.Node)
	}
	return s, nil
}

func (s *source) note(node *yaml.Node) {
	if node.Kind == yaml.AliasNode {
		s.anchored[node.Alias] = true
		return
	}
	for _, child := range node.Content {
		s.note(child)
	}
}

func (s *source) fail(line int, format string, args ...any) error {
	return &manifest.SyntaxError{Position: manifest.Position{File: s.file, Line: line}, Message: fmt.Sprintf(format, args...)}
}

// offset is the byte at which a node begins.
func (s *source) offset(node *yaml.Node) (int, error) {
	if node.Line < 1 || node.Line > len(s.lines) || node.Column < 1 {
		return 0, s.fail(node.Line, "nobody knows where the value stands: edit it by hand")
	}
	at := s.lines[node.Line-1]
	for range node.Column - 1 {
		_, size := utf8.DecodeRune(s.text[at:])
		at += size
	}
	if at > len(s.text) {
		return 0, s.fail(node.Line, "nobody knows where the value stands: edit it by hand")
	}
	return at, nil
}

func (s *source) lineOf(offset int) int {
	line, found := slices.BinarySearch(s.lines, offset)
	if found {
		line++
	}
	return max(line, 1)
}

// place is a value of a file and what it is in, the document first.
type place struct {
	key, value *yaml.Node // no key in a list
	above      []*yaml.Node
}

// find is the scalar that a position is of: its key stands there, or itself. A position without a column is of the one scalar of
// its line that says old.
func (s *source) find(at manifest.Position, old string) (place, error) {
	var found []place
	fits := func(p place) bool {
		first := p.value
		if p.key != nil {
			first = p.key
		}
		here := func(n *yaml.Node) bool { return n.Line == at.Line && n.Column == at.Column }
		if at.Column == 0 {
			return (first.Line == at.Line || p.value.Line == at.Line) && said(p.value) == old
		}
		return here(first) || here(p.value)
	}
	for _, d := range s.documents {
		s.walk(place{value: d.Node}, func(p place) {
			if p.value.Kind != yaml.MappingNode && p.value.Kind != yaml.SequenceNode && fits(p) {
				found = append(found, p)
			}
		})
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return place{}, s.fail(at.Line, "no value %s stands here any more", old)
	}
	return place{}, s.fail(at.Line, "%d values %s stand in this line: write each in a line of its own", len(found), old)
}

func said(node *yaml.Node) string {
	if node.Kind == yaml.AliasNode {
		return node.Alias.Value
	}
	return node.Value
}

func (s *source) walk(p place, visit func(place)) {
	visit(p)
	above := append(slices.Clone(p.above), p.value)
	switch p.value.Kind {
	case yaml.DocumentNode, yaml.SequenceNode:
		for _, child := range p.value.Content {
			s.walk(place{value: child, above: above}, visit)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(p.value.Content); i += 2 {
			s.walk(place{key: p.value.Content[i], value: p.value.Content[i+1], above: above}, visit)
		}
	}
}

// shared refuses what an alias repeats elsewhere: the edit would change more than it says.
func (s *source) shared(p place) error {
	for _, node := range append(slices.Clone(p.above), p.value) {
		switch {
		case node.Kind == yaml.AliasNode:
			return s.fail(node.Line, "the value is the alias *%s, and an edit would change every place that has it: write the value out here, and run again", node.Value)
		case s.anchored[node]:
			return s.fail(node.Line, "the value lies in the anchor &%s, which other places repeat: write the value out there, and run again", node.Anchor)
		}
	}
	return nil
}

// verify reads what was written: it has to say what the tree was changed to, and nothing else.
func (s *source) verify(text []byte) error {
	documents, err := manifest.ParseDocuments(s.file, text)
	if err != nil {
		return fmt.Errorf("the edit would damage the file: %w", err)
	}
	same := len(documents) == len(s.documents)
	for i := 0; same && i < len(documents); i++ {
		same = equal(documents[i].Node, s.documents[i].Node)
	}
	if !same {
		return s.fail(0, "the file is written in a way in which no value can be changed alone: edit it by hand")
	}
	return nil
}

// equal compares what trees say: of mappings the order of keys is of no account.
func equal(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.ShortTag() != b.ShortTag() || a.Value != b.Value || len(a.Content) != len(b.Content) {
		return false
	}
	if a.Kind != yaml.MappingNode {
		return slices.EqualFunc(a.Content, b.Content, equal)
	}
	for i := 0; i+1 < len(a.Content); i += 2 {
		found := false
		for j := 0; j+1 < len(b.Content); j += 2 {
			found = found || equal(a.Content[i], b.Content[j]) && equal(a.Content[i+1], b.Content[j+1])
		}
		if !found {
			return false
		}
	}
	return true
}

// Scalar is a value that is to say something else. The way in which it is quoted stays, as far as what it says then allows.
type Scalar struct {
	At       manifest.Position
	Old, New string
}

func (e Scalar) apply(s *source) ([]splice, error) {
	if p, ok := s.block(e.At); ok {
		one, err := s.within(p, e)
		return []splice{one}, err
	}
	p, err := s.find(e.At, e.Old)
	if err != nil {
		return nil, err
	}
	if said(p.value) != e.Old {
		return nil, s.fail(p.value.Line, "here stands %q and no more %q: somebody changed the file meanwhile", said(p.value), e.Old)
	}
	if err := s.shared(p); err != nil {
		return nil, err
	}
	one, err := s.replace(p, e.New)
	p.value.Value = e.New
	return []splice{one}, err
}

// block is the text of several lines, such as a patch in a kustomization, that a line belongs to.
func (s *source) block(at manifest.Position) (found place, ok bool) {
	for _, d := range s.documents {
		s.walk(place{value: d.Node}, func(p place) {
			if p.value.Kind != yaml.ScalarNode || p.value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
				return
			}
			if last := p.value.Line + strings.Count(strings.TrimRight(p.value.Value, "\n"), "\n") + 1; p.value.Line < at.Line && at.Line <= last {
				found, ok = p, true
			}
		})
	}
	return found, ok
}

// within is the splice that makes one line of such a text say something else. The text is YAML or JSON to whoever reads it, and
// nothing but text here: the old value has to stand in the line once, as a word of its own.
func (s *source) within(p place, e Scalar) (splice, error) {
	if err := s.shared(p); err != nil {
		return splice{}, err
	}
	line := e.At.Line
	if p.value.Style&yaml.FoldedStyle != 0 {
		return splice{}, s.fail(line, "%s stands in a text that is folded (>): write it with |, and run again", e.Old)
	}
	lines := strings.Split(p.value.Value, "\n")
	begin, index := s.lines[line-1], line-p.value.Line-1
	raw := s.text[begin:]
	if end := bytes.IndexByte(raw, '\n'); end >= 0 {
		raw = raw[:end]
	}
	var at []int
	for from := 0; e.Old != ""; {
		next := bytes.Index(raw[from:], []byte(e.Old))
		if next < 0 {
			break
		}
		next += from
		from = next + len(e.Old)
		if (next == 0 || !partOfWord(raw[next-1])) && (from == len(raw) || !partOfWord(raw[from])) {
			at = append(at, next)
		}
	}
	if len(at) != 1 || strings.Count(lines[index], e.Old) != 1 {
		return splice{}, s.fail(line, "%s does not stand once in this line of a text: write it there once, in a line of its own, and run again", e.Old)
	}
	from, to := at[0], at[0]+len(e.Old)
	inQuotes := from > 0 && to < len(raw) && raw[from-1] == raw[to] && (raw[to] == '"' || raw[to] == '\'')
	if !inQuotes && !plain(e.New) || inQuotes && strings.ContainsAny(e.New, "\"'\\\r\n") {
		return splice{}, s.fail(line, "%q needs quotes here: write the value in quotes, and run again", e.New)
	}
	lines[index] = strings.Replace(lines[index], e.Old, e.New, 1)
	p.value.Value = strings.Join(lines, "\n")
	return splice{begin + from, begin + to, e.New}, nil
}

// partOfWord reports whether a byte belongs to the word beside it, as in a longer version or reference.
func partOfWord(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || strings.IndexByte("-_./:@+", b) >= 0 || b >= utf8.RuneSelf
}

// replace is the splice that makes a value say something else.
func (s *source) replace(p place, text string) (splice, error) {
	node := p.value
	from, to, err := s.span(node)
	if err != nil {
		return splice{}, err
	}
	written := string(s.text[from:to])
	isText := node.ShortTag() == "!!str"
	now, err := quoted(written, text, isText, s.plainBeside(p))
	if err != nil {
		return splice{}, s.fail(node.Line, "%s", err)
	}
	return splice{from, to, now}, nil
}

// span is where the text of a scalar stands, without its tag and its anchor.
func (s *source) span(node *yaml.Node) (from, to int, err error) {
	if from, err = s.offset(node); err != nil {
		return 0, 0, err
	}
	for from < len(s.text) && (s.text[from] == '&' || s.text[from] == '!') {
		end := bytes.IndexAny(s.text[from:], " \t\r\n")
		if end < 0 {
			return 0, 0, s.fail(node.Line, "nothing is written here")
		}
		for from += end; from < len(s.text) && (s.text[from] == ' ' || s.text[from] == '\t'); from++ {
		}
	}
	rest := s.text[from:]
	if end := bytes.IndexByte(rest, '\n'); end >= 0 {
		rest = rest[:end]
	}
	unreadable := s.fail(node.Line, "the value is written over several lines, or in a way that nobody edits: write it in one line, plain or in quotes, and run again")
	switch {
	case len(rest) == 0:
		return 0, 0, unreadable
	case rest[0] == '"':
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				i++
			case '"':
				return from, from + i + 1, nil
			}
		}
		return 0, 0, unreadable
	case rest[0] == '\'':
		for i := 1; i < len(rest); i++ {
			if rest[i] != '\'' {
				continue
			}
			if i+1 < len(rest) && rest[i+1] == '\'' {
				i++
				continue
			}
			return from, from + i + 1, nil
		}
		return 0, 0, unreadable
	case node.Value != "" && bytes.HasPrefix(rest, []byte(node.Value)):
		return from, from + len(node.Value), nil
	}
	return 0, 0, unreadable
}

// quoted is how a text stands in the place of what is written there.
func quoted(written, text string, isText, plainBeside bool) (string, error) {
	if strings.ContainsAny(text, "\r\n") {
		return "", fmt.Errorf("%q has more than one line", text)
	}
	double := func() string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"` }
	needs := !plain(text)
	switch {
	case !isText:
		if needs && !yaml.IsValueNonString(text) || !needs {
			return "", fmt.Errorf("%q is a text, and here stands a number", text)
		}
		return text, nil
	case written[0] == '"':
		// Quotes that the old text needed and no other has go again, as they came.
		if old, err := unquote(written); err == nil && !plain(old) && !needs && plainBeside {
			return text, nil
		}
		return double(), nil
	case written[0] == '\'':
		return "'" + strings.ReplaceAll(text, "'", "''") + "'", nil
	case needs:
		return double(), nil
	}
	return text, nil
}

// unquote reads a double-quoted scalar of one line.
func unquote(written string) (string, error) {
	var text string
	err := yaml.Unmarshal([]byte(written), &text)
	return text, err
}

// plain reports whether a text reads as itself without quotes, everywhere.
func plain(text string) bool {
	if text == "" || yaml.IsValueNonString(text) {
		return false
	}
	var node yaml.Node
	if err := yaml.Unmarshal([]byte("{key: "+text+"}"), &node); err != nil {
		return false
	}
	at := manifest.Lookup(node.Content[0], "key")
	if at == nil || at.ShortTag() != yaml.NodeTagString { // 2026-01-01 is a time
		return false
	}
	return at.Kind == yaml.ScalarNode && at.Style == 0 && at.Value == text && len(node.Content[0].Content) == 2
}

// plainBeside reports whether the values of the same key in the entries beside are plain where they can be.
func (s *source) plainBeside(p place) bool {
	if p.key == nil || len(p.above) < 2 {
		return true
	}
	list := p.above[len(p.above)-2]
	for _, item := range list.Content {
		if item.Kind != yaml.MappingNode {
			continue
		}
		if other := manifest.Lookup(item, p.key.Value); other != nil && other != p.value && other.Style != 0 && plain(other.Value) {
			return false
		}
	}
	return true
}
