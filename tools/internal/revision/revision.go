// Package revision reads the files of a git commit from the objects of a repository. It runs no git, follows no setting of
// the repository's configuration and writes nothing.
package revision

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// Limits of what is read, in bytes.
const (
	MaxFileSize = 64 << 20 // of a file
	maxObject   = 16 << 20 // of a commit, a tag, or the list of a directory
	maxCache    = 16 << 20 // of objects that are kept
	maxPointer  = 4 << 10  // of a .git file, commondir and alternates
)

// ErrNoRepository says that a directory holds no .git.
var ErrNoRepository = errors.New("this is no git repository")

// Repository is the objects and the references of a git repository. It is safe for concurrent use.
type Repository struct {
	mu      sync.Mutex
	stores  []*filesystem.Storage // its own, then those that it borrows from
	shallow bool
	partial bool
	other   string // the format, where it is one that is not read
	own     string // the directory of HEAD and the index
	common  string // the directory that linked working trees share
	dir     string // the working tree
}

// Open opens the repository whose .git, a directory or the file of a linked worktree or a submodule, lies in dir. further
// are folders of objects that it borrows from besides, as GIT_ALTERNATE_OBJECT_DIRECTORIES names them for git.
func Open(dir string, further ...string) (*Repository, error) {
	own, err := gitDirectory(dir)
	if err != nil {
		return nil, err
	}
	common := commonOf(own)
	if info, err := os.Stat(filepath.Join(common, "objects")); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("%s holds no objects of git: %w", common, ErrNoRepository)
	}
	r := &Repository{own: own, common: common, dir: dir}
	_, err = os.Stat(filepath.Join(common, "shallow"))
	r.shallow = err == nil
	if text, err := pointerOf(filepath.Join(common, "config"), maxConfig); err == nil {
		// Two facts about how the objects lie there. Of the rest of the file only Remotes looks at something.
		r.partial = regexp.MustCompile(`(?im)^\s*promisor\s*=\s*true`).MatchString(text)
		if regexp.MustCompile(`(?im)^\s*objectformat\s*=\s*"?sha256`).MatchString(text) {
			r.other = "objects named by SHA-256"
		} else if regexp.MustCompile(`(?im)^\s*refstorage\s*=\s*"?reftable`).MatchString(text) {
			r.other = "references in a reftable"
		}
	}
	var files billy.Filesystem = osfs.New(own)
	if common != own {
		files = dotgit.NewRepositoryFilesystem(files, osfs.New(common))
	}
	r.stores = append(r.stores, storage(files))
	for _, objects := range alternates(filepath.Join(common, "objects"), further) {
		r.stores = append(r.stores, storage(osfs.New(filepath.Dir(objects))))
	}
	return r, nil
}

// storage keeps packs open, and reads no object at once that is larger than a file may be.
func storage(files billy.Filesystem) *filesystem.Storage {
	return filesystem.NewStorageWithOptions(files, cache.NewObjectLRU(maxCache), filesystem.Options{LargeObjectThreshold: MaxFileSize, KeepDescriptors: true})
}

// maxConfig is how much of git's configuration is read.
const maxConfig = 64 << 10

// commonOf is the directory that linked working trees share, of that of one.
func commonOf(own string) string {
	if text, err := pointer(filepath.Join(own, "commondir")); err == nil {
		return from(own, text)
	}
	return own
}

// gitDirectory is where the .git of a directory leads.
func gitDirectory(dir string) (string, error) {
	at := filepath.Join(dir, ".git")
	info, err := os.Stat(at)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", dir, ErrNoRepository)
	case info.IsDir():
		return at, nil
	}
	text, err := pointer(at)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", at, err)
	}
	to, ok := strings.CutPrefix(text, "gitdir: ")
	if !ok {
		return "", fmt.Errorf("%s does not say `gitdir: …`: %w", at, ErrNoRepository)
	}
	return from(dir, to), nil
}

func from(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// pointer is the text of a small file that leads elsewhere.
func pointer(path string) (string, error) { return pointerOf(path, maxPointer) }

func pointerOf(path string, most int64) (string, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return "", err
	}
	file, err := os.Open(path) //nolint:gosec // below .git, and regular
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, most))
	return strings.TrimRight(string(text), "\r\n"), err
}

