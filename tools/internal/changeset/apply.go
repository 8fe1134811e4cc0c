package changeset

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
)

// Apply writes the set into a directory. Every text is on the disk before the first file takes its name; where one cannot,
// what was changed is put back as it was. Nothing is written through a link, nor outside of the directory. Files change names
// within their directories alone: a confined process may do no more.
func (s *Set) Apply(dir string) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // it was only looked into
	a := &applying{root: root, mark: ".kgate-" + rand.Text()}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.restore())
		}
	}()
	names := s.Written()
	for _, name := range names {
		if err := a.prepare(name, s.files[name]); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	for _, name := range names {
		if err := a.place(name); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	for _, name := range s.Removed() {
		if err := a.keep(name); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return a.finish(s.Removed())
}

// applying is a set on its way to the disk, and how to take it back.
type applying struct {
	root *os.Root
	mark string         // ends the names of what is written and of what is kept meanwhile
	undo []func() error // the last is undone first
	kept []string       // what files were, under other names
}

func (a *applying) staged(name string) string {
	return path.Join(path.Dir(name), "."+path.Base(name)+a.mark+"-new")
}
func (a *applying) aside(name string) string {
	return path.Join(path.Dir(name), "."+path.Base(name)+a.mark+"-old")
}

// gone removes a file, or finds it gone already.
func (a *applying) gone(name string) error {
	if err := a.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// prepare puts a text beside where it is to be, with the directories that are missing.
func (a *applying) prepare(name string, file File) error {
	for _, dir := range above(name) {
		info, err := a.root.Lstat(dir)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("%s is no directory", dir)
		case err == nil:
			continue
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if err := a.root.Mkdir(dir, 0o755); err != nil {
			return err
		}
		a.undo = append(a.undo, func() error { return a.root.Remove(dir) })
	}
	mode := cmp.Or(file.Mode.Perm(), 0o644)
	info, err := a.root.Lstat(name)
	switch {
	case err == nil:
		if err := clash(name, info); err != nil {
			return err
		}
		if file.Mode == 0 {
			mode = info.Mode().Perm()
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	to, err := a.root.OpenFile(a.staged(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	a.undo = append(a.undo, func() error { return a.gone(a.staged(name)) })
	_, err = to.Write(file.Text)
	return errors.Join(err, to.Chmod(mode), to.Close())
}

// place gives a text its name, having kept what had it.
func (a *applying) place(name string) error {
	if err := a.keep(name); err != nil {
		return err
	}
	if err := a.root.Rename(a.staged(name), name); err != nil {
		return err
	}
	a.undo = append(a.undo, func() error { return a.gone(name) })
	return nil
}

// keep puts a file that is there aside.
func (a *applying) keep(name string) error {
	err := a.root.Rename(name, a.aside(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		a.kept = append(a.kept, a.aside(name))
		a.undo = append(a.undo, func() error { return a.root.Rename(a.aside(name), name) })
	}
	return err
}

// finish removes what was kept, and the directories that are empty now.
func (a *applying) finish(removed []string) error {
	var errs []error
	a.undo = nil // all is in its place
	for _, name := range a.kept {
		if err := a.gone(name); err != nil {
			errs = append(errs, fmt.Errorf("all is written, but %s: %w", name, err))
		}
	}
	for _, name := range removed {
		for at := path.Dir(name); at != "."; at = path.Dir(at) {
			if a.root.Remove(at) != nil {
				break // something else is in it
			}
		}
	}
	return errors.Join(errs...)
}

// restore takes back what was done. What cannot be put back is kept, and named.
func (a *applying) restore() error {
	var errs []error
	for _, undo := range slices.Backward(a.undo) {
		if err := undo(); err != nil {
			errs = append(errs, fmt.Errorf("put back: %w", err))
		}
	}
	return errors.Join(errs...)
}

// above are the directories of a path, the outermost first.
func above(name string) []string {
	var dirs []string
	for at := path.Dir(name); at != "."; at = path.Dir(at) {
		dirs = append(dirs, at)
	}
	slices.Reverse(dirs)
	return dirs
}

// Read is a file as it is there, in the form of one that is to be.
func Read(files fs.FS, name string) (File, error) {
	info, err := fs.Lstat(files, name)
	if err != nil {
		return File{}, err
	}
	if err := clash(name, info); err != nil {
		return File{}, err
	}
	text, err := fs.ReadFile(files, name)
	return File{Text: text, Mode: info.Mode().Perm()}, err
}

// Binary reports whether a text is none: it holds a byte that no text does.
func Binary(text []byte) bool {
	return bytes.IndexByte(text[:min(len(text), 8000)], 0) >= 0
}
