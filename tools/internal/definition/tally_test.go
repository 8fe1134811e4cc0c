package definition

import (
	"cmp"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

var tree = flag.String("tree", "", "`directory` whose manifests TestTallyOfTree counts")

func read(t *testing.T, name string, text []byte) []*manifest.Object {
	t.Helper()
	documents, err := manifest.ParseDocuments(name, text)
	if err != nil {
		return nil
	}
	var all []*manifest.Object
	for _, d := range documents {
		if objects, err := d.Objects(); err == nil {
			all = append(all, objects...)
		}
	}
	return all
}

func TestTally(t *testing.T) {
	tally, err := NewTally()
	if err != nil {
		t.Fatal(err)
	}
	const text = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.acme.dev}
spec:
  group: acme.dev
  scope: Namespaced
  names: {kind: Widget, plural: widgets}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
---
{apiVersion: acme.dev/v1, kind: Widget, metadata: {name: a}}
---
{apiVersion: acme.dev/v2, kind: Widget, metadata: {name: a}}
---
{apiVersion: cert-manager.io/v1, kind: Certificate, metadata: {name: a}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}
---
{apiVersion: kustomize.config.k8s.io/v1beta1, kind: Kustomization}
`
	objects := read(t, "all.yaml", []byte(text))
	for _, o := range objects {
		tally.Define(o)
	}
	for _, o := range objects {
		tally.Add(KindOf(o), 1)
	}
	for name, test := range map[string]struct {
		got  map[schema.GroupVersionKind]int
		want schema.GroupVersionKind
	}{
		"catalogue": {tally.Catalogue, schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"}},
		"own":       {tally.Own, schema.GroupVersionKind{Group: "acme.dev", Version: "v1", Kind: "Widget"}},
		"unknown":   {tally.Unknown, schema.GroupVersionKind{Group: "acme.dev", Version: "v2", Kind: "Widget"}},
	} {
		if len(test.got) != 1 || test.got[test.want] != 1 {
			t.Errorf("%s: %v", name, test.got)
		}
	}
}

// TestTallyOfTree says of the manifests of any directory how many objects of custom kinds are known:
// go test ./tools/internal/definition -run TestTallyOfTree -tree DIRECTORY -v
func TestTallyOfTree(t *testing.T) {
	if *tree == "" {
		t.Skip("-tree names no directory")
	}
	tally, err := NewTally()
	if err != nil {
		t.Fatal(err)
	}
	var objects []*manifest.Object
	err = fs.WalkDir(os.DirFS(*tree), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && entry.Name() == ".git" {
			return cmp.Or(err, fs.SkipDir)
		}
		if ext := path.Ext(name); !entry.Type().IsRegular() || ext != ".yaml" && ext != ".yml" {
			return nil
		}
		text, err := fs.ReadFile(os.DirFS(*tree), name)
		objects = append(objects, read(t, name, text)...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		tally.Define(o)
	}
	for _, o := range objects {
		tally.Add(KindOf(o), 1)
	}
	sum := func(counts map[schema.GroupVersionKind]int) (objects int) {
		for _, n := range counts {
			objects += n
		}
		return objects
	}
	t.Logf("catalogue: %d objects of %d kinds; own definitions: %d of %d; unknown: %d of %d",
		sum(tally.Catalogue), len(tally.Catalogue), sum(tally.Own), len(tally.Own), sum(tally.Unknown), len(tally.Unknown))
	for _, kind := range slices.SortedFunc(maps.Keys(tally.Unknown), func(a, b schema.GroupVersionKind) int {
		return cmp.Or(tally.Unknown[b]-tally.Unknown[a], cmp.Compare(a.String(), b.String()))
	}) {
		t.Logf("%6d  %s %s", tally.Unknown[kind], kind.GroupVersion(), kind.Kind)
	}
}
