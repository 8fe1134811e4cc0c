package gate

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/kgate-dev/gitops/tools/internal/chart"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

var (
	helmFlag   = flag.String("helm", "", "a helm program, of the release "+kustomization.HelmRelease+", that TestChartsEqualToHelm asks; with -update, to record what it prints")
	updateFlag = flag.Bool("update", false, "write what TestChartsEqualToHelm is told by -helm into its page")
)

// arguments are those of helm with which Argo CD has it render a release: template of util/helm/cmd.go of its v3.6.1, but for the order of
// parameters, which it takes from a map.
func arguments(dir string, r kustomization.Release, text func(name string, data []byte) string) []string {
	args := []string{"template", filepath.Join(dir, r.Dir), "--name-template", r.Name}
	if r.Namespace != "" {
		args = append(args, "--namespace", r.Namespace)
	}
	if r.KubeVersion != "" {
		args = append(args, "--kube-version", r.KubeVersion)
	}
	for _, set := range r.Sets {
		value := set.Value
		if set.Kind == chart.SetFile {
			value = filepath.Join(dir, set.File)
		}
		args = append(args, "--"+string(set.Kind), set.Name+"="+value)
	}
	for i, v := range r.Values {
		name := filepath.Join(dir, v.File)
		if v.File == "" {
			name = text(fmt.Sprintf("values-%d.yaml", i), v.Text)
		} else if _, err := os.Stat(name); err != nil && v.Missing {
			continue
		}
		args = append(args, "--values", name)
	}
	for _, v := range r.APIVersions {
		args = append(args, "--api-versions", v)
	}
	for flag, is := range map[string]bool{"--include-crds": !r.SkipCRDs, "--skip-schema-validation": r.SkipSchema, "--skip-tests": r.SkipTests} {
		if is {
			args = append(args, flag)
		}
	}
	return args
}

// What kgate renders of an Application's chart is, byte for byte, what the helm program prints with the arguments that Argo CD gives it.
// It is recorded, and with -helm asked again. What each argument is, is recorded as well.
func TestChartsEqualToHelm(t *testing.T) {
	const page = "testdata/charts.txtar"
	archive, err := txtar.ParseFile(page)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	expected := map[string][]byte{}
	for _, f := range archive.Files {
		if name, is := strings.CutPrefix(f.Name, "expected/"); is {
			expected[name] = f.Data
			continue
		}
		at := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	repository, err := repo.OpenBare(dir)
	if err != nil {
		t.Fatal(err)
	}
	g, err := Open(t.Context(), repository, Options{Bare: true, Unjudged: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	if len(g.charts.left) > 0 {
		t.Errorf("%s", g.charts.left[0].text())
	}
	if len(g.charts.targets) < 10 {
		t.Fatalf("%d Applications with charts", len(g.charts.targets))
	}
	record := func(name string, data []byte) {
		i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "expected/"+name })
		if i < 0 {
			archive.Files = append(archive.Files, txtar.File{Name: "expected/" + name})
			i = len(archive.Files) - 1
		}
		archive.Files[i].Data, expected[name] = data, data
	}
	for _, target := range g.charts.targets {
		name := target.application.Object.Name
		t.Run(name, func(t *testing.T) {
			temporary := t.TempDir()
			args := arguments(dir, target.releases[0], func(name string, data []byte) string {
				at := filepath.Join(temporary, name)
				if err := os.WriteFile(at, data, 0o600); err != nil {
					t.Fatal(err)
				}
				return at
			})
			slices.Sort(args[4:])
			shown, err := json.MarshalIndent(args, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			shown = append(bytes.ReplaceAll(bytes.ReplaceAll(shown, []byte(temporary), []byte("TEMP")), []byte(dir), []byte("REPO")), '\n')
			if *helmFlag != "" {
				args = arguments(dir, target.releases[0], func(name string, _ []byte) string { return filepath.Join(temporary, name) })
				cmd := exec.CommandContext(t.Context(), *helmFlag, args...)
				var failed bytes.Buffer
				cmd.Stderr = &failed
				theirs, err := cmd.Output()
				if err != nil {
					t.Fatalf("%s: %v: %s", cmd, err, failed.Bytes())
				}
				if *updateFlag {
					record(name+".yaml", theirs)
					record(name+".args.json", shown)
				} else if !bytes.Equal(theirs, expected[name+".yaml"]) {
					t.Errorf("helm prints something else than is recorded: %s", theirs)
				}
			}
			if want := expected[name+".args.json"]; !bytes.Equal(shown, want) {
				t.Errorf("helm is to be asked for %s, recorded is %s", shown, want)
			}
			result, err := g.renderer.Render(t.Context(), target.path)
			if err != nil {
				t.Fatal(err)
			}
			ours, err := result.YAML()
			if err != nil {
				t.Fatal(err)
			}
			if want := expected[name+".yaml"]; len(want) == 0 || !bytes.Equal(ours, want) {
				t.Errorf("kgate prints\n%s\nand helm\n%s", ours, want)
			}
		})
	}
	if *updateFlag {
		if err := os.WriteFile(page, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
