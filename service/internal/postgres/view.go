package postgres

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// The places are those of the kinds of releases that there are, after the place of $3, $4 and $5, as far as is asked for. In each it
// reads the last success before $6, but for those that were rolled back by then: DISTINCT ON would read the whole history. Nothing
// runs where what came last was removed.
const selectRunningAt = `SELECT service, environment, track, version, revision, succeeded_at, id FROM (
	SELECT latest.* FROM (
		SELECT DISTINCT f.service, f.environment, f.track FROM release_facets f
		WHERE f.kind = 'deployment' AND f.outcome IN ('succeeded', 'rolled_back', 'removed')
			AND %[1]s AND ($2 = '' OR f.environment = $2) AND (f.service, f.environment, f.track) > ($3::text, $4::text, $5::text)
		ORDER BY f.service, f.environment, f.track
	) place CROSS JOIN LATERAL (
		SELECT r.service, r.environment, r.track, r.version, r.revision, r.succeeded_at, r.id, r.outcome, r.finished_at FROM releases r
		WHERE r.kind = 'deployment' AND r.succeeded_at IS NOT NULL AND r.succeeded_at <= $6
			AND (r.outcome IN ('succeeded', 'removed') OR r.finished_at > $6)
			AND r.service = place.service AND r.environment = place.environment AND r.track = place.track
		ORDER BY r.succeeded_at DESC, r.id DESC LIMIT 1
	) latest
) last WHERE outcome <> 'removed' OR finished_at > $6
ORDER BY service, environment, track
LIMIT $7`

// RunningAt implements release.Ledger.
func (s *Store) RunningAt(ctx context.Context, f release.RunningFilter) (running []release.Running, err error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	at := f.At
	if at.IsZero() {
		at = s.now()
	}
	of := "($1 = '')"
	if f.Service != "" {
		of = "f.service = $1"
	}
	err = s.read(ctx, "read what runs", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, fmt.Sprintf(selectRunningAt, of), f.Service, f.Environment,
			f.After.Service, f.After.Environment, f.After.Track, at, orElse(f.Limit, release.MaxRunning))
		if err != nil {
			return err
		}
		running, err = pgx.CollectRows(rows, scanRunning)
		return err
	})
	return running, err
}

func scanRunning(row pgx.CollectableRow) (r release.Running, err error) {
	err = row.Scan(&r.Service, &r.Environment, &r.Track, &r.Version, &r.Revision, &r.Since, &r.ReleaseID)
	r.Since = r.Since.UTC()
	return r, err
}

// Each step takes a probe of an index for what runs at its two ends, and, where these differ, one for the release upstream
// that brought what runs here, and one for those that came after it. They differ as releases_standing has it: by the change,
// and by the version where one of the two names no artifact.
var selectLags = `WITH asked AS (
	SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a(service, environment, upstream, place)
), differing AS MATERIALIZED (
	SELECT a.*, here.change, here.version AS own, here.artifact IS NULL AS bare, there.version, there.id, there.actor, there.succeeded_at FROM asked a
	CROSS JOIN LATERAL (` + selectRuns("a.environment") + `) here
	CROSS JOIN LATERAL (` + selectRuns("a.upstream") + `) there
	WHERE here.outcome = 'succeeded' AND there.outcome = 'succeeded' AND here.change <> there.change
		AND NOT (here.version = there.version AND (here.artifact IS NULL) <> (there.artifact IS NULL))
)
SELECT d.service, d.environment, d.upstream, d.version, d.id, d.actor, base.succeeded_at IS NOT NULL,
	waiting.releases, waiting.since
FROM differing d
LEFT JOIN LATERAL (
	SELECT r.succeeded_at FROM releases r
	WHERE r.environment = d.upstream AND r.service = d.service AND r.change = d.change
		AND r.kind = 'deployment' AND r.succeeded_at IS NOT NULL
	ORDER BY r.succeeded_at DESC LIMIT 1
) same ON true
LEFT JOIN LATERAL (
	SELECT max(r.succeeded_at) AS succeeded_at FROM releases r
	WHERE same.succeeded_at IS NULL AND r.service = d.service AND r.environment = d.upstream AND r.track = 'stable' AND r.version = d.own
		AND (r.artifact IS NULL) <> d.bare AND r.kind = 'deployment' AND r.succeeded_at IS NOT NULL
) alike ON true
CROSS JOIN LATERAL (SELECT coalesce(same.succeeded_at, alike.succeeded_at) AS succeeded_at) base
CROSS JOIN LATERAL (
	SELECT count(*) AS releases, min(succeeded_at) AS since FROM (
		SELECT r.succeeded_at FROM releases r
		WHERE r.service = d.service AND r.environment = d.upstream AND r.track = 'stable' AND r.kind = 'deployment'
			AND r.succeeded_at IS NOT NULL AND r.succeeded_at > base.succeeded_at AND r.outcome = 'succeeded'
		ORDER BY r.succeeded_at, r.id LIMIT ` + strconv.Itoa(release.MostBehind) + `
	) after
) waiting
ORDER BY d.place`

