package provenance

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// randomTree is a base and layers of a few entries each, every entry of several lines.
func randomTree(random *rand.Rand) fstest.MapFS {
	files := fstest.MapFS{"base/objects.yaml": {Data: []byte(`apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
  labels:
    app: a
  annotations:
    note: one
spec:
  replicas: 1
  selector:
    matchLabels:
      app: a
  template:
    metadata:
      labels:
        app: a
    spec:
      containers:
        - name: app
          image: registry:5000/app:1
          args:
            - first
            - second
          env:
            - name: A
              value: a
            - name: B
              value: b
          ports:
            - containerPort: 80
              name: http
            - containerPort: 81
          volumeMounts:
            - name: v
              mountPath: /v
        - name: side
          image: side
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: config
  labels:
    app: a
data:
  a: x
  url: https://host:80/path
  list: "one,two,three"
---
apiVersion: example.com/v1
kind: Custom
metadata:
  name: custom
spec:
  image: registry:5000/app:1
  items:
    - name: a
      value: x
    - name: b
      value: "y"
  settings:
    deep:
      er: z
`)}}
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	count := 0
	fresh := func() string { count++; return fmt.Sprintf("made%d", count) }
	merge := func(kind, name, rest string) string {
		target := ""
		if random.IntN(3) == 0 {
			target = "    target:\n      kind: " + strings.TrimPrefix(kind, "kind: ") + "\n"
		}
		api := map[string]string{"Deployment": "apps/v1", "ConfigMap": "v1", "Custom": "example.com/v1"}[kind]
		text := "  - patch: |-\n      apiVersion: " + api + "\n      kind: " + kind + "\n      metadata:\n        name: " + name + "\n"
		for line := range strings.Lines(rest) {
			text += "      " + line
		}
		return text + target
	}
	operations := func(kind string, ops ...string) string {
		text := "  - target:\n      kind: " + kind + "\n    patch: |-\n"
		for range 1 + random.IntN(3) {
			text += ops[random.IntN(len(ops))]
		}
		return text
	}
	op := func(op, path, rest string) string {
		return "      - op: " + op + "\n        path: " + path + "\n" + rest
	}
	value := func() string { return "        value: " + fresh() + "\n" }
	patch := func() string {
		switch random.IntN(12) {
		case 0:
			return merge("Deployment", "app", "spec:\n  replicas: 2\n  template:\n    spec:\n      containers:\n        - name: "+pick("app", "side", "more")+"\n          image: "+fresh()+"\n          env:\n            - name: "+pick("A", "C")+"\n              value: "+fresh()+"\n")
		case 1:
			return merge("Deployment", "app", "spec:\n  template:\n    spec:\n      containers:\n        - name: app\n          args:\n            - "+fresh()+"\n          ports:\n            - containerPort: "+pick("80", "82")+"\n              name: "+fresh()+"\n")
		case 2:
			return merge("Deployment", "app", "spec:\n  template:\n    spec:\n      containers:\n        - name: app\n          env:\n            - name: A\n              $patch: delete\n            - name: D\n              value: "+fresh()+"\n")
		case 3:
			return merge("Deployment", "app", "spec:\n  template:\n    spec:\n      containers:\n        - name: app\n          volumeMounts:\n            - $patch: replace\n            - name: w\n              mountPath: /"+fresh()+"\n")
		case 4:
			return merge("Custom", "custom", "spec:\n  items:\n    - name: c\n      value: "+fresh()+"\n  settings:\n    deep:\n      other: "+fresh()+"\n")
		case 5:
			return merge("Custom", "custom", "spec:\n  settings:\n    "+pick("$patch: replace\n    more: "+fresh(), "deep: null\n    x: "+fresh())+"\n")
		case 6:
			return merge("ConfigMap", "config", "data:\n  "+pick("a", "b")+": "+fresh()+"\n  text: |\n    "+fresh()+"\n    more\n")
		case 7, 8:
			return operations("Deployment", op("add", "/metadata/labels/"+pick("x", "y"), value()), op("replace", "/spec/template/spec/containers/0/env/0/value", value()),
				op("add", "/spec/template/spec/containers/0/args/"+pick("0", "-"), value()), op("copy", "/metadata/annotations/copied", "        from: /metadata/labels/app\n"),
				op("add", "/spec/template/spec/containers/1/env", "        value:\n          - name: E\n            value: "+fresh()+"\n"), op("move", "/metadata/annotations/moved", "        from: /metadata/annotations/note\n"),
				op("remove", "/spec/template/spec/containers/0/ports/1", ""))
		case 9:
			return operations("Custom", op("replace", "/spec/settings", "        value:\n          deep:\n            er: "+fresh()+"\n"), op("add", "/spec/items/0", "        value:\n          name: "+fresh()+"\n          value: n\n"),
				op("test", "/spec/image", "        value: registry:5000/app:1\n"))
		case 10:
			return merge("Deployment", "app", "spec:\n  template:\n    metadata:\n      annotations:\n        at: "+fresh()+"\n      labels:\n        app: "+pick("a", fresh())+"\n")
		}
		return merge("ConfigMap", "config", "metadata:\n  labels:\n    more: "+fresh()+"\n") // metadata twice is refused: nothing to hold
	}
	replacement := func() string {
		source := pick("kind: ConfigMap\n      fieldPath: data.a", "kind: ConfigMap\n      fieldPath: data.url\n      options:\n        delimiter: /\n        index: "+pick("2", "3"),
			"kind: Custom\n      fieldPath: spec.items.[name=b].value", "kind: Custom\n      fieldPath: spec.settings")
		target := pick("kind: Deployment\n        fieldPaths:\n          - metadata.annotations.taken\n          - spec.template.spec.containers.[name=app].env.[name=B].value", "kind: Custom\n        fieldPaths:\n          - spec.made.here",
			"kind: ConfigMap\n        fieldPaths:\n          - data.taken")
		if strings.Contains(source, "spec.settings") { // a mapping is no annotation
			target = "kind: Custom\n        fieldPaths:\n          - spec.made.here"
		}
		options := pick("        options:\n          create: true\n", "")
		if random.IntN(3) == 0 && !strings.Contains(source, "spec.settings") {
			target, options = "kind: ConfigMap\n        fieldPaths:\n          - data.list", "        options:\n          delimiter: ','\n          index: "+pick("0", "1", "2")+"\n"
		}
		select_, rest, _ := strings.Cut(target, "\n")
		return "  - source:\n      " + source + "\n    targets:\n      - select:\n          " + select_ + "\n" + rest + "\n" + options
	}
	fields := []func() string{
		func() string { return "patches:\n" + patch() }, func() string { return "patches:\n" + patch() + patch() }, func() string { return "patches:\n" + patch() + patch() + patch() },
		func() string { return "replacements:\n" + replacement() }, func() string { return "replacements:\n" + replacement() + replacement() },
		func() string { return "namespace: " + fresh() + "\n" }, func() string { return "namePrefix: " + fresh() + "-\n" }, func() string { return "nameSuffix: -" + fresh() + "\n" },
		func() string {
			return "labels:\n  - pairs:\n      " + pick("k", "app") + ": " + fresh() + "\n    includeSelectors: " + pick("true", "false") + "\n"
		},
		func() string { return "commonAnnotations:\n  " + pick("note", "other") + ": " + fresh() + "\n" },
		func() string { return "replicas:\n  - name: app\n    count: 1" + fmt.Sprint(random.IntN(90)) + "\n" },
		func() string {
			return "images:\n  - name: " + pick("registry:5000/app", "side") + "\n    " + pick("newTag: ", "newName: example.com/") + fresh() + "\n"
		},
		func() string {
			return "configMapGenerator:\n  - name: config\n    behavior: " + pick("merge", "replace") + "\n    literals:\n      - a=" + fresh() + "\n      - n=" + fresh() + "\n"
		},
		func() string { return "components:\n  - ../part\n" },
		func() string {
			return "transformers:\n  - |-\n    apiVersion: builtin\n    kind: " + pick("LabelTransformer\n    metadata:\n      name: l\n    labels:\n      plug: "+fresh()+"\n    fieldSpecs:\n      - path: metadata/labels\n        create: true",
				"ImageTagTransformer\n    metadata:\n      name: i\n    imageTag:\n      name: registry:5000/app\n      newTag: "+fresh()+"\n    fieldSpecs:\n      - path: spec/image") + "\n"
		},
	}
	layer := func(head string, most int) []byte {
		used := map[string]bool{}
		for range 1 + random.IntN(most) {
			text := fields[random.IntN(len(fields))]()
			key, _, _ := strings.Cut(text, ":")
			if used[key] || key == "components" && strings.Contains(head, "Component") {
				continue
			}
			used[key] = true
			head += text
		}
		return []byte(head)
	}
	files["base/kustomization.yaml"] = &fstest.MapFile{Data: []byte("resources:\n  - objects.yaml\n")}
	files["part/kustomization.yaml"] = &fstest.MapFile{Data: layer("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n", 2)}
	files["middle/kustomization.yaml"] = &fstest.MapFile{Data: layer("resources:\n  - ../base\n", 4)}
	files["top/kustomization.yaml"] = &fstest.MapFile{Data: layer("resources:\n  - ../middle\n", 4)}
	return files
}

