package change

import (
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/difference"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// TestRestarts holds which of the changes of a workload replace its pods.
func TestRestarts(t *testing.T) {
	inTemplate := manifest.Path{"spec", "template", "spec"}
	env := append(append(manifest.Path{}, inTemplate...), "containers", 0, "env", 0)
	memory := append(append(manifest.Path{}, inTemplate...), "containers", 0, "resources", "limits", "memory")
	image := append(append(manifest.Path{}, inTemplate...), "containers", 0, "image")
	order := difference.Change{Path: env, OldPath: env, Moved: true, Equal: difference.Order, Kept: true}
	unit := difference.Change{Path: memory, OldPath: memory, Old: "512Mi", New: "536870912", Equal: difference.Quantity, Kept: true}
	same := difference.Change{Path: memory, OldPath: memory, Old: "1Gi", New: "1024Mi", Equal: difference.Quantity}
	other := difference.Change{Path: image, OldPath: image, Old: "a", New: "b"}
	outside := difference.Change{Path: manifest.Path{"spec", "volumeClaimTemplates", 1}, Moved: true, Equal: difference.Order, Kept: true}
	for _, test := range []struct {
		name, kind string
		changes    []difference.Change
		field      string // "" where the pods stay
		more       int
	}{
		{"order", "Deployment", []difference.Change{order}, env.String(), 0},
		{"order, and what the reader sees", "Deployment", []difference.Change{order, other}, image.String(), 1},
		{"order of something else", "StatefulSet", []difference.Change{outside}, "", 0},
		{"unit, by amount", "Deployment", []difference.Change{unit}, "", 0},
		{"unit, as it is written", "StatefulSet", []difference.Change{unit}, memory.String(), 0},
		{"unit, as it is written by another controller", "DaemonSet", []difference.Change{unit}, memory.String(), 0},
		{"unit that the server writes in one way", "StatefulSet", []difference.Change{same}, "", 0},
		{"default", "DaemonSet", []difference.Change{{Path: image, New: "x", Equal: difference.Default}}, "", 0},
		{"pods that a controller leaves alone", "ReplicaSet", []difference.Change{order, other}, "", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, err := manifest.Encode(map[string]any{"apiVersion": "apps/v1", "kind": test.kind, "metadata": map[string]any{"name": "a"},
				"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "app"}}}}}})
			if err != nil {
				t.Fatal(err)
			}
			nowhere := func(difference.Change) (after, before manifest.Position) { return }
			set := Of(Side{}, Side{}, []Rendered{{Path: "t", Objects: []Object{{Kind: Changed, Old: o, New: o, Changes: test.changes, Locate: nowhere}}}}, false)
			switch {
			case test.field == "" && len(set.Restarts) > 0:
				t.Errorf("the pods are replaced for %s", set.Restarts[0].Field)
			case test.field != "" && len(set.Restarts) != 1:
				t.Errorf("%d workloads restart", len(set.Restarts))
			case test.field != "" && (set.Restarts[0].Field.String() != test.field || set.Restarts[0].More != test.more):
				t.Errorf("for %s and %d more; want %s and %d more", set.Restarts[0].Field, set.Restarts[0].More, test.field, test.more)
			case test.field != "" && !strings.HasPrefix(set.Restarts[0].Name, "spec.template.spec.containers[app]."):
				t.Errorf("a reader knows no %s", set.Restarts[0].Name)
			}
		})
	}
}
