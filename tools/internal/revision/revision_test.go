package revision

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/go-git/go-git/v5/plumbing"
)

// git runs git in a directory, with no configuration but the repository's.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	cmd := exec.Command("git", append([]string{"-c", "protocol.file.allow=always"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "HOME="+dir,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, said.String())
	}
	return strings.TrimSpace(string(out))
}

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	at := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// history is a repository of three commits on main, a branch beside it, and tags of both kinds.
func history(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	commit := func(message string) {
		git(t, dir, "add", "-A")
		git(t, dir, "commit", "-qm", message)
	}
	write(t, dir, "kgate.yaml", "one\n")
	write(t, dir, "deep/er/file.txt", strings.Repeat("text\n", 2000))
	write(t, dir, "run.sh", "#!/bin/sh\n")
	for link, to := range map[string]string{"link": "deep/er", "deep/up": "../kgate.yaml", "out": "../../etc/passwd", "abs": "/etc/passwd", "loop": "loop", "nowhere": "not/there"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	commit("one")
	git(t, dir, "tag", "light")
	git(t, dir, "tag", "-am", "annotated", "v1")
	git(t, dir, "tag", "-am", "a tag of a tag", "v1-again", "v1")
	git(t, dir, "branch", "feature/one")
	write(t, dir, "kgate.yaml", "two\n")
	commit("two")
	git(t, dir, "checkout", "-q", "feature/one")
	write(t, dir, "side", "side\n")
	commit("side")
	git(t, dir, "checkout", "-q", "main")
	git(t, dir, "merge", "-q", "--no-ff", "-m", "merge", "feature/one")
	write(t, dir, "kgate.yaml", "three\n")
	write(t, dir, "deep/er/file.txt", strings.Repeat("text\n", 2000)+"more\n") // a delta, once it is packed
	commit("three")
	return dir
}

func tree(t testing.TB, dir, revision string) *Tree {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	tree, err := r.Tree(t.Context(), revision)
	if err != nil {
		t.Fatalf("%s: %v", revision, err)
	}
	return tree
}

func TestHead(t *testing.T) {
	dir := history(t)
	for _, at := range []struct{ checkout, branch string }{{"main", "main"}, {"feature/one", "feature/one"}, {"HEAD~0", ""}} {
		git(t, dir, "checkout", "-q", at.checkout)
		if at.branch == "" {
			git(t, dir, "checkout", "-q", "--detach")
		}
		r, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		branch, commit, err := r.Head()
		if want := strings.TrimSpace(git(t, dir, "rev-parse", "HEAD")); err != nil || branch != at.branch || commit != want {
			t.Errorf("%s: got %q, %q, %v, want %q, %q", at.checkout, branch, commit, err, at.branch, want)
		}
	}
	empty := t.TempDir()
	git(t, empty, "init", "-q")
	r, err := Open(empty)
	if err != nil {
		t.Fatal(err)
	}
	if branch, commit, err := r.Head(); err == nil {
		t.Errorf("a repository without a commit has %q, %q", branch, commit)
	}
}

var revisions = []string{
	"HEAD", "@", "main", "refs/heads/main", "heads/main", "light", "v1", "v1-again", "tags/v1", "feature/one", "HEAD~", "HEAD~1", "HEAD~2", "HEAD^",
	"HEAD~1^2", "main~1^1~1", "HEAD^0", "v1^0", "main~0",
}

// TestAsGit holds revisions and every file of them to what git says, however the objects lie there.
func TestAsGit(t *testing.T) {
	dir := history(t)
	same := func(t *testing.T, dir string, names []string) {
		t.Helper()
		for _, name := range names {
			got := tree(t, dir, name)
			if want := git(t, dir, "rev-parse", name+"^{commit}"); got.Commit != want {
				t.Errorf("%s is %s, git says %s", name, got.Commit, want)
			}
			for _, file := range []string{"kgate.yaml", "deep/er/file.txt"} {
				text, err := got.ReadFile(file)
				if want := git(t, dir, "show", name+":"+file); err != nil || strings.TrimSpace(string(text)) != want {
					t.Errorf("%s:%s is %.40q, %v", name, file, text, err)
				}
			}
		}
	}
	t.Run("loose", func(t *testing.T) { same(t, dir, revisions) })
	t.Run("by name", func(t *testing.T) {
		for _, name := range []string{"HEAD", "v1", "HEAD~2"} {
			hash := git(t, dir, "rev-parse", name)
			same(t, dir, []string{hash, hash[:7], hash[:12], hash[:39]})
		}
	})
	t.Run("from below", func(t *testing.T) {
		if _, err := Open(filepath.Join(dir, "deep")); !errors.Is(err, ErrNoRepository) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("worktree", func(t *testing.T) {
		at := filepath.Join(t.TempDir(), "linked")
		git(t, dir, "worktree", "add", "-q", "--detach", at, "main~1")
		same(t, at, revisions[2:12])
		same(t, at, []string{"HEAD", "HEAD~1"})
	})
	t.Run("alternates", func(t *testing.T) {
		at := filepath.Join(t.TempDir(), "borrowing")
		git(t, dir, "clone", "-q", "--shared", dir, at)
		same(t, at, []string{"HEAD", "origin/main", "origin", "origin/feature/one", "v1", git(t, dir, "rev-parse", "--short", "HEAD")})
		write(t, at, ".git/objects/info/alternates", "../../nowhere\n"+must(t, filepath.Rel, filepath.Join(at, ".git/objects"), filepath.Join(dir, ".git/objects"))+"\n")
		same(t, at, []string{"HEAD", "v1"})
	})
	t.Run("objects elsewhere", func(t *testing.T) {
		at, beside := filepath.Join(t.TempDir(), "shallow"), t.TempDir()
		git(t, dir, "clone", "-q", "--depth=1", "file://"+dir, at)
		wanted := git(t, dir, "rev-parse", "main~1")
		git(t, beside, "init", "-q", "--bare", ".")
		git(t, beside, "fetch", "-q", "--depth=1", "file://"+dir, wanted)
		r, err := Open(at, filepath.Join(beside, "objects"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Tree(t.Context(), wanted)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := got.ReadFile("kgate.yaml"); err != nil || string(text) != "two\n" {
			t.Errorf("got %q, %v", text, err)
		}
	})
	t.Run("submodule", func(t *testing.T) {
		at := filepath.Join(t.TempDir(), "holding")
		git(t, dir, "init", "-q", "-b", "main", at)
		git(t, at, "submodule", "--quiet", "add", dir, "vendor/sub")
		git(t, at, "commit", "-qm", "a submodule")
		got := tree(t, at, "HEAD")
		if info, err := got.Stat("vendor/sub"); err != nil || !info.IsDir() {
			t.Errorf("got %v, %v", info, err)
		}
		if entries, err := got.ReadDir("vendor/sub"); err != nil || len(entries) != 0 {
			t.Errorf("got %v, %v", entries, err)
		}
		same(t, filepath.Join(at, "vendor/sub"), []string{"HEAD", "v1"})
	})
	t.Run("shallow", func(t *testing.T) {
		at := filepath.Join(t.TempDir(), "shallow")
		git(t, dir, "clone", "-q", "--depth=1", "file://"+dir, at)
		same(t, at, []string{"HEAD", "origin/main"})
		missing := git(t, dir, "rev-parse", "main~1")
		r, err := Open(at)
		if err != nil {
			t.Fatal(err)
		}
		for revision, want := range map[string]string{
			missing: "git fetch --depth=1 origin " + missing, missing[:9]: "fetch-depth: 0", "HEAD~1": "fetch-depth: 0",
			"origin/feature/one": "git fetch --depth=1 origin feature/one",
		} {
			if _, err := r.Tree(t.Context(), revision); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "this clone is shallow") {
				t.Errorf("%s: got %v, want %s", revision, err, want)
			}
		}
		git(t, at, "fetch", "-q", "--depth=1", "origin", missing)
		same(t, at, []string{missing})
	})
	git(t, dir, "gc", "-q", "--aggressive", "--prune=now")
	t.Run("packed", func(t *testing.T) {
		if loose, _ := filepath.Glob(filepath.Join(dir, ".git/objects/??")); len(loose) > 0 {
			t.Fatalf("%v is not packed", loose)
		}
		same(t, dir, revisions)
		hash := git(t, dir, "rev-parse", "HEAD")
		same(t, dir, []string{hash, hash[:7]})
	})
}

func must[T any](t *testing.T, f func(string, string) (T, error), a, b string) T {
	t.Helper()
	value, err := f(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestTree(t *testing.T) {
	dir := history(t)
	got := tree(t, dir, "HEAD")
	for name, want := range map[string]string{"link/file.txt": "text\n", "deep/up": "three\n", "kgate.yaml": "three\n", "run.sh": "#!/bin/sh\n"} {
		if text, err := fs.ReadFile(got, name); err != nil || !strings.HasPrefix(string(text), want) {
			t.Errorf("%s: %.40q, %v", name, text, err)
		}
	}
	for name, want := range map[string]string{
		"out": "leads out", "abs": "leads out", "loop": "too many symbolic links", "nowhere": fs.ErrNotExist.Error(), "deep": "is a directory",
		"kgate.yaml/x": fs.ErrNotExist.Error(), "../x": fs.ErrInvalid.Error(), "/etc/passwd": fs.ErrInvalid.Error(), ".git/config": fs.ErrNotExist.Error(),
	} {
		if text, err := fs.ReadFile(got, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want %s", name, text, err, want)
		}
	}
	info, err := got.Lstat("link")
	if err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("link: %v, %v", info, err)
	}
	if to, err := got.ReadLink("link"); err != nil || to != "deep/er" {
		t.Errorf("link leads to %q, %v", to, err)
	}
	if _, err := got.ReadLink("kgate.yaml"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	if info, err := got.Stat("deep/er/file.txt"); err != nil || info.Size() != 10005 || !info.Mode().IsRegular() || info.Name() != "file.txt" {
		t.Errorf("got %v, %v", info, err)
	}
	below, err := fs.Sub(got, "deep")
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(below, "er/file.txt"); err != nil {
		t.Error(err)
	}
	// Many at once.
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if text, err := got.ReadFile("deep/er/file.txt"); err != nil || len(text) != 10005 {
				t.Errorf("%d bytes, %v", len(text), err)
			}
		})
	}
	group.Wait()
}

func TestRefuses(t *testing.T) {
	dir := history(t)
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, revision := range []string{
		"", "-main", "--upload-pack=touch x", "main..HEAD", "../HEAD", "main@{1}", "@{-1}", "main:kgate.yaml", ":/three", "HEAD^{tree}", "ma in",
		"main\n", "main\x1b[0m", "/main", "main/", "a//b", ".git", "main.lock", "ma*n", "ma?n", "[main]", "..", "./config", "refs/../config", "HEAD~99999",
		strings.Repeat("a", 300), "\xff",
	} {
		if got, err := r.Tree(t.Context(), revision); err == nil || !strings.Contains(err.Error(), "is not a revision") {
			t.Errorf("%q: got %v, %v", revision, got, err)
		}
	}
	for revision, want := range map[string]string{
		"nobody": "git fetch origin", "config": "git fetch origin", "FETCH_HEAD": "git fetch origin", "origin/x": "git fetch origin x",
		strings.Repeat("0a", 20): "git fetch origin", "HEAD~99": "no such parent", "HEAD^3": "no such parent", "main/x": "git fetch origin",
		git(t, dir, "rev-parse", "HEAD^{tree}"): "this is a tree and no commit", "feature": "git fetch origin", "heads": "git fetch origin",
	} {
		if got, err := r.Tree(t.Context(), revision); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %v; want %s", revision, got, err, want)
		}
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNoRepository) {
		t.Errorf("got %v", err)
	}
	for text, want := range map[string]string{"": "gitdir", "gitdir: nowhere\n": "holds no objects", "gitdir: /etc\n": "holds no objects", strings.Repeat("x", 9000): "gitdir"} {
		other := t.TempDir()
		write(t, other, ".git", text)
		if _, err := Open(other); !errors.Is(err, ErrNoRepository) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v", text, err)
		}
	}
}

// TestNothingRuns sets what git would run, or read elsewhere, in the repository's own files.
func TestNothingRuns(t *testing.T) {
	dir := history(t)
	mark := filepath.Join(t.TempDir(), "mark")
	script := filepath.Join(t.TempDir(), "run")
	write(t, filepath.Dir(script), "run", "#!/bin/sh\ntouch "+mark+"\n")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir, ".git/config", "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = "+script+"\n\tsshCommand = "+script+"\n\tpager = "+script+
		"\n\thooksPath = "+filepath.Dir(script)+"\n\tworktree = /etc\n[include]\n\tpath = /dev/zero\n[filter \"x\"]\n\tsmudge = "+script+"\n[alias]\n\tshow = !"+script+"\n")
	write(t, dir, ".git/hooks/post-checkout", "#!/bin/sh\ntouch "+mark+"\n")
	write(t, dir, ".git/info/attributes", "* filter=x\n")
	if text, err := tree(t, dir, "HEAD").ReadFile("kgate.yaml"); err != nil || string(text) != "three\n" {
		t.Errorf("got %q, %v", text, err)
	}
	if _, err := os.Lstat(mark); err == nil {
		t.Error("something ran")
	}
}

// TestDamaged reads objects and references that nobody wrote as they are.
func TestDamaged(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"no head": func(t *testing.T, dir string) { write(t, dir, ".git/HEAD", "") },
		"a head that leads round": func(t *testing.T, dir string) {
			write(t, dir, ".git/HEAD", "ref: refs/heads/a\n")
			write(t, dir, ".git/refs/heads/a", "ref: HEAD\n")
		},
		"a head that leads out": func(t *testing.T, dir string) { write(t, dir, ".git/HEAD", "ref: ../../../etc/passwd\n") },
		"a head to the config":  func(t *testing.T, dir string) { write(t, dir, ".git/HEAD", "ref: config\n") },
		"a short hash":          func(t *testing.T, dir string) { write(t, dir, ".git/refs/heads/main", "abc\n") },
		"a cut pack": func(t *testing.T, dir string) {
			git(t, dir, "gc", "-q", "--prune=now")
			packs, _ := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.pack"))
			if len(packs) != 1 {
				t.Fatal(packs)
			}
			if err := errors.Join(os.Chmod(packs[0], 0o600), os.Truncate(packs[0], 40)); err != nil {
				t.Fatal(err)
			}
		},
		"a cut index": func(t *testing.T, dir string) {
			git(t, dir, "gc", "-q", "--prune=now")
			indexes, _ := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.idx"))
			for _, index := range indexes {
				if err := errors.Join(os.Chmod(index, 0o600), os.Truncate(index, 500)); err != nil {
					t.Fatal(err)
				}
			}
		},
		"another format": func(t *testing.T, dir string) {
			write(t, dir, ".git/config", "[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := history(t)
			damage(t, dir)
			r, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Tree(t.Context(), "HEAD")
			if err == nil {
				_, err = got.ReadFile("kgate.yaml")
			}
			if err == nil {
				t.Error("it is read")
			}
		})
	}
}