// alternates are the folders of objects that one borrows from, and those that these borrow from, behind those that are known.
func alternates(objects string, seen []string) []string {
	const most = 16
	text, err := pointer(filepath.Join(objects, "info", "alternates"))
	if err != nil {
		return seen
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || len(seen) == most {
			continue
		}
		if at := from(objects, line); !slices.Contains(seen, at) {
			seen = alternates(at, append(seen, at))
		}
	}
	return seen
}

// Tree is the files of the commit that a revision names: a branch, a tag, a commit or the beginning of its name, or HEAD,
// each with ~N and ^N behind it. An error says what there is to do.
func (r *Repository) Tree(ctx context.Context, revision string) (*Tree, error) {
	if r.other != "" {
		return nil, fmt.Errorf("the repository has %s, which kgate does not read", r.other)
	}
	commit, err := r.resolve(ctx, revision)
	if err != nil {
		return nil, err
	}
	body, err := r.object(commit, plumbing.CommitObject)
	if err != nil {
		return nil, err
	}
	root, ok := header(body, "tree")
	if !ok {
		return nil, fmt.Errorf("the commit %s names no tree", commit)
	}
	return newTree(r, revision, commit, root), nil
}

// steps are what may follow a name: ~, ~3, ^, ^2.
var steps = regexp.MustCompile(`^(.*?)((?:[~^][0-9]{0,4})*)$`)

func (r *Repository) resolve(ctx context.Context, revision string) (plumbing.Hash, error) {
	parts := steps.FindStringSubmatch(revision)
	if parts == nil || !named(parts[1]) {
		return plumbing.ZeroHash, fmt.Errorf("%q is not a revision: it is a branch, a tag, a commit or HEAD, as main, origin/main, v1.2.0 or HEAD~1", revision)
	}
	at, err := r.lookup(parts[1])
	if err == nil {
		at, err = r.peel(at)
	}
	for rest := parts[2]; err == nil && rest != ""; {
		step := rest[0]
		end := 1 + strings.IndexAny(rest[1:]+"~", "~^")
		count := 1
		if end > 1 {
			if count, err = strconv.Atoi(rest[1:end]); err != nil {
				return plumbing.ZeroHash, err
			}
		}
		rest = rest[end:]
		for ; step == '~' && count > 0 && err == nil; count-- {
			if err = ctx.Err(); err == nil {
				at, err = r.parent(at, 1)
			}
		}
		if step == '^' && count > 0 && err == nil {
			at, err = r.parent(at, count)
		}
	}
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("%s: %w", revision, err)
	}
	return at, nil
}

// named reports whether a text can be the name of a revision, by the rules of git check-ref-format.
func named(name string) bool {
	if name == "" || len(name) > 250 || strings.HasPrefix(name, "-") || strings.HasSuffix(name, ".") ||
		strings.Contains(name, "..") || strings.Contains(name, "@{") ||
		strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(" ~^:?*[\\\uFFFD", r) }) {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return true
}

var (
	whole     = regexp.MustCompile(`^[0-9a-f]{40}$`)
	beginning = regexp.MustCompile(`^[0-9a-f]{7,39}$`)
)

// lookup finds what a name names, in git's order.
func (r *Repository) lookup(name string) (plumbing.Hash, error) {
	if whole.MatchString(name) {
		return plumbing.NewHash(name), nil
	}
	candidates := []string{"refs/tags/" + name, "refs/heads/" + name, "refs/remotes/" + name, "refs/remotes/" + name + "/HEAD"}
	switch {
	case name == "HEAD" || name == "@":
		candidates = []string{"HEAD"}
	case strings.HasPrefix(name, "refs/"):
		candidates = append([]string{name}, candidates...)
	default:
		candidates = append([]string{"refs/" + name}, candidates...)
	}
	for _, candidate := range candidates {
		at, err := r.reference(candidate)
		if err == nil {
			return at, nil
		}
		if !errors.Is(err, plumbing.ErrReferenceNotFound) {
			return plumbing.ZeroHash, fmt.Errorf("read the reference %s: %w", candidate, err)
		}
	}
	if beginning.MatchString(name) {
		found, err := r.beginning(name)
		if err != nil || !found.IsZero() {
			return found, err
		}
	}
	return plumbing.ZeroHash, r.missing(name)
}

