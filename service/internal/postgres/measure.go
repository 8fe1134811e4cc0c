package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

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

// selectMeasured reads the days that a span of time touches: those that are measured already, of the others the hours that are, and
// what the rest comes to. It is one statement, so that what it finds measured and what it finds open are of one moment. Of the days in
// which a window begins or ends alone it is asked when each thing was.
const selectMeasured = `WITH touched AS (
	SELECT e.environment, d.at AS began, d.at + interval '1 day' AS ended
	FROM unnest($1::text[]) e(environment) CROSS JOIN unnest($2::timestamptz[]) d(at)
), open_day AS MATERIALIZED (
	SELECT t.* FROM touched t WHERE NOT EXISTS (SELECT FROM measured_days m
		WHERE m.environment = t.environment AND m.day = (t.began AT TIME ZONE 'UTC')::date AND m.service = '' AND m.team = '')
), open AS MATERIALIZED (
	SELECT environment, began, ended FROM (
		SELECT environment, lag(after) OVER (PARTITION BY environment, day ORDER BY before, after) AS began, before AS ended FROM (
			SELECT d.environment, d.began AS day, m.hour AS before, m.hour + interval '1 hour' AS after
			FROM open_day d CROSS JOIN LATERAL (SELECT m.hour FROM measured_hours m
				WHERE m.environment = d.environment AND m.service = '' AND m.team = '' AND m.hour >= d.began AND m.hour < d.ended OFFSET 0) m
			UNION ALL SELECT environment, began, began, began FROM open_day
			UNION ALL SELECT environment, began, ended, ended FROM open_day
		) edge
	) gap WHERE began < ended
), ` + measureOpen + `, found AS (
	SELECT m.day, m.deployments, m.failures, m.deployed_at, m.restores, m.restores_of, m.leads, m.leads_of
	FROM measured_days m WHERE m.environment = ANY($1) AND %[1]s
		AND m.day >= $6::date AND m.day <= $7::date
	UNION ALL
	SELECT (d.began AT TIME ZONE 'UTC')::date, m.deployments, m.failures, m.deployed_at, m.restores, m.restores_of, m.leads, m.leads_of
	FROM open_day d CROSS JOIN LATERAL (SELECT * FROM measured_hours m
		WHERE m.environment = d.environment AND %[1]s AND m.hour >= d.began AND m.hour < d.ended OFFSET 0) m
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

// measuredOf is which rows of measured_days and measured_hours a scope means, each kind along an index of its own.
func measuredOf(scope release.Scope) string {
	switch {
	case scope.Service != "" && scope.Team != "":
		return "m.service = $4 AND m.team = $5"
	case scope.Service != "":
		return "m.service = $4 AND $5 = ''"
	case scope.Team != "":
		return "m.team = $5 AND m.service > $4"
	}
	return "m.service = '' AND m.team = ''"
}

// Measures implements release.Ledger, over the deployments to Options.Production where no environment is asked for.
func (s *Store) Measures(ctx context.Context, scope release.Scope, window time.Duration, now time.Time) (release.Measures, error) {
	all, err := s.measures(ctx, scope, window, now, 1)
	if err != nil {
		return release.Measures{}, err
	}
	return all[0], nil
}

// MeasuresAndBefore implements release.Ledger, as Measures does.
func (s *Store) MeasuresAndBefore(ctx context.Context, scope release.Scope, window time.Duration, now time.Time) (m, before release.Measures, err error) {
	all, err := s.measures(ctx, scope, window, now, 2)
	if err != nil {
		return m, before, err
	}
	return all[0], all[1], nil
}

// measures are those of the window that ends now, and of so many in all, each of which ends where the one before begins. They are
// read at once, and so of one moment.
func (s *Store) measures(ctx context.Context, scope release.Scope, window time.Duration, now time.Time, n int) ([]release.Measures, error) {
	if err := release.ValidateWindow(window); err != nil {
		return nil, err
	}
	if err := scope.Validate(); err != nil {
		return nil, err
	}
	spans := make([]span, n)
	var edges []time.Time
	for i := range spans {
		spans[i] = spanOf(now.Add(-window), now)
		edges = append(edges, spans[i].first, spans[i].last)
		now = now.Add(-window)
	}
	var days []time.Time
	for day := spans[n-1].first; !day.After(spans[0].last); day = day.Add(24 * time.Hour) {
		days = append(days, day)
	}
	var environments []string
	err := s.read(ctx, "measure deployments", func(ctx context.Context) (err error) {
		if environments, err = s.environments(ctx, scope); err != nil {
			return err
		}
		for i := range spans {
			spans[i].clear()
		}
		rows, err := s.pool.Query(ctx, fmt.Sprintf(selectMeasured, measuredOf(scope)), environments, days, edges,
			scope.Service, scope.Team, days[0], days[len(days)-1])
		if err != nil {
			return err
		}
		return tally(rows, spans)
	})
	if err != nil {
		return nil, err
	}
	all := make([]release.Measures, n)
	for i, w := range spans {
		all[i] = release.Sum(w.tallies, w.from, w.to)
		all[i].Environments = environments
	}
	return all, nil
}

// span is a window with the days that it touches.
type span struct {
	from, to    time.Time
	first, last time.Time // day
	tallies     []release.Tally
	begin, end  int64 // from and to in whole microseconds, which is what times are kept in, the next one each
}

func spanOf(from, to time.Time) span {
	from, to = from.UTC(), to.UTC()
	return span{
		from: from, to: to, first: from.Truncate(24 * time.Hour), last: to.Add(-1).Truncate(24 * time.Hour),
		begin: from.Add(time.Microsecond - 1).UnixMicro(), end: to.Add(time.Microsecond - 1).UnixMicro(),
	}
}

func (w *span) clear() {
	w.tallies = make([]release.Tally, int(w.last.Sub(w.first)/(24*time.Hour))+1)
}

func (w *span) within(at int64) bool { return at >= w.begin && at < w.end }

// counted is a row of selectMeasured.
type counted struct {
	day                                            time.Time
	deployments, failures                          int
	deployed, restores, restoresOf, leads, leadsOf []byte
}

// tally adds the rows of selectMeasured to the days of each window.
func tally(rows pgx.Rows, spans []span) error {
	var c counted
	// What a row holds is read before the next one comes, and is not copied.
	deployed, restores, restoresOf := (*pgtype.DriverBytes)(&c.deployed), (*pgtype.DriverBytes)(&c.restores), (*pgtype.DriverBytes)(&c.restoresOf)
	leads, leadsOf := (*pgtype.DriverBytes)(&c.leads), (*pgtype.DriverBytes)(&c.leadsOf)
	_, err := pgx.ForEachRow(rows, []any{&c.day, &c.deployments, &c.failures, deployed, restores, restoresOf, leads, leadsOf}, func() error {
		for i := range spans {
			spans[i].add(c)
		}
		return nil
	})
	for _, w := range spans {
		for i := range w.tallies {
			inOrder(w.tallies[i].Restores)
			inOrder(w.tallies[i].Leads)
		}
	}
	return err
}

// add adds what of a row is in the window. Of a day, or an environment, there may be several.
func (w *span) add(c counted) {
	if c.day.Before(w.first) || c.day.After(w.last) {
		return
	}
	t := &w.tallies[int(c.day.Sub(w.first)/(24*time.Hour))]
	if !c.day.Before(w.from) && !c.day.Add(24*time.Hour).After(w.to) {
		t.Deployments += c.deployments
		t.Failures += c.failures
		t.Restores = appendTimes(t.Restores, c.restores)
		t.Leads = appendTimes(t.Leads, c.leads)
		return
	}
	for i := range len(c.deployed) / 8 {
		if w.within(number(c.deployed, i)) {
			t.Deployments++
		}
	}
	for i := range len(c.restoresOf) / 8 {
		if w.within(number(c.restoresOf, i)) {
			t.Failures++
		}
	}
	t.Restores = w.appendTimes(t.Restores, c.restores, c.restoresOf)
	t.Leads = w.appendTimes(t.Leads, c.leads, c.leadsOf)
}

// number is the i-th of a column of numbers.
func number(column []byte, i int) int64 { return int64(binary.BigEndian.Uint64(column[8*i:])) }

// appendTimes appends the lengths of column to all. What is below zero is not known.
func appendTimes(all []time.Duration, column []byte) []time.Duration {
	all = slices.Grow(all, len(column)/8)
	for i := range len(column) / 8 {
		if n := number(column, i); n >= 0 {
			all = append(all, time.Duration(n)*time.Microsecond)
		}
	}
	return all
}

// appendTimes is appendTimes for those whose moment, in at, is in the window.
func (w *span) appendTimes(all []time.Duration, column, at []byte) []time.Duration {
	for i := range len(column) / 8 {
		if n := number(column, i); n >= 0 && w.within(number(at, i)) {
			all = append(all, time.Duration(n)*time.Microsecond)
		}
	}
	return all
}

// inOrder sorts what comes from several rows; each by itself is in order.
func inOrder(all []time.Duration) {
	if !slices.IsSorted(all) {
		slices.Sort(all)
	}
}

// insertMeasured measures a stretch of time in an environment, and every service and team of it, into a table whose key begins with
// the environment and when the stretch began.
func insertMeasured(table, key, length, began string) string {
	return `WITH open AS (
	SELECT $1::text AS environment, $2::timestamptz AS began, $2::timestamptz + interval '` + length + `' AS ended
), ` + measureOpen + `
INSERT INTO ` + table + ` (environment, ` + key + `, service, team, deployments, failures, deployed_at, restores, restores_of, leads, leads_of)
SELECT $1, ` + began + `, coalesce(service, ''), coalesce(team, ''), ` + measuredColumns + `
FROM events GROUP BY GROUPING SETS ((), (service, team))
ON CONFLICT (environment, ` + key + `, service, team) DO NOTHING`
}

// stretch is what is measured at once.
type stretch struct{ open, lock, insert string }

var (
	overDay = stretch{
		open: `SELECT e.environment, d.at FROM (` + selectDistinct("environment") + `) e(environment)
	CROSS JOIN LATERAL (SELECT started_at FROM releases r WHERE r.environment = e.environment ORDER BY r.environment, r.started_at LIMIT 1) began
	CROSS JOIN LATERAL generate_series(greatest($1::timestamptz, date_trunc('day', began.started_at, 'UTC')), $2::timestamptz, interval '1 day') d(at)
