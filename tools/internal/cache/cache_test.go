package cache_test

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/cache"
)

func TestEachValueIsMadeOnce(t *testing.T) {
	var c cache.Cache[string, int]
	var made atomic.Int32
	var group sync.WaitGroup
	for range 50 {
		for key, want := range map[string]int{"a": 1, "b": 2} {
			group.Go(func() {
				got, err := c.Get(key, func() (int, error) {
					made.Add(1)
					return want, nil
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

func TestAnErrorIsKeptToo(t *testing.T) {
	var c cache.Cache[int, string]
	broken := errors.New("broken")
	for range 2 {
		if _, err := c.Get(1, func() (string, error) { defer func() { broken = errors.New("asked again") }(); return "", broken }); err == nil || err.Error() != "broken" {
			t.Fatal(err)
		}
	}
}

// A value may be made of other values of the same cache.
func TestMakingMayAsk(t *testing.T) {
	var c cache.Cache[int, int]
	var sum func(int) (int, error)
	sum = func(n int) (int, error) {
		return c.Get(n, func() (int, error) {
			if n == 0 {
				return 0, nil
			}
			below, err := sum(n - 1)
			return below + n, err
		})
	}
	if got, err := sum(100); err != nil || got != 5050 {
		t.Errorf("got %d, %v", got, err)
	}
}

func TestSweepKeepsWhatTheLastRunAskedFor(t *testing.T) {
	var c cache.Cache[string, int]
	var made []string
	run := func(keys ...string) {
		made = nil
		for _, key := range keys {
			_, _ = c.Get(key, func() (int, error) {
				made = append(made, key)
				if key == "broken" {
					return 0, errors.New(key)
				}
				return len(key), nil
			})
		}
		c.Sweep()
	}
	for _, step := range []struct{ ask, want []string }{
		{[]string{"a", "b", "broken"}, []string{"a", "b", "broken"}},
		{[]string{"a", "broken"}, []string{"broken"}}, // an error is asked anew
		{[]string{"a", "b"}, []string{"b"}},           // nobody asked for b in the run before
		{[]string{"a", "b"}, nil},
	} {
		if run(step.ask...); !slices.Equal(made, step.want) {
			t.Errorf("asked for %v: made %v, want %v", step.ask, made, step.want)
		}
	}
}
