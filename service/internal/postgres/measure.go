package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// countedAt is when a release counts as a deployment, in the words of the index releases_counted.
const countedAt = `(CASE WHEN r.succeeded_at IS NOT NULL THEN r.succeeded_at
	WHEN r.outcome IN ('failed', 'rolled_back') THEN r.finished_at ELSE r.failed_at END)`

// measureOpen measures days from their releases, by the definitions of release.Measures. It follows a table "open" of environment,
// began and ended, and gives a table "events" with a row for each delivery that counts in one of them and for each change that was
// first deployed in one. Every step is one along an index; OFFSET 0 keeps the planner from another.
const measureOpen = `counted AS MATERIALIZED (
	SELECT open.*, r.* FROM open CROSS JOIN LATERAL (
		SELECT r.service, r.change, r.succeeded_at, coalesce(r.continues, r.id) AS delivery FROM releases r
		WHERE r.environment = open.environment AND r.kind = 'deployment'
			AND ` + countedAt + ` >= open.began AND ` + countedAt + ` < open.ended
		OFFSET 0
	) r
), delivered AS (
	SELECT environment, began, ended, service, delivery,
		coalesce(min(at) FILTER (WHERE succeeded_at IS NOT NULL), min(at)) AS at,
		(array_agg(team ORDER BY started_at, id) FILTER (WHERE team IS NOT NULL))[1] AS team,
		bool_or(bad) AS bad,
		CASE WHEN bool_and(NOT bad OR until IS NOT NULL) THEN max(until) FILTER (WHERE bad) - min(since) FILTER (WHERE bad) END AS took
	FROM (
		SELECT c.environment, c.began, c.ended, c.service, c.delivery, r.id, r.started_at, r.team, r.succeeded_at, ` + countedAt + ` AS at,
			r.outcome = 'rolled_back' OR r.outcome = 'failed' OR r.failed_at IS NOT NULL AS bad,
			CASE WHEN r.outcome = 'rolled_back' THEN coalesce(r.failed_at, r.succeeded_at, r.started_at)
				ELSE coalesce(r.failed_at, r.finished_at) END AS since,
			CASE WHEN r.outcome = 'rolled_back' THEN r.finished_at
				WHEN r.succeeded_at IS NOT NULL THEN r.succeeded_at
				WHEN r.outcome = 'failed' OR r.failed_at IS NOT NULL THEN (
					SELECT n.succeeded_at FROM releases n
					WHERE n.service = r.service AND n.environment = r.environment AND n.track = r.track AND n.kind = 'deployment'
						AND n.succeeded_at IS NOT NULL AND n.outcome IN ('succeeded', 'removed')
						AND n.succeeded_at >= coalesce(r.failed_at, r.finished_at)
					ORDER BY n.succeeded_at LIMIT 1)
			END AS until
		FROM (SELECT DISTINCT environment, began, ended, service, delivery FROM counted) c CROSS JOIN LATERAL (
			SELECT * FROM releases r WHERE r.id = c.delivery
			UNION ALL SELECT * FROM releases r WHERE r.continues = c.delivery
			OFFSET 0
		) r
		WHERE r.kind = 'deployment'
	) r WHERE at IS NOT NULL
	GROUP BY environment, began, ended, service, delivery
), events AS (
	SELECT environment, began, service, coalesce(team, '') AS team, at, false AS lead, bad, CASE WHEN took < '0' THEN '0' ELSE took END AS took
	FROM delivered WHERE at >= began AND at < ended
	UNION ALL
	SELECT c.environment, c.began, c.service, coalesce(f.team, ''), f.at, true, false, greatest(f.at - f.committed_at, '0')
	FROM (SELECT DISTINCT environment, began, ended, service, change FROM counted WHERE succeeded_at IS NOT NULL) c CROSS JOIN LATERAL (
		SELECT min(r.succeeded_at) AS at, min(r.committed_at) AS committed_at,
			(array_agg(r.team ORDER BY r.succeeded_at, r.id))[1] AS team
		FROM releases r
		WHERE r.environment = c.environment AND r.service = c.service AND r.change = c.change
			AND r.kind = 'deployment' AND r.succeeded_at IS NOT NULL
	) f
	WHERE f.at >= c.began AND f.at < c.ended AND f.committed_at IS NOT NULL
)`

