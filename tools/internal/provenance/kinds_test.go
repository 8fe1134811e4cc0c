package provenance

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// everyKind is a tree of every way that Kustomize has to set a field.
func everyKind(t *testing.T) fstest.MapFS {
	t.Helper()
	text, err := os.ReadFile("../../kgate/testdata/mutations.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return tree(string(text))
}

// TestLocateEveryKind places a field of each, written as file: what is marked, and below it what that overrode.
func TestLocateEveryKind(t *testing.T) {
	files := everyKind(t)
	result, err := kustomization.New(files, strings.NewReader("")).Render(t.Context(), "overlay")
	if err != nil {
		t.Fatal(err)
	}
	exact(t, result)
	locator := New(result, nil)
	const deployment = "Deployment my-app-v1"
	for _, test := range []struct {
		object, path string
		want         []string
	}{
		// Transformers.
		{deployment, "metadata.name", []string{"base/app.yaml: name: app", "overlay/kustomization.yaml: nameSuffix: -v1", "overlay/kustomization.yaml: namePrefix: my-"}},
		{deployment, "metadata.namespace", []string{"overlay/kustomization.yaml: namespace: ledger"}},
		{deployment, "metadata.labels.team", []string{"base/kustomization.yaml: team: ledger"}},
		{deployment, "metadata.labels.stage", []string{"overlay/labels.yaml: stage: test", "overlay/labels.yaml: path: metadata/labels"}},
		{deployment, "spec.selector.matchLabels.team", []string{"base/kustomization.yaml: team: ledger"}},
		{deployment, "spec.template.metadata.labels.tier", []string{"base/kustomization.yaml: tier: web", "base/kustomization.yaml: path: spec/template/metadata/labels"}},
		{deployment, `metadata.annotations["example.com/contact"]`, []string{"overlay/kustomization.yaml: example.com/contact: ledger"}},
		{deployment, "spec.replicas", []string{"overlay/kustomization.yaml: count: 3", "base/app.yaml: replicas: 1"}},
		{deployment, "spec.template.spec.containers[0].image", []string{"overlay/kustomization.yaml: newTag: 1.1.0", "base/app.yaml: image: example.com/app:1.0.0"}},
		{"Namespace ledger", "metadata.name", []string{"overlay/kustomization.yaml: namespace: ledger", "overlay/namespace.yaml: name: ledger"}},
		// What refers to a renamed object.
		{deployment, "spec.template.spec.containers[0].envFrom[0].configMapRef.name", []string{
			"base/app.yaml: name: settings", "base/kustomization.yaml: name: settings", "overlay/kustomization.yaml: nameSuffix: -v1", "overlay/kustomization.yaml: namePrefix: my-"}},
		{"RoleBinding my-app-v1", "subjects[0].namespace", []string{"overlay/kustomization.yaml: namespace: ledger"}},
		{"RoleBinding my-app-v1", "roleRef.name", []string{"base/access.yaml: name: app", "base/access.yaml: name: app", "overlay/kustomization.yaml: nameSuffix: -v1", "overlay/kustomization.yaml: namePrefix: my-"}},
		// Anchors and merge keys.
		{deployment, "spec.template.metadata.labels.app", []string{"base/app.yaml: app: app", "base/app.yaml: labels: *match"}},
		{deployment, `spec.template.metadata.annotations["example.com/owner"]`, []string{"base/app.yaml: example.com/owner: ledger", "base/app.yaml: <<: *notes"}},
		{deployment, "spec.template.spec.containers[1].resources.limits.memory", []string{"base/app.yaml: memory: 64Mi", "base/app.yaml: resources: *resources"}},
		// Strategic merge patches.
		{deployment, "spec.template.spec.containers[0].readinessProbe.periodSeconds", []string{"overlay/probes.yaml: periodSeconds: 5"}},
		{deployment, "spec.template.spec.containers[0].workingDir", []string{"overlay/kustomization.yaml: workingDir: /srv"}},
		{deployment, "spec.template.spec.nodeSelector.disk", []string{"overlay/kustomization.yaml: disk: hdd", "base/app.yaml: disk: ssd"}},
		{deployment, "spec.template.spec.containers[0].imagePullPolicy", []string{"overlay/kustomization.yaml: imagePullPolicy: null", "base/app.yaml: imagePullPolicy: IfNotPresent"}},
		// JSON patches.
		{deployment, "spec.template.spec.containers[1].imagePullPolicy", []string{"component/kustomization.yaml: value: IfNotPresent", "component/kustomization.yaml: path: /spec/template/spec/containers/1/imagePullPolicy"}},
		{deployment, "spec.template.spec.containers[0].ports[0].containerPort", []string{"component/kustomization.yaml: containerPort: 8081"}},
		{deployment, "spec.template.spec.containers[0].ports[1].containerPort", []string{"base/app.yaml: containerPort: 8080"}},
		{deployment, "spec.template.spec.containers[0].ports[2].containerPort", []string{
			"component/kustomization.yaml: value: 9091", "component/kustomization.yaml: path: /spec/template/spec/containers/0/ports/2/containerPort", "base/app.yaml: containerPort: 9090"}},
		{deployment, "spec.template.spec.containers[0].args[0]", []string{"component/kustomization.yaml: serve"}},
		{deployment, "spec.template.spec.containers[0].args[1]", []string{"component/kustomization.yaml: value: --verbose", "component/kustomization.yaml: path: /spec/template/spec/containers/0/args/-"}},
		{deployment, "spec.progressDeadlineSeconds", []string{"base/app.yaml: terminationGracePeriodSeconds: 30", "component/kustomization.yaml: path: /spec/progressDeadlineSeconds"}},
		{deployment, "spec.revisionHistoryLimit", []string{"base/app.yaml: minReadySeconds: 5", "component/kustomization.yaml: path: /spec/revisionHistoryLimit"}},
		{deployment, "spec.minReadySeconds", []string{"component/kustomization.yaml: path: /spec/revisionHistoryLimit", "base/app.yaml: minReadySeconds: 5"}},
		{deployment, "spec.strategy.rollingUpdate.maxUnavailable", []string{"component/kustomization.yaml: path: /spec/strategy/rollingUpdate/maxUnavailable", "base/app.yaml: maxUnavailable: 0"}},
		// Generators.
		{"ConfigMap my-settings-v1-", "data.LEVEL", []string{"overlay/kustomization.yaml: LEVEL=info", "base/kustomization.yaml: LEVEL=debug"}},
		{"ConfigMap my-settings-v1-", "data.COLOR", []string{"base/kustomization.yaml: COLOR=blue"}},
		{"ConfigMap my-from-env-v1-", "data.ZONE", []string{"base/settings.env: ZONE=a", "base/kustomization.yaml: settings.env"}},
		{"Secret my-token-v1-", `data["token.txt"]`, []string{"base/token.txt:1", "base/kustomization.yaml: token.txt"}},
		{"ConfigMap my-settings-v1-", "data.MISSING", []string{"base/kustomization.yaml: name: settings"}},
		// Parents of what is missing: those that somebody wrote.
		{"Service my-app-v1", "metadata.labels.missing", []string{"base/app.yaml: metadata"}},
		{deployment, "spec.template.spec.containers[0].livenessProbe.failureThreshold", []string{"overlay/probes.yaml: livenessProbe"}},
		{deployment, "", []string{"base/app.yaml: apiVersion: apps/v1"}},
	} {
		t.Run(test.object+" "+test.path, func(t *testing.T) {
			at := slices.IndexFunc(result.Objects, func(o *manifest.Object) bool {
				return o.Kind+" "+o.Name == test.object || strings.HasSuffix(test.object, "-") && strings.HasPrefix(o.Kind+" "+o.Name, test.object)
			})
			if at < 0 {
				t.Fatalf("not among %v", result.Objects)
			}
			path, err := manifest.ParsePath(test.path)
			if err != nil {
				t.Fatal(err)
			}
			origin := locator.Locate(result.Objects[at], path)
			var got []string
			for _, p := range append([]manifest.Position{origin.Position}, origin.Overrode...) {
				if p.Column == 0 {
					got = append(got, p.String())
				} else {
					got = append(got, fmt.Sprintf("%s: %s", p.File, quoted(t, files, p)))
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(test.want, "\n\t"))
			}
		})
	}
}

// TestLocateReplaced places what replacements copy: texts of another type, parts of a text, whole mappings.
func TestLocateReplaced(t *testing.T) {
	files := tree(`
-- kustomization.yaml --
resources: [objects.yaml]
replacements:
  - source: {kind: ConfigMap, name: source, fieldPath: data.image, options: {delimiter: ":", index: 1}}
    targets:
      - select: {kind: ConfigMap, name: target}
        fieldPaths:
          - data.tag
          - data.copy
        options: {create: true}
      - select: {kind: ConfigMap, name: target}
        fieldPaths: [data.url]
        options: {delimiter: "/", index: 1}
  - source: {kind: Thing, fieldPath: spec.nested}
    targets:
      - select: {kind: Other}
        fieldPaths: [spec.nested]
  - source: {kind: ConfigMap, name: source, fieldPath: data.same}
    targets:
      - select: {kind: ConfigMap, name: target}
        fieldPaths: [data.same]
  - sourceValue: fixed
    targets:
      - select: {kind: ConfigMap, name: target}
        fieldPaths: [data.fixed]
  - source: {kind: ConfigMap, name: target, fieldPath: data.tag}
    targets:
      - select: {kind: ConfigMap, name: source}
        fieldPaths: [data.back]
-- objects.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: source}
data:
  image: example.com/app:v7
  same: equal
  back: none
---
apiVersion: v1
kind: ConfigMap
metadata: {name: target}
data:
  tag: none
  url: a/b/c
  same: equal
  fixed: none
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: thing}
spec:
  nested:
    a: 1
    list: [x, y]
---
apiVersion: example.com/v1
kind: Other
metadata: {name: other}
spec:
  nested:
    a: 0
`)
	result, err := kustomization.New(files, strings.NewReader("")).Render(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	exact(t, result)
	locator := New(result, nil)
	for _, test := range []struct {
		object, path string
		want         []string
	}{
		{"target", "data.tag", []string{"image: example.com/app:v7", "data.tag", "tag: none"}},
		{"target", "data.copy", []string{"image: example.com/app:v7", "data.copy"}},
		{"target", "data.url", []string{"image: example.com/app:v7", "data.url", "url: a/b/c"}},
		{"target", "data.same", []string{"same: equal", "data.same", "same: equal"}},
		{"target", "data.fixed", []string{"sourceValue: fixed", "data.fixed", "fixed: none"}},
		{"source", "data.back", []string{"image: example.com/app:v7", "data.tag", "tag: none", "data.back", "back: none"}},
		{"other", "spec.nested", []string{"nested", "spec.nested", "nested"}},
		{"other", "spec.nested.a", []string{"a: 1", "spec.nested", "a: 0"}},
		{"other", "spec.nested.list[1]", []string{"y", "spec.nested"}},
	} {
		path, err := manifest.ParsePath(test.path)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(result.Objects, func(o *manifest.Object) bool { return o.Name == test.object })
		origin := locator.Locate(result.Objects[at], path)
		got := []string{quoted(t, files, origin.Position)}
		for _, p := range origin.Overrode {
			got = append(got, quoted(t, files, p))
		}
		if !slices.Equal(got, test.want) && !slices.Equal(got, slices.Compact(test.want)) {
			t.Errorf("%s: got %q, want %q", test.path, got, test.want)
		}
	}
}

// TestStdin places fields of the standard input, and has its text to quote.
func TestStdin(t *testing.T) {
	const text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: b\n"
	renderer := kustomization.New(fstest.MapFS{}, strings.NewReader(text))
	result, err := renderer.Render(t.Context(), kustomization.Stdin)
	if err != nil {
		t.Fatal(err)
	}
	origin := New(result, nil).Locate(result.Objects[1], manifest.Path{"metadata", "name"})
	if want := (manifest.Position{File: "<stdin>", Line: 8, Column: 3, EndColumn: 10}); origin.Position != want {
		t.Errorf("placed at %+v, want %+v", origin.Position, want)
	}
	for range 2 {
		if data, err := renderer.ReadFile(origin.File); err != nil || string(data) != text {
			t.Errorf("the text is %q, %v", data, err)
		}
	}
}

// TestLocateOpenAPI places items of a list that only a layer's own OpenAPI schema says how to merge. The layer may be one
// below, and another render with Kustomize's own schema may come in between.
func TestLocateOpenAPI(t *testing.T) {
	files := tree(`
-- base/kustomization.yaml --
resources: [widget.yaml]
openapi: {path: schema.json}
-- base/widget.yaml --
apiVersion: example.com/v1
kind: Widget
metadata: {name: a}
spec:
  parts:
    - name: one
      size: 1
    - name: two
      size: 2
-- base/schema.json --
{"definitions": {"com.example.v1.Widget": {"type": "object", "properties": {"spec": {"type": "object", "properties": {
  "parts": {"type": "array", "items": {"type": "object"}, "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge"}}}},
  "x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Widget"}]}}}
-- overlay/kustomization.yaml --
resources: [../base]
patches: [{path: patch.yaml}]
-- overlay/patch.yaml --
apiVersion: example.com/v1
kind: Widget
metadata: {name: a}
spec:
  parts:
    - name: two
      size: 22
-- other/kustomization.yaml --
resources: [widget.yaml]
`)
	files["other/widget.yaml"] = files["base/widget.yaml"]
	renderer := kustomization.New(files, strings.NewReader(""))
	result, err := renderer.Render(t.Context(), "overlay")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := renderer.Render(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	locator := New(result, nil)
	wanted := map[string]string{"1": "base/widget.yaml:7", "22": "overlay/patch.yaml:7"}
	for i, part := range result.Objects[0].Value["spec"].(map[string]any)["parts"].([]any) {
		size := fmt.Sprint(part.(map[string]any)["size"])
		for range 2 { // the second time, nothing is replayed
			if at := locator.Locate(result.Objects[0], manifest.Path{"spec", "parts", i, "size"}).Position.String(); at != wanted[size] {
				t.Errorf("the size %s is placed at %s, want %s", size, at, wanted[size])
			}
		}
		delete(wanted, size)
	}
	if len(wanted) > 0 {
		t.Errorf("the list was replaced, not merged: there are no %v", wanted)
	}
}

// FuzzLocate asks for every field of whatever renders, and for some that are not there.
func FuzzLocate(f *testing.F) {
	for _, seed := range []string{
		"resources: [r.yaml]\npatches: [{path: p.yaml, target: {kind: Deployment}}]\nnamePrefix: a-\nnamespace: ns\n",
		"resources: [r.yaml]\nimages: [{name: a, newTag: '1'}]\nlabels: [{pairs: {a: b}, includeSelectors: true}]\nreplicas: [{name: a, count: 1}]\n",
		"resources: [r.yaml]\nreplacements: [{source: {kind: Deployment}, targets: [{select: {kind: Deployment}, fieldPaths: [spec.a], options: {create: true}}]}]\n",
		"resources: [r.yaml]\nconfigMapGenerator: [{name: c, literals: [a=b], files: [p.yaml], envs: [p.yaml]}]\ncommonAnnotations: {a: b}\n",
		"resources: [r.yaml]\ntransformers: [p.yaml]\n",
	} {
		for _, patch := range []string{
			"- {op: add, path: /spec/template/spec/containers/-, value: {name: b}}\n- {op: move, from: /spec/template, path: /spec/x}\n- {op: copy, from: '', path: /spec/y}\n- {op: add, path: '', value: {a: b}}\n",
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {containers: [{name: a, $patch: delete}, {name: c, image: null}]}}}\n",
			"apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: a}\nlabels: {a: b}\nfieldSpecs: [{path: spec/x, create: true}]\n",
		} {
			f.Add(seed, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: &x {containers: [{name: a, image: a:1, env: [{name: A, value: '1'}]}]}}, x: {<<: *x}}\n", patch)
		}
	}
	f.Fuzz(func(t *testing.T, layer, resource, patch string) {
		files := fstest.MapFS{
			"kustomization.yaml": {Data: []byte(layer)},
			"r.yaml":             {Data: []byte(resource)},
			"p.yaml":             {Data: []byte(patch)},
		}
		result, err := kustomization.New(files, strings.NewReader("")).Render(t.Context(), ".")
		if err != nil {
			return
		}
		locator := New(result, nil)
		for _, object := range result.Objects[:min(len(result.Objects), 5)] {
			paths := []manifest.Path{nil, {"missing"}, {"metadata", "name", 3, "x"}, {"spec", 7}, {"namespace"}}
			for _, path := range append(paths, leaves(nil, object.Value, 30)...) {
				origin := locator.Locate(object, path)
				for _, at := range append([]manifest.Position{origin.Position}, origin.Overrode...) {
					file := files[at.File]
					if file == nil || at.Line < 0 || at.Line > strings.Count(string(file.Data), "\n")+1 {
						t.Errorf("%s is placed at %+v", path, at)
					}
				}
			}
		}
	})
}

// leaves are paths of values, some at most.
func leaves(path manifest.Path, value any, most int) []manifest.Path {
	paths := []manifest.Path{path}
	switch value := value.(type) {
	case map[string]any:
		for key, child := range value {
			if len(paths) < most {
				paths = append(paths, leaves(append(slices.Clip(path), key), child, most-len(paths))...)
			}
		}
	case []any:
		for i, child := range value {
			if len(paths) < most {
				paths = append(paths, leaves(append(slices.Clip(path), i), child, most-len(paths))...)
			}
		}
	}
	return paths
}
