package vendored

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

const hash = "0123456789abcdef0123456789abcdef01234567"

// lockOf is a lock with an entry of each kind.
func lockOf() *Lock {
	return &Lock{
		Directory: DefaultDirectory,
		Repositories: []LockedRepository{
			{URL: "https://github.com/org/repo", Ref: "v1", Commit: hash, Paths: []string{"config", "."}, Digest: Content{Files: map[string][]byte{"config/a.yaml": []byte("a: 1\n")}}.Digest()},
			{URL: "git@github.com:org/repo", Commit: hash, Paths: []string{"."}, Digest: Content{}.Digest()},
		},
		Files:  []LockedFile{{URL: "https://host.example.com/x/install.yaml?token=1", Digest: Content{Files: map[string][]byte{"install.yaml": []byte("b: 2\n")}}.Digest()}},
		Charts: []LockedChart{{Chart: Chart{Repository: "oci://host.example.com/charts", Name: "web", Version: "1.x"}, Resolved: "1.2.0", Archive: Content{}.Digest(), Digest: Content{}.Digest()}},
	}
}

func TestLockIsReadAsItIsWritten(t *testing.T) {
	text, err := lockOf().Text()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseLock(LockFile, text)
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.Text()
	if err != nil || string(text) != string(second) {
		t.Fatalf("%v\n%s\nbecomes\n%s", err, text, second)
	}
	if !strings.Contains(string(text), "paths:\n  - .\n  - config\n") {
		t.Errorf("the paths are in no order:\n%s", text)
	}
}

func TestLockIsHeldToItsForm(t *testing.T) {
	for text, want := range map[string]string{
		"# a\n\napiVersion: kgate/v2\ndirectory: x\n":                                   `:3: apiVersion is "kgate/v2"`,
		"directory: x\napiVersion: [a]\n":                                               ":2: a text belongs here",
		"# a\ndirectory: x\n":                                                           `:2: apiVersion is ""`,
		"apiVersion: kgate/v1\ndirectory: ../x\n":                                       ":2: directory: \"../x\" is no directory below the repository's top",
		"apiVersion: kgate/v1\ndirectory: .git/hooks\n":                                 ":2: directory: .git/hooks: a name of git's own",
		"apiVersion: kgate/v1\ndirectory: .kgate\n":                                     ":2: directory: .kgate holds the lock file",
		"apiVersion: kgate/v1\ndirectory: x\nrepos: []\n":                               `:3: there is no key "repos"`,
		"apiVersion: kgate/v1\ndirectory: x\nfiles:\n- url: https://a/b\n":              ":4: a file has url and digest",
		"apiVersion: kgate/v1\ndirectory: x\nfiles:\n- url: https://a/b\n  digest: 1\n": `:5: "1" is no hash`,
		"a: 1\n---\nb: 1\n":                                                             ":3: a lock file is one YAML document",
		"# a\n":                                                                         ":1: a lock file is one YAML document",
	} {
		_, err := ParseLock(LockFile, []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), Run) {
			t.Errorf("%q: %v, not %q", text, err, want)
		}
	}
}

