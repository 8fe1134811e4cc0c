package schema

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/archive"
)

var (
	//go:embed bundle/kinds.txt
	bundledKinds string
	//go:embed bundle/definitions.bin
	bundledDefinitions string // not []byte: nobody can change a string
	//go:embed bundle/sources.json
	bundledSources string
)

// embedded is the bundle that the program carries. Opening it parses nothing
// but its first bytes, so that a run pays for the kinds that it meets.
var embedded = sync.OnceValues(func() (*bundle, error) { return openBundle(bundledKinds, bundledDefinitions) })

// A bundle holds the schemas of every kind in every Kubernetes version, as
// tools/schemas lays them out. It is safe for concurrent use.
type bundle struct {
	minors      []string // oldest first
	kinds       string   // lines of kindLine
	definitions *archive.Archive
	decoded     sync.Map // digest (string) → map[string]any, never changed
}

func openBundle(kinds, content string) (*bundle, error) {
	first, rest, _ := strings.Cut(kinds, "\n")
	minors := strings.Fields(first)
	if len(minors) < 2 || minors[0] != "versions" {
		return nil, errors.New("schema bundle: the first line of kinds.txt names no versions")
	}
	definitions, err := archive.Open(content)
	if err != nil {
		return nil, fmt.Errorf("schema bundle: definitions.bin: %w", err)
	}
	return &bundle{minors: minors[1:], kinds: rest, definitions: definitions}, nil
}

// A kindLine says which schema a kind has from one minor version to another.
type kindLine struct {
	apiVersion, kind string
	first, last      string
	root             string // digest of the definition of the whole object
}

func parseKindLine(line string) (kindLine, bool) {
	f := strings.Fields(line)
	if len(f) != 5 {
		return kindLine{}, false
	}
	return kindLine{f[0], f[1], f[2], f[3], f[4]}, true
}

// find yields the lines that hold text.
func (b *bundle) find(text string) func(yield func(kindLine) bool) {
	return func(yield func(kindLine) bool) {
		for at := 0; at < len(b.kinds); {
			i := strings.Index(b.kinds[at:], text)
			if i < 0 {
				return
			}
			begin := strings.LastIndexByte(b.kinds[:at+i], '\n') + 1
			line, _, _ := strings.Cut(b.kinds[begin:], "\n")
			at = begin + len(line) + 1
			if parsed, ok := parseKindLine(line); ok && !yield(parsed) {
				return
			}
		}
	}
}

// root is the digest of the schema of a kind in a minor version.
func (b *bundle) root(apiVersion, kind, minor string) (string, bool) {
	at := slices.Index(b.minors, minor)
	for line := range b.find(apiVersion + " " + kind + " ") {
		if line.apiVersion == apiVersion && line.kind == kind &&
			slices.Index(b.minors, line.first) <= at && at <= slices.Index(b.minors, line.last) {
			return line.root, true
		}
	}
	return "", false
}

// customGroup reports whether operators may define kinds in a group: it has a dot, without which an API server takes no
// definition, and is none that Kubernetes itself has.
func (b *bundle) customGroup(group string) bool {
	if !strings.Contains(group, ".") {
		return false
	}
	definitions, err := custom.Embedded()
	if err != nil {
		return true // who judges by them reports it
	}
	for line := range b.find(group + "/") {
		if groupOf(line.apiVersion) == group {
			of := schema.GroupKind{Group: group, Kind: line.kind}
			return len(definitions.Serving(of)) > 0
		}
	}
	return true
}

// kindsOf are the kinds of an apiVersion, in any version of Kubernetes.
func (b *bundle) kindsOf(apiVersion string) []string {
	var kinds []string
	for line := range b.find(apiVersion + " ") {
		if line.apiVersion == apiVersion && !slices.Contains(kinds, line.kind) {
			kinds = append(kinds, line.kind)
		}
	}
	return kinds
}

// known says in which apiVersions and Kubernetes versions there is a kind, for a custom group in those of the group:
// "policy/v1 (1.28 to 1.37)", in the order of the bundle.
func (b *bundle) known(kind, group string) []string {
	all := !b.customGroup(group)
	var spans []kindLine
	for line := range b.find(" " + kind + " ") {
		if line.kind != kind || !all && groupOf(line.apiVersion) != group {
			continue
		}
		if n := len(spans); n > 0 && spans[n-1].apiVersion == line.apiVersion &&
			slices.Index(b.minors, line.first) == slices.Index(b.minors, spans[n-1].last)+1 {
			spans[n-1].last = line.last
			continue
		}
		spans = append(spans, line)
	}
	var out []string
	for _, s := range spans {
		when := s.first
		if s.last != s.first {
			when += " to " + s.last
		}
		out = append(out, fmt.Sprintf("%s (%s)", s.apiVersion, when))
	}
	return out
}

// definition returns the decoded definition with a digest. It is shared: do
// not change it.
func (b *bundle) definition(digest string) (map[string]any, error) {
	if d, ok := b.decoded.Load(digest); ok {
		return d.(map[string]any), nil
	}
	text, err := b.read(digest)
	if err != nil {
		return nil, fmt.Errorf("schema bundle: definition %q: %w", digest, err)
	}
	var d map[string]any
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("schema bundle: definition %q: %w", digest, err)
	}
	b.decoded.Store(digest, d)
	return d, nil
}

func (b *bundle) read(digest string) ([]byte, error) {
	key, err := archive.ParseKey(digest)
	if err != nil {
		return nil, err
	}
	return b.definitions.Read(key)
}

// A Source is a module that schemas were made from.
type Source struct {
	Module  string       `json:"module"`
	Version string       `json:"version"`
	Sum     string       `json:"sum"` // h1, as in a go.sum
	Files   []SourceFile `json:"files"`
}

// A SourceFile is a file of a module and the SHA-256 of its content.
type SourceFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// Sources returns what the bundle was made from.
func Sources() ([]Source, error) {
	var sources []Source
	if err := json.Unmarshal([]byte(bundledSources), &sources); err != nil {
		return nil, fmt.Errorf("schema bundle: sources.json: %w", err)
	}
	return sources, nil
}

// Own returns the apiVersions of Kubernetes itself that have a kind, or are of a group, whatever the case of the name. Of
// custom ones it returns none.
func Own(name string) []string {
	b, err := embedded()
	if err != nil {
		return nil // New reports it
	}
	var versions []string
	for line := range b.find(" ") {
		group := groupOf(line.apiVersion)
		if (strings.EqualFold(line.kind, name) || strings.EqualFold(group, name)) && !slices.Contains(versions, line.apiVersion) && !b.customGroup(group) {
			versions = append(versions, line.apiVersion)
		}
	}
	return versions
}

// Versions returns the minor versions in the bundle ("1.37"), oldest first.
func Versions() []string {
	b, err := embedded()
	if err != nil {
		return nil // New reports it
	}
	return slices.Clone(b.minors)
}
