package provenance

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"path"
	"slices"

	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
)

// Sharing is what locators of several targets need of the same: objects of a base as the base leaves them, and what
// Kustomize made of one object. What was needed last is kept, up to a number of nodes. It is safe for concurrent use.
type Sharing struct {
	bases      *cache.Bounded[*kustomization.Trace, *grown]
	renderings *cache.Bounded[[sha256.Size]byte, *yaml.Node]
}

// mostNodes is how many nodes of each are kept: those of about a hundred Deployments.
const mostNodes = 50_000

// NewSharing is for the locators of one renderer's results.
func NewSharing() *Sharing {
	return &Sharing{
		bases:      cache.NewBounded[*kustomization.Trace, *grown](mostNodes),
		renderings: cache.NewBounded[[sha256.Size]byte, *yaml.Node](mostNodes),
	}
}

// grown is a tree with the marks of its nodes, apart from any other.
type grown struct {
	tree    *yaml.Node
	marks   []mark
	deleted map[deletion]mark
}

// base is an object as its base leaves it, replayed once for all who go on from there. nil is one that is gone.
func (s *Sharing) base(trace *kustomization.Trace, read func(string) ([]byte, error)) (*grown, error) {
	return s.bases.Get(trace, func() (*grown, int, error) {
		r := newReplay(s)
		r.read = read
		tree := r.tree(trace, len(trace.Steps))
		if tree == nil {
			return nil, 0, nil
		}
		g := r.lift(tree)
		return g, len(g.marks), nil
	})
}

// rendering is what Kustomize makes of sources by its own schema. It must not be changed.
func (s *Sharing) rendering(of sources) (*yaml.Node, error) {
	return s.renderings.Get(of.digest(), func() (*yaml.Node, int, error) {
		object, err := of.render()
		nodes := 0
		if err == nil {
			everywhere(object, func(*yaml.Node) { nodes++ })
		}
		return object, nodes, err
	})
}

// lift takes a tree out of the set, with those marks that can be asked for from now on.
func (m *marked) lift(tree *yaml.Node) *grown {
	g := &grown{tree: yaml.CopyYNode(tree), deleted: map[deletion]mark{}}
	lines := map[int]int{}
	everywhere(g.tree, func(node *yaml.Node) {
		at, ok := m.of(node)
		if !ok {
			return
		}
		line, known := lines[node.Line]
		if !known {
			line = firstMark + len(g.marks)
			lines[node.Line] = line
			g.marks = append(g.marks, at.clipped())
		}
		node.Line = line
	})
	for at, gone := range m.deleted {
		if line, ok := lines[at.from]; ok {
			g.deleted[deletion{line, at.key}] = gone.clipped()
		}
	}
	return g
}

// graft is a copy of a grown tree whose marks are in the set.
func (m *marked) graft(g *grown) *yaml.Node {
	shift := len(m.marks)
	m.marks = append(m.marks, g.marks...)
	for at, gone := range g.deleted {
		m.deleted[deletion{at.from + shift, at.key}] = gone
	}
	tree := yaml.CopyYNode(g.tree)
	everywhere(tree, func(node *yaml.Node) {
		if node.Line >= firstMark {
			node.Line += shift
		}
	})
	return tree
}

// clipped is a mark to which nothing can be added in place.
func (m mark) clipped() mark {
	m.over = slices.Clip(m.over)
	return m
}

// sources are the files of a tree that Kustomize renders to one object, by name.
type sources map[string][]byte

// render has Kustomize render the sources.
func (s sources) render() (*yaml.Node, error) {
	files := filesys.MakeFsInMemory()
	for _, name := range slices.Sorted(maps.Keys(s)) {
		if err := files.WriteFile(path.Join("/", name), s[name]); err != nil {
			return nil, err
		}
	}
	rendered, err := kustomization.Kustomize(files, "/")
	if err != nil {
		return nil, err
	}
	if rendered.Size() != 1 {
		return nil, fmt.Errorf("of one object Kustomize made %d", rendered.Size())
	}
	return rendered.Resources()[0].YNode(), nil
}

// digest tells sources apart: by the names and the texts of all files, each behind its length.
func (s sources) digest() [sha256.Size]byte {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s)) {
		for _, text := range [][]byte{[]byte(name), s[name]} {
			var length [8]byte
			binary.BigEndian.PutUint64(length[:], uint64(len(text)))
			h.Write(length[:])
			h.Write(text)
		}
	}
	return [sha256.Size]byte(h.Sum(nil))
}
