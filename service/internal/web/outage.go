package web

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// outageEvery is how often an outage that lasts is said again.
const outageEvery = time.Minute

// outages writes of what makes the ledger unavailable: the first error of a cause at once, then one a minute with how many
// it stands for. A service whose database is away would otherwise write as many errors as it gets requests.
type outages struct {
	log *slog.Logger
	now func() time.Time

	mu     sync.Mutex
	causes map[release.Cause]*outage
}

type outage struct {
	since, said time.Time
	failed      int // requests since it began
	kept        int // of those, since it was said last
}

func newOutages(log *slog.Logger, now func() time.Time) *outages {
	return &outages{log: log, now: now, causes: map[release.Cause]*outage{}}
}

// failed takes note of a request, or a probe, that err ended.
func (o *outages) failed(ctx context.Context, err error) {
	cause, now := release.CauseOf(err), o.now()
	o.mu.Lock()
	known := o.causes[cause]
	switch {
	case known == nil:
		known = &outage{since: now}
		o.causes[cause] = known
	case now.Sub(known.said) < outageEvery:
		known.failed++
		known.kept++
		o.mu.Unlock()
		return
	}
	kept := known.kept
	known.said, known.kept = now, 0
	known.failed++
	since := known.since
	o.mu.Unlock()
	o.log.LogAttrs(ctx, slog.LevelError, "the ledger is unavailable", slog.String("cause", string(cause)), slog.Any("error", err),
		slog.Duration("for", now.Sub(since)), slog.Int("kept_back_since_last_line", kept))
}

// over says, once, that what kept the ledger from serving anybody has ended. Locks and contention are of single requests, of
// which a ledger that answers others tells nothing: those are forgotten when nobody has met them for a while.
func (o *outages) over(ctx context.Context) {
	now := o.now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for cause, known := range o.causes {
		single := cause == release.LockTimeout || cause == release.Contended || cause == release.Timeout
		if single && now.Sub(known.said) < outageEvery {
			continue
		}
		delete(o.causes, cause)
		o.log.LogAttrs(ctx, slog.LevelInfo, "the ledger is available again", slog.String("cause", string(cause)),
			slog.Duration("after", now.Sub(known.since)), slog.Int("failed", known.failed))
	}
}
