package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
	"github.com/kgate-dev/gitops/service/internal/seed"
)

// statement is what a store has sent.
type statement struct {
	sql  string
	args []any
}

// recorder keeps the statements that a store sends.
type recorder struct {
	mu  sync.Mutex
	all []statement
}

func (r *recorder) add(sql string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, statement{sql, args})
}

func (r *recorder) taken() []statement {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	r.add(q.SQL, q.Args)
	return ctx
}

func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	for _, q := range b.Batch.QueuedQueries {
		r.add(q.SQL, q.Arguments)
	}
	return ctx
}

func (*recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData)     {}
func (*recorder) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (*recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// TestPlans does what every request does on a ledger of 50,000 releases and asks the database how it would: no statement reads a table
// through, and none sorts a history. The plans are those that are made once for all values, as with every statement of the store.
func TestPlans(t *testing.T) {
	heard := &recorder{}
	s := open(t, Options{URL: postgrestest.URL(t), MaxConns: 4, Tracer: heard})
	ctx := t.Context()
	if err := s.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := seed.Fill(ctx, s, s.pool, seed.Shape{Releases: 50_000, Services: 10, Until: noon}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CloseDays(ctx, noon.Add(-24*time.Hour)); err != nil { // so that one day is open
		t.Fatal(err)
	}
	for _, table := range []string{"releases", "release_transitions", "measured_days", "measured_hours"} {
		if _, err := s.pool.Exec(ctx, "VACUUM ANALYZE "+table); err != nil {
			t.Fatal(err)
		}
	}
	page, err := s.Releases(ctx, release.Filter{Service: "service-01", Environment: "prod"})
	if err != nil || page.Next == "" {
		t.Fatal(page, err)
	}
	some := page.Releases[0]

	requests := map[string]func() error{
		"running everywhere": func() error { _, err := s.RunningAt(ctx, release.RunningFilter{}); return err },
		"running then":       func() error { _, err := s.RunningAt(ctx, release.RunningFilter{At: noon.Add(-time.Hour)}); return err },
		"running": func() error {
			_, err := s.RunningAt(ctx, release.RunningFilter{Service: "service-01", Environment: "prod"})
			return err
		},
		"lags": func() error {
			_, err := s.Lags(ctx, []release.Step{{Service: "service-01", Environment: "prod", Upstream: "staging"}})
			return err
		},
		"before":  func() error { _, err := s.Before(ctx, some); return err },
		"release": func() error { _, err := s.Release(ctx, some.ID); return err },
		"history": func() error { _, err := s.History(ctx, some.ID); return err },
		"names":   func() error { _, err := s.Names(ctx); return err },
		"ping":    func() error { return s.Ping(ctx) },
		"record": func() error {
			d := draft("service-01", time.Hour)
			_, _, err := s.Record(ctx, d, "")
			return err
		},
		"record with a key": func() error {
			d := draft("service-01", 2*time.Hour)
			d.Version = "1.0.1"
			_, _, err := s.Record(ctx, d, "key")
			return err
		},
		"move": func() error {
			_, _, err := s.Move(ctx, some.ID, release.Move{Outcome: release.Removed})
			return err
		},
		"remove": func() error {
			_, err := s.Remove(ctx, release.Place{Service: "service-02", Environment: "prod", Track: release.Stable}, noon, "ann")
			return err
		},
		"time out":    func() error { _, err := s.TimeOut(ctx, noon.Add(-time.Hour)); return err },
		"forget keys": func() error { _, err := s.ForgetKeys(ctx, noon.Add(-time.Hour)); return err },
		"close days":  func() error { _, err := s.CloseDays(ctx, noon); return err },
	}
	for _, window := range []int{1, 30, 366} {
		for _, scope := range []release.Scope{
			{}, {Environment: "dev"}, {Service: "service-01"}, {Team: "team-1"}, {Service: "service-01", Team: "team-1"},
		} {
			requests[fmt.Sprintf("measures of %d days of %+v", window, scope)] = func() error {
				_, _, err := s.MeasuresAndBefore(ctx, scope, time.Duration(window)*24*time.Hour, noon)
				return err
			}
		}
	}
	for name, f := range filters() {
		requests["releases "+name] = func() error { _, err := s.Releases(ctx, f); return err }
	}
	heard.taken()
	for name, request := range requests {
		if err := request(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, st := range heard.taken() {
			if strings.HasPrefix(st.sql, "begin") || st.sql == "commit" || st.sql == "rollback" || strings.HasPrefix(st.sql, "SET ") {
				continue
			}
			plan, err := explain(ctx, s, st)
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, st.sql)
			}
			if slices.ContainsFunc(plan, readsAll) {
				t.Errorf("%s reads a whole table or sorts the history:\n%s\n%s", name, st.sql, strings.Join(plan, "\n"))
			}
		}
		heard.taken()
	}
}

// explain returns the plan that a prepared statement gets. What is explained with values of its own gets another.
func explain(ctx context.Context, s *Store, st statement) (plan []string, err error) {
	err = s.pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		if _, err := c.Exec(ctx, "PREPARE explained AS "+st.sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
		values := make([]string, len(st.args))
		for i := range values {
			values[i] = "$" + strconv.Itoa(i+1)
		}
		execute := "EXPLAIN EXECUTE explained"
		if len(values) > 0 {
			execute += "(" + strings.Join(values, ", ") + ")"
		}
		args := []any{pgx.QueryExecModeSimpleProtocol}
		for _, arg := range st.args {
			// In the text of a statement, JSON is text and no bytes.
			if b, ok := arg.([]byte); ok && json.Valid(b) {
				arg = string(b)
			}
			args = append(args, arg)
		}
		rows, err := c.Query(ctx, execute, args...)
		if err != nil {
			return err
		}
		if plan, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			return err
		}
		_, err = c.Exec(ctx, "DEALLOCATE explained", pgx.QueryExecModeSimpleProtocol)
		return err
	})
	return plan, err
}