// selectRuns selects what came last to the stable half of service a.service in an environment and stayed.
func selectRuns(environment string) string {
	return `SELECT r.id, r.version, r.actor, r.artifact, r.change, r.outcome, r.succeeded_at FROM releases r
		WHERE r.service = a.service AND r.environment = ` + environment + ` AND r.track = 'stable' AND r.kind = 'deployment'
			AND r.succeeded_at IS NOT NULL AND r.outcome IN ('succeeded', 'removed')
		ORDER BY r.succeeded_at DESC, r.id DESC LIMIT 1`
}

// Lags implements release.Ledger.
func (s *Store) Lags(ctx context.Context, steps []release.Step) (lags []release.Lag, err error) {
	if len(steps) == 0 {
		return nil, nil
	}
	services, environments, upstreams := make([]string, len(steps)), make([]string, len(steps)), make([]string, len(steps))
	for i, p := range steps {
		services[i], environments[i], upstreams[i] = p.Service, p.Environment, p.Upstream
	}
	err = s.read(ctx, "compare what runs", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, selectLags, services, environments, upstreams)
		if err != nil {
			return err
		}
		lags, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l release.Lag, err error) {
			var since *time.Time
			err = row.Scan(&l.Service, &l.Environment, &l.Upstream, &l.Version, &l.ReleaseID, &l.Actor, &l.Known, &l.Releases, &since)
			if since != nil {
				l.Since = since.UTC()
			}
			return l, err
		})
		return err
	})
	return lags, err
}

const whereBefore = `WHERE service = $1 AND environment = $2 AND track = $3 AND kind = 'deployment'
	AND succeeded_at IS NOT NULL AND succeeded_at <= $4 AND id <> $5 AND (outcome IN ('succeeded', 'removed') OR finished_at > $4)
	ORDER BY succeeded_at DESC, id DESC LIMIT 1`

// Before implements release.Ledger.
func (s *Store) Before(ctx context.Context, r release.Release) (before release.Release, err error) {
	err = s.read(ctx, "read the release before", func(ctx context.Context) (err error) {
		before, err = one(ctx, s.pool, whereBefore, r.Service, r.Environment, r.Track, r.StartedAt, r.ID)
		return err
	})
	return before, err
}

// History implements release.Ledger.
func (s *Store) History(ctx context.Context, id string) (history []release.Transition, err error) {
	if !release.ValidID(id) {
		return nil, fmt.Errorf("read the history of a release: %w", release.ErrNotFound)
	}
	err = s.read(ctx, "read the history of a release", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT outcome, actor, committed_at, finished_at, recorded_at, coalesce(recorded_via, '') FROM release_transitions
			WHERE release_id = $1 ORDER BY recorded_at, finished_at NULLS FIRST, outcome`, id)
		if err != nil {
			return err
		}
		history, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t release.Transition, err error) {
			err = row.Scan(&t.Outcome, &t.Actor, &t.CommittedAt, &t.FinishedAt, &t.RecordedAt, &t.RecordedVia)
			t.CommittedAt, t.FinishedAt, t.RecordedAt = utc(t.CommittedAt), utc(t.FinishedAt), t.RecordedAt.UTC()
			return t, err
		})
		return err
	})
	return history, err
}

// selectDistinct steps from one value of a column to the next along an index that begins with it.
func selectDistinct(column string) string {
	return `WITH RECURSIVE n AS (
		(SELECT ` + column + ` AS name FROM releases ORDER BY ` + column + ` LIMIT 1)
		UNION ALL
		SELECT (SELECT r.` + column + ` FROM releases r WHERE r.` + column + ` > n.name ORDER BY r.` + column + ` LIMIT 1) FROM n WHERE n.name IS NOT NULL
	) SELECT name FROM n WHERE name IS NOT NULL`
}

// Names implements release.Ledger.
func (s *Store) Names(ctx context.Context) (names release.Names, err error) {
	err = s.read(ctx, "read names", func(ctx context.Context) error {
		var b pgx.Batch
		for _, column := range []string{"service", "environment", "actor"} {
			b.Queue(selectDistinct(column)+" LIMIT $1", release.MaxNames)
		}
		results := s.pool.SendBatch(ctx, &b)
		for _, to := range []*[]string{&names.Services, &names.Environments, &names.Actors} {
			rows, err := results.Query()
			if err == nil {
				*to, err = pgx.CollectRows(rows, pgx.RowTo[string])
			}
			if err != nil {
				return ended(err, results)
			}
		}
		return results.Close()
	})
	return names, err
}
