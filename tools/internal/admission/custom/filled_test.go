package custom

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestFilledIn holds that a rule sees what the operator's webhook fills in, and what is written in its place.
func TestFilledIn(t *testing.T) {
	d := known(t)
	for written, refused := range map[string]bool{
		"standbyNamesPre: [a]":                            false,
		"standbyNamesPost: [a]":                           false,
		"standbyNamesPre: [a], dataDurability: required":  false,
		"standbyNamesPre: [a], dataDurability: preferred": true,
		"dataDurability: preferred":                       false,
	} {
		cluster := object(t, `
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: db, namespace: shop}
spec: {instances: 3, storage: {size: 1Gi}, postgresql: {synchronous: {method: any, number: 1, `+written+`}}}
`)
		faults, err := d.Validate(t.Context(), cluster)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(lines(faults), "dataDurability"); got != refused || len(faults) > 1 {
			t.Errorf("%s: refused is %v, want %v:\n%s", written, got, refused, lines(faults))
		}
	}
}

// TestFilledFieldsAreThere holds that every field that is filled in is one of the kind's definition.
func TestFilledFieldsAreThere(t *testing.T) {
	d := known(t)
	for kind, fields := range filled {
		versions := 0
		for _, s := range d.embedded(kind) {
			for version := range s.served {
				k, err := s.version(schema.GroupVersionKind{Group: kind.Group, Version: version, Kind: kind.Kind})
				if err != nil {
					t.Fatal(err)
				}
				versions++
				for _, f := range fields {
					path := make([]any, len(f.path))
					for i, step := range f.path {
						path[i] = step
					}
					if at := k.schemaAt(path); at == nil || at.Default.Object != f.value {
						t.Errorf("%s in %s has no %v", kind, version, f.path)
					}
				}
			}
		}
		if versions == 0 {
			t.Errorf("nobody defines %s", kind)
		}
	}
}
