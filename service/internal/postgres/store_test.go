package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// noon is now in every test that does not say otherwise.
var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Now == nil {
		o.Now = func() time.Time { return noon }
	}
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// migrated returns a store on a fresh database with the schema.
func migrated(t testing.TB) *Store {
	t.Helper()
	s := open(t, Options{URL: postgrestest.URL(t), MaxConns: 10})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// draft is a release that succeeded a minute after it began, ago before noon.
func draft(service string, ago time.Duration) release.Draft {
	start := noon.Add(-ago)
	end, commit := start.Add(time.Minute), start.Add(-time.Hour)
	return release.Draft{
		Service: service, Environment: "prod", Track: release.Stable, Version: "1.0.0",
		Revision: "0123456789abcdef0123456789abcdef01234567", Actor: "ann", Outcome: release.Succeeded,
		CommittedAt: &commit, StartedAt: &start, FinishedAt: &end,
	}
}

func ptr[T any](v T) *T { return &v }

func with(d release.Draft, o release.Outcome, finished time.Duration) release.Draft {
	d.Outcome, d.FinishedAt = o, nil
	if o.Ended() {
		end := d.StartedAt.Add(finished)
		d.FinishedAt = &end
	}
	return d
}

func recorded(t testing.TB, s *Store, d release.Draft) release.Release {
	t.Helper()
	r, _, err := s.Record(t.Context(), d, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func count(t testing.TB, s *Store, sql string, args ...any) (n int) {
	t.Helper()
	if err := s.pool.QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func equal(t testing.TB, got, want release.Release) {
	t.Helper()
	if g, w := text(got), text(want); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

// text shows the times behind the pointers.
func text(r release.Release) string {
	at := func(t *time.Time) string {
		if t == nil {
			return "-"
		}
		return t.Format(time.RFC3339Nano)
	}
	return fmt.Sprint(r.ID, " ", r.Service, " ", r.Environment, " ", r.Track, " ", r.Version, " ", r.Revision, " ", r.Actor, " ", r.Outcome,
		" ", at(r.CommittedAt), " ", at(r.StartedAt), " ", at(r.SucceededAt), " ", at(r.FinishedAt), " ", at(&r.RecordedAt), " ", at(r.FailedAt), " ", r.Artifact, " ", r.Team, " ", r.Kind, " ", r.Continues, " ", r.RolledBackBy)
}

func TestRecordAndReadBack(t *testing.T) {
	s := migrated(t)
	d := draft("api", time.Hour)
	zone := d.StartedAt.In(time.FixedZone("", 7200)).Add(123 * time.Nanosecond) // finer than the database, elsewhere
	d.StartedAt = &zone
	d.Track = ""
	r, repeated, err := s.Record(t.Context(), d, "")
	if err != nil || repeated {
		t.Fatal(r, repeated, err)
	}
	got, err := s.Release(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, r)
	if got.Track != release.Stable || !got.SucceededAt.Equal(*d.FinishedAt) || !got.RecordedAt.Equal(noon) {
		t.Errorf("recorded as %s", text(got))
	}
	if !release.ValidID(r.ID) || r.ID[14] != '7' {
		t.Errorf("id %q is no UUIDv7", r.ID)
	}
	for _, id := range []string{"", "1", "0190a5a0-0000-7000-8000-000000000000", strings.ToUpper(r.ID)} {
		if _, err := s.Release(t.Context(), id); !errors.Is(err, release.ErrNotFound) {
			t.Errorf("release %q: %v, want ErrNotFound", id, err)
		}
	}
}

func TestRecordRefusesTheInvalid(t *testing.T) {
	s := migrated(t)
	var invalid *release.Invalid
	if _, _, err := s.Record(t.Context(), release.Draft{}, ""); !errors.As(err, &invalid) {
		t.Errorf("empty draft: %v", err)
	}
	if _, _, err := s.Record(t.Context(), draft("api", time.Hour), "two words"); !errors.As(err, &invalid) {
		t.Errorf("bad key: %v", err)
	}
	if _, err := s.Releases(t.Context(), release.Filter{Limit: -1}); !errors.As(err, &invalid) {
		t.Errorf("bad filter: %v", err)
	}
	if _, err := s.Measures(t.Context(), release.Scope{}, time.Hour, noon); !errors.As(err, &invalid) {
		t.Errorf("bad window: %v", err)
	}
}

// TestStates says every outcome that can be said after every other. What can have led there is no conflict when it is
// told late.
func TestStates(t *testing.T) {
	s := migrated(t)
	ends := map[release.Outcome]time.Duration{
		release.Failed: time.Minute, release.Succeeded: 2 * time.Minute, release.RolledBack: 3 * time.Minute, release.Removed: 3 * time.Minute,
	}
	sayable := slices.DeleteFunc(release.Outcomes(), func(o release.Outcome) bool { return o == release.TimedOut })
	i := 0
	for _, first := range sayable {
		for _, second := range sayable {
			t.Run(fmt.Sprintf("%s then %s", first, second), func(t *testing.T) {
				i++
				base := draft(fmt.Sprintf("svc-%d", i), time.Hour)
				a := recorded(t, s, with(base, first, ends[first]))
				r, repeated, err := s.Record(t.Context(), with(base, second, ends[second]), "")
				stored, readErr := s.Release(t.Context(), a.ID)
				if readErr != nil {
					t.Fatal(readErr)
				}
				transitions := count(t, s, "SELECT count(*) FROM release_transitions WHERE release_id = $1", a.ID)
				switch {
				case first == second || second == release.Started:
					if err != nil || !repeated || transitions != 1 {
						t.Errorf("repeated %t, %d transitions, %v", repeated, transitions, err)
					}
					equal(t, r, a)
				case first.CanBecome(second):
					if err != nil || repeated || r.ID != a.ID || r.Outcome != second || transitions != 2 {
						t.Errorf("%s, repeated %t, %d transitions, %v", text(r), repeated, transitions, err)
					}
					equal(t, stored, r)
					// The earlier fact, delivered late, is still known.
					again, repeated, err := s.Record(t.Context(), with(base, first, ends[first]), "")
					if err != nil || !repeated {
						t.Errorf("late repeat: repeated %t, %v", repeated, err)
					}
					equal(t, again, r)
				case second.CanBecome(first):
					if err != nil || repeated || r.Outcome != first || transitions != 2 {
						t.Errorf("told late: %s, repeated %t, %d transitions, %v", text(r), repeated, transitions, err)
					}
					if in := recorded(t, s, with(base, second, ends[second])); second == release.Failed && in.FailedAt == nil || second == release.Succeeded && in.SucceededAt == nil {
						t.Errorf("what was told late is not known: %s", text(in))
					}
				default:
					if !errors.Is(err, release.ErrConflict) || transitions != 1 {
						t.Errorf("%d transitions, %v, want ErrConflict", transitions, err)
					}
					equal(t, stored, a)
				}
			})
		}
	}
}

func TestRollbackKeepsTheTimeOfSuccess(t *testing.T) {
	s := migrated(t)
	d := draft("api", time.Hour)
	recorded(t, s, d)
	r := recorded(t, s, with(d, release.RolledBack, 10*time.Minute))
	if !r.SucceededAt.Equal(*d.FinishedAt) || !r.FinishedAt.Equal(d.StartedAt.Add(10*time.Minute)) {
		t.Errorf("got %s", text(r))
	}
	early := draft("web", time.Hour)
	recorded(t, s, early)
	if _, _, err := s.Record(t.Context(), with(early, release.RolledBack, time.Second), ""); !errors.Is(err, release.ErrConflict) {
		t.Errorf("rolled back before it succeeded: %v, want ErrConflict", err)
	}
}

func TestContradictions(t *testing.T) {
	s := migrated(t)
	d := draft("api", time.Hour)
	recorded(t, s, d)
	later := d.CommittedAt.Add(time.Minute)
	for field, change := range map[string]func(*release.Draft){
		"actor":        func(d *release.Draft) { d.Actor = "bob" },
		"committed_at": func(d *release.Draft) { d.CommittedAt = &later },
		"finished_at":  func(d *release.Draft) { *d = with(*d, d.Outcome, 2*time.Minute) },
	} {
		other := d
		change(&other)
		if _, _, err := s.Record(t.Context(), other, ""); !errors.Is(err, release.ErrConflict) || !strings.Contains(err.Error(), field) {
			t.Errorf("another %s: %v", field, err)
		}
	}
}

// A delivery that lacks what an earlier one had contradicts nothing.
func TestLackingFieldsAgree(t *testing.T) {
	s := migrated(t)
	d := draft("api", time.Hour)
	r := recorded(t, s, d)
	d.CommittedAt = nil
	again, repeated, err := s.Record(t.Context(), d, "")
	if err != nil || !repeated {
		t.Fatal(repeated, err)
	}
	equal(t, again, r)
}

func TestMove(t *testing.T) {
	s := migrated(t)
	d := with(draft("api", time.Hour), release.Started, 0)
	id := recorded(t, s, d).ID
	end := d.StartedAt.Add(5 * time.Minute)
	r, repeated, err := s.Move(t.Context(), id, release.Move{Outcome: release.Succeeded, FinishedAt: &end, Actor: "bob", Artifact: "x/api:1", Team: "pay"})
	if err != nil || repeated || r.Outcome != release.Succeeded || !r.SucceededAt.Equal(end) || r.Actor != "ann" || r.Artifact != "x/api:1" || r.Team != "pay" {
		t.Errorf("got %s, repeated %t, %v", text(r), repeated, err)
	}
	again, repeated, err := s.Move(t.Context(), id, release.Move{Outcome: release.Succeeded})
	if err != nil || !repeated {
		t.Errorf("again: repeated %t, %v", repeated, err)
	}
	equal(t, again, r)
	if n := count(t, s, "SELECT count(*) FROM release_transitions WHERE release_id = $1 AND actor = 'bob'", id); n != 1 {
		t.Errorf("%d transitions by bob", n)
	}
	// Without a time it is now.
	if r, _, err = s.Move(t.Context(), id, release.Move{Outcome: release.Removed}); err != nil || !r.FinishedAt.Equal(noon) {
		t.Errorf("got %s, %v", text(r), err)
	}
	early := d.StartedAt.Add(-time.Minute)
	var invalid *release.Invalid
	for name, m := range map[string]release.Move{
		"nothing": {}, "lost": {Outcome: "lost"}, "timed out": {Outcome: release.TimedOut}, "early": {Outcome: release.RolledBack, FinishedAt: &early},
	} {
		if _, _, err := s.Move(t.Context(), id, m); !errors.As(err, &invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, id := range []string{"", "x", "0190a5a0-0000-7000-8000-000000000000"} {
		if _, _, err := s.Move(t.Context(), id, release.Move{Outcome: release.Removed}); !errors.Is(err, release.ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestCommitTimeMayComeLater(t *testing.T) {
	s := migrated(t)
	d := draft("api", time.Hour)
	started := with(d, release.Started, 0)
	started.CommittedAt = nil
	recorded(t, s, started)
	if r := recorded(t, s, d); r.CommittedAt == nil || !r.CommittedAt.Equal(*d.CommittedAt) {
		t.Errorf("got %s", text(r))
	}
}

func TestIdempotencyKeyGivesTheFirstAnswer(t *testing.T) {
	s := migrated(t)
	d := draft("api", time.Hour)
	started := with(d, release.Started, 0)
	first, repeated, err := s.Record(t.Context(), started, "key-1")
	if err != nil || repeated {
		t.Fatal(repeated, err)
	}
	recorded(t, s, d) // moves it on
	again, repeated, err := s.Record(t.Context(), started, "key-1")
	if err != nil || !repeated {
		t.Fatal(repeated, err)
	}
	equal(t, again, first)
	if _, _, err := s.Record(t.Context(), draft("web", time.Hour), "key-1"); !errors.Is(err, release.ErrKeyReused) {
		t.Errorf("another body: %v, want ErrKeyReused", err)
	}
	if n := count(t, s, "SELECT count(*) FROM releases"); n != 1 {
		t.Errorf("%d releases, want 1", n)
	}

	if n, err := s.ForgetKeys(t.Context(), noon); n != 0 || err != nil {
		t.Errorf("forgot %d keys that are not old, %v", n, err)
	}
	if n, err := s.ForgetKeys(t.Context(), noon.Add(time.Second)); n != 1 || err != nil {
		t.Errorf("forgot %d keys, want 1, %v", n, err)
	}
}

func TestFailedRecordUsesUpNoKey(t *testing.T) {
	s := migrated(t)
	d := draft("api", time.Hour)
	recorded(t, s, with(d, release.RolledBack, time.Second))
	if _, _, err := s.Record(t.Context(), d, "key"); !errors.Is(err, release.ErrConflict) {
		t.Fatal(err)
	}
	if _, repeated, err := s.Record(t.Context(), draft("web", time.Hour), "key"); err != nil || repeated {
		t.Errorf("repeated %t, %v", repeated, err)
	}
}

func TestFilters(t *testing.T) {
	s := migrated(t)
	a := draft("api", 5*time.Hour)
	b := draft("api", 4*time.Hour)
	b.Environment, b.Version = "dev", "2.0.0"
	c := with(draft("web", 3*time.Hour), release.Failed, time.Minute)
	c.Track = release.Canary
	again := a // what runs there already
	again.StartedAt, again.FinishedAt = ptr(noon.Add(-2*time.Hour)), ptr(noon.Add(-time.Hour))
	for _, d := range []release.Draft{a, b, c, again} {
		recorded(t, s, d)
	}
	for _, tt := range []struct {
		name string
		f    release.Filter
		want string // hours ago
	}{
		{"everything", release.Filter{}, "2 3 4 5"},
		{"service", release.Filter{Service: "api"}, "2 4 5"},
		{"environment", release.Filter{Environment: "prod"}, "2 3 5"},
		{"version", release.Filter{Version: "2.0.0"}, "4"},
		{"outcome", release.Filter{Outcome: release.Succeeded}, "2 4 5"},
		{"track", release.Filter{Track: release.Canary}, "3"},
		{"kind", release.Filter{Kind: release.Configuration}, "2"},
		{"from is in", release.Filter{From: noon.Add(-4 * time.Hour)}, "2 3 4"},
		{"to is out", release.Filter{To: noon.Add(-4 * time.Hour)}, "5"},
		{"both", release.Filter{From: noon.Add(-4 * time.Hour), To: noon.Add(-3 * time.Hour)}, "4"},
		{"all at once", release.Filter{Service: "web", Environment: "prod", Version: "1.0.0", Outcome: release.Failed, Track: release.Canary}, "3"},
		{"nothing", release.Filter{Service: "none"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, limit := range []int{0, 1} {
				f := tt.f
				f.Limit = limit
				var got []string
				for _, r := range walk(t, s, f, nil) {
					got = append(got, fmt.Sprint(int(noon.Sub(*r.StartedAt).Hours())))
				}
				if g := strings.Join(got, " "); g != tt.want {
					t.Errorf("limit %d: got %q, want %q", limit, g, tt.want)
				}
			}
		})
	}
}

// walk follows the cursors to the end and runs between before every further page.
func walk(t testing.TB, s *Store, f release.Filter, between func()) []release.Release {
	t.Helper()
	var all []release.Release
	for {
		p, err := s.Releases(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p.Releases...)
		if p.Next == "" {
			return all
		}
		f.Cursor = p.Next
		if between != nil {
			between()
		}
	}
}

func TestRunning(t *testing.T) {
	s := migrated(t)
	if running, err := s.RunningAt(t.Context(), release.RunningFilter{}); err != nil || len(running) != 0 {
		t.Fatalf("empty ledger: %v, %v", running, err)
	}
	at := func(service, environment string, track release.Track, version string, ago time.Duration, o release.Outcome) release.Draft {
		d := draft(service, ago)
		d.Environment, d.Track, d.Version = environment, track, version
		return with(d, o, time.Minute)
	}
	for _, d := range []release.Draft{
		at("web", "prod", release.Stable, "1", 9*time.Hour, release.Succeeded),
		at("web", "prod", release.Stable, "2", 8*time.Hour, release.Succeeded),
		at("web", "prod", release.Stable, "3", 7*time.Hour, release.Failed),
		at("web", "prod", release.Stable, "4", 6*time.Hour, release.Started),
		at("web", "prod", release.Canary, "5", 5*time.Hour, release.Succeeded),
		at("web", "dev", release.Stable, "6", 4*time.Hour, release.Succeeded),
		at("api", "prod", release.Stable, "7", 3*time.Hour, release.Succeeded),
		at("new", "prod", release.Stable, "8", 3*time.Hour, release.Failed), // nothing of it runs
		// Said late: it is not what runs.
		at("web", "prod", release.Stable, "0", 10*time.Hour, release.Succeeded),
	} {
		recorded(t, s, d)
	}
	show := func() string {
		running, err := s.RunningAt(t.Context(), release.RunningFilter{})
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, r := range running {
			lines = append(lines, fmt.Sprintf("%s %s %s %s since %s", r.Service, r.Environment, r.Track, r.Version, noon.Sub(r.Since)))
		}
		return strings.Join(lines, "\n")
	}
	want := `api prod stable 7 since 2h59m0s
web dev stable 6 since 3h59m0s
web prod canary 5 since 4h59m0s
web prod stable 2 since 7h59m0s`
	if got := show(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	recorded(t, s, with(at("web", "prod", release.Stable, "2", 8*time.Hour, release.Succeeded), release.RolledBack, time.Hour))
	recorded(t, s, with(at("web", "prod", release.Canary, "5", 5*time.Hour, release.Succeeded), release.RolledBack, time.Hour))
	want = `api prod stable 7 since 2h59m0s
web dev stable 6 since 3h59m0s
web prod stable 1 since 8h59m0s`
	if got := show(); got != want {
		t.Errorf("after the rollbacks: got\n%s\nwant\n%s", got, want)
	}
}

func TestMeasuresReadProductionInTheWindow(t *testing.T) {
	s := migrated(t)
	dev := draft("api", time.Hour)
	dev.Environment = "dev"
	newer := draft("api", 2*time.Hour)
	newer.Revision = "fedcba9876543210fedcba9876543210fedcba98"
	for _, d := range []release.Draft{
		draft("api", 8*24*time.Hour), // before the window
		newer,
		draft("api", 90*time.Minute), // back to the old version: a deployment that takes back newer, and no change that was not there before
		with(draft("web", 5*time.Hour), release.Failed, time.Minute),
		draft("web", 3*time.Hour),
		with(draft("web", time.Hour), release.Started, 0),
		dev,
	} {
		recorded(t, s, d)
	}
	// Succeeded in the window and rolled back after its end: a failed deployment of the window.
	late := draft("db", 10*time.Minute)
	recorded(t, s, late)
	recorded(t, s, with(late, release.RolledBack, 12*time.Minute))

	m, err := s.Measures(t.Context(), release.Scope{}, 7*24*time.Hour, noon)
	if err != nil {
		t.Fatal(err)
	}
	if m.Deployments != 5 || *m.ChangeFailureRate != 0.6 || m.LeadTime.Samples != 3 || *m.LeadTime.Median != 61*time.Minute {
		t.Errorf("got %+v", m)
	}
	if m.TimeToRestore.Samples != 3 || *m.TimeToRestore.Median != 30*time.Minute || *m.TimeToRestore.P90 != 2*time.Hour {
		t.Errorf("time to restore %+v", m.TimeToRestore)
	}
}

// TestConstraints goes past package release: the database refuses by itself.
func TestConstraints(t *testing.T) {
	s := migrated(t)
	r := recorded(t, s, draft("api", time.Hour))
	for name, sql := range map[string]string{
		"service":             "INSERT INTO releases SELECT gen_random_uuid(), 'API', environment, track, version, revision, actor, outcome, committed_at, started_at, succeeded_at, finished_at, recorded_at FROM releases",
		"actor":               "INSERT INTO releases SELECT gen_random_uuid(), 'x', environment, track, version, revision, ' ', outcome, committed_at, started_at, succeeded_at, finished_at, recorded_at FROM releases",
		"revision":            "INSERT INTO releases SELECT gen_random_uuid(), 'x', environment, track, version, 'xyz', actor, outcome, committed_at, started_at, succeeded_at, finished_at, recorded_at FROM releases",
		"end without time":    "INSERT INTO releases SELECT gen_random_uuid(), 'x', environment, track, version, revision, actor, 'failed', committed_at, started_at, NULL, NULL, recorded_at FROM releases",
		"started and ended":   "INSERT INTO releases SELECT gen_random_uuid(), 'x', environment, track, version, revision, actor, 'started', committed_at, started_at, NULL, finished_at, recorded_at FROM releases",
		"commit after start":  "INSERT INTO releases SELECT gen_random_uuid(), 'x', environment, track, version, revision, actor, outcome, finished_at, started_at, succeeded_at, finished_at, recorded_at FROM releases",
		"success unsaid":      "INSERT INTO releases SELECT gen_random_uuid(), 'x', environment, track, version, revision, actor, outcome, committed_at, started_at, NULL, finished_at, recorded_at FROM releases",
		"twice":               "INSERT INTO releases SELECT gen_random_uuid(), service, environment, track, version, revision, actor, outcome, committed_at, started_at, succeeded_at, finished_at, recorded_at FROM releases",
		"back to started":     "UPDATE releases SET outcome = 'started', succeeded_at = NULL, finished_at = NULL",
		"success forgotten":   "UPDATE releases SET outcome = 'rolled_back', succeeded_at = NULL",
		"failure after":       "UPDATE releases SET failed_at = finished_at + interval '1 s'",
		"taken back by none":  "UPDATE releases SET rolled_back_by = id",
		"another version":     "UPDATE releases SET outcome = 'rolled_back', version = '9'",
		"transition changed":  "UPDATE release_transitions SET actor = 'eve'",
		"transition deleted":  "DELETE FROM release_transitions",
		"transitions emptied": "TRUNCATE release_transitions",
		"release deleted":     "DELETE FROM releases",
		"key of two words":    "INSERT INTO idempotency_keys SELECT 'a b', sha256(''), id, '{}', now() FROM releases",
	} {
		_, err := s.pool.Exec(t.Context(), sql)
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); !ok || !strings.HasPrefix(pgErr.Code, "23") {
			t.Errorf("%s: %v, want an integrity violation", name, err)
		}
	}
	got, err := s.Release(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, r)
}
