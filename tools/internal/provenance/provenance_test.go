package provenance

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// fixture is one tree in which a comment <- word marks the line that a field comes from.
const fixture = `
-- base/kustomization.yaml --
resources: [app.yaml]
configMapGenerator:
  - name: generated # <- generated
    literals:
      - a=b # <- literal
-- base/app.yaml --
apiVersion: apps/v1 # <- app apiVersion
kind: Deployment
metadata: # <- metadata
  name: app # <- name
spec: # <- spec
  minReadySeconds: 5 # <- base value
  replicas: 1 # <- base replicas
  template:
    spec:
      containers: # <- containers
        - name: app # <- app container
          image: example.com/app:1 # <- app image
          command: &command [run] # <- command
          env:
            - name: A
              value: "1" # <- env A
            - name: B
              value: "2" # <- env B
        - name: second # <- second container
          image: example.com/second:1
          command: *command # <- command alias
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
      - op: add
        path: /spec/strategy # <- strategy path
        value: # <- strategy operation
          type: Recreate # <- strategy type
-- component/canary.yaml --
apiVersion: apps/v1
kind: Deployment
metadata:
  name: canary
spec:
  paused: true # <- canary paused
-- overlay/kustomization.yaml --
namePrefix: x- # <- prefix
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
      spec: # <- inline spec
        revisionHistoryLimit: 3 # <- inline patch
images:
  - name: example.com/app
    newTag: "2" # <- new tag
replacements:
  - source: {kind: ConfigMap, name: environment, fieldPath: data.replicas}
    targets:
      - select: {kind: Deployment, name: app}
        fieldPaths: [spec.replicas] # <- replicas replaced
      - select: {kind: Deployment, name: app}
        fieldPaths: ["spec.template.spec.containers.[name=app].env.[name=B].value"] # <- env replaced
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
spec: # <- patch spec
  template:
    spec:
      containers:
        - name: second # <- patch second
          workingDir: /tmp # <- patched second
        - name: app
          workingDir: /srv # <- patched app
-- overlay/service.json --
[
  {"op": "replace", "path": "/spec/ports/1/port", "value": 82}
]
`

