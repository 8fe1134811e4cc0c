package custom

import (
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// TestRests shows what is said of an object of which some values are not known.
func TestRests(t *testing.T) {
	routes := strings.Replace(widgets, `message: size is above max, fieldPath: .size}`, `message: size is above max, fieldPath: .size}
            - {rule: "!has(self.parts) || self.parts.all(p, p.name == 'a')", message: every part is an a}
            - {rule: "self.labels['x'] == 'y' || !('x' in self.labels)", messageExpression: "'x is ' + self.labels['x']"}`, 1)
	d, faults := with(t, routes)
	if len(faults) > 0 {
		t.Fatalf("the definition is refused:\n%s", lines(faults))
	}
	for _, test := range []struct {
		name, spec string
		unknown    manifest.Path
		want       []string
	}{
		{"all is known", `{size: 3, max: 2, labels: {}}`, nil, []string{"size is above max"}},
		{"what the rule asks for is not", `{size: 3, max: 2, labels: {}}`, manifest.Path{"spec", "max"}, nil},
		{"the field that is meant is not", `{size: 3, max: 2, labels: {}}`, manifest.Path{"spec", "size"}, nil},
		{"what the rule does not ask for is not", `{size: 3, max: 2, labels: {}}`, manifest.Path{"spec", "mode"}, []string{"size is above max"}},
		{"a field of a list's entry is not", `{size: 1, parts: [{name: b}], labels: {}}`, manifest.Path{"spec", "parts", 0, "name"}, nil},
		{"another field of an entry is not", `{size: 1, parts: [{name: b}], labels: {}}`, manifest.Path{"spec", "note"}, []string{"every part is an a"}},
		{"the object as a whole is not", `{size: 1, parts: [{name: b}], labels: {}}`, manifest.Path{"spec"}, nil},
		{"a message is put together", `{size: 1, labels: {x: z}}`, manifest.Path{"spec", "labels", "x"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			faults, err := d.Validate(t.Context(), object(t, "{apiVersion: test.example/v1, kind: Widget, metadata: {name: a}, spec: "+test.spec+"}"))
			if err != nil {
				t.Fatal(err)
			}
			var unknown []manifest.Path
			if test.unknown != nil {
				unknown = append(unknown, test.unknown)
			}
			got := fault.Certain(faults, unknown)
			said := lines(got)
			if len(got) != len(test.want) {
				t.Fatalf("got\n%s\nwant %q", said, test.want)
			}
			for _, want := range test.want {
				if !strings.Contains(said, want) {
					t.Errorf("got\n%s\nwant %q", said, want)
				}
			}
		})
	}
}
