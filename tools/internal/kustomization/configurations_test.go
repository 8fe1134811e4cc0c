package kustomization

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/vendored"
)

// TestIdleFieldSpecs renders trees whose files of `configurations` lead nowhere, and such as look like it and lead somewhere.
func TestIdleFieldSpecs(t *testing.T) {
	const objects = `
-- base/objects.yaml --
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data: {a: b}
---
apiVersion: v1
kind: Secret
metadata: {name: token}
---
apiVersion: example.com/v1
kind: Collector
metadata: {name: app, labels: {a: b}}
spec:
  image: example.com/app:1
  size: 2
  envFrom:
    - configMapRef: {name: config}
    - secretRef: {name: token}
  outside: elsewhere
  selector: {matchLabels: {a: b}}
  sidecars: [{image: example.com/side:1}]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: collectors.example.com}
`
	with := func(names string) string {
		return kustomization("resources: [objects.yaml]\nconfigurations: [names.yaml]", "base/") + objects + "-- base/names.yaml --\n" + names + kustomization("resources: [../base]\nnamePrefix: x-\n", "overlay/")
	}
	reference := func(kind, spec string) string {
		return with("nameReference:\n- kind: " + kind + "\n  fieldSpecs:\n  - " + spec + "\n")
	}
	for _, test := range []struct {
		name, tree string
		want       []string // each a prefix
	}{
		{"reference", reference("ConfigMap", "{kind: Collector, path: spec/envFrom/configMapRef/name}"), nil},
		{"reference to what is elsewhere", reference("ConfigMap", "{kind: Collector, path: spec/outside}"), nil},
		{"reference of a mapping", reference("ConfigMap", "{kind: Collector, path: spec/envFrom/configMapRef}"), nil},
		{"reference of an old version of the file", with("nameReference:\n- kind: ConfigMap\n  version: v1\n  fieldSpecs:\n  - kind: Collector\n    path: spec/envFrm/configMapRef/name\n"), []string{
			"base/names.yaml:6 the field spec changes nothing: no Collector here has spec/envFrm/configMapRef/name; it has spec/envFrom"}},
		{"reference of the last step", reference("ConfigMap", "{kind: Collector, path: spec/envFrom/configMapReference/name}"), []string{
			"base/names.yaml:4 the field spec changes nothing: no Collector here has spec/envFrom/configMapReference/name"}},
		{"reference to the other kind", reference("ConfigMap", "{kind: Collector, path: spec/envFrom/secretRef/name}"), []string{
			"base/names.yaml:4 the field spec changes nothing: spec/envFrom/secretRef/name of the Collector app names no ConfigMap here; it names the Secret token"}},
		{"reference with dots", reference("ConfigMap", "{kind: Collector, path: spec.envFrom.configMapRef.name}"), []string{
			"base/names.yaml:4 the field spec changes nothing: no Collector here has spec.envFrom.configMapRef.name; the steps of a path are separated by /: spec/envFrom/configMapRef/name"}},
		{"reference of another group", reference("ConfigMap", "{kind: Collector, group: example.org, path: spec/envFrom/configMapRef/name}"), []string{
			"base/names.yaml:4 the field spec changes nothing: no Collector here is of the group example.org; it is of example.com"}},
		{"reference of another version", reference("ConfigMap", "{kind: Collector, version: v2, path: spec/envFrom/configMapRef/name}"), []string{
			"base/names.yaml:4 the field spec changes nothing: no Collector here is of the version v2; it is of v1"}},
		{"reference to a misspelt kind", reference("Configmap", "{kind: Collector, path: spec/envFrom/configMapRef/name}"), []string{
			"base/names.yaml:2 this changes nothing: no object here has the kind Configmap; there is the kind ConfigMap"}},
		{"reference of a misspelt kind", reference("ConfigMap", "{kind: Colector, path: spec/envFrom/configMapRef/name}"), []string{
			"base/names.yaml:4 this changes nothing: no object here has the kind Colector; there is the kind Collector"}},
		{"a kind that is named often", with("images:\n- {kind: Rollout, path: spec/a}\n- {kind: Rollout, path: spec/b}\nreplicas:\n- {kind: Rollout, path: spec/c}\n- {kind: Collector, path: spec/size}\n"), []string{
			"base/names.yaml:2 this and lines 3 and 5 change nothing: no object here has the kind Rollout"}},
		{"images", with("images:\n- {kind: Collector, path: spec/image}\n- {path: spec/sidecars/image}\n- {path: 'spec/sidecars[]/image'}\n"), nil},
		{"images of nothing", with("images:\n- {kind: Collector, path: spec/imag}\n- {path: spec/sidecar/image}\n- {kind: CustomResourceDefinition, path: metadata/name}\n"), []string{
			"base/names.yaml:2 the field spec changes nothing: no Collector here has spec/imag; it has spec/image",
			"base/names.yaml:3 the field spec changes nothing: no object here has spec/sidecar/image; it has spec/sidecars",
			"base/names.yaml:4 the field spec changes nothing: Kustomize sets no image of a CustomResourceDefinition"}},
		{"images cannot be made", with("images:\n- {kind: Collector, path: spec/other, create: true}\n"), []string{
			"base/names.yaml:2 the field spec changes nothing: no Collector here has spec/other"}},
		{"labels", with("commonLabels:\n- {kind: Collector, path: spec/selector/matchLabels}\n- {kind: Collector, path: spec/podMetadata/labels, create: true}\n"), nil},
		{"labels of nothing", with("commonLabels:\n- {kind: Collector, path: spec/selector/matchlabel}\nlabels:\n- {kind: Collector, path: spec/podMetadata/labels}\ncommonAnnotations:\n- {kind: Collector, path: metadata/annotation}\n"), []string{
			"base/names.yaml:2 the field spec changes nothing: no Collector here has spec/selector/matchlabel; it has spec/selector/matchLabels",
			"base/names.yaml:4 the field spec changes nothing: no Collector here has spec/podMetadata/labels",
			"base/names.yaml:6 the field spec changes nothing: no Collector here has metadata/annotation"}},
		{"replicas, prefixes, namespaces", with("replicas:\n- {kind: Collector, path: spec/size}\nnamePrefix:\n- {kind: Collector, path: spec/outside}\nnamespace:\n- {kind: Collector, path: spec/namespace, create: true}\n"), nil},
		{"replicas, prefixes, namespaces of nothing", with("replicas:\n- {kind: Collector, path: spec/sise}\nnamePrefix:\n- {kind: Collector, path: spec/name}\n- {kind: CustomResourceDefinition, path: spec/names, create: true}\nnamespace:\n- {kind: Collector, path: spec/namespace}\nvarReference:\n- {kind: Collector, path: spec/arg}\n"), []string{
			"base/names.yaml:2 the field spec changes nothing: no Collector here has spec/sise; it has spec/size",
			"base/names.yaml:4 the field spec changes nothing: no Collector here has spec/name",
			"base/names.yaml:5 the field spec changes nothing: Kustomize gives a CustomResourceDefinition neither a prefix nor a suffix",
			"base/names.yaml:7 the field spec changes nothing: no Collector here has spec/namespace",
			"base/names.yaml:9 the field spec changes nothing: no Collector here has spec/arg"}},
		{"a list for all that a workload may have", with("images:\n- {kind: Collector, path: spec/template/spec/initContainers/image}\n- {kind: Collector, path: spec/template/spec/initContainer/image}\n"), []string{
			"base/names.yaml:3 the field spec changes nothing: no Collector here has spec/template/spec/initContainer/image"}},
		{"what the base has and the overlay deletes", reference("ConfigMap", "{kind: Collector, path: spec/envFrom/configMapRef/name}") + "-- overlay/delete.yaml --\napiVersion: example.com/v1\nkind: Collector\nmetadata: {name: app}\n$patch: delete\n", nil},
		{"what the overlay adds", strings.Replace(reference("ConfigMap", "{kind: Late, path: spec/a}"), "resources: [../base]", "resources: [../base, late.yaml]", 1) + "-- overlay/late.yaml --\napiVersion: example.com/v1\nkind: Late\nmetadata: {name: late}\nspec: {a: config}\n", nil},
		{"fields of labels", kustomization("resources: [../base]\nlabels:\n- pairs: {c: d}\n  fields:\n  - {kind: Collector, path: spec/selector/matchLabels}\n  - {kind: Collector, path: spec/selector/matchLabel}\n  - {kind: Colector, path: spec/a, create: true}", "overlay/") + kustomization("resources: [objects.yaml]", "base/") + objects, []string{
			"overlay/kustomization.yaml:6 the field spec changes nothing: no Collector here has spec/selector/matchLabel; it has spec/selector/matchLabels",
			"overlay/kustomization.yaml:7 the field spec changes nothing: no object here has the kind Colector; there is the kind Collector"}},
		{"fields of a plugin", kustomization("resources: [../base]\ntransformers: [t.yaml]", "overlay/") + "-- overlay/t.yaml --\napiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {c: d}\nfieldSpecs:\n- path: metadata/labels\n  create: true\n- path: spec/selector/matchLabel\n  kind: Collector\n---\napiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: p}\nprefix: x-\nfieldSpecs: [{path: metadata/names}]\n" +
			kustomization("resources: [objects.yaml]", "base/") + objects, []string{
			"overlay/t.yaml:15 the field spec changes nothing: no object here has metadata/names; it has metadata/name",
			"overlay/t.yaml:8 the field spec changes nothing: no Collector here has spec/selector/matchLabel; it has spec/selector/matchLabels"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := tree(test.tree)
			if files["overlay/delete.yaml"] != nil {
				files["overlay/kustomization.yaml"].Data = slices.Concat(files["overlay/kustomization.yaml"].Data, []byte("patches: [{path: delete.yaml}]\n"))
			}
			renderer := New(files, nil)
			for range 2 { // the second finds the base kept
				result, err := renderer.Render(t.Context(), "overlay")
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, fault := range result.Faults {
					if fault.Check != noEffect || fault.Entry.IsZero() {
						t.Errorf("%s of no entry: %s", fault.Check, fault.Message)
					}
					got = append(got, fault.Source.String()+" "+fault.Message)
				}
				slices.Sort(got)
				if !slices.Equal(got, test.want) {
					t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(test.want, "\n     "))
				}
			}
		})
	}
}

