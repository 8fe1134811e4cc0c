package schema

import (
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func TestMistyped(t *testing.T) {
	object := map[string]any{"kind": "Widget", "n": int64(1), "t": "three", "l": []any{}, "b": true}
	for _, test := range []struct{ field, message, want string }{
		{"n", "expected string, got &value.valueUnstructured{Value:1}", "1 is a number, must be a string: quote it"},
		{"b", "expected string, got &value.valueUnstructured{Value:true}", "true is a boolean, must be a string: quote it"},
		{"t", "expected numeric (int or float), got string", `"three" is a string, must be a number`},
		{"t", "expected boolean, got &value.valueUnstructured{Value:\"three\"}", `"three" is a string, must be a boolean`},
		{"l", "expected map, got &{[]}", "is a list, must be an object"},
		{"l", "expected something else", ""},
		{"none", "expected string, got 1", ""},
		{"t", `duplicate entries for key`, ""},
	} {
		if got, ok := mistyped(object, manifest.Path{test.field}, test.message); got != test.want || ok != (test.want != "") {
			t.Errorf("%s: got %q, want %q", test.message, got, test.want)
		}
	}
	object["kind"] = "Secret"
	if got, _ := mistyped(object, manifest.Path{"t"}, "expected boolean, got x"); got != "the value is a string, must be a boolean" {
		t.Error(got)
	}
}
