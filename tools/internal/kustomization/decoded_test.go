package kustomization

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// An object that targets share is the one that each renders alone.
func TestDecodedOnceIsTheSame(t *testing.T) {
	root, err := os.OpenRoot("../../..")
	if err != nil {
		t.Fatal(err)
	}
	targets := []string{"overlays/dev", "overlays/prod", "overlays/staging", "overlays/prod"}
	together, shared := New(root.FS(), strings.NewReader("")), 0
	values := map[manifest.Digest]uintptr{}
	for _, target := range targets {
		got, err := together.Render(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		want, err := New(root.FS(), strings.NewReader("")).Render(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Objects) != len(want.Objects) {
			t.Fatalf("%s: %d objects, want %d", target, len(got.Objects), len(want.Objects))
		}
		for i, object := range got.Objects {
			alone := want.Objects[i]
			if object.ID != alone.ID || object.Source != alone.Source || string(object.JSON) != string(alone.JSON) ||
				object.Digest() != alone.Digest() || !reflect.DeepEqual(object.Value, alone.Value) {
				t.Errorf("%s: %s is not what it is alone", target, object.ID)
			}
			at := reflect.ValueOf(object.Value).Pointer()
			if values[object.Digest()] == at {
				shared++
			}
			values[object.Digest()] = at
		}
	}
	if shared < 57 { // all of the target that comes again
		t.Errorf("only %d objects were decoded once", shared)
	}
}

// Whatever encoding may look at tells trees apart.
func TestTreeDigest(t *testing.T) {
	trees := map[string]*yaml.Node{}
	for name, text := range map[string]string{
		"text": "a: 'b'", "double": `a: "b"`, "plain": "a: b", "other": "a: c", "key": "b: b", "number": "a: 1", "digit": "a: '1'", "null": "a:", "list": "a: [b]", "lists": "a: [[b]]",
		"flow": "{a: b}", "comment": "a: b # c", "head": "# c\na: b", "two": "a: b\nc: d", "nested": "a: {b: c}", "literal": "a: |\n  b\n", "folded": "a: >\n  b\n", "anchor": "a: &b b",
		"together": "a: bc", "apart": "ab: c", "in order": "a: [b, c]", "the other way": "a: [c, b]", "in one": "a: ['b, c']", "below": "a: [[b], c]", "tagged": "a: !!str b",
	} {
		tree, err := yaml.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		trees[name] = tree.YNode()
	}
	seen := map[[32]byte]string{}
	for name, tree := range trees {
		digest, ok := treeDigest(tree)
		if again, _ := treeDigest(yaml.CopyYNode(tree)); !ok || again != digest {
			t.Errorf("%s: a copy has another digest", name)
		}
		if other, taken := seen[digest]; taken {
			t.Errorf("%s and %s have the same digest", name, other)
		}
		seen[digest] = name
	}
	aliased := yaml.MustParse("a: &b c\nd: *b\n")
	if _, ok := treeDigest(aliased.YNode()); ok {
		t.Error("an alias has a digest")
	}
}
