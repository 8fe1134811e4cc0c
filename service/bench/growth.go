package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/kgate-dev/gitops/service/internal/postgres"
	"github.com/kgate-dev/gitops/service/internal/seed"
)

// asked are the requests whose cost is measured, those of the searches also for what is not there.
var asked = []string{
	"/v1/dora?window=30d", "/v1/dora?window=366d", "/v1/dora?window=366d&service=service-07", "/v1/dora?window=366d&team=team-7", "/",
	"/v1/environments", "/v1/releases", "/v1/releases?version=9.9.9", "/v1/releases?service=service-07&environment=prod&outcome=timed_out",
	"/v1/releases?environment=dev&track=canary", "/v1/releases?outcome=rolled_back&kind=configuration",
	"/v1/releases?environment=prod&outcome=failed&kind=deployment",
}

// cost is what one request takes.
type cost struct{ service, database float64 } // milliseconds of processor time

// grown is what was measured with a ledger of one size.
type grown struct {
	releases       int
	filled, closed time.Duration
	costs          map[string]cost
	post           cost
	alone, beside  float64 // releases recorded a second: alone, and beside readers of the measures
	reads          float64 // measures a second beside
	memory         float64 // bytes resident, at most, under these readers
}

// growth fills ledgers of several sizes and prints what each request costs in each.
func growth(ctx context.Context, out io.Writer, sizes []int, readers int, turn time.Duration) (err error) {
	s, err := newStand()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	path, err := s.build(ctx, "app", "auto", "./service")
	if err != nil {
		return err
	}
	var all []grown
	for _, n := range sizes {
		g, err := s.measureAt(ctx, path, n, readers, turn)
		if err != nil {
			return fmt.Errorf("%d releases: %w", n, err)
		}
		all = append(all, g)
	}
	return reportGrowth(out, all, readers)
}

func (s *stand) measureAt(ctx context.Context, path string, n, readers int, turn time.Duration) (g grown, err error) {
	url, err := s.database.CreateDatabase()
	if err != nil {
		return g, err
	}
	if g, err = s.seed(ctx, url, n); err != nil {
		return g, err
	}
	p, err := s.startOn(ctx, on, path, url)
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, s.stopPrograms()) }()
	g.costs = map[string]cost{}
	for _, what := range asked {
		if g.costs[what], err = s.costOf(ctx, p, turn, func() error { return ask(ctx, p, what) }); err != nil {
			return g, fmt.Errorf("%s: %w", what, err)
		}
	}
	m := &maker{}
	record := func() error { return post(ctx, p, m.today()) }
	if g.post, err = s.costOf(ctx, p, turn, record); err != nil {
		return g, err
	}
	if g.alone, err = rate(ctx, turn, record); err != nil {
		return g, err
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	var (
		group sync.WaitGroup
		reads atomic.Int64
		lost  atomic.Int64
	)
	for i := range readers {
		group.Go(func() {
			for reading.Err() == nil {
				if err := ask(reading, p, asked[i%2]); err == nil {
					reads.Add(1)
				} else if reading.Err() == nil {
					lost.Add(1)
				}
			}
		})
	}
	group.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for reading.Err() == nil {
			if bytes, err := p.resident(); err == nil {
				g.memory = max(g.memory, bytes)
			}
			<-tick.C
		}
	})
	before := time.Now()
	g.beside, err = rate(ctx, turn, record)
	g.reads = float64(reads.Load()) / time.Since(before).Seconds()
	stop()
	group.Wait()
	if lost.Load() > 0 {
		return g, errors.Join(err, fmt.Errorf("%d readers were turned away", lost.Load()))
	}
	return g, err
}

func (s *stand) seed(ctx context.Context, url string, n int) (g grown, err error) {
	store, err := postgres.Open(ctx, postgres.Options{URL: url})
	if err != nil {
		return g, err
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		return g, err
	}
	begin := time.Now()
	if g.releases, err = seed.Fill(ctx, store, store.Pool(), seed.Shape{Releases: n, Until: begin.Add(-time.Hour)}); err != nil {
		return g, err
	}
	g.filled = time.Since(begin)
	// What is known of the tables is what it was when they were small.
	analyze := func(tables ...string) error {
		for _, table := range tables {
			if _, err := store.Pool().Exec(ctx, "VACUUM ANALYZE "+table); err != nil {
				return err
			}
		}
		return nil
	}
	if err := analyze("releases", "release_transitions"); err != nil {
		return g, err
	}
	begin = time.Now()
	if _, err := store.CloseDays(ctx, begin); err != nil {
		return g, err
	}
	g.closed = time.Since(begin)
	if err := analyze("measured_days", "release_facets"); err != nil {
		return g, err
	}
	return g, nil
}

// costOf does one thing after the other and returns what each took of the processors, in the service and in the database.
func (s *stand) costOf(ctx context.Context, p *program, turn time.Duration, do func() error) (c cost, err error) {
	for range 10 { // what is prepared once, is
		if err := do(); err != nil {
			return c, err
		}
	}
	before, err1 := p.cpu()
	databaseBefore, err2 := s.database.CPU()
	n := 0
	for end := time.Now().Add(turn); time.Now().Before(end); n++ {
		if err := do(); err != nil {
			return c, err
		}
	}
	after, err3 := p.cpu()
	databaseAfter, err4 := s.database.CPU()
	per := 1000 / float64(n)
	return cost{(after - before) * per, (databaseAfter - databaseBefore).Seconds() * per}, errors.Join(err1, err2, err3, err4, ctx.Err())
}

// rate is how often a second it is done, one after the other.
func rate(ctx context.Context, turn time.Duration, do func() error) (float64, error) {
	begin := time.Now()
	n := 0
	for ; time.Since(begin) < turn; n++ {
		if err := do(); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(begin).Seconds(), ctx.Err()
}

func ask(ctx context.Context, p *program, path string) error {
	status, body, err := get(ctx, "http://"+p.api+path)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", path, status, body)
	}
	return err
}

func reportGrowth(out io.Writer, all []grown, readers int) error {
	_, _ = fmt.Fprintf(out, "milliseconds of processor time a request, of the service and the database together (of the service alone); %d processors, %s\n",
		runtime.NumCPU(), runtime.Version())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, value func(g grown) string) {
		_, _ = fmt.Fprintf(w, "%s\t", name)
		for _, g := range all {
			_, _ = fmt.Fprintf(w, "%s\t", value(g))
		}
		_, _ = fmt.Fprintln(w)
	}
	costs := func(c cost) string { return fmt.Sprintf("%.2f (%.2f)", c.service+c.database, c.service) }
	line("releases", func(g grown) string { return fmt.Sprint(g.releases) })
	for _, what := range asked {
		line("GET "+what, func(g grown) string { return costs(g.costs[what]) })
	}
	line(record, func(g grown) string { return costs(g.post) })
	line("POST a second, alone", func(g grown) string { return fmt.Sprintf("%.0f", g.alone) })
	line(fmt.Sprintf("POST a second, beside %d readers of measures", readers), func(g grown) string { return fmt.Sprintf("%.0f", g.beside) })
	line("measures a second for them", func(g grown) string { return fmt.Sprintf("%.0f", g.reads) })
	line("resident at most meanwhile", func(g grown) string { return fmt.Sprintf("%.0f MB", g.memory/1e6) })
	line("filled in", func(g grown) string { return g.filled.Round(time.Second).String() })
	line("days measured in", func(g grown) string { return g.closed.Round(time.Second).String() })
	return w.Flush()
}
