package kustomization

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestNeedsIsWhatRenderingReads holds the list of what a target is read from to what rendering it reads, on this repository.
func TestNeedsIsWhatRenderingReads(t *testing.T) {
	root := os.DirFS("../../..")
	for _, target := range []string{"overlays/dev", "overlays/staging", "overlays/prod", "argocd"} {
		renderer := New(root, strings.NewReader(""))
		result, err := renderer.Render(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		needs, err := renderer.Needs(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range result.Read {
			if !slices.Contains(needs, file) {
				t.Errorf("%s reads %s, which its needs do not name", target, file)
			}
		}
	}
}

// TestNeedsOfPlugins: what a plugin reads when it runs is needed as what a field of the kustomization names.
func TestNeedsOfPlugins(t *testing.T) {
	deployment := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
	for name, test := range map[string]struct {
		field, plugin string
		file          string // that the plugin reads, data/file
	}{
		"files of a ConfigMap":    {"generators", "{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: g}, files: [data/file]}", "text"},
		"a file under a key":      {"generators", "{apiVersion: builtin, kind: ConfigMapGenerator, metadata: {name: g}, files: [key=data/file]}", "text"},
		"variables of a Secret":   {"generators", "{apiVersion: builtin, kind: SecretGenerator, metadata: {name: g}, envs: [data/file]}", "A=b"},
		"a patch":                 {"transformers", "{apiVersion: builtin, kind: PatchTransformer, metadata: {name: g}, path: data/file}", deployment + "spec: {replicas: 2}\n"},
		"a patch of several":      {"transformers", "{apiVersion: builtin, kind: PatchStrategicMergeTransformer, metadata: {name: g}, paths: [data/file]}", deployment + "spec: {replicas: 2}\n"},
		"operations":              {"transformers", "{apiVersion: builtin, kind: PatchJson6902Transformer, metadata: {name: g}, target: {kind: Deployment, name: web}, path: data/file}", `[{"op": "add", "path": "/spec", "value": {"replicas": 2}}]`},
		"replacements":            {"transformers", "{apiVersion: builtin, kind: ReplacementTransformer, metadata: {name: g}, replacements: [{path: data/file}]}", "source: {kind: Deployment, fieldPath: metadata.name}\ntargets: [{select: {kind: Deployment}, fieldPaths: [metadata.labels.a], options: {create: true}}]\n"},
		"a link to another place": {"transformers", "{apiVersion: builtin, kind: PatchTransformer, metadata: {name: g}, path: data/file}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			needed := "app/data/file"
			for how, tree := range map[string]fstest.MapFS{
				"in a file":     {"app/kustomization.yaml": {Data: []byte("resources: [web.yaml]\n" + test.field + ": [plugin.yaml]\n")}, "app/plugin.yaml": {Data: []byte(test.plugin + "\n")}},
				"written there": {"app/kustomization.yaml": {Data: []byte("resources: [web.yaml]\n" + test.field + ":\n- |-\n  " + test.plugin + "\n")}},
				"in a directory": {"app/kustomization.yaml": {Data: []byte("resources: [web.yaml]\n" + test.field + ": [plugins]\n")},
					"app/plugins/kustomization.yaml": {Data: []byte("resources: [plugin.yaml]\n")}, "app/plugins/plugin.yaml": {Data: []byte(test.plugin + "\n")}},
			} {
				tree["app/web.yaml"] = &fstest.MapFile{Data: []byte(deployment)}
				tree["app/data/file"] = &fstest.MapFile{Data: []byte(test.file)}
				if test.file == "" {
					tree["app/data/file"] = &fstest.MapFile{Data: []byte("../patch.yaml"), Mode: os.ModeSymlink | 0o777}
					tree["app/patch.yaml"] = &fstest.MapFile{Data: []byte(deployment + "spec: {replicas: 2}\n")}
					needed = "app/patch.yaml"
				}
				renderer := New(tree, strings.NewReader(""))
				result, err := renderer.Render(t.Context(), "app")
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				if !slices.Contains(result.Read, needed) {
					t.Fatalf("%s: rendering reads %q", how, result.Read)
				}
				needs, err := New(tree, strings.NewReader("")).Needs(t.Context(), "app")
				if err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				for _, file := range append(result.Read, "app/data/file") {
					if !slices.Contains(needs, file) {
						t.Errorf("%s: reads %s, which its needs do not name", how, file)
					}
				}
			}
		})
	}
}
