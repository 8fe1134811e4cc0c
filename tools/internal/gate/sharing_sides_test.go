package gate

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

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
