package fetch

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// overlay is a repository with what was fetched in the places where its copies will lie.
type overlay struct {
	under  fs.FS
	mounts map[string]fs.FS // by their directory
}

var (
	_ fs.ReadFileFS = overlay{}
	_ fs.ReadDirFS  = overlay{}
	_ fs.StatFS     = overlay{}
	_ fs.ReadLinkFS = overlay{}
)

// at is the file system that a path is of, and the path in it.
func (o overlay) at(name string) (fs.FS, string) {
	for dir, mounted := range o.mounts {
		if name == dir {
			return mounted, "."
		}
		if within, ok := strings.CutPrefix(name, dir+"/"); ok {
			return mounted, within
		}
	}
	return o.under, name
}

// above reports whether a path is a directory because something is mounted below it.
func (o overlay) above(name string) bool {
	for dir := range o.mounts {
		if dir != name && vendored.Within(name, dir) {
			return true
		}
	}
	return false
}

func (o overlay) Lstat(name string) (fs.FileInfo, error) {
	if o.above(name) {
		return folder(path.Base(name)), nil
	}
	in, within := o.at(name)
	return fs.Lstat(in, within)
}

func (o overlay) Stat(name string) (fs.FileInfo, error) {
	if o.above(name) {
		return folder(path.Base(name)), nil
	}
	in, within := o.at(name)
	return fs.Stat(in, within)
}

func (o overlay) ReadLink(name string) (string, error) {
	in, within := o.at(name)
	return fs.ReadLink(in, within)
}

func (o overlay) ReadFile(name string) ([]byte, error) {
	in, within := o.at(name)
	return fs.ReadFile(in, within)
}

func (o overlay) Open(name string) (fs.File, error) {
	in, within := o.at(name)
	return in.Open(within)
}

func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	in, within := o.at(name)
	entries, err := fs.ReadDir(in, within)
	if !o.above(name) {
		return entries, err
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for dir := range o.mounts {
		rest, ok := strings.CutPrefix(dir, name+"/")
		if name == "." {
			rest, ok = dir, true
		}
		next, _, _ := strings.Cut(rest, "/")
		if ok && !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == next }) {
			entries = append(entries, fs.FileInfoToDirEntry(folder(next)))
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// folder is a directory that nothing but a mount makes.
type folder string

func (f folder) Name() string       { return string(f) }
func (f folder) Size() int64        { return 0 }
func (f folder) Mode() fs.FileMode  { return fs.ModeDir | 0o755 }
func (f folder) ModTime() time.Time { return time.Time{} }
func (f folder) IsDir() bool        { return true }
func (f folder) Sys() any           { return nil }
