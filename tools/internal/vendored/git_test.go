package vendored

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// references are spellings of git repositories, and such as are none.
var references = []string{
	"https://github.com/org/repo",
	"https://github.com/org/repo?ref=v1.2.3",
	"https://github.com/org/repo//config/default?ref=v1.2.3",
	"https://github.com/org/repo/config/default?ref=v1.2.3",
	"https://github.com/org/repo.git",
	"https://github.com/org/repo.git/config?ref=main",
	"https://github.com/org/repo.git//config?ref=main",
	"https://github.com/org/repo//config?version=v1",
	"https://github.com/org/repo//config?version=v1&ref=v2",
	"https://github.com/org/repo//config?ref=v1&timeout=90s&submodules=false",
	"https://github.com/org/repo//config?ref=v1&submodules=0",
	"https://github.com/org/repo//config?ref=v1&submodules=perhaps",
	"https://github.com/org/repo//config?ref=%zz",
	"https://user@github.com/org/repo//config",
	"HTTPS://GitHub.com/org/repo//config",
	"http://github.com/org/repo//config",
	"ssh://git@github.com/org/repo//config?ref=v1",
	"ssh://github.com/org/repo//config?ref=v1",
	"github.com/org/repo",
	"github.com/org/repo/config/default?ref=v1",
	"github.com/org/repo//config/default?ref=v1",
	"GITHUB.COM/org/repo//config",
	"github.com:org/repo//config",
	"git@github.com:org/repo//config?ref=v1",
	"git@github.com/org/repo//config?ref=v1",
	"git@gitlab.example.com:group/sub/repo.git//config?ref=v1",
	"git@gitlab.example.com:group/sub/repo.git/config?ref=v1",
	"git@host.example.com:2222/org/repo//config",
	"ssh://git@host.example.com:2222/org/repo.git//config?ref=main",
	"https://gitlab.example.com/group/sub/repo.git//config?ref=v1",
	"https://gitlab.example.com/group/sub/repo//config?ref=v1",
	"https://gitlab.example.com/group/repo/config?ref=v1",
	"https://dev.azure.com/org/project/_git/repo/config?ref=main",
	"https://user@dev.azure.com/org/project/_git/repo//config?version=GBmain",
	"org@vs-ssh.visualstudio.com:v3/org/project/repo//config",
	"git::https://github.com/org/repo//config?ref=v1",
	"Git::ssh://git@host.example.com/org/repo.git//config",
	"git::git@github.com:org/repo//config",
	"https://host.example.com:8443/org/repo//config",
	"http://127.0.0.1:8080/org/repo.git//config?ref=v1",
	"https://host.example.com/org/repo//a/../b",
	"https://host.example.com/org/repo//../b",
	"https://host.example.com/org/repo///config",
	"https://host.example.com/org/repo/",
	"https://host.example.com/repo",
	"https://host.example.com",
	"https://",
	"git.example.com/org/repo",
	"../base",
	"base",
	"/org/repo.git",
	"github.com",
	"github.com/org",
	"github.com/org/",
	"user@host",
	"file:org/repo",
}

// Kustomize itself is asked what it takes a reference for: with a program in place of git that writes down what it is given.
func TestParseGitReadsAsKustomizeDoes(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	script := "#!/bin/sh\necho \"$*\" >> '" + log + "'\n"
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, reference := range references {
		_ = os.Remove(log)
		_, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), reference)
		if err == nil {
			t.Fatalf("%s: rendered", reference)
		}
		told, _ := os.ReadFile(log) // none where git is not asked
		git, parseErr := parseGit(reference)
		if (parseErr == nil) != (len(told) > 0) {
			t.Errorf("%s: %v, and Kustomize told git %q", reference, parseErr, told)
			continue
		}
		if parseErr != nil {
			if !IsNotGit(parseErr) {
				t.Errorf("%s: %v", reference, parseErr)
			}
			continue
		}
		lines := []string{"init", "remote add origin " + git.Clone, "fetch --depth=1 " + git.Clone + " " + cmp.Or(git.Ref, "HEAD"), "checkout FETCH_HEAD"}
		if git.Submodules {
			lines = append(lines, "submodule update --init --recursive")
		}
		if is := strings.Join(lines, "\n") + "\n"; is != string(told) {
			t.Errorf("%s:\n%swhere Kustomize tells git\n%s", reference, is, told)
		}
		// What it then does not find is the directory.
		if want := "/" + git.Path; git.Path != "." && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the directory is %s, and Kustomize says %s", reference, git.Path, err)
		}
	}
}

func TestParseGitRefuses(t *testing.T) {
	for reference, want := range map[string]string{
		"file:///tmp/repo//config":                              "is a path of one machine",
		"https://user:secret@host.example.com/org/repo//config": "holds a password",
		"ssh://-oProxyCommand=touch/org/repo.git//config":       "is no name of a host",
		"git@-oProxyCommand:org/repo":                           "is no name of a host",
		"https://host.example.com/org/repo?ref=--upload-pack":   "is no branch, tag or commit",
		"https://host.example.com/org/repo?ref=main:refs/x":     "is no branch, tag or commit",
		"https://host.example.com/org/repo?ref=a%20b":           "is no branch, tag or commit",
		"https://host.example.com/org/re po//config":            "characters that cannot be seen",
		"git::git::https://host.example.com/ext::sh/x":          "names no git repository",
		"git@ext::sh:org/repo":                                  "more than the URL of a repository",
	} {
		_, err := ParseGit(reference)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %q", reference, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows the password: %v", reference, err)
		}
	}
}

func FuzzParseGit(f *testing.F) {
	for _, reference := range references {
		f.Add(reference)
	}
	f.Fuzz(func(t *testing.T, reference string) {
		git, err := ParseGit(reference)
		if err != nil {
			return
		}
		if strings.HasPrefix(git.Clone, "-") || strings.HasPrefix(git.Ref, "-") || git.Path == ".." || strings.HasPrefix(git.Path, "../") || strings.HasPrefix(git.Path, "/") {
			t.Errorf("%q: %+v", reference, git)
		}
		l := &Lock{Directory: DefaultDirectory}
		if place := l.Place(&LockedRepository{URL: git.Clone, Ref: git.Ref}); !strings.HasPrefix(place, DefaultDirectory+"/git/") || checkPath(place) != nil {
			t.Errorf("%q: its place is %q", reference, place)
		}
	})
}
