package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// failing is a ledger that fails at everything, as long as err is not nil.
type failing struct {
	release.Ledger
	err error
}

func (f *failing) Ping(context.Context) error { return f.err }
func (f *failing) Release(context.Context, string) (release.Release, error) {
	return release.Release{}, f.err
}

// An outage is one error and one line of its end, however many requests meet it, and each is told why it failed.
func TestOutage(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	ledger := &failing{}
	a := newAPI(t, Options{Ledger: ledger, Logger: slog.New(slog.NewTextHandler(&out, nil)), Now: func() time.Time { return now }})
	ask := func(path, says string) {
		t.Helper()
		w := get(t, a, path)
		if p := readProblem(t, w, http.StatusServiceUnavailable); !strings.Contains(p.Detail, says) || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: got %q, want %q", path, p.Detail, says)
		}
	}
	lines := func(text string) (found []string) {
		for line := range strings.Lines(out.String()) {
			if strings.Contains(line, text) && len(found) < 10 {
				found = append(found, line)
			}
		}
		return found
	}
	down := func(cause release.Cause) error {
		return fmt.Errorf("it: %w", &release.Unavailable{Cause: cause, Err: errors.New("secret detail")})
	}

	ledger.err = down(release.Unreachable)
	for range 500 {
		ask("/v1/releases/x", "cannot be reached")
		ask("/readyz", "cannot be reached")
	}
	if got := lines("level=ERROR"); len(got) != 1 || !strings.Contains(got[0], `cause=unreachable error="it: unavailable (unreachable): secret detail" for=0s kept_back_since_last_line=0`) {
		t.Fatalf("got %q", got)
	}
	now = now.Add(outageEvery)
	ask("/v1/releases/x", "cannot be reached")
	if got := lines("level=ERROR"); len(got) != 2 || !strings.Contains(got[1], "for=1m0s kept_back_since_last_line=999") {
		t.Fatalf("got %q", got)
	}
	// Another cause is news.
	ledger.err = down(release.ReadOnly)
	ask("/readyz", "read-only")
	if got := lines("level=ERROR"); len(got) != 3 || !strings.Contains(got[2], "cause=read_only") {
		t.Fatalf("got %q", got)
	}
	ledger.err = nil
	for range 3 {
		if w := get(t, a, "/readyz"); w.Code != http.StatusOK {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
	}
	got := lines("available again")
	if len(got) != 2 || !strings.Contains(strings.Join(got, ""), "cause=unreachable after=1m0s failed=1001") {
		t.Errorf("got %q", got)
	}
	// And what comes later is an outage of its own.
	ledger.err = down(release.Unreachable)
	ask("/readyz", "cannot be reached")
	if got := lines("level=ERROR"); len(got) != 4 {
		t.Errorf("got %q", got)
	}
}

// A lock that one request waited for in vain ends by no probe's success: a line a minute is enough of it.
func TestLockTimeoutsAreFewLines(t *testing.T) {
	var out bytes.Buffer
	now := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	o := newOutages(slog.New(slog.NewTextHandler(&out, nil)), func() time.Time { return now })
	err := &release.Unavailable{Cause: release.LockTimeout, Err: errors.New("x")}
	for range 30 {
		o.failed(t.Context(), err)
		o.over(t.Context())
		now = now.Add(time.Second)
	}
	if got := strings.Count(out.String(), "\n"); got != 1 {
		t.Errorf("got %d lines:\n%s", got, out.String())
	}
	now = now.Add(outageEvery)
	o.over(t.Context())
	if !strings.Contains(out.String(), "available again") || len(o.causes) != 0 {
		t.Errorf("got %s, %d are remembered", out.String(), len(o.causes))
	}
}

// No two causes read alike to a client.
func TestCausesAreToldApart(t *testing.T) {
	said := map[string]release.Cause{}
	for _, cause := range []release.Cause{
		release.Unreachable, release.Starting, release.ReadOnly, release.StorageFull, release.TooManyConnections, release.LockTimeout,
		release.Timeout, release.Unmigrated, release.Contended, release.Failing,
	} {
		text := sayUnavailable(cause)
		if other, twice := said[text]; twice || text == "" {
			t.Errorf("%s and %s both say %q", cause, other, text)
		}
		said[text] = cause
	}
}
