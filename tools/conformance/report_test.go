package main

import (
	"errors"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/golden"
	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/mutate"
)

func TestReport(t *testing.T) {
	misspelt := func(field string) mutate.Mutation {
		return mutate.Mutation{Name: "misspell", Path: []any{"spec", field}, Value: "x"}
	}
	c := &comparison{
		options:   options{seed: 7},
		server:    &cluster{version: "v1.2.3", resources: map[schema.GroupVersionKind]resource{}},
		explained: []golden.Disagreement{{Kind: "v1 A", Path: "spec.known", Message: "no", Reason: "it is known"}},
		used:      []int{0},
		results: []*result{
			{kind: "v1 A", server: answer{admitted: true}},
			{kind: "v1 A", mutation: misspelt("all"), server: answer{message: "no"}, admission: []string{"no"}, schemas: []string{"no"}, kubeconform: "no"},
			{kind: "v1 A", mutation: misspelt("known"), server: answer{message: "no, indeed"}},
			{kind: "v1 A", mutation: misspelt("by-schema"), server: answer{message: "so"}, schemas: []string{"so"}},
			{kind: "v1 A", mutation: misspelt("alarm"), server: answer{admitted: true}, schemas: []string{"never"}, kubeconform: "never"},
			{kind: "v1 B", base: 1, must: true, from: "overlays/a", server: answer{message: "refused"}, admission: []string{"refused"}},
		},
	}
	for _, r := range c.results {
		c.explain(r)
	}
	var out strings.Builder
	c.print(&out)
	printed := strings.Join(strings.Fields(out.String()), " ") // columns are as wide as what stands in them
	for _, want := range []string{
		"kube-apiserver v1.2.3 judged 2 objects of 2 kinds and 4 mutants of them (seed 7)",
		"caught, of 4 that the server refuses false alarms, on 2 that it admits",
		"kgate 3 75.00 % 1 50.00 %",
		"its admission check alone 2 50.00 % 0 0.00 %",
		"its schemas alone 2 50.00 % 1 50.00 %",
		"kubeconform -strict 1 25.00 % 1 50.00 %",
		"refused as it is: overlays/a, v1 B: refused",
		"v1 A, misspell spec.by-schema = x server: refuses it: so admission: admits it schemas: refuses it: so",
		"v1 A, misspell spec.alarm = x server: admits it admission: admits it schemas: refuses it: never",
		"explained 1 times: v1 A spec.known no: it is known",
	} {
		if !strings.Contains(printed, want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "spec.known = x") {
		t.Error("what is explained is listed")
	}
	err := c.verdict()
	if !errors.Is(err, errDisagree) || !errors.Is(err, errRefused) || errors.Is(err, errMissing) || !strings.Contains(err.Error(), "2, 1 more are explained") {
		t.Errorf("got %v", err)
	}
	c.missing = []string{"v1 C"}
	if err := c.verdict(); !errors.Is(err, errMissing) {
		t.Errorf("got %v", err)
	}
}
