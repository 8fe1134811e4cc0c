package mutate

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
)

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var value map[string]any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestApply(t *testing.T) {
	const pod = `{"kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"c","args":["x"],"resources":{"limits":{"cpu":"1"}}}]}}`
	container := []any{"spec", "containers", 0}
	field := func(steps ...any) []any { return append(slices.Clone(container), steps...) }
	for _, test := range []struct {
		mutation Mutation
		want     string // of the container; of the object where it is not changed
	}{
		{Mutation{Name: Remove, Path: field("args")}, `{"name":"c","resources":{"limits":{"cpu":"1"}}}`},
		{Mutation{Name: Misspell, Path: field("args"), Value: "arg"}, `{"name":"c","arg":["x"],"resources":{"limits":{"cpu":"1"}}}`},
		{Mutation{Name: Duplicate, Path: field("args", 0)}, `{"name":"c","args":["x","x"],"resources":{"limits":{"cpu":"1"}}}`},
		{Mutation{Name: Overlong, Path: field("name"), Value: int64(3)}, `{"name":"aaa","args":["x"],"resources":{"limits":{"cpu":"1"}}}`},
		{Mutation{Name: LongKey, Path: field("resources", "limits"), Value: int64(2)}, `{"name":"c","args":["x"],"resources":{"limits":{"cpu":"1","kk":"v"}}}`},
		{Mutation{Name: NullItem, Path: field("args")}, `{"name":"c","args":["x",null],"resources":{"limits":{"cpu":"1"}}}`},
		{Mutation{Name: Outdent, Path: field("resources", "limits")}, `{"name":"c","args":["x"],"resources":{},"limits":{"cpu":"1"}}`},
		{Mutation{Name: Wrap, Path: field("name")}, `{"name":["c"],"args":["x"],"resources":{"limits":{"cpu":"1"}}}`},
		{Mutation{Name: Unwrap, Path: field("args")}, `{"name":"c","args":"x","resources":{"limits":{"cpu":"1"}}}`},
		{Mutation{Name: "mistype", Path: field("args"), Value: true}, `{"name":"c","args":true,"resources":{"limits":{"cpu":"1"}}}`},
	} {
		original := object(t, pod)
		changed, err := test.mutation.Apply(original)
		if err != nil {
			t.Errorf("%s: %v", test.mutation, err)
			continue
		}
		got := changed["spec"].(map[string]any)["containers"].([]any)[0]
		if !reflect.DeepEqual(got, any(object(t, test.want))) {
			t.Errorf("%s: got %v", test.mutation, got)
		}
		if !reflect.DeepEqual(original, object(t, pod)) {
			t.Errorf("%s: it changes the original", test.mutation)
		}
	}
	for _, impossible := range []Mutation{
		{Name: Remove},
		{Name: Remove, Path: []any{"kind", "name"}},
		{Name: Duplicate, Path: field("args", 1)},
		{Name: Outdent, Path: []any{"kind"}},
		{Name: Outdent, Path: field("name")}, // a list is between
		{Name: Outdent, Path: []any{"kind", "name"}},
		{Name: Unwrap, Path: field("name")},
		{Name: NullItem, Path: field("name")},
		{Name: LongKey, Path: field("name"), Value: int64(1)},
	} {
		if changed, err := impossible.Apply(object(t, pod)); err == nil {
			t.Errorf("%s: got %v", impossible, changed)
		}
	}
}

func TestOf(t *testing.T) {
	value := object(t, `{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","labels":{"a":"b"}},
		"ref":{"kind":"a"},"spec":{"ports":[{"port":80,"name":"http"},{"port":81,"name":"b"}],"publishNotReadyAddresses":true,"type":null}}`)
	first := Of(value, 1, 1_000_000)
	if again := Of(value, 1, 1_000_000); !reflect.DeepEqual(first, again) {
		t.Error("the same seed gives others")
	}
	if other := Of(value, 2, 1_000_000); reflect.DeepEqual(first, other) {
		t.Error("another seed gives the same")
	}
	if few := Of(value, 1, 7); len(few) != 7 {
		t.Errorf("got %d of 7", len(few))
	}
	names := map[string]bool{}
	for _, m := range first {
		names[m.Name] = true
		if changed, err := m.Apply(value); err == nil && (changed["kind"] != "Service" || changed["apiVersion"] != "v1") {
			t.Errorf("%s: it would be asked at another address", m)
		}
	}
	for _, name := range []string{
		Remove, Misspell, Duplicate, Overlong, LongKey, NullItem, Oversize, Outdent, Wrap, Unwrap, "null", "mistype", "empty", "bad-name",
		"bad-value", "case-space", "swap", "range", "flip", "wrong-item", "unknown", "metadata-labels",
	} {
		if !names[name] {
			t.Errorf("none is called %s", name)
		}
	}
}
