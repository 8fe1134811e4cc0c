package admission

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/definition"
)

const volume = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: shop}\nspec: {storageClassName: fast, accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Gi}}}"

// TestUpdate: old, a change of its text, and what the server refuses of it.
func TestUpdate(t *testing.T) {
	server := New(definition.New())
	for _, test := range []struct {
		name, old string
		change    []string // old, new, …
		want      []string
	}{
		{"nothing", deployment, nil, nil},
		{"another image", deployment, []string{"web:1", "web:2"}, nil},
		{"a selector", deployment, []string{"app: web", "app: shop"}, []string{"spec.selector: field is immutable"}},
		{"a claim that grows", volume, []string{"10Gi", "20Gi"}, nil},
		{"a claim that shrinks", volume, []string{"10Gi", "5Gi"}, []string{"spec.resources.requests.storage: field can not be less than status.capacity"}},
		{"a claim of another class", volume, []string{"fast", "slow"}, []string{"spec: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			old := objects(t, test.old)
			is := objects(t, strings.NewReplacer(test.change...).Replace(test.old))
			target := &check.Target{Objects: is, Before: &check.Before{Target: &check.Target{Objects: old}}}
			faults, known, err := server.Update(t.Context(), target, old[0], is[0])
			if err != nil || !known {
				t.Fatal(known, err)
			}
			var got []string
			for _, f := range faults {
				line, _, _ := strings.Cut(f.Detail, "\n")
				got = append(got, fmt.Sprintf("%s: %s", f.Path, line))
			}
			if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
