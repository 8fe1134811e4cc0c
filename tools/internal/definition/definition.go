// Package definition finds what defines a custom kind for a target. Every engine asks it, so that schemas, admission, defaults
// and CEL rules go by the same definition, and so that the order in which they are looked up stands in one place, Kinds.find.
package definition

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/admission/custom"
	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Kind is what defines other kinds.
var Kind = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}

// KindOf is what an object says that it is.
func KindOf(o *manifest.Object) schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(o.APIVersion, o.Kind)
}

// Defines is the kind that a CustomResourceDefinition says that it defines; empty for any other object.
func Defines(o *manifest.Object) schema.GroupKind {
	if KindOf(o).GroupKind() != Kind {
		return schema.GroupKind{}
	}
	spec, _ := o.Value["spec"].(map[string]any)
	names, _ := spec["names"].(map[string]any)
	group, _ := spec["group"].(string)
	kind, _ := names["kind"].(string)
	return schema.GroupKind{Group: group, Kind: kind}
}

// Kinds are the definitions that a process has read. A definition is read when an object of its kind is met, and compiled once
// for all targets that have it. They are safe for concurrent use.
type Kinds struct {
	embedded func() (*custom.Definitions, error)
	targets  cache.Cache[*check.Target, *Known]
	read     cache.Cache[manifest.Digest, content]            // by the JSON of a CustomResourceDefinition
	contents cache.Cache[manifest.Digest, *custom.Definition] // by its content
}

// content is a definition, and what tells it apart from others.
type content struct {
	*custom.Definition
	digest manifest.Digest
}

// New knows the kinds of the embedded catalogue.
func New() *Kinds { return &Kinds{embedded: sync.OnceValues(custom.Embedded)} }

// Forget drops what it knows of a target, but for the definitions.
func (k *Kinds) Forget(target *check.Target) { k.targets.Forget(target) }

// Sweep forgets what no run since the last Sweep had. It must not be called during a run.
func (k *Kinds) Sweep() {
	k.targets.Sweep()
	k.read.Sweep()
	k.contents.Sweep()
}

// Define reads a CustomResourceDefinition. Two of the same content are one definition, whatever labels a target gives them.
func (k *Kinds) Define(object *manifest.Object) *custom.Definition {
	return k.define(object).Definition
}

// Faults are why an API server, or kgate, would not read a CustomResourceDefinition.
func (k *Kinds) Faults(object *manifest.Object) ([]custom.Fault, error) {
	if len(object.JSON) > custom.LargestRequest {
		return []custom.Fault{{Message: fmt.Sprintf("Request entity too large: limit is %d", custom.LargestRequest)}}, nil
	}
	if faults := custom.Excessive(object.Value); len(faults) > 0 {
		return faults, nil
	}
	return k.Define(object).Faults()
}

func (k *Kinds) define(object *manifest.Object) content {
	c, err := k.read.Get(object.Digest(), func() (content, error) {
		of := custom.Content(object.Value)
		text, err := json.Marshal(of)
		if err != nil {
			return content{}, err
		}
		digest := manifest.Digest(sha256.Sum256(text))
		d, err := k.contents.Get(digest, func() (*custom.Definition, error) { return custom.Define(of), nil })
		if err != nil {
			return content{}, err
		}
		return content{d.WithMetadata(object.Value), digest}, nil
	})
	if err != nil {
		return content{Definition: custom.Undefinable(err)}
	}
	return c
}

// Known is what defines the kinds of a target.
type Known struct {
	kinds    *Kinds
	embedded *custom.Definitions
	target   *check.Target                           // nil for none
	own      map[schema.GroupKind][]*manifest.Object // CustomResourceDefinitions that a sync of the target applies
	found    cache.Cache[schema.GroupKind, Found]
}

// Found is what defines a kind for a target. Key tells it apart from what defines the kind for others; it is "" where that is
// the embedded catalogue, and no release is pinned.
type Found struct {
	*custom.Definitions
	Key string
}

// Of is what defines the kinds of a target; nil is a target that renders nothing. A hook that is skipped is not applied and
// defines nothing.
func (k *Kinds) Of(target *check.Target) (*Known, error) {
	return k.targets.Get(target, func() (*Known, error) {
		embedded, err := k.embedded()
		if err != nil {
			return nil, err
		}
		known := &Known{kinds: k, embedded: embedded, target: target, own: map[schema.GroupKind][]*manifest.Object{}}
		if target == nil {
			return known, nil
		}
		if target.Definitions != nil {
			known.embedded = embedded.Pinned(target.Definitions.Release)
		}
		for _, object := range target.Objects {
			if of := Defines(object); of.Kind != "" && readable(object) && object.Applied() {
				known.own[of] = append(known.own[of], object)
			}
		}
		return known, nil
	})
}

