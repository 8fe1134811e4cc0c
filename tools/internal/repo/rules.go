package repo

import (
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// RuleDir is a directory of rules that kgate.yaml names.
type RuleDir struct {
	Name string // as messages call it
	Path string // in the repository
	FS   fs.FS
}

// RuleDirs are the directories that `policies` names, of the revision whose configuration holds: a rule that a change adds
// judges once it is merged.
func (r *Repo) RuleDirs() ([]RuleDir, error) {
	tree, at := r.FS, ""
	if r.Base != nil {
		tree, at = r.Base.FS, "@"+r.Base.Name()
	}
	var dirs []RuleDir
	for _, entry := range r.Config.Policies {
		info, err := fs.Stat(tree, entry.Path)
		if err != nil || !info.IsDir() {
			return nil, &manifest.SyntaxError{Position: entry.Source, Message: fmt.Sprintf("policies: %s%s is no directory of the repository", entry.Path, at)}
		}
		below, err := fs.Sub(tree, entry.Path)
		if err != nil {
			return nil, err
		}
		dirs = append(dirs, RuleDir{entry.Path + at, entry.Path, below})
	}
	return dirs, nil
}

// Named reports whether `policies` names a directory, as the operating system calls it.
func (r *Repo) Named(dir string) bool {
	absolute, err := Resolve(dir)
	if err != nil {
		return false
	}
	for _, entry := range r.Config.Policies {
		if filepath.Join(r.Dir, filepath.FromSlash(entry.Path)) == absolute {
			return true
		}
	}
	return false
}
