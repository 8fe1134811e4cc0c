package web

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// slowMeasures takes a second for each reading and counts them.
type slowMeasures struct {
	release.Ledger
	mu     sync.Mutex
	began  []time.Time // by the clock
	ending []time.Time // of the windows
}

func (l *slowMeasures) Measures(ctx context.Context, _ release.Scope, window time.Duration, now time.Time) (release.Measures, error) {
	l.mu.Lock()
	l.began, l.ending = append(l.began, time.Now()), append(l.ending, now)
	l.mu.Unlock()
	select {
	case <-ctx.Done():
		return release.Measures{}, ctx.Err()
	case <-time.After(time.Second):
		return release.Measures{Window: window}, nil
	}
}

// Nobody gets measures whose reading began before the question: what was recorded until then is in them.
func TestMeasuresAreReadOnceForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &slowMeasures{}
		s := share(ledger, time.Minute)
		s.slots = make(chan struct{}, 1)
		now := time.Now()
		var group sync.WaitGroup
		ask := func(n int, window time.Duration) {
			for i := range n {
				group.Go(func() {
					asked := time.Now()
					m, err := s.Measures(t.Context(), release.Scope{}, window, now.Add(time.Duration(i)))
					if err != nil || m.Window != window {
						t.Errorf("got %+v, %v", m, err)
					}
					if took := time.Since(asked); took < time.Second {
						t.Errorf("answered after %s, by a reading that had begun", took)
					}
				})
			}
		}
		ask(1, 24*time.Hour)
		synctest.Wait()
		time.Sleep(500 * time.Millisecond) // of the clock of the test
		ask(50, 24*time.Hour)
		ask(1, 48*time.Hour)
		group.Wait()
		if len(ledger.began) != 3 {
			t.Fatalf("%d readings, want 3: one, one for fifty, and one of another window", len(ledger.began))
		}
		for _, end := range ledger.ending[1:] {
			if end.After(now.Add(49)) || end.Before(now) {
				t.Errorf("a window ends at %s", end)
			}
		}
	})
}

// Record implements release.Ledger.
func (l *slowMeasures) Record(context.Context, release.Draft, string) (r release.Release, repeated bool, err error) {
	return r, false, nil
}

// Readings follow each other without a pause, but for those beside which a release was recorded.
func TestMeasuresRestBesideWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &slowMeasures{}
		s := share(ledger, time.Minute)
		s.slots = make(chan struct{}, 1)
		begin := time.Now()
		var group sync.WaitGroup
		for i := range 4 {
			group.Go(func() {
				if _, err := s.Measures(t.Context(), release.Scope{}, time.Duration(i+1)*24*time.Hour, begin); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(1500 * time.Millisecond) // of the clock of the test: amid the second
		if _, _, err := s.Record(t.Context(), release.Draft{}, ""); err != nil {
			t.Error(err)
		}
		group.Wait()
		want := []time.Duration{0, time.Second, 2*time.Second + mostRest, 3*time.Second + mostRest}
		for i, began := range ledger.began {
			if got := began.Sub(begin); got != want[i] {
				t.Errorf("reading %d began after %s, want %s", i, got, want[i])
			}
		}
	})
}

// Who goes away takes nobody along, and what nobody waits for is not read.
func TestWhoGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := &slowMeasures{}
		s := share(ledger, time.Minute)
		s.slots = make(chan struct{}, 1)
		now := time.Now()
		gone, leave := context.WithCancel(t.Context())
		var group sync.WaitGroup
		ask := func(ctx context.Context, window time.Duration, fails bool) {
			group.Go(func() {
				if _, err := s.Measures(ctx, release.Scope{}, window, now); (err != nil) != fails {
					t.Errorf("%s: got %v", window, err)
				}
			})
			synctest.Wait()
		}
		ask(gone, 24*time.Hour, true)
		ask(gone, 48*time.Hour, true)
		ask(t.Context(), 48*time.Hour, false)
		ask(gone, 72*time.Hour, true)
		leave()
		group.Wait()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if len(ledger.began) != 2 {
			t.Errorf("%d readings, want that which had begun and that which somebody waits for", len(ledger.began))
		}
	})
}

// The reading's time is that of the request which it began with: whichever of the two ends first, the client is told the same.
func TestMeasuresThatTakeTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := share(&slowMeasures{}, 500*time.Millisecond)
		_, err := s.Measures(t.Context(), release.Scope{}, 24*time.Hour, time.Now())
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/dora", nil)
		if p := problemOf(r, err); p.Status != http.StatusGatewayTimeout {
			t.Errorf("%v is told as %d", err, p.Status)
		}
	})
}

// brokenMeasures panics at the first reading.
type brokenMeasures struct {
	release.Ledger
	readings int
}

func (l *brokenMeasures) Measures(_ context.Context, _ release.Scope, window time.Duration, _ time.Time) (release.Measures, error) {
	if l.readings++; l.readings == 1 {
		panic("secret-1")
	}
	return release.Measures{Window: window}, nil
}

// A reading that panics is an error of those who wait for it, as a handler's panic is one of its request, and the next is read.
func TestMeasuresThatPanic(t *testing.T) {
	var log bytes.Buffer
	a := newAPI(t, Options{Ledger: &brokenMeasures{}, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	a.ledger.slots = make(chan struct{}, 1)
	w := get(t, a, "/v1/dora")
	readProblem(t, w, http.StatusInternalServerError)
	if strings.Contains(w.Body.String(), "secret") {
		t.Errorf("the answer tells too much: %s", w.Body)
	}
	for _, want := range []string{"secret-1", "share_test.go"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
	if w := get(t, a, "/v1/dora"); w.Code != http.StatusOK {
		t.Errorf("the next reading: got %d: %s", w.Code, w.Body)
	}
}