// readable reports a definition that the API server would read and kgate compiles.
func readable(object *manifest.Object) bool {
	return KindOf(object).Version == "v1" && len(object.JSON) <= custom.LargestRequest && len(custom.Excessive(object.Value)) == 0
}

// For finds what defines a kind.
func (k *Known) For(ctx context.Context, kind schema.GroupKind) (Found, error) {
	return k.found.Get(kind, func() (Found, error) { return k.find(ctx, kind) })
}

// find holds the order: the first place that has a definition of the kind is asked, the embedded catalogue where there is none.
// Where the catalogue knows the kind as well, what it disagrees about is said (custom.Definitions.Disagreements): a definition
// that somebody wrote into a change does not loosen such a kind in silence.
func (k *Known) find(ctx context.Context, kind schema.GroupKind) (Found, error) {
	pin := k.embedded.Pin(kind)
	if own, key := k.named(k.own[kind], kind, false); own != nil {
		return Found{k.embedded.With(own), key + pin}, nil
	}
	if k.target == nil || k.target.Definitions == nil {
		return Found{k.embedded, pin}, nil
	}
	at := k.target.Definitions
	for _, place := range []struct {
		given bool
		look  func() ([]*manifest.Object, error)
	}{
		{false, func() ([]*manifest.Object, error) { return at.Elsewhere(ctx, k.target, kind.Group, kind.Kind) }},
		{true, func() ([]*manifest.Object, error) { return at.Given(kind.Group, kind.Kind) }},
		{false, func() ([]*manifest.Object, error) {
			if len(k.embedded.Serving(kind)) > 0 {
				return nil, nil
			}
			return at.Foreign(ctx, k.target, kind.Group, kind.Kind)
		}},
	} {
		objects, err := place.look()
		if err != nil {
			return Found{}, err
		}
		// Which of several the cluster has nobody says.
		if others, key := k.named(objects, kind, place.given); others != nil {
			return Found{k.embedded.WithEither(others), key + pin}, nil
		}
	}
	return Found{k.embedded, pin}, nil
}

// named reads definitions of a kind, each content once, and leaves out what an API server would refuse.
func (k *Known) named(objects []*manifest.Object, kind schema.GroupKind, given bool) ([]custom.Rendered, string) {
	var found []custom.Rendered
	var key strings.Builder
	seen := map[string]bool{}
	for _, object := range objects {
		c := k.kinds.define(object)
		r := custom.Rendered{Definition: c.Definition, At: object.Source.String(), Given: given, Stated: custom.Stated(object.Value), Source: object.Source}
		if !r.Defines(kind) {
			continue
		}
		this := fmt.Sprintf("%x %q %t %q\n", c.digest, r.At, given, r.Stated)
		if seen[this] {
			continue
		}
		seen[this] = true
		found = append(found, r)
		key.WriteString(this)
	}
	return found, key.String()
}

// Conflicts are why a cluster does not come to have a CustomResourceDefinition of the target as it is; none for one that is not
// the target's own. Key is that of what was asked.
func (k *Known) Conflicts(object *manifest.Object) []custom.Fault {
	kind := Defines(object)
	var all []custom.Rendered
	var of *custom.Rendered
	for _, own := range k.own[kind] {
		r := custom.Rendered{Definition: k.kinds.Define(own), At: own.Source.String()}
		all = append(all, r)
		if own == object {
			of = &r
		}
	}
	if of == nil {
		return nil
	}
	return k.embedded.With(all).Conflicts(*of)
}

// Key tells verdicts on an object apart that depend on more than its text: on what defines its kind, or, of a definition, on
// what else defines the same.
func (k *Known) Key(ctx context.Context, object *manifest.Object) (string, error) {
	if kind := Defines(object); kind.Kind != "" {
		_, key := k.named(k.own[kind], kind, false)
		return object.Source.String() + key, nil
	}
	found, err := k.For(ctx, KindOf(object).GroupKind())
	return found.Key, err
}

// Apart is where a target of another cluster has a definition of a kind; zero for nowhere.
func (k *Known) Apart(ctx context.Context, kind schema.GroupKind) (manifest.Position, error) {
	if k.target == nil || k.target.Definitions == nil {
		return manifest.Position{}, nil
	}
	objects, err := k.target.Definitions.Apart(ctx, k.target, kind.Group, kind.Kind)
	if err != nil || len(objects) == 0 {
		return manifest.Position{}, err
	}
	return objects[0].Source, nil
}

// Obsolete is where the target has a definition of a kind in an old version that no API server reads any more; zero for nowhere.
func (k *Known) Obsolete(kind schema.GroupKind) manifest.Position {
	if k.target == nil {
		return manifest.Position{}
	}
	for _, object := range k.target.Objects {
		if Defines(object) == kind && KindOf(object).Version != "v1" {
			return object.Source
		}
	}
	return manifest.Position{}
}
