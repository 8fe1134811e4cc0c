// Package postgres keeps the ledger of package release in PostgreSQL, through a pgx pool.
package postgres

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// Options say how to reach the database and how to behave towards it. Zero values are the defaults named.
type Options struct {
	URL string // required; holds the password, and appears in no error

	MaxConns       int32         // default: pgxpool's
	IdleConns      int32         // kept open while idle; what is idle beyond them is closed after a minute
	ConnLifetime   time.Duration // default: pgxpool's, an hour
	ConnectTimeout time.Duration // default 5 s

	// StatementTimeout ends a statement on the server, where the deadline of a request may come too late: default
	// 10 s. Half of it bounds the wait for a lock.
	StatementTimeout time.Duration

	// Production is the environments whose deployments Measures measures, by name or glob (prod-*). Default "prod".
	Production []string

	Tracer pgx.QueryTracer // none by default
	// Configure may change the pool's configuration after everything above is in it.
	Configure func(*pgxpool.Config) error

	Now func() time.Time // default time.Now
}

// Store is a release.Ledger in PostgreSQL, safe for concurrent use.
type Store struct {
	pool       *pgxpool.Pool
	reads      chan struct{} // as many as may read at once
	production []string
	now        func() time.Time
	full       atomic.Bool // the last write that was to grow the ledger found no space left
}

var _ release.Ledger = (*Store)(nil)

// Open returns a store. It waits for no database: the pool connects when a connection is needed, so that a service
// can start without one and say that it is not ready. Close it.
func Open(ctx context.Context, o Options) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	if o.MaxConns > 0 {
		cfg.MaxConns = o.MaxConns
	}
	cfg.MinIdleConns = min(o.IdleConns, cfg.MaxConns)
	cfg.MaxConnIdleTime = time.Minute
	if o.ConnLifetime > 0 {
		cfg.MaxConnLifetime = o.ConnLifetime
	}
	// Replicas that started together would otherwise all reconnect together.
	cfg.MaxConnLifetimeJitter = cfg.MaxConnLifetime / 10
	cfg.ConnConfig.ConnectTimeout = orElse(o.ConnectTimeout, 5*time.Second)
	cfg.ConnConfig.Tracer = o.Tracer

	timeout := orElse(o.StatementTimeout, 10*time.Second)
	for name, value := range map[string]string{
		"application_name":                    "go-otlp-app",
		"timezone":                            "UTC",
		"jit":                                 "off",                // it takes longer to compile any of the statements than to run it
		"plan_cache_mode":                     "force_generic_plan", // to plan what measures takes longer than to run it; TestPlans looks at the plans
		"default_transaction_isolation":       "read committed",     // who has waited for a lock sees what was done under it
		"statement_timeout":                   milliseconds(timeout),
		"lock_timeout":                        milliseconds(timeout / 2),
		"idle_in_transaction_session_timeout": milliseconds(timeout),
	} {
		if _, said := cfg.ConnConfig.RuntimeParams[name]; !said {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	if o.Configure != nil {
		if err := o.Configure(cfg); err != nil {
			return nil, fmt.Errorf("open the ledger: %w", err)
		}
	}
	if len(o.Production) == 0 {
		o.Production = []string{"prod"}
	}
	for _, glob := range o.Production {
		if _, err := path.Match(glob, ""); err != nil || glob == "" {
			return nil, fmt.Errorf("open the ledger: %q is no name of an environment, nor a glob", glob)
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	return &Store{
		pool: pool,
		// A fifth of the connections is kept for writes.
		reads:      make(chan struct{}, max(1, cfg.MaxConns-max(1, cfg.MaxConns/5))),
		production: o.Production,
		now:        clock(o.Now),
	}, nil
}

// Close waits for the connections in use and closes the pool.
func (s *Store) Close() { s.pool.Close() }

// Pool is for what measures the pool.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

func orElse[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// clock gives times as the database keeps them.
func clock(now func() time.Time) func() time.Time {
	if now == nil {
		now = time.Now
	}
	return func() time.Time { return now().UTC().Truncate(time.Microsecond) }
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }
