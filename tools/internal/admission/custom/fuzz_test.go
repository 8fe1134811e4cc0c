package custom

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// FuzzValidate holds that no JSON object makes the server's code panic here, that the verdict is the same each time
// and that the object stays as it is.
func FuzzValidate(f *testing.F) {
	d := withWidgets(f)
	for _, o := range valid(f) {
		f.Add([]byte(asJSON(f, o)))
	}
	for _, text := range []string{
		`{"apiVersion":"test.example/v1","kind":"Widget","metadata":{"name":"a"},"spec":{"size":1,"parts":[{"name":"a"},{"name":"a"}],"template":{"metadata":{}}}}`,
		`{"metadata":null}`, `{"metadata":[]}`, `{"metadata":{"ownerReferences":[null],"finalizers":[null],"labels":{"a":null},"creationTimestamp":1}}`,
		`{"spec":{"size":1e300,"tags":[[]],"labels":{"":""},"free":{"known":null}},"status":[]}`,
		`{"metadata":{"generateName":"` + strings.Repeat("é", 300) + `"}}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var o map[string]any
		if utiljson.Unmarshal(text, &o) != nil || o == nil {
			t.Skip()
		}
		if !d.Knows(kindOf(o)) {
			o["apiVersion"], o["kind"] = "test.example/v1", "Widget"
		}
		judgeTwice(t, d, o)
	})
}

func judgeTwice(t *testing.T, d *Definitions, o map[string]any) {
	t.Helper()
	before := runtime.DeepCopyJSON(o)
	first, err := d.Validate(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, asJSON(t, before))
	}
	if !reflect.DeepEqual(o, before) {
		t.Fatalf("the object was changed:\n%s\n%s", asJSON(t, before), asJSON(t, o))
	}
	second, err := d.Validate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := lines(first), lines(second); a != b {
		t.Fatalf("two verdicts on one object:\n%s\n%s", a, b)
	}
	for _, fault := range first {
		for _, step := range fault.Path {
			switch step.(type) {
			case string, int:
			default:
				t.Fatalf("a step of type %T in %v", step, fault.Path)
			}
		}
	}
}

// TestMutants goes through seeded mutants of every valid object, as fuzzing would with more time.
func TestMutants(t *testing.T) {
	d := withWidgets(t)
	refused, total := 0, 0
	for i, o := range valid(t) {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		for range 8 {
			mutant := runtime.DeepCopyJSON(o)
			mutate(random, mutant)
			if !d.Knows(kindOf(mutant)) {
				continue
			}
			judgeTwice(t, d, mutant)
			faults, err := d.Validate(t.Context(), mutant)
			if err != nil {
				t.Fatal(err)
			}
			total++
			if len(faults) > 0 {
				refused++
			}
		}
	}
	t.Logf("%d mutants, %d refused", total, refused)
	if refused*4 < total {
		t.Errorf("only %d of %d mutants are refused: mutation or verdict does not work", refused, total)
	}
}

// mutate changes one value somewhere in the object.
func mutate(random *rand.Rand, o map[string]any) string {
	type place struct {
		set    func(any)
		remove func()
		value  any
		path   string
		in     any
	}
	var places []place
	var walk func(v any, path string)
	walk = func(v any, path string) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range sortedKeys(v) {
				places = append(places, place{func(to any) { v[key] = to }, func() { delete(v, key) }, v[key], path + "." + key, v})
				walk(v[key], path+"."+key)
			}
		case []any:
			for i := range v {
				places = append(places, place{func(to any) { v[i] = to }, func() { v[i] = nil }, v[i], fmt.Sprintf("%s[%d]", path, i), v})
				walk(v[i], fmt.Sprintf("%s[%d]", path, i))
			}
		}
	}
	walk(o, "")
	p := places[random.IntN(len(places))]
	others := []any{nil, "", "A b", strings.Repeat("x", 300), int64(-1), int64(0), int64(1 << 40), 1.5, true, map[string]any{}, []any{}, []any{nil}, map[string]any{"unknown": int64(1)}, "5m", "10"}
	switch n := random.IntN(12); {
	case n == 0:
		p.remove()
		return "remove " + p.path
	case n == 1:
		if m, ok := p.value.(map[string]any); ok {
			m["unknwon"] = "x"
			return "unknown in " + p.path
		}
		fallthrough
	case n == 2:
		if list, ok := p.value.([]any); ok && len(list) > 0 {
			p.set(append(list, runtime.DeepCopyJSONValue(list[0])))
			return "repeat in " + p.path
		}
		fallthrough
	case n == 3:
		if m, ok := p.in.(map[string]any); ok {
			p.remove()
			m[p.path[strings.LastIndex(p.path, ".")+1:]+"x"] = p.value
			return "misspell " + p.path
		}
		fallthrough
	default:
		other := others[random.IntN(len(others))]
		p.set(runtime.DeepCopyJSONValue(other))
		return fmt.Sprintf("%s = %.20v", p.path, other)
	}
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

func TestConcurrentUse(t *testing.T) {
	d, err := readBundle(bundledKinds, bundledDefinitions)
	if err != nil {
		t.Fatal(err)
	}
	small := []string{"PodMonitor", "PrometheusRule", "Telemetry", "AppProject", "Gateway"}
	var group sync.WaitGroup
	for _, o := range valid(t) {
		for _, kind := range small {
			if o["kind"] != kind {
				continue
			}
			for range 4 {
				group.Go(func() {
					if faults, err := d.Validate(context.Background(), o); err != nil || len(faults) > 0 {
						t.Errorf("%s: %v\n%s", kind, err, lines(faults))
					}
				})
			}
		}
	}
	group.Wait()
}

func BenchmarkCold(b *testing.B) {
	all := valid(b)
	for _, kind := range []string{"VirtualService", "PodMonitor", "Cluster", "OpenTelemetryCollector", "ApplicationSet"} {
		b.Run(kind, func(b *testing.B) {
			for _, o := range all {
				if o["kind"] != kind {
					continue
				}
				for b.Loop() {
					d, err := readBundle(bundledKinds, bundledDefinitions)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := d.Validate(b.Context(), o); err != nil {
						b.Fatal(err)
					}
				}
				return
			}
		})
	}
}

func BenchmarkWarm(b *testing.B) {
	d := known(b)
	all := valid(b)
	for _, o := range all {
		if _, err := d.Validate(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
	i := 0
	for b.Loop() {
		if _, err := d.Validate(b.Context(), all[i%len(all)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
