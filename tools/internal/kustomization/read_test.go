package kustomization

import (
	"slices"
	"strings"
	"testing"
)

// TestUnchanged tells what a target reads, and what of that it holds as it is.
func TestUnchanged(t *testing.T) {
	const below = `
-- base/kustomization.yaml --
resources: [config.yaml]
-- base/config.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
-- part/kustomization.yaml --
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
commonAnnotations: {a: b}
-- top/patch.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data: {a: b}
-- top/own.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: own}
`
	layers := "base top"
	for text, changes := range map[string]bool{
		"":                        false,
		"metadata: {name: top}\n": false,
		"configMapGenerator: [{name: more, literals: [a=b]}]\n":                    false,
		"generatorOptions: {disableNameSuffixHash: true}\npatches: []\n":           false,
		"buildMetadata: [originAnnotations]\n":                                     false,
		"sortOptions: {order: fifo}\n":                                             false,
		"namespace: a\n":                                                           true,
		"namePrefix: a\n":                                                          true,
		"nameSuffix: a\n":                                                          true,
		"labels: [{pairs: {a: b}}]\n":                                              true,
		"commonLabels: {a: b}\n":                                                   true,
		"commonAnnotations: {a: b}\n":                                              true,
		"patches: [{path: patch.yaml}]\n":                                          true,
		"patchesStrategicMerge: [patch.yaml]\n":                                    true,
		"images: [{name: a, newTag: b}]\n":                                         true,
		"components: [../part]\n":                                                  true,
		"configMapGenerator: [{name: config, behavior: merge, literals: [a=b]}]\n": true,
		"transformers:\n- |-\n  apiVersion: builtin\n  kind: PrefixTransformer\n  metadata: {name: a}\n  prefix: b\n  fieldSpecs: [{path: metadata/name}]\n": true,
	} {
		result, err := New(tree("-- top/kustomization.yaml --\nresources: [../base, own.yaml]\n"+text+below), nil).Render(t.Context(), "top")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		want := "base base/config.yaml top top/own.yaml"
		if changes {
			want = "top"
		}
		if got := strings.Join(result.Unchanged(), " "); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		if got := strings.Join(slices.DeleteFunc(result.Layers(), func(dir string) bool { return dir == "part" }), " "); got != layers {
			t.Errorf("%s: got %s, want %s", text, got, layers)
		}
	}
	plain, err := New(tree("-- top/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n-- top/below/b.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n"), nil).Render(t.Context(), "top")
	if err != nil || strings.Join(plain.Unchanged(), " ") != "top/a.yaml top/below/b.yaml" || plain.Layers() != nil {
		t.Errorf("got %v, %v, %v", plain, plain.Layers(), err)
	}
}