// copiedBase has a copy of one repository, whatever is asked for.
type copiedBase struct{ vendored.Source }

func (copiedBase) Git(context.Context, string) (vendored.Tree, error) {
	return vendored.Tree{Root: "copies/base", Dir: "copies/base"}, nil
}

func (copiedBase) File(context.Context, string, func([]byte) error) (string, error) {
	return "", vendored.NoFile("no file")
}

// TestFieldSpecsOfCopies has a base whose field specs lead nowhere: in the repository they are to be edited, in a copy they are not.
func TestFieldSpecsOfCopies(t *testing.T) {
	const objects = "-- copies/base/objects.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
	for name, test := range map[string]string{
		"a file of configurations": kustomization("resources: [objects.yaml]\nconfigurations: [names.yaml]", "copies/base/") +
			"-- copies/base/names.yaml --\nimages:\n- {kind: Late, path: spec/image}\n- {path: spec/none}\n",
		"a plugin": kustomization("resources: [objects.yaml]\ntransformers: [t.yaml]", "copies/base/") +
			"-- copies/base/t.yaml --\napiVersion: builtin\nkind: PrefixTransformer\nmetadata: {name: t}\nprefix: x-\n" +
			"fieldSpecs: [{path: metadata/name}, {path: metadata/nam}]\n",
	} {
		for base, want := range map[string]bool{"../copies/base": true, "https://example.com/org/base?ref=v1": false} {
			renderer := New(tree(kustomization("resources: ['"+base+"']", "app/")+objects+test), nil)
			renderer.Remote = copiedBase{}
			result, err := renderer.Render(t.Context(), "app")
			if err != nil {
				t.Fatal(err)
			}
			if found := len(result.Faults) > 0; found != want {
				t.Errorf("%s of %s: %v", name, base, result.Faults)
			}
		}
	}
}

