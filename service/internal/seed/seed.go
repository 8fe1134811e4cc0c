// Package seed fills a ledger with a made-up history of many releases in little time, the same at every run: for load runs
// and for tests of what a large ledger costs.
//
// A short history goes through the ledger itself, release by release, and is then repeated into the past, with other
// versions each time. What the ledger works out of a release follows from those of its service with the same change and from
// its neighbours; no change is in two repetitions, so that each is settled as the first is. A test tells a seeded history to
// an empty ledger and compares.
package seed

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// Shape says what a history is like.
type Shape struct {
	Releases int           // at least as many as this
	Services int           // default 40, in dev, staging and prod
	Until    time.Time     // when the history ends
	Length   time.Duration // default 365 days
}

// Repeated is how many releases each service has in what is repeated: 20 in dev, 15 in staging and in prod.
const Repeated = 50

// Fill writes the history to an empty ledger, whose database pool reaches as a superuser: what guards the tables must not
// look at every row. It returns how many releases there are.
func Fill(ctx context.Context, ledger release.Ledger, pool *pgxpool.Pool, s Shape) (int, error) {
	if s.Services == 0 {
		s.Services = 40
	}
	if s.Length == 0 {
		s.Length = 365 * 24 * time.Hour
	}
	s.Until = s.Until.UTC().Truncate(time.Second)
	copies := (s.Releases + s.Services*Repeated - 1) / (s.Services * Repeated)
	span := (s.Length / time.Duration(copies)).Truncate(time.Second)
	if err := tell(ctx, ledger, s, span); err != nil {
		return 0, fmt.Errorf("fill the ledger: %w", err)
	}
	if err := repeat(ctx, pool, copies, span); err != nil {
		return 0, fmt.Errorf("fill the ledger: %w", err)
	}
	return copies * s.Services * Repeated, nil
}

// teller tells the releases of one service in one environment, one after the other in time.
type teller struct {
	ledger      release.Ledger
	random      *rand.Rand
	service     string
	environment string
	began       time.Time
	slot        time.Duration
	told        int
	builds      int
	stable      string // the version that runs
}

