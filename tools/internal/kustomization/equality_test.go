package kustomization

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/openapi"
)

// reference is what `kustomize build` prints: Kustomize over its own file system, with the options of its command.
func reference(dir string, setsOpenAPI bool) ([]byte, error) {
	if setsOpenAPI {
		openapi.ResetOpenAPI()
		defer openapi.ResetOpenAPI()
	}
	rendered, err := krusty.MakeKustomizer(&krusty.Options{
		Reorder:          krusty.ReorderOptionUnspecified,
		LoadRestrictions: types.LoadRestrictionsRootOnly,
		PluginConfig:     types.DisabledPluginConfig(),
	}).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, err
	}
	return rendered.AsYaml()
}

// roots lists the directories below dir that hold a kustomization.
func roots(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || name == "tools"):
			return fs.SkipDir
		case slices.Contains(konfig.RecognizedKustomizationFileNames(), entry.Name()):
			found = append(found, path.Dir(name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestEqualToKustomize renders every root of the repository and of fixture trees, and compares bytes; then all of
// them at once, several times, because Kustomize keeps its OpenAPI schema in a global.
func TestEqualToKustomize(t *testing.T) {
	trees := map[string]string{"repository": filepath.Join("..", "..", "..")}
	for name, text := range equal {
		dir := filepath.Join(t.TempDir(), name)
		for _, file := range txtar.Parse([]byte(text)).Files {
			at := filepath.Join(dir, file.Name)
			if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, file.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		trees[name] = dir
	}
	type root struct {
		tree, dir string
		want      []byte
	}
	var all []root
	renderers := map[string]*Renderer{}
	for name, dir := range trees {
		tree, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tree.Close() }()
		renderers[name] = New(tree.FS(), strings.NewReader(""))
		found := roots(t, dir)
		if len(found) == 0 {
			t.Fatalf("%s has no kustomization", name)
		}
		for _, sub := range found {
			want, err := reference(filepath.Join(dir, sub), strings.Contains(equal[name], "\nopenapi:"))
			if err != nil || len(want) == 0 { // a component, or a part that does not stand alone
				if result, err := New(tree.FS(), strings.NewReader("")).Render(t.Context(), sub); err == nil && len(result.Objects) > 0 {
					t.Errorf("%s: %s renders %d objects, and Kustomize renders none", name, sub, len(result.Objects))
				}
				continue
			}
			all = append(all, root{name, sub, want})
		}
	}
	if overlays := slices.DeleteFunc(slices.Clone(all), func(r root) bool { return r.tree != "repository" }); len(overlays) < 10 {
		t.Fatalf("only %d roots of the repository render", len(overlays))
	}
	compare := func(renderer *Renderer, r root) error {
		result, err := renderer.Render(t.Context(), r.dir)
		if err != nil {
			return err
		}
		if err := sameObjects(result); err != nil {
			return fmt.Errorf("%s %s: %w", r.tree, r.dir, err)
		}
		got, err := result.YAML()
		if err != nil {
			return err
		}
		if !bytes.Equal(got, r.want) {
			return fmt.Errorf("%s %s differs from Kustomize:\n--- got\n%s\n--- want\n%s", r.tree, r.dir, got, r.want)
		}
		for _, object := range result.Objects {
			if result.Trace(object) == nil {
				return fmt.Errorf("%s %s: %s has no trace", r.tree, r.dir, object.ID)
			}
		}
		return nil
	}
	for _, r := range all {
		t.Run(path.Join(r.tree, r.dir), func(t *testing.T) {
			if err := compare(renderers[r.tree], r); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("at once", func(t *testing.T) {
		var group sync.WaitGroup
		for range 3 {
			for _, r := range all {
				if r.tree == "repository" && r.dir != "argocd" && r.dir != "overlays/dev/go-otlp-app" {
					continue // the rest of the repository does nothing else, and time is limited
				}
				group.Go(func() {
					if err := compare(renderers[r.tree], r); err != nil {
						t.Error(err)
					}
				})
				group.Go(func() { // plain manifests ask for the schema too
					_, err := New(fstest.MapFS{"a.yaml": {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")}}, nil).Render(t.Context(), "a.yaml")
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
		group.Wait()
	})
}

// sameObjects compares the objects of a result with what its text says.
func sameObjects(result *Result) error {
	text, err := result.YAML()
	if err != nil {
		return err
	}
	defer openAPI.identify()()
	resources, err := resmap.NewFactory(provider.NewDefaultDepProvider().GetResourceFactory()).NewResMapFromBytes(text)
	if err != nil {
		return err
	}
	for i, r := range resources.Resources() {
		want, err := r.MarshalJSON()
		if err != nil {
			return err
		}
		if i >= len(result.Objects) || !sameJSON(want, result.Objects[i].JSON) {
			return fmt.Errorf("object %d is not what the text says: %s", i, want)
		}
	}
	if len(result.Objects) != resources.Size() {
		return fmt.Errorf("%d objects, the text has %d", len(result.Objects), resources.Size())
	}
	return nil
}

const equalBase = `
-- base/kustomization.yaml --
resources: [deployment.yaml, service.yaml, config.yaml]
-- base/deployment.yaml --
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
spec:
  replicas: 2
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
        - name: app
          image: example.com/app:1
          envFrom: [{configMapRef: {name: config}}]
          ports: [{containerPort: 8080, name: http}]
        - name: sidecar
          image: example.com/sidecar@sha256:0000000000000000000000000000000000000000000000000000000000000000
-- base/service.yaml --
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {selector: {app: app}, ports: [{port: 80, targetPort: http}]}
-- base/config.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data: {b: "2", a: "1"}
`

// widget is a kind that only a schema of its own tells how to merge, and a patch of it.
const widget = `-- widget.yaml --
apiVersion: example.com/v1
kind: Widget
metadata: {name: w}
spec:
  parts:
    - {name: a, size: 1}
    - {name: b, size: 2}
-- patch.yaml --
apiVersion: example.com/v1
kind: Widget
metadata: {name: w}
spec:
  parts:
    - {name: b, size: 3}
`

// equal are trees that use what Kustomize does, each below its own directory.
var equal = map[string]string{
	"names": equalBase + `
-- overlay/kustomization.yaml --
namespace: ns
namePrefix: pre-
nameSuffix: -suf
resources: [../base]
-- top/kustomization.yaml --
namePrefix: top-
resources: [../overlay]
patches:
  - target: {kind: Deployment, name: app}
    patch: |
      - {op: replace, path: /spec/replicas, value: 5}
`,
	"generators": equalBase + `
-- overlay/kustomization.yaml --
resources: [../base]
generatorOptions:
  labels: {made: here}
configMapGenerator:
  - name: settings
    literals: [a=b, "c=d=e"]
    files: [file.txt, renamed=file.txt]
    envs: [values.env]
  - name: plain
    literals: [a=b]
    options: {disableNameSuffixHash: true, immutable: true, annotations: {note: "1"}}
  - name: config
    behavior: merge
    literals: [b=3, z=9]
secretGenerator:
  - name: secret
    type: Opaque
    literals: [user=me]
patches:
  - target: {kind: Deployment}
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/envFrom/-
        value: {configMapRef: {name: settings}}
-- overlay/file.txt --
two
lines
-- overlay/values.env --
# a comment
KEY=value
`,
	"components": equalBase + `
-- canary/kustomization.yaml --
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: [pdb.yaml]
patches:
  - path: patch.yaml
-- canary/pdb.yaml --
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: app}
spec: {minAvailable: 1, selector: {matchLabels: {app: app}}}
-- canary/patch.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec: {template: {metadata: {annotations: {canary: "true"}}}}
-- overlay/kustomization.yaml --
resources: [../base]
components: [../canary]
namePrefix: x-
`,
	"replacements": equalBase + `
-- overlay/environment.yaml --
apiVersion: v1
kind: ConfigMap
metadata:
  name: environment
  annotations: {config.kubernetes.io/local-config: "true"}
data: {replicas: 7, level: debug}
-- overlay/kustomization.yaml --
resources: [../base, environment.yaml]
images:
  - {name: example.com/app, newName: mirror.example.com/app, newTag: "2"}
  - {name: example.com/sidecar, digest: "sha256:1111111111111111111111111111111111111111111111111111111111111111"}
replacements:
  - source: {kind: ConfigMap, name: environment, fieldPath: data.replicas}
    targets:
      - select: {kind: Deployment}
        fieldPaths: [spec.replicas]
  - source: {kind: Deployment, name: app, fieldPath: "spec.template.spec.containers.[name=app].image", options: {delimiter: ":", index: 1}}
    targets:
      - select: {kind: Deployment}
        fieldPaths: [spec.template.metadata.labels.version]
        options: {create: true}
  - path: more.yaml
-- overlay/more.yaml --
source: {kind: ConfigMap, name: environment, fieldPath: data.level}
targets:
  - select: {kind: ConfigMap, name: config}
    fieldPaths: [data.level]
    options: {create: true}
`,
	"order": equalBase + `
-- overlay/kustomization.yaml --
resources: [../base, namespace.yaml]
sortOptions: {order: legacy}
-- overlay/namespace.yaml --
apiVersion: v1
kind: Namespace
metadata: {name: ns}
-- fifo/kustomization.yaml --
resources: [../overlay]
sortOptions: {order: fifo}
`,
	"metadata": equalBase + `
-- overlay/kustomization.yaml --
resources: [../base]
labels:
  - pairs: {team: a, version: "1"}
    includeTemplates: true
commonAnnotations: {owner: me}
replicas: [{name: app, count: 4}]
buildMetadata: [originAnnotations]
patches:
  # An object that has no annotations gets some.
  - target: {kind: Service}
    patch: |
      - {op: add, path: /metadata/annotations, value: {a: b}}
  - target: {kind: Service}
    patch: |
      apiVersion: v1
      kind: Service
      metadata: {name: any, annotations: {c: d}}
  - patch: |
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: config}
      $patch: delete
  # Items of a list that Kubernetes merges by name.
  - path: containers.yaml
-- overlay/containers.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  template:
    spec:
      containers:
        - name: sidecar
          $patch: delete
        - name: app
          env: [{name: A, value: "1"}]
`,
	"text": `
-- kustomization.yaml --
resources: [list.yaml, bom.yaml, crlf.yaml, object.json, anchors.yaml]
transformers: [annotations.yaml]
-- list.yaml --
apiVersion: v1
kind: ConfigMapList
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: one}
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: two}
-- bom.yaml --
` + "\ufeff" + `apiVersion: v1
kind: ConfigMap
metadata: {name: bom}
-- crlf.yaml --
apiVersion: v1` + "\r" + `
kind: ConfigMap` + "\r" + `
metadata: {name: crlf}` + "\r" + `
data: {a: "1"}` + "\r" + `
-- object.json --
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "json"}, "data": {"n": "1"}}
-- anchors.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: anchors}
data:
  a: &a x
  b: *a
---
# nothing
---
apiVersion: v1
kind: ConfigMap
metadata: {name: after}
data:
  text: |
    two
    lines
  yes: "true"
  octal: "0o17"
-- annotations.yaml --
apiVersion: builtin
kind: AnnotationsTransformer
metadata: {name: any}
annotations: {note: everywhere}
fieldSpecs: [{path: metadata/annotations, create: true}]
`,
	"plugins": equalBase + `
-- overlay/kustomization.yaml --
resources: [../base]
generators: [../generators]
transformers:
  - ../transformers
  - |
    apiVersion: builtin
    kind: ImageTagTransformer
    metadata: {name: image}
    imageTag: {name: example.com/app, newTag: "9"}
    fieldSpecs: [{path: spec/template/spec/containers[]/image, create: true}]
validators: [valid.yaml]
-- overlay/valid.yaml --
apiVersion: builtin
kind: LabelTransformer
metadata: {name: nothing}
-- generators/kustomization.yaml --
resources: [maps.yaml]
-- generators/maps.yaml --
apiVersion: builtin
kind: ConfigMapGenerator
metadata: {name: made}
literals: [a=b]
---
apiVersion: builtin
kind: SecretGenerator
metadata: {name: secret}
literals: [a=b]
-- transformers/kustomization.yaml --
resources: [all.yaml]
namePrefix: t-
-- transformers/all.yaml --
apiVersion: builtin
kind: PatchTransformer
metadata: {name: patch}
target: {kind: Deployment}
patch: '[{"op": "replace", "path": "/spec/replicas", "value": 7}]'
---
apiVersion: builtin
kind: PatchStrategicMergeTransformer
metadata: {name: merge}
patches: |-
  apiVersion: v1
  kind: ConfigMap
  metadata: {name: config}
  data: {z: "26"}
---
apiVersion: builtin
kind: PatchJson6902Transformer
metadata: {name: json}
target: {version: v1, kind: Service, name: app}
jsonOp: '[{"op": "add", "path": "/spec/type", "value": "NodePort"}]'
---
apiVersion: builtin
kind: ReplacementTransformer
metadata: {name: copy}
replacements:
  - source: {kind: Service, fieldPath: spec.type}
    targets: [{select: {kind: ConfigMap, name: config}, fieldPaths: [data.b]}]
---
apiVersion: builtin
kind: PrefixSuffixTransformer
metadata: {name: affixes}
prefix: one-
suffix: -two
fieldSpecs: [{path: metadata/name}]
---
apiVersion: builtin
kind: HashTransformer
metadata: {name: hash}
`,
	"nothing": equalBase + `
-- overlay/kustomization.yaml --
resources: [../base, comments.yaml, nulls.yaml, jobs.yaml]
patches: [{path: empty.yaml}, {path: empty.yaml, target: {kind: Service}}]
vars:
  - name: NAME
    objref: {kind: Service, name: app, apiVersion: v1}
    fieldref: {fieldpath: metadata.name}
-- overlay/comments.yaml --
# Written by a tool, later.
-- overlay/nulls.yaml --
null
---
{}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: between}
---
~
-- overlay/empty.yaml --
# Nothing yet.
-- overlay/jobs.yaml --
apiVersion: batch/v1
kind: Job
metadata: {generateName: job-}
spec: {template: {spec: {containers: [{name: a, image: a, command: [echo, $(NAME)]}]}}}
`,
	"openapi": `
-- kustomization.yaml --
resources: [widget.yaml]
openapi: {path: schema.json}
patches: [{path: patch.yaml}]
` + widget + `-- schema.json --
{"definitions": {"com.example.v1.Widget": {"type": "object", "properties": {"spec": {"type": "object", "properties": {
  "parts": {"type": "array", "items": {"type": "object"}, "x-kubernetes-patch-merge-key": "name", "x-kubernetes-patch-strategy": "merge"}}}},
  "x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Widget"}]}}}
`,
	// The same kind without a schema: the patch replaces the list. Beside a tree that sets one, it still must.
	"no-openapi": `
-- kustomization.yaml --
resources: [widget.yaml]
patches: [{path: patch.yaml}]
` + widget,
}

// After a tree with a schema of its own, the first renders fill Kustomize's schema again while others read it. Under
// the race detector this fails where a render fills it while it shares it.
func TestSchemaIsFilledOnce(t *testing.T) {
	patched := fstest.MapFS{
		"kustomization.yaml": {Data: []byte("resources: [a.yaml]\npatches: [{path: p.yaml}]\n")},
		"a.yaml":             {Data: []byte("apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\n")},
		"p.yaml":             {Data: []byte("apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\nspec: {size: 1}\n")},
	}
	own := fstest.MapFS{
		"kustomization.yaml": {Data: []byte("resources: [a.yaml]\nopenapi: {path: schema.json}\n")},
		"schema.json":        {Data: []byte(`{"definitions": {}}`)},
		"a.yaml":             patched["a.yaml"],
	}
	for range 5 {
		if _, err := New(own, nil).Render(t.Context(), "."); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for range 4 {
			for tree, target := range map[*fstest.MapFS]string{&patched: ".", {"a.yaml": patched["a.yaml"]}: "a.yaml"} {
				group.Go(func() {
					if _, err := New(*tree, nil).Render(t.Context(), target); err != nil {
						t.Error(err)
					}
				})
			}
		}
		group.Wait()
	}
}

var treeFlag = flag.String("tree", "", "a directory whose kustomizations TestEqualOnTree renders and compares with what Kustomize makes of them")

// TestEqualOnTree compares every root of a directory: go test ./tools/internal/kustomization -run TestEqualOnTree -tree DIR -v
func TestEqualOnTree(t *testing.T) {
	if *treeFlag == "" {
		t.Skip("no -tree")
	}
	root, err := os.OpenRoot(*treeFlag)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	equal, refusedByBoth := 0, 0
	for _, dir := range roots(t, *treeFlag) {
		want, theirs := asKustomize(NewFiles(NewStore(root.FS())), dir)
		result, err := New(root.FS(), strings.NewReader("")).Render(t.Context(), dir)
		var got []byte
		if err == nil {
			got, err = result.YAML()
		}
		switch {
		case err != nil && theirs != nil:
			refusedByBoth++
		case err != nil && len(want) == 0:
			t.Logf("%s renders nothing: %v", dir, err)
		case err != nil:
			t.Errorf("%s: Kustomize renders it, kgate does not: %v", dir, err)
		case theirs != nil:
			t.Errorf("%s: kgate renders it, Kustomize does not: %v", dir, theirs)
		case !bytes.Equal(got, want):
			t.Errorf("%s differs: %s", dir, firstDifference(got, want))
		case sameObjects(result) != nil:
			t.Errorf("%s: %v", dir, sameObjects(result))
		default:
			equal++
			for _, fault := range result.Faults {
				if fault.Check != deprecatedField {
					t.Logf("%s: %s %s: %s", dir, fault.Source, fault.Check, fault.Message)
				}
			}
		}
	}
	t.Logf("%d equal, %d refused by both", equal, refusedByBoth)
}

func asKustomize(files *Files, dir string) ([]byte, error) {
	openapi.ResetOpenAPI()
	defer openapi.ResetOpenAPI()
	rendered, err := Kustomize(files, dir)
	if err != nil {
		return nil, err
	}
	return rendered.AsYaml()
}

func firstDifference(got, want []byte) string {
	ours, theirs := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(ours), len(theirs)) {
		if ours[i] != theirs[i] {
			return fmt.Sprintf("line %d: got %q, want %q", i+1, ours[i], theirs[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(ours), len(theirs))
}
