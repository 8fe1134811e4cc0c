package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// lookedThrough is how many of the newest releases a search with several conditions looks through, before it goes to each kind of
// release by itself: what is frequent is among them, and what is rare is not sought among all.
const lookedThrough = 1000

// search is a Filter in SQL, whose releases are called r.
type search struct {
	args    []any
	leading string   // the condition along whose index the newest are found, "" for none
	facet   []string // conditions on what a row of release_facets tells
	rest    []string // the other ones, but for bounds
	bounds  []string // on (started_at, id)
	limit   int
}

func searchOf(f release.Filter, after *release.Position, limit int) *search {
	q := &search{limit: limit}
	for _, c := range []struct {
		column, value string
		facet, index  bool
	}{
		// The first that is asked for, leads.
		{"version", f.Version, false, true},
		{"service", f.Service, true, true},
		{"actor", f.Actor, false, true},
		{"outcome", string(f.Outcome), true, true},
		{"environment", f.Environment, true, true},
		{"track", string(f.Track), true, false},
		{"kind", string(f.Kind), true, false},
	} {
		if c.value == "" {
			continue
		}
		condition := c.column + " = " + q.arg(c.value)
		if c.facet {
			q.facet = append(q.facet, condition)
		} else {
			q.rest = append(q.rest, "r."+condition)
		}
		if c.index && q.leading == "" {
			q.leading = "r." + condition
		}
	}
	if !f.From.IsZero() {
		q.bounds = append(q.bounds, "r.started_at >= "+q.arg(f.From))
	}
	if !f.To.IsZero() {
		q.bounds = append(q.bounds, "r.started_at < "+q.arg(f.To))
	}
	if after != nil {
		q.bounds = append(q.bounds, "(r.started_at, r.id) < ("+q.arg(after.StartedAt)+", "+q.arg(after.ID)+")")
	}
	return q
}

func (q *search) arg(v any) string {
	q.args = append(q.args, v)
	return "$" + strconv.Itoa(len(q.args))
}

func where(conditions ...string) string {
	conditions = slices.DeleteFunc(conditions, func(c string) bool { return c == "" })
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}

const newestFirst = " ORDER BY started_at DESC, id DESC LIMIT "

// whole reports whether there is an index for all that is asked.
func (q *search) whole() bool {
	n := len(q.facet) + len(q.rest)
	return n == 0 || n == 1 && q.leading != ""
}

// newest selects along one index. Of several conditions it looks through the newest releases that meet the first alone.
func (q *search) newest() string {
	if q.whole() {
		return selectFrom + "releases r" + where(append([]string{q.leading}, q.bounds...)...) + newestFirst + strconv.Itoa(q.limit)
	}
	return selectFrom + "(SELECT * FROM releases r" + where(append([]string{q.leading}, q.bounds...)...) + newestFirst + strconv.Itoa(lookedThrough) + ") r" +
		where(slices.Concat(q.facet, q.rest)...) + newestFirst + strconv.Itoa(q.limit)
}

// each selects the newest of every facet that is asked for, and of these the newest.
func (q *search) each() string {
	limit := strconv.Itoa(q.limit)
	return "WITH facet AS MATERIALIZED (SELECT * FROM release_facets" + where(q.facet...) + ") " + selectFrom + `(
		SELECT r.* FROM (
			SELECT found.id, found.started_at FROM facet f CROSS JOIN LATERAL (SELECT r.id, r.started_at FROM releases r` +
		where(slices.Concat([]string{
			"r.service = f.service AND r.environment = f.environment AND r.track = f.track AND r.kind = f.kind AND r.outcome = f.outcome",
		}, q.rest, q.bounds)...) + newestFirst + limit + `) found` + newestFirst + limit + `
		) found CROSS JOIN LATERAL (SELECT * FROM releases WHERE id = found.id OFFSET 0) r
	) r ORDER BY started_at DESC, id DESC`
}

// Releases implements release.Ledger. Pages are in order of (started_at, id), which never change, and a cursor is such
// a pair: what is recorded meanwhile shifts nothing.
func (s *Store) Releases(ctx context.Context, f release.Filter) (release.Page, error) {
	if err := f.Validate(); err != nil {
		return release.Page{}, err
	}
	after, err := f.Position()
	if err != nil {
		return release.Page{}, err
	}
	limit := orElse(f.Limit, release.DefaultLimit)
	// One more than the page holds tells whether there is another page.
	q := searchOf(f, after, limit+1)
	var found []release.Release
	err = s.read(ctx, "list releases", func(ctx context.Context) (err error) {
		if found, err = s.found(ctx, q.newest(), q.args); err != nil || len(found) == q.limit || q.whole() {
			return err
		}
		found, err = s.found(ctx, q.each(), q.args)
		return err
	})
	if err != nil {
		return release.Page{}, err
	}
	if len(found) <= limit {
		return release.Page{Releases: found}, nil
	}
	found = found[:limit]
	last := found[limit-1]
	next, err := f.CursorAt(release.Position{StartedAt: *last.StartedAt, ID: last.ID})
	if err != nil {
		return release.Page{}, fmt.Errorf("list releases: %w", err)
	}
	return release.Page{Releases: found, Next: next}, nil
}

func (s *Store) found(ctx context.Context, sql string, args []any) ([]release.Release, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanRelease)
}
