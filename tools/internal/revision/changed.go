package revision

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// Changed are the files, links and submodules that differ between two trees, sorted. What is equal is not looked into.
func Changed(ctx context.Context, before, after *Tree) ([]string, error) {
	var changed []string
	var walk func(name string, a, b node) error
	walk = func(name string, a, b node) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if a.hash == b.hash && a.mode == b.mode && a.link == b.link {
			return nil
		}
		if !a.link.IsZero() || !b.link.IsZero() {
			changed = append(changed, name) // a submodule, of another commit
		}
		listed := [2]map[string]node{}
		for i, n := range []node{a, b} {
			if n.mode.IsDir() {
				nodes, err := []*Tree{before, after}[i].list(n.hash)
				if err != nil {
					return fmt.Errorf("compare %s: %w", name, err)
				}
				listed[i] = map[string]node{}
				for _, one := range nodes {
					listed[i][one.name] = one
				}
			}
		}
		if a.link.IsZero() && b.link.IsZero() && listed[0] == nil && listed[1] == nil || listed[0] == nil && a.name != "" || listed[1] == nil && b.name != "" {
			changed = append(changed, name) // a file, on one side at least
		}
		names := maps.Clone(listed[0])
		if names == nil {
			names = map[string]node{}
		}
		maps.Copy(names, listed[1])
		for _, inside := range slices.Sorted(maps.Keys(names)) {
			if err := walk(path.Join(name, inside), listed[0][inside], listed[1][inside]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := walk(".", node{mode: fs.ModeDir, hash: before.root}, node{mode: fs.ModeDir, hash: after.root}); err != nil {
		return nil, err
	}
	slices.Sort(changed)
	return changed, nil
}

// ChangedIn are the files and links that differ between the tree and files as they lie there, sorted. A directory that the tree has
// not and passedOver tells is not looked into, and stands for what is in it. Submodules are passed over, and what git ignores.
func (t *Tree) ChangedIn(ctx context.Context, files fs.FS, passedOver func(dir string) bool) ([]string, error) {
	if t.stamps == nil {
		t.stamps = t.repository.readStamps()
	}
	then, dirs := map[string]node{}, map[string]bool{}
	if err := fs.WalkDir(t, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case entry.IsDir():
			dirs[name] = true
			return nil
		}
		_, at, err := t.find(name, false)
		if err != nil {
			return err
		}
		then[name] = at
		return nil
	}); err != nil {
		return nil, fmt.Errorf("compare with %s: %w", t.Revision, err)
	}
	ignored := t.ignored()
	var changed []string
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // it is gone since its directory was read
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case entry.IsDir():
			at, is := t.Submodule(name)
			switch {
			case name == ".":
			case is && at == name, name == ".git":
				return fs.SkipDir
			case !dirs[name] && ignored.has(path.Join(t.below, name), true):
				return fs.SkipDir
			case !dirs[name] && passedOver(name):
				changed = append(changed, name) // all that is in it is new
				return fs.SkipDir
			}
			return nil
		}
		was, known := then[name]
		if !known && ignored.has(path.Join(t.below, name), false) {
			return nil
		}
		delete(then, name)
		if same, err := t.same(files, name, entry, was, known); err != nil || same {
			return err
		}
		changed = append(changed, name)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("compare with %s: %w", t.Revision, err)
	}
	for name := range then {
		changed = append(changed, name)
	}
	slices.Sort(changed)
	return changed, nil
}

// same reports whether a file is what the commit has of it.
func (t *Tree) same(files fs.FS, name string, entry fs.DirEntry, was node, known bool) (bool, error) {
	if !known || was.mode.Type() != entry.Type() {
		return false, nil
	}
	if entry.Type() == fs.ModeSymlink {
		then, err := t.ReadLink(name)
		if err != nil {
			return false, err
		}
		now, err := fs.ReadLink(files, name)
		return err == nil && then == now, nil //nolint:nilerr // a link that cannot be read is another
	}
	if !entry.Type().IsRegular() {
		return false, nil
	}
	info, err := entry.Info()
	if err != nil {
		return false, nil //nolint:nilerr // it is gone since its directory was read
	}
	if t.stamps.same(path.Join(t.below, name), was.hash, info) {
		return true, nil
	}
	if info.Size() > MaxFileSize {
		return false, nil
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return false, nil //nolint:nilerr // what cannot be read now is another file than it was
	}
	return plumbing.ComputeHash(plumbing.BlobObject, text) == was.hash, nil
}

// stamps are what git's index says of files when it last looked at them: one whose size and time are those that it had then
// need not be read.
type stamps struct {
	entries map[string]*index.Entry
	written time.Time // what was written at that time or later may differ all the same
}

// readStamps reads the index. Without one that can be read, every file is.
func (r *Repository) readStamps() *stamps {
	const most = 64 << 20
	at := filepath.Join(r.own, "index")
	info, err := os.Stat(at)
	if err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil
	}
	file, err := os.Open(at) //nolint:gosec // below .git, and regular
	if err != nil {
		return nil
	}
	defer func() { _ = file.Close() }() // nothing was written
	var decoded index.Index
	if err := decode(file, &decoded); err != nil {
		return nil
	}
	s := &stamps{entries: make(map[string]*index.Entry, len(decoded.Entries)), written: info.ModTime()}
	for _, e := range decoded.Entries {
		if e.Stage == merged && !e.IntentToAdd {
			s.entries[e.Name] = e
		}
	}
	return s
}

// merged is the stage of an entry without a conflict, as the index has it; go-git's index.Merged is another number.
const merged index.Stage = 0

func decode(from io.Reader, into *index.Index) (err error) {
	defer survive(&err)
	return index.NewDecoder(from).Decode(into)
}

func (s *stamps) same(name string, hash plumbing.Hash, info fs.FileInfo) bool {
	if s == nil {
		return false
	}
	e := s.entries[name]
	return e != nil && e.Hash == hash && int64(e.Size) == info.Size() && e.ModifiedAt.Equal(info.ModTime()) && info.ModTime().Before(s.written)
}

// At is the tree of a directory of the commit; one without a file where there is none.
func (t *Tree) At(dir string) (*Tree, error) {
	_, at, err := t.find(dir, true)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		at = node{}
	case err != nil:
		return nil, err
	}
	return &Tree{Revision: t.Revision, Commit: t.Commit, repository: t.repository, root: at.hash, below: path.Join(t.below, dir), dirs: map[plumbing.Hash][]node{}}, nil
}
