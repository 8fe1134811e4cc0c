package provenance

import (
	linked "container/list"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"path"
	"slices"
	"sync"

	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
)

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

// mostNodes is how many nodes of renderings are kept: those of about a hundred Deployments.
const mostNodes = 50_000

// Renderings keep what Kustomize made of sources: targets on one base have the same asked again. Those asked for last are
// kept, up to a number of nodes. The zero value is ready; it is safe for concurrent use.
type Renderings struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*linked.Element
	order linked.List // of *rendering, the one asked for last in front
	nodes int
}

type rendering struct {
	digest [sha256.Size]byte
	once   sync.Once
	object *yaml.Node
	err    error
	nodes  int // once it is made
}

// of is what Kustomize makes of sources, which nobody may change. It goes by Kustomize's own schema.
func (r *Renderings) of(s sources) (*yaml.Node, error) {
	made := r.entry(s.digest())
	made.once.Do(func() {
		made.object, made.err = s.render()
		r.keep(made)
	})
	return made.object, made.err
}

func (r *Renderings) entry(digest [sha256.Size]byte) *rendering {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known == nil {
		r.known = map[[sha256.Size]byte]*linked.Element{}
	}
	if at := r.known[digest]; at != nil {
		r.order.MoveToFront(at)
		return at.Value.(*rendering)
	}
	made := &rendering{digest: digest}
	r.known[digest] = r.order.PushFront(made)
	return made
}

// keep counts what was made, and forgets what nobody has asked for the longest until the rest is not too much.
func (r *Renderings) keep(made *rendering) {
	nodes := 1
	if made.object != nil {
		everywhere(made.object, func(*yaml.Node) { nodes++ })
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[made.digest] == nil {
		return // forgotten meanwhile
	}
	made.nodes = nodes
	r.nodes += nodes
	for r.nodes > mostNodes {
		last := r.order.Remove(r.order.Back()).(*rendering)
		delete(r.known, last.digest)
		r.nodes -= last.nodes
	}
}
