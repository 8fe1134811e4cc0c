// Package repo knows a repository: where it begins, what kgate.yaml says of it, and which targets it has.
package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/cache"
	"github.com/kgate-dev/gitops/tools/internal/changeset"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/revision"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// Repo is a tree of files that kgate does not look beyond.
type Repo struct {
	Dir    string // absolute, without symbolic links
	FS     fs.FS  // reads below Dir only: a link that leads out is an error
	Config Config

	Git     string   // the directory with the .git around Dir; "" for none
	Base    *Base    // the revision that Config is of; nil for the working tree
	Ignored []string // kgate.yaml and .git that lie above and rule nothing

	kept *cache.Cache[any, any] // of a Snapshot
	twin *twin                  // of a Snapshot beside another one
}

// Remotes are the names of the repositories at a forge that git knows this one by, as revision.Name has them.
func (r *Repo) Remotes() []string {
	if r.Git == "" {
		return nil
	}
	type key struct{}
	names, _ := Kept(r, key{}, func() ([]string, error) { return revision.Remotes(r.Git), nil })
	return names
}

// Open finds the repository around a directory. It begins at the nearest parent that holds .git, or at a kgate.yaml
// between the two. Without a .git above, it is the directory itself: a kgate.yaml that somebody left in a folder above
// everybody's, such as /tmp, rules nothing. For the same reason a .git or kgate.yaml above that belongs to somebody else
// is passed over.
func Open(dir string) (*Repo, error) {
	r, err := OpenBare(dir)
	if err != nil {
		return nil, err
	}
	r.Config, err = LoadConfig(r.FS)
	return r, err
}

// OpenBare is Open without kgate.yaml, as if there were none.
func OpenBare(dir string) (*Repo, error) {
	found, err := find(dir)
	if err != nil {
		return nil, err
	}
	top := found.dir
	for at := found.dir; found.git != ""; at = filepath.Dir(at) {
		if exists(filepath.Join(at, ConfigFile)) && obeyed(filepath.Join(at, ConfigFile), found.dir) || at == found.git {
			top = at
			break
		}
	}
	return open(top, found)
}

func open(top string, found surroundings) (*Repo, error) {
	root, err := os.OpenRoot(top)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	return &Repo{Dir: top, FS: root.FS(), Git: found.git, Ignored: found.ignored}, nil
}

// Changed is the repository as a set of files would make it, before they are written.
func (r *Repo) Changed(set *changeset.Set) (*Repo, error) {
	files, err := set.Over(r.FS)
	if err != nil {
		return nil, err
	}
	changed := *r
	changed.kept, changed.twin = nil, nil
	changed.FS = files
	changed.Config, err = LoadConfig(files)
	return &changed, err
}

// Top is the directory of its git repository that it begins in.
func (r *Repo) Top() (string, error) {
	within, err := filepath.Rel(r.Git, r.Dir)
	return filepath.ToSlash(within), err
}

// Tracked are the files of the repository that git knows, and of these the ones that are not as the last commit has them.
func (r *Repo) Tracked(ctx context.Context) (files, dirty []string, err error) {
	files, head, err := r.known(ctx)
	if err != nil {
		return nil, nil, err
	}
	dirty, err = head.Dirty(ctx, r.FS, files)
	return files, dirty, err
}

// Listed are the files of the repository that git knows, and those that it does not know yet: that no .gitignore names, that no tool
// hides or leaves behind, and that are of no repository within.
func (r *Repo) Listed(ctx context.Context) ([]string, error) {
	files, head, err := r.known(ctx)
	if err != nil {
		return nil, err
	}
	changed, err := head.ChangedIn(ctx, r.FS, PassedOver)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, name := range files {
		known[name] = true
	}
	for _, name := range changed {
		if info, err := fs.Lstat(r.FS, name); err == nil && info.Mode().IsRegular() && !known[name] && !leftBehind(name) && !r.within(path.Dir(name)) {
			files = append(files, name)
		}
	}
	slices.Sort(files)
	return files, nil
}

// known are the files of the repository that git knows, and what the last commit has of it.
func (r *Repo) known(ctx context.Context) (files []string, head *revision.Tree, err error) {
	if r.Git == "" {
		return nil, nil, fmt.Errorf("%s lies in no git repository: `git init`, `git add` and `git commit` it first, so that what is done here can be undone", r.Dir)
	}
	git, err := revision.Open(r.Git)
	if err != nil {
		return nil, nil, err
	}
	top, err := r.Top()
	if err != nil {
		return nil, nil, err
	}
	if files, err = git.Tracked(); err != nil {
		return nil, nil, err
	}
	if head, err = git.Tree(ctx, "HEAD"); err != nil {
		return nil, nil, fmt.Errorf("read the last commit: %w", err)
	}
	head, err = head.At(top)
	return revision.Below(files, top), head, err
}

