package coverage

import (
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// TestMentionedPods finds labels together in files that no target reads.
func TestMentionedPods(t *testing.T) {
	files := fstest.MapFS{
		"a/a.yaml": {Data: []byte("kind: Deployment\nspec:\n  template:\n    metadata: {labels: {app: web, 'track': \"stable\"}}\n")},
		"b/b.yaml": {Data: []byte("kind: Deployment\nspec:\n  template:\n    metadata:\n      labels:\n        app.kubernetes.io/name: db\n")},
	}
	all, err := Mentioned(t.Context(), &repo.Repo{FS: files}, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	for labels, want := range map[string]bool{
		`{"app":"web"}`: true, `{"app":"web","track":"stable"}`: true, `{"app.kubernetes.io/name":"db"}`: true,
		`{"app":"db"}`: false, `{"app":"web","app.kubernetes.io/name":"db"}`: false, `{}`: false, `text`: false,
		`{"matchLabels":{"app":"web"},"matchExpressions":[{"key":"track","operator":"In","values":["canary","stable"]}]}`: true,
		`{"matchExpressions":[{"key":"track","operator":"In","values":["canary"]}]}`:                                      false,
	} {
		got := false
		for _, m := range all {
			got = got || m.Has(check.Reference{Kind: check.PodsKind, Name: labels})
		}
		if got != want {
			t.Errorf("%s: got %t", labels, got)
		}
	}
}

// TestMentionedPolicies finds policies in directories of which a run reads nothing: where it reads others, one was left out.
func TestMentionedPolicies(t *testing.T) {
	files := fstest.MapFS{
		"a/policy.yaml": {Data: []byte("kind: CiliumNetworkPolicy\n")},
		"a/pod.yaml":    {Data: []byte("kind: Pod\n")},
		"b/pod.yaml":    {Data: []byte("kind: Pod\n")},
	}
	for read, want := range map[string]bool{"a/pod.yaml": false, "b/pod.yaml": true} {
		all, err := Mentioned(t.Context(), &repo.Repo{FS: files}, func(file string) bool { return file == read })
		if err != nil {
			t.Fatal(err)
		}
		got := false
		for _, m := range all {
			got = got || m.Has(check.Reference{Kind: check.PoliciesKind, Namespace: "shop", Name: `{"to":"db"}`})
		}
		if got != want {
			t.Errorf("where %s is read: got %t", read, got)
		}
	}
}
