package repo

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestWith(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.yaml": "a: 1\n", "sub/b.yaml": "b: 1\n"} {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	with := r.With(map[string][]byte{"sub/b.yaml": []byte("b: 200\n")})
	for name, want := range map[string]string{"a.yaml": "a: 1\n", "sub/b.yaml": "b: 200\n"} {
		if text, err := with.ReadFile(name); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v; want %q", name, text, err, want)
		}
	}
	if info, err := fs.Stat(with.FS, "sub/b.yaml"); err != nil || info.Size() != 7 {
		t.Errorf("size %v, %v", info, err)
	}
	entries, err := fs.ReadDir(with.FS, "sub")
	if err != nil || len(entries) != 1 {
		t.Fatal(entries, err)
	}
	if info, err := entries[0].Info(); err != nil || info.Size() != 7 {
		t.Errorf("size in the list %v, %v", info, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "sub", "b.yaml")); err != nil || string(text) != "b: 1\n" {
		t.Errorf("the file was written: %q, %v", text, err)
	}
	if text, err := r.ReadFile("sub/b.yaml"); err != nil || string(text) != "b: 1\n" {
		t.Errorf("the repository changed: %q, %v", text, err)
	}
}
