package provenance

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

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

// Every field of every target is where it is without sharing, whichever target asked first.
func TestSharingMovesNoField(t *testing.T) {
	root, err := os.OpenRoot("../../..")
	if err != nil {
		t.Fatal(err)
	}
	renderer, sharing, fields := kustomization.New(root.FS(), strings.NewReader("")), NewSharing(), 0
	for _, target := range []string{"overlays/prod", "overlays/dev", "overlays/prod"} { // at last, nearly all is known
		result, err := renderer.Render(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		alone, shared := New(result, nil), New(result, sharing)
		for _, object := range result.Objects {
			for _, path := range fieldsOf(object.Value, nil) {
				fields++
				if got, want := shared.Locate(object, path), alone.Locate(object, path); !reflect.DeepEqual(got, want) {
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
	sharing := NewSharing()
	first, err := sharing.rendering(numbered(1))
	if err != nil {
		t.Fatal(err)
	}
	other, err := sharing.rendering(numbered(2))
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := sharing.rendering(numbered(1)); again != first {
		t.Error("it was made again")
	}
	if got := manifest.Text(other, "data", "n"); got != "2" {
		t.Errorf("got %q of other sources", got)
	}
	wrong := sources{"kustomization.yaml": []byte("resources: [none.yaml]\n")}
	for range 2 {
		if _, err := sharing.rendering(wrong); err == nil {
			t.Error("no error")
		}
	}
}
