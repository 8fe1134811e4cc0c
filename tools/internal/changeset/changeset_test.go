package changeset

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// tree is a directory with files, and one with an executable bit.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"a.yaml": "a", "base/app/b.yaml": "b", "base/app/c.yaml": "c", "base/d.yaml": "d", "run": "#!/bin/sh\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// list is what a tree holds, a file a line.
func list(t *testing.T, files fs.FS) string {
	t.Helper()
	var lines []string
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			lines = append(lines, name+"/")
			return nil
		}
		text, err := fs.ReadFile(files, name)
		lines = append(lines, name+" "+strings.TrimSpace(string(text)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// moved takes app to shop, changes two files and adds one.
func moved() *Set {
	var s Set
	s.Write("a.yaml", File{Text: []byte("another")})
	s.Write("run", File{Text: []byte("changed")})
	s.Write("base/shop/b.yaml", File{Text: []byte("b")})
	s.Write("new/deep/e.yaml", File{Text: []byte("e")})
	s.Remove("base/app/b.yaml")
	s.Remove("base/app/c.yaml")
	return &s
}

const want = `./
a.yaml another
base/
base/d.yaml d
base/shop/
base/shop/b.yaml b
new/
new/deep/
new/deep/e.yaml e
run changed`

// TestOverAsApplied holds what is read before a set is written to what is read after.
func TestOverAsApplied(t *testing.T) {
	dir := tree(t)
	before := list(t, os.DirFS(dir))
	over, err := moved().Over(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	if got := list(t, over); got != want {
		t.Errorf("before it is written:\n%s\nwant:\n%s", got, want)
	}
	if err := fstest.TestFS(over, "a.yaml", "base/d.yaml", "base/shop/b.yaml", "new/deep/e.yaml", "run"); err != nil {
		t.Error(err)
	}
	if got := list(t, os.DirFS(dir)); got != before {
		t.Errorf("looking changed the directory:\n%s", got)
	}
	if err := moved().Apply(dir); err != nil {
		t.Fatal(err)
	}
	if got := list(t, os.DirFS(dir)); got != want {
		t.Errorf("written:\n%s\nwant:\n%s", got, want)
	}
	for name, mode := range map[string]fs.FileMode{"run": 0o755, "a.yaml": 0o600, "new/deep/e.yaml": 0o644} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v, want %v", name, info, err, mode)
		}
	}
}

// TestRestored holds that what cannot be written whole leaves everything as it was.
func TestRestored(t *testing.T) {
	for name, broken := range map[string]func(*Set){
		"a link":                         func(s *Set) { s.Write("link", File{Text: []byte("through")}) },
		"a directory in place of a file": func(s *Set) { s.Write("base", File{Text: []byte("file")}) },
		"a file in place of a directory": func(s *Set) { s.Write("a.yaml/b", File{Text: []byte("below a file")}) },
		"outside":                        func(s *Set) { s.Write("../outside", File{Text: []byte("out")}) },
		"a removal that cannot be":       func(s *Set) { s.Remove("run/below") },
	} {
		dir := tree(t)
		if err := os.Symlink("a.yaml", filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		before := list(t, os.DirFS(dir))
		s := moved()
		broken(s)
		if err := s.Apply(dir); err == nil {
			t.Errorf("%s: written", name)
		}
		if got := list(t, os.DirFS(dir)); got != before {
			t.Errorf("%s: left\n%s\nwant:\n%s", name, got, before)
		}
	}
}

func TestRead(t *testing.T) {
	dir := tree(t)
	if err := os.Symlink("run", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Read(root.FS(), "run"); err != nil || string(got.Text) != "#!/bin/sh\n" || got.Mode != 0o755 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Read(root.FS(), "link"); err == nil || !strings.Contains(err.Error(), "link is no plain file") {
		t.Errorf("of a link: %v", err)
	}
	if _, err := Read(root.FS(), "nowhere"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of none: %v", err)
	}
	if !Binary([]byte("a\x00b")) || Binary([]byte("a text")) {
		t.Error("a text and a binary file are told apart by the byte that no text has")
	}
}
