package manifest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// flowList is a Pod of so many containers on one line.
func flowList(n int) []byte {
	var b strings.Builder
	b.WriteString("kind: Pod\nspec: {containers: [")
	for i := range n {
		fmt.Fprintf(&b, "{name: c%d, image: \"i:1\", args: [a, b]}, ", i)
	}
	b.WriteString("]}\n")
	return []byte(b.String())
}

// locateAll finds every container's image, of the text and by the names of a decoded object.
func locateAll(t testing.TB, n int) {
	documents, err := ParseDocuments("f.yaml", flowList(n))
	if err != nil {
		t.Fatal(err)
	}
	objects, err := documents[0].Objects()
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		at, exact := documents[0].Locate(Path{"spec", "containers", i, "image"}, objects[0].Value)
		if !exact || at.Line != 2 || at.EndColumn-at.Column != len(`image: "i:1"`) {
			t.Fatalf("%d: %+v", i, at)
		}
	}
}

// allocated is how many bytes a function allocates.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Four times as much on one line costs four times as much, not sixteen times.
func TestPlacesOnALongLineCostTheSame(t *testing.T) {
	small, large := allocated(func() { locateAll(t, 500) }), allocated(func() { locateAll(t, 2000) })
	if large > 6*small {
		t.Errorf("500 containers take %d bytes, 2000 take %d", small, large)
	}
}

func BenchmarkPlacesOnALongLine(b *testing.B) {
	for _, n := range []int{500, 2000, 8000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				locateAll(b, n)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/place")
		})
	}
}

func TestDepthAndSize(t *testing.T) {
	nested := func(n int) string { return "a: " + strings.Repeat("[", n) + strings.Repeat("]", n) + "\n" }
	deep := "a: &a " + strings.Repeat("[", 300) + strings.Repeat("]", 300) + "\nb: " + strings.Repeat("[", 300) + "*a" + strings.Repeat("]", 300) + "\n"
	for name, c := range map[string]struct{ text, want string }{
		"deepest":       {nested(498), ""},
		"too deep":      {nested(501), "f.yaml:1: the document is nested more than 500 deep"},
		"deep by alias": {deep, "f.yaml:2: with its aliases written out, the document is nested more than 500 deep"},
		"block":         {strings.Repeat("- ", 501) + "a\n", "f.yaml:1: the document is nested more than 500 deep"},
		"values":        {"a: [" + strings.Repeat("a,", 1<<20) + "]\n", "f.yaml:1: the file has more than 1048576 values: split it"},
		"text by alias": {"a: &a " + strings.Repeat("a", 1<<20) + "\nb: [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: *a\n", "f.yaml:2: with its aliases written out, the file has more than 10 MB: split it"},
		"documents":     {strings.Repeat("a: &a "+strings.Repeat("a", 1<<20)+"\nb: [*a, *a, *a]\n---\n", 3), "f.yaml:8: with its aliases written out, the file has more than 10 MB: split it"},
	} {
		_, err := ParseDocuments("f.yaml", []byte(c.text))
		if got := fmt.Sprint(err); c.want == "" && err != nil || c.want != "" && got != c.want {
			t.Errorf("%s: got %.200s, want %s", name, got, c.want)
		}
	}
}