func TestPlaces(t *testing.T) {
	l := &Lock{Directory: "d"}
	seen := map[string]bool{}
	for _, c := range []struct {
		entry Locked
		want  string // "" for one with a hash
	}{
		{&LockedRepository{URL: "https://github.com/org/repo", Ref: "v1.2.0"}, "d/git/github.com/org/repo@v1.2.0"},
		{&LockedRepository{URL: "https://github.com/org/repo"}, "d/git/github.com/org/repo@HEAD"},
		{&LockedRepository{URL: "https://github.com/Org/repo"}, ""},
		{&LockedRepository{URL: "git@github.com:org/repo"}, ""},
		{&LockedRepository{URL: "ssh://git@github.com/org/repo"}, ""},
		{&LockedRepository{URL: "https://github.com/org/repo", Ref: "feature/x"}, ""},
		{&LockedRepository{URL: "https://github.com/../.git", Ref: "feature/y"}, ""},
		{&LockedRepository{URL: "https://host/a/b", Ref: "v1"}, "d/git/host/a/b@v1"},
		{&LockedRepository{URL: "https://host/a/b@v1/c"}, ""},
		{&LockedRepository{URL: "https://host/a/b", Ref: "é"}, "d/git/host/a/b@0c6da23ec3b6"},
		{&LockedRepository{URL: "https://host/a/b-0c6da23ec3b6/c"}, "d/git/host/a/b-0c6da23ec3b6/c@HEAD"},
		{&LockedRepository{URL: "https://host/a/é", Ref: "é"}, ""},
		{&LockedRepository{URL: "https://host/a/" + strings.Repeat("b", 100)}, ""},
		{&LockedFile{URL: "https://host.example.com/a/install.yaml"}, ""},
		{&LockedFile{URL: "https://host.example.com/b/install.yaml"}, ""},
		{&LockedFile{URL: "https://é/install.yaml"}, ""},
		{&LockedChart{Chart: Chart{Repository: "https://charts.example.com", Name: "web", Version: "1.2.0"}}, "d/charts/charts.example.com/web@1.2.0"},
		{&LockedChart{Chart: Chart{Repository: "oci://charts.example.com", Name: "web", Version: "1.2.0"}}, ""},
		{&LockedChart{Chart: Chart{Repository: "https://charts.example.com", Name: "web", Version: "^1"}}, ""},
		{&LockedChart{Chart: Chart{Repository: "https://charts.example.com", Name: "../../x"}}, ""},
		{&LockedChart{Chart: Chart{Repository: "https://charts.example.com/web@1.2.0", Name: "other"}}, ""},
		{&LockedChart{Chart: Chart{Repository: "https://charts.example.com", Name: "é", Version: "é"}}, ""},
	} {
		is := l.Place(c.entry)
		if seen[is] || checkPath(is) != nil || !strings.HasPrefix(is, "d/") || c.want != "" && is != c.want {
			t.Errorf("%s: its place is %q (%v), not %q", Describe(c.entry), is, checkPath(is), c.want)
		}
		for other := range seen {
			if Within(other, is) || Within(is, other) {
				t.Errorf("%s and %s: one lies in the other", other, is)
			}
		}
		if kept := strings.Count(is, "@"); kept > 1 || kept == 1 && !strings.Contains(is[strings.LastIndex(is, "/"):], "@") {
			t.Errorf("%s: a copy can lie in it or above it", is)
		}
		seen[is] = true
	}
}

func TestContentIsChecked(t *testing.T) {
	file := []byte("a: 1\n")
	for name, c := range map[string]struct {
		content Content
		want    string // "" for none
	}{
		"plain":          {Content{Files: map[string][]byte{"a/b.yaml": file}, Links: map[string]string{"c": "a/b.yaml", "a/d": "../c"}}, ""},
		"git":            {Content{Files: map[string][]byte{"a/.git/config": file}}, "git's own"},
		"git, otherwise": {Content{Files: map[string][]byte{"a/.GIT./config": file}}, "git's own"},
		"up":             {Content{Files: map[string][]byte{"../a": file}}, "is no path in a copy"},
		"absolute":       {Content{Files: map[string][]byte{"/a": file}}, "is no path in a copy"},
		"backslash":      {Content{Files: map[string][]byte{`a\..\b`: file}}, "is no path on every file system"},
		"stream":         {Content{Files: map[string][]byte{"a:b": file}}, "is no path on every file system"},
		"control":        {Content{Files: map[string][]byte{"a\nb": file}}, "is no path on every file system"},
		"letter case":    {Content{Files: map[string][]byte{"A/x": file, "a/y": file}}, "one file where letter case does not count"},
		"both":           {Content{Files: map[string][]byte{"a": file, "a/b": file}}, "is a file and a directory"},
		"behind a link":  {Content{Files: map[string][]byte{"a/b": file}, Links: map[string]string{"a": "c"}}, "is a file and a directory"},
		"link out":       {Content{Links: map[string]string{"a": "../b"}}, "leads out of the copy"},
		"absolute link":  {Content{Links: map[string]string{"a": "/etc"}}, "leads out of the copy"},
		"link by links":  {Content{Links: map[string]string{"p/q/r/b": "../../../d", "p/q/r/c": "b/../../x"}}, "leads out of the copy"},
		"link to itself": {Content{Links: map[string]string{"a": "a"}}, "symbolic links"},
		"large":          {Content{Files: map[string][]byte{"a": make([]byte, manifest.MaxFileSize+1)}}, "the limit is"},
	} {
		err := c.content.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, not %q", name, err, c.want)
		}
	}
}

func TestDigestTellsContentsApart(t *testing.T) {
	contents := []Content{
		{},
		{Files: map[string][]byte{"a": []byte("1")}},
		{Files: map[string][]byte{"a": []byte("2")}},
		{Files: map[string][]byte{"b": []byte("1")}},
		{Links: map[string]string{"a": "1"}},
		{Files: map[string][]byte{"a": []byte("1"), "b": nil}},
	}
	seen := map[string]int{}
	for i, c := range contents {
		if j, ok := seen[c.Digest()]; ok {
			t.Errorf("%d and %d have one digest", i, j)
		}
		seen[c.Digest()] = i
	}
}

