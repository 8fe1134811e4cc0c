package provenance

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// differences lists where a replayed tree is not what was rendered. renamed are the names that objects got when all
// layers were done, and those that they had before: what refers to them follows.
func differences(path manifest.Path, replayed, rendered any, renamed map[string][]string) []string {
	switch rendered := rendered.(type) {
	case map[string]any:
		replayed, ok := replayed.(map[string]any)
		if !ok {
			break
		}
		var found []string
		for key := range rendered {
			found = append(found, differences(append(path[:len(path):len(path)], key), replayed[key], rendered[key], renamed)...)
		}
		for key := range replayed {
			if _, ok := rendered[key]; !ok {
				found = append(found, fmt.Sprintf("%s was not rendered", append(path[:len(path):len(path)], key)))
			}
		}
		return found
	case []any:
		replayed, ok := replayed.([]any)
		if !ok || len(replayed) != len(rendered) {
			break
		}
		var found []string
		for i := range rendered {
			found = append(found, differences(append(path[:len(path):len(path)], i), replayed[i], rendered[i], renamed)...)
		}
		return found
	}
	name, _ := rendered.(string)
	was, _ := replayed.(string)
	if reflect.DeepEqual(replayed, rendered) || name != "" && slices.Contains(renamed[name], was) {
		return nil
	}
	return []string{fmt.Sprintf("%s is %v, not %v", path, replayed, rendered)}
}

// replayed decodes a tree as the rendered object was decoded.
func replayed(t *testing.T, tree *yaml.Node) map[string]any {
	t.Helper()
	text, err := yaml.NewRNode(yaml.CopyYNode(tree)).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	object, err := manifest.Decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return object.Value
}

// exact holds the trees that places are read from against what Kustomize rendered.
func exact(t *testing.T, result *kustomization.Result) {
	t.Helper()
	l := New(result, nil)
	renamed := map[string][]string{}
	trees := map[*manifest.Object]*yaml.Node{}
	for _, object := range result.Objects {
		trace := result.Trace(object)
		if trace == nil {
			t.Errorf("%s: %s has no trace", result.Path, object.ID)
			continue
		}
		l.Locate(object, nil)
		if trees[object] = l.replay.tree(trace, len(trace.Steps)); trees[object] == nil {
			t.Errorf("%s: %s is not replayed", result.Path, object.ID)
			continue
		}
		for _, tree := range []*yaml.Node{l.replay.tree(trace, 0), trees[object]} {
			renamed[object.Name] = append(renamed[object.Name], manifest.Text(tree, "metadata", "name"))
		}
		renamed[object.Namespace] = append(renamed[object.Namespace], "") // of a subject that named none
	}
	for object, tree := range trees {
		for _, d := range differences(nil, replayed(t, tree), object.Value, renamed) {
			t.Errorf("%s: %s: %s", result.Path, object.ID, d)
		}
		everywhere(tree, func(node *yaml.Node) {
			if _, ok := l.replay.of(node); !ok && !isKey(tree, node) {
				t.Errorf("%s: %s: nobody knows where %q is from", result.Path, object.ID, node.Value)
			}
		})
	}
}

func isKey(tree, node *yaml.Node) bool {
	found := false
	everywhere(tree, func(parent *yaml.Node) {
		for i := 0; parent.Kind == yaml.MappingNode && i < len(parent.Content); i += 2 {
			found = found || parent.Content[i] == node
		}
	})
	return found
}

func TestReplayIsExact(t *testing.T) {
	root, err := os.OpenRoot("../../..")
	if err != nil {
		t.Fatal(err)
	}
	renderer := kustomization.New(root.FS(), strings.NewReader(""))
	for _, target := range []string{"overlays/dev", "overlays/staging", "overlays/prod", "argocd"} {
		result, err := renderer.Render(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		exact(t, result)
	}
}

// TestReplayOfNull holds that a null label of a patch with a target is replayed as the text that Kustomize makes of it.
func TestReplayOfNull(t *testing.T) {
	files := tree(`
-- base/kustomization.yaml --
resources: [object.yaml]
-- base/object.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: a, labels: {a: b, c: d}, annotations: {e: f}}
-- overlay/kustomization.yaml --
resources: [../base]
patches:
- target: {kind: ConfigMap}
  patch: |-
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: any
      labels:
        a: null
        c: 1
      annotations: null
`)
	result, err := kustomization.New(files, nil).Render(t.Context(), "overlay")
	if err != nil {
		t.Fatal(err)
	}
	exact(t, result)
	object := result.Objects[0]
	for path, want := range map[string]string{"a": "overlay/kustomization.yaml:10", "c": "overlay/kustomization.yaml:11"} {
		if at := New(result, nil).Locate(object, manifest.Path{"metadata", "labels", path}); at.Position.String() != want {
			t.Errorf("%s is from %s, not %s", path, at.Position, want)
		}
	}
	if at := New(result, nil).Locate(object, manifest.Path{"metadata", "annotations", "e"}); at.Position.String() != "base/object.yaml:3" {
		t.Errorf("the annotation is from %s", at.Position)
	}
}

// TestReplayOfPluginFiles holds that what a builtin transformer takes from a file is placed in the file.
func TestReplayOfPluginFiles(t *testing.T) {
	files := tree(`
-- kustomization.yaml --
resources: [object.yaml]
transformers: [t.yaml]
-- object.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {a: x, b: z, c: z}
-- t.yaml --
apiVersion: builtin
kind: ReplacementTransformer
metadata: {name: r}
replacements:
- path: f.yaml
---
apiVersion: builtin
kind: PatchTransformer
metadata: {name: p}
path: p.yaml
-- f.yaml --
- source: {kind: ConfigMap, name: a, fieldPath: data.a}
  targets:
  - select: {kind: ConfigMap}
    fieldPaths:
    - data.b
-- p.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data:
  c: patched
`)
	result, err := kustomization.New(files, nil).Render(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	exact(t, result)
	for key, want := range map[string]string{"b": "object.yaml:4 [f.yaml:5 object.yaml:4]", "c": "p.yaml:5 [object.yaml:4]"} {
		at := New(result, nil).Locate(result.Objects[0], manifest.Path{"data", key})
		if got := fmt.Sprint(at.Position, " ", at.Overrode); got != want {
			t.Errorf("%s is from %s, not %s", key, got, want)
		}
	}
}
