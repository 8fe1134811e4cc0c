package kustomization_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kgate-dev/gitops/tools/internal/kustomization"
)

func TestRewritten(t *testing.T) {
	files := fstest.MapFS{
		"kustomization.yaml": {Data: []byte("resources: [map.yaml]\npatches:\n- path: patch.yaml\n- target: {kind: ConfigMap}\n  patch: |-\n    - {op: add, path: /data/json, value: 2026-01-04}\n")},
		"map.yaml": {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations: {date: 2026-01-07}\ndata:\n  date: 2026-01-01\n  quoted: '2026-01-02'\n" +
			"  time: 2026-01-02T10:00:00Z\n  replaced: 2026-01-05\n  text: since 2026-01-01\n  number: 2026\n")},
		"patch.yaml": {Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  replaced: none\n  patched: 2026-01-03\n")},
	}
	result, err := kustomization.New(files, nil).Render(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	text, err := result.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for _, date := range []string{"2026-01-07T00:00:00Z", "2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-02T10:00:00Z"} {
		if !strings.Contains(string(text), `"`+date+`"`) {
			t.Errorf("%s is not printed:\n%s", date, text)
		}
	}
	var got []string
	for _, fault := range result.Faults {
		got = append(got, fault.Check+" "+fault.Source.String()+" "+fault.Message)
	}
	want := `kustomize/rewritten map.yaml:5 the date 2026-01-07 becomes the text "2026-01-07T00:00:00Z": quote it
kustomize/rewritten map.yaml:7 the date 2026-01-01 becomes the text "2026-01-01T00:00:00Z": quote it
kustomize/rewritten patch.yaml:6 the date 2026-01-03 becomes the text "2026-01-03T00:00:00Z": quote it`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}
