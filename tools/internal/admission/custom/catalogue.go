package custom

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"weak"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/archive"
)

// tools/schemas makes the bundle and describes its format.
var (
	//go:embed bundle/kinds.txt
	bundledKinds string
	//go:embed bundle/definitions.bin
	bundledDefinitions string // not []byte: nobody can change a string

	// renamedGroups has an old group and what it was renamed to in each line.
	//
	//go:embed renamed.txt
	renamedGroups string
)

var embedded = sync.OnceValues(func() (*Definitions, error) { return readBundle(bundledKinds, bundledDefinitions) })

// Embedded returns the definitions of the kinds that kgate knows without being given their CustomResourceDefinition: those of
// the operators in tools/schemas/operators.txt.
func Embedded() (*Definitions, error) { return embedded() }

func readBundle(index, content string) (*Definitions, error) {
	texts, err := archive.Open(content)
	if err != nil {
		return nil, fmt.Errorf("read the embedded CustomResourceDefinitions: %w", err)
	}
	return &Definitions{catalogue: newCatalogue(index, texts)}, nil
}

// catalogue are the definitions that are embedded. A kind is looked up in the text of the index, and read when it is met: a
// run that meets none reads nothing.
type catalogue struct {
	index string // "\n", and then lines of group, kind, plural, scope, versions, source and digest, in order of group and kind
	texts *archive.Archive

	mu    sync.Mutex
	kinds map[schema.GroupKind][]*definition
}

func newCatalogue(index string, texts *archive.Archive) *catalogue {
	return &catalogue{index: "\n" + index, texts: texts, kinds: map[schema.GroupKind][]*definition{}}
}

// beginning yields the lines that begin with a text.
func (c *catalogue) beginning(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		rest := c.index
		for {
			i := strings.Index(rest, "\n"+text)
			if i < 0 {
				return
			}
			line, _, _ := strings.Cut(rest[i+1:], "\n")
			rest = rest[i+1+len(line):]
			if line != "" && !yield(line) {
				return
			}
		}
	}
}

