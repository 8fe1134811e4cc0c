package builtin

import (
	"testing"

	"k8s.io/apiserver/pkg/registry/rest"
)

// TestUpdateStrategies holds every kind that can be created to a strategy of updates.
func TestUpdateStrategies(t *testing.T) {
	for kind, s := range New().strategies {
		if _, ok := s.(rest.RESTUpdateStrategy); !ok {
			t.Errorf("%s: a %T updates nothing", kind, s)
		}
		if ours, ok := s.(*strategy); ok && ours.update.validate == nil {
			t.Errorf("%s: nothing validates an update", kind)
		}
	}
}