// FuzzReplay builds layered trees at random. What is replayed is what Kustomize renders, and to edit the line that is named for a
// field changes the field.
func FuzzReplay(f *testing.F) {
	for seed := range uint64(30) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		files := randomTree(rand.New(rand.NewPCG(seed, 1)))
		result, err := kustomization.New(files, nil).Render(t.Context(), "top")
		if err != nil {
			return // Kustomize refuses it
		}
		exact(t, result)
		locator := New(result, nil)
		for _, object := range result.Objects {
			for _, path := range fieldsOf(object.Value, nil) {
				value, _ := path.Lookup(object.Value)
				switch value.(type) {
				case map[string]any, []any, nil:
					continue
				}
				if path[0] == "kind" || path[0] == "apiVersion" || len(path) == 2 && path[0] == "metadata" {
					continue // another object then
				}
				at := locator.Locate(object, path)
				other := edited(files, at.Position)
				if other == nil {
					t.Errorf("%s %s: there is nothing to edit at %s", object.ID, path, at.Position)
					continue
				}
				changed, err := kustomization.New(other, nil).Render(t.Context(), "top")
				if err != nil {
					continue // it says so
				}
				if still := sameField(result, changed, object, path); still {
					t.Errorf("%s %s is %v whatever %s says", object.ID, path, value, at.Position)
				}
			}
		}
		if t.Failed() {
			for name, file := range files {
				if name != "base/objects.yaml" {
					t.Logf("-- %s --\n%s", name, file.Data)
				}
			}
		}
	})
}

