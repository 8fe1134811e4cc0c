package repo

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"time"
)

// With is the repository as it will be once files of it hold other texts. Nothing is written: the texts are those of the names
// that are given, and everything else is as it lies there. Each file has to be there already.
func (r *Repo) With(texts map[string][]byte) *Repo {
	changed := *r
	changed.FS = replaced{r.FS, texts}
	return &changed
}

// replaced is a file system in which files have other texts.
type replaced struct {
	fs.FS
	texts map[string][]byte
}

var (
	_ fs.ReadFileFS = replaced{}
	_ fs.ReadDirFS  = replaced{}
	_ fs.StatFS     = replaced{}
	_ fs.ReadLinkFS = replaced{}
)

func (r replaced) Open(name string) (fs.File, error) {
	text, ok := r.texts[name]
	if !ok {
		return r.FS.Open(name)
	}
	info, err := r.Stat(name)
	return &replacedFile{bytes.NewReader(text), info}, err
}

func (r replaced) ReadFile(name string) ([]byte, error) {
	if text, ok := r.texts[name]; ok {
		return slices.Clone(text), nil
	}
	return fs.ReadFile(r.FS, name)
}

func (r replaced) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(r.FS, name)
	for i, e := range entries {
		if text, ok := r.texts[path.Join(name, e.Name())]; ok {
			entries[i] = replacedEntry{e, int64(len(text))}
		}
	}
	return entries, err
}

func (r replaced) Stat(name string) (fs.FileInfo, error) { return r.sized(name)(fs.Stat(r.FS, name)) }

func (r replaced) Lstat(name string) (fs.FileInfo, error) { return r.sized(name)(fs.Lstat(r.FS, name)) }

func (r replaced) ReadLink(name string) (string, error) { return fs.ReadLink(r.FS, name) }

// sized is what describes a file, with the size of the text that it has here.
func (r replaced) sized(name string) func(fs.FileInfo, error) (fs.FileInfo, error) {
	return func(info fs.FileInfo, err error) (fs.FileInfo, error) {
		if text, ok := r.texts[name]; ok && err == nil {
			return replacedInfo{info, int64(len(text))}, nil
		}
		return info, err
	}
}

type replacedInfo struct {
	fs.FileInfo
	size int64
}

func (i replacedInfo) Size() int64        { return i.size }
func (i replacedInfo) ModTime() time.Time { return time.Time{} }

type replacedEntry struct {
	fs.DirEntry
	size int64
}

func (e replacedEntry) Info() (fs.FileInfo, error) {
	info, err := e.DirEntry.Info()
	if err != nil {
		return nil, err
	}
	return replacedInfo{info, e.size}, nil
}

type replacedFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *replacedFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *replacedFile) Close() error               { return nil }
