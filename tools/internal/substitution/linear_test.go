package substitution_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/substitution"
)

// allocated is how many bytes it takes to find that none of so many variables of an object has a value.
func allocated(t *testing.T, n int) uint64 {
	t.Helper()
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n")
	for i := range n {
		fmt.Fprintf(&b, "  k%d: ${v%d}\n", i, i)
	}
	object := decode(t, b.String())
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	filled, err := substitution.Variables{Always: true}.Fill(object, "target")
	runtime.ReadMemStats(&after)
	if err != nil || len(filled.Faults) != n {
		t.Fatalf("%d faults, want %d; error %v", len(filled.Faults), n, err)
	}
	for i, fault := range filled.Faults {
		if variable := strings.Replace(fault.Path[1].(string), "k", "v", 1); fault.Message != "${"+variable+"} has no value and no default" {
			t.Fatalf("fault %d is at %s: %s", i, fault.Path, fault.Message)
		}
	}
	return after.TotalAlloc - before.TotalAlloc
}

// Four times as many variables without a value cost four times as much, not sixteen times.
func TestVariablesWithoutAValueCostTheSame(t *testing.T) {
	small, large := allocated(t, 250), allocated(t, 1000)
	if large > 6*small {
		t.Errorf("250 variables take %d bytes, 1000 take %d", small, large)
	}
}
