package kustomization

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

// A result depends on what was read, on what is above it, on links, and on places where something would have counted.
func TestDependsOn(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	object := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	renderer := New(fstest.MapFS{
		"base/kustomization.yaml":    file("resources: [a.yaml]\nconfigMapGenerator: [{name: g, files: [data.txt]}]\n"),
		"base/a.yaml":                file(object),
		"base/data.txt":              file("text"),
		"base/unused.yaml":           file(object),
		"overlay/kustomization.yaml": file("resources: [../base]\n"),
		"plain/a.yaml":               file(object),
		"plain/deep/b.yaml":          file(strings.Replace(object, "name: a", "name: b", 1)),
		"broken/kustomization.yaml":  file("resources: [missing.yaml]\n"),
	}, strings.NewReader(object))
	for target, paths := range map[string]map[string]bool{
		"overlay": {
			"base/a.yaml": true, "base/data.txt": true, "base": true, "overlay": true, "overlay/kustomization.yaml": true,
			"base/kustomization.yml": true, "overlay/Kustomization": true,
			"base/unused.yaml": false, "base/new.yaml": false, "plain/a.yaml": false, "kgate.yaml": false,
		},
		"plain": {
			"plain/a.yaml": true, "plain/new.yaml": true, "plain/new": true, "plain/deep": true, "plain/deep/new.yaml": true,
			"plain/kustomization.yaml": true, "base/a.yaml": false, "new": false,
		},
		"plain/a.yaml": {"plain/a.yaml": true, "plain": true, "plain/deep/b.yaml": false},
		"broken":       {"broken/missing.yaml": true, "broken/kustomization.yaml": true, "base/a.yaml": false},
		Stdin:          {"base/a.yaml": false},
	} {
		result, err := renderer.Render(t.Context(), target)
		depends := func(path string) bool { return result.DependsOn(path) }
		if failed := (*Error)(nil); errors.As(err, &failed) {
			depends = failed.DependsOn
		}
		if (err != nil) != (target == "broken") {
			t.Fatalf("%s: %v", target, err)
		}
		for path, want := range paths {
			if got := depends(path); got != want {
				t.Errorf("%s depends on %s: %t, want %t", target, path, got, want)
			}
		}
	}
}
