package example

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
)

func TestScene(t *testing.T) {
	const config = "# file: kgate.yaml\napiVersion: kgate/v1\nenvironments: [{name: prod, targets: [overlays/prod], sampling: {min: 0, max: 1}}]\n" +
		"external: [{kind: Secret, namespace: a, name: b, provider: somebody}]\n---\n"
	const overlay = "# file: overlays/prod/kustomization.yaml\nresources: [../../base]\nnamespace: shop\n---\n" +
		"# file: base/kustomization.yaml\nresources: [a.yaml]\n---\n# file: base/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	for _, test := range []struct{ name, text, targets, roots string }{
		{"manifests", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b}\n", "[example.yaml: ConfigMap a, Secret b]", "[]"},
		{"files", "# file: b.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n---\n# file: a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "[b.yaml: ConfigMap b a.yaml: ConfigMap a]", "[]"},
		{"an overlay", config + overlay, "[overlays/prod (prod): ConfigMap shop/a]", "[base overlays/prod]"},
	} {
		scene, err := Scene(context.Background(), test.text)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		var targets []string
		for _, target := range scene.Targets {
			targets = append(targets, describe(target))
		}
		if got := fmt.Sprint(targets); got != test.targets {
			t.Errorf("%s: targets %s, want %s", test.name, got, test.targets)
		}
		if got := fmt.Sprint(scene.Facts.Roots); got != test.roots {
			t.Errorf("%s: roots %s, want %s", test.name, got, test.roots)
		}
		if n := strings.Count(test.text, "provider"); len(scene.Facts.External) != n {
			t.Errorf("%s: external %v, want %d", test.name, scene.Facts.External, n)
		}
	}
}

func describe(target *check.Target) string {
	var objects []string
	for _, o := range target.Objects {
		objects = append(objects, o.ID.String())
	}
	slices.Sort(objects)
	name := target.Path
	if target.Environment != nil {
		name += " (" + target.Environment.Name + ")"
	}
	return name + ": " + strings.Join(objects, ", ")
}

// What cannot be rendered, or leaves the example, is an error.
func TestSceneRefuses(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"# file: kgate.yaml\nkind: {\n", "kgate.yaml"},
		{"# file: ../a.yaml\nkind: A\n", "../a.yaml"},
		{"# file: overlays/a/kustomization.yaml\nresources: [missing.yaml]\n", "overlays/a/kustomization.yaml:1"},
		{"{", "example.yaml:2"},
	} {
		if scene, err := Scene(context.Background(), test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, %v, want an error with %s", test.text, scene, err, test.want)
		}
	}
}
