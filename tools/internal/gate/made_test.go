package gate

import (
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func TestMade(t *testing.T) {
	for text, want := range map[string]string{
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","spec":{"destination":{"namespace":"shop"},"syncPolicy":{"syncOptions":["CreateNamespace=true"]}}}`:                                "shop",
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","spec":{"destination":{"namespace":"shop"},"syncPolicy":{"syncOptions":["CreateNamespace=false"]}}}`:                               "",
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","spec":{"destination":{"namespace":"{{a}}"},"syncPolicy":{"syncOptions":["CreateNamespace=true"]}}}`:                               "{{a}}", // nobody fills it in
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"ApplicationSet","spec":{"template":{"spec":{"destination":{"namespace":"w-{{.env}}"},"syncPolicy":{"syncOptions":["CreateNamespace=true"]}}}}}`: "w-*",
		`{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","spec":{"targetNamespace":"shop","install":{"createNamespace":true}}}`:                                                        "shop",
		`{"apiVersion":"helm.toolkit.fluxcd.io/v2","kind":"HelmRelease","spec":{"targetNamespace":"shop"}}`:                                                                                           "",
		`{"apiVersion":"example.com/v1","kind":"Application","spec":{"destination":{"namespace":"shop"},"syncPolicy":{"syncOptions":["CreateNamespace=true"]}}}`:                                      "",
		`{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","spec":"text"}`:                                                                                                                    "",
	} {
		object, err := manifest.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, is := range made([]*manifest.Object{object}) {
			if got += is.Name; is.Kind != "Namespace" || is.Namespace != "" {
				t.Errorf("%s: made %v", text, is)
			}
		}
		if got != want {
			t.Errorf("%s: made %q, want %q", text, got, want)
		}
	}
}
