package watch_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/watch"
)

// patience only ends a test that would otherwise hang.
const patience = time.Minute

type directory struct {
	t       *testing.T
	dir     string
	batches <-chan watch.Batch
}

func open(t *testing.T, files ...string) *directory {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	d := &directory{t: t, dir: dir}
	for _, name := range files {
		d.write(name, "")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	d.batches, err = watch.Directories(ctx, []string{dir}, func(name string) bool { return name == ".git" })
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *directory) at(name string) string { return filepath.Join(d.dir, name) }

func (d *directory) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *directory) write(name, text string) {
	d.t.Helper()
	d.must(os.MkdirAll(filepath.Dir(d.at(name)), 0o755))
	d.must(os.WriteFile(d.at(name), []byte(text), 0o600))
}

// until collects batches until every path was told, and returns all that was told.
func (d *directory) until(names ...string) []string {
	d.t.Helper()
	var told []string
	for {
		missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(told, name) })
		if len(missing) == 0 {
			return told
		}
		batch, ok := <-d.batches
		if !ok || batch.Err != nil {
			d.t.Fatalf("%v are never told; error: %v", missing, batch.Err)
		}
		for _, path := range batch.Paths {
			name, err := filepath.Rel(d.dir, path)
			d.must(err)
			told = append(told, filepath.ToSlash(name))
		}
	}
}

func TestFilesAreTold(t *testing.T) {
	d := open(t, "a/written", "a/removed", "a/replaced", "moved", "a/.git/HEAD")
	d.write("a/written", "new")
	d.write("a/.git/HEAD", "new")
	d.must(os.Remove(d.at("a/removed")))
	// How most editors save: beside the file, then in its place.
	d.write("a/replaced~", "new")
	d.must(os.Rename(d.at("a/replaced~"), d.at("a/replaced")))
	d.must(os.Rename(d.at("moved"), d.at("a/moved")))
	d.must(os.Symlink("written", d.at("a/link")))
	told := d.until("a/written", "a/removed", "a/replaced", "moved", "a/moved", "a/link")
	for _, name := range told {
		if slices.Contains([]string{"a/.git", "a/.git/HEAD"}, name) {
			t.Errorf("%s is told", name)
		}
	}
}

func TestNewDirectoriesAreWatched(t *testing.T) {
	d := open(t, "a/file")
	d.write("a/b/c/file", "")
	d.until("a/b", "a/b/c", "a/b/c/file")
	d.write("a/b/c/later", "")
	d.until("a/b/c/later")
	// A tree that is made elsewhere and moved in.
	elsewhere := t.TempDir()
	d.must(os.MkdirAll(filepath.Join(elsewhere, "in/side"), 0o755))
	d.must(os.WriteFile(filepath.Join(elsewhere, "in/side/file"), nil, 0o600))
	d.must(os.Rename(filepath.Join(elsewhere, "in"), d.at("a/in")))
	d.until("a/in/side/file")
	d.write("a/in/side/later", "")
	d.until("a/in/side/later")
}

// After a rename, what happens in the directory is told under its new name, at every depth.
func TestRenamedDirectories(t *testing.T) {
	d := open(t, "old/deep/file")
	d.must(os.Rename(d.at("old"), d.at("new")))
	d.until("old", "new/deep/file")
	d.write("new/deep/file", "new")
	told := d.until("new/deep/file")
	if slices.Contains(told, "old/deep/file") {
		t.Error("the old name is told")
	}
	// A directory may come back under its name.
	d.write("old/deep/file", "again")
	d.until("old/deep/file")
	d.must(os.RemoveAll(d.at("old")))
	d.until("old")
	d.write("old/deep/file", "once more")
	d.until("old/deep/file")
	d.write("old/deep/later", "")
	d.until("old/deep/later")
}

func TestWhatIsNotThereCannotBeWatched(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if _, err := watch.Directories(ctx, []string{filepath.Join(t.TempDir(), "missing")}, func(string) bool { return false }); err == nil {
		t.Error("no error")
	}
}

func TestTheEndOfTheContextClosesTheChannel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	batches, err := watch.Directories(ctx, []string{t.TempDir()}, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for range batches {
	}
}
