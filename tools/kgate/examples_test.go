package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/example"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// TestExamples runs every check on its own examples: it must find something in the bad one and nothing in the good one.
func TestExamples(t *testing.T) {
	engines, err := gate.NewEngines(t.Context(), []string{"1.37"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := engines.Close(); err != nil {
			t.Error(err)
		}
	}()
	known, err := gate.Checks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range known {
		t.Run(c.Name, func(t *testing.T) {
			if c.Bad == "" || c.Good == "" {
				t.Fatal("a built-in check has an example that it refuses, and the same put right")
			}
			judged := func(text string) []check.Finding {
				if c.Was != "" {
					return of(c.Name, compared(t, engines, c.Was, text))
				}
				return of(c.Name, judged(t, engines, text))
			}
			bad, good := judged(c.Bad), judged(c.Good)
			if len(bad) == 0 {
				t.Errorf("the check finds nothing in its bad example:\n%s", c.Bad)
			}
			for _, f := range good {
				t.Errorf("the check finds a fault in its good example: %s: %s\n%s", f.Source, f.Message, c.Good)
			}
			for _, text := range []string{c.Was, c.Bad, c.Good} {
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

// compared is what a comparison of two examples finds.
func compared(t *testing.T, engines *gate.Engines, was, now string) []check.Finding {
	t.Helper()
	side := func(name, text string) (*repo.Side, []string) {
		repository, err := example.Open(text)
		if err != nil {
			t.Fatal(err)
		}
		return &repo.Side{Repo: repository.Repo, Name: name}, repository.Paths
	}
	before, _ := side("main", was)
	after, paths := side("a branch", now)
	out, err := gate.Compare(t.Context(), before, after, gate.Options{Engines: engines, Now: time.Now, Targets: paths})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range out.Errors {
		t.Errorf("%s is not compared: %s", e.Target, e.Message)
	}
	return out.Findings
}

// judged is what a run over the example finds: over its overlays and its Argo CD tree, or else over its manifests.
func judged(t *testing.T, engines *gate.Engines, text string) []check.Finding {
	t.Helper()
	repository, err := example.Open(text)
	if err != nil {
		t.Fatal(err)
	}
	options := gate.Options{Engines: engines, Now: func() time.Time { return time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC) }}
	if strings.HasSuffix(repository.Paths[0], ".yaml") {
		options.Targets = repository.Paths
	} else {
		repository.Config.Targets = repository.Paths // as if nothing were left out
	}
	g, err := gate.Open(t.Context(), repository.Repo, options)
	if err != nil {
		t.Fatal(err)
	}
	out, err := g.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range out.Errors {
		t.Errorf("the example could not be checked: %s\n%s", e, text)
	}
	return out.Findings
}
