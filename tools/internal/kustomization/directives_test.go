package kustomization

import (
	"slices"
	"strings"
	"testing"
)

// TestDirectives renders strategic merge patches that remove and replace: by the keys of every list, and in lists without one.
func TestDirectives(t *testing.T) {
	const objects = `
-- base/objects.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, labels: {a: b, c: d}, annotations: {e: f}}
spec:
  template:
    metadata: {labels: {a: b}}
    spec:
      containers:
      - name: app
        image: app
        args: [a, b]
        env: [{name: A, value: b}]
        ports: [{containerPort: 80, name: http}, {containerPort: 53, protocol: UDP}, {containerPort: 53, protocol: TCP}]
        volumeMounts: [{name: v, mountPath: /a}, {name: w, mountPath: /b}]
      tolerations: [{key: a, operator: Exists}]
      hostAliases: [{ip: 1.1.1.1, hostnames: [a]}]
---
apiVersion: example.com/v1
kind: Custom
metadata: {name: app}
spec: {list: [{name: a, v: 1}, {name: b, v: 2}], map: {a: b}}
`
	container := func(text string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        " + text + "\n"
	}
	pod := func(text string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  template:\n    spec:\n      " + text + "\n"
	}
	custom := func(text string) string {
		return "apiVersion: example.com/v1\nkind: Custom\nmetadata: {name: app}\nspec:\n  " + text + "\n"
	}
	metadata := func(text string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app\n  " + text + "\n"
	}
	for _, test := range []struct {
		name, patch string
		targeted    bool
		want        []string // of overlay/p.yaml, each a prefix
	}{
		{"item by another key", container("volumeMounts:\n        - {mountPath: /a, $patch: delete}"), false, nil},
		{"item by another key that is not there", container("volumeMounts:\n        - {mountPath: /c, $patch: delete}"), false, []string{
			"kustomize/no-effect 10 the patch removes nothing here: the Deployment app has no mountPath /c in spec.template.spec.containers[0].volumeMounts; it has /"}},
		{"item without its key", container("volumeMounts:\n        - {name: v, $patch: delete}"), false, []string{
			"kustomize/list-replaced 10 the item has no mountPath, by which Kustomize merges spec.template.spec.containers[0].volumeMounts: it puts the patch's list in place of that of the Deployment app, and loses /a, /b"}},
		{"item by two keys", container("ports:\n        - {containerPort: 53, protocol: UDP, $patch: delete}"), false, nil},
		{"item by one of two keys", container("ports:\n        - {containerPort: 53, $patch: delete}"), false, []string{
			"kustomize/no-effect 10 the patch removes nothing here: the Deployment app has no containerPort 53 in spec.template.spec.containers[0].ports; it has containerPort 53 with the protocol UDP, and Kustomize compares all of containerPort, protocol"}},
		{"item that lacks the second key", container("ports:\n        - {containerPort: 80, $patch: delete}"), false, []string{
			"kustomize/no-effect 10 the patch removes nothing here: the Deployment app has no containerPort 80 in spec.template.spec.containers[0].ports that Kustomize finds: it compares containerPort, protocol, and not every item of the list has them all"}},
		{"item by its name, which is no key", container("ports:\n        - {name: http, $patch: delete}"), false, []string{
			"kustomize/no-effect 10 the patch removes nothing here: the item has no containerPort, by which Kustomize merges spec.template.spec.containers[0].ports"}},
		{"items of which one is not there", container("env:\n        - {name: A, $patch: delete}\n        - {name: B, $patch: delete}"), false, []string{
			"kustomize/no-effect 11 the patch removes nothing here: the Deployment app has no B in spec.template.spec.containers[0].env"}},
		{"item replaced", container("env:\n        - name: A\n          value: z\n          $patch: replace"), false, []string{
			"kustomize/no-effect 10 the patch changes nothing here: the Deployment app keeps the item, as `$patch: replace` is for a list or a mapping"}},
		{"list replaced", container("env:\n        - $patch: replace\n        - {name: B, value: z}"), false, nil},
		{"two items of one name", container("env:\n        - {name: B, value: z}\n        - {name: C, value: y}\n        - {name: B, value: y}"), false, []string{
			"kustomize/list-replaced 12 the patch has two items with the name B in spec.template.spec.containers[0].env: Kustomize merges them into one, and the later one wins"}},
		{"two items of one name, one of which goes", container("env:\n        - {name: A, $patch: delete}\n        - {name: A, value: y}"), false, nil},
		{"two items of one port and one protocol", container("ports:\n        - {containerPort: 53, protocol: UDP, name: a}\n        - {containerPort: 53, protocol: TCP, name: b}\n        - {containerPort: 53, protocol: UDP, name: c}"), false, []string{
			"kustomize/list-replaced 12 the patch has two items with the containerPort 53 and protocol UDP in "}},
		{"list of texts", container("args: [c]"), false, nil},
		{"list by ip", pod("hostAliases:\n      - {ip: 1.1.1.2, $patch: delete}"), false, []string{
			"kustomize/no-effect 8 the patch removes nothing here: the Deployment app has no ip 1.1.1.2 in spec.template.spec.hostAliases; it has 1.1.1.1"}},
		{"list without a key", pod("tolerations:\n      - {key: a, $patch: delete}"), false, []string{
			"kustomize/list-replaced 7 the patch replaces the whole list spec.template.spec.tolerations of the Deployment app and keeps `$patch: delete` as it is written: "}},
		{"mapping that is not there", pod("securityContext:\n        $patch: delete"), false, []string{
			"kustomize/no-effect 7 the patch removes nothing here: the Deployment app has no spec.template.spec.securityContext"}},
		{"mapping replaced", pod("securityContext:\n        $patch: replace\n        runAsUser: 1"), false, nil},
		{"directives of kubectl", container("$setElementOrder/env: [{name: A}]\n        $deleteFromPrimitiveList/args: [a]\n        env: [{name: A, value: z}]") + "  strategy:\n    type: Recreate\n    $retainKeys: [type]\n", false, []string{
			"kustomize/no-effect 10 Kustomize does not know $deleteFromPrimitiveList/args and leaves it in the Deployment app: it knows `$patch` alone",
			"kustomize/no-effect 14 Kustomize does not know $retainKeys and leaves it in the Deployment app: it knows `$patch` alone",
			"kustomize/no-effect 9 Kustomize does not know $setElementOrder/env and leaves it in the Deployment app: it knows `$patch` alone"}},
		{"custom list, item deleted", custom("list:\n  - {name: a, $patch: delete}"), false, []string{
			"kustomize/list-replaced 5 the patch replaces the whole list spec.list of the Custom app and loses b and keeps `$patch: delete` as it is written: "}},
		{"custom list replaced", custom("list:\n  - $patch: replace\n  - {name: z}"), false, []string{
			"kustomize/list-replaced 5 the patch replaces the whole list spec.list of the Custom app and keeps `$patch: replace` as it is written: "}},
		{"custom mapping", custom("map: {$patch: delete}"), false, nil},
		{"custom mapping that is not there", custom("mapp: {$patch: delete}"), false, []string{
			"kustomize/no-effect 5 the patch removes nothing here: the Custom app has no spec.mapp; it has map"}},

		{"label removed", metadata("labels: {a: null}"), false, nil},
		{"label that is not there", metadata("labels: {a: null, x: null}"), false, []string{
			"kustomize/no-effect 5 the patch removes nothing here: the Deployment app has no metadata.labels.x"}},
		{"label of a patch with a target", metadata("labels:\n    a: null\n    c: ~\n    x:\n  annotations: {e: null}"), true, []string{
			`kustomize/rewritten 6 null becomes the text "null", and metadata.labels of the Deployment app keeps a: a patch with a target, or of patchesStrategicMerge, removes none`,
			`kustomize/rewritten 7 null becomes the text "~", and metadata.labels of the Deployment app keeps c: `,
			`kustomize/rewritten 8 null becomes the text "", and metadata.labels of the Deployment app keeps x: `,
			`kustomize/rewritten 9 null becomes the text "null", and metadata.annotations of the Deployment app keeps e: `}},
		{"labels of a patch with a target", metadata("labels: null\n  annotations: {g: h}"), true, []string{
			"kustomize/no-effect 5 the patch removes nothing here: the Deployment app keeps metadata.labels"}},
		{"label of the template, of a patch with a target", metadata("labels: {a: z}") + "spec: {template: {metadata: {labels: {a: null}}}}\n", true, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			entry := "path: p.yaml"
			if test.targeted {
				entry = "path: p.yaml\n  target: {kind: Deployment}"
			}
			files := tree(kustomization("resources: [objects.yaml]", "base/") + objects + kustomization("resources: [../base]\npatches:\n- "+entry, "overlay/") + "-- overlay/p.yaml --\n" + test.patch)
			want, err := asKustomize(NewFiles(NewStore(files)), "overlay")
			if err != nil {
				t.Fatal(err)
			}
			result, err := New(files, nil).Render(t.Context(), "overlay")
			if err != nil {
				t.Fatal(err)
			}
			if rendered, err := result.YAML(); err != nil || string(rendered) != string(want) {
				t.Errorf("%v: it differs: %s", err, firstDifference(rendered, want))
			}
			var got []string
			for _, f := range result.Faults {
				line, _ := strings.CutPrefix(f.Source.String(), "overlay/p.yaml:")
				got = append(got, f.Check+" "+line+" "+f.Message)
			}
			slices.Sort(got)
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("got  %s\nwant %s\nof\n%s", strings.Join(got, "\n     "), strings.Join(test.want, "\n     "), want)
			}
		})
	}
}

