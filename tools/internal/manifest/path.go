package manifest

import (
	"fmt"
	"strconv"
	"strings"
)

// Path leads from the root of an object to a field: string keys and int indexes.
type Path []any

// Line is a last step of a path that is asked for its position: a line of the text that the field holds, from 1. It is no
// part of a field's name.
type Line int

// plain reports whether a key is a word: a letter or _, then letters, digits, _ and -.
func plain(key string) bool {
	for i, c := range []byte(key) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return key != ""
}

// String writes the path as spec.containers[0].image; a key that is not a plain word is quoted:
// metadata.annotations["prometheus.io/port"].
func (p Path) String() string {
	var b strings.Builder
	for _, step := range p {
		switch step := step.(type) {
		case int:
			b.WriteString("[" + strconv.Itoa(step) + "]")
		case string:
			switch {
			case !plain(step):
				b.WriteString("[" + strconv.Quote(step) + "]")
			case b.Len() == 0:
				b.WriteString(step)
			default:
				b.WriteString("." + step)
			}
		}
	}
	return b.String()
}

// ParsePath reads what String writes.
func ParsePath(text string) (Path, error) {
	var path Path
	rest := text
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, `["`):
			quoted, err := strconv.QuotedPrefix(rest[1:])
			if err != nil {
				return nil, fmt.Errorf("path %q: unfinished quote", text)
			}
			key, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("path %q: %w", text, err)
			}
			rest = rest[1+len(quoted):]
			if !strings.HasPrefix(rest, "]") {
				return nil, fmt.Errorf("path %q: missing ] after %s", text, quoted)
			}
			path, rest = append(path, key), rest[1:]
		case strings.HasPrefix(rest, "["):
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, fmt.Errorf("path %q: missing ]", text)
			}
			index, err := strconv.Atoi(rest[1:end])
			if err != nil || index < 0 {
				return nil, fmt.Errorf("path %q: %q is not an index", text, rest[1:end])
			}
			path, rest = append(path, index), rest[end+1:]
		default:
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if !plain(rest[:end]) {
				return nil, fmt.Errorf("path %q: %q is not a field name", text, rest[:end])
			}
			path, rest = append(path, rest[:end]), rest[end:]
		}
		if rest != "" && rest[0] != '.' && rest[0] != '[' {
			return nil, fmt.Errorf("path %q: a dot must precede %q", text, rest)
		}
		if strings.HasPrefix(rest, ".") {
			rest = rest[1:]
			if rest == "" || rest[0] == '.' || rest[0] == '[' {
				return nil, fmt.Errorf("path %q: a field name must follow the dot", text)
			}
		}
	}
	return path, nil
}

// Tail is the end of the path that tells a reader which field is meant: from the last list on, or two names, and what a spec or metadata
// are of.
func (p Path) Tail() Path {
	from := max(len(p)-2, 0)
	for i := len(p) - 1; i > 0; i-- {
		if _, ok := p[i].(int); ok {
			from = i - 1
			break
		}
	}
	for from > 0 && (p[from] == "spec" || p[from] == "metadata") {
		from--
	}
	return p[from:]
}

// HasPrefix reports whether the path is at or below prefix.
func (p Path) HasPrefix(prefix Path) bool {
	if len(prefix) > len(p) {
		return false
	}
	for i := range prefix {
		if p[i] != prefix[i] {
			return false
		}
	}
	return true
}

// Lookup follows the path through decoded content; false when it leads nowhere.
func (p Path) Lookup(value any) (any, bool) {
	for _, step := range p {
		switch step := step.(type) {
		case string:
			m, ok := value.(map[string]any)
			if !ok {
				return nil, false
			}
			if value, ok = m[step]; !ok {
				return nil, false
			}
		case int:
			list, ok := value.([]any)
			if !ok || step < 0 || step >= len(list) {
				return nil, false
			}
			value = list[step]
		}
	}
	return value, true
}

// At is the value at a path of decoded content; nil when it leads nowhere.
func At(value any, path ...any) any {
	found, _ := Path(path).Lookup(value)
	return found
}

// TextAt is the text at a path of decoded content, or "".
func TextAt(value any, path ...any) string {
	text, _ := At(value, path...).(string)
	return text
}

// ListAt is the list at a path of decoded content; nil where there is none.
func ListAt(value any, path ...any) []any {
	list, _ := At(value, path...).([]any)
	return list
}

// Pointer splits a JSON pointer into its tokens, of which the first is what stands before the first slash.
func Pointer(text string) []string {
	tokens := strings.Split(text, "/")
	for i, token := range tokens {
		tokens[i] = unescaper.Replace(token)
	}
	return tokens
}

var unescaper = strings.NewReplacer("~1", "/", "~0", "~")

// Follow makes a path of the tokens of a JSON pointer: one that leads into a list of value is an index. Found is what stands
// there, nil where nothing does; the tokens that lead nowhere are keys.
func Follow(value any, tokens []string) (path Path, found any) {
	for _, token := range tokens {
		var step any = token
		if list, ok := value.([]any); ok {
			if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(list) {
				step = i
			}
		}
		path = append(path, step)
		value, _ = Path{step}.Lookup(value)
	}
	return path, value
}
