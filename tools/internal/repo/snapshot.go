package repo

import (
	"io/fs"
	"slices"

	"github.com/kgate-dev/gitops/tools/internal/cache"
)

// Snapshot is the repository for one run, which looks at each directory and asks each question about a path once, and remembers
// what Kept made. What changes on the disk meanwhile it may not see.
func (r *Repo) Snapshot() *Repo {
	s := *r
	s.FS, s.kept = &snapshot{FS: r.FS}, &cache.Cache[any, any]{}
	return &s
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
