package report

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// crowded is a report of so many findings on one line.
func crowded(n int) Report {
	var line strings.Builder
	var findings []check.Finding
	id := manifest.ID{APIVersion: "v1", Kind: "Pod", Name: "p"}
	for i := range n {
		begin := line.Len() + 1
		fmt.Fprintf(&line, "{name: container-%d}", i)
		findings = append(findings, check.Finding{
			Check: "pod/x", Severity: check.Error, Message: "m", Fix: "f",
			Place:  check.Place{Target: "app", Object: &id, Path: manifest.Path{"spec", "containers", i}},
			Source: manifest.Position{File: "o.yaml", Line: 1, Column: begin, EndColumn: line.Len() + 1},
		})
		line.WriteString(", ")
	}
	text := []byte(line.String())
	return Report{
		Checks: []*check.Check{{Name: "pod/x", Title: "t", Doc: "d", Fix: "f", Severity: check.Error, Scope: check.Object, Origin: "policy"}},
		Asked:  []string{"app"}, Findings: findings, ReadFile: func(string) ([]byte, error) { return text, nil },
	}
}

func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Four times as many findings on a line that is four times as long cost four times as much, in every format.
func TestFindingsOnALongLineCostTheSame(t *testing.T) {
	for name, write := range Formats() {
		cost := func(n int) uint64 {
			return allocated(func() {
				if err := write(io.Discard, crowded(n), Options{}); err != nil {
					t.Fatal(err)
				}
			})
		}
		cost(1) // what is made once
		if small, large := cost(500), cost(2000); large > 6*small {
			t.Errorf("%s: 500 findings take %d bytes, 2000 take %d", name, small, large)
		}
	}
}

func BenchmarkFindingsOnALongLine(b *testing.B) {
	for name, write := range Formats() {
		for _, n := range []int{500, 2000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					if err := write(io.Discard, crowded(n), Options{}); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/finding")
			})
		}
	}
}

// Of a long line, the part is quoted that the finding is about.
func TestALongLineIsQuotedAroundThePlace(t *testing.T) {
	r := crowded(500)
	for i, want := range map[int]string{0: "{name: container-0}", 250: "{name: container-250}", 499: "{name: container-499}"} {
		line, begin, end := r.sources().shown(r.Findings[i].Source)
		if characters := []rune(line); string(characters[begin:end]) != want || len(characters) > longest+2 {
			t.Errorf("%d: %q of %q, want %q", i, string(characters[begin:end]), line, want)
		}
	}
}
