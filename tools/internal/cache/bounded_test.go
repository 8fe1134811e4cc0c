package cache

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// What is kept does not grow with what was asked for, and is what was asked for last.
func TestBoundedForgets(t *testing.T) {
	b := NewBounded[int, int](100)
	made := map[int]int{}
	ask := func(key int) {
		value, err := b.Get(key, func() (int, int, error) {
			made[key]++
			return 2 * key, 19, nil
		})
		if err != nil || value != 2*key {
			t.Fatalf("%d: got %d, %v", key, value, err)
		}
	}
	for key := range 50 {
		ask(key)
		ask(0)
		if len(b.entries) > 5 || b.order.Len() != len(b.entries) || b.size > 100 || b.size != 20*len(b.entries) {
			t.Fatalf("%d: %d values, %d in order, of size %d", key, len(b.entries), b.order.Len(), b.size)
		}
	}
	if made[0] != 1 {
		t.Errorf("what is asked for again and again was made %d times", made[0])
	}
	if ask(1); made[1] != 2 {
		t.Error("what nobody asked for is kept")
	}
	if ask(49); made[49] != 1 {
		t.Error("what was asked for last is forgotten")
	}
	if _, err := b.Get(-1, func() (int, int, error) { return 0, 1000, nil }); err != nil || len(b.entries) != 0 || b.size != 0 {
		t.Errorf("%d values of size %d are kept after one that is too large", len(b.entries), b.size)
	}
}

func TestBoundedMakesOnce(t *testing.T) {
	b := NewBounded[string, int](100)
	var made atomic.Int32
	var group sync.WaitGroup
	for range 50 {
		for key, want := range map[string]int{"a": 1, "b": 2} {
			group.Go(func() {
				got, err := b.Get(key, func() (int, int, error) {
					made.Add(1)
					return want, 1, nil
				})
				if err != nil || got != want {
					t.Errorf("%s: got %d, %v", key, got, err)
				}
			})
		}
	}
	group.Wait()
	if made.Load() != 2 {
		t.Errorf("made %d values of 2 keys", made.Load())
	}
}

func TestBoundedKeepsErrors(t *testing.T) {
	b := NewBounded[string, int](100)
	for _, make := range []func() (int, int, error){
		func() (int, int, error) { return 0, 0, errors.New("broken") },
		func() (int, int, error) { return 1, 0, nil },
	} {
		if _, err := b.Get("a", make); err == nil || err.Error() != "broken" {
			t.Errorf("got %v", err)
		}
	}
	for range 2 {
		if value, err := b.Get("b", func() (int, int, error) { panic("broke") }); err == nil {
			t.Errorf("got %d and no error after a panic", value)
		}
	}
}
