package repo

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/bmatcuk/doublestar/v4"
)

func TestCostlyGlobsAreRefusedAtTheirLine(t *testing.T) {
	for _, c := range []struct{ glob, want string }{
		{strings.Repeat("{a,b,c,d,e,f,g,h}", 10), "stands for more than 256 patterns"},
		{strings.Repeat("{a,", 60) + "b" + strings.Repeat("}", 60), ""},
		{"{" + strings.Repeat("{a,b},", 160) + "c}", "stands for more than 256 patterns"},
		{strings.Repeat("**/a*/", 4) + "x", "has ** 4 times; the limit is 3"},
		{strings.Repeat("a", 1025), "has 1025 bytes; the limit is 1024"},
		{`\{a,b\}` + strings.Repeat("{a,b}", 8), ""},
		{"overlays/{dev,prod}/**", ""},
	} {
		for _, config := range []string{
			"apiVersion: kgate/v1\ntargets:\n  - '%s'\n",
			"apiVersion: kgate/v1\nenvironments:\n  - {name: a, targets: ['%s']}\n",
			"apiVersion: kgate/v1\nexemptions:\n  - {check: a/b, reason: r, owner: o, expires: 2027-01-01, target: '%s'}\n",
		} {
			_, err := ParseConfig(ConfigFile, []byte(fmt.Sprintf(config, c.glob)))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%.40s: %v", c.glob, err)
			case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "kgate.yaml:3: ") || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%.40s: got %v, want kgate.yaml:3: … %s", c.glob, err, c.want)
			}
		}
	}
}

// The walk finds what the library's finds, where there is no link.
func TestDirectoriesAreThoseOfTheLibrary(t *testing.T) {
	tree := fstest.MapFS{}
	for _, name := range []string{"a/b/c/x", "a/b/d/x", "a/e/x", "overlays/dev/x", "overlays/prod/app/x", "overlays/prod/platform/x", "x", ".hidden/a/x"} {
		tree[name] = &fstest.MapFile{}
	}
	for _, pattern := range []string{
		".", "a", "a/b", "*", "overlays/*", "overlays/*/*", "**", "a/**", "**/app", "overlays/{dev,prod/app}", "overlays/pro[d]",
		"?", "a/*/d", "none", "none/*", "{a,overlays}/*", "a/**/d", ".hidden/*", "*/*/*", "x", "x/*",
	} {
		got, err := Directories(t.Context(), tree, pattern)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		all, err := doublestar.Glob(tree, pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range all {
			if info, err := fs.Stat(tree, name); err == nil && info.IsDir() {
				want = append(want, name)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, the library finds %q", pattern, got, want)
		}
	}
}

func TestLinksThatLoopAreNotWalked(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "app", "kustomization.yaml"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"a", "b", "c", "d"} {
		if err := os.Symlink(".", filepath.Join(dir, "app", link)); err != nil {
			t.Fatal(err)
		}
	}
	for pattern, want := range map[string]int{"**": 1, "*": 1, "app/*": 1} {
		r := &Repo{Dir: dir, FS: os.DirFS(dir), Config: Config{Targets: []string{pattern}}}
		if got, err := r.Select(t.Context()); err != nil || len(got.Targets) != want {
			t.Errorf("%s: got %q, %v; want %d targets", pattern, got, err, want)
		}
	}
	r := &Repo{Dir: dir, FS: os.DirFS(dir), Config: Config{Targets: []string{strings.Repeat("*/", 20) + "*"}}}
	if _, err := r.Select(t.Context()); err == nil || !strings.Contains(err.Error(), "it looks into more than 100000 directories") {
		t.Errorf("got %v", err)
	}
}
