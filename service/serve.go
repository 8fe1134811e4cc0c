package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/kgate-dev/gitops/service/internal/access"
	"github.com/kgate-dev/gitops/service/internal/config"
	"github.com/kgate-dev/gitops/service/internal/ledgertelemetry"
	"github.com/kgate-dev/gitops/service/internal/pgxtelemetry"
	"github.com/kgate-dev/gitops/service/internal/postgres"
	"github.com/kgate-dev/gitops/service/internal/release"
	"github.com/kgate-dev/gitops/service/internal/telemetry"
	"github.com/kgate-dev/gitops/service/internal/web"
)

const (
	// linger is how long requests are still taken after the pod has said that it is not ready: endpoints and
	// sidecars learn of it one by one. The Deployment's grace period has these seconds to spare.
	linger = 4 * time.Second
	// keysKept is how long a repeat of a request is known for one.
	keysKept = 7 * 24 * time.Hour
	// accessEvery is how long a token that is taken out of the access file may still be accepted.
	accessEvery = 5 * time.Second
	// garbagePercent is GOGC where the environment has none: the heap is a few megabytes, and with Go's own 100 a sixth of a page's cost
	// is to look through it. GOMEMLIMIT is what bounds it.
	garbagePercent = 200
)

// serve runs the service until ctx ends, and then ends it in order: not ready, requests finished, pool closed,
// telemetry flushed.
func serve(ctx context.Context, c *config.Config, stdout io.Writer) (err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	t, err := telemetry.Setup(ctx, telemetry.Options{
		App: c.App, Pod: c.Pod, OTLP: c.OTLP, Level: c.Log.Level, Version: version, Revision: revision(), Stdout: stdout,
	})
	if err != nil {
		return err
	}
	t.HandleErrors()
	defer func() {
		// The caller's context has ended by now.
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.OTLP.ShutdownTimeout)
		defer cancel()
		if lost := t.Shutdown(flush); lost != nil {
			// Telemetry that nobody took is no failure of the service.
			t.Logger.Warn("telemetry was not flushed", "error", lost)
		}
	}()

	tracer, err := pgxtelemetry.New(t.TracerProvider, t.MeterProvider, c.Database.URL.Reveal())
	if err != nil {
		return err
	}
	store, err := openStore(ctx, c, tracer)
	if err != nil {
		return err
	}
	defer store.Close()
	pool, err := tracer.Observe(store.Pool())
	if err != nil {
		return err
	}
	defer func() { _ = pool.Unregister() }()
	tokens := make([]string, len(c.API.Tokens))
	for i, token := range c.API.Tokens {
		tokens[i] = token.Reveal()
	}
	keeper, err := access.New(access.Options{File: c.API.AccessFile, Tokens: tokens, Instrument: t.Transport})
	if err != nil {
		return err
	}
	if len(tokens) > 0 {
		t.Logger.Info("tokens of API_TOKENS or api.tokens_file may do everything and have no names; api.access_file gives each a name, a scope and an end", "count", len(tokens))
	}
	api, err := web.New(web.Options{
		Ledger: counted{ledgertelemetry.Traced(store, t.TracerProvider), t}, Access: keeper, ReadsNeedToken: c.API.ReadsNeedToken, TrustedProxies: c.Server.TrustedProxies,
		RetentionDays:  c.Ledger.RetentionDays,
		Promotion:      c.Ledger.Promotion,
		Links:          c.Links,
		MaxConcurrency: c.Server.MaxConcurrency, RequestTimeout: c.Server.RequestTimeout,
		Logger: t.Logger, TracerProvider: t.TracerProvider, MeterProvider: t.MeterProvider, Propagator: t.Propagator,
	})
	if err != nil {
		return err
	}

	metrics, err := ledgertelemetry.New(ledgertelemetry.Options{
		Ledger: store, Production: c.Ledger.Production, Interval: c.Ledger.MetricsInterval, Meter: t.MeterProvider, Logger: t.Logger,
		Steps: func(running []release.Running) []release.Step {
			return release.Steps(running, c.Ledger.Promotion)
		},
	})
	if err != nil {
		return err
	}

	// What runs beside the requests ends before the pool is closed.
	beside, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group sync.WaitGroup
	defer group.Wait()
	defer stop()
	group.Go(func() {
		keepMigrated(beside, store, t.Logger)
		metrics.Run(beside)
	})
	group.Go(func() { tidy(beside, store, c.Ledger, t.Logger) })
	group.Go(func() { keepAccess(beside, keeper, t.Logger) })

	public, err := listen(c.Server.Port, api, c, t.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, public.end()) }()
	internal, err := listen(c.Server.MetricsPort, metricsHandler(c, t), c, t.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, internal.end()) }()
	t.Logger.Info("serving", "version", cmp.Or(c.App.Version, version), "build", describeBuild(), "port", c.Server.Port, "metrics_port", c.Server.MetricsPort)

	select {
	case <-ctx.Done():
	case err := <-public.failed:
		return err
	case err := <-internal.failed:
		return err
	}
	t.Logger.Info("ending", "reason", context.Cause(ctx).Error())
	api.Drain()
	if c.Pod.Name != "" {
		pause(beside, linger)
	}
	drain, cancel := context.WithTimeout(beside, c.Server.DrainTimeout)
	defer cancel()
	if err := public.Shutdown(drain); err != nil {
		return fmt.Errorf("requests were cut after %v: %w", c.Server.DrainTimeout, err)
	}
	return nil
}

