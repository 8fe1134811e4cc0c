package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// mostBytes is far beyond any configuration or list of tokens, and far below what would hurt.
const mostBytes = 1 << 20

func read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err == nil && len(content) > mostBytes {
		err = fmt.Errorf("more than %d bytes", mostBytes)
	}
	return content, err
}

func (l *loader) readFile(name string) {
	content, err := read(name)
	if err != nil {
		l.fault(name, "", "cannot be read: %v", cause(err))
		return
	}
	l.parse(name, content)
}

// cause is the error without the path, which the fault names already.
func cause(err error) error {
	if pathError, ok := errors.AsType[*os.PathError](err); ok {
		return pathError.Err
	}
	return err
}

// parse takes the nodes of the document rather than decoding into Config: only they know their lines, and only so
// are all faults found at once.
func (l *loader) parse(name string, content []byte) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return // empty, or comments alone: the defaults
	case err != nil:
		l.notYAML(name, err)
		return
	}
	if len(document.Content) == 0 || isNull(document.Content[0]) {
		return
	}
	l.mapping(name, "", document.Content[0])
	var second yaml.Node
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			l.notYAML(name, err)
			return
		}
		l.fault(at(name, &second), "", "a second document, want one")
	}
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

func (l *loader) notYAML(name string, err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if found := yamlLine.FindStringSubmatch(message); found != nil {
		name, message = name+":"+found[1], message[len(found[0]):]
	}
	l.fault(name, "", "is not YAML: %s", message)
}

func (l *loader) mapping(name, path string, node *yaml.Node) {
	if node.Kind != yaml.MappingNode {
		l.fault(at(name, node), path, "%s, want keys with values", kind(node))
		return
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			l.fault(at(name, key), path, "%s as a key, want a word", kind(key))
			continue
		}
		full := key.Value
		if path != "" {
			full = path + "." + key.Value
		}
		if first, ok := lines[full]; ok {
			l.fault(at(name, key), "", "key %s a second time, the first is on line %d", quote(full), first)
			continue
		}
		lines[full] = key.Line
		l.entry(name, full, key, value)
	}
}

func (l *loader) entry(name, full string, key, value *yaml.Node) {
	group := false
	for _, s := range l.settings {
		if s.noFile {
			if s.key == full {
				l.fault(at(name, key), full, "is not read from the file, set %s", strings.Join(s.variables(), " or "))
				return
			}
			continue
		}
		if s.key == full {
			l.scalar(name, s, value)
			return
		}
		group = group || strings.HasPrefix(s.key, full+".")
	}
	if group {
		l.mapping(name, full, value)
		return
	}
	// The value is not shown: it may be a secret under a misspelt key.
	l.fault(at(name, key), "", "unknown key %s, want one of: %s", quote(full), strings.Join(l.keysBeside(full), ", "))
}

// keysBeside is what could have been meant: the keys of the same group.
func (l *loader) keysBeside(full string) []string {
	group := full[:strings.LastIndex(full, ".")+1]
	found := map[string]bool{}
	for _, s := range l.settings {
		if rest, ok := strings.CutPrefix(s.key, group); ok && !s.noFile {
			next, _, _ := strings.Cut(rest, ".")
			found[group+next] = true
		}
	}
	return sortedKeys(found)
}

func (l *loader) scalar(name string, s *setting, value *yaml.Node) {
	where := at(name, value)
	if text, ok := joined(value); ok && s.list {
		l.set(s, where, text)
		return
	}
	if value.Kind != yaml.ScalarNode || isNull(value) {
		l.failed[s.key] = true
		l.fault(where, s.key, "%s, want %s", kind(value), s.want)
		return
	}
	if s.key == "database.url" && hasPassword(value.Value) {
		l.failed[s.key] = true
		l.fault(where, s.key, "has a password in it, which belongs in a Secret: set DATABASE_URL")
		return
	}
	l.set(s, where, value.Value)
}

// joined is a list of values as the variable of a setting has them.
func joined(list *yaml.Node) (string, bool) {
	var all []string
	for _, item := range list.Content {
		if item.Kind != yaml.ScalarNode || isNull(item) {
			return "", false
		}
		all = append(all, item.Value)
	}
	return strings.Join(all, ","), list.Kind == yaml.SequenceNode && len(all) > 0
}

func at(name string, node *yaml.Node) string { return fmt.Sprintf("%s:%d", name, node.Line) }

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

func kind(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "has keys of its own"
	case node.Kind == yaml.SequenceNode:
		return "is a list"
	case node.Kind == yaml.AliasNode:
		return "is an alias, which is not supported"
	case isNull(node):
		return "has no value"
	default:
		return "is one value"
	}
}
