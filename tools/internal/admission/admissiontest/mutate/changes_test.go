package mutate

import (
	"reflect"
	"testing"
)

// TestChanges: the same seed gives the same changes, each can be applied or says why not, and none gives the object another address,
// unless it takes it all metadata.
func TestChanges(t *testing.T) {
	object := map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment",
		"metadata": map[string]any{"name": "web", "namespace": "shop", "labels": map[string]any{"app": "web"}},
		"spec": map[string]any{
			"replicas": int64(3),
			"selector": map[string]any{"matchLabels": map[string]any{"app": "web"}},
			"template": map[string]any{"metadata": map[string]any{"labels": map[string]any{"app": "web"}}},
		},
	}
	all := Changes(object, 1, 30)
	if len(all) != 30 || !reflect.DeepEqual(all, Changes(object, 1, 30)) {
		t.Fatalf("%d changes, or others each time", len(all))
	}
	twice := 0
	for _, by := range all {
		changed, failed := object, false
		for _, m := range by {
			next, err := m.Apply(changed)
			if err != nil {
				failed = true
				break
			}
			changed = next
		}
		if len(by) == 2 {
			twice++
		}
		if metadata, ok := changed["metadata"].(map[string]any); !failed && ok && metadata["name"] != nil && (metadata["name"] != "web" || metadata["namespace"] != "shop") {
			t.Errorf("%v: it is %v of %v", by, metadata["name"], metadata["namespace"])
		}
	}
	if twice == 0 {
		t.Error("no change is of two fields")
	}
}

// TestEverywhere: a label and the selectors that ask for it change together, and the object keeps its name.
func TestEverywhere(t *testing.T) {
	object := map[string]any{
		"kind":     "web",
		"metadata": map[string]any{"name": "web", "labels": map[string]any{"app": "web"}},
		"spec":     map[string]any{"selector": map[string]any{"app": "web"}, "args": []any{"web", "other"}},
	}
	changed, err := Mutation{Name: Everywhere, Path: []any{"spec", "selector", "app"}, Value: "shop"}.Apply(object)
	want := map[string]any{
		"kind":     "web",
		"metadata": map[string]any{"name": "web", "labels": map[string]any{"app": "shop"}},
		"spec":     map[string]any{"selector": map[string]any{"app": "shop"}, "args": []any{"shop", "other"}},
	}
	if err != nil || !reflect.DeepEqual(changed, want) {
		t.Errorf("got %v, %v", changed, err)
	}
	if _, err := (Mutation{Name: Everywhere, Path: []any{"spec", "args", 7}, Value: "shop"}).Apply(object); err == nil {
		t.Error("there is no such item, and it is changed")
	}
}
