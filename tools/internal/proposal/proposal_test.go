package proposal

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/repo"
)

func TestGuess(t *testing.T) {
	got := guess([]string{"apps/web/overlays/prod", "apps/web/overlays/dev", "clusters/prod/infra", "clusters/prod/apps", "base"})
	want := []environment{{"dev", []string{"apps/web/overlays/dev"}}, {"prod", []string{"apps/web/overlays/prod", "clusters/prod/**"}}}
	if !slices.EqualFunc(got, want, func(a, b environment) bool { return a.name == b.name && slices.Equal(a.targets, b.targets) }) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := guess([]string{"overlays/prod", "argocd"}); got != nil {
		t.Errorf("one environment separates nothing: %v", got)
	}
}

func TestGlobs(t *testing.T) {
	files := fstest.MapFS{}
	for _, dir := range []string{"overlays/dev", "overlays/prod", "apps/a", "apps/b", "apps/c", "argocd"} {
		files[dir+"/kustomization.yaml"] = &fstest.MapFile{Data: []byte("configMapGenerator: [{name: a}]\n")}
	}
	r := &repo.Repo{FS: files}
	// apps/c is no target, so that a glob would say too much.
	got := globs(t.Context(), r, []string{"overlays/dev", "overlays/prod", "apps/a", "apps/b", "argocd"})
	if want := []string{"overlays/*", "apps/a", "apps/b", "argocd"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
