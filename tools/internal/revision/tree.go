package revision

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// Tree is the files of a commit: read-only, and unable to lead out of it. A submodule is an empty directory. It is safe for
// concurrent use.
type Tree struct {
	Revision string // as it was asked for
	Commit   string // its name in hexadecimal

	repository *Repository
	root       plumbing.Hash
	below      string  // the directory of the commit that root is, "" for its top
	stamps     *stamps // of the index, once somebody compares with files

	mu   sync.Mutex
	dirs map[plumbing.Hash][]node
}

var (
	_ fs.ReadDirFS  = (*Tree)(nil)
	_ fs.ReadFileFS = (*Tree)(nil)
	_ fs.StatFS     = (*Tree)(nil)
	_ fs.ReadLinkFS = (*Tree)(nil)
)

func newTree(r *Repository, revision string, commit, root plumbing.Hash) *Tree {
	return &Tree{Revision: revision, Commit: commit.String(), repository: r, root: root, dirs: map[plumbing.Hash][]node{}}
}

// node is an entry of a directory.
type node struct {
	name string
	mode fs.FileMode
	hash plumbing.Hash // zero for a submodule
	link plumbing.Hash // of a submodule, its commit
}

var errLeadsOut = errors.New("a symbolic link leads out of the repository")

// maxNodes bounds the entries of a directory.
const maxNodes = 100_000

// list is the entries of a directory, sorted by name.
func (t *Tree) list(hash plumbing.Hash) ([]node, error) {
	t.mu.Lock()
	nodes, known := t.dirs[hash]
	t.mu.Unlock()
	if known || hash.IsZero() {
		return nodes, nil
	}
	body, err := t.repository.object(hash, plumbing.TreeObject)
	if err != nil {
		return nil, err
	}
	if nodes, err = parseTree(body); err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.dirs[hash] = nodes
	t.mu.Unlock()
	return nodes, nil
}

// parseTree reads the list of a directory: "mode name\0" and the twenty bytes of a hash, again and again. What git would
// not check out, a name with a slash or one that is .git, is left out.
func parseTree(body []byte) ([]node, error) {
	damaged := errors.New("the list of a directory is damaged")
	var nodes []node
	for len(body) > 0 {
		mode, rest, ok := bytes.Cut(body, []byte(" "))
		name, rest, ended := bytes.Cut(rest, []byte{0})
		if !ok || !ended || len(rest) < 20 || len(nodes) == maxNodes {
			return nil, damaged
		}
		n := node{name: string(name), hash: plumbing.Hash(rest[:20])}
		body = rest[20:]
		switch string(mode) {
		case "40000", "040000":
			n.mode = fs.ModeDir | 0o755
		case "120000":
			n.mode = fs.ModeSymlink | 0o777
		case "160000":
			n.mode, n.hash, n.link = fs.ModeDir|0o755, plumbing.ZeroHash, n.hash
		case "100755":
			n.mode = 0o755
		default:
			n.mode = 0o644
		}
		if n.name != "." && n.name != ".." && n.name != "" && !strings.Contains(n.name, "/") && !strings.EqualFold(n.name, ".git") {
			nodes = append(nodes, n)
		}
	}
	slices.SortStableFunc(nodes, func(a, b node) int { return strings.Compare(a.name, b.name) })
	return slices.CompactFunc(nodes, func(a, b node) bool { return a.name == b.name }), nil
}

// find walks to a path. A link at its end is followed where last says so.
func (t *Tree) find(name string, last bool) (string, node, error) {
	const most = 40
	links := 0
	at := "."
	here := node{name: ".", mode: fs.ModeDir | 0o755, hash: t.root}
	above := []node{}
	rest := strings.Split(name, "/")
	for len(rest) > 0 {
		step := rest[0]
		rest = rest[1:]
		switch step {
		case ".", "":
			continue
		case "..":
			if len(above) == 0 {
				return at, here, errLeadsOut
			}
			here, above, at = above[len(above)-1], above[:len(above)-1], path.Dir(at)
			continue
		}
		if !here.mode.IsDir() {
			return at, here, fs.ErrNotExist
		}
		nodes, err := t.list(here.hash)
		if err != nil {
			return at, here, err
		}
		i, ok := slices.BinarySearchFunc(nodes, step, func(n node, name string) int { return strings.Compare(n.name, name) })
		if !ok {
			return at, here, fs.ErrNotExist
		}
		if next := nodes[i]; next.mode&fs.ModeSymlink != 0 && (last || len(rest) > 0) {
			to, err := t.target(next)
			if err != nil {
				return at, here, err
			}
			if links++; links > most {
				return at, here, errors.New("too many symbolic links")
			}
			if path.IsAbs(to) {
				return at, here, errLeadsOut
			}
			rest = append(strings.Split(to, "/"), rest...)
			continue
		}
		above, here, at = append(above, here), nodes[i], path.Join(at, step)
	}
	return at, here, nil
}

// target is where a link leads.
func (t *Tree) target(link node) (string, error) {
	size, _, err := t.repository.size(link.hash)
	if err == nil && size > maxPointer {
		err = errors.New("the symbolic link is too long")
	}
	if err != nil {
		return "", err
	}
	to, err := t.repository.object(link.hash, plumbing.BlobObject)
	return string(to), err
}