// tree is a repository with a lock and what it lists.
func tree(t *testing.T) fstest.MapFS {
	t.Helper()
	l := lockOf()
	text, err := l.Text()
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{
		LockFile: &fstest.MapFile{Data: text},
		l.Place(l.Repository(Git{Clone: "https://github.com/org/repo", Ref: "v1"})) + "/config/a.yaml": &fstest.MapFile{Data: []byte("a: 1\n")},
		l.Place(&l.Files[0]) + "/install.yaml":                                                         &fstest.MapFile{Data: []byte("b: 2\n")},
	}
}

func TestCopies(t *testing.T) {
	ctx := context.Background()
	const base, file = "https://github.com/org/repo//config?ref=v1", "https://host.example.com/x/install.yaml?token=1"
	c := Open(tree(t))
	if at, err := c.Git(ctx, base); err != nil || at != (Tree{".kgate/vendor/git/github.com/org/repo@v1", ".kgate/vendor/git/github.com/org/repo@v1/config"}) {
		t.Errorf("%+v, %v", at, err)
	}
	if name, err := c.File(ctx, file, nil); err != nil || !strings.HasPrefix(name, ".kgate/vendor/files/host.example.com/") || !strings.HasSuffix(name, "/install.yaml") {
		t.Errorf("%s, %v", name, err)
	}
	if _, err := c.File(ctx, "https://host.example.com/other.yaml", nil); !errors.Is(err, ErrNoFile) {
		t.Errorf("%v", err)
	}
	for _, reference := range []string{"https://github.com/org/repo//other?ref=v1", "https://github.com/org/repo//config?ref=v2", "https://github.com/org/repo//config"} {
		if _, err := c.Git(ctx, reference); err == nil || !strings.Contains(err.Error(), "has no copy of it: run `kgate vendor`") {
			t.Errorf("%s: %v", reference, err)
		}
	}
	if _, err := c.Chart(ctx, Chart{Repository: "oci://host.example.com/charts", Name: "web", Version: "1.x"}); err == nil || !strings.Contains(err.Error(), "is not there") {
		t.Errorf("%v", err)
	}
}

func TestCopiesAreHeldToTheirDigest(t *testing.T) {
	const base = "https://github.com/org/repo//config?ref=v1"
	place := ".kgate/vendor/git/github.com/org/repo@v1"
	for name, change := range map[string]func(fstest.MapFS){
		"another text": func(m fstest.MapFS) { m[place+"/config/a.yaml"].Data = []byte("a: 2\n") },
		"another file": func(m fstest.MapFS) { m[place+"/config/b.yaml"] = &fstest.MapFile{} },
		"no file":      func(m fstest.MapFS) { delete(m, place+"/config/a.yaml"); m[place+"/config/b.yaml"] = &fstest.MapFile{} },
	} {
		files := maps.Clone(tree(t))
		change(files)
		if _, err := Open(files).Git(context.Background(), base); err == nil || !strings.Contains(err.Error(), "is not what .kgate/vendor.lock.yaml says was fetched") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEntriesAreAllThere(t *testing.T) {
	l := lockOf()
	var described []string
	for _, e := range l.Entries() {
		if !strings.HasPrefix(Held(e), "sha256:") {
			t.Errorf("%s is held to nothing", Describe(e))
		}
		described = append(described, Describe(e))
	}
	slices.Sort(described)
	if len(slices.Compact(described)) != 4 || slices.Contains(described, "") {
		t.Errorf("%q", described)
	}
}

func TestIsGit(t *testing.T) {
	for _, name := range []string{".git", ".GIT", ".Git", "git~1", "GIT~1", ".git.", ".git ", ".git. .", ".git::$INDEX_ALLOCATION", ".g\u200cit", "\ufeff.git"} {
		if !IsGit(name) {
			t.Errorf("%q is none of git's", name)
		}
	}
	for _, name := range []string{".gitignore", ".github", "git", ".gitmodules", ".gitkeep", "x.git", "git~2", ".", ".."} {
		if IsGit(name) {
			t.Errorf("%q is git's", name)
		}
	}
}

// A copy that a link leads out of the repository is told by the link.
func TestCopiesBelowALink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "copies")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }() // nothing was written
	if _, err := Digest(root.FS(), "copies/git/base@v1"); err == nil || !strings.HasPrefix(err.Error(), "copies is a symbolic link, ") || !strings.Contains(err.Error(), Run) {
		t.Error(err)
	}
}
