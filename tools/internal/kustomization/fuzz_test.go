package kustomization

import (
	"strings"
	"testing"
	"testing/fstest"
)

// FuzzKustomization renders what anybody could write into a kustomization, a resource and a patch. Whatever it is,
// it renders or is refused: Kustomize's panics and its log.Fatal must not be reached, and nothing may hang.
func FuzzKustomization(f *testing.F) {
	for _, seed := range []string{
		"resources: [config.yaml]\n",
		"resources: [r.yaml]\npatches: [{path: p.yaml}]\n",
		"resources: [r.yaml]\npatches: [{path: p.yaml, target: {kind: ConfigMap}}]\nnamePrefix: a-\nnamespace: ns\n",
		"configMapGenerator: [{name: config, behavior: merge, literals: [a=b]}]\nresources: [config.yaml, r.yaml]\n",
		"resources: [r.yaml]\nreplacements: [{source: {kind: ConfigMap}, targets: [{select: {kind: ConfigMap}, fieldPaths: [data.a]}]}]\n",
		"resources: [r.yaml]\nimages: [{name: a, newTag: '1'}]\nlabels: [{pairs: {a: b}, includeSelectors: true}]\nreplicas: [{name: a, count: 1}]\n",
		"resources: [r.yaml]\nopenapi: {path: p.yaml}\n",
		"resources: [r.yaml]\ntransformers: [p.yaml]\n",
		"resources: [r.yaml]\nconfigurations: [p.yaml]\n",
		"resources: [r.yaml]\ncrds: [p.yaml]\n",
		"resources: [r.yaml]\nvars: [{name: A, objref: {kind: ConfigMap, name: config, apiVersion: v1}}]\n",
	} {
		f.Add(seed, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: a, image: a:1}]}}}\n",
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {a: b}\n")
	}
	f.Add("resources: [config.yaml, r.yaml]\npatches: [{path: p.yaml, target: {kind: ConfigMap}}]\n",
		"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: l}}]\n", "- {op: add, path: /data/c, value: d}\n")
	f.Add("resources: [r.yaml]\nconfigMapGenerator: [{name: config, behavior: replace, files: [p.yaml]}]\n",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config, annotations: {a: b}}\nbinaryData: {a: eA==}\n", "x")
	// What Kustomize sets keys of by path, and what it prints when a name is ambiguous.
	f.Add("resources: [r.yaml]\nconfigMapGenerator: [{name: c, behavior: merge, literals: [a=b]}]\n",
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {'[a=b]': x, '-': y, '*': z}\nbinaryData: 3\n", "x")
	f.Add("resources: [r.yaml, config.yaml]\nnamePrefix: a-\nnameSuffix: -b\n",
		"apiVersion: v1\nkind: Pod\nmetadata: {name: c}\nspec: {volumes: [{configMap: {name: config}}], x: .nan}\n", "x")
	f.Add("resources: [r.yaml]\n", "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: a, annotations: [1]}\nroleRef: {}\nsubjects: [1]\n", "x")
	f.Fuzz(func(t *testing.T, kustomization, resource, patch string) {
		files := fstest.MapFS{
			"kustomization.yaml": {Data: []byte(kustomization)},
			"r.yaml":             {Data: []byte(resource)},
			"p.yaml":             {Data: []byte(patch)},
			"config.yaml":        {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n")},
		}
		result, err := New(files, strings.NewReader("")).Render(t.Context(), ".")
		if err != nil {
			if strings.Contains(err.Error(), "crashed on this input") {
				t.Errorf("Kustomize panics: %.500s", err)
			}
			if !strings.Contains(err.Error(), ".yaml") && !strings.Contains(err.Error(), "no object") {
				t.Errorf("the error names no file: %s", err)
			}
			return
		}
		if len(result.Objects) == 0 {
			t.Error("rendered nothing, without an error")
		}
		if _, err := result.YAML(); err != nil {
			t.Errorf("encode: %s", err)
		}
	})
}
