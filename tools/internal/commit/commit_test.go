package commit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository is one with a commit of a.yaml and b.yaml, both of them changed since, and b.yaml staged.
func repository(t *testing.T) (*Repository, func(args ...string) string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir := t.TempDir()
	for name, value := range map[string]string{
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com",
	} {
		t.Setenv(name, value)
	}
	git := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q", "-b", "main")
	write("a.yaml", "a: 1\n")
	write("b.yaml", "b: 1\n")
	git("add", ".")
	git("commit", "-qm", "first")
	write("a.yaml", "a: 2\n")
	write("b.yaml", "b: 2\n")
	git("add", "b.yaml")
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r, git
}

func TestFiles(t *testing.T) {
	r, git := repository(t)
	undo, err := r.Begin(t.Context(), "promote/app")
	if err != nil {
		t.Fatal(err)
	}
	if err := undo(); err != nil {
		t.Fatal(err)
	}
	if got := git("branch", "--format=%(refname:short)"); got != "main" {
		t.Errorf("branches %q, want main alone", got)
	}
	if _, err := r.Begin(t.Context(), "promote/app"); err != nil {
		t.Fatal(err)
	}
	name, err := r.Files(t.Context(), "app: 1 → 2\n\nService: app\nTo: 2\n", "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if got := git("log", "-1", "--format=%H|%an|%s|%(trailers:key=Service,valueonly,separator=)"); got != name+"|Ada|app: 1 → 2|app" {
		t.Errorf("the commit is %q", got)
	}
	if got := git("show", "--format=", "--name-only"); got != "a.yaml" {
		t.Errorf("it has %q, want a.yaml alone", got)
	}
	if got := git("status", "--porcelain"); got != "M  b.yaml" {
		t.Errorf("what was staged is %q, want b.yaml as it was", got)
	}
	if got := git("branch", "--show-current"); got != "promote/app" {
		t.Errorf("the branch is %q", got)
	}
	if _, err := r.Begin(t.Context(), "main"); err == nil || !strings.Contains(err.Error(), "make the branch main: git says: ") {
		t.Errorf("a branch that is there: %v", err)
	}
}

func TestHookRefuses(t *testing.T) {
	r, git := repository(t)
	hook := filepath.Join(r.Dir, ".git", "hooks", "pre-commit")
	if err := os.MkdirAll(filepath.Dir(hook), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hook, []byte("#!/bin/sh\necho not today\nexit 1\n"), 0o700); err != nil { //nolint:gosec // a hook is run
		t.Fatal(err)
	}
	if _, err := r.Files(t.Context(), "m", "a.yaml"); err == nil || err.Error() != "commit: git says: not today" {
		t.Errorf("error %v", err)
	}
	if got := git("status", "--porcelain"); got != "M a.yaml\nM  b.yaml" { // the first column of the first line was trimmed
		t.Errorf("the tree is %q", got)
	}
}
