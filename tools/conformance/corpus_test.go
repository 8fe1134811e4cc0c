package main

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestFixtures(t *testing.T) {
	files := fstest.MapFS{
		"tools/a/testdata/one.yaml":    {Data: []byte("kind: A")},
		"tools/a/testdata/other.json":  {Data: []byte("{}")},
		"tools/a/not.yaml":             {Data: []byte("kind: B")},
		"tools/testdata/script.txtar":  {Data: []byte("run\n-- in/c.yaml --\nkind: C\n-- want.txt --\nkind: D\n")},
		"elsewhere/testdata/not.yaml":  {Data: []byte("kind: E")},
		"tools/b/testdata/deep/f.yaml": {Data: []byte("kind: F")},
	}
	var got []string
	err := fixtures(files, func(file string, text []byte) error {
		got = append(got, file+" "+strings.TrimSpace(string(text)))
		return nil
	})
	want := []string{"tools/a/testdata/one.yaml kind: A", "tools/b/testdata/deep/f.yaml kind: F", "tools/testdata/script.txtar/in/c.yaml kind: C"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestOwn renders this repository: every target has objects, and every kind of sample can be read.
func TestOwn(t *testing.T) {
	bases, _, err := own(t.Context(), "../..")
	if err != nil {
		t.Fatal(err)
	}
	from := map[string]int{}
	for _, b := range bases {
		if b.Name == "" || b.Kind == "" {
			t.Errorf("%s: %s cannot be asked about", b.from, b.ID)
		}
		switch {
		case strings.HasPrefix(b.from, samples):
			from[samples]++
		case b.must:
			from[b.from]++
		default:
			from["fixtures"]++
		}
	}
	for _, source := range append(slices.Clone(targets[:]), samples, "fixtures") {
		if from[source] == 0 {
			t.Errorf("nothing is of %s: %v", source, from)
		}
	}
}