// TestPluginsOfFiles renders builtin transformers that name files: what these hold is judged as what an entry holds.
func TestPluginsOfFiles(t *testing.T) {
	const objects = "-- base/objects.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app, labels: {a: b}}\nspec: {replicas: 2}\n---\n" +
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config, labels: {a: b}}\ndata: {a: x, b: y}\n"
	with := func(plugin, file string) string {
		return kustomization("resources: [objects.yaml]", "base/") + objects + kustomization("resources: [../base]\ntransformers: [t.yaml]", "overlay/") +
			"-- overlay/t.yaml --\napiVersion: builtin\n" + plugin + "-- overlay/f.yaml --\n" + file
	}
	replacements := "kind: ReplacementTransformer\nmetadata: {name: r}\nreplacements:\n- path: f.yaml\n"
	merges := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\ndata: {a: z}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec: {replicas: 2}\n"
	for _, test := range []struct {
		name, tree string
		want       []string // each a prefix
	}{
		{"replacements", with(replacements, "- source: {kind: ConfigMap, name: config, fieldPath: data.a}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.a]\n"), nil},
		{"one replacement", with(replacements, "source: {kind: ConfigMap, name: config, fieldPath: data.a}\ntargets:\n- select: {kind: Deployment}\n  fieldPaths: [metadata.labels.a]\n"), nil},
		{"replacement of what is there", with(replacements+"- source: {kind: ConfigMap, name: config, fieldPath: data.b}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.a]\n",
			"- source: {kind: ConfigMap, name: config, fieldPath: metadata.labels.a}\n  targets:\n  - select: {kind: Deployment}\n    fieldPaths: [metadata.labels.a]\n"), []string{
			"kustomize/no-effect overlay/f.yaml:1 the replacement changes nothing: the Deployment app has the value already"}},
		{"replacement of nothing", with(replacements, "- source: {kind: ConfigMap, name: config, fieldPath: data.a}\n  targets:\n  - select: {kind: StatefulSet}\n    fieldPaths: [metadata.labels.a]\n"), []string{
			`kustomize/replacement-target overlay/f.yaml:3 the replacement changes nothing: no object here is kind "StatefulSet"`}},
		{"merge patches", with("kind: PatchTransformer\nmetadata: {name: p}\npath: f.yaml\n", merges), []string{
			"kustomize/no-effect overlay/f.yaml:9 the patch changes nothing: the Deployment app is the same without it"}},
		{"merge patches of the older kind", with("kind: PatchStrategicMergeTransformer\nmetadata: {name: p}\npaths: [f.yaml]\n", merges+"---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: config\n  labels:\n    a: null\n"), []string{
			"kustomize/no-effect overlay/f.yaml:9 the patch changes nothing: the Deployment app is the same without it",
			`kustomize/rewritten overlay/f.yaml:16 null becomes the text "null"`}},
		{"JSON patch", with("kind: PatchJson6902Transformer\nmetadata: {name: p}\ntarget: {kind: Deployment, name: app}\npath: f.yaml\n", "- {op: replace, path: /spec/replicas, value: 3}\n- {op: add, path: /metadata/labels/a, value: b}\n"), []string{
			"kustomize/no-effect overlay/f.yaml:2 the operation changes nothing"}},
		{"a field of several documents", kustomization("resources: [objects.yaml]", "base/") + objects + kustomization("resources: [../base]\npatchesStrategicMerge: [f.yaml]", "overlay/") + "-- overlay/f.yaml --\n" + merges, []string{
			"kustomize/deprecated-field overlay/kustomization.yaml:2 ", "kustomize/no-effect overlay/f.yaml:9 "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := tree(test.tree)
			want, err := asKustomize(NewFiles(NewStore(files)), "overlay")
			if err != nil {
				t.Fatal(err)
			}
			result, err := New(files, nil).Render(t.Context(), "overlay")
			if err != nil {
				t.Fatal(err)
			}
			if rendered, err := result.YAML(); err != nil || string(rendered) != string(want) {
				t.Errorf("%v: it differs: %s", err, firstDifference(rendered, want))
			}
			var got []string
			for _, f := range result.Faults {
				got = append(got, f.Check+" "+f.Source.String()+" "+f.Message)
			}
			slices.Sort(got)
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
			}
		})
	}
}
