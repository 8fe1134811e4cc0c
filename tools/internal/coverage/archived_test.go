package coverage

import (
	"strings"
	"testing"
)

// TestArchived has one Flux Kustomization build a root, with what source-controller leaves out of the repository.
func TestArchived(t *testing.T) {
	const files = `-- kgate.yaml --
apiVersion: kgate/v1
targets: [app, clusters]
-- app/kustomization.yaml --
resources: [a.yaml]
configMapGenerator: [{name: logo, files: [FILE]}]
-- app/a.yaml --
` + configMap + `-- app/FILE --
x
-- clusters/kustomization.yaml --
resources: [flux.yaml]
-- clusters/flux.yaml --
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: shop, namespace: flux-system}
spec:
  path: ./app
  sourceRef: {kind: GitRepository, name: main}
---
SOURCE
`
	const (
		git   = "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: main, namespace: flux-system}\nspec: {url: 'https://here'"
		plain = git + "}"
		own   = "source-controller's own list"
	)
	tests := map[string]struct {
		file, source, ignores string
		lacks                 string // file, and by what; "" for nothing
	}{
		"nothing":                       {"logo.txt", plain, "", ""},
		"a picture":                     {"logo.png", plain, "", "app/logo.png: " + own + " (*.png)"},
		"a picture that is taken in":    {"logo.png", plain, "-- .sourceignore --\n# pictures\n!*.png\n", ""},
		"by the source":                 {"logo.png", git + `, ignore: "!/app/*.png\n"}`, "", ""},
		"a list of the source":          {"logo.txt", git + `, ignore: "/*\n!/clusters\n"}`, "-- .sourceignore --\n!/app\n", `app/kustomization.yaml: spec.ignore of GitRepository "main":1 (/*)`},
		"all but some":                  {"logo.txt", plain, "-- .sourceignore --\n/*\n\n!/clusters/\n!/app/\n", ""},
		"all but others":                {"logo.txt", plain, "-- .sourceignore --\n/*\n\n!/clusters/\n!/apps/\n", "app/kustomization.yaml: .sourceignore:1 (/*)"},
		"a file":                        {"logo.txt", plain, "-- .sourceignore --\ndocs/\n*.txt\n", "app/logo.txt: .sourceignore:2 (*.txt)"},
		"a file of a directory":         {"logo.txt", plain, "-- .sourceignore --\n!*.txt\n-- app/.sourceignore --\n/logo.txt\n", "app/logo.txt: app/.sourceignore:1 (/logo.txt)"},
		"a file of another directory":   {"logo.txt", plain, "-- clusters/.sourceignore --\n*.txt\n", ""},
		"beside what is taken in":       {"logo.png", git + ", include: [{repository: {name: b}}]}", "", ""},
		"of a source that is not here":  {"logo.png", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}", "", ""},
		"of the Flux Operator":          {"logo.png", "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux, namespace: flux-system}\nspec: {sync: {kind: GitRepository, name: main}}", "", "app/logo.png: " + own + " (*.png)"},
		"of the Flux Operator, patched": {"logo.png", "apiVersion: fluxcd.controlplane.io/v1\nkind: FluxInstance\nmetadata: {name: flux, namespace: flux-system}\nspec: {sync: {kind: GitRepository, name: main}, kustomize: {patches: [{}]}}", "", ""},
	}
	for name, test := range tests {
		text := strings.NewReplacer("FILE", test.file, "SOURCE", test.source).Replace(files) + test.ignores
		var want []string
		if file, by, lacks := strings.Cut(test.lacks, ": "); lacks {
			want = []string{`clusters/flux.yaml:1: flux-path: Flux Kustomization "shop" builds app, and Flux does not get ` + file + ": " + by + " leaves it out"}
		}
		if got := found(t, archive(text)); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:\n got %q\nwant %q", name, got, want)
		}
	}
}
