package kustomization

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

// mostOfKustomize is how many times the bytes that Kustomize allocates for a target rendering it may allocate, its own
// reading and the traces of objects included. docs/limits.md states it.
const mostOfKustomize = 3

// TestRenderIsAMultiple holds rendering to a multiple of what Kustomize needs, on shapes that multiply: many objects, many
// patches, many layers, many generators, long lists.
func TestRenderIsAMultiple(t *testing.T) {
	var objects, patches, generators strings.Builder
	for i := range 150 {
		fmt.Fprintf(&objects, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c%d, labels: {a: b}}\ndata: {a: b}\n", i)
		fmt.Fprintf(&patches, "- {target: {kind: ConfigMap, name: c%d}, patch: '[{\"op\": \"add\", \"path\": \"/data/c\", \"value\": \"d\"}]'}\n", i)
		fmt.Fprintf(&generators, "- {name: g%d, literals: [a=b]}\n", i)
	}
	containers := make([]string, 500)
	for i := range containers {
		containers[i] = fmt.Sprintf("{name: c%d, image: 'a:1'}", i)
	}
	layers := fstest.MapFS{}
	for i := range 20 {
		text := fmt.Sprintf("resources: [../l%d]\nlabels: [{pairs: {l%d: x}}]\nnamePrefix: a-\n", i+1, i)
		layers[fmt.Sprintf("l%d/kustomization.yaml", i)] = &fstest.MapFile{Data: []byte(text)}
	}
	layers["l20/kustomization.yaml"] = &fstest.MapFile{Data: []byte("resources: [r.yaml]\n")}
	layers["l20/r.yaml"] = &fstest.MapFile{Data: []byte(objects.String()[:3000] + "\n")}
	one := func(kustomization, resource string) fstest.MapFS {
		return fstest.MapFS{"l0/kustomization.yaml": {Data: []byte(kustomization)}, "l0/r.yaml": {Data: []byte(resource)}}
	}
	for name, files := range map[string]fstest.MapFS{
		"objects":    one("resources: [r.yaml]\nnamePrefix: a-\n", objects.String()),
		"patches":    one("resources: [r.yaml]\npatches:\n"+patches.String(), objects.String()),
		"generators": one("configMapGenerator:\n"+generators.String(), ""),
		"containers": one("resources: [r.yaml]\nimages: [{name: a, newTag: '2'}]\n",
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: ["+strings.Join(containers, ", ")+"]}}}\n"),
		"layers": layers,
	} {
		theirs := allocated(func() {
			if _, err := Kustomize(NewFiles(NewStore(files)), "l0"); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		})
		ours := allocated(func() {
			if _, err := New(files, strings.NewReader("")).Render(t.Context(), "l0"); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		})
		t.Logf("%s: %.1f times the %d kB of Kustomize", name, float64(ours)/float64(theirs), theirs>>10)
		if ours > mostOfKustomize*theirs {
			t.Errorf("%s: rendering allocates %d kB, Kustomize alone %d kB", name, ours>>10, theirs>>10)
		}
	}
}

// allocated is how many bytes a function allocates, the second time it runs.
func allocated(do func()) uint64 {
	do()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
