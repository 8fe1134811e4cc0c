package gate

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// TestSidesShareWhatNoChangeTouches holds that of a change to one overlay the others are rendered once for both sides.
func TestSidesShareWhatNoChangeTouches(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("base/kustomization.yaml", "resources: [base.yaml]\n")
	write("base/base.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n")
	write("overlays/one/kustomization.yaml", "resources: [../../base]\nnamespace: one\n")
	write("overlays/two/kustomization.yaml", "resources: [../../base]\nnamespace: two\n")
	write("overlays/plain/a.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: plain}}\n")
	write("kgate.yaml", "apiVersion: kgate/v1\ntargets: [overlays/*]\n")
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "before"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
	for name, c := range map[string]struct {
		file, text string
		shared     []string
	}{
		"an overlay":    {"overlays/one/kustomization.yaml", "resources: [../../base]\nnamespace: other\n", []string{"overlays/two"}},
		"what all have": {"base/base.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n", nil},
		"kgate.yaml":    {"kgate.yaml", "apiVersion: kgate/v1\ntargets: [overlays/*]\nloadRestrictionsNone: [overlays/*]\n", nil},
		"another file":  {"README.md", "a\n", []string{"overlays/one", "overlays/two"}},
	} {
		t.Run(name, func(t *testing.T) {
			old, err := os.ReadFile(filepath.Join(dir, c.file))
			write(c.file, c.text)
			defer func() {
				if err != nil {
					err = os.Remove(filepath.Join(dir, c.file))
				} else {
					write(c.file, string(old))
				}
				if err != nil {
					t.Error(err)
				}
			}()
			before, after, err := repo.Sides(t.Context(), dir, "main", "")
			if err != nil {
				t.Fatal(err)
			}
			compared := &comparing{before: before, after: after}
			defer func() {
				if err := compared.close(); err != nil {
					t.Error(err)
				}
			}()
			if err := compared.open(t.Context(), Options{Checks: []string{"service"}}); err != nil {
				t.Fatal(err)
			}
			shared := map[string]bool{}
			for _, path := range compared.paths {
				new := compared.render(t.Context(), compared.is, path, nil)
				old := compared.render(t.Context(), compared.was, path, compared.sharedBy(new.target))
				if new.err != nil || old.err != nil {
					t.Fatal(new.err, old.err)
				}
				shared[path] = new.target.Result == old.target.Result
			}
			if len(shared) != 3 {
				t.Fatalf("rendered %v, want three targets", shared)
			}
			want := map[string]bool{}
			for path := range shared {
				want[path] = false
			}
			for _, path := range c.shared {
				want[path] = true
			}
			for path, is := range shared {
				if is != want[path] {
					t.Errorf("%s is rendered once: %t, want %t", path, is, want[path])
				}
			}
		})
	}
}

// TestSidesShareBases holds that a base below a target which the change touches is made once, unless one of the files that it is made of, or
// looks for, is not the same on both sides.
func TestSidesShareBases(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	const overlay = "resources: [../../base]\nnamespace: one\n"
	files := map[string]string{
		"kgate.yaml":                      "apiVersion: kgate/v1\ntargets: [overlays/*]\n",
		".gitignore":                      "made.env\n",
		"base/kustomization.yaml":         "resources: [base.yaml, link.yaml]\nconfigMapGenerator: [{name: made, envs: [made.env, kept.env]}]\n",
		"base/base.yaml":                  "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: was}}\n",
		"base/kept.env":                   "A=1\n",
		"base/made.env":                   "B=1\n",
		"base/to.yaml":                    "{apiVersion: v1, kind: ConfigMap, metadata: {name: linked}, data: {a: was}}\n",
		"overlays/one/kustomization.yaml": overlay,
	}
	for name, c := range map[string]struct {
		changes map[string]string
		ignored bool
		want    string // of the base, on the side before and on the side after
	}{
		"the overlay":                {map[string]string{"overlays/one/kustomization.yaml": overlay + "namePrefix: x-\n"}, false, "once"},
		"the base":                   {map[string]string{"base/base.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {a: is}}\n"}, false, "was is"},
		"where a link leads":         {map[string]string{"base/to.yaml": "{apiVersion: v1, kind: ConfigMap, metadata: {name: linked}, data: {a: is}}\n"}, false, "was is"},
		"what a generator reads":     {map[string]string{"base/kept.env": "A=2\n"}, false, "twice"},
		"another kustomization file": {map[string]string{"base/kustomization.yml": "resources: []\n", "overlays/one/kustomization.yaml": overlay + "\n"}, false, "only before"},
		"a file that git ignores":    {map[string]string{"overlays/one/kustomization.yaml": overlay + "namePrefix: x-\n"}, true, "only after"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				t.Helper()
				file := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for name, text := range files {
				write(name, text)
			}
			if err := os.Symlink("to.yaml", filepath.Join(dir, "base/link.yaml")); err != nil {
				t.Skip(err)
			}
			add := []string{"add", "--force", "."}
			if c.ignored {
				add = []string{"add", "."}
			}
			for _, args := range [][]string{{"init", "-q", "-b", "main"}, add, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "before"}} {
				cmd := exec.CommandContext(t.Context(), "git", args...)
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("git %v: %v: %s", args, err, out)
				}
			}
			for name, text := range c.changes {
				write(name, text)
			}
			before, after, err := repo.Sides(t.Context(), dir, "main", "")
			if err != nil {
				t.Fatal(err)
			}
			compared := &comparing{before: before, after: after}
			defer func() {
				if err := compared.close(); err != nil {
					t.Error(err)
				}
			}()
			if err := compared.open(t.Context(), Options{Unjudged: true}); err != nil {
				t.Fatal(err)
			}
			new := compared.render(t.Context(), compared.is, "overlays/one", nil)
			old := compared.render(t.Context(), compared.was, "overlays/one", nil)
			says := func(a attempt) string {
				if a.err != nil {
					return ""
				}
				for _, o := range a.target.Objects {
					if manifest.TextAt(o.Value, "data", "a") == "is" {
						return "is"
					}
				}
				return "was"
			}
			base := func(a attempt) *kustomization.Trace {
				if a.err != nil {
					return nil
				}
				below, _ := a.target.Result.Trace(a.target.Result.Objects[0]).Below()
				return below
			}
			got := ""
			switch was, is := base(old), base(new); {
			case is == nil:
				got = "only before"
			case was == nil:
				got = "only after"
			case was == is:
				got = "once"
			case says(old) == says(new):
				got = "twice"
			default:
				got = says(old) + " " + says(new)
			}
			if got != c.want {
				t.Errorf("the base is made: %s, want %s (%v, %v)", got, c.want, old.err, new.err)
			}
		})
	}
}
