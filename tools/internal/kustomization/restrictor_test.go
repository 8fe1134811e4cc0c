package kustomization_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
)

// TestLoadRestrictionsNone renders what Kustomize renders with that load restrictor: every kind of file that a kustomization
// reads, from beside it. Nothing outside of the repository is read with it either.
func TestLoadRestrictionsNone(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "repository")
	for name, text := range map[string]string{
		"repository/shared/config.yaml":        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: green}\n",
		"repository/shared/patch.yaml":         "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {size: big}\n",
		"repository/shared/json.yaml":          "- {op: add, path: /data/json, value: patch}\n",
		"repository/shared/app.env":            "A=1\n",
		"repository/shared/app.txt":            "text\n",
		"repository/shared/labels.yaml":        "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {a: b}\nfieldSpecs: [{path: metadata/labels, create: true}]\n",
		"repository/shared/replacement.yaml":   "source: {kind: ConfigMap, name: settings, fieldPath: data.colour}\ntargets: [{select: {kind: ConfigMap, name: settings}, fieldPaths: [data.size]}]\n",
		"repository/shared/configuration.yaml": "commonAnnotations: [{path: data/note, create: true}]\n",
		"repository/app/kustomization.yaml": "resources: [../shared/config.yaml]\nconfigurations: [../shared/configuration.yaml]\npatches: [{path: ../shared/patch.yaml}, {path: ../shared/json.yaml, target: {kind: ConfigMap, name: settings}}]\n" +
			"configMapGenerator: [{name: made, envs: [../shared/app.env], files: [../shared/app.txt]}]\ntransformers: [../shared/labels.yaml]\nreplacements: [{path: ../shared/replacement.yaml}]\n",
		"repository/prod/kustomization.yaml": "resources: [../app]\nnamePrefix: prod-\n",
		"repository/out/kustomization.yaml":  "resources: [../../secret.yaml]\n",
		"secret.yaml":                        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
	} {
		name = filepath.Join(outside, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	renderer := kustomization.New(root.FS(), nil)
	renderer.LoadRestrictionsNone = func(target string) bool { return target != "app" }
	rendered, err := krusty.MakeKustomizer(&krusty.Options{Reorder: krusty.ReorderOptionUnspecified, LoadRestrictions: types.LoadRestrictionsNone, PluginConfig: types.DisabledPluginConfig()}).
		Run(filesys.MakeFsOnDisk(), filepath.Join(dir, "prod"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := rendered.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	result, err := renderer.Render(t.Context(), "prod")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := result.YAML(); err != nil || string(got) != string(want) {
		t.Errorf("got\n%s, %v\nwant\n%s", got, err, want)
	}
	if _, err := renderer.Render(t.Context(), "app"); err == nil || !strings.Contains(err.Error(), "name the target under `loadRestrictionsNone` in kgate.yaml") {
		t.Errorf("got %v", err)
	}
	if _, err := renderer.Render(t.Context(), "out"); err == nil || !strings.Contains(err.Error(), "../../secret.yaml leads out of the repository") {
		t.Errorf("got %v", err)
	}
}
