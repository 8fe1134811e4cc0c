package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
)

// TestWalkUnderInserts writes before, among and after what a walk has seen: it gives all that was there exactly once.
func TestWalkUnderInserts(t *testing.T) {
	s := migrated(t)
	there := make(map[string]int)
	for i := range 60 {
		// Several start at the same moment, so that the id decides.
		d := draft("api", time.Duration(i/3+1)*time.Hour)
		d.Version = fmt.Sprint("old-", i)
		there[recorded(t, s, d).ID] = 0
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var written atomic.Int64
	for w := range 3 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(w)))
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				d := draft("api", time.Duration(random.Int64N(int64(25*time.Hour)))+2*time.Minute)
				d.Version = fmt.Sprintf("new-%d-%d", w, i)
				if _, _, err := s.Record(t.Context(), d, ""); err != nil {
					t.Error(err)
					return
				}
				written.Add(1)
			}
		})
	}
	var previous release.Release
	for i, r := range walk(t, s, release.Filter{Service: "api", Limit: 10}, func() {
		// One of them writes at random; this one is sure to come between two pages.
		d := draft("api", time.Minute+time.Duration(written.Add(1))*time.Millisecond)
		d.Version = "between"
		recorded(t, s, d)
	}) {
		if n, ok := there[r.ID]; ok {
			there[r.ID] = n + 1
		}
		if i > 0 && (r.StartedAt.After(*previous.StartedAt) || r.StartedAt.Equal(*previous.StartedAt) && r.ID >= previous.ID) {
			t.Errorf("%s comes after %s", text(r), text(previous))
		}
		previous = r
	}
	close(stop)
	wg.Wait()
	for id, n := range there {
		if n != 1 {
			t.Errorf("release %s came %d times", id, n)
		}
	}
	if written.Load() < 5 { // one between every two pages, whatever the others came to
		t.Errorf("only %d releases were written meanwhile", written.Load())
	}
}

// race runs n of f at once.
func race(n int, f func(i int)) {
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-gate
			f(i)
		})
	}
	close(gate)
	wg.Wait()
}

func TestSameKeyAtOnceGivesOneRelease(t *testing.T) {
	s := migrated(t)
	for round := range 5 {
		d := draft("api", time.Duration(round+1)*time.Hour)
		var first atomic.Int64
		var ids sync.Map
		race(30, func(int) {
			r, repeated, err := s.Record(t.Context(), d, fmt.Sprint("key-", round))
			if err != nil {
				t.Error(err)
				return
			}
			ids.Store(r.ID, true)
			if !repeated {
				first.Add(1)
			}
		})
		if n := length(&ids); n != 1 || first.Load() != 1 {
			t.Errorf("round %d: %d ids, %d of them first", round, n, first.Load())
		}
	}
	if n := count(t, s, "SELECT count(*) FROM releases"); n != 5 {
		t.Errorf("%d releases, want 5", n)
	}
}

func TestOneKeyForManyBodiesAtOnce(t *testing.T) {
	s := migrated(t)
	var won, refused atomic.Int64
	race(30, func(i int) {
		d := draft("api", time.Hour)
		d.Version = fmt.Sprint(i)
		switch _, repeated, err := s.Record(t.Context(), d, "key"); {
		case err == nil && !repeated:
			won.Add(1)
		case errors.Is(err, release.ErrKeyReused):
			refused.Add(1)
		default:
			t.Errorf("repeated %t, %v", repeated, err)
		}
	})
	if won.Load() != 1 || refused.Load() != 29 {
		t.Errorf("%d won, %d were refused", won.Load(), refused.Load())
	}
	if n := count(t, s, "SELECT count(*) FROM releases"); n != 1 {
		t.Errorf("%d releases, want 1", n)
	}
}

func TestSameFactsAtOnceGiveOneRelease(t *testing.T) {
	s := migrated(t)
	var first atomic.Int64
	race(30, func(int) {
		if _, repeated, err := s.Record(t.Context(), draft("api", time.Hour), ""); err != nil {
			t.Error(err)
		} else if !repeated {
			first.Add(1)
		}
	})
	if n := count(t, s, "SELECT count(*) FROM releases"); n != 1 || first.Load() != 1 {
		t.Errorf("%d releases, %d firsts", n, first.Load())
	}
}

