package kustomization

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// ErrReadOnly is what every attempt to write meets.
var ErrReadOnly = errors.New("kgate renders read-only")

// errGit is what every attempt to read git's own files meets: they may hold credentials, and a rendered object is public.
var errGit = errors.New("kgate reads nothing of git's own into manifests")

func inGit(name string) bool { return slices.ContainsFunc(strings.Split(name, "/"), vendored.IsGit) }

// Store reads files below one root and keeps what it read, so that targets which share a base read and parse it
// once, and every target of a run sees the same state of the tree. It is safe for concurrent use.
type Store struct {
	root fs.FS

	data   cache.Cache[string, []byte]
	parsed *cache.Bounded[string, []manifest.Document]
	nodes  cache.Cache[string, node]
	bases  bases

	decoded  *cache.Bounded[[sha256.Size]byte, *manifest.Object] // by the digest of a tree
	releases *releases                                           // of charts
	agreed   cache.Cache[string, struct{}]                       // files that Kustomize reads as kgate does

	twin *Store                 // of another revision, which has what is the same there; nil for none
	same func(name string) bool // that a file, a link or a directory is there as well, and is the same

	shared cache.Cache[string, bool] // what same said
}

// node is what stands at a path: a file, a directory or a link.
type node struct {
	info fs.FileInfo
	to   string // where a link leads
}

// mostParsed is how many bytes the files may have whose documents are kept for the next target. Their trees take ten times
// as much.
const mostParsed = 4 << 20

// NewStore reads from root, which must not follow links that lead out of it (os.Root's FS does not).
func NewStore(root fs.FS) *Store {
	return &Store{
		root:    root,
		parsed:  cache.NewBounded[string, []manifest.Document](mostParsed),
		decoded: cache.NewBounded[[sha256.Size]byte, *manifest.Object](mostDecoded),

		releases: cache.NewBounded[[sha256.Size]byte, released](mostReleases),
	}
}

// Follow makes the store take from another one, of the same repository at another time, what both make of the same files. same
// reports whether both have something at a path and neither has anything else there: of a directory, not what is in it. It is
// called before anything is read.
func (s *Store) Follow(other *Store, same func(name string) bool) {
	s.twin, s.same = other, same
	s.decoded, s.releases = other.decoded, other.releases // by content
}

// shares reports whether the other store has the same at a path.
func (s *Store) shares(name string) bool {
	if s.twin == nil {
		return false
	}
	is, _ := s.shared.Get(name, func() (bool, error) { return s.same(name), nil })
	return is
}

// isSame is shares where nothing may be there in both.
func (s *Store) isSame(name string) bool {
	if s.shares(name) {
		return true
	}
	_, err := s.node(name)
	_, twinErr := s.twin.node(name)
	return errors.Is(err, fs.ErrNotExist) && errors.Is(twinErr, fs.ErrNotExist)
}

// holder is the store that keeps what is made of a file.
func (s *Store) holder(name string) *Store {
	if s.shares(name) {
		if _, err := s.twin.read(name); err == nil {
			return s.twin
		}
	}
	return s
}

// node looks at a path, without following a link at its end. Kustomize asks for the same paths again and again, and
// each answer from the disk costs a system call for every part of the path.
func (s *Store) node(name string) (node, error) {
	return s.nodes.Get(name, func() (n node, err error) {
		if s.shares(name) {
			if n, err := s.twin.node(name); err == nil {
				return n, nil
			}
		}
		if n.info, err = fs.Lstat(s.root, name); err == nil && n.info.Mode()&fs.ModeSymlink != 0 {
			n.to, err = fs.ReadLink(s.root, name)
		}
		return n, err
	})
}

// read returns a file's content. The name is clean and free of links.
func (s *Store) read(name string) ([]byte, error) {
	return s.data.Get(name, func() ([]byte, error) {
		if s.shares(name) {
			if data, err := s.twin.read(name); err == nil {
				return data, nil
			}
		}
		return manifest.ReadFile(s.root, name, name, manifest.MaxFileSize)
	})
}

