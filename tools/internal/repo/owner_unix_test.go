//go:build unix

package repo

import (
	"os"
	"path/filepath"
	"testing"
)

// TestForeign gives what lies above to somebody else, which takes root.
func TestForeign(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	const other = 12345
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	below := filepath.Join(top, "a", "b")
	for _, step := range []error{
		os.MkdirAll(below, 0o700), os.Mkdir(filepath.Join(top, ".git"), 0o700),
		os.WriteFile(filepath.Join(top, ConfigFile), []byte("apiVersion: kgate/v1\n"), 0o600),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	begins := func(want string, give ...string) {
		t.Helper()
		for _, name := range give {
			if err := os.Chown(filepath.Join(top, name), other, other); err != nil {
				t.Fatal(err)
			}
		}
		r, err := Open(below)
		if err != nil || r.Dir != want {
			t.Errorf("after %v was given away it begins at %+v, %v; want %s", give, r, err, want)
		}
	}
	begins(top)
	begins(below, ".git")
	// As in a container that runs as root over the files of a user: one owner for all of it.
	begins(top, ConfigFile, ".", "a", "a/b")
	if err := os.Chown(filepath.Join(top, ".git"), 0, 0); err != nil {
		t.Fatal(err)
	}
	begins(top)
}
