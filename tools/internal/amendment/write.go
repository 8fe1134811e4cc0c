package amendment

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
)

// File is a file of a repository and what it is to hold.
type File struct {
	Name     string // with slashes, from the top
	Old, New []byte
}

// Write writes files of a directory together: where one cannot be written, those that were have their old text again. A file that
// no more holds its old text is refused, and one that is reached through a link.
func Write(dir string, files []File) (err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	w := &writer{root: root}
	defer func() { err = errors.Join(err, w.clear()) }()
	for _, f := range files {
		if err := w.stage(f); err != nil {
			return fmt.Errorf("write %s: %w; nothing was written", f.Name, err)
		}
	}
	for i := range w.staged {
		if err := w.place(i); err != nil {
			return fmt.Errorf("write %s: %w", w.staged[i].file.Name, errors.Join(err, w.restore(i)))
		}
	}
	return nil
}

// writer has every text beside its place before the first takes it, so that a full disk is found while nothing has happened.
type writer struct {
	root   *os.Root
	staged []staged
}

type staged struct {
	file          File
	fresh, before string // temporary names of both texts
}

func (w *writer) stage(f File) error {
	at := ""
	for part := range strings.SplitSeq(f.Name, "/") {
		at = path.Join(at, part)
		info, err := w.root.Lstat(at)
		switch {
		case err != nil:
			return err
		case info.Mode()&fs.ModeSymlink != 0:
			return fmt.Errorf("%s is a symbolic link: put the file itself there", at)
		case at == f.Name && !info.Mode().IsRegular():
			return errors.New("it is no regular file")
		}
	}
	if is, err := w.root.ReadFile(f.Name); err != nil {
		return err
	} else if !bytes.Equal(is, f.Old) {
		return errors.New("somebody changed it meanwhile: run again")
	}
	info, err := w.root.Stat(f.Name)
	if err != nil {
		return err
	}
	suffix := rand.Text()
	beside := func(name string) string { return path.Join(path.Dir(f.Name), "."+path.Base(f.Name)+name+suffix) }
	s := staged{f, beside(".new-"), beside(".old-")}
	w.staged = append(w.staged, s)
	for name, text := range map[string][]byte{s.fresh: f.New, s.before: f.Old} {
		if err := w.write(name, text, info.Mode().Perm()); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) write(name string, text []byte, mode fs.FileMode) error {
	file, err := w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
}

func (w *writer) place(i int) error { return w.root.Rename(w.staged[i].fresh, w.staged[i].file.Name) }

// restore gives the files before one their old texts.
func (w *writer) restore(before int) error {
	var errs []error
	for _, s := range w.staged[:before] {
		if err := w.root.Rename(s.before, s.file.Name); err != nil {
			errs = append(errs, fmt.Errorf("%s has its new text, and the old one cannot be put back: %w: `git checkout` it", s.file.Name, err))
		}
	}
	return errors.Join(errs...)
}

// clear removes what is left of temporary files.
func (w *writer) clear() error {
	var errs []error
	for _, s := range w.staged {
		for _, name := range []string{s.fresh, s.before} {
			if err := w.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