// Files is the file system that one target is rendered from: read-only, rooted at the repository ("/" is its
// top), unable to leave it, and keeping a record of every file that was read.
type Files struct {
	store *Store
	root  fs.FS
	whole func() bool // a kustomization may read files of the whole repository, not at and below its directory alone

	mu     sync.Mutex
	seen   map[string]bool
	load   load
	done   bool            // rendered: what is read from now on does not count
	looked map[string]bool // every path that was asked for, whether something is there or not, and what is above it
	listed map[string]bool // directories whose entries were asked for
	trees  map[string]bool // directories of which everything was looked at
	names  []string        // of the files read since begin
	noting int             // how many note what is asked for
	trail  []string        // every path that was asked for meanwhile, as often as it was
	wide   int             // how often the entries of a directory were asked for
}

var _ filesys.FileSystem = (*Files)(nil)

// NewFiles serves the store's tree with a record of its own.
func NewFiles(store *Store) *Files {
	return &Files{store: store, root: store.root, seen: map[string]bool{}, looked: map[string]bool{}, listed: map[string]bool{}, trees: map[string]bool{}}
}

// look records that what stands at a path matters.
func (f *Files) look(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.noting > 0 {
		f.trail = append(f.trail, name)
	}
	for !f.looked[name] {
		f.looked[name] = true
		name = path.Dir(name)
	}
}

func (f *Files) list(dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listed[dir] = true
	f.wide++
}

// dependsOn reports whether what was asked for so far may be different once something else stands at a path.
func (f *Files) dependsOn(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.looked[name] || f.listed[path.Dir(name)] {
		return true
	}
	for dir := path.Dir(name); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if f.trees[dir] {
			return true
		}
	}
	return false
}

// depend records that everything below a directory matters.
func (f *Files) depend(dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trees[dir] = true
	f.wide++
}

// asked is what was asked for from some time on.
type asked struct {
	names []string // paths, some more than once
	wide  bool     // the entries of directories as well
}

// since begins to note what is asked for, until the function that it returns is called.
func (f *Files) since() func() asked {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.noting++
	from, wide := len(f.trail), f.wide
	return func() asked {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.noting--
		return asked{slices.Clip(f.trail[from:]), f.wide != wide}
	}
}

// isSame reports whether the other store has the same wherever something was asked for.
func (a asked) isSame(s *Store) bool {
	return !a.wide && !slices.ContainsFunc(a.names, func(name string) bool { return !s.isSame(name) })
}

// Read lists the files read so far, sorted.
func (f *Files) Read() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Sorted(maps.Keys(f.seen))
}

// begin notes from now on which files are read, and returns those noted before, for end.
func (f *Files) begin() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.names
	f.names = nil
	return before
}

// end returns the files read since begin. They are also of those that were noted before.
func (f *Files) end(before []string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	since := f.names
	f.names = append(slices.Clip(before), since...)
	return since
}

// clean turns an absolute path of this file system into one that io/fs takes.
func clean(name string) string {
	name = path.Clean("/" + filepath.ToSlash(name))[1:]
	if name == "" {
		return "."
	}
	return name
}

// ReadFile returns the content of a file.
func (f *Files) ReadFile(name string) ([]byte, error) {
	name, err := f.resolve(clean(name))
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.seen[name] = true
	f.names = append(f.names, name)
	f.mu.Unlock()
	data, err := f.store.read(name)
	if err != nil {
		return nil, err
	}
	return data, f.carry(name, load{bytes: len(data)})
}

// Documents parses a YAML file, once for targets that follow each other.
func (f *Files) Documents(name string) ([]manifest.Document, error) {
	data, err := f.ReadFile(name)
	if err != nil {
		return nil, err
	}
	name, err = f.resolve(clean(name))
	if err != nil {
		return nil, err
	}
	documents, err := f.store.holder(name).parsed.Get(name, func() ([]manifest.Document, int, error) {
		documents, err := manifest.ParseDocuments(name, data)
		return documents, len(data), err
	})
	if err != nil {
		return nil, err
	}
	return documents, f.carry(name, loadOf(documents))
}

