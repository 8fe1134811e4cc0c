package difference

import (
	"encoding/json"
	"errors"
	"io"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// same reports whether two values are the same to whoever reads JSON: 1 and 1.0 are.
func same(a, b any) bool {
	return equal(a, b, func(a, b any) bool {
		switch a := a.(type) {
		case int64:
			if f, ok := b.(float64); ok {
				return isInteger(f) && int64(f) == a
			}
		case float64:
			if i, ok := b.(int64); ok {
				return isInteger(a) && int64(a) == i
			}
		}
		return a == b
	})
}

// isInteger reports a number that int64 has as it is.
func isInteger(f float64) bool { return f == float64(int64(f)) && f < 1<<53 && f > -1<<53 }

func identical(a, b any) bool { return equal(a, b, func(a, b any) bool { return a == b }) }

// equal compares decoded content.
func equal(a, b any, scalars func(a, b any) bool) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, value := range a {
			if other, has := b[name]; !has || !equal(value, other, scalars) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, func(x, y any) bool { return equal(x, y, scalars) })
	}
	switch b.(type) {
	case map[string]any, []any:
		return false
	}
	return scalars(a, b)
}

// empty reports a value that says nothing where the type of a field leaves out what is empty.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case int64:
		return v == 0
	case float64:
		return v == 0
	case []any:
		return len(v) == 0
	case map[string]any:
		for _, field := range v {
			if !empty(field) {
				return false
			}
		}
		return true
	}
	return false
}

// areQuantities reports whether two values are the same amount.
func areQuantities(a, b any) bool {
	from, ok := quantityOf(a)
	to, also := quantityOf(b)
	return ok && also && from.Cmp(to) == 0
}

func quantityOf(value any) (resource.Quantity, bool) {
	switch value.(type) {
	case string, int64, float64:
	default:
		return resource.Quantity{}, false
	}
	text, isText := value.(string)
	if !isText {
		written, err := json.Marshal(value)
		if err != nil {
			return resource.Quantity{}, false
		}
		text = string(written)
	}
	if len(text) > 64 { // of digits without end the parser makes a number
		return resource.Quantity{}, false
	}
	q, err := resource.ParseQuantity(text)
	return q, err == nil
}

// areDurations reports whether two texts are the same time.
func areDurations(a, b any) bool {
	from, ok := a.(string)
	to, also := b.(string)
	if !ok || !also {
		return false
	}
	was, err := time.ParseDuration(from)
	is, otherErr := time.ParseDuration(to)
	return err == nil && otherErr == nil && was == is
}

// isFile reports a path of a text that is a file to who reads it.
func (w *walker) isFile(at manifest.Path) bool {
	return w.group == "" && w.kind == "ConfigMap" && len(at) == 2 && at[0] == "data"
}

// largest is the size up to which texts are read as YAML, in bytes.
const largest = 1 << 20

// sameContent reports whether two files say the same: both are JSON, or are called as YAML is and are YAML, of mappings or
// lists. What a text without a name like that is to its reader nobody knows.
func sameContent(at manifest.Path, old, new string) bool {
	name, _ := at[len(at)-1].(string)
	if len(old) > largest || len(new) > largest {
		return false
	}
	var from, to any
	if isJSON(old, &from) && isJSON(new, &to) {
		return reflect.DeepEqual(from, to)
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml":
	default:
		return false
	}
	was, ok := documents(old)
	is, also := documents(new)
	return ok && also && reflect.DeepEqual(was, is)
}

// isJSON reads a text that is one JSON object or list, numbers as they are written.
func isJSON(text string, into *any) bool {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" || trimmed[0] != '{' && trimmed[0] != '[' {
		return false
	}
	decoder := json.NewDecoder(strings.NewReader(trimmed))
	decoder.UseNumber()
	if decoder.Decode(into) != nil {
		return false
	}
	_, err := decoder.Token()
	return errors.Is(err, io.EOF)
}

// documents reads the documents of a YAML text; false where one is neither a mapping nor a list, or is none at all.
func documents(text string) ([]any, bool) {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var all []any
	left := mostNodes
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return all, len(all) > 0
		}
		if err != nil || len(document.Content) != 1 {
			return nil, false
		}
		if root := document.Content[0]; root.Kind != yaml.MappingNode && root.Kind != yaml.SequenceNode {
			return nil, false
		}
		said, ok := says(document.Content[0], &left)
		if !ok {
			return nil, false
		}
		all = append(all, said)
	}
}

// mostNodes is how many nodes of a YAML text are looked at, with those that aliases repeat.
const mostNodes = 100_000

// scalar is a value of YAML. A plain one may be a number, a boolean or null to one reader and a text to another one: it is no other
// text then, and no quoted one.
type scalar struct {
	plain      bool
	tag, value string
}

// sexagesimal is a number of YAML 1.1 that Go's parsers take for a text.
var sexagesimal = regexp.MustCompile(`^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$`)

// ambiguous reports a plain text that is something else by YAML 1.1.
func ambiguous(node *yaml.Node) bool {
	if node.Value == "" {
		return false
	}
	const longest = len("false")
	if c := node.Value[0] | 0x20; 'a' <= c && c <= 'z' && len(node.Value) > longest {
		return false
	}
	return yaml.IsYaml1_1NonString(node) || sexagesimal.MatchString(node.Value)
}

// says is what a tree of YAML says to whoever reads it: whatever the order of its keys, its comments and how its texts are quoted.
// False for one of which readers make different things.
func says(node *yaml.Node, left *int) (any, bool) {
	if *left--; *left < 0 {
		return nil, false
	}
	switch node.Kind {
	case yaml.AliasNode:
		return says(node.Alias, left)
	case yaml.ScalarNode:
		s := scalar{value: node.Value}
		if node.Style&yaml.TaggedStyle != 0 {
			s.tag = node.Tag
		}
		quoted := yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
		s.plain = node.Style&quoted == 0 && (node.ShortTag() != yaml.NodeTagString || ambiguous(node))
		return s, true
	case yaml.SequenceNode:
		var items []any
		for _, child := range node.Content {
			item, ok := says(child, left)
			if !ok {
				return nil, false
			}
			items = append(items, item)
		}
		return items, true
	case yaml.MappingNode:
		fields := map[scalar]any{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, ok := says(node.Content[i], left)
			name, isScalar := key.(scalar)
			if _, twice := fields[name]; !ok || !isScalar || twice {
				return nil, false
			}
			value, ok := says(node.Content[i+1], left)
			if !ok {
				return nil, false
			}
			fields[name] = value
		}
		return fields, true
	}
	return nil, false
}
