package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs gather on a clock of its own.
func bubble(t *testing.T, test func(t *testing.T, changes chan<- change, batches <-chan Batch)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		changes, batches := make(chan change), make(chan Batch)
		go gather(ctx, changes, batches)
		test(t, changes, batches)
		cancel()
		for range batches {
		}
	})
}

func expect(t *testing.T, batches <-chan Batch, paths ...string) {
	t.Helper()
	if got := <-batches; !slices.Equal(got.Paths, paths) || got.All || got.Err != nil {
		t.Errorf("got %+v, want the paths %v", got, paths)
	}
}

func TestABurstIsOneBatch(t *testing.T) {
	bubble(t, func(t *testing.T, changes chan<- change, batches <-chan Batch) {
		began := time.Now()
		for _, path := range []string{"b", "a", "b"} {
			changes <- change{path: path}
			time.Sleep(quiet - time.Millisecond)
		}
		expect(t, batches, "a", "b")
		if took := time.Since(began); took != 3*quiet-2*time.Millisecond {
			t.Errorf("the batch came after %v", took)
		}
		changes <- change{path: "c"}
		expect(t, batches, "c")
	})
}

// Whoever writes without end must not keep the others from being heard.
func TestABatchDoesNotWaitForEver(t *testing.T) {
	bubble(t, func(t *testing.T, changes chan<- change, batches <-chan Batch) {
		began := time.Now()
		written := make(chan bool)
		go func() {
			defer close(written)
			for i := range 40 {
				changes <- change{path: fmt.Sprintf("%02d", i)}
				time.Sleep(10 * time.Millisecond)
			}
		}()
		first := <-batches
		if took := time.Since(began); took != most {
			t.Errorf("the first batch came after %v, not %v", took, most)
		}
		second := <-batches
		<-written
		all := append(first.Paths, second.Paths...)
		for i := range 40 {
			if !slices.Contains(all, fmt.Sprintf("%02d", i)) {
				t.Errorf("change %d is lost", i)
			}
		}
	})
}

// What comes while a check runs is in the next batch, the last change included.
func TestNothingIsLostWhileNobodyTakes(t *testing.T) {
	bubble(t, func(t *testing.T, changes chan<- change, batches <-chan Batch) {
		for _, path := range []string{"a", "b"} {
			changes <- change{path: path}
			time.Sleep(time.Hour)
		}
		changes <- change{lost: true}
		changes <- change{path: "c"}
		if got := <-batches; !slices.Equal(got.Paths, []string{"a", "b", "c"}) || !got.All {
			t.Errorf("got %+v", got)
		}
		changes <- change{path: "d"}
		expect(t, batches, "d")
	})
}

func TestAnErrorEndsWatching(t *testing.T) {
	bubble(t, func(t *testing.T, changes chan<- change, batches <-chan Batch) {
		broken := errors.New("broken")
		changes <- change{path: "a"}
		changes <- change{err: broken}
		if got := <-batches; got.Err != broken {
			t.Errorf("got %+v", got)
		}
		if got, open := <-batches; open {
			t.Errorf("then came %+v", got)
		}
	})
}
