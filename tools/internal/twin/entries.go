package twin

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kgate-dev/gitops/tools/internal/renaming"
)

// token is a value that names something: a name, a path or a glob, and no sentence.
var token = regexp.MustCompile(`^[A-Za-z0-9._/*?-]+$`)

// insertion is a text to put into another one, at an offset.
type insertion struct {
	at   int
	text string
}

// entriesOf gives every list of a YAML text that has an entry of the one that is taken after a twin of that entry, behind it. left
// says what names what is left out.
//
// mentions are the lines of further values that name the one that is taken after, such as selectors, as they were: nobody can tell
// from them whether they mean the new one too. pushed says where lines are afterwards.
//
// only says which entries are wanted; given are the lines on which the new ones begin.
func entriesOf(file, text string, like renaming.Name, left func(string) bool, only func(*yaml.Node) bool) (_ string, given, mentions []int, pushed func(line int) int, _ error) {
	e := newEntering(text)
	e.like, e.left, e.only = like, left, only
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", nil, nil, nil, fmt.Errorf("read %s: %w", file, err)
		}
		if err := e.node(&document); err != nil {
			return "", nil, nil, nil, fmt.Errorf("%s:%w", file, err)
		}
	}
	slices.SortStableFunc(e.found, func(a, b insertion) int { return a.at - b.at })
	var b strings.Builder
	from, line := 0, 1
	for _, i := range e.found {
		b.WriteString(text[from:i.at])
		b.WriteString(i.text)
		line += strings.Count(text[from:i.at], "\n")
		given = append(given, line+len(i.text)-len(strings.TrimLeft(i.text, "\n")))
		line += strings.Count(i.text, "\n")
		from = i.at
	}
	b.WriteString(text[from:])
	return b.String(), slices.Compact(given), e.mentions, e.pushed, nil
}

// pushed is where a line is behind what is put in before it.
func (e *entering) pushed(line int) int {
	if line < 1 || line > len(e.lines) {
		return line
	}
	to := line
	for _, i := range e.found {
		if i.at <= e.lines[line-1] {
			to += strings.Count(i.text, "\n")
		}
	}
	return to
}

type entering struct {
	text  string
	lines []int // where each begins
	like  renaming.Name
	left  func(string) bool
	only  func(*yaml.Node) bool
	found []insertion

	mentions []int
	out      bool // what is looked at is in an entry of what is left out
}

func newEntering(text string) *entering {
	e := &entering{text: text}
	at := 0
	for line := range strings.Lines(text) {
		e.lines = append(e.lines, at)
		at += len(line)
	}
	return e
}

func (e *entering) node(n *yaml.Node) error {
	if n.Kind == yaml.AliasNode {
		return nil // what it stands for is looked at where it is written
	}
	if n.Kind == yaml.ScalarNode && !e.out && renaming.Names(n.Value, e.like) && !e.left(n.Value) && !slices.Contains(e.mentions, n.Line) {
		e.mentions = append(e.mentions, n.Line)
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			continue
		}
		if n.Kind == yaml.SequenceNode && e.named(child) && e.only(child) {
			if err := e.twin(n, child); err != nil {
				return err
			}
			continue
		}
		was := e.out
		e.out = e.out || n.Kind == yaml.SequenceNode && e.leftOut(child)
		if err := e.node(child); err != nil {
			return err
		}
		e.out = was
	}
	return nil
}

// leftOut reports whether an entry of a list says at its own keys that it is of what is left out.
func (e *entering) leftOut(item *yaml.Node) bool {
	if item.Kind != yaml.MappingNode {
		return false
	}
	for i := 1; i < len(item.Content); i += 2 {
		if of := item.Content[i]; of.Kind == yaml.ScalarNode && e.left(of.Value) && token.MatchString(of.Value) {
			return true
		}
	}
	return false
}

// named reports whether an entry of a list is about the one that is taken after: it is its name or path, or what says so at its
// own keys. What an environment gets its versions from is another one's entry.
func (e *entering) named(item *yaml.Node) bool {
	value := func(n *yaml.Node) bool {
		return n.Kind == yaml.ScalarNode && token.MatchString(n.Value) && renaming.Names(n.Value, e.like)
	}
	out := func(n *yaml.Node) bool {
		return n.Kind == yaml.ScalarNode && e.left(n.Value) && token.MatchString(n.Value)
	}
	if item.Kind == yaml.ScalarNode {
		return value(item) && !out(item)
	}
	if item.Kind != yaml.MappingNode {
		return false
	}
	is := false
	for i := 0; i+1 < len(item.Content); i += 2 {
		key, of := item.Content[i].Value, item.Content[i+1]
		switch {
		case out(of):
			return false
		case (key == "object" || key == "source") && of.Kind == yaml.MappingNode: // of an exemption, of a replacement
			is = is || e.named(of)
		case key != "from":
			is = is || value(of)
		}
	}
	return is
}

