package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/tools/internal/admission"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/example"
	"github.com/kgate-dev/gitops/tools/internal/policy"
	"github.com/kgate-dev/gitops/tools/internal/render"
	"github.com/kgate-dev/gitops/tools/internal/schema"
)

// TestExamples runs every check on its own examples: it must find something in the bad one and nothing in the good one.
func TestExamples(t *testing.T) {
	library, err := loadPolicies(nil)
	if err != nil {
		t.Fatal(err)
	}
	validator, err := schema.New([]string{"1.37"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = validator.Close() }()
	known, err := allChecks(nil, validator, admission.New(), library, policy.Facts{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range known {
		t.Run(c.Name, func(t *testing.T) {
			if c.Bad == "" || c.Good == "" {
				t.Fatal("a built-in check has an example that it refuses, and the same put right")
			}
			bad, good := of(c.Name, judged(t, validator, library, c.Bad)), of(c.Name, judged(t, validator, library, c.Good))
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
func judged(t *testing.T, validator *schema.Validator, library *policy.Library, text string) []check.Finding {
	t.Helper()
	repository, err := example.Open(text)
	if err != nil {
		t.Fatal(err)
	}
	s := &session{
		repository: repository.Repo, validator: validator, server: admission.New(), library: library, paths: repository.Paths,
		now: func() time.Time { return time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC) },
	}
	s.all = s.paths
	roots, err := repository.Roots()
	if err != nil {
		t.Fatal(err)
	}
	facts := policy.Facts{Roots: roots}
	for _, e := range repository.Config.External {
		facts.External = append(facts.External, policy.External(e))
	}
	if s.known, err = allChecks(repository.Repo, validator, s.server, library, facts); err != nil {
		t.Fatal(err)
	}
	s.checks = s.known
	out, err := s.run(context.Background(), render.New(repository.FS, strings.NewReader("")), &progress{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range out.Errors {
		t.Errorf("the example could not be checked: %s\n%s", e, text)
	}
	return out.Findings
}
