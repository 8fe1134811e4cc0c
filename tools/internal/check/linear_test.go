package check

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// judge reports n findings twice over, at one line that nobody can tell the columns of, by checks of which one yields.
func judge(n int) Result {
	report := func(_ context.Context, pass *Pass) error {
		for i := range n {
			pass.Report(pass.Targets[0], pass.Targets[0].Objects[0], manifest.Path{"spec", "list", i, "field"}, "m")
		}
		return nil
	}
	object := &manifest.Object{ID: manifest.ID{Kind: "Pod", Name: "p"}, Source: manifest.Position{File: "f", Line: 1}}
	plan := Plan{
		Checks: []*Check{
			{Name: "a/a", Severity: Error, Scope: Object, Run: report},
			{Name: "a/b", Severity: Error, Scope: Object, Run: report, Yields: []string{"a/a"}},
		},
		Targets: []*Target{{Path: "app", Objects: []*manifest.Object{object}}},
	}
	result, _ := Run(context.Background(), plan)
	return result
}

func TestManyFindingsOfOneObject(t *testing.T) {
	cost := func(n int) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		result := judge(n)
		runtime.ReadMemStats(&after)
		if len(result.Findings) != n {
			t.Fatalf("%d findings, want %d", len(result.Findings), n)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	if small, large := cost(500), cost(2000); large > 6*small {
		t.Errorf("500 findings take %d bytes, 2000 take %d", small, large)
	}
}

func BenchmarkManyFindingsOfOneObject(b *testing.B) {
	for _, n := range []int{1000, 4000, 16000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				judge(n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/finding")
		})
	}
}
