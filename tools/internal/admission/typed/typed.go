// Package typed types objects of Kubernetes' own kinds as server-side apply does before anything else, with the
// server's library and the server's schema: a field that does not exist, a scalar of another type, two items of a list
// with one key, an item that omits its key. Creation alone lets some of these pass.
package typed

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	kindschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/archive"
)

// types.bin is made by `go generate` from the OpenAPI description that the linked Kubernetes version serves: an archive with
// one text, for 22 kB are read whole.
//
//go:generate go run ./generate
//go:embed types.bin
var embedded string // not []byte: nobody can change a string

// Document is the text of types.bin.
type Document struct {
	// Kinds names the type of each kind, written group/version/Kind.
	Kinds map[string]string
	// Types are Atoms by the name of the type; each is read when an object first needs it.
	Types map[string]json.RawMessage
}

// KindName is how Document.Kinds writes a kind.
func KindName(kind kindschema.GroupVersionKind) string {
	return kind.Group + "/" + kind.Version + "/" + kind.Kind
}

// Types are the types of every kind. They are safe for concurrent use.
type Types struct {
	document func() (*Document, error)

	mu     sync.Mutex
	parsed map[string]*typed.ParseableType // by name of the type
}

// New returns the embedded types, which are read when the first object is checked.
func New() *Types {
	return &Types{document: sync.OnceValues(func() (*Document, error) { return read(embedded) }), parsed: map[string]*typed.ParseableType{}}
}

// key is that of the one text of types.bin.
var key = archive.KeyOf("types.json")

// Write lays out a types.bin.
func Write(d Document) ([]byte, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	return archive.Write(map[archive.Key][]byte{key: text})
}

func read(content string) (*Document, error) {
	var d Document
	texts, err := archive.Open(content)
	if err == nil {
		var text []byte
		if text, err = texts.Read(key); err == nil {
			err = json.Unmarshal(text, &d)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read the types of Kubernetes' kinds: %w", err)
	}
	return &d, nil
}

// Knows reports whether there is a type for the kind: the server still serves it in that version.
func (t *Types) Knows(kind kindschema.GroupVersionKind) (bool, error) {
	document, err := t.document()
	if err != nil {
		return false, err
	}
	_, ok := document.Kinds[KindName(kind)]
	return ok, nil
}

// Check returns what typing an object of the kind holds against it. The second result means that it could not be typed at
// all.
func (t *Types) Check(kind kindschema.GroupVersionKind, value map[string]any) ([]fault.Fault, error) {
	parseable, err := t.of(kind)
	if err != nil {
		return nil, err
	}
	return fault.Typing(*parseable, value)
}

// Type is the type of a kind that Knows reports.
func (t *Types) Type(kind kindschema.GroupVersionKind) (typed.ParseableType, error) {
	parseable, err := t.of(kind)
	if err != nil {
		return typed.ParseableType{}, err
	}
	return *parseable, nil
}

func (t *Types) of(kind kindschema.GroupVersionKind) (*typed.ParseableType, error) {
	document, err := t.document()
	if err != nil {
		return nil, err
	}
	name, ok := document.Kinds[KindName(kind)]
	if !ok {
		return nil, fmt.Errorf("%s has no type", kind)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if known := t.parsed[name]; known != nil {
		return known, nil
	}
	s := &schema.Schema{}
	if err := document.collect(name, s, map[string]bool{}); err != nil {
		return nil, err
	}
	parseable := &typed.ParseableType{Schema: s, TypeRef: schema.TypeRef{NamedType: &name}}
	t.parsed[name] = parseable
	return parseable, nil
}

// collect adds a type and what it refers to.
func (d *Document) collect(name string, s *schema.Schema, seen map[string]bool) error {
	if seen[name] {
		return nil
	}
	seen[name] = true
	text, ok := d.Types[name]
	if !ok {
		return fmt.Errorf("type %s: %w", name, io.ErrUnexpectedEOF)
	}
	var encoded Atom
	if err := json.Unmarshal(text, &encoded); err != nil {
		return fmt.Errorf("type %s: %w", name, err)
	}
	atom := encoded.decode()
	s.Types = append(s.Types, schema.TypeDef{Name: name, Atom: atom})
	return d.collectAtom(atom, s, seen)
}

func (d *Document) collectAtom(atom schema.Atom, s *schema.Schema, seen map[string]bool) error {
	var refs []schema.TypeRef
	if atom.List != nil {
		refs = append(refs, atom.List.ElementType)
	}
	if atom.Map != nil {
		refs = append(refs, atom.Map.ElementType)
		for _, f := range atom.Map.Fields {
			refs = append(refs, f.Type)
		}
	}
	for _, ref := range refs {
		if ref.NamedType != nil {
			if err := d.collect(*ref.NamedType, s, seen); err != nil {
				return err
			}
		} else if err := d.collectAtom(ref.Inlined, s, seen); err != nil {
			return err
		}
	}
	return nil
}