// releases are the definitions of a kind, one for each release of its operator that is embedded. The first is that which
// holds where nobody says otherwise.
func (c *catalogue) releases(kind schema.GroupKind) []*definition {
	if c == nil || kind.Kind == "" || strings.ContainsAny(kind.Group+kind.Kind, " \n") {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	all, known := c.kinds[kind]
	if known {
		return all
	}
	for line := range c.beginning(kind.Group + " " + kind.Kind + " ") {
		d, err := c.parse(line)
		if err != nil {
			d = newDefinition(identity{kind: kind}, func() (*apiextensionsv1.CustomResourceDefinition, error) { return nil, err })
		}
		all = append(all, d)
	}
	c.kinds[kind] = all
	return all
}

// inGroup are the kinds of a group; every kind for "".
func (c *catalogue) inGroup(group string) []schema.GroupKind {
	if c == nil {
		return nil
	}
	beginning := group + " "
	if group == "" {
		beginning = ""
	}
	var all []schema.GroupKind
	for line := range c.beginning(beginning) {
		if f := strings.Fields(line); len(f) > 1 {
			all = append(all, schema.GroupKind{Group: f[0], Kind: f[1]})
		}
	}
	return slices.Compact(all)
}

func (c *catalogue) parse(line string) (*definition, error) {
	f := strings.Fields(line)
	if len(f) != 7 {
		return nil, fmt.Errorf("the catalogue of definitions: line %q", line)
	}
	key, err := archive.ParseKey(f[6])
	if err != nil {
		return nil, fmt.Errorf("the catalogue of definitions: line %q: %w", line, err)
	}
	of := identity{
		kind: schema.GroupKind{Group: f[0], Kind: f[1]}, plural: f[2], source: f[5],
		namespaced: f[3] == string(apiextensionsv1.NamespaceScoped), served: map[string]bool{}, deprecated: map[string]bool{},
	}
	for _, version := range strings.Split(f[4], ",") {
		version, deprecated := strings.CutSuffix(version, "!")
		of.served[version], of.deprecated[version] = true, deprecated
	}
	return newDefinition(of, remembered(func() (*apiextensionsv1.CustomResourceDefinition, error) { return c.read(key) })), nil
}

// remembered reads once for all who need the same at a time. A definition is larger than what is compiled of it, and few ask
// for it afterwards: who does reads it again.
func remembered[T any](read func() (*T, error)) func() (*T, error) {
	var mu sync.Mutex
	var last weak.Pointer[T]
	return func() (*T, error) {
		mu.Lock()
		defer mu.Unlock()
		if value := last.Value(); value != nil {
			return value, nil
		}
		value, err := read()
		if err == nil {
			last = weak.Make(value)
		}
		return value, err
	}
}

func (c *catalogue) read(key archive.Key) (*apiextensionsv1.CustomResourceDefinition, error) {
	text, err := c.texts.Read(key)
	if err != nil {
		return nil, fmt.Errorf("the catalogue of definitions: %s: %w", key, err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := json.Unmarshal(text, crd); err != nil {
		return nil, fmt.Errorf("the catalogue of definitions: %s: %w", key, err)
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	return crd, nil
}

// Renamed is the group that kinds of an old one are in now, "" for a group that was not renamed.
func Renamed(group string) string {
	for line := range strings.Lines(renamedGroups) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == group {
			return f[1]
		}
	}
	return ""
}

// Aggregated reports a group of OpenShift whose kinds an API server of its own serves (openshift-apiserver, oauth-apiserver). Those that
// have a CustomResourceDefinition all the same are in the catalogue.
func Aggregated(group string) bool {
	prefix, ok := strings.CutSuffix(group, ".openshift.io")
	return ok && slices.Contains([]string{"apps", "authorization", "build", "image", "oauth", "project", "quota", "template", "user"}, prefix)
}

// Listed is what the catalogue says of a kind in one release of its operator.
type Listed struct {
	Kind       schema.GroupKind
	Release    string // module@version, with the channel behind a slash
	Holds      bool   // this release is the one that judges
	Namespaced bool
	Versions   []Served
}

// Served is a version that a definition serves.
type Served struct {
	Name       string
	Deprecated bool
}

// List is the catalogue, in order of group and kind, and the releases of a kind in that in which they count.
func (d *Definitions) List() []Listed {
	var all []Listed
	for _, kind := range d.catalogue.inGroup("") {
		holding := d.embedded(kind)
		for _, release := range d.catalogue.releases(kind) {
			all = append(all, Listed{
				Kind: kind, Release: release.source, Namespaced: release.namespaced, Versions: release.versionsServed(),
				Holds: len(holding) > 0 && holding[0] == release,
			})
		}
	}
	return all
}

// KindsOf are the kinds that the catalogue has in a version of a group.
func (d *Definitions) KindsOf(of schema.GroupVersion) []string {
	if of.Group == "" {
		return nil
	}
	var kinds []string
	for _, kind := range d.catalogue.inGroup(of.Group) {
		if d.embeddedServing(kind.WithVersion(of.Version)) != nil {
			kinds = append(kinds, kind.Kind)
		}
	}
	return kinds
}

// Releases are the releases of a module that the catalogue has, such as v1.7.0/standard, in the order in which they count;
// none for a module of which it has nothing.
func (d *Definitions) Releases(module string) []string {
	var all []string
	for line := range d.catalogue.beginning("") {
		if f := strings.Fields(line); len(f) == 7 {
			if of, release, _ := strings.Cut(f[5], "@"); of == module && !slices.Contains(all, release) {
				all = append(all, release)
			}
		}
	}
	return all
}

// Modules are those of which the catalogue has definitions, sorted.
func (d *Definitions) Modules() []string {
	var all []string
	for line := range d.catalogue.beginning("") {
		if f := strings.Fields(line); len(f) == 7 {
			of, _, _ := strings.Cut(f[5], "@")
			all = append(all, of)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Kinds is how many kinds the catalogue has.
func (d *Definitions) Kinds() int { return len(d.catalogue.inGroup("")) }

// Pinned returns definitions in which of an operator that release names, such as sigs.k8s.io/gateway-api, only that release
// counts, such as v1.7.0/standard.
func (d *Definitions) Pinned(release func(module string) string) *Definitions {
	pinned := *d
	pinned.release = release
	return &pinned
}

// embedded are the definitions of a kind that the catalogue has: of the operator's pinned release, or of all.
func (d *Definitions) embedded(kind schema.GroupKind) []*definition {
	all := d.catalogue.releases(kind)
	if pin := d.Pin(kind); pin != "" {
		for _, of := range all {
			if of.source == pin {
				return []*definition{of}
			}
		}
		return nil
	}
	return all
}

// Pin is the release that is pinned of the operator whose kind it is, as module@version; "" for none.
func (d *Definitions) Pin(kind schema.GroupKind) string {
	all := d.catalogue.releases(kind)
	if d.release == nil || len(all) == 0 {
		return ""
	}
	module, _, _ := strings.Cut(all[0].source, "@")
	if release := d.release(module); release != "" {
		return module + "@" + release
	}
	return ""
}

// embeddedServing is the definition of the catalogue that judges objects of a version: of the first release that serves it. nil is none.
func (d *Definitions) embeddedServing(gvk schema.GroupVersionKind) *definition {
	for _, of := range d.embedded(gvk.GroupKind()) {
		if of.served[gvk.Version] {
			return of
		}
	}
	return nil
}
