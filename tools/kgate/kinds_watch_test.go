package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// widgets is the definition of a kind whose field size has this maximum.
func widgets(maximum string) string {
	return "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.acme.dev}\n" +
		"spec:\n  group: acme.dev\n  scope: Namespaced\n  names: {kind: Widget, plural: widgets}\n  versions:\n" +
		"    - name: v1\n      served: true\n      storage: true\n" +
		"      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer, maximum: " + maximum + "}}}}}}\n"
}

// TestWatchDefinitions shows that a watch judges an object anew when its kind is defined elsewhere in another way: by a target
// of the run, by one that nobody asked for, and by kgate.yaml.
func TestWatchDefinitions(t *testing.T) {
	const widget = "apiVersion: acme.dev/v1\nkind: Widget\nmetadata: {name: a, namespace: default}\nspec: {size: 5}\n"
	const config = "apiVersion: kgate/v1\ntargets: [app, platform]\n"
	for _, test := range []struct {
		name  string
		asked []string
	}{{"every target", nil}, {"one target", []string{"app"}}} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			write(t, dir, ".git/HEAD", "")
			write(t, dir, "kgate.yaml", config)
			write(t, dir, "app/widget.yaml", widget)
			write(t, dir, "platform/crd.yaml", widgets("9"))
			w := begin(t, dir, validateFlags{checks: []string{"schema", "admission"}}, test.asked...)
			expect := func(want string) {
				t.Helper()
				r, _ := w.next()
				said := ""
				for _, f := range r.Findings {
					said += f.Message + "\n"
				}
				for _, e := range r.Errors {
					said += e.String() + "\n"
				}
				if want == "" && said != "" || !strings.Contains(said, want) {
					t.Errorf("got %q, want %q", said, want)
				}
			}
			expect("")
			write(t, dir, "platform/crd.yaml", widgets("3"))
			w.tell("platform/crd.yaml")
			expect("spec.size in body should be less than or equal to 3")
			write(t, dir, "platform/crd.yaml", strings.ReplaceAll(strings.ReplaceAll(widgets("3"), "Widget", "Gadget"), "widget", "gadget"))
			w.tell("platform/crd.yaml")
			expect("kgate has no definition of acme.dev/v1 Widget")
			write(t, dir, "crds/widgets.yaml", widgets("4"))
			write(t, dir, "kgate.yaml", config+"crds: [crds]\n")
			w.tell("kgate.yaml")
			expect("spec.size in body should be less than or equal to 4")
			write(t, dir, "crds/widgets.yaml", widgets("8"))
			w.tell("crds/widgets.yaml")
			expect("")
			if err := os.Remove(filepath.Join(dir, "crds/widgets.yaml")); err != nil {
				t.Fatal(err)
			}
			w.tell("crds/widgets.yaml")
			expect("kgate.yaml:3: crds: crds names no file")
			write(t, dir, "crds/gadgets.yaml", widgets("2"))
			w.tell("crds/gadgets.yaml")
			expect("spec.size in body should be less than or equal to 2")
			close(w.batches)
			if err := <-w.end; err == nil {
				t.Error("the watch ends as if the last report found nothing")
			}
		})
	}
}
