package repo

import (
	"io/fs"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
)

// Snapshot is the repository for one run, which looks at each directory and asks each question about a path once, and remembers
// what Kept made. What changes on the disk meanwhile it may not see.
func (r *Repo) Snapshot() *Repo {
	s := *r
	s.FS, s.kept, s.twin = &snapshot{FS: r.FS}, &cache.Cache[any, any]{}, nil
	return &s
}

// twin is the snapshot of the same repository at another time, and what is the same in both.
type twin struct {
	*Repo
	same func(name string) bool
}

// Beside is Snapshot for a run beside another one, of the same repository at another time: what both make of the same files is made
// once. same is as of kustomization.Store.Follow.
func (r *Repo) Beside(other *Repo, same func(name string) bool) *Repo {
	s := r.Snapshot()
	s.twin = &twin{other, same}
	return s
}

// Store has the files of the repository as they are read and parsed, once in a Snapshot.
func (r *Repo) Store() *kustomization.Store {
	type key struct{}
	store, _ := Kept(r, key{}, func() (*kustomization.Store, error) {
		s := kustomization.NewStore(r.FS)
		if r.twin != nil {
			s.Follow(r.twin.Store(), r.twin.same)
		}
		return s, nil
	})
	return store
}

// KeptBeside is Kept for what is made of the text of a file and nothing else: of the other snapshot, where that has the same file.
func KeptBeside[V any](r *Repo, file string, key any, make func() (V, error)) (V, error) {
	return Kept(r, key, func() (V, error) {
		if r.twin != nil && r.twin.same(file) {
			return Kept(r.twin.Repo, key, make)
		}
		return make()
	})
}

// Kept is what make makes of the files of a repository, once for a key in a Snapshot. Elsewhere it is made each time.
func Kept[V any](r *Repo, key any, make func() (V, error)) (V, error) {
	if r.kept == nil {
		return make()
	}
	value, err := r.kept.Get(key, func() (any, error) { return make() })
	made, _ := value.(V)
	return made, err
}

// snapshot is a tree that remembers what stands where, and not what is in the files. A path below an os.Root costs a system call
// for each of its parts, and a run asks for the same ones many times.
type snapshot struct {
	fs.FS
	listed cache.Cache[string, []fs.DirEntry]
	infos  cache.Cache[string, fs.FileInfo]
	nodes  cache.Cache[string, fs.FileInfo] // without following a link
	links  cache.Cache[string, string]
}

func (s *snapshot) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := s.listed.Get(name, func() ([]fs.DirEntry, error) { return fs.ReadDir(s.FS, name) })
	return slices.Clone(entries), err
}

func (s *snapshot) Stat(name string) (fs.FileInfo, error) {
	return s.infos.Get(name, func() (fs.FileInfo, error) { return fs.Stat(s.FS, name) })
}

func (s *snapshot) Lstat(name string) (fs.FileInfo, error) {
	return s.nodes.Get(name, func() (fs.FileInfo, error) { return fs.Lstat(s.FS, name) })
}

func (s *snapshot) ReadLink(name string) (string, error) {
	return s.links.Get(name, func() (string, error) { return fs.ReadLink(s.FS, name) })
}

func (s *snapshot) ReadFile(name string) ([]byte, error) { return fs.ReadFile(s.FS, name) }
