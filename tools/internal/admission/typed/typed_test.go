package typed

import (
	"fmt"
	"testing"

	kindschema "k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

func TestCheck(t *testing.T) {
	types := New()
	for _, test := range []struct{ name, text, want string }{
		{"good", "spec: {selector: {matchLabels: {a: b}}, template: {spec: {containers: [{name: a, ports: [{containerPort: 80}, {containerPort: 81}]}]}}}", ""},
		{"unknown field", "spec: {replica: 1}", "spec.replica: field not declared in schema"},
		{"mistyped", "spec: {replicas: x}", `spec.replicas: expected numeric (int or float), got string`},
		{"one key twice", "spec: {template: {spec: {containers: [{name: a, ports: [{containerPort: 80}, {containerPort: 80, protocol: TCP}]}]}}}",
			`spec.template.spec.containers[0].ports: duplicate entries for key [containerPort=80,protocol="TCP"]`},
	} {
		var value map[string]any
		if err := yaml.Unmarshal([]byte("apiVersion: apps/v1\nkind: Deployment\n"+test.text), &value); err != nil {
			t.Fatal(err)
		}
		faults, err := types.Check(kindschema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, value)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range faults {
			got += fmt.Sprintf("%s: %s", f.Path, f.Message)
		}
		if got != test.want {
			t.Errorf("%s: got %s\nwant %s", test.name, got, test.want)
		}
	}
}
