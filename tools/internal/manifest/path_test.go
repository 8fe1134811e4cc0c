package manifest_test

import (
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func TestTail(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "",
		"spec":                                 "spec",
		"spec.replicas":                        "spec.replicas",
		"spec.template.spec.restartPolicy":     "template.spec.restartPolicy",
		"metadata.labels":                      "metadata.labels",
		"spec.template.metadata.labels":        "template.metadata.labels",
		"spec.strategy.canary.steps":           "canary.steps",
		"spec.containers[0].env[2].value.name": "env[2].value.name",
		"[0].name":                             "[0].name",
	} {
		path, err := manifest.ParsePath(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := path.Tail().String(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