// TestEndsAtOnce has a started release end in four ways at once, in whatever order: of those that contradict each other
// one wins alone.
func TestEndsAtOnce(t *testing.T) {
	s := migrated(t)
	ends := []release.Outcome{release.Succeeded, release.Failed, release.RolledBack, release.Removed}
	for round := range 10 {
		base := draft("api", time.Duration(round+1)*time.Hour)
		base.Version = fmt.Sprint(round)
		id := recorded(t, s, with(base, release.Started, 0)).ID
		var moved atomic.Int64
		race(30, func(i int) {
			_, repeated, err := s.Record(t.Context(), with(base, ends[i%4], time.Minute), "")
			switch {
			case err == nil && !repeated:
				moved.Add(1)
			case err != nil && !errors.Is(err, release.ErrConflict):
				t.Error(err)
			}
		})
		n := int64(count(t, s, "SELECT count(*) FROM release_transitions WHERE release_id = $1 AND outcome <> 'started'", id))
		r, err := s.Release(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if n != moved.Load() || n != 3 || r.SucceededAt == nil || r.FailedAt == nil || r.Outcome != release.RolledBack && r.Outcome != release.Removed {
			t.Errorf("%d moves, %d in the history, now %s", moved.Load(), n, text(r))
		}
	}
}

// TestSerializableIsRetried makes every transaction serializable, by which PostgreSQL refuses many of them.
func TestSerializableIsRetried(t *testing.T) {
	url := postgrestest.URL(t)
	s := open(t, Options{URL: url, MaxConns: 10})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.pool.Exec(t.Context(), "CREATE TABLE counter AS SELECT 0 AS n"); err != nil {
		t.Fatal(err)
	}
	const callers = 4
	var attempts atomic.Int64
	race(callers, func(int) {
		if err := try(t.Context(), "count", func(ctx context.Context) error {
			attempts.Add(1)
			return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
				var n int
				if err := tx.QueryRow(ctx, "SELECT n FROM counter").Scan(&n); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, "UPDATE counter SET n = $1", n+1)
				return err
			})
		}); err != nil {
			t.Error(err)
		}
	})
	if n := count(t, s, "SELECT n FROM counter"); n != callers {
		t.Errorf("counted %d of %d in %d attempts", n, callers, attempts.Load())
	}
}

func TestTry(t *testing.T) {
	deadlock := &pgconn.PgError{Code: "40P01"}
	for _, tt := range []struct {
		name     string
		errs     []error // the last stays
		attempts int
		is       error
	}{
		{"at once", []error{nil}, 1, nil},
		{"after deadlocks", []error{deadlock, deadlock, nil}, 3, nil},
		{"never", []error{deadlock}, maxAttempts, release.ErrUnavailable},
		{"after a shutdown", []error{&pgconn.PgError{Code: "57P01"}, &pgconn.PgError{Code: "57P02"}, io.ErrUnexpectedEOF, nil}, 4, nil},
		{"no connection to be had", []error{&pgconn.ConnectError{}}, 1, release.ErrUnavailable},
		{"conflict", []error{release.ErrConflict}, 1, release.ErrConflict},
		{"not found", []error{release.ErrNotFound}, 1, release.ErrNotFound},
		{"check violation", []error{&pgconn.PgError{Code: "23514"}}, 1, nil},
		{"starting up", []error{&pgconn.PgError{Code: "57P03"}}, 1, release.ErrUnavailable},
		{"statement timeout", []error{&pgconn.PgError{Code: "57014"}}, 1, release.ErrUnavailable},
		{"too many connections", []error{&pgconn.PgError{Code: "53300"}}, 1, release.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			attempts := 0
			last := tt.errs[len(tt.errs)-1]
			err := try(t.Context(), "it", func(context.Context) error {
				attempts++
				return tt.errs[min(attempts, len(tt.errs))-1]
			})
			if attempts != tt.attempts || (err == nil) != (last == nil) || !errors.Is(err, last) || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("%d attempts, %v", attempts, err)
			}
			if tt.is == nil && errors.Is(err, release.ErrUnavailable) {
				t.Errorf("%v is called unavailable", err)
			}
		})
	}
}

func TestTryEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	attempts := 0
	err := try(ctx, "it", func(context.Context) error {
		attempts++
		cancel()
		return &pgconn.PgError{Code: "40001"}
	})
	if attempts != 1 || err == nil {
		t.Errorf("%d attempts, %v", attempts, err)
	}
}

