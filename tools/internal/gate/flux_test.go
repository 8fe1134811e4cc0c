package gate

import (
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/repo"
)

// A text that looks like a variable hides nothing where Argo CD deploys and Flux does not: nobody fills it in.
func TestVariableThatNobodyFillsIn(t *testing.T) {
	const application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: part, namespace: argocd}\n" +
		"spec: {project: default, source: {repoURL: https://git.example/x, path: overlays/prod/part}, destination: {name: in-cluster, namespace: web}}\n"
	const builder = "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: other, namespace: flux-system}\n" +
		"spec: {interval: 1h, path: ./elsewhere, prune: true, sourceRef: {kind: GitRepository, name: main}}\n"
	for name, test := range map[string]struct {
		deployers map[string]string
		want      int
	}{
		"Argo CD":          {map[string]string{"argocd/part.yaml": application}, 1},
		"nobody here":      {nil, 0},
		"Argo CD and Flux": {map[string]string{"argocd/part.yaml": application, "clusters/other.yaml": builder, "elsewhere/kustomization.yaml": "resources: []\n"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{}
			add := func(name, text string) { files[name] = &fstest.MapFile{Data: []byte(text)} }
			add("overlays/prod/kustomization.yaml", "resources: [part]\n")
			add("overlays/prod/part/kustomization.yaml", "resources: [pod.yaml]\n")
			add("overlays/prod/part/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: web}\nspec: {containers: [{name: a, image: \"${IMAGE}\"}]}\n")
			for name, text := range test.deployers {
				add(name, text)
			}
			g := opened(t, &repo.Repo{FS: files, Config: repo.Config{Targets: []string{"overlays/*"}}}, Options{Checks: []string{"pod/image-pinned"}})
			if got := ran(t, g).Findings; len(got) != test.want {
				t.Errorf("got %v, want %d findings", got, test.want)
			}
		})
	}
}