// tell tells the services side by side, each with chances of its own.
func tell(ctx context.Context, ledger release.Ledger, s Shape, span time.Duration) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i := range s.Services {
		group.Go(func() error {
			random := rand.New(rand.NewPCG(17, uint64(i)))
			for _, e := range []struct {
				name     string
				releases int
			}{{"dev", 20}, {"staging", 15}, {"prod", 15}} {
				t := teller{
					ledger: ledger, random: random, service: fmt.Sprintf("service-%02d", i+1), environment: e.name,
					began: s.Until.Add(-span), slot: span / time.Duration(e.releases),
				}
				for t.told < e.releases {
					if err := t.next(ctx, e.releases-t.told); err != nil {
						return err
					}
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// next tells of what happens next, in at most so many releases.
func (t *teller) next(ctx context.Context, room int) error {
	p := t.random.IntN(100)
	switch {
	case p < 22 && t.stable != "": // a configuration sync
		return t.say(ctx, release.Stable, t.stable, release.Succeeded)
	case p < 29: // a failure, which what comes next restores
		return t.say(ctx, release.Stable, t.build(), release.Failed)
	case p < 33: // a wobble
		return t.ran(ctx, t.build(), release.Failed, release.Succeeded)
	case p < 36: // taken back, and said so
		return t.say(ctx, release.Stable, t.build(), release.Succeeded, release.RolledBack)
	case p < 40 && room > 1 && t.stable != "": // taken back in git: the version before comes again
		back := t.stable
		if err := t.ran(ctx, t.build(), release.Succeeded); err != nil {
			return err
		}
		return t.ran(ctx, back, release.Succeeded)
	case p < 65 && room > 1 && t.environment == "prod": // a canary, and its promotion
		version := t.build()
		if err := t.say(ctx, release.Canary, version, release.Started, release.Succeeded); err != nil {
			return err
		}
		return t.ran(ctx, version, release.Succeeded)
	}
	return t.ran(ctx, t.build(), release.Started, release.Succeeded)
}

func (t *teller) build() string {
	t.builds++
	return fmt.Sprintf("1.%d.0", t.builds)
}

func (t *teller) ran(ctx context.Context, version string, outcomes ...release.Outcome) error {
	t.stable = version
	return t.say(ctx, release.Stable, version, outcomes...)
}

// say tells the outcomes of one release in a slot of its own.
func (t *teller) say(ctx context.Context, track release.Track, version string, outcomes ...release.Outcome) error {
	within := func(d time.Duration) time.Duration {
		return time.Duration(t.random.Int64N(int64(d))).Truncate(time.Millisecond)
	}
	start := t.began.Add(time.Duration(t.told)*t.slot + within(t.slot/4))
	t.told++
	end, committed := start, start.Add(-time.Minute-within(72*time.Hour))
	actor := "argocd"
	if t.random.IntN(3) == 0 {
		actor = fmt.Sprintf("person-%02d@example.org", t.random.IntN(30))
	}
	for _, outcome := range outcomes {
		d := release.Draft{
			Service: t.service, Environment: t.environment, Track: track, Version: version,
			Revision: fmt.Sprintf("%020x%020d", start.UnixMicro(), t.told), Actor: actor, Outcome: outcome,
			CommittedAt: &committed, StartedAt: &start,
			Artifact: "registry.example.org/" + t.service + ":" + version, Team: "team-" + t.service[len(t.service)-1:],
		}
		if outcome.Ended() {
			end = end.Add(time.Second + within(min(10*time.Minute, t.slot/8)))
			finished := end
			d.FinishedAt = &finished
		}
		if _, _, err := t.ledger.Record(ctx, d, ""); err != nil {
			return err
		}
	}
	return nil
}

// repeat writes every release again, copies-1 times, each time a span earlier. Indexes are made anew afterwards, which takes
// a third of the time.
func repeat(ctx context.Context, pool *pgxpool.Pool, copies int, span time.Duration) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		for _, sql := range []string{
			"SET LOCAL statement_timeout = 0",
			"SET LOCAL maintenance_work_mem = '256MB'",
			// Neither triggers nor references are looked at.
			"SET LOCAL session_replication_role = replica",
		} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		rows, err := tx.Query(ctx, `SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index i
			WHERE indrelid = 'releases'::regclass AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)`)
		if err != nil {
			return err
		}
		type index struct{ Name, Definition string }
		indexes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[index])
		if err != nil {
			return err
		}
		for _, i := range indexes {
			if _, err := tx.Exec(ctx, "DROP INDEX "+i.Name); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, repeatSQL, pgx.QueryExecModeSimpleProtocol, copies, span.Microseconds()); err != nil {
			return err
		}
		for _, i := range indexes {
			if _, err := tx.Exec(ctx, i.Definition); err != nil {
				return err
			}
		}
		return nil
	})
}

// Ids are those of RFC 9562, version 7, by the start, as if each release had been told when it began. What a commit's age
// was, comes from the id, so that no quantile is one value many times.
const repeatSQL = `
CREATE TEMPORARY TABLE again ON COMMIT DROP AS
	SELECT r.id AS of_id, n, n * $2::bigint * interval '-1 us' AS shift,
		(lpad(to_hex((extract(epoch FROM r.started_at + n * $2::bigint * interval '-1 us') * 1000)::bigint), 12, '0')
			|| '7' || substr(h, 1, 3) || '8' || substr(h, 4, 15))::uuid AS id,
		('x' || substr(h, 19, 7))::bit(28)::int AS chance
	FROM releases r CROSS JOIN generate_series(1, $1 - 1) n CROSS JOIN LATERAL (SELECT md5(r.service || r.environment || r.revision || n) AS h) x;
CREATE INDEX ON again (of_id, n);
ANALYZE again;
INSERT INTO releases (id, service, environment, track, version, revision, actor, outcome, committed_at, started_at, succeeded_at,
		finished_at, recorded_at, artifact, team, failed_at, kind, continues, rolled_back_by)
	SELECT a.id, service, environment, track, version || '-' || a.n, revision, actor, outcome,
		started_at + a.shift - interval '1 min' - (a.chance % 259200) * interval '1 s', started_at + a.shift, succeeded_at + a.shift,
		finished_at + a.shift, coalesce(finished_at, started_at) + a.shift, artifact || '-' || a.n, team, failed_at + a.shift, kind, c.id, b.id
	FROM again a JOIN releases r ON r.id = a.of_id
		LEFT JOIN again c ON c.of_id = r.continues AND c.n = a.n
		LEFT JOIN again b ON b.of_id = r.rolled_back_by AND b.n = a.n
	ORDER BY started_at + a.shift;
INSERT INTO release_transitions (release_id, outcome, actor, committed_at, finished_at, recorded_at)
	SELECT a.id, t.outcome, t.actor, r.committed_at, t.finished_at + shift, coalesce(t.finished_at + shift, r.started_at)
	FROM again a JOIN release_transitions t ON t.release_id = a.of_id JOIN releases r ON r.id = a.id
	ORDER BY r.started_at`