// measuredColumns are those of measured_days that events make.
const measuredColumns = `count(*) FILTER (WHERE NOT lead) AS deployments, count(*) FILTER (WHERE bad) AS failures,
	coalesce(string_agg(int8send((extract(epoch FROM at) * 1000000)::bigint), '' ORDER BY at) FILTER (WHERE NOT lead), '') AS deployed_at,
	coalesce(string_agg(int8send(coalesce((extract(epoch FROM took) * 1000000)::bigint, -1)), '' ORDER BY took, at) FILTER (WHERE bad), '') AS restores,
	coalesce(string_agg(int8send((extract(epoch FROM at) * 1000000)::bigint), '' ORDER BY took, at) FILTER (WHERE bad), '') AS restores_of,
	coalesce(string_agg(int8send((extract(epoch FROM took) * 1000000)::bigint), '' ORDER BY took, at) FILTER (WHERE lead), '') AS leads,
	coalesce(string_agg(int8send((extract(epoch FROM at) * 1000000)::bigint), '' ORDER BY took, at) FILTER (WHERE lead), '') AS leads_of`

// selectMeasured reads the days that a window touches: those that are measured already, and what the others come to. It is one
// statement, so that what it finds measured and what it finds open are of one moment. Of the two days at the edges alone it is
// asked when each thing was.
const selectMeasured = `WITH touched AS (
	SELECT e.environment, d.at AS began, d.at + interval '1 day' AS ended
	FROM unnest($1::text[]) e(environment) CROSS JOIN unnest($2::timestamptz[]) d(at)
), open AS MATERIALIZED (
	SELECT t.* FROM touched t WHERE NOT EXISTS (SELECT FROM measured_days m
		WHERE m.environment = t.environment AND m.day = (t.began AT TIME ZONE 'UTC')::date AND m.service = '' AND m.team = '')
), ` + measureOpen + `, found AS (
	SELECT m.day, m.deployments, m.failures, m.deployed_at, m.restores, m.restores_of, m.leads, m.leads_of
	FROM measured_days m WHERE m.environment = ANY($1) AND %s
		AND m.day >= ($3::date[])[1] AND m.day <= ($3::date[])[2]
	UNION ALL
	SELECT (began AT TIME ZONE 'UTC')::date, ` + measuredColumns + ` FROM events
	WHERE ($4 = '' OR service = $4) AND ($5 = '' OR team = $5)
	GROUP BY environment, began
)
SELECT day, deployments, failures,
	CASE WHEN day = ANY($3::date[]) THEN deployed_at END, restores,
	CASE WHEN day = ANY($3::date[]) THEN restores_of END, leads,
	CASE WHEN day = ANY($3::date[]) THEN leads_of END
FROM found`

// measuredOf is which rows of measured_days a scope means, each kind along an index of its own.
func measuredOf(scope release.Scope) string {
	switch {
	case scope.Service != "" && scope.Team != "":
		return "m.service = $4 AND m.team = $5"
	case scope.Service != "":
		return "m.service = $4 AND $5 = ''"
	case scope.Team != "":
		return "m.team = $5 AND m.service > $4"
	}
	return "m.service = $4 AND m.team = $5"
}

// Measures implements release.Ledger, over the deployments to Options.Production where no environment is asked for.
func (s *Store) Measures(ctx context.Context, scope release.Scope, window time.Duration, now time.Time) (release.Measures, error) {
	if err := release.ValidateWindow(window); err != nil {
		return release.Measures{}, err
	}
	if err := scope.Validate(); err != nil {
		return release.Measures{}, err
	}
	from, to := now.Add(-window).UTC(), now.UTC()
	first, last := from.Truncate(24*time.Hour), to.Add(-1).Truncate(24*time.Hour)
	var days []time.Time
	for day := first; !day.After(last); day = day.Add(24 * time.Hour) {
		days = append(days, day)
	}
	var environments []string
	var tallies []release.Tally
	err := s.read(ctx, "measure deployments", func(ctx context.Context) (err error) {
		if environments, err = s.environments(ctx, scope); err != nil {
			return err
		}
		tallies = make([]release.Tally, len(days))
		rows, err := s.pool.Query(ctx, fmt.Sprintf(selectMeasured, measuredOf(scope)), environments, days, []time.Time{first, last},
			scope.Service, scope.Team)
		if err != nil {
			return err
		}
		return tally(rows, tallies, first, from, to)
	})
	if err != nil {
		return release.Measures{}, err
	}
	m := release.Sum(tallies, from, to)
	m.Environments = environments
	return m, nil
}

