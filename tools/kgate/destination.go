package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keepWithin holds the outputs to the rule about links: in the checkout that is validated, links are whoever's wrote the
// change. A report may be a file there, below directories; where a link, a pipe or a device stands in its place or on the
// way to it, it is refused. It is told now, before anything is checked.
func keepWithin(outputs []output, repository string) error {
	within := checkout(repository)
	for i := range outputs {
		o := &outputs[i]
		o.within = within
		if o.file == "" {
			continue
		}
		dir, err := o.dir()
		if err != nil {
			if o.format == bodyFormat {
				return fmt.Errorf("--pr-body %s: %w", o.file, err)
			}
			return fmt.Errorf("--output %s=%s: %w", o.format, o.file, err)
		}
		_ = dir.Close()
	}
	return nil
}

// checkout is the directory with .git at or above the repository, or else the repository: a kgate.yaml further down, which
// anybody can add, makes no file above it more trustworthy.
func checkout(repository string) string {
	for at := repository; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return repository
		}
	}
}

// dir opens the directory of the output's file, having looked at every step of the way that lies in the checkout, and at
// the file. What is looked at and what is opened is the same, whatever changes meanwhile.
func (o output) dir() (*os.Root, error) {
	file, err := filepath.Abs(o.file)
	if err != nil {
		return nil, err
	}
	base, steps, inside := o.way(filepath.Dir(file))
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, err
	}
	for i, step := range steps {
		next, err := descend(root, step)
		_ = root.Close()
		if err != nil {
			return nil, fmt.Errorf("%s %w", filepath.Join(append([]string{base}, steps[:i+1]...)...), err)
		}
		root = next
	}
	info, err := root.Lstat(filepath.Base(file))
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && (info.Mode().IsRegular() || info.IsDir()):
		return root, nil
	case err == nil && inside:
		err = fmt.Errorf("%s is %s in the repository, and no report is written through one: remove it, or name a file elsewhere", o.file, describe(info.Mode()))
	case err == nil && !o.descriptor():
		// A link of the user's own may lead to a pipe, and must not lead back.
		if real, follow := filepath.EvalSymlinks(file); follow == nil && o.holds(real) {
			err = fmt.Errorf("%s leads into the repository, and no report is written through a link: name the file itself", o.file)
		}
	}
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return root, nil
}

// way parts a path where it enters the checkout: everything before is the user's, and links in it are followed.
func (o output) way(dir string) (base string, steps []string, inside bool) {
	volume := filepath.VolumeName(dir) + string(filepath.Separator)
	names := strings.Split(strings.TrimPrefix(dir, volume), string(filepath.Separator))
	at := volume
	for i := 0; ; i++ {
		if real, err := filepath.EvalSymlinks(at); err == nil && o.holds(real) {
			return real, names[i:], true
		}
		if i == len(names) || names[i] == "" {
			return dir, nil, false
		}
		at = filepath.Join(at, names[i])
	}
}

// holds reports whether a path without links is the checkout or lies in it.
func (o output) holds(path string) bool {
	relative, err := filepath.Rel(o.within, path)
	return o.within != "" && err == nil && filepath.IsLocal(relative)
}

// descend opens a directory of another, if it is one and no link.
func descend(root *os.Root, name string) (*os.Root, error) {
	seen, err := root.Lstat(name)
	if err != nil {
		return nil, fmt.Errorf("cannot be opened: %w", errors.Unwrap(err))
	}
	if !seen.IsDir() {
		return nil, fmt.Errorf("is %s in the repository, and no report is written through one: name a file elsewhere", describe(seen.Mode()))
	}
	next, err := root.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("cannot be opened: %w", err)
	}
	if opened, err := next.Stat("."); err != nil || !os.SameFile(seen, opened) {
		_ = next.Close()
		return nil, errors.New("changed while it was opened")
	}
	return next, nil
}

func describe(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSymlink != 0:
		return "a symbolic link"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeDevice != 0:
		return "a device"
	case mode.IsDir():
		return "a directory"
	}
	return "no plain file"
}

// special reports whether the output is a pipe or a device of the user's, such as /dev/null or that of a process
// substitution: nothing can take its place.
func (o output) special() bool {
	if o.descriptor() {
		return true
	}
	info, err := os.Stat(o.file)
	return err == nil && !info.Mode().IsRegular() && !info.IsDir()
}

// descriptor reports whether the output names what the shell has opened.
func (o output) descriptor() bool {
	file := filepath.Clean(o.file)
	return file == "/dev/stderr" || strings.HasPrefix(file, "/dev/fd/") || strings.HasPrefix(file, "/proc/self/fd/")
}

// into writes to what is there, and makes nothing. What a descriptor leads to may be a file that others write as well.
func (o output) into(text []byte) error {
	file, err := os.OpenFile(o.file, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close())
}
