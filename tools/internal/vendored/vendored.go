// Package vendored finds the copies of what kustomizations name by URL: directories of git repositories, single files and Helm
// charts. `kgate vendor` fetched them; a lock file says of what they are copies, and holds each to a digest. Nothing here
// reaches beyond the tree of the repository.
package vendored

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/kgate-dev/gitops/tools/internal/cache"
)

// Tree is a copied directory, and the place in it that was asked for. Both are paths from the repository's top.
type Tree struct {
	Root string // nothing in the copy may lead above it
	Dir  string
}

// Source has the copies of what kustomizations name by URL. Errors say what to do about them, and fit behind "<url>: "; where a
// copy is not what it has to be, its place comes with one.
type Source interface {
	// Git is the copy of the directory of a git repository that a kustomization names as a base or a component.
	Git(ctx context.Context, reference string) (Tree, error)
	// File is the copy of a file. accept, where it is not nil, is asked before a copy is made whether the content is what is
	// looked for. The error is ErrNoFile where the URL names no such file, and may name a git repository.
	File(ctx context.Context, reference string, accept func(content []byte) error) (name string, err error)
	// Chart is the copy of a Helm chart: the directory that holds its Chart.yaml.
	Chart(ctx context.Context, chart Chart) (Tree, error)
}

var (
	// ErrNoCopy says that there is no copy, or that it is not what was fetched.
	ErrNoCopy = errors.New("no copy")
	// ErrNoFile says that a URL names no file that there is a copy of.
	ErrNoFile = errors.New("no file")
)

// because is one of these errors, and nothing but its reason to a reader.
type because struct {
	reason string
	is     error
}

func (b *because) Error() string { return b.reason }
func (b *because) Unwrap() error { return b.is }

// NoCopy is an ErrNoCopy with its reason.
func NoCopy(reason string) error { return &because{reason, ErrNoCopy} }

// NoFile is an ErrNoFile with its reason.
func NoFile(reason string) error { return &because{reason, ErrNoFile} }

// Run is the command that makes copies, as messages name it.
const Run = "kgate vendor"

// Chart names a Helm chart as an entry of helmCharts does.
type Chart struct {
	Repository string // https://… with an index.yaml, or oci://… without the chart's name
	Name       string
	Version    string // exact, a range, or "" for the newest
}

func (c Chart) String() string {
	text := c.Name
	if c.Version != "" {
		text += " " + c.Version
	}
	return text + " of " + c.Repository
}

// Copies are those that lie in a tree, as its lock file lists them. A copy is held to its digest when it is first asked for. It
// is safe for concurrent use.
type Copies struct {
	root fs.FS

	lock     func() (*Lock, error)
	verified cache.Cache[string, bool]
}

var _ Source = (*Copies)(nil)

// Open finds the copies in a tree. Nothing is read before one is asked for.
func Open(root fs.FS) *Copies {
	return &Copies{root: root, lock: sync.OnceValues(func() (*Lock, error) { return ReadLock(root) })}
}

// Git is the copy of a directory of a git repository.
func (c *Copies) Git(_ context.Context, reference string) (Tree, error) {
	git, err := ParseGit(reference)
	if err != nil {
		return Tree{}, err
	}
	lock, err := c.lock()
	if err != nil {
		return Tree{}, err
	}
	r := lock.Repository(git)
	if r == nil || !slices.Contains(r.Paths, git.Path) {
		return Tree{}, errMissing
	}
	root := lock.Place(r)
	return Tree{Root: root, Dir: path.Join(root, git.Path)}, c.verify(root, r.Digest)
}

// File is the copy of a file.
func (c *Copies) File(_ context.Context, reference string, _ func([]byte) error) (string, error) {
	lock, err := c.lock()
	if err != nil {
		return "", err
	}
	f := lock.File(reference)
	if f == nil {
		return "", &because{errMissing.Error(), errors.Join(ErrNoCopy, ErrNoFile)}
	}
	root := lock.Place(f)
	return path.Join(root, f.name()), c.verify(root, f.Digest)
}

// Chart is the copy of a Helm chart.
func (c *Copies) Chart(_ context.Context, chart Chart) (Tree, error) {
	lock, err := c.lock()
	if err != nil {
		return Tree{}, err
	}
	found := lock.Chart(chart)
	if found == nil {
		return Tree{}, errMissing
	}
	root := lock.Place(found)
	return Tree{Root: root, Dir: root}, c.verify(root, found.Digest)
}

var errMissing = NoCopy("kgate renders offline, and " + LockFile + " has no copy of it: run `" + Run + "`, and commit what it writes")

// verify holds what lies in a directory to a digest, once.
func (c *Copies) verify(root, digest string) error {
	_, err := c.verified.Get(root, func() (bool, error) {
		is, err := Digest(c.root, root)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return false, NoCopy(fmt.Sprintf("its copy %s is not there, and %s lists it: run `%s`", root, LockFile, Run))
		case err != nil:
			return false, fmt.Errorf("its copy %s cannot be held against %s: %w", root, LockFile, err)
		case is != digest:
			return false, NoCopy(fmt.Sprintf("its copy %s is not what %s says was fetched (%s, and not %s): run `%s`, which fetches it again; "+
				"what has to differ belongs into a patch", root, LockFile, Short(is), Short(digest), Run))
		}
		return true, nil
	})
	return err
}

// Short is as much of a digest as a person compares.
func Short(digest string) string { return digest[:min(len(digest), len("sha256:")+12)] }

// IsFile reports whether Kustomize loads a file of this name over HTTP.
func IsFile(reference string) bool {
	u, err := url.Parse(reference)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https")
}

// Within reports whether a path lies in a directory, or is it.
func Within(dir, name string) bool {
	return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
}
