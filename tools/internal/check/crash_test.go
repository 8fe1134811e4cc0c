package check

import (
	"context"
	"strings"
	"testing"
)

// A check that panics fails for its target; the others are made.
func TestRunSurvivesAPanic(t *testing.T) {
	bad := &Check{Name: "a/bad", Scope: Object, Run: func(context.Context, *Pass) error { panic("::error::broke") }}
	good := &Check{Name: "a/good", Scope: Object, Run: func(_ context.Context, p *Pass) error {
		p.add(Finding{Place: Place{Target: p.Targets[0].Path}, Message: "found"})
		return nil
	}}
	result, failures := Run(t.Context(), Plan{Checks: []*Check{bad, good}, Targets: []*Target{{Path: "t"}}})
	if len(failures) != 1 || failures[0].Target != "t" || !strings.Contains(failures[0].Err.Error(), "fault of kgate: ::error::broke") {
		t.Errorf("got %v", failures)
	}
	if len(result.Findings) != 1 || result.Findings[0].Message != "found" {
		t.Errorf("the other check found %v", result.Findings)
	}
}
