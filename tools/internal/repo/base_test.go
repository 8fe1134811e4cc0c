package repo

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/revision"
)

// committed is a repository with these files in its one commit.
func committed(t *testing.T, files map[string]string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir, files)
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "base"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	return dir
}

func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		at := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

const until = ", reason: r, owner: o, expires: 2027-01-01}\n"

func TestOpenAt(t *testing.T) {
	config := "apiVersion: kgate/v1\nexemptions:\n- {check: a/b" + until + "- {check: a/c" + until
	dir := committed(t, map[string]string{ConfigFile: config, "part/kgate.yaml": "apiVersion: kgate/v1\ntargets: [x]\n", "part/deep/file": "", "other/file": ""})
	open := func(from string) *Repo {
		t.Helper()
		r, err := OpenAt(t.Context(), filepath.Join(dir, from), "main")
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	places := func(r *Repo) string {
		var said []string
		for _, e := range r.Config.Exemptions {
			leaving := ""
			if e.Leaving {
				leaving = " leaving"
			}
			said = append(said, e.Source.String()+" "+e.Check+leaving)
		}
		return strings.Join(said, ", ")
	}
	if r := open("."); places(r) != "kgate.yaml:3 a/b, kgate.yaml:4 a/c" || r.Base.Differs() || r.Base.Missing {
		t.Errorf("got %s", places(r))
	}
	// The positions are those of the working tree, as far as it says the same.
	put(t, dir, map[string]string{ConfigFile: "# moved\n" + strings.Replace(config, "a/c", "a/d", 1)})
	r := open(".")
	if places(r) != "kgate.yaml:4 a/b, kgate.yaml@main:4 a/c leaving" || !r.Base.Differs() {
		t.Errorf("got %s", places(r))
	}
	read := r.Base.ReadFile(func(name string) ([]byte, error) { return []byte("disk " + name), nil })
	for name, want := range map[string]string{"kgate.yaml@main": config, "kgate.yaml": "disk kgate.yaml"} {
		if text, err := read(name); err != nil || string(text) != want {
			t.Errorf("%s is %q, %v", name, text, err)
		}
	}
	// A longer term is another exemption; so is a repeated one.
	put(t, dir, map[string]string{ConfigFile: strings.Replace(config, "2027-01-01", "2027-01-02", 1)})
	if r := open("."); places(r) != "kgate.yaml@main:3 a/b leaving, kgate.yaml:4 a/c" {
		t.Errorf("got %s", places(r))
	}
	put(t, dir, map[string]string{ConfigFile: "apiVersion: kgate/v9\n"})
	if r := open("."); places(r) != "kgate.yaml@main:3 a/b, kgate.yaml@main:4 a/c" || r.Base.OwnErr == nil {
		t.Errorf("got %s, %v", places(r), r.Base.OwnErr)
	}
	// Where it begins is what the revision says.
	put(t, dir, map[string]string{"other/kgate.yaml": config, "part/deep/kgate.yaml": config})
	for from, want := range map[string]string{".": ".", "other": ".", "part": "part", "part/deep": "part"} {
		if r := open(from); r.Dir != filepath.Join(dir, want) {
			t.Errorf("from %s it begins at %s, want %s", from, r.Dir, want)
		}
	}
	if err := os.Remove(filepath.Join(dir, "part", ConfigFile)); err != nil {
		t.Fatal(err)
	}
	if r := open("part/deep"); r.Dir != filepath.Join(dir, "part") || len(r.Config.Targets) != 1 {
		t.Errorf("without its kgate.yaml it begins at %s", r.Dir)
	}
	if _, err := OpenAt(t.Context(), t.TempDir(), "main"); err == nil || !strings.Contains(err.Error(), "lies in no git repository") {
		t.Errorf("got %v", err)
	}
}

func TestBaseRules(t *testing.T) {
	dir := committed(t, map[string]string{"rules/a.rego": "", "file": "", "part/rules/b.rego": ""})
	t.Chdir(filepath.Join(dir, "part"))
	r, err := OpenAt(t.Context(), ".", "main")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"rules": "b.rego", "../rules": "a.rego", filepath.Join(dir, "rules"): "a.rego"} {
		rules, err := r.Base.Rules(name)
		if err != nil || rules == nil {
			t.Errorf("%s: %v, %v", name, rules, err)
			continue
		}
		if _, err := rules.Open(want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{"nowhere": "is not in main", "../file": "is not a directory"} {
		if _, err := r.Base.Rules(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if rules, err := r.Base.Rules(t.TempDir()); rules != nil || err != nil {
		t.Errorf("one outside: %v, %v", rules, err)
	}
}

func TestBaseCarried(t *testing.T) {
	object := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: one\n  annotations:\n    kgate.dev/exempt: |\n      - {check: a/b" + until
	dir := committed(t, map[string]string{
		"app/kustomization.yaml": "resources: [one.yaml]\nconfigMapGenerator:\n- name: made\n  literals: [a=b]\n  options:\n    annotations:\n      kgate.dev/exempt: |\n        - {check: a/b" + until,
		"app/one.yaml":           object, "broken/kustomization.yaml": "resources: [nowhere.yaml]\n",
	})
	r, err := OpenAt(t.Context(), dir, "main")
	if err != nil {
		t.Fatal(err)
	}
	checks := []*check.Check{{Name: "a/b"}, {Name: "a/c"}}
	base, failed := parseCarried("- {check: a/b"+until, func(int) manifest.Position { return manifest.Position{File: "x", Line: 1} })
	if failed != nil {
		t.Fatal(failed)
	}
	id := func(name string) manifest.ID { return manifest.ID{APIVersion: "v1", Kind: "ConfigMap", Name: name} }
	for _, test := range []struct {
		name   string
		change func(*check.Exemption)
		target string
		object manifest.ID
		kept   bool
	}{
		{"as it was", func(*check.Exemption) {}, "app", id("one"), true},
		{"a generated one, with other content", func(*check.Exemption) {}, "app", id("made-2456789bcd"), true},
		{"another object", func(*check.Exemption) {}, "app", id("two"), false},
		{"a name that ends otherwise", func(*check.Exemption) {}, "app", id("made"), false},
		{"another kind", func(*check.Exemption) {}, "app", manifest.ID{APIVersion: "v1", Kind: "Secret", Name: "one"}, false},
		{"another target", func(*check.Exemption) {}, "elsewhere", id("one"), false},
		{"a target that did not render", func(*check.Exemption) {}, "broken", id("one"), false},
		{"standard input", func(*check.Exemption) {}, "-", id("one"), false},
		{"another check", func(e *check.Exemption) { e.Check = "a/c" }, "app", id("one"), false},
		{"for longer", func(e *check.Exemption) { e.Expires = e.Expires.AddDate(0, 0, 1) }, "app", id("one"), false},
		{"of more", func(e *check.Exemption) { e.Path = manifest.Path{"data"} }, "app", id("one"), false},
		{"for another reason", func(e *check.Exemption) { e.Reason = "x" }, "app", id("one"), false},
	} {
		e := base[0]
		test.change(&e)
		e.Holders = []check.Holder{{Target: test.target, Object: test.object}}
		kept, refused := r.Base.Carried(t.Context(), []check.Exemption{e}, checks, kustomization.New(r.Base.FS, strings.NewReader("")))
		if len(kept)+len(refused) != 1 || (len(kept) == 1) != test.kept {
			t.Errorf("%s: kept %v, refused %v", test.name, kept, refused)
		}
	}
	if _, err := OpenAt(t.Context(), dir, "nobody"); err == nil || errors.Is(err, revision.ErrNoRepository) || !strings.HasPrefix(err.Error(), `--config-from "nobody": `) {
		t.Errorf("got %v", err)
	}
}
