package main

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// TestExamples runs every check on its own examples: it must find something in the bad one and nothing in the good one.
func TestExamples(t *testing.T) {
	engines, err := gate.NewEngines([]string{"1.37"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := engines.Close(); err != nil {
			t.Error(err)
		}
	}()
	known, err := gate.Checks()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range known {
		t.Run(c.Name, func(t *testing.T) {
			if c.Bad == "" || c.Good == "" {
				t.Fatal("a built-in check has an example that it refuses, and the same put right")
			}
			bad, good := of(c.Name, judged(t, engines, c.Bad)), of(c.Name, judged(t, engines, c.Good))
			if len(bad) == 0 {
				t.Errorf("the check finds nothing in its bad example:\n%s", c.Bad)
			}
			for _, f := range good {
				t.Errorf("the check finds a fault in its good example: %s: %s\n%s", f.Source, f.Message, c.Good)
			}
			for _, text := range []string{c.Bad, c.Good} {
				for line := range strings.Lines(text) {
					if n := len([]rune(strings.TrimRight(line, "\n"))); n > 100 {
						t.Errorf("a line of %d characters: %s", n, line)
					}
				}
			}
		})
	}
}

func of(name string, findings []check.Finding) []check.Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f check.Finding) bool { return f.Check != name })
}

// judged is what a run over the example finds: over its overlays and its Argo CD tree, or else over its manifests.
func judged(t *testing.T, engines *gate.Engines, example string) []check.Finding {
	t.Helper()
	dir := t.TempDir()
	var overlays, manifests []string
	for _, file := range check.ExampleFiles(example) {
		name := filepath.Join(dir, filepath.FromSlash(file.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(file.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		folder, base := path.Split(file.Name)
		folder = path.Clean(folder)
		switch {
		case base == "kustomization.yaml" && (path.Dir(folder) == "overlays" || folder == "argocd"):
			overlays = append(overlays, folder)
		case file.Name != repo.ConfigFile:
			manifests = append(manifests, file.Name)
		}
	}
	repository, err := repo.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	options := gate.Options{
		Targets: manifests, Engines: engines, Now: func() time.Time { return time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC) },
	}
	if overlays != nil {
		repository.Config.Targets, options.Targets = overlays, nil
	}
	g, err := gate.Open(t.Context(), repository, options)
	if err != nil {
		t.Fatal(err)
	}
	out, err := g.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range out.Errors {
		t.Errorf("the example could not be checked: %s\n%s", e, example)
	}
	return out.Findings
}
