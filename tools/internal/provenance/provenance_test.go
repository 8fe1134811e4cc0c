package provenance

import (
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/render"
)

// fixture is one tree in which a comment <- word marks the line that a field comes from.
const fixture = `
-- base/kustomization.yaml --
resources: [app.yaml]
configMapGenerator:
  - name: generated # <- generated
    literals: [a=b]
-- base/app.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: # <- metadata
  name: app # <- name
spec: # <- spec
  minReadySeconds: 5 # <- base value
  replicas: 1
  template:
    spec:
      containers: # <- containers
        - name: app # <- app container
          image: example.com/app:1
          command: &command [run] # <- command
          env:
            - name: A
              value: "1" # <- env A
            - name: B
              value: "2"
        - name: second # <- second container
          image: example.com/second:1
          command: *command
--- # the second document
apiVersion: v1
kind: Service # <- service kind
metadata:
  name: app
spec:
  ports:
    - port: 80 # <- first port
      name: http
    - port: 81
      name: other # <- other port name
-- component/kustomization.yaml --
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: [canary.yaml]
patches:
  - target: {kind: Deployment, name: app}
    patch: |
      - op: add
        path: /spec/paused # <- paused is not it
        value: true
      - op: add # <- strategy operation
        path: /spec/strategy
        value:
          type: Recreate # <- strategy type
-- component/canary.yaml --
apiVersion: apps/v1
kind: Deployment
metadata:
  name: canary
spec:
  paused: true # <- canary paused
-- overlay/kustomization.yaml --
namePrefix: x-
resources: [../base, environment.yaml]
components: [../component]
patches:
  - path: patch.yaml
  - target: {kind: Service}
    path: service.json
  - patch: |-
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: app}
      spec:
        revisionHistoryLimit: 3 # <- inline patch
images:
  - name: example.com/app
    newTag: "2" # <- new tag
replacements:
  - source: {kind: ConfigMap, name: environment, fieldPath: data.replicas}
    targets:
      - select: {kind: Deployment, name: app}
        fieldPaths: [spec.replicas]
      - select: {kind: Deployment, name: app}
        fieldPaths: ["spec.template.spec.containers.[name=app].env.[name=B].value"]
-- overlay/environment.yaml --
apiVersion: v1
kind: ConfigMap
metadata:
  name: environment
  annotations: {config.kubernetes.io/local-config: "true"}
data:
  replicas: "3" # <- environment
-- overlay/patch.yaml --
# The patch lists containers in another order.
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  template:
    spec:
      containers:
        - name: second
          workingDir: /tmp # <- patched second
        - name: app
          workingDir: /srv # <- patched app
-- overlay/service.json --
[
  {"op": "replace", "path": "/spec/ports/1/port", "value": 82}
]
`

func position(t *testing.T, files fstest.MapFS, mark string) manifest.Position {
	t.Helper()
	for name, file := range files {
		for i, line := range strings.Split(string(file.Data), "\n") {
			if strings.HasSuffix(line, "# <- "+mark) {
				return manifest.Position{File: name, Line: i + 1}
			}
		}
	}
	t.Fatalf("the fixture has no mark %q", mark)
	return manifest.Position{}
}

