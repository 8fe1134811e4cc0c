package revision

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestMergeBaseAsGit compares with git on random histories that branch and merge: of commits of one second, of two, and of clocks that
// go wrong, so that commits are older than their parents.
func TestMergeBaseAsGit(t *testing.T) {
	for name, second := range map[string]func(i int, random *rand.Rand) int{
		"one second":   func(int, *rand.Rand) int { return 0 },
		"two seconds":  func(i int, _ *rand.Rand) int { return i / 30 },
		"wrong clocks": func(_ int, random *rand.Rand) int { return random.IntN(1000) },
		"backwards":    func(i int, _ *rand.Rand) int { return -i },
	} {
		t.Run(name, func(t *testing.T) { compareMergeBases(t, second) })
	}
}

func compareMergeBases(t *testing.T, second func(i int, random *rand.Rand) int) {
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that is the same on every day
	const begin = 1_700_000_000
	var stream strings.Builder // of git fast-import: the process of one commit takes longer than all of them
	when := map[string]int{}
	var seconds []int
	for i := range 60 {
		at := second(i, random)
		seconds = append(seconds, at)
		fmt.Fprintf(&stream, "commit refs/tags/c%d\nmark :%d\ncommitter a <a@example.com> %d +0000\ndata 0\n", i, i+1, begin+at)
		if i%15 > 0 { // now and then a history of its own
			near := random.Perm(min(i, 8))[:min(i, 8, 1+random.IntN(2))]
			for n, back := range near {
				fmt.Fprintf(&stream, "%s :%d\n", []string{"from", "merge"}[n], i-back)
			}
		}
		stream.WriteString("\n")
	}
	write(t, dir, "history", stream.String())
	git(t, dir, "-c", "alias.import=!git fast-import --quiet <history", "import")
	for i, commit := range strings.Fields(git(t, dir, append([]string{"rev-parse"}, tags(60)...)...)) {
		when[commit] = seconds[i]
	}
	repository, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	common, all := 0, tags(60)
	for range 60 {
		a, b := all[random.IntN(len(all))], all[random.IntN(len(all))]
		bases := strings.Fields(gitOr(t, dir, "merge-base", "--all", a, b))
		// Of several that are equally new, any will do.
		slices.SortFunc(bases, func(a, b string) int { return cmp.Compare(when[b], when[a]) })
		bases = slices.DeleteFunc(bases, func(base string) bool { return when[base] < when[bases[0]] })
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

// tags are c0, c1 and so on.
func tags(count int) []string {
	var all []string
	for i := range count {
		all = append(all, fmt.Sprintf("c%d", i))
	}
	return all
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
