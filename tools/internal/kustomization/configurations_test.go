package kustomization_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
)

func TestConfigurationsThatNameNothing(t *testing.T) {
	files := fstest.MapFS{
		"base/kustomization.yaml": {Data: []byte("resources: [objects.yaml]\nconfigurations: [names.yaml]\n")},
		"base/objects.yaml":       {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: example.com/v1\nkind: OpenTelemetryCollector\nmetadata: {name: a}\n")},
		"base/names.yaml": {Data: []byte("nameReference:\n- kind: Configmap\n  fieldSpecs:\n  - {kind: OpenTelemetryColector, path: spec/a}\n  - {kind: OpenTelemetryCollector, path: spec/b}\n" +
			"  - {kind: Rollout, path: spec/c}\nimages:\n- {kind: OpenTelemetryCollectors, path: spec/image}\n- {path: spec/other}\n")},
		"overlay/kustomization.yaml": {Data: []byte("resources: [../base]\nnamePrefix: x-\n")},
	}
	result, err := kustomization.New(files, nil).Render(t.Context(), "overlay")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, fault := range result.Faults {
		got = append(got, fault.Check+" "+fault.Source.String()+" "+fault.Message)
	}
	want := `kustomize/no-effect base/names.yaml:2 this changes nothing: no object here has the kind Configmap; there is the kind ConfigMap
kustomize/no-effect base/names.yaml:4 this changes nothing: no object here has the kind OpenTelemetryColector; there is the kind OpenTelemetryCollector
kustomize/no-effect base/names.yaml:8 this changes nothing: no object here has the kind OpenTelemetryCollectors; there is the kind OpenTelemetryCollector`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}