func TestBounds(t *testing.T) {
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	write(t, dir, "big", "")
	if err := os.Truncate(filepath.Join(dir, "big"), MaxFileSize+1); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-qm", "big")
	got := tree(t, dir, "HEAD")
	if info, err := got.Stat("big"); err != nil || info.Size() != MaxFileSize+1 {
		t.Errorf("got %v, %v", info, err)
	}
	if _, err := got.ReadFile("big"); err == nil || !strings.Contains(err.Error(), "the limit is 64 MB") {
		t.Errorf("got %v", err)
	}
}

func FuzzParseTree(f *testing.F) {
	f.Add([]byte("100644 a\x00" + strings.Repeat("h", 20) + "40000 b\x00" + strings.Repeat("h", 20)))
	f.Add([]byte("100644 ../x\x00" + strings.Repeat("h", 20)))
	f.Add([]byte("120000 .GIT\x00" + strings.Repeat("h", 20)))
	f.Fuzz(func(t *testing.T, body []byte) {
		nodes, err := parseTree(body)
		if err != nil {
			return
		}
		for _, n := range nodes {
			if n.name == "" || strings.Contains(n.name, "/") || n.name == ".." || strings.EqualFold(n.name, ".git") || n.hash == plumbing.ZeroHash && !n.mode.IsDir() && !strings.Contains(string(body), strings.Repeat("\x00", 20)) {
				t.Errorf("%+v", n)
			}
		}
	})
}

func FuzzRevision(f *testing.F) {
	dir := history(f)
	r, err := Open(dir)
	if err != nil {
		f.Fatal(err)
	}
	for _, revision := range revisions {
		f.Add(revision)
	}
	f.Add("--help")
	f.Add("refs/../config")
	f.Fuzz(func(t *testing.T, revision string) {
		if tree, err := r.Tree(t.Context(), revision); err == nil && !whole.MatchString(tree.Commit) {
			t.Errorf("%q is %s", revision, tree.Commit)
		}
	})
}