func TestStatementTimeoutIsUnavailable(t *testing.T) {
	url := postgrestest.URL(t)
	s := open(t, Options{URL: url, MaxConns: 4, StatementTimeout: 500 * time.Millisecond})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	holder := open(t, Options{URL: url})
	tx, err := holder.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "LOCK TABLE releases"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Record(t.Context(), draft("api", time.Hour), ""); !errors.Is(err, release.ErrUnavailable) {
		t.Errorf("write: %v", err)
	}
	if _, err := s.Releases(t.Context(), release.Filter{}); !errors.Is(err, release.ErrUnavailable) {
		t.Errorf("read: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.RunningAt(ctx, release.RunningFilter{}); !errors.Is(err, context.Canceled) || errors.Is(err, release.ErrUnavailable) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestCutConnectionsAreNotNoticed ends every connection of the pool on the server, as a failover does.
func TestCutConnectionsAreNotNoticed(t *testing.T) {
	url := postgrestest.URL(t)
	s, admin := open(t, Options{URL: url, MaxConns: 4}), open(t, Options{URL: url, MaxConns: 1})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		race(4, func(int) { // so that each of the connections is there
			if err := s.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
		if n := count(t, admin, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`); n == 0 {
			t.Fatal("there was nothing to cut")
		}
		if _, err := s.RunningAt(t.Context(), release.RunningFilter{}); err != nil {
			t.Errorf("read: %v", err)
		}
		if _, _, err := s.Record(t.Context(), draft("api", time.Duration(i+1)*time.Hour), ""); err != nil {
			t.Errorf("write: %v", err)
		}
	}
}

// TestOpenKeepsSecrets also shows that opening needs no server.
func TestOpenKeepsSecrets(t *testing.T) {
	s := open(t, Options{URL: "postgres://u:hunter2@127.0.0.1:1/x?sslmode=disable"})
	for _, err := range []error{s.Ping(t.Context()), s.Migrate(t.Context())} {
		if !errors.Is(err, release.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("no server: %v", err)
		}
	}
	for _, url := range []string{"postgres://u:hunter2@h:port/x", "postgres://u:hunter2@h/x?sslmode=maybe", "host=h password=hunter2 sslmode=maybe"} {
		if _, err := Open(t.Context(), Options{URL: url}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("open %s: %v", url, err)
		}
	}
}

type tracer struct{ queries atomic.Int64 }

func (tr *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	tr.queries.Add(1)
	return ctx
}
func (*tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestOptionsReachThePool(t *testing.T) {
	tr := &tracer{}
	s := open(t, Options{
		URL: postgrestest.URL(t) + "&statement_timeout=1234", MaxConns: 7, IdleConns: 9, ConnLifetime: time.Minute,
		Tracer: tr, Configure: func(c *pgxpool.Config) error { c.ConnConfig.RuntimeParams["application_name"] = "hooked"; return nil },
	})
	var timeout, name string
	if err := s.pool.QueryRow(t.Context(), "SELECT current_setting('statement_timeout'), current_setting('application_name')").Scan(&timeout, &name); err != nil {
		t.Fatal(err)
	}
	c := s.Pool().Config()
	if timeout != "1234ms" || name != "hooked" || c.MaxConns != 7 || c.MinIdleConns != 7 || c.MaxConnLifetime != time.Minute || tr.queries.Load() == 0 {
		t.Errorf("timeout %s, name %s, %d and %d connections for %s, %d queries traced",
			timeout, name, c.MaxConns, c.MinIdleConns, c.MaxConnLifetime, tr.queries.Load())
	}
	broken := errors.New("hook")
	if _, err := Open(t.Context(), Options{Configure: func(*pgxpool.Config) error { return broken }}); !errors.Is(err, broken) {
		t.Errorf("a failing hook: %v", err)
	}
}

// TestDatabaseAgreesWithValidate records what the domain calls valid, at its edges.
func TestDatabaseAgreesWithValidate(t *testing.T) {
	s := migrated(t)
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(all ...string) string { return all[random.IntN(len(all))] }
	valid := 0
	for range 6000 {
		start := noon.Add(-time.Duration(random.Int64N(int64(100 * 24 * time.Hour))))
		at := func() *time.Time {
			t := start.Add(time.Duration(random.IntN(5)-2) * time.Duration(random.IntN(3)) * time.Microsecond)
			return &t
		}
		d := release.Draft{
			Service:     pick("a", "a-b", "9", "a-", "A_b", "é", "a\n", strings.Repeat("a", 63), strings.Repeat("a", 64)),
			Environment: pick("prod", "p", "-p", strings.Repeat("a", 63)),
			Track:       release.Track(pick("", "stable", "canary")),
			Version:     pick("1", "v1.2+x", "sha256:aa/@-_", ".1", "1 2", "1\n", strings.Repeat("1", 128), strings.Repeat("1", 129)),
			Revision:    pick("0123456", "0123456", "012345", strings.Repeat("f", 64), strings.Repeat("f", 65), "0123456\n", "F123456", "1.2.3", "v1.0-rc.1+b", "1.", "main", "sha256:"+strings.Repeat("0", 64), "sha1:0", "1."+strings.Repeat("1", 127)),
			Actor:       pick("ann", "Åsa Öst", "日本", " a", "a\t", strings.Repeat("é", 256), strings.Repeat("é", 257), "x\u00a0y"),
			Outcome:     release.Outcome(pick("started", "succeeded", "failed", "rolled_back", "removed")),
			StartedAt:   &start,
			Artifact:    pick("", "x/a:1", strings.Repeat("é", 512), strings.Repeat("é", 513), "a b"),
			Team:        pick("", "pay", "Pay", strings.Repeat("a", 64)),
		}
		if random.IntN(2) == 0 {
			d.CommittedAt = at()
		}
		if d.Outcome.Ended() == (random.IntN(10) > 0) {
			d.FinishedAt = at()
		}
		_, _, err := s.Record(t.Context(), d, "")
		if _, ok := errors.AsType[*release.Invalid](err); ok {
			continue
		}
		if err != nil {
			t.Fatalf("%+v: %v", d, err)
		}
		valid++
	}
	if valid < 20 {
		t.Errorf("only %d drafts were valid", valid)
	}
}

func length(m *sync.Map) (n int) {
	m.Range(func(any, any) bool { n++; return true })
	return n
}

// TestCrashUnderLoad kills the server twice under writers that repeat themselves until they are answered. In the end
// every acknowledged release is there, each once, and no other.
func TestCrashUnderLoad(t *testing.T) {
	server := postgrestest.Start(t)
	s := open(t, Options{URL: server.URL(t), MaxConns: 8})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	stop := make(chan struct{})
	var (
		acknowledged sync.Map // id → version
		done, denied atomic.Int64
		wg           sync.WaitGroup
	)
	for w := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				d := draft("api", time.Duration(i+1)*time.Minute)
				d.Version = fmt.Sprintf("%d-%d", w, i)
				key := ""
				if i%2 == 0 {
					key = d.Version
				}
				for {
					r, _, err := s.Record(ctx, d, key)
					if err == nil {
						acknowledged.Store(r.ID, d.Version)
						done.Add(1)
						break
					}
					if !errors.Is(err, release.ErrUnavailable) {
						t.Errorf("%s: %v", d.Version, err)
						return
					}
					denied.Add(1)
				}
			}
		})
	}
	reached := func(what string, n *atomic.Int64, more int64) {
		t.Helper()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for want := n.Load() + more; n.Load() < want; {
			select {
			case <-ctx.Done():
				t.Fatalf("%s: %d of %d", what, n.Load(), want)
			case <-tick.C:
			}
		}
	}
	for range 2 {
		reached("acknowledged while up", &done, 200)
		server.Kill(t)
		reached("refused while down", &denied, 50)
		if err := s.Ping(ctx); !errors.Is(err, release.ErrUnavailable) {
			t.Errorf("ready without a database: %v", err)
		}
		server.Restart(t)
	}
	reached("acknowledged after the last start", &done, 200)
	if err := s.Ping(ctx); err != nil {
		t.Error(err)
	}
	close(stop)
	wg.Wait()

	stored := make(map[string]string)
	for _, r := range walk(t, s, release.Filter{Limit: release.MaxLimit}, nil) {
		if _, ok := stored[r.ID]; ok {
			t.Errorf("%s came twice", r.ID)
		}
		stored[r.ID] = r.Version
	}
	acknowledged.Range(func(id, version any) bool {
		if stored[id.(string)] != version {
			t.Errorf("release %s of version %s is lost", id, version)
		}
		return true
	})
	// Writers stop only when answered, so that what is stored and was not acknowledged would be a double.
	if n := length(&acknowledged); n != len(stored) || int64(n) != done.Load() {
		t.Errorf("%d acknowledged, %d different, %d stored", done.Load(), n, len(stored))
	}
	if n := count(t, s, "SELECT count(*) FROM release_transitions"); n != len(stored) {
		t.Errorf("%d transitions of %d releases", n, len(stored))
	}
	t.Logf("%d acknowledged, %d refused", done.Load(), denied.Load())
}
