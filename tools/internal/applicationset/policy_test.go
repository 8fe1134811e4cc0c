package applicationset

import "testing"

func TestPolicyOf(t *testing.T) {
	for sync, want := range map[string]Policy{
		"":              {Updates: true, Deletes: true},
		"sync":          {Sync: "sync", Updates: true, Deletes: true},
		"create-only":   {Sync: "create-only"},
		"create-update": {Sync: "create-update", Updates: true},
		"create-delete": {Sync: "create-delete", Deletes: true},
	} {
		for _, keeps := range []bool{false, true} {
			policy := map[string]any{"applicationsSync": sync, "preserveResourcesOnDeletion": keeps}
			want.Keeps = keeps
			if got := PolicyOf(map[string]any{"spec": map[string]any{"syncPolicy": policy}}); got != want {
				t.Errorf("%v: got %+v, want %+v", policy, got, want)
			}
		}
	}
	if got, want := PolicyOf(nil), (Policy{Updates: true, Deletes: true}); got != want {
		t.Errorf("without a policy: got %+v, want %+v", got, want)
	}
	// Finalizers that a template names are those that count.
	for finalizer, keeps := range map[string]bool{"resources-finalizer.argocd.argoproj.io": false, "resources-finalizer.argocd.argoproj.io/background": false, "example.com/own": true} {
		for _, preserve := range []bool{false, true} {
			set := map[string]any{"spec": map[string]any{
				"syncPolicy": map[string]any{"preserveResourcesOnDeletion": preserve},
				"template":   map[string]any{"metadata": map[string]any{"finalizers": []any{finalizer}}},
			}}
			if got := PolicyOf(set).Keeps; got != keeps {
				t.Errorf("%s, preserve %t: keeps %t, want %t", finalizer, preserve, got, keeps)
			}
		}
	}
}
