package policy

import (
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// A rule that says nothing sees everything: what it looks at is not known.
func TestSees(t *testing.T) {
	rule := func(scope, sees string) string {
		return meta(scope+sees) + "package policies.team.one_rule\n\ndeny contains {\"msg\": \"m\", \"path\": []} if false\n"
	}
	application := &manifest.Object{ID: manifest.ID{APIVersion: "argoproj.io/v1alpha1", Kind: "Application"}}
	pod := &manifest.Object{ID: manifest.ID{APIVersion: "v1", Kind: "Pod"}}
	for _, test := range []struct {
		scope, sees      string
		application, pod bool
		want             string // in an error
	}{
		{scope: "repository", application: true, pod: true},
		{scope: "repository", sees: ", sees: argoproj.io", application: true},
		{scope: "repository", sees: ", sees: apps argoproj.io", application: true},
		{scope: "repository", sees: ", sees: apps"},
		{scope: "repository", sees: ", sees: \"\"", want: "custom.sees is \"\"; a rule of scope repository names the API groups"},
		{scope: "object", sees: ", sees: apps", want: "custom.sees is \"apps\"; a rule of scope repository names the API groups"},
		{scope: "repository", sees: ", sees: [apps]", want: "custom.sees is [apps]; it must be a text"},
	} {
		library, err := Load(t.Context(), source(rule(test.scope, test.sees)))
		if test.want != "" {
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s, %q: %v", test.scope, test.sees, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		sees := library.Rules[0].Sees
		for object, want := range map[*manifest.Object]bool{application: test.application, pod: test.pod} {
			if got := sees == nil || sees(object); got != want {
				t.Errorf("%q: sees a %s: %t, want %t", test.sees, object.Kind, got, want)
			}
		}
	}
}