// edited is a tree with another value in a line: one more 7 at its end, within quotes.
func edited(files fstest.MapFS, at manifest.Position) fstest.MapFS {
	file := files[at.File]
	if file == nil {
		return nil
	}
	lines := strings.SplitAfter(string(file.Data), "\n")
	if at.Line < 1 || at.Line > len(lines) {
		return nil
	}
	line := strings.TrimSuffix(lines[at.Line-1], "\n")
	if strings.HasSuffix(line, "|") && at.Line < len(lines) { // a text of several lines
		at.Line++
		line = strings.TrimSuffix(lines[at.Line-1], "\n")
	}
	end := ""
	if strings.HasSuffix(line, `"`) || strings.HasSuffix(line, "'") {
		line, end = line[:len(line)-1], line[len(line)-1:]
	}
	if strings.HasSuffix(line, "/path") { // of which a part is taken
		line = strings.ReplaceAll(strings.ReplaceAll(line, "host", "host7"), "/path", "/path7")
	}
	if one := strings.ReplaceAll(line, ",", "7,"); one != line {
		line = one
	}
	lines[at.Line-1] = line + "7" + end + "\n"
	other := fstest.MapFS{}
	for name, file := range files {
		other[name] = file
	}
	other[at.File] = &fstest.MapFile{Data: []byte(strings.Join(lines, ""))}
	return other
}

// sameField reports whether a field of an object is the same in another result.
func sameField(result, other *kustomization.Result, object *manifest.Object, path manifest.Path) bool {
	for _, o := range other.Objects {
		if o.Kind == object.Kind {
			before, _ := path.Lookup(object.Value)
			after, ok := path.Lookup(o.Value)
			return ok && before == after
		}
	}
	return false
}
