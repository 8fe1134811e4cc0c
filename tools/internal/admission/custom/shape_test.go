package custom

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
)

// What is compiled for the fields of an object says of it what the whole definition says, and makes the same of it.
func TestReducedJudgesAsTheWhole(t *testing.T) {
	d := withWidgets(t)
	refused, total := 0, 0
	for i, o := range valid(t) {
		random := rand.New(rand.NewPCG(7, uint64(i)))
		for n := range 9 {
			mutant := runtime.DeepCopyJSON(o)
			for range n % 3 { // as it is, and with one and two mistakes
				mutate(random, mutant)
			}
			gvk := kindOf(mutant)
			if !d.Knows(gvk) || !d.first(gvk.GroupKind()).served[gvk.Version] {
				continue
			}
			definition := d.first(gvk.GroupKind())
			whole, err := definition.version(gvk)
			if err != nil {
				t.Fatal(err)
			}
			crd, err := definition.read()
			if err != nil {
				t.Fatal(err)
			}
			of := &shape{}
			of.add(mutant)
			fitted, err := compile(crd, gvk.Version, of)
			if err != nil {
				t.Fatal(err)
			}
			want, got := whole.judge(t.Context(), mutant), fitted.judge(t.Context(), mutant)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s\nthe whole says\n%s\nand what is compiled for its fields\n%s", asJSON(t, mutant), lines(want), lines(got))
			}
			if a, b := whole.structure(t.Context(), mutant), fitted.structure(t.Context(), mutant); !reflect.DeepEqual(a, b) {
				t.Errorf("%s\nof its structure the whole says\n%s\nand what is compiled for its fields\n%s", asJSON(t, mutant), lines(a), lines(b))
			}
			made, _ := whole.create(mutant)
			if also, _ := fitted.create(mutant); !reflect.DeepEqual(made, also) {
				t.Errorf("the whole makes\n%s\nand what is compiled for its fields\n%s", asJSON(t, made), asJSON(t, also))
			}
			// An update from what was there before the mistakes.
			of.add(o)
			if fitted, err = compile(crd, gvk.Version, of); err != nil {
				t.Fatal(err)
			}
			update := func(k *kind) []Fault {
				live := k.live(o)
				if live == nil {
					return nil
				}
				_, faults := k.update(t.Context(), live, mutant)
				return faults
			}
			if a, b := update(whole), update(fitted); !reflect.DeepEqual(a, b) {
				t.Errorf("%s\nof the update the whole says\n%s\nand what is compiled for its fields\n%s", asJSON(t, mutant), lines(a), lines(b))
			}
			total++
			if len(want) > 0 {
				refused++
			}
		}
	}
	t.Logf("%d objects, %d refused", total, refused)
	if refused*3 < total {
		t.Errorf("only %d of %d objects are refused: too few to compare", refused, total)
	}
}

// A version is compiled for a few shapes, and then whole.
func TestFitting(t *testing.T) {
	f := &fitting{of: &shape{}}
	var asked []bool // for all
	whole := &kind{}
	get := func(values ...map[string]any) *kind {
		k, err := f.get(values, func(of *shape) (*kind, error) {
			asked = append(asked, of == nil)
			if of == nil {
				return whole, nil
			}
			for _, v := range values {
				if !of.covers(v) {
					t.Errorf("it is compiled for %v, which it does not cover", v)
				}
			}
			return &kind{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	object := func(field string) map[string]any { return map[string]any{"spec": []any{map[string]any{field: nil}}} }
	first := get(object("a"), object("b"))
	if get(object("b")) != first || get(map[string]any{"spec": []any{}}) != first || get(map[string]any{"spec": "a"}) != first {
		t.Error("it is compiled anew for what has no other fields")
	}
	for _, field := range []string{"c", "d", "e"} {
		if get(object(field)) == first {
			t.Errorf("%s is judged by what does not know it", field)
		}
	}
	if get(object("f")) != whole || get(object("a")) != whole {
		t.Error("objects that have ever more fields are not judged by the whole")
	}
	if !reflect.DeepEqual(asked, []bool{false, false, false, false, true, true}) {
		t.Errorf("compiled for all: %v", asked)
	}
}