// covers reports whether a glob matches a name, or all that another glob does: prod-* also matches what prod-eu-* does.
func covers(glob, name string) bool {
	if !strings.Contains(glob, "*") || strings.ContainsAny(glob, `?[\`) {
		return false
	}
	matched, err := path.Match(glob, name)
	return err == nil && matched
}

// twin puts the twin of an entry behind it, unless the list has it, or a glob that matches it.
func (e *entering) twin(list, item *yaml.Node) error {
	written := func(n *yaml.Node) string {
		text, err := yaml.Marshal(n)
		if err != nil {
			return ""
		}
		return string(text)
	}
	bare := func(n *yaml.Node) *yaml.Node {
		var plain any
		if n.Decode(&plain) != nil {
			return n
		}
		var again yaml.Node
		if again.Encode(plain) != nil {
			return n
		}
		return &again
	}
	wanted := renaming.Replace(written(bare(item)), e.like)
	for _, other := range list.Content {
		if written(bare(other)) == wanted || item.Kind == yaml.ScalarNode && covers(text(other), renaming.Replace(item.Value, e.like)) {
			return nil
		}
	}
	if list.Style&yaml.FlowStyle != 0 {
		begin, err := e.offset(item)
		if err != nil {
			return err
		}
		end, err := e.flowEnd(begin)
		if err != nil {
			return fmt.Errorf("%d: %w", item.Line, err)
		}
		e.found = append(e.found, insertion{end, ", " + renaming.Replace(e.text[begin:end], e.like)})
		return nil
	}
	return e.block(list, item)
}

// offset is where a value begins in the text. Columns count characters.
func (e *entering) offset(n *yaml.Node) (int, error) {
	if n.Line < 1 || n.Line > len(e.lines) {
		return 0, fmt.Errorf("%d: nobody knows where the entry is", n.Line)
	}
	at := e.lines[n.Line-1]
	for i := range e.text[at:] {
		if n.Column--; n.Column == 0 {
			return at + i, nil
		}
	}
	return 0, fmt.Errorf("%d: nobody knows where the entry is", n.Line)
}

// flowEnd is where a value of a flow list ends: before the comma or the bracket that follows it.
func (e *entering) flowEnd(begin int) (int, error) {
	depth := 0
	var quote byte
	end := begin
	for i := begin; i < len(e.text); i++ {
		c := e.text[i]
		switch {
		case quote != 0:
			if c == '\\' && quote == '"' {
				i++
			} else if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && (i == begin || strings.IndexByte(" [{,:", e.text[i-1]) >= 0):
			quote = c
		case c == '[' || c == '{':
			depth++
		case depth == 0 && (c == ',' || c == ']' || c == '}'):
			return end, nil
		case c == ']' || c == '}':
			depth--
		case c == '#' && i > 0 && (e.text[i-1] == ' ' || e.text[i-1] == '\n'):
			return 0, errors.New("a comment stands in a list in brackets: write it a line an entry")
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			end = i + 1
		}
	}
	return 0, errors.New("a list in brackets does not end")
}

// block puts the twin of an entry that begins with a dash behind its last line.
func (e *entering) block(list, item *yaml.Node) error {
	begin, end, _, err := e.extent(list, item)
	if err != nil {
		return err
	}
	copied := renaming.Replace(e.text[begin:end], e.like)
	if !strings.HasSuffix(copied, "\n") {
		copied = "\n" + copied
	}
	e.found = append(e.found, insertion{end, copied})
	return nil
}

// extent is where the lines of an entry that begins with a dash begin and end, and the column of the dash.
func (e *entering) extent(list, item *yaml.Node) (begin, end, column int, err error) {
	line := item.Line - 1
	text := ""
	if line >= 0 && line < len(e.lines) {
		text = e.line(line)
	}
	column = list.Column - 1
	if column < 0 || column >= len(text) || strings.Trim(text[:column], " ") != "" || text[column] != '-' {
		return 0, 0, 0, fmt.Errorf("%d: the entry does not begin with a dash on its line: write it so", item.Line)
	}
	last := line
	for next := line + 1; next < len(e.lines); next++ {
		text := strings.TrimRight(e.line(next), "\r\n")
		trimmed := strings.TrimLeft(text, " ")
		if trimmed == "" {
			continue
		}
		if len(text)-len(trimmed) <= column {
			break
		}
		last = next
	}
	end = len(e.text)
	if last+1 < len(e.lines) {
		end = e.lines[last+1]
	}
	return e.lines[line], end, column, nil
}

func (e *entering) line(i int) string {
	end := len(e.text)
	if i+1 < len(e.lines) {
		end = e.lines[i+1]
	}
	return e.text[e.lines[i]:end]
}
