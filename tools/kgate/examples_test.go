package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/example"
	"github.com/kgate-dev/gitops/tools/internal/gate"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
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
				if c.Scope == check.Repository && c.Was != "" {
					return of(c.Name, compared(t, c.Was, text))
				}
				if c.Scope == check.Update {
					return of(c.Name, changed(t, engines, c.Was, text))
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

// changed is what is found in each target of an example beside what it was in another one.
func changed(t *testing.T, engines *gate.Engines, was, now string) []check.Finding {
	t.Helper()
	open := func(text string) (*gate.Gate, []string) {
		repository, err := example.Open(text)
		if err != nil {
			t.Fatal(err)
		}
		g, err := gate.Open(t.Context(), repository.Repo, gate.Options{Engines: engines, Now: time.Now, Targets: repository.Paths})
		if err != nil {
			t.Fatal(err)
		}
		return g, repository.Paths
	}
	old, _ := open(was)
	g, paths := open(now)
	var findings []check.Finding
	for _, path := range paths {
		target, err := g.Render(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		before, err := old.Render(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		target.Before = &check.Before{Target: &before.Target, Revision: "main"}
		is := func(a, b *manifest.Object) bool {
			return a.Group() == b.Group() && a.Kind == b.Kind && a.Namespace == b.Namespace && a.Name == b.Name
		}
		left := slices.Clone(before.Objects)
		for _, o := range target.Objects {
			pair := check.Pair{New: o}
			if i := slices.IndexFunc(left, func(other *manifest.Object) bool { return is(o, other) }); i >= 0 {
				pair.Old = left[i]
				left = slices.Delete(left, i, i+1)
			}
			target.Before.Pairs = append(target.Before.Pairs, pair)
		}
		for _, o := range left {
			target.Before.Pairs = append(target.Before.Pairs, check.Pair{Old: o})
		}
		all, failures := g.Judge(t.Context(), target)
		if len(failures) > 0 {
			t.Fatal(failures)
		}
		findings = append(findings, all...)
	}
	return findings
}

// compared is what a comparison of two examples finds.
func compared(t *testing.T, was, now string) []check.Finding {
	t.Helper()
	side := func(name, text string) *repo.Side {
		repository, err := example.Open(text)
		if err != nil {
			t.Fatal(err)
		}
		return &repo.Side{Repo: repository.Repo, Name: name}
	}
	out, err := gate.Compare(t.Context(), side("main", was), side("a branch", now), gate.Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
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
