// Package repo knows a repository: where it begins, what kgate.yaml says of it, and which targets it has.
package repo

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// DefaultTargets are what a run without arguments checks, where kgate.yaml names nothing else.
var DefaultTargets = []string{"overlays/*", "argocd"}

// Repo is a tree of files that kgate does not look beyond.
type Repo struct {
	Dir    string // absolute, without symbolic links
	FS     fs.FS  // reads below Dir only: a link that leads out is an error
	Config Config
}

// Open finds the repository around a directory: the nearest parent that holds kgate.yaml or .git, else the
// directory itself.
func Open(dir string) (*Repo, error) {
	absolute, err := filepath.Abs(dir)
	if err == nil {
		absolute, err = filepath.EvalSymlinks(absolute)
	}
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	top := absolute
	for at := absolute; ; at = filepath.Dir(at) {
		if exists(filepath.Join(at, ConfigFile)) || exists(filepath.Join(at, ".git")) {
			top = at
			break
		}
		if at == filepath.Dir(at) {
			break
		}
	}
	root, err := os.OpenRoot(top)
	if err != nil {
		return nil, fmt.Errorf("open repository: %w", err)
	}
	r := &Repo{Dir: top, FS: root.FS()}
	r.Config, err = LoadConfig(r.FS)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// ReadFile reads a file of the repository.
func (r *Repo) ReadFile(name string) ([]byte, error) { return fs.ReadFile(r.FS, name) }

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

// byPromotion orders well-known environments the way a version travels, then the rest by name.
func byPromotion(a, b string) int {
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

// Roots lists every directory of the repository that holds a kustomization, sorted.
func (r *Repo) Roots() ([]string, error) {
	var roots []string
	err := fs.WalkDir(r.FS, ".", func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && PassedOver(p) {
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
