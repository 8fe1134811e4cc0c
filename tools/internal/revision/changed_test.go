package revision

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestChangedAsGit compares with what git says of two commits, and of a commit and the working tree.
func TestChangedAsGit(t *testing.T) {
	dir := history(t)
	repository, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	tree := func(name string) *Tree {
		t.Helper()
		tree, err := repository.Tree(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	lines := func(text string) []string {
		all := strings.Fields(text)
		slices.Sort(all)
		return all
	}
	for _, pair := range [][2]string{{"v1", "main"}, {"main", "v1"}, {"main", "main"}, {"main~1", "feature/one"}} {
		got, err := Changed(t.Context(), tree(pair[0]), tree(pair[1]))
		if err != nil {
			t.Fatal(err)
		}
		if want := lines(git(t, dir, "diff", "--name-only", "--no-renames", pair[0], pair[1])); !slices.Equal(got, want) {
			t.Errorf("%v: %v, git says %v", pair, got, want)
		}
	}
	below := func(name, dir string) *Tree {
		t.Helper()
		at, err := tree(name).At(dir)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	if got, err := Changed(t.Context(), below("v1", "deep/er"), below("main", "deep/er")); err != nil || !slices.Equal(got, []string{"file.txt"}) {
		t.Errorf("below a directory: %v, %v", got, err)
	}
	if got, err := Changed(t.Context(), below("v1", "nowhere"), below("main", "nowhere")); err != nil || len(got) > 0 {
		t.Errorf("below a directory that is not there: %v, %v", got, err)
	}
	if got, err := Changed(t.Context(), below("v1", "nowhere"), below("main", "deep/er")); err != nil || !slices.Equal(got, []string{"file.txt"}) {
		t.Errorf("below a directory that one side has: %v, %v", got, err)
	}

	write(t, dir, ".copies/a.yaml", "one\n")
	write(t, dir, ".copies/b.yaml", "one\n")
	git(t, dir, "add", ".copies")
	git(t, dir, "commit", "-qm", "what no walk looks into, and a kustomization may read")
	write(t, dir, ".copies/a.yaml", "two\n")
	if err := os.Remove(filepath.Join(dir, ".copies", "b.yaml")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, ".others/a.yaml", "not looked into\n")
	write(t, dir, "kgate.yaml", "four\n") // of the length that it had, in the same second
	write(t, dir, "new/file", "new\n")
	write(t, dir, "node_modules/a", "not looked at\n")
	for _, name := range []string{"run.sh", "link"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "link/inside", "a link became a directory\n")
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	passedOver := func(dir string) bool { return strings.HasPrefix(dir, ".") || dir == "node_modules" }
	got, err := tree("main").ChangedIn(t.Context(), root.FS(), passedOver)
	if want := []string{".copies/a.yaml", ".copies/b.yaml", ".others", "kgate.yaml", "link", "link/inside", "new/file", "node_modules", "run.sh"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("the working tree: %v, %v, want %v", got, err, want)
	}
	deep, err := root.OpenRoot("deep")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "deep/er/file.txt", "another\n")
	if got, err := below("main", "deep").ChangedIn(t.Context(), deep.FS(), passedOver); err != nil || !slices.Equal(got, []string{"er/file.txt"}) {
		t.Errorf("of a directory: %v, %v", got, err)
	}
	if got, err := below("main", "nowhere").ChangedIn(t.Context(), deep.FS(), passedOver); err != nil || !slices.Equal(got, []string{"er/file.txt", "up"}) {
		t.Errorf("of a directory that was not there: %v, %v", got, err)
	}
}

// TestChangedAsGitIgnores leaves out what git ignores, as git says of the working tree.
func TestChangedAsGitIgnores(t *testing.T) {
	dir := history(t)
	write(t, dir, "kept.log", "git knows it\n")
	git(t, dir, "add", "-f", "kept.log")
	git(t, dir, "commit", "-qm", "a file that patterns fit")
	write(t, dir, ".gitignore", "*.log\n/dist/\n!seen.log\nbuild\n# comment\ndeep/**/cache\n")
	write(t, dir, "deep/.gitignore", "*.tmp\n!keep.tmp\n/only\n")
	write(t, dir, ".git/info/exclude", "*.mine\n")
	for _, name := range []string{
		"a.log", "seen.log", "kept.log", "dist/seen.log", "deep/dist/a", "build/a", "deep/build/forced", "deep/build/left", "deep/a.tmp", "deep/keep.tmp",
		"deep/only", "deep/er/only", "deep/er/cache/a", "a.tmp", "a.mine", "deep/a.mine", "plain",
	} {
		write(t, dir, name, "new\n")
	}
	git(t, dir, "add", "-f", "deep/build/forced")
	repository, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := repository.Tree(t.Context(), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	for _, below := range []string{".", "deep"} {
		at, err := tree.At(below)
		if err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(filepath.Join(dir, below))
		if err != nil {
			t.Fatal(err)
		}
		got, err := at.ChangedIn(t.Context(), root.FS(), func(string) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(git(t, filepath.Join(dir, below), "diff", "--name-only", "--relative", "HEAD") + "\n" + git(t, filepath.Join(dir, below), "ls-files", "--others", "--exclude-standard"))
		slices.Sort(want)
		if !slices.Equal(got, slices.Compact(want)) {
			t.Errorf("in %s: %v, git says %v", below, got, want)
		}
		if len(want) < 3 {
			t.Errorf("in %s git sees %v: the test shows nothing", below, want)
		}
	}
}
