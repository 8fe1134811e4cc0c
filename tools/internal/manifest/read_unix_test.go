//go:build unix

package manifest_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Each of these would keep a reader waiting for ever, or fill its memory.
func TestOnlyFilesOfALimitedSizeAreRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(
		syscall.Mkfifo(at("pipe"), 0o644),
		os.Symlink("pipe", at("link-to-pipe")),
		os.Symlink("/dev/zero", at("zero")),
		os.Symlink("loop", at("loop")),
		os.Mkdir(at("directory"), 0o755),
		os.WriteFile(at("sparse"), nil, 0o644),
		os.Truncate(at("sparse"), 8<<30),
		os.WriteFile(at("large"), make([]byte, 11<<20), 0o644),
		os.WriteFile(at("full"), make([]byte, 10<<20), 0o644),
	); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"pipe":         "shown: this is not a regular file: kgate opens no pipe, socket or device",
		"link-to-pipe": "shown: this is not a regular file: kgate opens no pipe, socket or device",
		"zero":         "shown: this is not a regular file: kgate opens no pipe, socket or device",
		"directory":    "shown: this is a directory; a file belongs here",
		"sparse":       "shown: the file has 8192 MB; the limit is 10 MB: split it",
		"large":        "shown: the file has 11 MB; the limit is 10 MB: split it",
		"loop":         "stat loop: too many levels of symbolic links",
		"full":         "",
	} {
		data, err := manifest.ReadFile(os.DirFS(dir), name, "shown", 10<<20)
		switch {
		case want == "" && (err != nil || len(data) != 10<<20):
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		case want != "" && (err == nil || err.Error() != want):
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	if _, err := manifest.ReadFile(os.DirFS(dir), "none", "none", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
