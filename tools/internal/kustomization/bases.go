package kustomization

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"sigs.k8s.io/kustomize/api/resource"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// mostKept is how many nodes the trees of layers may have that are kept for the next target: those of about a thousand
// objects, or of a dozen large definitions.
const mostKept = 150_000

// bases keeps what layers have come to, so that a base below ten overlays is accumulated once. The layers asked for last
// are kept, up to mostKept nodes. It is safe for concurrent use.
type bases struct {
	mu      sync.Mutex
	entries map[string]*keptLayer
	order   []string // of the entries, the one asked for last at the end
	sizes   map[string]int
}

// keptLayer is what a layer has come to. It is never changed: who asks gets a copy.
type keptLayer struct {
	once sync.Once
	made *accumulation // nil where it is too large to be kept
	err  error

	faults           []check.Fault
	works            map[check.Entry]bool
	sources, targets []part
	peers            []peer
	added            []added
	read             []string
	asked            asked
}

func (b *bases) entry(dir string) *keptLayer {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entries == nil {
		b.entries = map[string]*keptLayer{}
	}
	found := b.entries[dir]
	if found == nil {
		found = &keptLayer{}
		b.entries[dir] = found
	} else {
		b.order = slices.DeleteFunc(b.order, func(name string) bool { return name == dir })
	}
	b.order = append(b.order, dir)
	return found
}

// forget drops what nothing has become of.
func (b *bases) forget(dir string, kept *keptLayer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.entries[dir] == kept {
		delete(b.entries, dir)
		delete(b.sizes, dir)
		b.order = slices.DeleteFunc(b.order, func(name string) bool { return name == dir })
	}
}

// keep notes how many nodes a layer has, and forgets the layers that nobody has asked for the longest, until what is left
// is not too much.
func (b *bases) keep(dir string, size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sizes == nil {
		b.sizes = map[string]int{}
	}
	b.sizes[dir] = size
	all := 0
	for i, dir := range slices.Backward(b.order) {
		if all += b.sizes[dir]; all > mostKept {
			for _, old := range b.order[:i+1] {
				delete(b.entries, old)
				delete(b.sizes, old)
			}
			b.order = slices.Clone(b.order[i+1:])
			return
		}
	}
}

// nodesOf is how many nodes the trees of a layer's objects have.
func nodesOf(made *accumulation) int {
	count := 0
	var walk func(node *yaml.Node)
	walk = func(node *yaml.Node) {
		count++
		for _, child := range node.Content {
			walk(child)
		}
	}
	for _, r := range made.resources.Resources() {
		walk(r.YNode())
	}
	return count
}

// base is what a layer that another one lists comes to.
func (e *engine) base(layer *Layer, origin *resource.Origin) (*accumulation, error) {
	made, err := e.accumulated(layer, origin)
	if err != nil {
		return nil, err
	}
	for _, t := range made.traces {
		t.dirs = append(slices.Clip(t.dirs), layer.Dir)
	}
	return made, nil
}

// accumulated accumulates a layer that another one lists, or copies what it came to for another target.
func (e *engine) accumulated(layer *Layer, origin *resource.Origin) (*accumulation, error) {
	if e.alone || origin != nil { // its own schema, or annotations that say the way to it
		return e.accumulate(layer, newAccumulation(), origin)
	}
	key := layer.Dir
	if layer.charted {
		key += "\x00" + layer.inherited // charts are told the namespace of the layer above
	}
	store := e.files.store
	if store.lends(layer) {
		store = store.twin
	}
	kept := store.bases.entry(key)
	var own *accumulation
	mine, size := false, 0
	kept.once.Do(func() {
		mine = true
		apart := newEngine(e.ctx, e.files, e.root)
		before, asked := e.files.begin(), e.files.since()
		own, kept.err = apart.accumulate(layer, newAccumulation(), nil)
		kept.read, kept.asked = e.files.end(before), asked()
		kept.faults, kept.works = apart.faults, apart.works
		kept.sources, kept.targets, kept.peers = apart.sources, apart.targets, apart.peers
		kept.added = apart.added
		if kept.err == nil {
			if nodes := nodesOf(own); nodes <= mostKept {
				size, kept.made, own = nodes, own, nil
			}
		}
	})
	if mine && e.ctx.Err() != nil {
		store.bases.forget(key, kept) // whoever comes with another context makes it anew
		return nil, e.ctx.Err()
	}
	if mine {
		store.bases.keep(key, size)
	} else {
		if store != e.files.store && !kept.asked.isSame(e.files.store) {
			return e.accumulate(layer, newAccumulation(), nil)
		}
		for _, name := range kept.read {
			if _, err := e.files.ReadFile(name); err != nil {
				return nil, err
			}
		}
	}
	for _, f := range kept.faults {
		e.note(f)
	}
	if e.works == nil && len(kept.works) > 0 {
		e.works = map[check.Entry]bool{}
	}
	maps.Copy(e.works, kept.works)
	e.sources, e.targets = append(e.sources, kept.sources...), append(e.targets, kept.targets...)
	e.peers = append(e.peers, kept.peers...)
	e.added = append(e.added, kept.added...)
	switch {
	case errors.Is(kept.err, context.Canceled), errors.Is(kept.err, context.DeadlineExceeded):
		return e.accumulate(layer, newAccumulation(), nil)
	case kept.err != nil:
		return nil, kept.err
	case own != nil:
		return own, nil
	case kept.made == nil:
		return e.accumulate(layer, newAccumulation(), nil)
	}
	return kept.made.copy(), nil
}

// lends reports whether the other store's base is the same: every file that the layer and those below are read from is, and so is the
// list of copies.
func (s *Store) lends(layer *Layer) bool {
	return s.twin != nil && !layer.charted && s.isSame(vendored.LockFile) && layer.asked.isSame(s)
}

// copy is the same again, of which nothing is shared that changes.
func (a *accumulation) copy() *accumulation {
	another := &accumulation{
		resources: a.resources.DeepCopy(), traces: make(map[*resource.Resource]*Trace, len(a.traces)),
		specs: a.specs, builtin: a.builtin, vars: a.vars.Copy(),
		files: configured{slices.Clip(a.files.configurations), slices.Clip(a.files.crds)},
	}
	copies := another.resources.Resources()
	for i, r := range a.resources.Resources() {
		if t := a.traces[r]; t != nil {
			one := *t
			one.live, one.Steps, one.below = copies[i], slices.Clone(t.Steps), t
			another.traces[copies[i]] = &one
		}
	}
	return another
}
