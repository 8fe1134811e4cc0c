package gate

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/report"
)

// TestFaulty counts no target as clean in which only what follows from an error shows, or a check of which failed.
func TestFaulty(t *testing.T) {
	in := func(severity check.Severity, targets ...string) check.Finding {
		f := check.Finding{Severity: severity, Place: check.Place{Target: targets[0]}}
		for _, target := range targets[1:] {
			f.Also = append(f.Also, check.Place{Target: target})
		}
		return f
	}
	followed := in(check.Error, "a", "b")
	followed.Follows = []check.Finding{in(check.Error, "c"), in(check.Warning, "warned")}
	got := faulty(report.Report{
		Findings: []check.Finding{followed, in(check.Warning, "warned")},
		Errors:   []report.Failure{{Target: "d"}},
	})
	if got := strings.Join(slices.Sorted(maps.Keys(got)), " "); got != "a b c d" {
		t.Errorf("got %s", got)
	}
}
