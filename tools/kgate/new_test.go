package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/kgate-dev/gitops/tools/internal/renaming"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// TestNewOfThisRepository makes an environment, a region of it and a service of a copy of this repository, one upon the other.
// Kustomize itself has to build the same of each as kgate, and the whole has to validate without a finding.
func TestNewOfThisRepository(t *testing.T) {
	if underRace {
		t.Skip(seenByPages)
	}
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	_, copied := ownTree(t)
	plain, stateful := ownServices(t, copied)
	t.Chdir(copied)
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", args...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	kgate := func(args ...string) string {
		t.Helper()
		var out, told bytes.Buffer
		if code := run(t.Context(), args, strings.NewReader(""), &out, &told); code != exitClean {
			t.Fatalf("kgate %s: exit code %d\n%s%s", strings.Join(args, " "), code, &out, &told)
		}
		return out.String()
	}
	git("init", "-q", "-b", "main")
	git("add", "-A")
	git("commit", "-qm", "base")
	for _, test := range []struct {
		kind    renaming.Kind
		name    string
		flags   newFlags
		thin    bool
		targets []string
		renders []string
	}{
		{kind: renaming.Environment, name: "another", flags: newFlags{like: "staging"}, targets: []string{"overlays/another"}},
		{kind: renaming.Environment, name: "another-eu", flags: newFlags{like: "another"}, thin: true, targets: []string{"overlays/another-eu"}},
		{kind: renaming.Service, name: "payments", flags: newFlags{like: plain, image: "registry.example.com:5000/team/payments:1.2.3", port: 8080, metricsPort: 9090},
			targets: []string{"overlays/prod/payments", "overlays/another/payments"}, renders: []string{"excludeInboundPorts: \"9090\"", "prometheus.io/port: \"9090\"", "containerPort: 9090", "- --port=8080", "- --port-metrics=9090"}},
		{kind: renaming.Service, name: "accounts", flags: newFlags{like: plain, image: "registry.example.com:5000/team/accounts:1.2.3", with: []string{"canary", "database", "mesh"}},
			targets: []string{"overlays/dev/accounts", "overlays/prod/accounts", "overlays/another/accounts"}},
		{kind: renaming.Service, name: "orders", flags: newFlags{like: stateful, image: "registry.example.com:5000/team/orders:1.2.3", with: []string{"canary"}, metricsPort: 9191},
			targets: []string{"overlays/prod/orders"}, renders: []string{"excludeInboundPorts: \"9191\"", "prometheus.io/port: \"9191\"", "containerPort: 9191"}},
	} {
		repository, err := repo.Open(".")
		if err != nil {
			t.Fatal(err)
		}
		made, err := planNew(t.Context(), repository, test.kind, test.name, test.flags, test.thin)
		if err != nil {
			t.Fatalf("new %s: %v", test.name, err)
		}
		if err := made.Set.Apply(copied); err != nil {
			t.Fatal(err)
		}
		git("add", "-A")
		for _, target := range test.targets {
			// As the kustomize program builds it.
			options := &krusty.Options{Reorder: krusty.ReorderOptionUnspecified, LoadRestrictions: types.LoadRestrictionsRootOnly, PluginConfig: types.DisabledPluginConfig()}
			built, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), filepath.Join(copied, target))
			if err != nil {
				t.Fatalf("new %s: %v", test.name, err)
			}
			want, err := built.AsYaml()
			if err != nil {
				t.Fatal(err)
			}
			if got := kgate("render", target); got != string(want) {
				t.Errorf("new %s: kgate and Kustomize render %s in different ways", test.name, target)
			}
			if !bytes.Contains(want, []byte("kind: Deployment")) {
				t.Errorf("new %s: %s renders no Deployment", test.name, target)
			}
			for _, text := range test.renders {
				if !bytes.Contains(want, []byte(text)) {
					t.Errorf("new %s: %s does not render %s", test.name, target, text)
				}
			}
		}
	}
	if out := kgate("validate"); !strings.Contains(out, ": 0 errors, 0 warnings, ") {
		t.Errorf("validate:\n%s", out)
	}
}

// ownServices are the names of two services of this repository, or of a renamed copy of it: one without a database, and one with.
func ownServices(t *testing.T, tree string) (plain, stateful string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(tree, "base/services/*/kustomization.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(filepath.Dir(file))
		if bytes.Contains(text, []byte("- ../../components/database\n")) {
			stateful = name
		} else {
			plain = name
		}
	}
	if plain == "" || stateful == "" {
		t.Fatalf("no service here is without a database, or none has one: %q, %q", plain, stateful)
	}
	return plain, stateful
}
