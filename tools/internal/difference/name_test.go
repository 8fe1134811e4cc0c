package difference

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func TestName(t *testing.T) {
	o := object(t, pod("{containers: [{name: app, args: [x], ports: [{containerPort: 53}, {containerPort: 53, protocol: UDP}], volumeMounts: [{mountPath: /a, name: v}, {mountPath: /b, name: v}], env: [{name: A.B}]}], tolerations: [{key: a}, {operator: Exists}, {key: b, effect: NoSchedule}, {key: b}]}"))
	for _, test := range []struct{ path, want string }{
		{"spec.template.spec.containers[0].image", "spec.template.spec.containers[app].image"},
		{"spec.template.spec.containers[0]", "spec.template.spec.containers[app]"},
		{"spec.template.spec.containers[0].args[0]", "spec.template.spec.containers[app].args[0]"},
		{"spec.template.spec.containers[0].ports[1].protocol", "spec.template.spec.containers[app].ports[1].protocol"},
		{"spec.template.spec.containers[0].volumeMounts[1].name", "spec.template.spec.containers[app].volumeMounts[mountPath=/b].name"},
		{"spec.template.spec.containers[0].env[0].value", "spec.template.spec.containers[app].env[A.B].value"},
		{"spec.template.spec.tolerations[0].key", "spec.template.spec.tolerations[key=a].key"},
		{"spec.template.spec.tolerations[1].operator", "spec.template.spec.tolerations[1].operator"},
		{"spec.template.spec.tolerations[3].key", "spec.template.spec.tolerations[3].key"},
		{"spec.template.spec.containers[4].image", "spec.template.spec.containers[4].image"},
		{`metadata.annotations["a/b"]`, `metadata.annotations["a/b"]`},
		{"", ""},
	} {
		path, err := manifest.ParsePath(test.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := Name(o, path); got != test.want {
			t.Errorf("%s: got %s, want %s", test.path, got, test.want)
		}
	}
}

// TestNameOfASecret holds that no name is what nobody is to read, or knows.
func TestNameOfASecret(t *testing.T) {
	o := object(t, "{apiVersion: v1, kind: Secret, metadata: {name: a, ownerReferences: [{name: b, uid: c}]}, stringdata: [{name: hunter2, value: x}]}")
	if got, want := Name(o, manifest.Path{"stringdata", 0, "value"}), "stringdata[0].value"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := Name(o, manifest.Path{"metadata", "ownerReferences", 0, "uid"}), "metadata.ownerReferences[b].uid"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	o = object(t, "{apiVersion: acme.dev/v1, kind: Widget, metadata: {name: a}, spec: {steps: [{name: xhost-1, with: x}]}}")
	o.Unknown = []manifest.Path{{"spec", "steps", 0, "name"}}
	if got, want := Name(o, manifest.Path{"spec", "steps", 0, "with"}), "spec.steps[0].with"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestNameOfWhatIsGone holds that a field that is removed is called as the object before calls it.
func TestNameOfWhatIsGone(t *testing.T) {
	old, new := object(t, pod("{containers: [{name: a, image: x}, {name: b, image: x, workingDir: /w}]}")), object(t, pod("{containers: [{name: b, image: x}]}"))
	changes, err := comparer().Of(context.Background(), nil, old, new)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range changes {
		got = append(got, c.Name(old, new))
	}
	const containers = "spec.template.spec.containers"
	if want := []string{containers + "[a]", containers + "[b].workingDir"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
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