// lineOf finds the line that a comment marks.
func lineOf(t *testing.T, files fstest.MapFS, mark string) manifest.Position {
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

// quoted is a line and what a position marks of it.
func quoted(t *testing.T, files fstest.MapFS, at manifest.Position) string {
	t.Helper()
	file := files[at.File]
	if file == nil {
		t.Fatalf("no file %q", at.File)
	}
	lines := strings.Split(string(file.Data), "\n")
	if at.Line < 1 || at.Line > len(lines) {
		t.Fatalf("%s has no line %d", at.File, at.Line)
	}
	line := []rune(lines[at.Line-1])
	if at.Column < 1 || at.EndColumn <= at.Column || at.EndColumn > len(line)+1 {
		t.Fatalf("%+v is not in %q", at, string(line))
	}
	return string(line[at.Column-1 : at.EndColumn-1])
}

func tree(text string) fstest.MapFS {
	files := fstest.MapFS{}
	for _, file := range txtar.Parse([]byte(text)).Files {
		files[file.Name] = &fstest.MapFile{Data: file.Data}
	}
	return files
}

func TestLocate(t *testing.T) {
	files := tree(fixture)
	result, err := kustomization.New(files, strings.NewReader("")).Render(t.Context(), "overlay")
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Faults) > 0 {
		t.Fatalf("the fixture has faults: %v", result.Faults)
	}
	locator := New(result, nil)
	find := func(kind, name string) *manifest.Object {
		for _, o := range result.Objects {
			if o.Kind == kind && strings.HasPrefix(o.Name, name) {
				return o
			}
		}
		t.Fatalf("no %s %s in %v", kind, name, result.Objects)
		return nil
	}
	for _, test := range []struct {
		name, kind, object, path, mark string
		text                           string // what the position marks of the line
		over                           []string
	}{
		{"base value", "Deployment", "x-app", "spec.minReadySeconds", "base value", "minReadySeconds: 5", nil},
		{"parent", "Deployment", "x-app", "spec", "spec", "spec", nil},
		{"whole object", "Deployment", "x-app", "", "app apiVersion", "apiVersion: apps/v1", nil},
		{"renamed object", "Deployment", "x-app", "metadata.name", "name", "name: app", []string{"prefix"}},
		{"missing field, nearest parent", "Deployment", "x-app", "spec.selector.matchLabels", "spec", "spec", []string{"inline spec", "patch spec"}},
		{"missing metadata", "Deployment", "x-app", `metadata.labels["app.kubernetes.io/name"]`, "metadata", "metadata", nil},
		{"strategic merge patch, by item name", "Deployment", "x-app", "spec.template.spec.containers[second].workingDir", "patched second", "workingDir: /tmp", nil},
		{"strategic merge patch, the other item", "Deployment", "x-app", "spec.template.spec.containers[app].workingDir", "patched app", "workingDir: /srv", nil},
		{"inline patch", "Deployment", "x-app", "spec.revisionHistoryLimit", "inline patch", "revisionHistoryLimit: 3", nil},
		{"JSON patch in a component", "Deployment", "x-app", "spec.strategy.type", "strategy type", "type: Recreate", nil},
		{"JSON patch, the field it adds", "Deployment", "x-app", "spec.strategy", "strategy operation", "value", []string{"strategy path"}},
		{"object of a component", "Deployment", "x-canary", "spec.paused", "canary paused", "paused: true", nil},
		{"image", "Deployment", "x-app", "spec.template.spec.containers[app].image", "new tag", `newTag: "2"`, []string{"app image"}},
		{"replacement from a local-config object", "Deployment", "x-app", "spec.replicas", "environment", `replicas: "3"`, []string{"replicas replaced", "base replicas"}},
		{"replacement by item name", "Deployment", "x-app", "spec.template.spec.containers[app].env[1].value", "environment", `replicas: "3"`, []string{"env replaced", "env B"}},
		{"item that the replacement does not reach", "Deployment", "x-app", "spec.template.spec.containers[app].env[0].value", "env A", `value: "1"`, nil},
		{"anchor", "Deployment", "x-app", "spec.template.spec.containers[app].command", "command", "command: &command [run]", nil},
		{"alias", "Deployment", "x-app", "spec.template.spec.containers[second].command", "command", "command: &command [run]", []string{"command alias"}},
		{"second document", "Service", "x-app", "kind", "service kind", "kind: Service", nil},
		{"list item by index", "Service", "x-app", "spec.ports[0]", "first port", "port: 80", nil},
		{"list item by name", "Service", "x-app", "spec.ports[1].name", "other port name", "name: other", nil},
		{"missing in a list item", "Deployment", "x-app", "spec.template.spec.containers[second].resources.limits", "second container", "name: second", []string{"patch second"}},
		{"generated object", "ConfigMap", "x-generated", "data.a", "literal", "a=b", nil},
		{"generated object, its name", "ConfigMap", "x-generated", "metadata.name", "generated", "name: generated", []string{"prefix"}},
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
			}
			path, err := manifest.ParsePath(text)
			if err != nil {
				t.Fatal(err)
			}
			got := locator.Locate(object, path)
			if want := lineOf(t, files, mark); got.File != want.File || got.Line != want.Line {
				t.Fatalf("%s is placed at %s, want %s", text, got.Position, want)
			}
			if marked := quoted(t, files, got.Position); marked != test.text {
				t.Errorf("%s marks %q, want %q", text, marked, test.text)
			}
			var over, want []string
			for _, at := range got.Overrode {
				over = append(over, at.String())
				quoted(t, files, at)
			}
			for _, mark := range test.over {
				want = append(want, lineOf(t, files, mark).String())
			}
			if !slices.Equal(over, want) {
				t.Errorf("%s overrode %v, want %v", text, over, want)
			}
		})
	}
	t.Run("JSON patch in a file", func(t *testing.T) {
		got := locator.Locate(find("Service", "x-app"), manifest.Path{"spec", "ports", 1, "port"})
		if got.File != "overlay/service.json" || got.Line != 2 || quoted(t, files, got.Position) != `"value": 82` {
			t.Errorf("placed at %+v", got)
		}
	})
	t.Run("object without a trace", func(t *testing.T) {
		object := &manifest.Object{Source: manifest.Position{File: "elsewhere.yaml", Line: 7}}
		if got := locator.Locate(object, manifest.Path{"kind"}); got.Position != object.Source {
			t.Errorf("placed at %s, want %s", got, object.Source)
		}
	})
}

// TestLocatePlain places fields of manifests that nothing renders.
func TestLocatePlain(t *testing.T) {
	text := "# one\napiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: a}\n  - apiVersion: v1\n    kind: ConfigMap\n    metadata:\n      name: b\n" +
		"---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n"
	result, err := kustomization.New(fstest.MapFS{"a.yaml": {Data: []byte(text)}}, strings.NewReader("")).Render(t.Context(), "a.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{7, 11, 16} {
		if got := New(result, nil).Locate(result.Objects[i], manifest.Path{"metadata", "name"}); got.File != "a.yaml" || got.Line != want || got.Overrode != nil {
			t.Errorf("%s is placed at %s, want line %d", result.Objects[i].ID, got, want)
		}
	}
}