var sorted = regexp.MustCompile(`Sort +\(cost=\S+ rows=(\d+)`)

// readsAll reports a line of a plan that reads a table through, or sorts more than what a page and its candidates are.
func readsAll(line string) bool {
	if m := sorted.FindStringSubmatch(line); m != nil && len(m[1]) > 4 {
		return true
	}
	return strings.Contains(line, "Seq Scan on releases") || strings.Contains(line, "Seq Scan on release_transitions") ||
		strings.Contains(line, "Seq Scan on measured_days")
}

// filters are searches of every kind, each also for what is not there.
func filters() map[string]release.Filter {
	all := map[string]release.Filter{
		"all":                {},
		"since":              {From: noon.Add(-time.Hour)},
		"until":              {To: noon.Add(-300 * 24 * time.Hour)},
		"version":            {Version: "1.2.0"},
		"no version":         {Version: "9.9.9"},
		"service":            {Service: "service-01"},
		"no service":         {Service: "nobody"},
		"environment":        {Environment: "prod"},
		"no environment":     {Environment: "nowhere"},
		"actor":              {Actor: "argocd"},
		"no actor":           {Actor: "nobody"},
		"outcome":            {Outcome: release.Failed},
		"no outcome":         {Outcome: release.TimedOut},
		"kind":               {Kind: release.Configuration},
		"track":              {Track: release.Canary},
		"a canary in dev":    {Environment: "dev", Track: release.Canary},
		"nothing at all":     {Kind: release.Configuration, Outcome: release.RolledBack},
		"of whom, what":      {Actor: "argocd", Outcome: release.TimedOut},
		"service and place":  {Service: "service-01", Environment: "prod", Outcome: release.Removed},
		"a service's canary": {Service: "service-01", Track: release.Canary, Kind: release.Configuration},
	}
	return all
}
