package admission

import (
	"encoding/json"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/golden"
	"github.com/kgate-dev/gitops/tools/internal/admission/fault"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func recorded(tb testing.TB) []golden.Base {
	tb.Helper()
	text, err := os.ReadFile("testdata/verdicts.jsonl.zst")
	if err != nil {
		tb.Fatal(err)
	}
	bases, err := golden.Read(text)
	if err != nil {
		tb.Fatal(err)
	}
	return bases
}

func object(value map[string]any) (*manifest.Object, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return manifest.Decode(text)
}

// TestVerdicts holds kgate to the verdicts of a real server; tools/conformance records them.
func TestVerdicts(t *testing.T) {
	text, err := os.ReadFile("testdata/disagreements.yaml")
	if err != nil {
		t.Fatal(err)
	}
	explained, err := golden.ReadDisagreements(text)
	if err != nil {
		t.Fatal(err)
	}
	server := New(definition.New())
	judge := func(value map[string]any) ([]fault.Fault, bool, error) {
		o, err := object(value)
		if err != nil {
			return nil, false, err
		}
		return server.Judge(t.Context(), o, nil)
	}
	var mutants, refused, different atomic.Int64
	var wait sync.WaitGroup
	work := make(chan golden.Base)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for base := range work {
				id := manifest.Identify(base.Object)
				v, known, err := judge(base.Object)
				if err != nil || !known {
					t.Errorf("%s: not judged: %v", id, err)
				} else if (base.Refused == "") != (len(v) == 0) {
					t.Errorf("%s: the server says %q, kgate %v", id, base.Refused, v)
				}
				for i, verdict := range base.Verdicts {
					if i%part != 0 {
						continue
					}
					changed, err := verdict.Apply(base.Object)
					if err != nil {
						t.Errorf("%s: %v", id, err)
						continue
					}
					mutants.Add(1)
					violations, _, err := judge(changed)
					said := make([]string, 0, len(violations))
					for _, v := range violations {
						said = append(said, v.Path.String()+" "+v.Message)
					}
					if err != nil { // what cannot be judged is not admitted either
						said = append(said, err.Error())
					}
					if !verdict.Admitted {
						refused.Add(1)
					}
					if verdict.Admitted == (len(said) == 0) {
						continue
					}
					message := verdict.Message
					if verdict.Admitted {
						message = strings.Join(said, "\n")
					}
					known := false
					for _, d := range explained {
						known = known || d.Explains(id.APIVersion+" "+id.Kind, verdict.Mutation, message)
					}
					if known {
						different.Add(1)
						continue
					}
					t.Errorf("%s: %s: admitted by the server: %t %s\nkgate: %.300s", id, verdict.Mutation, verdict.Admitted, verdict.Message, said)
				}
			}
		})
	}
	bases := recorded(t)
	for _, base := range bases {
		work <- base
	}
	close(work)
	wait.Wait()
	if mutants.Load() < 5000/part || refused.Load() == 0 || refused.Load() == mutants.Load() {
		t.Errorf("only %d mutants, %d of them refused: there should be thousands of both kinds", mutants.Load(), refused.Load())
	}
	t.Logf("%d objects, %d mutants, %d of them refused; %d differ for a known reason", len(bases), mutants.Load(), refused.Load(), different.Load())
}

// BenchmarkJudge judges every recorded object once.
func BenchmarkJudge(b *testing.B) {
	var objects []*manifest.Object
	for _, base := range recorded(b) {
		o, err := object(base.Object)
		if err != nil {
			b.Fatal(err)
		}
		objects = append(objects, o)
	}
	server := New(definition.New())
	judge := func() {
		for _, o := range objects {
			if _, _, err := server.Judge(b.Context(), o, nil); err != nil {
				b.Fatal(err)
			}
		}
	}
	judge() // what a kind needs is read once
	b.ResetTimer()
	for b.Loop() {
		judge()
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(objects)), "µs/object")
}