func failed(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

func (t *Tree) look(op, name string, last bool) (node, error) {
	if !fs.ValidPath(name) {
		return node{}, failed(op, name, fs.ErrInvalid)
	}
	_, n, err := t.find(name, last)
	if err != nil {
		return node{}, failed(op, name, err)
	}
	return n, nil
}

func (t *Tree) info(name string, n node) fs.FileInfo {
	i := info{node: n, tree: t}
	if name != "." {
		i.name = path.Base(name)
	}
	return i
}

// Stat describes what stands at a path, links followed.
func (t *Tree) Stat(name string) (fs.FileInfo, error) {
	n, err := t.look("stat", name, true)
	if err != nil {
		return nil, err
	}
	return t.info(name, n), nil
}

// Lstat describes what stands at a path.
func (t *Tree) Lstat(name string) (fs.FileInfo, error) {
	n, err := t.look("lstat", name, false)
	if err != nil {
		return nil, err
	}
	return t.info(name, n), nil
}

// ReadLink is where a link leads.
func (t *Tree) ReadLink(name string) (string, error) {
	n, err := t.look("readlink", name, false)
	switch {
	case err != nil:
		return "", err
	case n.mode&fs.ModeSymlink == 0:
		return "", failed("readlink", name, fs.ErrInvalid)
	}
	to, err := t.target(n)
	if err != nil {
		return "", failed("readlink", name, err)
	}
	return to, nil
}

// ReadFile is the content of a file of at most MaxFileSize bytes.
func (t *Tree) ReadFile(name string) ([]byte, error) {
	n, err := t.look("read", name, true)
	switch {
	case err != nil:
		return nil, err
	case n.mode.IsDir():
		return nil, failed("read", name, errors.New("is a directory"))
	}
	content, err := t.repository.object(n.hash, plumbing.BlobObject)
	if err != nil {
		return nil, failed("read", name, err)
	}
	return content, nil
}

// ReadDir lists a directory, sorted by name.
func (t *Tree) ReadDir(name string) ([]fs.DirEntry, error) {
	n, err := t.look("readdir", name, true)
	switch {
	case err != nil:
		return nil, err
	case !n.mode.IsDir():
		return nil, failed("readdir", name, errors.New("is not a directory"))
	}
	nodes, err := t.list(n.hash)
	if err != nil {
		return nil, failed("readdir", name, err)
	}
	entries := make([]fs.DirEntry, len(nodes))
	for i, n := range nodes {
		entries[i] = entry{n, t}
	}
	return entries, nil
}

// Open opens a file or a directory.
func (t *Tree) Open(name string) (fs.File, error) {
	i, err := t.Stat(name)
	if err != nil {
		return nil, err
	}
	if i.IsDir() {
		entries, err := t.ReadDir(name)
		return &directory{info: i, entries: entries}, err
	}
	content, err := t.ReadFile(name)
	return &file{info: i, Reader: bytes.NewReader(content)}, err
}

type info struct {
	node
	tree *Tree
}

func (i info) Name() string       { return i.name }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

// Size is looked up when somebody asks, for that costs more than all the rest and most do not. Of an object that is not there it is
// 0; whoever reads the file is told.
func (i info) Size() int64 {
	if i.mode.IsDir() {
		return 0
	}
	size, _, err := i.tree.repository.size(i.hash)
	if err != nil {
		return 0
	}
	return size
}

type entry struct {
	node
	tree *Tree
}

func (e entry) Name() string               { return e.name }
func (e entry) IsDir() bool                { return e.mode.IsDir() }
func (e entry) Type() fs.FileMode          { return e.mode.Type() }
func (e entry) Info() (fs.FileInfo, error) { return e.tree.info(e.name, e.node), nil }

type file struct {
	info fs.FileInfo
	*bytes.Reader
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

type directory struct {
	info    fs.FileInfo
	entries []fs.DirEntry
}

func (d *directory) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *directory) Close() error               { return nil }
func (d *directory) Read([]byte) (int, error) {
	return 0, failed("read", d.info.Name(), errors.New("is a directory"))
}

// ReadDir hands out up to n of the entries that are left, all of them where n is not above zero.
func (d *directory) ReadDir(n int) ([]fs.DirEntry, error) {
	if n <= 0 || n > len(d.entries) {
		if n > 0 && len(d.entries) == 0 {
			return nil, io.EOF
		}
		n = len(d.entries)
	}
	out := d.entries[:n]
	d.entries = d.entries[n:]
	return out, nil
}

// Submodules are the paths of the submodules of the commit, sorted. What cannot be read has none.
func (t *Tree) Submodules() []string {
	var all []string
	if _, err := t.Lstat(".gitmodules"); err != nil {
		return nil
	}
	var walk func(dir string, hash plumbing.Hash)
	walk = func(dir string, hash plumbing.Hash) {
		nodes, err := t.list(hash)
		if err != nil {
			return
		}
		for _, n := range nodes {
			switch {
			case !n.link.IsZero():
				all = append(all, path.Join(dir, n.name))
			case n.mode.IsDir():
				walk(path.Join(dir, n.name), n.hash)
			}
		}
	}
	walk("", t.root)
	return all
}

// Submodule is the submodule that a path is, or lies in.
func (t *Tree) Submodule(name string) (string, bool) {
	for at := "."; ; {
		n, err := t.look("stat", at, true)
		if err != nil {
			return "", false
		}
		if n.mode.IsDir() && n.hash.IsZero() {
			return at, true
		}
		if at == name || name == "." {
			return "", false
		}
		rest := name
		if at != "." {
			rest = strings.TrimPrefix(name, at+"/")
		}
		next, _, _ := strings.Cut(rest, "/")
		at = path.Join(at, next)
	}
}