// TestFieldSpecsOfOthers has a base that two overlays share: what one of them makes use of is no fault of the other.
func TestFieldSpecsOfOthers(t *testing.T) {
	files := tree(kustomization("resources: [objects.yaml]\nconfigurations: [names.yaml]", "base/") + "-- base/objects.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n" +
		"-- base/names.yaml --\nimages:\n- {kind: Late, path: spec/image}\n- {kind: Late, path: spec/imag}\n- {path: spec/none}\n" +
		kustomization("resources: [../base]", "one/") + kustomization("resources: [../base, late.yaml]", "two/") + "-- two/late.yaml --\napiVersion: example.com/v1\nkind: Late\nmetadata: {name: late}\nspec: {image: a}\n")
	renderer := New(files, nil)
	one, err := renderer.Render(t.Context(), "one")
	if err != nil {
		t.Fatal(err)
	}
	two, err := renderer.Render(t.Context(), "two")
	if err != nil {
		t.Fatal(err)
	}
	var idle []string
	for _, fault := range slices.Concat(one.Faults, two.Faults) {
		if fault.Shared != "base" || !fault.Above {
			t.Errorf("%s is of %q", fault.Message, fault.Shared)
		}
		if !slices.ContainsFunc(two.Effects, func(e check.Entry) bool { return e.At == fault.Entry }) {
			idle = append(idle, fault.Source.String())
		}
	}
	slices.Sort(idle)
	if want := []string{"base/names.yaml:3", "base/names.yaml:4", "base/names.yaml:4"}; !slices.Equal(idle, want) {
		t.Errorf("got %q, want %q", idle, want)
	}
}