// resolve follows symbolic links; one that leads out of the root is an error.
func (f *Files) resolve(name string) (string, error) {
	const most = 40
	links := 0
	resolved := "."
	rest := strings.Split(name, "/")
	for len(rest) > 0 {
		step := rest[0]
		rest = rest[1:]
		if step == "." || step == "" {
			continue
		}
		if step == ".." {
			if resolved == "." {
				return "", fmt.Errorf("%s: a symbolic link leads out of the repository", name)
			}
			resolved = path.Dir(resolved)
			continue
		}
		if vendored.IsGit(step) {
			return "", fmt.Errorf("%s lies in %s: %w", name, path.Join(resolved, step), errGit)
		}
		next := path.Join(resolved, step)
		at, err := f.store.node(next)
		if err != nil {
			f.look(next)
			return "", err
		}
		if at.to == "" {
			resolved = next
			continue
		}
		f.look(next)
		if links++; links > most {
			return "", fmt.Errorf("%s: more than %d symbolic links", name, most)
		}
		to := at.to
		if path.IsAbs(to) {
			return "", fmt.Errorf("%s: the symbolic link %s leads out of the repository, to %s", name, next, to)
		}
		rest = append(strings.Split(to, "/"), rest...)
	}
	f.look(resolved)
	return resolved, nil
}

// CleanedAbs splits an existing path into its directory and, if it is a file, its name.
func (f *Files) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	resolved, err := f.resolve(clean(name))
	if err != nil {
		return "", "", err
	}
	info, err := f.stat(resolved)
	if err != nil {
		return "", "", err
	}
	if info.IsDir() {
		return filesys.ConfirmedDir(path.Join("/", resolved)), "", nil
	}
	return filesys.ConfirmedDir(path.Join("/", path.Dir(resolved))), path.Base(resolved), nil
}

func (f *Files) stat(name string) (fs.FileInfo, error) {
	resolved, err := f.resolve(clean(name))
	if err != nil {
		return nil, err
	}
	at, err := f.store.node(resolved)
	return at.info, err
}

// lexists reports whether something stands at the path, if only a link that leads nowhere.
func (f *Files) lexists(name string) bool {
	dir, err := f.resolve(path.Dir(clean(name)))
	if err != nil {
		return false
	}
	at := path.Join(dir, path.Base(name))
	f.look(at)
	_, err = f.store.node(at)
	return err == nil
}

// Exists reports whether the path exists inside the root.
func (f *Files) Exists(name string) bool {
	_, err := f.stat(name)
	return err == nil
}

// Kustomization is the file that makes a directory a kustomization, or "".
func (f *Files) Kustomization(dir string) string {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if file := path.Join(dir, name); f.Exists(file) {
			return file
		}
	}
	return ""
}

// IsDir reports whether the path is a directory inside the root.
func (f *Files) IsDir(name string) bool {
	info, err := f.stat(name)
	return err == nil && info.IsDir()
}

// ReadDir lists the names in a directory.
func (f *Files) ReadDir(name string) ([]string, error) {
	resolved, err := f.resolve(clean(name))
	if err != nil {
		return nil, err
	}
	f.list(resolved)
	entries, err := fs.ReadDir(f.root, resolved)
	var names []string
	for _, entry := range entries {
		if !vendored.IsGit(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

// Open opens a file for reading.
func (f *Files) Open(name string) (filesys.File, error) {
	return nil, fmt.Errorf("open %s: %w", clean(name), ErrReadOnly)
}

// Glob lists the paths that fit a pattern.
func (f *Files) Glob(pattern string) ([]string, error) {
	f.list(path.Dir(clean(pattern)))
	found, err := fs.Glob(f.root, clean(pattern))
	found = slices.DeleteFunc(found, inGit)
	for i := range found {
		found[i] = path.Join("/", found[i])
	}
	return found, err
}

// Walk visits everything below a path.
func (f *Files) Walk(name string, visit filepath.WalkFunc) error {
	return fs.WalkDir(f.root, clean(name), func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return visit(path.Join("/", p), nil, err)
		}
		if inGit(p) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			f.list(p)
		}
		info, err := entry.Info()
		return visit(path.Join("/", p), info, err)
	})
}

// Create, Mkdir, MkdirAll, RemoveAll and WriteFile refuse.

func (f *Files) Create(name string) (filesys.File, error) {
	return nil, fmt.Errorf("create %s: %w", name, ErrReadOnly)
}
func (f *Files) Mkdir(name string) error     { return fmt.Errorf("create %s: %w", name, ErrReadOnly) }
func (f *Files) MkdirAll(name string) error  { return fmt.Errorf("create %s: %w", name, ErrReadOnly) }
func (f *Files) RemoveAll(name string) error { return fmt.Errorf("remove %s: %w", name, ErrReadOnly) }
func (f *Files) WriteFile(name string, _ []byte) error {
	return fmt.Errorf("write %s: %w", name, ErrReadOnly)
}
