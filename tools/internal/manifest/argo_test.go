package manifest

import "testing"

func TestIsSkipped(t *testing.T) {
	for hook, want := range map[string]bool{
		"Skip": true, " Skip ,": true, "Skip,Bogus": true, "Bogus, Skip": true, "Skip,PostDelete": true,
		"": false, "Bogus": false, "skip": false, "Skip,Sync": false, "SyncFail,Skip": false, "Skip,Skip": false,
	} {
		o := &Object{Value: map[string]any{"metadata": map[string]any{"annotations": map[string]any{"argocd.argoproj.io/hook": hook}}}}
		if got := o.IsSkipped(); got != want {
			t.Errorf("%q: got %v, want %v", hook, got, want)
		}
	}
}
