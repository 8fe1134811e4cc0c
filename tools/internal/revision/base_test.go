package revision

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMergeBaseAsGit compares with git on random histories that branch and merge, with commits of one second.
func TestMergeBaseAsGit(t *testing.T) {
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	tree := git(t, dir, "write-tree")
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that is the same on every day
	var all []string
	for i := range 60 {
		args := []string{"commit-tree", tree, "-m", fmt.Sprint(i)}
		for _, parent := range random.Perm(len(all))[:min(len(all), 1+random.IntN(2))] {
			if parent > len(all)-12 && i%15 > 0 { // near ones, and now and then a history of its own
				args = append(args, "-p", all[parent])
			}
		}
		all = append(all, git(t, dir, args...))
	}
	for i, commit := range all {
		git(t, dir, "tag", fmt.Sprintf("c%d", i), commit)
	}
	repository, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	common := 0
	for range 150 {
		a, b := fmt.Sprintf("c%d", random.IntN(len(all))), fmt.Sprintf("c%d", random.IntN(len(all)))
		bases := strings.Fields(gitOr(t, dir, "merge-base", "--all", a, b))
		got, err := repository.MergeBase(t.Context(), a, b)
		switch {
		case len(bases) == 0:
			if err == nil || !strings.Contains(err.Error(), "no commit in common") {
				t.Errorf("%s and %s: %s, %v, want none", a, b, got, err)
			}
		case err != nil || !slices.Contains(bases, got):
			t.Errorf("%s and %s: %s, %v, want one of %s", a, b, got, err, bases)
		default:
			common++
		}
	}
	if common < 20 {
		t.Errorf("only %d pairs have a commit in common: the history tests nothing", common)
	}
}

// gitOr is git where nothing is no failure.
func gitOr(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return git(t, dir, "-c", "alias.or=!f() { git \"$@\" || true; }; f", "or", args[0], args[1], args[2], args[3])
}

func TestMergeBaseOfAShallowClone(t *testing.T) {
	dir := history(t)
	at := filepath.Join(t.TempDir(), "shallow")
	git(t, dir, "clone", "-q", "--depth=1", "--no-single-branch", "file://"+dir, at)
	repository, err := Open(at)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := repository.MergeBase(t.Context(), "origin/main", "origin/feature/one"); err == nil || !strings.Contains(err.Error(), "fetch-depth: 0") {
		t.Errorf("%s, %v, want the way out", got, err)
	}
	if got, err := repository.MergeBase(t.Context(), "HEAD", "origin/main"); err != nil || got != git(t, at, "rev-parse", "HEAD") {
		t.Errorf("of a commit and itself: %s, %v", got, err)
	}
	if _, err := repository.MergeBase(t.Context(), "HEAD", "nowhere"); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("of a branch that is not there: %v", err)
	}
}
