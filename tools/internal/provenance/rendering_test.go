package provenance

import (
	"crypto/sha256"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// fieldsOf are the paths of all fields of a value.
func fieldsOf(value any, path manifest.Path) []manifest.Path {
	all := []manifest.Path{path}
	switch value := value.(type) {
	case map[string]any:
		for key, below := range value {
			all = append(all, fieldsOf(below, append(slices.Clip(path), key))...)
		}
	case []any:
		for i, below := range value {
			all = append(all, fieldsOf(below, append(slices.Clip(path), i))...)
		}
	}
	return all
}

// Every field of every target is where it is without shared renderings, whichever target asked first.
func TestSharedRenderingsMoveNoField(t *testing.T) {
	root, err := os.OpenRoot("../../..")
	if err != nil {
		t.Fatal(err)
	}
	renderer, renderings, fields := kustomization.New(root.FS(), strings.NewReader("")), &Renderings{}, 0
	for _, target := range []string{"overlays/prod", "overlays/dev", "overlays/prod"} { // at last, nearly all is known
		result, err := renderer.Render(target)
		if err != nil {
			t.Fatal(err)
		}
		alone, sharing := New(result, nil), New(result, renderings)
		for _, object := range result.Objects {
			for _, path := range fieldsOf(object.Value, nil) {
				fields++
				if got, want := sharing.Locate(object, path), alone.Locate(object, path); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %s: %s is at %v, want %v", target, object.ID, path, got, want)
				}
			}
		}
	}
	if fields < 5_000 {
		t.Errorf("only %d fields were looked for", fields)
	}
}

// numbered are sources that Kustomize makes an object of.
func numbered(n int) sources {
	return sources{
		"object.yaml":        fmt.Appendf(nil, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {n: %q}\n", fmt.Sprint(n)),
		"kustomization.yaml": []byte("resources: [object.yaml]\n"),
	}
}

func TestRenderingsAreMadeOnce(t *testing.T) {
	var renderings Renderings
	first, err := renderings.of(numbered(1))
	if err != nil {
		t.Fatal(err)
	}
	other, err := renderings.of(numbered(2))
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := renderings.of(numbered(1)); again != first {
		t.Error("it was made again")
	}
	if got := manifest.Text(other, "data", "n"); got != "2" {
		t.Errorf("got %q of other sources", got)
	}
	wrong := sources{"kustomization.yaml": []byte("resources: [none.yaml]\n")}
	for range 2 {
		if _, err := renderings.of(wrong); err == nil {
			t.Error("no error")
		}
	}
}

// What is kept does not grow with what was asked for, and is what was asked for last.
func TestRenderingsAreForgotten(t *testing.T) {
	var renderings Renderings
	large := &yaml.Node{Kind: yaml.SequenceNode}
	for range mostNodes / 4 {
		large.Content = append(large.Content, &yaml.Node{Kind: yaml.ScalarNode})
	}
	ask := func(n byte) *rendering {
		made := renderings.entry([sha256.Size]byte{n})
		made.once.Do(func() {
			made.object = large
			renderings.keep(made)
		})
		return made
	}
	first, second := ask(0), ask(1)
	for n := byte(2); n < 20; n++ {
		ask(n)
		if ask(0) != first {
			t.Fatal("what is asked for again and again is forgotten")
		}
	}
	if ask(1) == second {
		t.Error("what nobody asked for is kept")
	}
	if len(renderings.known) > 4 || renderings.order.Len() != len(renderings.known) || renderings.nodes > mostNodes {
		t.Errorf("%d renderings, %d in order, of %d nodes", len(renderings.known), renderings.order.Len(), renderings.nodes)
	}
}
