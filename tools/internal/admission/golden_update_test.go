package admission

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/golden"
	"github.com/kgate-dev/gitops/tools/internal/admission/admissiontest/mutate"
	"github.com/kgate-dev/gitops/tools/internal/definition"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// TestUpdates holds kgate to what a real server said to changes of objects that it had; tools/conformance -updates records it.
func TestUpdates(t *testing.T) {
	text, err := os.ReadFile("testdata/disagreements.yaml")
	if err != nil {
		t.Fatal(err)
	}
	explained, err := golden.ReadDisagreements(text)
	if err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile("testdata/updates.jsonl.zst"); err != nil {
		t.Fatal(err)
	}
	all, err := golden.ReadChanges(text)
	if err != nil {
		t.Fatal(err)
	}
	server := New(definition.New())
	var changes, refused, caught, onlyChanged, onlyCaught, alarms, different atomic.Int64
	judge := func(base golden.Changed, change golden.Change) {
		id := manifest.Identify(base.Object)
		made := func(by []mutate.Mutation) *manifest.Object {
			value, err := golden.Apply(base.Object, by)
			if err != nil {
				t.Errorf("%s: %v", id, err)
				return nil
			}
			o, err := object(value)
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
			return o
		}
		old, new := made(change.Was), made(change.By)
		if old == nil || new == nil {
			return
		}
		faults, known, err := server.Update(t.Context(), nil, old, new)
		said := make([]string, 0, len(faults))
		for _, f := range faults {
			said = append(said, f.Path.String()+" "+f.Message)
		}
		switch {
		case err != nil: // what cannot be judged is not admitted either
			said = append(said, err.Error())
		case !known:
			said = append(said, "not judged")
		}
		changes.Add(1)
		if change.Admitted == (len(said) == 0) {
			if !change.Admitted {
				refused.Add(1)
				caught.Add(1)
				if alone, _, err := server.Judge(t.Context(), new, nil); err == nil && len(alone) == 0 {
					onlyChanged.Add(1)
					onlyCaught.Add(1)
				}
			}
			return
		}
		message := change.Message
		if change.Admitted {
			message = strings.Join(said, "\n")
		}
		for _, m := range slices.Concat(change.By, change.Was) {
			for _, d := range explained {
				if d.Explains(id.APIVersion+" "+id.Kind, m, message) {
					different.Add(1)
					return
				}
			}
		}
		if change.Admitted {
			alarms.Add(1)
		} else {
			refused.Add(1)
			if alone, _, err := server.Judge(t.Context(), new, nil); err == nil && len(alone) == 0 {
				onlyChanged.Add(1)
			}
		}
		t.Errorf("%s: from %v by %v: admitted by the server: %t %s\nkgate: %.300s", id, change.Was, change.By, change.Admitted, change.Message, said)
	}
	work := make(chan golden.Changed)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for base := range work {
				for i, change := range base.Changes {
					if i%part == 0 {
						judge(base, change)
					}
				}
			}
		})
	}
	for _, base := range all {
		work <- base
	}
	close(work)
	wait.Wait()
	if changes.Load() < 5000/part || onlyChanged.Load() < 500/part {
		t.Errorf("only %d changes, of which %d are refused for what was there: there should be thousands, and hundreds of those", changes.Load(), onlyChanged.Load())
	}
	t.Logf("%d objects, %d changes, %d of them refused, %d caught; %d refused for what was there, %d caught; %d false alarms; %d differ for a known reason",
		len(all), changes.Load(), refused.Load(), caught.Load(), onlyChanged.Load(), onlyCaught.Load(), alarms.Load(), different.Load())
}