WHERE NOT EXISTS (SELECT FROM measured_days m
	WHERE m.environment = e.environment AND m.day = (d.at AT TIME ZONE 'UTC')::date AND m.service = '' AND m.team = '')`,
		lock:   "($2 AT TIME ZONE 'UTC')::date - '2000-01-01'::date",
		insert: insertMeasured("measured_days", "day", "1 day", "($2 AT TIME ZONE 'UTC')::date"),
	}
	// Of what has no release in it there is nothing to measure ahead.
	overHour = stretch{
		open: `SELECT e.environment, d.at FROM (` + selectDistinct("environment") + `) e(environment)
	CROSS JOIN LATERAL generate_series($1::timestamptz, $2::timestamptz, interval '1 hour') d(at)
WHERE EXISTS (SELECT FROM releases r WHERE r.environment = e.environment AND r.kind = 'deployment'
		AND ` + countedAt + ` >= $1 AND ` + countedAt + ` < $2::timestamptz + interval '1 hour')
	AND NOT EXISTS (SELECT FROM measured_hours m WHERE m.environment = e.environment AND m.hour = d.at AND m.service = '' AND m.team = '')`,
		lock:   "measured_hours_lock($2)",
		insert: insertMeasured("measured_hours", "hour", "1 hour", "$2::timestamptz"),
	}
)

// CloseDays measures the days that are over and open, as far back as two of the longest windows reach, and the hours of today that
// are, and returns how many days it measured.
func (s *Store) CloseDays(ctx context.Context, now time.Time) (n int64, err error) {
	hour := now.UTC().Truncate(time.Hour)
	today := hour.Truncate(24 * time.Hour)
	if n, err = s.close(ctx, overDay, today.Add(-2*release.MaxWindow-24*time.Hour), today.Add(-24*time.Hour)); err != nil {
		return n, err
	}
	err = try(ctx, "forget the hours of days that are measured", func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, `DELETE FROM measured_hours WHERE hour < $1`, today.Add(-24*time.Hour))
		return err
	})
	if err != nil || hour.Equal(today) {
		return n, err
	}
	_, err = s.close(ctx, overHour, today, hour.Add(-time.Hour))
	return n, err
}

// close measures what of a kind of stretch is open between two, and returns how many.
func (s *Store) close(ctx context.Context, kind stretch, first, last time.Time) (n int64, err error) {
	type open struct {
		Environment string
		Began       time.Time
	}
	var all []open
	err = try(ctx, "find what is to be measured", func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, kind.open, first, last)
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
		err := try(ctx, "measure what is over", func(ctx context.Context) error {
			return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
				// Who holds it, changes something of that time, or measures it: another time, then.
				err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock(hashtext($1), "+kind.lock+")", o.Environment, o.Began).Scan(&closed)
				if err != nil || !closed {
					return err
				}
				// Whatever is known of the tables, such as nothing after an upgrade, one day is no reason to read all.
				if _, err := tx.Exec(ctx, "SET LOCAL enable_seqscan = off"); err != nil {
					return err
				}
				_, err = tx.Exec(ctx, kind.insert, o.Environment, o.Began)
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
