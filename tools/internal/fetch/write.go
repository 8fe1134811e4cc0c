package fetch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// writer replaces directories of a repository, each whole: what is new is made beside it and takes its name at the end.
type writer struct{ dir string }

// path is where a place of the repository lies, which is reached through no link: that of a stranger's commit could lead
// what is written to git's own files.
func (w writer) path(place string) (string, error) {
	to, at := filepath.Join(w.dir, filepath.FromSlash(place)), ""
	for part := range strings.SplitSeq(place, "/") {
		at = path.Join(at, part)
		info, err := os.Lstat(filepath.Join(w.dir, filepath.FromSlash(at)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return to, nil
		case err != nil:
			return "", err
		case info.Mode()&fs.ModeSymlink != 0:
			return "", fmt.Errorf("%s is a symbolic link: delete it, and `%s` writes what belongs there", at, vendored.Run)
		}
	}
	return to, nil
}

// tree puts a content in the place of a directory, or of nothing.
func (w writer) tree(place string, content vendored.Content) (err error) {
	if err := content.Check(); err != nil {
		return err
	}
	to, err := w.path(place)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // files of a repository are for everybody
		return err
	}
	fresh, err := os.MkdirTemp(filepath.Dir(to), ".new-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(fresh)) }()
	root, err := os.OpenRoot(fresh)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	// Files before links: no path of a file leads through one.
	for _, name := range slices.Sorted(maps.Keys(content.Files)) {
		if err := root.MkdirAll("copy/"+path.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile("copy/"+name, content.Files[name], 0o644); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(content.Links)) {
		if err := root.MkdirAll("copy/"+path.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.Symlink(content.Links[name], "copy/"+name); err != nil {
			return err
		}
	}
	old := filepath.Join(fresh, "old")
	if err := os.Rename(to, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(filepath.Join(fresh, "copy"), to); err != nil {
		return errors.Join(err, ignoreMissing(os.Rename(old, to)))
	}
	return nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// file writes a file whole, where it does not hold the text already.
func (w writer) file(place string, text []byte) error {
	to, err := w.path(place)
	if err != nil {
		return err
	}
	if is, err := os.ReadFile(to); err == nil && string(is) == string(text) { //nolint:gosec // below the repository, through no link
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil { //nolint:gosec // files of a repository are for everybody
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(to), ".new-")
	if err != nil {
		return err
	}
	_, err = fresh.Write(text)
	err = errors.Join(err, fresh.Chmod(0o644), fresh.Close())
	if err == nil {
		err = os.Rename(fresh.Name(), to)
	}
	if err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(fresh.Name())))
	}
	return nil
}

// remove takes a directory or a file away, and the directories above it that are then empty.
func (w writer) remove(place string) error {
	at, err := w.path(place)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(at); err != nil {
		return err
	}
	for dir := path.Dir(place); dir != "."; dir = path.Dir(dir) {
		if os.Remove(filepath.Join(w.dir, filepath.FromSlash(dir))) != nil {
			break // it holds something
		}
	}
	return nil
}
