package manifest

import "testing"

func TestApplied(t *testing.T) {
	const argo, helm = "argocd.argoproj.io/hook", "helm.sh/hook"
	for _, test := range []struct {
		name        string
		annotations map[string]any
		want        bool
	}{
		{"no hook", nil, true},
		{"other annotations", map[string]any{"argocd.argoproj.io/sync-wave": "1", "argocd.argoproj.io/sync-options": "Prune=false"}, true},
		{"before the sync", map[string]any{argo: "PreSync"}, true},
		{"amid", map[string]any{argo: "Sync"}, true},
		{"after", map[string]any{argo: "PostSync"}, true},
		{"skipped", map[string]any{argo: "Skip"}, false},
		{"skipped, with blanks and commas", map[string]any{argo: " Skip ,,"}, false},
		{"skipped, beside what is no hook", map[string]any{argo: "Skip,Never"}, false},
		{"skipped and synced", map[string]any{argo: "Skip, Sync"}, true},
		{"when a sync fails", map[string]any{argo: "SyncFail"}, false},
		{"skipped or when a sync fails", map[string]any{argo: "Skip,SyncFail"}, false},
		{"when the Application is deleted", map[string]any{argo: "PostDelete"}, false},
		{"no hook that there is", map[string]any{argo: "presync"}, false},
		{"an empty hook", map[string]any{argo: ""}, false},
		{"a hook that is no text", map[string]any{argo: true}, false},
		{"skipped whatever Helm says", map[string]any{argo: "Skip", helm: "pre-install"}, false},
		{"Helm's, before", map[string]any{helm: "pre-install,pre-upgrade"}, true},
		{"Helm's, after", map[string]any{helm: "post-upgrade"}, true},
		{"Helm's, beside an unknown one", map[string]any{argo: "Never", helm: "post-install"}, true},
		{"Helm's test", map[string]any{helm: "test"}, false},
		{"Helm's, when it is deleted", map[string]any{helm: "pre-delete"}, false},
		{"Helm's crd-install, which is none", map[string]any{helm: "crd-install"}, true},
		{"Helm's crd-install beside an empty hook", map[string]any{argo: "", helm: "crd-install"}, false},
	} {
		object := &Object{Value: map[string]any{"metadata": map[string]any{"annotations": test.annotations}}}
		if got := object.Applied(); got != test.want {
			t.Errorf("%s: applied is %v", test.name, got)
		}
	}
	for _, metadata := range []any{nil, "text", map[string]any{}, map[string]any{"annotations": []any{"a"}}} {
		if !(&Object{Value: map[string]any{"metadata": metadata}}).Applied() {
			t.Errorf("metadata %v: not applied", metadata)
		}
	}
}

func TestTries(t *testing.T) {
	const argo, helm = "argocd.argoproj.io/hook", "helm.sh/hook"
	for _, test := range []struct {
		name        string
		annotations map[string]any
		want        bool
	}{
		{"no hook", nil, false},
		{"a test", map[string]any{helm: "test"}, true},
		{"a test in Helm 2's word", map[string]any{helm: "test-success"}, true},
		{"a test that is installed too", map[string]any{helm: "post-install, test"}, false},
		{"a test that Argo CD runs after a sync", map[string]any{argo: "PostSync", helm: "test"}, false},
		{"a test that Argo CD skips", map[string]any{argo: "Skip", helm: "test"}, true},
		{"when it is deleted", map[string]any{helm: "pre-delete"}, false},
		{"skipped", map[string]any{argo: "Skip"}, false},
	} {
		object := &Object{Value: map[string]any{"metadata": map[string]any{"annotations": test.annotations}}}
		if got := object.IsHelmTest(); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

// TestAsHook: Argo CD names a hook that has generateName alone, and nothing else.
func TestAsHook(t *testing.T) {
	for name, c := range map[string]struct {
		metadata map[string]any
		want     string
	}{
		"a hook":            {map[string]any{"generateName": "a-", "annotations": map[string]any{"argocd.argoproj.io/hook": "PreSync"}}, "a-0000000-presync-1000000000"},
		"when it is gone":   {map[string]any{"generateName": "a-", "annotations": map[string]any{"argocd.argoproj.io/hook": "PostDelete"}}, "a-0000000-presync-1000000000"},
		"of Helm":           {map[string]any{"generateName": "a-", "annotations": map[string]any{"helm.sh/hook": "post-install"}}, "a-0000000-presync-1000000000"},
		"of Helm, no hook":  {map[string]any{"generateName": "a-", "annotations": map[string]any{"helm.sh/hook": "crd-install"}}, ""},
		"a hook with name":  {map[string]any{"name": "a", "generateName": "b-", "annotations": map[string]any{"argocd.argoproj.io/hook": "Sync"}}, "a"},
		"of no phase":       {map[string]any{"generateName": "a-", "annotations": map[string]any{"argocd.argoproj.io/hook": "PreSynk"}}, ""},
		"skipped":           {map[string]any{"generateName": "a-", "annotations": map[string]any{"argocd.argoproj.io/hook": "Skip"}}, ""},
		"no hook":           {map[string]any{"generateName": "a-"}, ""},
		"no name whatever":  {map[string]any{"annotations": map[string]any{"argocd.argoproj.io/hook": "Sync"}}, ""},
		"a name of another": {map[string]any{"generateName": 1, "annotations": map[string]any{"argocd.argoproj.io/hook": "Sync"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			value := map[string]any{"apiVersion": "batch/v1", "kind": "Job", "metadata": c.metadata}
			object, err := (&Object{ID: Identify(value), Value: value}).AsHook()
			if err != nil || object.Name != c.want {
				t.Errorf("the name is %q, want %q: %v", object.Name, c.want, err)
			}
		})
	}
}