// ErrNoCommit is the error of a branch that is checked out and has no commit yet, as after `git init`.
var ErrNoCommit = errors.New("the branch that is checked out has no commit yet: `git commit` makes one")

// missing says that there is no such revision, and how to get it.
func (r *Repository) missing(name string) error {
	switch _, err := r.reference("HEAD"); {
	case errors.Is(err, plumbing.ErrReferenceNotFound) && (name == "HEAD" || name == "@"):
		return ErrNoCommit
	case r.shallow && (whole.MatchString(name) || beginning.MatchString(name)):
		return fmt.Errorf("this clone is shallow and has no such commit: check out with `fetch-depth: 0`, or `git fetch --depth=1 origin %s`", name)
	case r.shallow:
		return fmt.Errorf("this clone is shallow and has no such revision: check out with `fetch-depth: 0`, or `git fetch --depth=1 origin %s` and name the commit", strings.TrimPrefix(name, "origin/"))
	case strings.HasPrefix(name, "origin/"):
		return fmt.Errorf("the repository has no such revision: `git fetch origin %s` may bring it", strings.TrimPrefix(name, "origin/"))
	}
	return errors.New("the repository has no such revision: `git fetch origin` may bring it, as origin/<branch>")
}

// Head is the branch that is checked out, "" for a commit alone, and the commit.
func (r *Repository) Head() (branch, commit string, err error) {
	at, err := r.reference("HEAD")
	if err != nil {
		return "", "", fmt.Errorf("read HEAD: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer survive(&err)
	head, err := r.stores[0].Reference(plumbing.HEAD)
	if err != nil {
		return "", "", fmt.Errorf("read HEAD: %w", err)
	}
	if head.Type() == plumbing.SymbolicReference {
		branch = head.Target().Short()
	}
	return branch, at.String(), nil
}

func (r *Repository) reference(name string) (at plumbing.Hash, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer survive(&err)
	found, err := storer.ResolveReference(r.stores[0], plumbing.ReferenceName(name))
	switch {
	case errors.Is(err, dotgit.ErrIsDir), errors.Is(err, os.ErrNotExist), isNotDirectory(err):
		return plumbing.ZeroHash, plumbing.ErrReferenceNotFound
	case err != nil:
		return plumbing.ZeroHash, err
	}
	return found.Hash(), nil
}

// isNotDirectory reports that a branch lies where a name wants a folder of branches.
func isNotDirectory(err error) bool {
	return err != nil && strings.Contains(err.Error(), "not a directory")
}

// beginning finds the one commit or tag whose name begins so; none is no error.
func (r *Repository) beginning(name string) (plumbing.Hash, error) {
	bytes, err := hex.DecodeString(name[:len(name)/2*2])
	if err != nil {
		return plumbing.ZeroHash, err
	}
	var found []plumbing.Hash
	for _, store := range r.stores {
		hashes, err := prefixed(&r.mu, store, bytes)
		if err != nil {
			return plumbing.ZeroHash, fmt.Errorf("look for commits: %w", err)
		}
		for _, hash := range hashes {
			if !strings.HasPrefix(hash.String(), name) || slices.Contains(found, hash) {
				continue
			}
			if kind, err := r.kind(hash); err == nil && (kind == plumbing.CommitObject || kind == plumbing.TagObject) {
				found = append(found, hash)
			}
		}
	}
	switch len(found) {
	case 0:
		return plumbing.ZeroHash, nil
	case 1:
		return found[0], nil
	}
	return plumbing.ZeroHash, fmt.Errorf("%d commits begin so: write more of the name", len(found))
}

func prefixed(mu *sync.Mutex, store *filesystem.Storage, prefix []byte) (hashes []plumbing.Hash, err error) {
	mu.Lock()
	defer mu.Unlock()
	defer survive(&err)
	return store.HashesWithPrefix(prefix)
}

// peel follows annotated tags to their commit.
func (r *Repository) peel(at plumbing.Hash) (plumbing.Hash, error) {
	const most = 10 // tags of tags
	for range most {
		kind, err := r.kind(at)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			return at, r.missing(at.String())
		} else if err != nil {
			return at, err
		}
		switch kind {
		case plumbing.CommitObject:
			return at, nil
		case plumbing.TagObject:
			body, err := r.object(at, plumbing.TagObject)
			if err != nil {
				return at, err
			}
			to, ok := header(body, "object")
			if !ok {
				return at, fmt.Errorf("the tag %s names no object", at)
			}
			at = to
		default:
			return at, fmt.Errorf("this is a %s and no commit", kind)
		}
	}
	return at, fmt.Errorf("more than %d tags name each other", most)
}

// parent is the nth parent of a commit, from 1.
func (r *Repository) parent(at plumbing.Hash, nth int) (plumbing.Hash, error) {
	body, err := r.object(at, plumbing.CommitObject)
	if err != nil {
		return at, err
	}
	rest := body
	for line := range bytes.Lines(rest) {
		line = bytes.TrimRight(line, "\n")
		if len(line) == 0 {
			break // the message begins
		}
		if hash, ok := bytes.CutPrefix(line, []byte("parent ")); ok && whole.Match(hash) {
			if nth--; nth == 0 {
				parent := plumbing.NewHash(string(hash))
				if _, err := r.kind(parent); errors.Is(err, plumbing.ErrObjectNotFound) {
					return at, r.missing(parent.String())
				}
				return parent, nil
			}
		}
	}
	return at, fmt.Errorf("the commit %s has no such parent", at)
}

// header is the object that a line at the head of a commit or a tag names.
func header(body []byte, key string) (plumbing.Hash, bool) {
	line, _, _ := bytes.Cut(body, []byte("\n"))
	hash, ok := bytes.CutPrefix(line, []byte(key+" "))
	if !ok || !whole.Match(hash) {
		return plumbing.ZeroHash, false
	}
	return plumbing.NewHash(string(hash)), true
}

// size is the size of an object, and where it lies.
func (r *Repository) size(hash plumbing.Hash) (size int64, store *filesystem.Storage, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer survive(&err)
	for _, store := range r.stores {
		size, err := store.EncodedObjectSize(hash)
		if err == nil {
			return size, store, nil
		}
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			return 0, nil, err
		}
	}
	return 0, nil, plumbing.ErrObjectNotFound
}

