package coverage

import (
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/repo"
)

const fluxApps = `apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {path: ./apps, sourceRef: {kind: GitRepository, name: main}}
`

// TestFluxBuilds has Flux make a kustomization of a directory that has none: it builds the roots below, and none within those.
func TestFluxBuilds(t *testing.T) {
	files := archive("-- clusters/apps.yaml --\n" + fluxApps + `-- apps/web/kustomization.yaml --
resources: [part]
-- apps/web/part/kustomization.yaml --
-- apps/group/db/kustomization.yaml --
-- base/web/kustomization.yaml --
`)
	takers, err := FindTakers(t.Context(), &repo.Repo{FS: files})
	if err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]bool{"apps": true, "apps/web": true, "apps/group/db": true, "apps/web/part": false, "base/web": false, "clusters": false} {
		if got := takers.Flux(dir); got != want {
			t.Errorf("%s: got %v, want %v", dir, got, want)
		}
	}
	files["apps/kustomization.yaml"] = files["apps/web/kustomization.yaml"]
	if takers, err = FindTakers(t.Context(), &repo.Repo{FS: files}); err != nil || !takers.Flux("apps") || takers.Flux("apps/group/db") {
		t.Errorf("a root of its own: got %v, %v, %v", takers.Flux("apps"), takers.Flux("apps/group/db"), err)
	}
}

// TestPatchesTellNothing has directories of patches beside what they are for: nothing deploys these, and they are no objects.
func TestPatchesTellNothing(t *testing.T) {
	patch := "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\nspec: {patches: []}\n"
	application := "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: apps}\nspec: {syncPolicy: {}}\n"
	files := archive("-- clusters/apps.yaml --\n" + fluxApps + "-- apps/a.yaml --\n" + configMap + "-- local/a.yaml --\n" + patch + "-- more/a.yaml --\n" + application)
	selection, _, err := Select(t.Context(), &repo.Repo{FS: files})
	if got := strings.Join(selection.Targets, " "); err != nil || got != "apps clusters" {
		t.Errorf("got %s, %v", got, err)
	}
}
