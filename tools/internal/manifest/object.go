// Package manifest holds Kubernetes objects as they were written or rendered: their identity, their
// decoded content, field paths into them, and the positions of those fields in YAML text.
package manifest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// ID names an object the way a reader of a report would: what it is, where it lives, what it is called.
// An absent namespace stays empty; it is not defaulted.
type ID struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace"`
	Name       string `json:"name"`
}

// Group is the API group: "" for core.
func (id ID) Group() string {
	gv, err := schema.ParseGroupVersion(id.APIVersion)
	if err != nil {
		return ""
	}
	return gv.Group
}

// String is "Kind namespace/name", or "Kind name" without a namespace.
func (id ID) String() string {
	name := id.Name
	if name == "" {
		name = "(no name)"
	}
	if id.Namespace != "" {
		return fmt.Sprintf("%s %s/%s", id.Kind, id.Namespace, name)
	}
	return fmt.Sprintf("%s %s", id.Kind, name)
}

// Compare orders identities by namespace, kind, name and apiVersion.
func (id ID) Compare(other ID) int {
	for _, pair := range [][2]string{
		{id.Namespace, other.Namespace}, {id.Kind, other.Kind},
		{id.Name, other.Name}, {id.APIVersion, other.APIVersion},
	} {
		if c := strings.Compare(pair[0], pair[1]); c != 0 {
			return c
		}
	}
	return 0
}

// Position is a place in a file of the repository. Line counts from 1; 0 means that only the file is known. Columns
// count characters from 1, EndColumn is the first behind the place; 0 means that only the line is known.
type Position struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column,omitempty"`
	EndColumn int    `json:"endColumn,omitempty"`
}

// String is "file:line", or "file" when the line is unknown.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// IsZero reports a position that names nothing.
func (p Position) IsZero() bool { return p.File == "" }

// Origin is where a value was set: the position to edit, and those of the layers below that it overrode, the closest
// first.
type Origin struct {
	Position
	Overrode []Position
}

// Object is one decoded object. Every engine reads the same Object; none changes it.
type Object struct {
	ID
	// Value is the decoded content: map[string]any, []any, string, bool, int64, float64 and nil.
	Value map[string]any
	// JSON is the object as JSON text. Of an object that SOPS encrypted it is what a cluster gets, with placeholders.
	JSON []byte
	// Source is where the object is written: the file and the line at which its document begins.
	Source Position
	// Unknown are the fields whose values nobody here can read, because they are encrypted or filled in elsewhere. What Value
	// has there stands in for them.
	Unknown []Path

	written []byte // JSON as it stands, of an object that is encrypted; nil for JSON
	once    sync.Once
	digest  Digest
}

// Digest is a hash of an object's text: what is known of a text is kept by it, and not by the text itself.
type Digest [sha256.Size]byte

// Digest is that of the object's JSON, which must not change any more.
func (o *Object) Digest() Digest {
	o.once.Do(func() { o.digest = sha256.Sum256(o.JSON) })
	return o.digest
}

// Again is another object that says the same. What it says is shared, and where it is written is its own.
func (o *Object) Again() *Object {
	another := &Object{ID: o.ID, Value: o.Value, JSON: o.JSON, Source: o.Source, Unknown: o.Unknown, written: o.written}
	another.once.Do(func() { another.digest = o.Digest() })
	return another
}

// Hides reports whether nobody here knows what a field holds: its value, or that of a field that it is in, is unknown.
func (o *Object) Hides(path Path) bool {
	return slices.ContainsFunc(o.Unknown, func(unknown Path) bool {
		return path.HasPrefix(unknown)
	})
}

// Edit is another object, which says what edit makes of a copy of this one's content; nil where edit reports that it is of no
// use, or where what a cluster gets is not known.
func (o *Object) Edit(edit func(value map[string]any) bool) (*Object, error) {
	if o.written != nil {
		return nil, nil
	}
	value, _ := copied(o.Value).(map[string]any)
	if !edit(value) {
		return nil, nil
	}
	text, err := utiljson.Marshal(value)
	if err != nil {
		return nil, err
	}
	return &Object{ID: Identify(value), Value: value, JSON: text, Source: o.Source, Unknown: o.Unknown}, nil
}

// copied is a value of which nothing is shared.
func copied(value any) any {
	switch v := value.(type) {
	case map[string]any:
		fields := make(map[string]any, len(v))
		for key, field := range v {
			fields[key] = copied(field)
		}
		return fields
	case []any:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = copied(item)
		}
		return items
	}
	return value
}

// In is the object as it is once whoever deploys it has put it into a namespace.
func (o *Object) In(namespace string) (*Object, error) {
	return o.With(func(value map[string]any) {
		meta, _ := value["metadata"].(map[string]any)
		meta = maps.Clone(meta)
		if meta == nil {
			meta = map[string]any{}
		}
		meta["namespace"] = namespace
		value["metadata"] = meta
	})
}

// With is the object with another content. change gets a copy of its value, of which it must not change what is inside.
func (o *Object) With(change func(value map[string]any)) (*Object, error) {
	value := maps.Clone(o.Value)
	change(value)
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return &Object{ID: Identify(value), Value: value, JSON: text, Source: o.Source, Unknown: o.Unknown, written: o.written}, nil
}

// Head is the object without what it says: its apiVersion, kind, namespace and name, and where it is written.
func (o *Object) Head() *Object {
	meta, value := map[string]any{}, map[string]any{}
	was, _ := o.Value["metadata"].(map[string]any)
	for _, part := range []struct {
		to, from map[string]any
		keys     []string
	}{{value, o.Value, []string{"apiVersion", "kind"}}, {meta, was, []string{"namespace", "name"}}} {
		for _, key := range part.keys {
			if v, ok := part.from[key]; ok {
				part.to[key] = v
			}
		}
	}
	if was != nil {
		value["metadata"] = meta
	}
	return &Object{ID: o.ID, Value: value, Source: o.Source}
}

// Identify reads the identity out of decoded content. Fields of another type than string read as empty.
func Identify(value map[string]any) ID {
	text := func(m map[string]any, key string) string {
		s, _ := m[key].(string)
		return s
	}
	meta, _ := value["metadata"].(map[string]any)
	return ID{
		APIVersion: text(value, "apiVersion"),
		Kind:       text(value, "kind"),
		Namespace:  text(meta, "namespace"),
		Name:       text(meta, "name"),
	}
}

// EachText visits every text of a value with the key that it stands under, also in a list; keys of mappings among them, under "".
func EachText(value any, visit func(key, text string)) { eachText("", value, visit) }

func eachText(key string, value any, visit func(key, text string)) {
	switch v := value.(type) {
	case string:
		visit(key, v)
	case []any:
		for _, item := range v {
			eachText(key, item, visit)
		}
	case map[string]any:
		for key, item := range v {
			visit("", key)
			eachText(key, item, visit)
		}
	}
}
