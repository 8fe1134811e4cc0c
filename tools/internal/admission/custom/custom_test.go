package custom

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func known(t testing.TB) *Definitions {
	t.Helper()
	d, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// objects decodes YAML as kgate does.
func objects(t testing.TB, file string, text []byte) []map[string]any {
	t.Helper()
	documents, err := manifest.ParseDocuments(file, text)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for _, d := range documents {
		found, err := d.Objects()
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range found {
			all = append(all, o.Value)
		}
	}
	return all
}

func object(t testing.TB, text string) map[string]any {
	t.Helper()
	all := objects(t, "test.yaml", []byte(text))
	if len(all) != 1 {
		t.Fatalf("%d objects in %s", len(all), text)
	}
	return all[0]
}

func valid(t testing.TB) []map[string]any {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "valid.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return objects(t, "valid.yaml", text)
}

func lines(faults []Fault) string {
	var b strings.Builder
	for _, f := range faults {
		fmt.Fprintf(&b, "%s: %s%s (%s)\n", manifest.Path(f.Path), f.Message, f.Note, f.Type)
	}
	return b.String()
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestValidObjectsPass(t *testing.T) {
	d := known(t)
	seen := map[string]bool{}
	for _, o := range valid(t) {
		gvk := kindOf(o)
		seen[gvk.GroupKind().String()] = true
		t.Run(gvk.Kind+" "+gvk.GroupVersion().String(), func(t *testing.T) {
			before := asJSON(t, o)
			faults, err := d.Validate(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if len(faults) > 0 {
				t.Errorf("refused:\n%s", lines(faults))
			}
			if after := asJSON(t, o); after != before {
				t.Errorf("the object was changed:\n%s\n%s", before, after)
			}
		})
	}
	for _, of := range d.List() {
		module, _, _ := strings.Cut(of.Release, "@")
		if slices.Contains(ours, module) && !seen[of.Kind.String()] {
			t.Errorf("testdata/valid.yaml has no %s", of.Kind)
		}
	}
}

// ours are the operators whose kinds this repository's own manifests have: of each kind a valid object is kept.
var ours = []string{
	"istio.io/api", "github.com/open-telemetry/opentelemetry-operator", "github.com/cloudnative-pg/cloudnative-pg",
	"github.com/argoproj/argo-cd/v3", "github.com/prometheus-operator/prometheus-operator",
}

// TestEmbeddedDefinitions holds every embedded definition to what the server asks of one, and its index to its
// content.
func TestEmbeddedDefinitions(t *testing.T) {
	catalogue := known(t).catalogue
	kinds := catalogue.inGroup("")
	if len(kinds) < 400 {
		t.Fatalf("the catalogue has %d kinds: was the index read?", len(kinds))
	}
	for _, gk := range kinds {
		for _, definition := range catalogue.releases(gk) {
			t.Run(gk.String()+" "+definition.source, func(t *testing.T) {
				t.Parallel()
				crd, err := definition.read()
				if err != nil {
					t.Fatal(err)
				}
				if crd.Spec.Group != gk.Group || crd.Spec.Names.Kind != gk.Kind || (crd.Spec.Scope == "Namespaced") != definition.namespaced {
					t.Errorf("the index says otherwise than %s %s %s", crd.Spec.Group, crd.Spec.Names.Kind, crd.Spec.Scope)
				}
				if gk != definition.kind || crd.Spec.Names.Plural != definition.plural || !strings.Contains(definition.source, "@v") {
					t.Errorf("the index says otherwise than %s: %+v", crd.Spec.Names.Plural, definition)
				}
				for _, v := range crd.Spec.Versions {
					if v.Served != definition.served[v.Name] {
						t.Errorf("version %s: served is %v in the definition and %v in the index", v.Name, v.Served, definition.served[v.Name])
					}
					if _, err := definition.version(gk.WithVersion(v.Name)); err != nil {
						t.Errorf("version %s: %v", v.Name, err)
					}
				}
				faults, err := judgeDefinition(crd)
				if err != nil {
					t.Fatal(err)
				}
				if len(faults) > 0 {
					t.Errorf("the server would refuse it:\n%s", lines(faults))
				}
			})
		}
	}
}
