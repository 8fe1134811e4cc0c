package seed

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kgate-dev/gitops/service/internal/postgres"
	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func ledger(t *testing.T) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Options{URL: postgrestest.URL(t), MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// settled is every release but for its id and for when it was heard of, with those that it refers to by what names them.
const settled = `SELECT format('%s %s %s %s %s', r.service, r.environment, r.track, r.version, r.started_at),
	format('%s %s %s committed %s succeeded %s failed %s finished %s, %s of %s, %s, goes on with %s, taken back by %s, told %s',
		r.revision, r.actor, r.outcome, r.committed_at, r.succeeded_at, r.failed_at, r.finished_at, r.artifact, r.team, r.kind,
		c.version || c.track || c.started_at, b.version || b.track || b.started_at,
		(SELECT string_agg(format('%s %s %s %s', t.outcome, t.actor, t.committed_at, t.finished_at), ', ' ORDER BY t.outcome)
			FROM release_transitions t WHERE t.release_id = r.id))
	FROM releases r LEFT JOIN releases c ON c.id = r.continues LEFT JOIN releases b ON b.id = r.rolled_back_by`

func all(t *testing.T, s *postgres.Store) map[string]string {
	t.Helper()
	rows, err := s.Pool().Query(t.Context(), settled)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	var name, state string
	if _, err := pgx.ForEachRow(rows, []any{&name, &state}, func() error {
		m[name] = state
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestFillIsWhatTheLedgerWouldHold tells everything that a seeded ledger has heard of to an empty one, in another order, and
// compares.
func TestFillIsWhatTheLedgerWouldHold(t *testing.T) {
	seeded, told := ledger(t), ledger(t)
	n, err := Fill(t.Context(), seeded, seeded.Pool(), Shape{
		Releases: 250, Services: 2, Until: time.Now().Add(-time.Hour), Length: 30 * 24 * time.Hour,
	})
	if err != nil || n != 300 {
		t.Fatal(n, err)
	}
	want := all(t, seeded)
	if len(want) != n {
		t.Fatalf("%d releases, want %d", len(want), n)
	}

	rows, err := seeded.Pool().Query(t.Context(), `SELECT service, environment, track, version, revision, r.actor, t.outcome, t.committed_at,
			r.started_at, t.finished_at, artifact, team
		FROM release_transitions t JOIN releases r ON r.id = t.release_id ORDER BY service, environment, r.started_at, t.outcome`)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d release.Draft, err error) {
		err = row.Scan(&d.Service, &d.Environment, &d.Track, &d.Version, &d.Revision, &d.Actor, &d.Outcome, &d.CommittedAt,
			&d.StartedAt, &d.FinishedAt, &d.Artifact, &d.Team)
		return d, err
	})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	random.Shuffle(len(facts), func(i, j int) { facts[i], facts[j] = facts[j], facts[i] })
	// That a release began is not written down once it is known how it ended.
	slices.SortStableFunc(facts, func(a, b release.Draft) int {
		return cmp.Compare(btoi(a.Outcome != release.Started), btoi(b.Outcome != release.Started))
	})
	for _, d := range facts {
		if _, _, err := told.Record(t.Context(), d, ""); err != nil {
			t.Fatal(err)
		}
	}
	got := all(t, told)
	if len(got) != len(want) {
		t.Errorf("%d releases were told, %d seeded", len(got), len(want))
	}
	for name, state := range want {
		if got[name] != state {
			t.Errorf("%s\ntold   %s\nseeded %s", name, got[name], state)
		}
	}

	// What the measures and the page are made of, is there.
	for what, condition := range map[string]string{
		"configuration syncs": "kind = 'configuration'",
		"canaries":            "track = 'canary'",
		"promotions":          "continues IS NOT NULL",
		"failures":            "outcome = 'failed'",
		"recoveries":          "failed_at < succeeded_at",
		"rollbacks in git":    "rolled_back_by IS NOT NULL",
		"rollbacks":           "outcome = 'rolled_back' AND rolled_back_by IS NULL",
	} {
		var some int
		if err := seeded.Pool().QueryRow(t.Context(), "SELECT count(*) FROM releases WHERE "+condition).Scan(&some); err != nil || some < 3 {
			t.Errorf("%d %s, %v", some, what, err)
		}
	}
}

func TestFillIsTheSameAtEveryRun(t *testing.T) {
	var runs []string
	for range 2 {
		s := ledger(t)
		until := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		if _, err := Fill(t.Context(), s, s.Pool(), Shape{Releases: 100, Services: 1, Until: until}); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, fmt.Sprint(all(t, s)))
	}
	if runs[0] != runs[1] {
		t.Errorf("got\n%s\nand\n%s", runs[0], runs[1])
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
