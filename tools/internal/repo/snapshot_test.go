package repo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"
)

// A snapshot is a tree like the one that it is of, also where there is nothing, and links.
func TestSnapshotIsTheTree(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, fstest.MapFS{
		"kgate.yaml":              {Data: []byte("apiVersion: kgate/v1\n")},
		"base/kustomization.yaml": {Data: []byte("resources: []\n")},
		"base/deep/a.yaml":        {Data: []byte("a: b\n")},
	}); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("base/deep", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := r.Snapshot()
	for range 2 {
		if err := fstest.TestFS(s.FS, "kgate.yaml", "base/kustomization.yaml", "base/deep/a.yaml"); err != nil {
			t.Fatal(err)
		}
	}
	if to, err := fs.ReadLink(s.FS, "link"); err != nil || to != "base/deep" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if info, err := fs.Lstat(s.FS, "link"); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info, err)
	}
	if _, err := fs.Stat(s.FS, "nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of what is not there: %v", err)
	}
	// Whoever changes a list has one of their own.
	entries, err := fs.ReadDir(s.FS, "base")
	if err != nil || len(entries) != 2 {
		t.Fatalf("base has %d entries, %v", len(entries), err)
	}
	entries[0] = nil
	if again, err := fs.ReadDir(s.FS, "base"); err != nil || again[0] == nil {
		t.Errorf("a list that was changed is given out again: %v, %v", again, err)
	}
}

// What is made of the files is made once in a snapshot, and anew elsewhere: there they may be others by then.
func TestKept(t *testing.T) {
	made := 0
	make := func() (int, error) { made++; return made, nil }
	r := &Repo{FS: fstest.MapFS{}}
	s := r.Snapshot()
	for i, ask := range []struct {
		of   *Repo
		want int
	}{{r, 1}, {r, 2}, {s, 3}, {s, 3}, {r.Snapshot(), 4}} {
		if got, err := Kept(ask.of, "key", make); err != nil || got != ask.want {
			t.Errorf("asked for the %d. time: got %d, %v, want %d", i+1, got, err, ask.want)
		}
	}
}
