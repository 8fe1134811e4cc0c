// Package changeset is files that are written and removed together or not at all, and that can be read before they are.
package changeset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// File is a file as it is to be.
type File struct {
	Text []byte
	Mode fs.FileMode // its permissions; 0 is those of the file that is there, else 0o644
}

// Set is what becomes of the files of a tree, by their path from its top. The zero value changes nothing.
type Set struct {
	files   map[string]File
	removed map[string]bool
}

// Write has a file be, or be another one.
func (s *Set) Write(name string, file File) {
	if s.files == nil {
		s.files = map[string]File{}
	}
	s.files[name] = file
	delete(s.removed, name)
}

// Remove has a file be gone.
func (s *Set) Remove(name string) {
	if s.removed == nil {
		s.removed = map[string]bool{}
	}
	s.removed[name] = true
	delete(s.files, name)
}

// Written are the paths of the files that are written, sorted.
func (s *Set) Written() []string { return slices.Sorted(maps.Keys(s.files)) }

// Removed are the paths of the files that go, sorted.
func (s *Set) Removed() []string { return slices.Sorted(maps.Keys(s.removed)) }

// Text is what a file is to be; ok says whether the set writes it.
func (s *Set) Text(name string) (text []byte, ok bool) {
	file, ok := s.files[name]
	return file.Text, ok
}

// Over is a tree as the set makes it. The tree is read as it is at the time; a directory whose last file goes is gone.
func (s *Set) Over(base fs.FS) (fs.FS, error) {
	o := &over{base: base, set: s, made: map[string]map[string]bool{}, gone: map[string]bool{}}
	for name := range s.files {
		for at := name; at != "."; at = path.Dir(at) {
			dir := path.Dir(at)
			if o.made[dir] == nil {
				o.made[dir] = map[string]bool{}
			}
			o.made[dir][path.Base(at)] = true
		}
	}
	// The deepest first: a directory may be empty because those in it are.
	dirs := map[string]bool{}
	for name := range s.removed {
		for at := path.Dir(name); at != "."; at = path.Dir(at) {
			dirs[at] = true
		}
	}
	deepest := slices.SortedFunc(maps.Keys(dirs), func(a, b string) int {
		return strings.Count(b, "/") - strings.Count(a, "/")
	})
	for _, dir := range deepest {
		entries, err := o.ReadDir(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case len(entries) == 0:
			o.gone[dir] = true
		}
	}
	return o, nil
}

// over is a tree with a set upon it.
type over struct {
	base fs.FS
	set  *Set
	made map[string]map[string]bool // by directory, the names in it that the set brings, or brings something below
	gone map[string]bool            // directories that are empty now
}

func (o *over) hidden(name string) bool { return o.set.removed[name] || o.gone[name] }

func missing(op, name string) error {
	return &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
}

// lookup is what the set has of a path: a file, a directory that it brings, or nothing of its own.
func (o *over) lookup(op, name string) (info fs.FileInfo, err error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	if file, ok := o.set.files[name]; ok {
		mode := file.Mode
		if mode == 0 {
			mode = 0o644
		}
		return stat{path.Base(name), int64(len(file.Text)), mode}, nil
	}
	if o.hidden(name) {
		return nil, missing(op, name)
	}
	if o.made[name] != nil {
		return stat{path.Base(name), 0, fs.ModeDir | 0o755}, nil
	}
	return nil, nil //nolint:nilnil // the tree below is asked
}

func (o *over) Stat(name string) (fs.FileInfo, error) {
	if info, err := o.lookup("stat", name); info != nil || err != nil {
		return info, err
	}
	return fs.Stat(o.base, name)
}

func (o *over) Lstat(name string) (fs.FileInfo, error) {
	if info, err := o.lookup("lstat", name); info != nil || err != nil {
		return info, err
	}
	return fs.Lstat(o.base, name)
}

func (o *over) ReadLink(name string) (string, error) {
	if info, err := o.lookup("readlink", name); err != nil {
		return "", err
	} else if info != nil {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	return fs.ReadLink(o.base, name)
}

func (o *over) ReadFile(name string) ([]byte, error) {
	info, err := o.lookup("open", name)
	switch {
	case err != nil:
		return nil, err
	case info != nil && info.IsDir():
		return nil, &fs.PathError{Op: "read", Path: name, Err: errors.New("is a directory")}
	case info != nil:
		return bytes.Clone(o.set.files[name].Text), nil
	}
	return fs.ReadFile(o.base, name)
}

func (o *over) ReadDir(name string) ([]fs.DirEntry, error) {
	info, err := o.lookup("open", name)
	if err != nil {
		return nil, err
	}
	if info != nil && !info.IsDir() {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errors.New("not a directory")}
	}
	entries, err := fs.ReadDir(o.base, name)
	if err != nil && (info == nil || !errors.Is(err, fs.ErrNotExist)) {
		return nil, err
	}
	var all []fs.DirEntry
	for _, e := range entries {
		if at := path.Join(name, e.Name()); !o.made[name][e.Name()] && !o.hidden(at) {
			all = append(all, e)
		}
	}
	for child := range o.made[name] {
		info, err := o.lookup("stat", path.Join(name, child))
		if err != nil {
			return nil, err
		}
		all = append(all, fs.FileInfoToDirEntry(info))
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return all, nil
}

func (o *over) Open(name string) (fs.File, error) {
	info, err := o.lookup("open", name)
	if err != nil {
		return nil, err
	}
	if info == nil {
		// A directory of the tree may have lost something to the set.
		if info, err = fs.Stat(o.base, name); err != nil {
			return nil, err
		}
		if !info.IsDir() {
			return o.base.Open(name)
		}
	}
	if info.IsDir() {
		entries, err := o.ReadDir(name)
		return &directory{info: info, entries: entries}, err
	}
	return &reading{info: info, Reader: bytes.NewReader(o.set.files[name].Text)}, nil
}

// stat is what is known of a file or directory of the set.
type stat struct {
	name string
	size int64
	mode fs.FileMode
}

func (s stat) Name() string       { return s.name }
func (s stat) Size() int64        { return s.size }
func (s stat) Mode() fs.FileMode  { return s.mode }
func (s stat) ModTime() time.Time { return time.Time{} }
func (s stat) IsDir() bool        { return s.mode.IsDir() }
func (s stat) Sys() any           { return nil }

type reading struct {
	info fs.FileInfo
	*bytes.Reader
}

func (r *reading) Stat() (fs.FileInfo, error) { return r.info, nil }
func (r *reading) Close() error               { return nil }

type directory struct {
	info    fs.FileInfo
	entries []fs.DirEntry
}

func (d *directory) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *directory) Close() error               { return nil }
func (d *directory) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.Name(), Err: errors.New("is a directory")}
}

func (d *directory) ReadDir(n int) ([]fs.DirEntry, error) {
	take := len(d.entries)
	if n > 0 {
		take = min(n, take)
		if take == 0 {
			return nil, io.EOF
		}
	}
	taken := d.entries[:take]
	d.entries = d.entries[take:]
	return taken, nil
}

// clash refuses what is no plain file.
func clash(name string, info fs.FileInfo) error {
	if info.Mode().IsRegular() {
		return nil
	}
	return fmt.Errorf("%s is no plain file, and none is written through it", name)
}
