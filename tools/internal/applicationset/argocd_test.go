package applicationset

import (
	"context"
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// TestArgoCD compares with what Argo CD's own code makes, as tools/conformance/argocd has written it into each case.
func TestArgoCD(t *testing.T) {
	cases, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal("there are no cases", err)
	}
	for _, name := range cases {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var want struct {
				Refused      bool
				Applications []any
			}
			last := archive.Files[len(archive.Files)-1]
			if last.Name != "applications.json" {
				t.Fatal("nobody has recorded what Argo CD makes: see tools/conformance/argocd")
			}
			if err := json.Unmarshal(last.Data, &want); err != nil {
				t.Fatal(err)
			}
			set, around := surroundings(t, archive)
			made, left := Generate(context.Background(), set, around)
			if refused := len(left) > 0; refused != want.Refused {
				t.Fatalf("refused is %v, want %v: %v", refused, want.Refused, left)
			}
			var got []any
			for _, a := range made {
				got = append(got, plain(copied(a.Value)))
			}
			slices.SortStableFunc(got, func(a, b any) int {
				return strings.Compare(manifest.TextAt(a, "metadata", "name"), manifest.TextAt(b, "metadata", "name"))
			})
			for i := range want.Applications {
				want.Applications[i] = plain(want.Applications[i])
			}
			if !reflect.DeepEqual(got, want.Applications) {
				t.Errorf("kgate makes\n%s\nArgo CD makes\n%s", indented(got), indented(want.Applications))
			}
		})
	}
}

// plain is a value without what Go's types write of fields that are not set.
func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		all := map[string]any{}
		for key, inner := range v {
			if inner = plain(inner); !isEmpty(inner) {
				all[key] = inner
			}
		}
		return all
	case []any:
		all := []any{}
		for _, inner := range v {
			all = append(all, plain(inner))
		}
		return all
	}
	return value
}

func indented(value any) string {
	text, _ := json.MarshalIndent(value, "", "  ")
	return string(text)
}
