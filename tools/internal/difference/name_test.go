package difference

import (
	"context"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func TestName(t *testing.T) {
	o := object(t, pod("{containers: [{name: app, args: [x], ports: [{containerPort: 53}, {containerPort: 53, protocol: UDP}], volumeMounts: [{mountPath: /a, name: v}, {mountPath: /b, name: v}], env: [{name: A.B}]}], tolerations: [{key: a}, {operator: Exists}]}"))
	for _, test := range []struct{ path, want string }{
		{"spec.template.spec.containers[0].image", "spec.template.spec.containers[name=app].image"},
		{"spec.template.spec.containers[0]", "spec.template.spec.containers[name=app]"},
		{"spec.template.spec.containers[0].args[0]", "spec.template.spec.containers[name=app].args[0]"},
		{"spec.template.spec.containers[0].ports[1].protocol", "spec.template.spec.containers[name=app].ports[1].protocol"},
		{"spec.template.spec.containers[0].volumeMounts[1].name", "spec.template.spec.containers[name=app].volumeMounts[mountPath=/b].name"},
		{"spec.template.spec.containers[0].env[0].value", "spec.template.spec.containers[name=app].env[name=A.B].value"},
		{"spec.template.spec.tolerations[0].key", "spec.template.spec.tolerations[0].key"},
		{"spec.template.spec.containers[4].image", "spec.template.spec.containers[4].image"},
		{`metadata.annotations["a/b"]`, `metadata.annotations["a/b"]`},
		{"", ""},
	} {
		path, err := manifest.ParsePath(test.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := Name(path, o.Value); got != test.want {
			t.Errorf("%s: got %s, want %s", test.path, got, test.want)
		}
	}
}

func TestDescriptions(t *testing.T) {
	new := strings.NewReplacer("mode: {type: string", "mode: {description: what, type: string", "ratio: {type: number}", "ratio: {type: number, description: how much}",
		"label: {type: string}", "label: {type: string, minLength: 1}\n              description: {type: string}").Replace(widgets)
	old := object(t, strings.Replace(widgets, "mode: {type", "mode: {description: that, type", 1))
	changes, err := comparer().Of(context.Background(), nil, old, object(t, new))
	if err != nil {
		t.Fatal(err)
	}
	others, descriptions := Descriptions(old, changes)
	const schema = "spec.versions[0].schema.openAPIV3Schema.properties.spec.properties."
	if got, want := lines(others), schema+"description: none -> {\"type\":\"string\"}\n"+schema+"label.minLength: none -> 1\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if got, want := lines(descriptions), schema+"mode.description: \"that\" -> \"what\"\n"+schema+"ratio.description: none -> \"how much\"\n"; got != want {
		t.Errorf("descriptions: got\n%swant\n%s", got, want)
	}
}
