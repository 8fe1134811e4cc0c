package definition

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Tally counts objects of custom kinds by what defines them. A definition counts for the objects that are added after it.
type Tally struct {
	Catalogue map[schema.GroupVersionKind]int // objects that kgate's catalogue knows
	Own       map[schema.GroupVersionKind]int // others, whose definition was added
	Unknown   map[schema.GroupVersionKind]int

	embedded *custom.Definitions
	kinds    *Kinds
	own      map[schema.GroupVersionKind]bool
}

// NewTally is an empty count.
func NewTally() (*Tally, error) {
	embedded, err := custom.Embedded()
	if err != nil {
		return nil, err
	}
	return &Tally{
		Catalogue: map[schema.GroupVersionKind]int{}, Own: map[schema.GroupVersionKind]int{}, Unknown: map[schema.GroupVersionKind]int{},
		embedded: embedded, kinds: New(), own: map[schema.GroupVersionKind]bool{},
	}, nil
}

// Define adds a definition; any other object is passed over.
func (t *Tally) Define(object *manifest.Object) {
	if Defines(object).Kind == "" || !readable(object) {
		return
	}
	for _, kind := range t.kinds.Define(object).Serves() {
		t.own[kind] = true
	}
}

// Add counts objects, unless they are of a kind of Kubernetes or of Kustomize.
func (t *Tally) Add(kind schema.GroupVersionKind, objects int) {
	switch {
	case t.embedded.Knows(kind):
		t.Catalogue[kind] += objects
	case !strings.Contains(kind.Group, ".") || builtinGroup(kind.Group):
	case t.own[kind]:
		t.Own[kind] += objects
	default:
		t.Unknown[kind] += objects
	}
}

// builtinGroup reports a group of Kubernetes' own, or of Kustomize's files: these end in k8s.io, and a custom kind of such a
// group that the catalogue lacks is not told from them.
func builtinGroup(group string) bool {
	return strings.HasSuffix(group, ".k8s.io") && !strings.HasSuffix(group, ".x-k8s.io")
}