func TestLocate(t *testing.T) {
	files := fstest.MapFS{}
	for _, file := range txtar.Parse([]byte(fixture)).Files {
		files[file.Name] = &fstest.MapFile{Data: file.Data}
	}
	result, err := render.New(files, strings.NewReader("")).Render("overlay")
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Faults) > 0 {
		t.Fatalf("the fixture has faults: %v", result.Faults)
	}
	find := func(kind, name string) *manifest.Object {
		for _, o := range result.Objects {
			if o.Kind == kind && strings.HasPrefix(o.Name, name) {
				return o
			}
		}
		t.Fatalf("no %s %s in %v", kind, name, result.Objects)
		return nil
	}
	for _, test := range []struct{ name, kind, object, path, mark string }{
		{"base value", "Deployment", "x-app", "spec.minReadySeconds", "base value"},
		{"object", "Deployment", "x-app", "spec", "spec"},
		{"renamed object", "Deployment", "x-app", "metadata.name", "name"},
		{"missing field, nearest parent", "Deployment", "x-app", "spec.selector.matchLabels", "spec"},
		{"missing metadata", "Deployment", "x-app", `metadata.labels["app.kubernetes.io/name"]`, "metadata"},
		{"strategic merge patch, by item name", "Deployment", "x-app", "spec.template.spec.containers[0].workingDir", "patched"},
		{"strategic merge patch, the other item", "Deployment", "x-app", "spec.template.spec.containers[1].workingDir", "patched"},
		{"inline patch", "Deployment", "x-app", "spec.revisionHistoryLimit", "inline patch"},
		{"JSON patch in a component", "Deployment", "x-app", "spec.strategy.type", "strategy type"},
		{"JSON patch, the field it adds", "Deployment", "x-app", "spec.strategy", "strategy operation"},
		{"object of a component", "Deployment", "x-canary", "spec.paused", "canary paused"},
		{"image", "Deployment", "x-app", "spec.template.spec.containers[app].image", "new tag"},
		{"replacement from a local-config object", "Deployment", "x-app", "spec.replicas", "environment"},
		{"replacement by item name", "Deployment", "x-app", "spec.template.spec.containers[app].env[1].value", "environment"},
		{"item that the replacement does not reach", "Deployment", "x-app", "spec.template.spec.containers[app].env[0].value", "env A"},
		{"anchor", "Deployment", "x-app", "spec.template.spec.containers[app].command", "command"},
		{"second document", "Service", "x-app", "kind", "service kind"},
		{"list item by index", "Service", "x-app", "spec.ports[0]", "first port"},
		{"list item by name", "Service", "x-app", "spec.ports[1].name", "other port name"},
		{"missing in a list item", "Deployment", "x-app", "spec.template.spec.containers[second].resources.limits", "second container"},
		{"generated object", "ConfigMap", "x-generated", "data.a", "generated"},
	} {
		t.Run(test.name, func(t *testing.T) {
			object := find(test.kind, test.object)
			mark := test.mark
			text := test.path
			// Kustomize decides on the order of containers: name the item, and mark a patched one by its name.
			containers, _ := manifest.Path{"spec", "template", "spec", "containers"}.Lookup(object.Value)
			list, _ := containers.([]any)
			for i, c := range list {
				name := c.(map[string]any)["name"].(string)
				at := manifest.Path{i}.String()
				text = strings.ReplaceAll(text, "containers["+name+"]", "containers"+at)
				if mark == "patched" && strings.Contains(text, "containers"+at) {
					mark += " " + name
				}
			}
			path, err := manifest.ParsePath(text)
			if err != nil {
				t.Fatal(err)
			}
			want := position(t, files, mark)
			if got := Locate(result, object, path); got.Position != want {
				t.Errorf("%s is placed at %s, want %s", text, got, want)
			}
		})
	}
	t.Run("JSON patch in a file", func(t *testing.T) {
		got := Locate(result, find("Service", "x-app"), manifest.Path{"spec", "ports", 1, "port"})
		if want := (manifest.Position{File: "overlay/service.json", Line: 2}); got.Position != want {
			t.Errorf("placed at %s, want %s", got, want)
		}
	})
	t.Run("object without a trace", func(t *testing.T) {
		object := &manifest.Object{Source: manifest.Position{File: "elsewhere.yaml", Line: 7}}
		if got := Locate(result, object, manifest.Path{"kind"}); got.Position != object.Source {
			t.Errorf("placed at %s, want %s", got, object.Source)
		}
	})
}

// TestLocatePlain places fields of manifests that nothing renders.
func TestLocatePlain(t *testing.T) {
	text := "# one\napiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: a}\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata:\n      name: b\n" +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n"
	result, err := render.New(fstest.MapFS{"a.yaml": {Data: []byte(text)}}, strings.NewReader("")).Render("a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{7, 11, 16} {
		if got := Locate(result, result.Objects[i], manifest.Path{"metadata", "name"}); got.Position != (manifest.Position{File: "a.yaml", Line: want}) {
			t.Errorf("%s is placed at %s, want line %d", result.Objects[i].ID, got, want)
		}
	}
}
