package revision

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// told is what a log knows of the first line of a file that begins with a word, by the subjects of commits.
func told(t *testing.T, dir, file string, until func(Change) bool) string {
	t.Helper()
	repository, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	log, err := repository.Log(t.Context(), "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	trail, err := log.Trail(t.Context(), file, func(text []byte) (string, bool) {
		_, rest, said := bytes.Cut(text, []byte("version: "))
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		return string(line), said
	}, until)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v", trail.Head, trail.Said)
	for _, c := range trail.Changes {
		fmt.Fprintf(&b, ", %s since %s", c.Value, c.Subject)
		if c.Hash != c.Merged.Hash {
			fmt.Fprintf(&b, " by %s", c.Merged.Subject)
		}
		if !c.Said {
			b.WriteString(" gone")
		}
		if at := git(t, dir, "log", "-1", "--format=%an %ct", c.Hash); at != fmt.Sprintf("%s %d", c.Author, c.When.Unix()) {
			t.Errorf("%s is by %s at %d, and git says %s", c.Hash, c.Author, c.When.Unix(), at)
		}
	}
	return b.String() + ": " + string(trail.End)
}

func TestTrail(t *testing.T) {
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	commit := func(subject, text string) {
		t.Helper()
		write(t, dir, "in/dir/file", text)
		git(t, dir, "add", "-A")
		git(t, dir, "commit", "-qm", subject+"\n\nmore of it", "--allow-empty")
	}
	commit("one", "version: 1\n")
	commit("beside", "# why\nversion: 1\nmore\n")
	commit("two", "version: 2\n")
	git(t, dir, "checkout", "-qb", "branch")
	commit("draft", "version: 2.5\n")
	commit("three", "version: 3\n")
	git(t, dir, "checkout", "-q", "main")
	write(t, dir, "other", "x\n")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-qm", "elsewhere")
	git(t, dir, "merge", "-q", "--no-ff", "-m", "merge of branch", "branch")
	git(t, dir, "rm", "-qr", "in")
	git(t, dir, "commit", "-qm", "gone")
	commit("back", "version: 3\n")
	git(t, dir, "checkout", "-qb", "late", "HEAD~1")
	write(t, dir, "late", "x\n")
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-qm", "late")
	git(t, dir, "checkout", "-q", "main")
	git(t, dir, "merge", "-q", "--no-ff", "-m", "merge of late", "late") // brings nothing

	const all = "3 true, 3 since back,  since gone gone, 3 since three by merge of branch, 2 since two, 1 since one: beginning"
	if got := told(t, dir, "in/dir/file", nil); got != all {
		t.Errorf("got  %s\nwant %s", got, all)
	}
	if got, want := told(t, dir, "in/dir/file", func(c Change) bool { return c.Value == "3" }), "3 true, 3 since back: enough"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, none := range []string{"nowhere", "in/dir", "other/file", "other"} {
		if got, want := told(t, dir, none, nil), " false: enough"; got != want {
			t.Errorf("of %s: %q, want %q", none, got, want)
		}
	}
	git(t, dir, "gc", "-q")
	if got := told(t, dir, "in/dir/file", nil); got != all {
		t.Errorf("packed, got %s", got)
	}
	for depth, want := range map[int]string{
		1: "3 true: shallow",
		3: "3 true, 3 since back: shallow",
		4: "3 true, 3 since back,  since gone gone: shallow",
	} {
		at := filepath.Join(t.TempDir(), "shallow")
		git(t, dir, "clone", "-q", fmt.Sprintf("--depth=%d", depth), "file://"+dir, at)
		if got := told(t, at, "in/dir/file", nil); got != want {
			t.Errorf("of depth %d: %s, want %s", depth, got, want)
		}
	}
}

// TestTrailOfAMove holds that a file is followed to where it was before, where that is plain.
func TestTrailOfAMove(t *testing.T) {
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	commit := func(subject string) {
		git(t, dir, "add", "-A")
		git(t, dir, "commit", "-qm", subject)
	}
	for _, environment := range []string{"dev", "prod"} {
		write(t, dir, "overlays/"+environment+"/app/file", "version: 1\n# of "+environment+"\n")
	}
	write(t, dir, "a/one/file", "version: 1\n")
	write(t, dir, "a/two/file", "version: 1\n")
	write(t, dir, "a/three/file", "version: 3\n")
	commit("one")
	write(t, dir, "overlays/prod/app/file", "version: 2\n# of prod\n")
	write(t, dir, "overlays/dev/app/file", "version: 2\n# of dev\n")
	commit("two")
	for _, environment := range []string{"dev", "prod"} {
		git(t, dir, "mv", "overlays/"+environment+"/app", "overlays/"+environment+"/shop")
	}
	git(t, dir, "rm", "-qr", "a")
	write(t, dir, "b/four/file", "version: 1\n")
	write(t, dir, "b/five/file", "version: 4\n")
	write(t, dir, "b/six/other", "version: 1\n")
	commit("moved")
	for file, want := range map[string]string{
		"overlays/prod/shop/file": "2 true, 2 since two, 1 since one: beginning",
		"overlays/dev/shop/file":  "2 true, 2 since two, 1 since one: beginning",
		"b/four/file":             "1 true, 1 since moved: moved", // of a/one or of a/two
		"b/five/file":             "4 true, 4 since moved: moved",
		"b/six/other":             "1 true, 1 since moved: beginning",
	} {
		if got := told(t, dir, file, nil); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

// TestTrailOfAMergeThatDecides holds that a merge which says what neither side does is the commit that says it.
func TestTrailOfAMergeThatDecides(t *testing.T) {
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	commit := func(subject, text string) {
		write(t, dir, "file", text)
		git(t, dir, "add", "-A")
		git(t, dir, "commit", "-qm", subject)
	}
	commit("one", "version: 1\n")
	git(t, dir, "checkout", "-qb", "branch")
	commit("two", "version: 2\n")
	git(t, dir, "checkout", "-q", "main")
	commit("three", "version: 3\n")
	git(t, dir, "merge", "-q", "--no-commit", "-s", "ours", "branch")
	commit("four", "version: 4\n")
	if got, want := told(t, dir, "file", nil), "4 true, 4 since four, 3 since three, 1 since one: beginning"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
