package kustomization

import (
	"maps"
	"slices"
	"testing"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/kgate-dev/gitops/tools/internal/chart"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// Positions in what a chart renders to cost another render: an object that has no fault is asked for none.
func TestObjectWithoutFaultIsNotPlaced(t *testing.T) {
	documents, err := manifest.ParseDocuments("a.yaml", []byte(smallThing+"data: {a: b}\n"))
	if err != nil {
		t.Fatal(err)
	}
	placed := false
	if err := isObject(documents[0].Rendered(func(_, _ *kyaml.Node) manifest.Position {
		placed = true
		return manifest.Position{}
	})); err != nil || placed {
		t.Errorf("a position was asked for: %v; error %v", placed, err)
	}
}

func smallSource(t *testing.T, template string) *source {
	t.Helper()
	var files []chart.File
	written := tree(smallChart(template))
	for _, name := range slices.Sorted(maps.Keys(written)) {
		files = append(files, chart.File{Name: name[len("charts/small/"):], Data: written[name].Data})
	}
	made, err := chart.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return &source{chart: made, dir: "charts/small"}
}

// The lines of a release are found once for all that have it.
func TestLinesOfAReleaseAreFoundOnce(t *testing.T) {
	files := NewFiles(NewStore(tree("")))
	release := chart.Release{Values: []chart.Values{{Name: "values.yaml", Text: []byte("deep: {}\n")}}}
	first := files.render(t.Context(), smallSource(t, smallThing), release)
	again := files.render(t.Context(), smallSource(t, smallThing), release)
	if first.err != nil || again.err != nil {
		t.Fatal(first.err, again.err)
	}
	a, b := first.lines(), again.lines()
	if len(a) != 1 || len(a[0]) < 3 || a[0][2] != (chart.Place{File: "templates/a.yaml", Line: 3}) {
		t.Fatalf("lines are %v", a)
	}
	if &a[0][0] != &b[0][0] {
		t.Error("the lines of the same release were found twice")
	}
}

// The trials of a release have one time together: once it is over nothing more is tried.
func TestTrialsEnd(t *testing.T) {
	s := smallSource(t, smallThing+"data: {a: {{ .Values.a | quote }}, b: {{ .Values.b | quote }}}\n")
	given := map[string]any{"a": "x", "b": "x"}
	w := &places{source: s, left: mostTrying}
	if w.trial(leaf{[]any{"a"}, "x"}, "y", given) == nil {
		t.Fatal("a value could not be tried")
	}
	if w.left >= mostTrying {
		t.Error("a trial took none of the time")
	}
	w.left = 0
	if w.trial(leaf{[]any{"b"}, "x"}, "y", given) != nil || len(w.trials) != 1 {
		t.Error("a value was tried when the time was over")
	}
}