func (r *Repository) kind(hash plumbing.Hash) (kind plumbing.ObjectType, err error) {
	size, store, err := r.size(hash)
	switch {
	case err != nil:
		return plumbing.InvalidObject, err
	case size > MaxFileSize:
		return plumbing.BlobObject, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer survive(&err)
	object, err := store.EncodedObject(plumbing.AnyObject, hash)
	if err != nil {
		return plumbing.InvalidObject, err
	}
	return object.Type(), nil
}

// object is the content of an object of a kind.
func (r *Repository) object(hash plumbing.Hash, kind plumbing.ObjectType) (content []byte, err error) {
	defer func() {
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			err = fmt.Errorf("the %s %s is not in this clone: `git fetch --refetch origin` brings it", kind, hash)
			if r.partial {
				err = fmt.Errorf("%w; the clone is partial, and kgate fetches nothing itself: clone without --filter", err)
			}
		}
	}()
	most := int64(maxObject)
	if kind == plumbing.BlobObject {
		most = MaxFileSize
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer survive(&err)
	object, err := r.encoded(hash, kind)
	if err != nil {
		return nil, err
	}
	size := object.Size()
	if size > most {
		return nil, fmt.Errorf("the %s %s has %d MB; the limit is %d MB", kind, hash, size>>20, most>>20)
	}
	reader, err := object.Reader()
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }() // nothing was written
	content, err = io.ReadAll(io.LimitReader(reader, most+1))
	if err == nil && int64(len(content)) != size {
		err = fmt.Errorf("the %s %s is not as long as it says", kind, hash)
	}
	return content, err
}

// encoded is an object of the first store that has it.
func (r *Repository) encoded(hash plumbing.Hash, kind plumbing.ObjectType) (plumbing.EncodedObject, error) {
	for _, store := range r.stores {
		object, err := store.EncodedObject(kind, hash)
		if err == nil || !errors.Is(err, plumbing.ErrObjectNotFound) {
			return object, err
		}
	}
	return nil, plumbing.ErrObjectNotFound
}

// survive makes an error of a panic: a damaged pack makes the reader of packs panic in places.
func survive(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the objects of git cannot be read: %v", p)
	}
}
