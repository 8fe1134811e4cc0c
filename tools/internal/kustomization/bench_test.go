package kustomization_test

import (
	"os"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
)

// BenchmarkRender renders an overlay of this repository, app and platform part, from files that are read anew.
func BenchmarkRender(b *testing.B) {
	root := os.DirFS("../../..")
	objects := 0
	for b.Loop() {
		result, err := kustomization.New(root, strings.NewReader("")).Render(b.Context(), "overlays/prod")
		if err != nil {
			b.Fatal(err)
		}
		objects = len(result.Objects)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*objects), "µs/object")
}