// leftBehind reports a file that is hidden, or that an editor keeps beside another one.
func leftBehind(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, ".") || strings.HasPrefix(base, "#") || strings.HasSuffix(base, "~") ||
		slices.Contains([]string{".swp", ".swo", ".bak", ".orig", ".rej", ".tmp"}, path.Ext(base))
}

// within reports a directory of another repository that lies in this one.
func (r *Repo) within(dir string) bool {
	for ; dir != "."; dir = path.Dir(dir) {
		if _, err := fs.Lstat(r.FS, path.Join(dir, ".git")); err == nil {
			return true
		}
	}
	return false
}

// Resolve makes a path absolute and free of symbolic links.
func Resolve(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(absolute)
}

// surroundings are what lies around a directory.
type surroundings struct {
	dir     string   // absolute, without symbolic links
	git     string   // the nearest parent with a .git; "" for none
	ignored []string // what stands above and rules nothing
}

func find(dir string) (surroundings, error) {
	absolute, err := Resolve(dir)
	if err != nil {
		return surroundings{}, fmt.Errorf("open repository: %w", err)
	}
	found := surroundings{dir: absolute}
	for at := absolute; ; at = filepath.Dir(at) {
		git, config := filepath.Join(at, ".git"), filepath.Join(at, ConfigFile)
		if exists(git) {
			if obeyed(git, absolute) {
				found.git, found.ignored = at, slices.DeleteFunc(found.ignored, func(p string) bool { return obeyed(p, absolute) })
				return found, nil
			}
			found.ignored = append(found.ignored, git)
		}
		if at != absolute && exists(config) {
			found.ignored = append(found.ignored, config)
		}
		if at == filepath.Dir(at) {
			return found, nil
		}
	}
}

// obeyed reports whether a file above a directory may say something about it: it lies in the directory itself, or belongs
// to whom the directory belongs to, to who runs kgate or to root, and so does the folder that it is in.
func obeyed(file, dir string) bool {
	above := filepath.Dir(file)
	return above == dir || ownedLike(file, dir) && ownedLike(above, dir)
}

// ReadFile reads a file of the repository.
func (r *Repo) ReadFile(name string) ([]byte, error) {
	return manifest.ReadFile(r.FS, name, name, manifest.MaxFileSize)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Relative turns a path given by a person, absolute or from the working directory, into one from the root.
func (r *Repo) Relative(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if resolved, err := filepath.EvalSymlinks(absolute); err == nil {
		absolute = resolved
	}
	relative, err := filepath.Rel(r.Dir, absolute)
	if err != nil || relative == ".." || strings.HasPrefix(relative, ".."+string(filepath.Separator)) {
		return "", fmt.Errorf("%s is outside the repository %s: run kgate inside the one that holds it", path, r.Dir)
	}
	return filepath.ToSlash(relative), nil
}

// ByPromotion orders well-known environments the way a version travels, then the rest by name.
func ByPromotion(a, b string) int {
	rank := func(p string) int {
		if i := slices.Index([]string{"dev", "test", "staging", "prod"}, path.Base(p)); i >= 0 {
			return i
		}
		return 4
	}
	if ra, rb := rank(a), rank(b); ra != rb {
		return ra - rb
	}
	return strings.Compare(a, b)
}

// Walk is fs.WalkDir that ends with a context. What is gone since its directory was read is passed over.
func Walk(ctx context.Context, root fs.FS, dir string, visit fs.WalkDirFunc) error {
	return fs.WalkDir(root, dir, func(name string, entry fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if name != dir && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return visit(name, entry, err)
	})
}

// HoldsCopies reports whether a directory is that of the copies that `kgate vendor` makes: nothing in it is a root, or forgotten.
func (r *Repo) HoldsCopies(dir string) bool {
	return dir == cmp.Or(r.Config.Vendor, vendored.DefaultDirectory)
}

// Roots lists every directory of the repository that holds a kustomization, sorted.
func (r *Repo) Roots(ctx context.Context) ([]string, error) {
	var roots []string
	err := Walk(ctx, r.FS, ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (PassedOver(p) || r.HoldsCopies(p)) {
			return fs.SkipDir
		}
		if !entry.IsDir() && IsKustomizationFile(entry.Name()) {
			roots = append(roots, path.Dir(p))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list kustomizations: %w", err)
	}
	slices.Sort(roots)
	return slices.Compact(roots), nil
}
