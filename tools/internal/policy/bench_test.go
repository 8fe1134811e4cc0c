package policy_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/policies"
	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/policy"
)

func load(b *testing.B) *policy.Library {
	b.Helper()
	library, err := policy.Load(b.Context(), policy.Source{Name: "policies", FS: policies.FS, Verified: true})
	if err != nil {
		b.Fatal(err)
	}
	return library
}

// BenchmarkPrepare reads and compiles all rules, as every run of kgate does once.
func BenchmarkPrepare(b *testing.B) {
	for b.Loop() {
		if err := load(b).Prepare(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEvaluate holds an overlay of this repository to the rules of a scope.
func BenchmarkEvaluate(b *testing.B) {
	result, err := kustomization.New(os.DirFS("../../.."), strings.NewReader("")).Render(b.Context(), "overlays/prod")
	if err != nil {
		b.Fatal(err)
	}
	library := load(b)
	if err := library.Prepare(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, scope := range []check.Scope{check.Object, check.Overlay} {
		b.Run(string(scope), func(b *testing.B) {
			for b.Loop() {
				// Checks remember what they evaluated: each round has its own.
				checks := slices.DeleteFunc(library.Checks(policy.Facts{}), func(c *check.Check) bool { return c.Scope != scope })
				target := &check.Target{
					Path: result.Path, Objects: result.Objects,
					Locate: func(*manifest.Object, manifest.Path) manifest.Origin { return manifest.Origin{} },
				}
				if _, failed := check.Run(b.Context(), check.Plan{Checks: checks, Targets: []*check.Target{target}, Now: time.Now()}); len(failed) > 0 {
					b.Fatal(failed[0].Err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(result.Objects)), "µs/object")
		})
	}
}
