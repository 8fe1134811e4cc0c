package gate

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kgate-dev/gitops/tools/internal/activity"
)

// Limits are how long a run may take and how many bytes of memory it may fill, 0 for any. What a stranger writes may be
// made to cost any amount of either; the limits on what is read hold most of that off, and these the rest.
type Limits struct {
	Timeout time.Duration
	Memory  int64
}

var (
	errTimeout     = errors.New("timeout")
	errMemory      = errors.New("memory")
	errInterrupted = errors.New("interrupted")
)

// Within runs work and returns what it returns, or gives up on it: when the time or the memory is used up, or when ctx
// ends. Work should heed the context that it is given; some of it, such as one entry that Kustomize applies, cannot, and
// goes on until the process ends, which is what is left to do after an error of Within. So work writes to nothing that
// others read before it has returned.
func (l Limits) Within(ctx context.Context, work func(context.Context) error) error {
	if l.Timeout < 0 {
		return fmt.Errorf("--timeout %s: it is a time like 90s or 10m, or 0 for no limit", l.Timeout)
	}
	log := &activity.Log{}
	bounded, cancel := context.WithCancelCause(activity.With(context.WithoutCancel(ctx), log))
	defer cancel(nil)
	var during atomic.Pointer[string] // what was under way when the run was given up, before anything of it knows
	giveUp := func(cause error) {
		said := log.String()
		if said != "" {
			said = " while " + said
		}
		during.CompareAndSwap(nil, &said)
		cancel(cause)
	}
	defer context.AfterFunc(ctx, func() { giveUp(errInterrupted) })()
	if l.Timeout > 0 {
		timer := time.AfterFunc(l.Timeout, func() { giveUp(errTimeout) })
		defer timer.Stop()
	}
	go watchMemory(bounded, l.Memory, func() { giveUp(errMemory) })
	done := make(chan error, 1)
	go func() { done <- work(bounded) }()
	select {
	case err := <-done:
		if err == nil || bounded.Err() == nil {
			return err
		}
	case <-bounded.Done():
	}
	switch cause := context.Cause(bounded); {
	case errors.Is(cause, errTimeout):
		return fmt.Errorf("gave up after %s%s: --timeout raises the limit", l.Timeout, *during.Load())
	case errors.Is(cause, errMemory):
		return fmt.Errorf("gave up at %s of memory%s: --memory raises the limit", resource.NewQuantity(l.Memory, resource.BinarySI), *during.Load())
	}
	return fmt.Errorf("%w%s", errInterrupted, *during.Load())
}

// How much garbage there may be, in percent of what is live. A run lives for about a second, and to collect garbage at the
// usual hundred costs a fifth of it. What fills more memory pays with time instead. debug.SetMemoryLimit is no help: as
// soon as that much is live, the collector works without a pause.
const (
	relaxedPercent = 200
	thriftyPercent = 50
	relaxedHeap    = 120 << 20 // live and garbage together; a run of this repository has 60 MB that live, and with 150 here took a thirtieth less time for 27 MB more
)

// garbage is how much there may be beside so many live bytes, in percent of these: what fills relaxedHeap, in steps of ten.
func garbage(live uint64) int {
	if live == 0 {
		return relaxedPercent
	}
	room := max(relaxedHeap, live) - live
	return int(min(max(room*10/live*10, thriftyPercent), relaxedPercent))
}

// RelaxCollector sets the collector of garbage for a process that is there for one run.
func RelaxCollector() { debug.SetGCPercent(relaxedPercent) }

// watchMemory calls full once the heap has more than limit bytes, 0 for never, and makes the collector thriftier before
// that. It returns when ctx ends.
func watchMemory(ctx context.Context, limit int64, full func()) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	percent := relaxedPercent
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		metrics.Read(samples)
		live, filled := samples[0].Value.Uint64(), samples[1].Value.Uint64()
		wanted := garbage(live)
		if limit > 0 && live > uint64(limit)/4 {
			wanted = thriftyPercent // what is full of garbage is not full
		}
		if wanted != percent {
			percent = wanted
			debug.SetGCPercent(percent)
		}
		if limit > 0 && filled > uint64(limit) {
			full()
			return
		}
	}
}
