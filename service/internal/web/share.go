package web

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// question is what measures are asked for. Those who ask within a second of each other's clock mean the same.
type question struct {
	scope  release.Scope
	window time.Duration
	before bool // also those of the window before
	second int64
}

// measured is an answer that several have got. Nobody changes it.
type measured struct {
	release.Measures
	before release.Measures
	encode func() ([]byte, error) // once, for all
}

// flight is one reading of the measures, for all who asked before it began: what was recorded before they asked is in it.
type flight struct {
	now    time.Time // the latest of theirs
	asking int
	done   chan struct{}
	answer *measured
	err    error
}

// sharing is a ledger whose measures are read once for many, and no more of them at a time than leave the processors to
// others: a wall of dashboards is not to keep a release from being recorded. While releases are, readings also rest between each other.
type sharing struct {
	release.Ledger
	timeout time.Duration
	slots   chan struct{}
	writes  atomic.Int64 // that began or ended so far

	mu      sync.Mutex
	waiting map[question]*flight // that have not begun
}

func share(ledger release.Ledger, timeout time.Duration) *sharing {
	return &sharing{
		Ledger: ledger, timeout: timeout,
		slots:   make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		waiting: map[question]*flight{},
	}
}

// A reading that met a write rests restTimes as long as it took, and so takes a third of its processor, but at most mostRest: those who
// wait get the next one, all of them.
const (
	restTimes = 2
	mostRest  = 50 * time.Millisecond
)

// write counts a write from its begin to its end.
func (s *sharing) write() (ended func()) {
	s.writes.Add(1)
	return func() { s.writes.Add(1) }
}

// Record implements release.Ledger.
func (s *sharing) Record(ctx context.Context, d release.Draft, key string) (release.Release, bool, error) {
	defer s.write()()
	return s.Ledger.Record(ctx, d, key)
}

// Move implements release.Ledger.
func (s *sharing) Move(ctx context.Context, id string, m release.Move) (release.Release, bool, error) {
	defer s.write()()
	return s.Ledger.Move(ctx, id, m)
}

// Remove implements release.Ledger.
func (s *sharing) Remove(ctx context.Context, p release.Place, at time.Time, actor string) ([]release.Release, error) {
	defer s.write()()
	return s.Ledger.Remove(ctx, p, at, actor)
}

// Measures implements release.Ledger.
func (s *sharing) Measures(ctx context.Context, scope release.Scope, window time.Duration, now time.Time) (release.Measures, error) {
	m, err := s.measured(ctx, scope, window, now)
	if err != nil {
		return release.Measures{}, err
	}
	return m.Measures, nil
}

// MeasuresAndBefore implements release.Ledger.
func (s *sharing) MeasuresAndBefore(ctx context.Context, scope release.Scope, window time.Duration, now time.Time) (m, before release.Measures, err error) {
	both, err := s.answer(ctx, question{scope: scope, window: window, before: true, second: now.Unix()}, now)
	if err != nil {
		return m, before, err
	}
	return both.Measures, both.before, nil
}

// measured is Measures with what the answer is encoded to.
func (s *sharing) measured(ctx context.Context, scope release.Scope, window time.Duration, now time.Time) (*measured, error) {
	return s.answer(ctx, question{scope: scope, window: window, second: now.Unix()}, now)
}

func (s *sharing) answer(ctx context.Context, q question, now time.Time) (*measured, error) {
	s.mu.Lock()
	f := s.waiting[q]
	if f == nil {
		f = &flight{done: make(chan struct{})}
		s.waiting[q] = f
		go s.fly(context.WithoutCancel(ctx), q, f)
	}
	if now.After(f.now) {
		f.now = now
	}
	f.asking++
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.answer, f.err
	case <-ctx.Done():
		s.mu.Lock()
		f.asking--
		s.mu.Unlock()
		return nil, context.Cause(ctx)
	}
}

// fly reads the measures when it is its turn. It does not end with the request that it began with, which may not be the only one.
func (s *sharing) fly(ctx context.Context, q question, f *flight) {
	s.slots <- struct{}{}
	began, writes := time.Now(), s.writes.Load()
	defer func() {
		if s.writes.Load() != writes {
			time.Sleep(min(restTimes*time.Since(began), mostRest))
		}
		<-s.slots
	}()
	defer close(f.done)
	defer func() {
		// No request's recovery is above this goroutine: it would end the service.
		if v := recover(); v != nil {
			f.err = fmt.Errorf("read the measures: %w\n%s", panicked(v), debug.Stack())
		}
	}()
	s.mu.Lock()
	delete(s.waiting, q)
	now, asking := f.now, f.asking
	s.mu.Unlock()
	if asking == 0 {
		f.err = context.Canceled
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.timeout, errDeadline)
	defer cancel()
	var m, before release.Measures
	var err error
	if q.before {
		m, before, err = s.Ledger.MeasuresAndBefore(ctx, q.scope, q.window, now)
	} else {
		m, err = s.Ledger.Measures(ctx, q.scope, q.window, now)
	}
	if err != nil {
		if f.err = err; errors.Is(context.Cause(ctx), errDeadline) {
			f.err = fmt.Errorf("%w: %w", errDeadline, err) // whose requests end at the same time, or a little later
		}
		return
	}
	f.answer = &measured{m, before, sync.OnceValues(func() ([]byte, error) { return encode(measuresOf(q.scope, m)) })}
}