// migrate is for a job that runs ahead of a deployment; serve migrates by itself.
func migrate(ctx context.Context, c *config.Config, stdout io.Writer) error {
	t, err := telemetry.Setup(ctx, telemetry.Options{App: c.App, Pod: c.Pod, OTLP: config.OTLP{Disabled: true}, Level: c.Log.Level, Stdout: stdout})
	if err != nil {
		return err
	}
	tracer, err := pgxtelemetry.New(t.TracerProvider, t.MeterProvider, c.Database.URL.Reveal())
	if err != nil {
		return err
	}
	store, err := openStore(ctx, c, tracer)
	if err != nil {
		return err
	}
	defer store.Close()
	return store.Migrate(ctx)
}

func openStore(ctx context.Context, c *config.Config, tracer *pgxtelemetry.Tracer) (*postgres.Store, error) {
	return postgres.Open(ctx, postgres.Options{
		URL: c.Database.URL.Reveal(), MaxConns: int32(c.Database.MaxConns), IdleConns: int32(c.Database.MaxIdleConns),
		ConnLifetime: c.Database.ConnMaxLifetime, Production: c.Ledger.Production,
		Tracer: tracer,
	})
}

// keepMigrated migrates as soon as there is a database. Until then the service is alive and not ready.
func keepMigrated(ctx context.Context, store *postgres.Store, log *slog.Logger) {
	wait := 250 * time.Millisecond
	var said repeats
	for {
		err := store.Migrate(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if said.worthALine(err, time.Now()) {
			log.Warn("the database is not migrated yet", "error", err, "retry_in", wait.String())
		}
		if !pause(ctx, wait) {
			return
		}
		wait = min(2*wait, 10*time.Second)
	}
}

// tidy does what time brings with it, every minute or hour. Replicas do it side by side: what one has done, the others
// find done.
func tidy(ctx context.Context, store *postgres.Store, c config.Ledger, log *slog.Logger) {
	report := func(what string, n int64, err error) {
		switch {
		case ctx.Err() != nil:
		case err != nil:
			log.Warn("not done: "+what, "error", err)
		case n > 0:
			log.Info(what, "count", n)
		}
	}
	// Soon after the start, since without days that are measured already every measure reads releases.
	for minute, wait := 0, 5*time.Second; pause(ctx, wait); minute, wait = minute+1, time.Minute {
		n, err := store.CloseDays(ctx, time.Now())
		if n < 10 {
			n = 0 // every midnight brings some
		}
		report("days measured", n, err)
		n, err = store.TimeOut(ctx, time.Now().Add(-c.StartTimeout))
		report("releases given up that nobody has told the end of", n, err)
		if minute%60 != 1 {
			continue
		}
		n, err = store.ForgetKeys(ctx, time.Now().Add(-keysKept))
		report("idempotency keys forgotten", n, err)
		if c.RetentionDays > 0 {
			n, err = store.Forget(ctx, time.Now().AddDate(0, 0, -c.RetentionDays))
			report("releases forgotten that are older than ledger.retention_days", n, err)
		}
	}
}

// keepAccess takes what changes in the access file. It looks at the content: a mounted Secret changes by links, which
// not every watch sees.
func keepAccess(ctx context.Context, keeper *access.Keeper, log *slog.Logger) {
	var said repeats
	for pause(ctx, accessEvery) {
		switch changed, err := keeper.Reload(); {
		case err != nil && !said.worthALine(err, time.Now()):
		case err != nil:
			log.Error("the access file is not taken; what it said before holds on", "error", err)
		case changed:
			log.Info("the access file has changed and is taken")
		}
	}
}

// repeatedEvery is how often an error that stays the same is said again.
const repeatedEvery = time.Minute

// repeats tells which errors of what is tried again and again are worth a line of the log.
type repeats struct {
	last string
	said time.Time
}

// worthALine reports whether err is another one than the last, or was said a while ago.
func (r *repeats) worthALine(err error, now time.Time) bool {
	if err.Error() == r.last && now.Sub(r.said) < repeatedEvery {
		return false
	}
	r.last, r.said = err.Error(), now
	return true
}

// pause waits, and reports whether it was allowed to until the end.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func metricsHandler(c *config.Config, t *telemetry.Telemetry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", t.MetricsHandler())
	if c.Server.Profiling {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// server is an http.Server with the error that ended it.
type server struct {
	*http.Server
	failed chan error
}

// listen fails at once when the port is taken.
func listen(port int, handler http.Handler, c *config.Config, log *slog.Logger) (*server, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort("", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	s := &server{failed: make(chan error, 1), Server: &http.Server{
		Handler: handler, ReadTimeout: c.Server.ReadTimeout, ReadHeaderTimeout: min(c.Server.ReadTimeout, 5*time.Second),
		WriteTimeout: c.Server.WriteTimeout, IdleTimeout: c.Server.IdleTimeout, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	go func() {
		if err := s.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return s, nil
}

// end closes what Shutdown has not.
func (s *server) end() error { return s.Close() }

// counted is a ledger that counts the outcomes that it records, a late one as what it is and not as what came after it. A
// repeated delivery is not counted again.
type counted struct {
	release.Ledger
	telemetry *telemetry.Telemetry
}

func (c counted) Move(ctx context.Context, id string, m release.Move) (release.Release, bool, error) {
	r, repeated, err := c.Ledger.Move(ctx, id, m)
	if err == nil && !repeated {
		c.telemetry.ReleaseRecorded(ctx, r.Environment, string(m.Outcome))
	}
	return r, repeated, err
}

func (c counted) Remove(ctx context.Context, p release.Place, at time.Time, actor string) ([]release.Release, error) {
	removed, err := c.Ledger.Remove(ctx, p, at, actor)
	for _, r := range removed {
		c.telemetry.ReleaseRecorded(ctx, r.Environment, string(r.Outcome))
	}
	return removed, err
}

func (c counted) Record(ctx context.Context, d release.Draft, key string) (release.Release, bool, error) {
	r, repeated, err := c.Ledger.Record(ctx, d, key)
	if err == nil && !repeated {
		c.telemetry.ReleaseRecorded(ctx, r.Environment, string(d.Outcome))
	}
	return r, repeated, err
}
