package main

import (
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/gate"
)

// TestAffectedCounted holds that the last line says one as one.
func TestAffectedCounted(t *testing.T) {
	for _, test := range []struct {
		targets, files int
		want           string
	}{
		{0, 0, "0 targets are touched by 0 changed files\n"},
		{1, 1, "1 target is touched by 1 changed file\n"},
		{2, 1, "2 targets are touched by 1 changed file\n"},
		{1, 2, "1 target is touched by 2 changed files\n"},
	} {
		var out strings.Builder
		all := make([]gate.Affected, test.targets)
		for i := range all {
			for n := range test.files {
				all[i].Files = append(all[i].Files, strings.Repeat("a", n+1)) // each touches all
			}
		}
		if err := writeAffected(&out, "text", false, all); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); !strings.HasSuffix(got, test.want) {
			t.Errorf("%d targets, %d files: %q does not end in %q", test.targets, test.files, got, test.want)
		}
	}
}
