package kustomization

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// edited is a tree whose overlay is edited.
func edited(kustomization string) fstest.MapFS {
	return fstest.MapFS{
		"base/kustomization.yaml": {Data: []byte("resources: [web.yaml]\n")},
		"base/web.yaml": {Data: []byte(`apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: 'registry:5000/web:1'}, {name: side, image: side}]
`)},
		"part/kustomization.yaml":    {Data: []byte("kind: Component\nlabels: [{pairs: {part: 'yes'}}]\n")},
		"overlay/kustomization.yaml": {Data: []byte(kustomization)},
	}
}

func at(path ...any) manifest.Position {
	return manifest.Position{File: "application.yaml", Line: 100 + len(path)}
}

func TestEdits(t *testing.T) {
	const plain = "resources: [../base]\n"
	for name, c := range map[string]struct {
		before string
		edits  Edits
		after  string // the kustomization that comes to the same
	}{
		"name, suffix and namespace": {plain + "namePrefix: a-\n", Edits{NamePrefix: "b-", NameSuffix: "-c", Namespace: "shop"}, plain + "namePrefix: b-\nnameSuffix: -c\nnamespace: shop\n"},
		"an image":                   {plain, Edits{Images: []string{"registry:5000/web=other/web:2@sha256:abc", "side:3"}}, plain + "images: [{name: 'registry:5000/web', newName: other/web, newTag: '2', digest: 'sha256:abc'}, {name: side, newTag: '3'}]\n"},
		"an image that is there": {
			plain + "images: [{name: side, newName: mine, newTag: '7'}, {name: a, newTag: b}]\n", Edits{Images: []string{"side=*:8"}},
			plain + "images: [{name: a, newTag: b}, {name: side, newName: mine, newTag: '8'}]\n",
		},
		"an entry of images": {
			plain + "images: [{name: side, newName: mine, newTag: '7'}, {name: a, digest: 'sha256:abc'}]\n",
			Edits{ImageEntries: []any{map[string]any{"name": "side", "newName": "yours"}, map[string]any{"name": "a", "newTag": "2"}, map[string]any{"name": "web", "digest": "sha256:abc"}}},
			plain + "images: [{name: a, newTag: '2'}, {name: side, newName: yours, newTag: '7'}, {name: web, digest: 'sha256:abc'}]\n",
		},
		"a star for nothing": {plain, Edits{Images: []string{"side=*:8"}}, plain + "images: [{name: side, newTag: '8'}]\n"},
		"a digest":           {plain, Edits{Images: []string{"side@sha256:abc"}}, plain + "images: [{name: side, digest: 'sha256:abc'}]\n"},
		"replicas":           {plain + "replicas: [{name: web, count: 1}]\n", Edits{Replicas: []Replicas{{"web", 5}}}, plain + "replicas: [{name: web, count: 5}]\n"},
		"labels":             {plain, Edits{Labels: map[string]string{"a": "true"}}, plain + "commonLabels: {a: 'true'}\n"},
		"labels of objects": {
			plain + "labels: [{pairs: {x: 'y'}}, {pairs: {z: 'z'}, includeSelectors: true}]\n", Edits{Labels: map[string]string{"a": "b"}, LabelsWithoutSelector: true},
			plain + "labels: [{pairs: {x: 'y', a: b}}, {pairs: {z: 'z'}, includeSelectors: true}]\n",
		},
		"labels of templates": {
			plain, Edits{Labels: map[string]string{"a": "b"}, LabelsWithoutSelector: true, LabelsIncludeTemplates: true},
			plain + "labels: [{pairs: {a: b}, includeTemplates: true}]\n",
		},
		"a label by force": {plain + "commonLabels: {a: b, c: d}\n", Edits{Labels: map[string]string{"a": "x"}, ForceLabels: true}, plain + "commonLabels: {a: x, c: d}\n"},
		"annotations":      {plain, Edits{Annotations: map[string]string{"a": "1"}}, plain + "commonAnnotations: {a: '1'}\n"},
		"a patch behind others": {
			plain + "patches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 2}}'}]\n",
			Edits{Patches: []any{map[string]any{"target": map[string]any{"kind": "Deployment"}, "patch": "- op: replace\n  path: /spec/replicas\n  value: 3\n"}}},
			plain + "replicas: [{name: web, count: 3}]\n",
		},
		"a component":             {plain, Edits{Components: []string{"../part"}}, plain + "components: [../part]\n"},
		"the first component":     {plain, Edits{Components: []string{"../nobody", "../part", "../also"}, MissingComponents: true}, plain + "components: [../part]\n"},
		"a component that is set": {plain + "components: [../part]\n", Edits{Components: []string{"../part"}}, plain + "components: [../part]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			c.edits.At = at
			render := func(text string, edits *Edits) string {
				r := New(edited(text), strings.NewReader(""))
				result, err := r.Render(context.Background(), "overlay")
				if edits != nil {
					result, err = r.RenderEdited(context.Background(), "overlay", edits)
				}
				if err != nil {
					t.Fatal(err)
				}
				out, err := result.YAML()
				if err != nil {
					t.Fatal(err)
				}
				return string(out)
			}
			if got, want := render(c.before, &c.edits), render(c.after, nil); got != want {
				t.Errorf("it renders\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestEditsRefused has what Argo CD refuses, each with the line of the Application.
func TestEditsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		edits Edits
		want  string
	}{
		"a label that is there":      {Edits{Labels: map[string]string{"here": "x"}}, "application.yaml:102: the label here is in the kustomization already"},
		"an annotation that is":      {Edits{Annotations: map[string]string{"here": "x"}}, "application.yaml:102: the annotation here is in the kustomization already"},
		"an image without a change":  {Edits{Images: []string{"web"}}, `application.yaml:102: the image "web" has no new name`},
		"templates without selector": {Edits{Labels: map[string]string{"a": "b"}, LabelsIncludeTemplates: true}, "application.yaml:101: labelIncludeTemplates is given without"},
		"a component that is none":   {Edits{Components: []string{"../base"}}, "application.yaml:102: ../base is not of kind Component"},
		"a patch of two kinds":       {Edits{Patches: []any{map[string]any{"path": "a", "patch": "b"}}}, "application.yaml:102: a patch has either"},
		"a patch that is no YAML":    {Edits{Patches: []any{map[string]any{"patch": "a: b\nc: [d\n"}}}, "application.yaml:103: "},
	} {
		t.Run(name, func(t *testing.T) {
			c.edits.At = at
			_, err := New(edited("resources: [../base]\ncommonLabels: {here: a}\ncommonAnnotations: {here: a}\n"), strings.NewReader("")).RenderEdited(context.Background(), "overlay", &c.edits)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("it says %v, want %s", err, c.want)
			}
		})
	}
}

// TestEditsOfMistypedFields holds that an edit hides no field that Kustomize cannot read.
func TestEditsOfMistypedFields(t *testing.T) {
	for name, c := range map[string]struct {
		field string
		edits Edits
		want  string
	}{
		"a prefix":    {"namePrefix: [a]", Edits{NamePrefix: "b-"}, "namePrefix must be a text"},
		"images":      {"images: {name: app}", Edits{Images: []string{"app:1"}}, "images must be a list"},
		"entries":     {"images: {name: app}", Edits{ImageEntries: []any{map[string]any{"name": "app", "newTag": "1"}}}, "images must be a list"},
		"replicas":    {"replicas: 3", Edits{Replicas: []Replicas{{"app", 2}}}, "replicas must be a list"},
		"labels":      {"labels: {a: b}", Edits{Labels: map[string]string{"a": "b"}}, "labels must be a list"},
		"annotations": {"commonAnnotations: [a]", Edits{Annotations: map[string]string{"a": "b"}}, "commonAnnotations must be a mapping"},
		"patches":     {"patches: a.yaml", Edits{Patches: []any{map[string]any{"path": "a"}}}, "patches must be a list"},
		"components":  {"components: ../part", Edits{Components: []string{"../part"}}, "components must be a list"},
		"of nothing":  {"images:", Edits{Images: []string{"nobody:1"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.edits.At = at
			_, err := New(edited("resources: [../base]\n"+c.field+"\n"), strings.NewReader("")).RenderEdited(context.Background(), "overlay", &c.edits)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), "overlay/kustomization.yaml:2: "+c.want)) {
				t.Errorf("it says %v, want %q", err, c.want)
			}
		})
	}
}

// TestEditsWithoutEffect has what edits do nothing with, at their lines.
func TestEditsWithoutEffect(t *testing.T) {
	edits := &Edits{
		At: at, Images: []string{"nobody:1", "side:2"},
		Patches: []any{map[string]any{"target": map[string]any{"kind": "Job"}, "patch": "{apiVersion: batch/v1, kind: Job, metadata: {name: any}, spec: {suspend: true}}"}},
	}
	result, err := New(edited("resources: [../base]\nimages: [{name: mine, newTag: '1'}]\n"), strings.NewReader("")).RenderEdited(context.Background(), "overlay", edits)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range result.Faults {
		got = append(got, fmt.Sprintf("%s %s", f.Check, f.Source))
	}
	want := []string{"kustomize/image-used application.yaml:103", "kustomize/image-used overlay/kustomization.yaml:2", "kustomize/patch-target application.yaml:104"}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("faults are %q, want %q", got, want)
	}
}
