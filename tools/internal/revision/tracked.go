package revision

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// Tracked are the files and links of the working tree that git knows, as `git ls-files` lists them: those of the last commit, and
// what was added since. Of a file in conflict it has the path once. Submodules are passed over.
func (r *Repository) Tracked() ([]string, error) {
	at := filepath.Join(r.own, "index")
	file, err := os.Open(at) //nolint:gosec // below .git
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // nothing was ever added
	}
	if err != nil {
		return nil, fmt.Errorf("read git's index: %w", err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	var decoded index.Index
	if err := decode(file, &decoded); err != nil {
		return nil, fmt.Errorf("read git's index: %w", err)
	}
	var names []string
	for _, e := range decoded.Entries {
		if e.Mode.IsFile() {
			names = append(names, e.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Dirty are the tracked files, of paths below the tree, that are not as the commit has them.
func (t *Tree) Dirty(ctx context.Context, files fs.FS, tracked []string) ([]string, error) {
	if t.stamps == nil {
		t.stamps = t.repository.readStamps()
	}
	var dirty []string
	seen := map[string]bool{}
	for _, name := range tracked {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		seen[name] = true
		same := false
		_, was, err := t.find(name, false)
		if err == nil {
			var info fs.FileInfo
			if info, err = fs.Lstat(files, name); err == nil {
				same, err = t.same(files, name, fs.FileInfoToDirEntry(info), was, true)
			}
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if !same {
			dirty = append(dirty, name)
		}
	}
	// What the commit has and git's index has not is removed with `git rm`.
	err := fs.WalkDir(t, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !seen[name] {
			dirty = append(dirty, name)
		}
		return err
	})
	slices.Sort(dirty)
	return dirty, err
}

// Below are the paths of a list that lie in a directory, as seen from it; "." is the top.
func Below(names []string, dir string) []string {
	if dir == "." {
		return names
	}
	var below []string
	for _, name := range names {
		if rest, ok := strings.CutPrefix(name, path.Clean(dir)+"/"); ok {
			below = append(below, rest)
		}
	}
	return below
}