// tally adds the rows of selectMeasured to the days from first on, without what was before from and from to on.
func tally(rows pgx.Rows, tallies []release.Tally, first, from, to time.Time) error {
	edge := func(day time.Time) bool { return day.Before(from) || day.Add(24*time.Hour).After(to) }
	// The next whole microsecond, which is what times are kept in.
	begin, end := from.Add(time.Microsecond-1).UnixMicro(), to.Add(time.Microsecond-1).UnixMicro()
	within := func(at int64) bool { return at >= begin && at < end }
	var (
		day                                            time.Time
		deployments, failures                          int
		deployed, restores, restoresOf, leads, leadsOf []byte
	)
	_, err := pgx.ForEachRow(rows, []any{&day, &deployments, &failures, &deployed, &restores, &restoresOf, &leads, &leadsOf}, func() error {
		t := &tallies[int(day.Sub(first)/(24*time.Hour))]
		keep := func(int64) bool { return true }
		if edge(day) {
			keep = within
			deployments, failures = 0, 0
			for i := range len(deployed) / 8 {
				if keep(number(deployed, i)) {
					deployments++
				}
			}
			for i := range len(restoresOf) / 8 {
				if keep(number(restoresOf, i)) {
					failures++
				}
			}
		}
		t.Deployments += deployments
		t.Failures += failures
		t.Restores = add(t.Restores, restores, restoresOf, keep)
		t.Leads = add(t.Leads, leads, leadsOf, keep)
		return nil
	})
	return err
}

// number is the i-th of a column of numbers.
func number(column []byte, i int) int64 { return int64(binary.BigEndian.Uint64(column[8*i:])) }

// add appends the lengths of column, in order, to all; those of which is known when they were, if keep lets them. What is below
// zero is not known.
func add(all []time.Duration, column, at []byte, keep func(at int64) bool) []time.Duration {
	all = slices.Grow(all, len(column)/8)
	sorted := len(all)
	for i := range len(column) / 8 {
		if len(at) > 0 && !keep(number(at, i)) {
			continue
		}
		if n := number(column, i); n >= 0 {
			all = append(all, time.Duration(n)*time.Microsecond)
		}
	}
	if sorted > 0 {
		slices.Sort(all)
	}
	return all
}

// closeDay measures one day of an environment, and every service and team of it.
const closeDay = `WITH open AS (
	SELECT $1::text AS environment, $2::timestamptz AS began, $2::timestamptz + interval '1 day' AS ended
), ` + measureOpen + `
INSERT INTO measured_days (environment, day, service, team, deployments, failures, deployed_at, restores, restores_of, leads, leads_of)
SELECT $1, ($2 AT TIME ZONE 'UTC')::date, coalesce(service, ''), coalesce(team, ''), ` + measuredColumns + `
FROM events GROUP BY GROUPING SETS ((), (service, team))
ON CONFLICT (environment, day, service, team) DO NOTHING`

// CloseDays measures the days that are over and open, as far back as two of the longest windows reach, and returns how many.
func (s *Store) CloseDays(ctx context.Context, now time.Time) (n int64, err error) {
	today := now.UTC().Truncate(24 * time.Hour)
	type open struct {
		Environment string
		Began       time.Time
	}
	var all []open
	err = try(ctx, "find open days", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, selectOpenDays, today.Add(-2*release.MaxWindow-24*time.Hour), today.Add(-24*time.Hour))
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, pgx.RowToStructByPos[open])
		return err
	})
	if err != nil {
		return 0, err
	}
	// The latest first: it is in the most windows.
	sort.SliceStable(all, func(i, j int) bool { return all[i].Began.After(all[j].Began) })
	for _, o := range all {
		closed := false
		err := try(ctx, "measure a day", func(ctx context.Context) error {
			return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
				// Who holds it, changes something of that day, or measures it: another time, then.
				err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock(hashtext($1), ($2 AT TIME ZONE 'UTC')::date - '2000-01-01'::date)",
					o.Environment, o.Began).Scan(&closed)
				if err != nil || !closed {
					return err
				}
				// Whatever is known of the tables, such as nothing after an upgrade, one day is no reason to read all.
				if _, err := tx.Exec(ctx, "SET LOCAL enable_seqscan = off"); err != nil {
					return err
				}
				_, err = tx.Exec(ctx, closeDay, o.Environment, o.Began)
				return err
			})
		})
		if err != nil {
			return n, err
		}
		if closed {
			n++
		}
	}
	return n, nil
}

var selectOpenDays = `SELECT e.environment, d.at FROM (` + selectDistinct("environment") + `) e(environment)
	CROSS JOIN LATERAL (SELECT started_at FROM releases r WHERE r.environment = e.environment ORDER BY r.environment, r.started_at LIMIT 1) began
	CROSS JOIN LATERAL generate_series(greatest($1::timestamptz, date_trunc('day', began.started_at, 'UTC')), $2::timestamptz, interval '1 day') d(at)
WHERE NOT EXISTS (SELECT FROM measured_days m
	WHERE m.environment = e.environment AND m.day = (d.at AT TIME ZONE 'UTC')::date AND m.service = '' AND m.team = '')`
