package postgres

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
	"github.com/kgate-dev/gitops/service/internal/seed"
)

func TestMigrateByAHundredAtOnce(t *testing.T) {
	url := postgrestest.URL(t)
	var wg sync.WaitGroup
	gate := make(chan struct{})
	for range 100 {
		s := open(t, Options{URL: url, MaxConns: 1})
		wg.Go(func() {
			<-gate
			if err := s.Migrate(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	close(gate)
	wg.Wait()
	s := open(t, Options{URL: url})
	if n, files := count(t, s, "SELECT count(*) FROM schema_migrations"), len(all(t)); n != files {
		t.Errorf("%d migrations are recorded, want %d", n, files)
	}
}

func all(t testing.TB) []migration {
	t.Helper()
	m, err := migrations(migrationFiles)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func sqlFiles(texts ...string) fstest.MapFS {
	files := fstest.MapFS{}
	for i, text := range texts {
		files["migrations/000"+string(rune('1'+i))+"_x.sql"] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

func TestMigrationsFollowEachOther(t *testing.T) {
	s := open(t, Options{URL: postgrestest.URL(t)})
	ctx := t.Context()
	if err := s.migrate(ctx, sqlFiles("CREATE TABLE a (); CREATE TABLE b ()")); err != nil {
		t.Fatal(err)
	}
	second := sqlFiles("CREATE TABLE a (); CREATE TABLE b ()", "CREATE TABLE c ()", "CREATE TABLE d (); CREATE TABLE a ()")
	if err := s.migrate(ctx, second); err == nil || !strings.Contains(err.Error(), "0003_x.sql") {
		t.Fatalf("a bad migration: %v", err)
	}
	if n := count(t, s, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename IN ('c', 'd')"); n != 0 {
		t.Errorf("%d tables of a failed run remain", n)
	}
	if err := s.migrate(ctx, sqlFiles("CREATE TABLE a ()")); err == nil || !strings.Contains(err.Error(), "never edited") {
		t.Errorf("an edited migration: %v", err)
	}
	if err := s.migrate(ctx, sqlFiles("CREATE TABLE a (); CREATE TABLE b ()", "CREATE TABLE c ()")); err != nil {
		t.Error(err)
	}
	// An older build, which knows one of the two.
	if err := s.migrate(ctx, sqlFiles("CREATE TABLE a (); CREATE TABLE b ()")); err != nil {
		t.Errorf("the database is ahead: %v", err)
	}
}

func TestMigrationNames(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"none":     {},
		"a gap":    {"migrations/0002_x.sql": {}},
		"no name":  {"migrations/0001.sql": {}},
		"not sql":  {"migrations/0001_x.txt": {}},
		"same one": {"migrations/0001_x.sql": {}, "migrations/0001_y.sql": {}},
	} {
		if m, err := migrations(files); err == nil {
			t.Errorf("%s: %v", name, m)
		}
	}
}

func TestMigrateWaitsNoLongerThanItsContext(t *testing.T) {
	url := postgrestest.URL(t)
	s := open(t, Options{URL: url, MaxConns: 2, StatementTimeout: 300 * time.Millisecond})
	holder, err := open(t, Options{URL: url}).pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Rollback(context.Background()) }()
	if _, err := holder.Exec(t.Context(), "SELECT pg_advisory_xact_lock($1)", migrationLock); err != nil {
		t.Fatal(err)
	}
	// Beyond the timeout of a statement, which would end it with another error.
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := s.Migrate(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, release.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

func TestPingSaysWhatIsMissing(t *testing.T) {
	s := open(t, Options{URL: postgrestest.URL(t)})
	err := s.Ping(t.Context())
	if !errors.Is(err, release.ErrUnavailable) || !strings.Contains(err.Error(), "version 0 of") {
		t.Errorf("not migrated: %v", err)
	}
	if _, err := s.RunningAt(t.Context(), release.RunningFilter{}); !errors.Is(err, release.ErrUnavailable) {
		t.Errorf("query of a database that is not migrated: %v", err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// A ledger of the first schema keeps its history: a failure has its time, and what is told next is compared with what ran,
// although nobody had named artifacts.
func TestHistoryOfTheFirstSchema(t *testing.T) {
	s := open(t, Options{URL: postgrestest.URL(t)})
	first, err := migrationFiles.ReadFile("migrations/0001_releases.sql")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.migrate(t.Context(), fstest.MapFS{"migrations/0001_releases.sql": {Data: first}}); err != nil {
		t.Fatal(err)
	}
	ran, failed := draft("api", 3*time.Hour), with(draft("api", 2*time.Hour), release.Failed, time.Minute)
	for _, d := range []release.Draft{ran, failed} {
		succeeded := d.FinishedAt
		if d.Outcome == release.Failed {
			succeeded = nil
		}
		if _, err := s.pool.Exec(t.Context(), `INSERT INTO releases VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $9)`,
			d.Service, d.Environment, d.Track, d.Version, d.Revision, d.Actor, d.Outcome, d.CommittedAt, d.StartedAt, succeeded, d.FinishedAt); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := walk(t, s, release.Filter{}, nil)
	if len(all) != 2 || all[0].FailedAt == nil || !all[0].FailedAt.Equal(*failed.FinishedAt) || all[1].Kind != release.Deployment || all[1].Artifact != "" {
		t.Errorf("got %+v", all)
	}
	next := draft("api", time.Hour)
	next.Revision, next.Artifact = "fedcba9", "x/api:"+next.Version
	if r := recorded(t, s, next); r.Kind != release.Deployment { // after the failure
		t.Errorf("got %s", text(r))
	}
	again := draft("api", 30*time.Minute)
	again.Revision = "abcdef0" // by somebody who names no artifact
	if r := recorded(t, s, again); r.Kind != release.Configuration {
		t.Errorf("got %s", text(r))
	}
}

// A ledger of the sixth schema, full and with its days measured, keeps both: what is asked of it is what its releases say, before the
// hours of today are measured and after, and when more is told of them.
func TestHistoryOfTheSixthSchema(t *testing.T) {
	s := open(t, Options{URL: postgrestest.URL(t), Now: func() time.Time { return noon }})
	ctx := t.Context()
	six := fstest.MapFS{}
	for _, m := range all(t)[:6] {
		six["migrations/"+m.name] = &fstest.MapFile{Data: []byte(m.sql)}
	}
	if err := s.migrate(ctx, six); err != nil {
		t.Fatal(err)
	}
	if _, err := seed.Fill(ctx, s, s.pool, seed.Shape{Releases: 900, Services: 2, Until: noon, Length: 10 * 24 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	today := noon.Truncate(24 * time.Hour)
	days, err := s.close(ctx, overDay, today.Add(-12*24*time.Hour), today.Add(-24*time.Hour))
	if err != nil || days < 10 {
		t.Fatal(days, err)
	}
	measured := count(t, s, "SELECT count(*) FROM measured_days")
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, "SELECT count(*) FROM measured_days"); n != measured {
		t.Errorf("%d rows of measured days, before %d", n, measured)
	}
	ta := &tale{t: t, s: s, began: today}
	look := func() {
		t.Helper()
		if n := ta.compare(9*24*time.Hour, noon); n < 100 {
			t.Errorf("%d deployments: too little is compared", n)
		}
	}
	look()
	if _, err := s.CloseDays(ctx, noon); err != nil {
		t.Fatal(err)
	}
	hours := count(t, s, "SELECT count(*) FROM measured_hours WHERE service = '' AND environment = 'prod'")
	if hours != 12 {
		t.Errorf("%d hours are measured, want 12", hours)
	}
	look()
	d := draft("service-01", 3*time.Hour)
	d.Version, d.Artifact = "9.0.0", ""
	recorded(t, s, d)
	if n := count(t, s, "SELECT count(*) FROM measured_hours WHERE service = '' AND environment = 'prod'"); n >= hours {
		t.Errorf("%d hours are measured still, of %d", n, hours)
	}
	look()
}
