package revision

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestOrigin(t *testing.T) {
	for want, spellings := range map[string][]string{
		"https://example.com/a/b":          {"https://example.com/a/b", "https://example.com/a/b.git", "https://Example.com/a/b/", " https://example.com/a/b.git/ "},
		"git@example.com/a/b":              {"git@example.com:a/b.git", "git@example.com:A/b", "ssh://git@example.com/a/b", "ssh://git@example.com/a/b.git"},
		"git@example.com:22/a/b":           {"ssh://git@example.com:22/a/b"},
		"https://user@example.com:443/a/b": {"https://user@example.com:443/a/b"},
		"":                                 {"", " "},
	} {
		for _, url := range spellings {
			if got := Origin(url); got != want {
				t.Errorf("Origin(%q) = %q, want %q", url, got, want)
			}
		}
	}
}

func TestName(t *testing.T) {
	for url, want := range map[string]string{
		"https://forge.example/Shop/Deploy.git":                      "shop/deploy",
		"git@forge.example:shop/deploy":                              "shop/deploy",
		"ssh://git@forge.example:7999/shop/deploy.git":               "shop/deploy",
		"https://forge.example/group/shop/deploy":                    "group/shop/deploy",
		"https://dev.azure.com/org/shop/_git/deploy":                 "org/shop/deploy",
		"git@ssh.dev.azure.com:v3/org/shop/deploy":                   "v3/org/shop/deploy",
		"https://me@dev.azure.com/org/_git/deploy":                   "org/deploy/deploy",
		"https://org.visualstudio.com/DefaultCollection/_git/deploy": "deploy/deploy",
		"https://org.visualstudio.com/_git/deploy":                   "deploy/deploy",
		"https://forge.example/deploy":                               "",
		"ssh://git@forge.example:7999/deploy.git":                    "",
		"git@forge.example:deploy":                                   "",
		"/srv/git/shop/deploy":                                       "",
		"file:///srv/git/shop/deploy":                                "",
		"../shop/deploy":                                             "",
		"deploy":                                                     "",
		"":                                                           "",
	} {
		if got := Name(url); got != want {
			t.Errorf("%s is called %q, want %q", url, got, want)
		}
	}
}

func TestSameName(t *testing.T) {
	same := func(a, b string) bool { return SameName(Name(a), Name(b)) && SameName(Name(b), Name(a)) }
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"https://forge.example/git/shop/deploy", "git@forge.example:shop/deploy", true},
		{"https://dev.azure.com/org/shop/_git/deploy", "git@ssh.dev.azure.com:v3/org/shop/deploy", true},
		{"https://dev.azure.com/org/_git/deploy", "git@ssh.dev.azure.com:v3/org/deploy/deploy", true},
		{"https://org.visualstudio.com/DefaultCollection/shop/_git/deploy", "https://dev.azure.com/org/shop/_git/deploy", true},
		{"oci://forge.example/shop/deploy", "https://forge.example/shop/deploy", false},
		{"https://forge.example/one/shop/deploy", "https://forge.example/other/shop/deploy", false},
		{"https://forge.example/ashop/deploy", "https://forge.example/shop/deploy", false},
		{"https://forge.example/deploy", "https://forge.example/deploy", false},
	} {
		if got := same(c.a, c.b); got != c.want {
			t.Errorf("%s and %s: got %t", c.a, c.b, got)
		}
	}
}

func TestRemotes(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if got := Remotes(dir); got != nil {
		t.Errorf("without a .git there are %v", got)
	}
	write("main/.git/config", "[remote \"origin\"]\n\turl = git@forge.example:me/deploy.git\n[remote \"upstream\"]\n\turl = https://forge.example/shop/deploy\n[remote \"here\"]\n\turl = deploy\n")
	write("linked/.git", "gitdir: ../main/.git/worktrees/linked\n")
	write("main/.git/worktrees/linked/commondir", "../..\n")
	want := []string{"me/deploy", "shop/deploy"}
	for _, tree := range []string{"main", "linked"} {
		if got := Remotes(filepath.Join(dir, tree)); !slices.Equal(got, want) {
			t.Errorf("%s has the remotes %v, want %v", tree, got, want)
		}
	}
	write("main/.git/config", "[remote \"origin\n")
	if got := Remotes(filepath.Join(dir, "main")); got != nil {
		t.Errorf("of a configuration that cannot be read there are %v", got)
	}
}
