package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// ledgerItself is who says what nobody has said.
const ledgerItself = "ledger"

// TimeOut ends the releases that began before then and of which nobody has said how they ended, and returns how many.
// News that comes later is heard all the same.
func (s *Store) TimeOut(ctx context.Context, then time.Time) (n int64, err error) {
	now := s.now()
	var services []release.Place
	err = try(ctx, "time releases out", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, `SELECT DISTINCT service, environment FROM releases WHERE outcome = 'started' AND started_at < $1`, then)
		if err != nil {
			return err
		}
		services, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p release.Place, err error) {
			err = row.Scan(&p.Service, &p.Environment)
			return p, err
		})
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, p := range services {
		var some int64
		err := try(ctx, "time releases out", func(ctx context.Context) error {
			return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, "SELECT releases_lock($1, $2)", p.Service, p.Environment); err != nil {
					return err
				}
				// When it ended is not known. It is given up now.
				tag, err := tx.Exec(ctx, `WITH r AS (
						UPDATE releases SET outcome = 'timed_out', finished_at = greatest($4, started_at)
						WHERE service = $1 AND environment = $2 AND outcome = 'started' AND started_at < $3
						RETURNING id, outcome, finished_at
					)
					INSERT INTO release_transitions (release_id, outcome, actor, finished_at, recorded_at)
					SELECT id, outcome, $5, finished_at, $4 FROM r`, p.Service, p.Environment, then, now, ledgerItself)
				some = tag.RowsAffected()
				return err
			})
		})
		if err != nil {
			return n, err
		}
		n += some
	}
	return n, nil
}

// forgetAtOnce bounds what one transaction deletes, and so the locks that it holds: one for each day of an environment that is opened,
// of the 64 for each connection that PostgreSQL has room for by default.
const forgetAtOnce = 1_000

// Forget deletes the releases that began before then, with what was said of them, and returns how many. What runs stays
// however old it is, and so does, of each place, the last deployment before then: what follows it is compared with it.
func (s *Store) Forget(ctx context.Context, then time.Time) (n int64, err error) {
	for {
		var some int64
		err := try(ctx, "forget releases", func(ctx context.Context) error {
			return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
				// Nothing else may delete from the history.
				if _, err := tx.Exec(ctx, "SET LOCAL ledger.forget = 'on'"); err != nil {
					return err
				}
				tag, err := tx.Exec(ctx, `WITH old AS MATERIALIZED (
						SELECT id FROM releases r WHERE started_at < $1 AND CASE
							WHEN kind = 'configuration' THEN true
							WHEN outcome = 'removed' AND NOT EXISTS (SELECT FROM releases b
								WHERE b.service = r.service AND b.environment = r.environment AND b.track = r.track AND b.outcome = 'succeeded')
								THEN true
							ELSE EXISTS (SELECT FROM releases b
									WHERE b.service = r.service AND b.environment = r.environment AND b.track = r.track
										AND b.kind = 'deployment' AND b.started_at < $1 AND (b.started_at, b.id) > (r.started_at, r.id))
								AND (outcome <> 'succeeded' OR EXISTS (SELECT FROM releases b
									WHERE b.service = r.service AND b.environment = r.environment AND b.track = r.track
										AND b.kind = 'deployment' AND b.outcome IN ('succeeded', 'removed') AND b.succeeded_at IS NOT NULL
										AND (b.succeeded_at, b.id) > (r.succeeded_at, r.id)))
						END
						ORDER BY started_at LIMIT $2
					), said AS (
						DELETE FROM release_transitions WHERE release_id IN (SELECT id FROM old)
					), keys AS (
						DELETE FROM idempotency_keys WHERE release_id IN (SELECT id FROM old)
					)
					DELETE FROM releases WHERE id IN (SELECT id FROM old)`, then, forgetAtOnce)
				some = tag.RowsAffected()
				return err
			})
		})
		if err != nil {
			return n, err
		}
		if n += some; some < forgetAtOnce {
			return n, nil
		}
	}
}
