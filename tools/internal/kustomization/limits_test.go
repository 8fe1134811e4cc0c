package kustomization

import (
	"fmt"
	"strings"
	"testing"
)

// chain is a root app above levels of layers, each of which names the next twice.
func chain(levels int, layer string) string {
	var b strings.Builder
	for i := range levels {
		fmt.Fprintf(&b, "-- l%d/kustomization.yaml --\n%s\n", i, strings.ReplaceAll(layer, "NEXT", fmt.Sprintf("../l%d", i+1)))
	}
	return b.String()
}

// Each of these trees of a few hundred bytes would take hours, or all memory.
func TestLimits(t *testing.T) {
	const componentHead = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
	copies := strings.Repeat("      - {op: copy, from: /data, path: /data/x}\n", 1)
	for i := range 30 {
		copies += fmt.Sprintf("      - {op: copy, from: /data, path: /data/x%d}\n", i)
	}
	objects := func(n int) string {
		var b strings.Builder
		b.WriteString("apiVersion: v1\nkind: List\nitems:\n")
		for i := range n {
			fmt.Fprintf(&b, "- {apiVersion: v1, kind: ConfigMap, metadata: {name: c%d}}\n", i)
		}
		return b.String()
	}
	bomb := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 5; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	bombs := ""
	for i := range 12 {
		bombs += strings.ReplaceAll(bomb, "NAME", fmt.Sprint("c", i)) + "---\n"
	}
	for _, test := range []struct{ name, tree, want string }{
		{"resources that double", chain(40, "resources: [NEXT, NEXT]") + "-- l40/kustomization.yaml --\nresources: [../base]\n" + base + "-- app/kustomization.yaml --\nresources: [../l0]\n",
			"l39/kustomization.yaml:1: with this entry the target has more than 2000 kustomizations"},
		{"bases that double", chain(40, "bases: [NEXT, NEXT]") + "-- l40/kustomization.yaml --\nresources: [../base]\n" + base + "-- app/kustomization.yaml --\nresources: [../l0]\n",
			"l39/kustomization.yaml:1: with this entry the target has more than 2000 kustomizations"},
		{"components that double", chain(30, componentHead+"components: [NEXT, NEXT]") + "-- l30/kustomization.yaml --\n" + componentHead + base + "-- app/kustomization.yaml --\nresources: [../base]\ncomponents: [../l0]\n",
			"l28/kustomization.yaml:3: with this entry the target has more than 2000 kustomizations"},
		{"a layer that names one 3000 times", "-- app/kustomization.yaml --\nresources:\n" + strings.Repeat("- ../base\n", 3000) + base,
			"app/kustomization.yaml:2001: with this entry the target has more than 2000 kustomizations"},
		{"a prefix", "-- app/kustomization.yaml --\nresources: [../base]\nnamePrefix: " + strings.Repeat("a", 254) + "\n" + base,
			"app/kustomization.yaml:2: namePrefix has 254 characters; no name has more than 253"},
		{"a suffix", "-- app/kustomization.yaml --\nresources: [../base]\nnameSuffix: " + strings.Repeat("a", 254) + "\n" + base,
			"app/kustomization.yaml:2: nameSuffix has 254 characters; no name has more than 253"},
		{"copies of copies", "-- app/kustomization.yaml --\nresources: [../base]\npatches:\n  - target: {kind: ConfigMap}\n    patch: |\n      - {op: add, path: /data, value: {a: b}}\n" + copies + base,
			"app/kustomization.yaml:6: the copy operations of the patch add more than 10 MB to an object"},
		{"objects of layers that are named again", "-- app/kustomization.yaml --\nresources:\n" + strings.Repeat("- ../big\n", 6) +
			"-- big/kustomization.yaml --\nresources: [o.yaml]\n-- big/o.yaml --\n" + objects(4000),
			"big/o.yaml: with this file the target has more than 20000 objects"},
		{"values of one file", "-- app/o.yaml --\n" + bombs, "with its aliases written out, the file has more than 1048576 values: split it"},
		{"values of several files", "-- app/kustomization.yaml --\nresources: [a.yaml, b.yaml, c.yaml, d.yaml]\n" +
			"-- app/a.yaml --\n" + strings.Repeat(bomb+"---\n", 7) + "-- app/b.yaml --\n" + strings.Repeat(bomb+"---\n", 7) + "-- app/c.yaml --\n" + strings.Repeat(bomb+"---\n", 7) + "-- app/d.yaml --\n" + strings.Repeat(bomb+"---\n", 7),
			"app/c.yaml: with this file the target has more than 2097152 values"},
		{"a reference to itself", "-- app/kustomization.yaml --\nresources: [../base]\nopenapi: {path: s.json}\n-- app/s.json --\n{\"definitions\":\n{\"A\": {\"$ref\": \"#/definitions/A\"}}}\n" + base,
			"app/s.json:2: the reference #/definitions/A leads back to itself"},
		{"references to each other", "-- app/kustomization.yaml --\nresources: [../base]\nopenapi: {path: s.json}\n-- app/s.json --\n{\"definitions\":\n{\"A\": {\"properties\": {\"a\": {\"$ref\": \"#/definitions/B\"}}},\n\"B\": {\"$ref\": \"#/definitions/A/properties/a\"}}}\n" + base,
			"leads back to itself"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(tree(test.tree), strings.NewReader("")).Render(t.Context(), "app")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %.300v, want %s", err, test.want)
			}
		})
	}
}

// What is below the limits renders, also a schema that describes a tree.
func TestBelowLimits(t *testing.T) {
	layers := "-- app/kustomization.yaml --\nresources:\n"
	var more strings.Builder
	for i := range 300 {
		layers += fmt.Sprintf("- ../l%d\n", i)
		fmt.Fprintf(&more, "-- l%d/kustomization.yaml --\nnamePrefix: p%[1]d-\nresources: [../base]\n", i)
	}
	recursive := `{"definitions": {"A": {"properties": {"a": {"$ref": "#/definitions/A"}, "b": {"$ref": "#/definitions/B"}}}, "B": {"$ref": "#/definitions/A"}}}`
	for name, text := range map[string]string{
		"layers":           layers + more.String() + base,
		"recursive schema": "-- app/kustomization.yaml --\nresources: [../base]\nopenapi: {path: s.json}\n-- app/s.json --\n" + recursive + "\n" + base,
	} {
		if _, err := New(tree(text), strings.NewReader("")).Render(t.Context(), "app"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
