package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// The programs that are compared.
const (
	bare  = "bare handler"
	on    = "service"
	off   = "service, telemetry off"
	plain = "service, built without the profile"
)

// compare loads every program with every request, in turns, and prints the medians and their ratios.
func compare(ctx context.Context, out io.Writer, rounds int, turn time.Duration, clients int) (err error) {
	s, err := newStand()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if _, err := os.Stat(profileFile); err != nil {
		return fmt.Errorf("make pgo writes it: %w", err)
	}
	programs, err := startAll(ctx, s)
	if err != nil {
		return err
	}
	if err := sameAnswers(ctx, programs); err != nil {
		return err
	}

	m := &maker{}
	results := map[string]map[string][]outcome{environments: {}, record: {}} // request → program → one a round
	for round := range rounds {
		for _, what := range []string{environments, record} {
			for i := range programs {
				// Another one goes first every time.
				p := programs[(i+round)%len(programs)]
				o, err := s.saturate(ctx, p, what, m, clients, turn)
				if err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
				results[what][p.name] = append(results[what][p.name], o)
			}
		}
	}
	if err := s.stopPrograms(); err != nil {
		return err
	}
	if s.sink.spans.Load() == 0 || s.sink.records.Load() == 0 || s.sink.points.Load() == 0 {
		return errors.New("no telemetry arrived")
	}
	return report(out, results, rounds, turn, clients, s.sink)
}

func startAll(ctx context.Context, s *stand) ([]*program, error) {
	var all []*program
	for _, kind := range []struct {
		name, profile, pkg string
		environ            []string
	}{
		{bare, "off", "./service/bench/bare", nil},
		{on, profileFile, "./service", nil},
		{off, profileFile, "./service", []string{"OTEL_SDK_DISABLED=true"}},
		{plain, "off", "./service", nil},
	} {
		path, err := s.build(ctx, strings.NewReplacer(" ", "-", ",", "").Replace(kind.name), kind.profile, kind.pkg)
		if err != nil {
			return nil, err
		}
		p, err := s.start(ctx, kind.name, path, kind.environ...)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

// moments are what differs from database to database: the history is as old as the database.
var moments = regexp.MustCompile(`"since":"[^"]*"`)

// sameAnswers fails if the programs do not do the same work.
func sameAnswers(ctx context.Context, programs []*program) error {
	var first []byte
	for _, p := range programs {
		status, body, err := get(ctx, "http://"+p.api+"/v1/environments")
		if err != nil || status != http.StatusOK {
			return fmt.Errorf("%s: %s: %d %w", p.name, environments, status, err)
		}
		body = moments.ReplaceAll(body, []byte(`"since":""`))
		if first == nil {
			first = body
		}
		if !bytes.Equal(body, first) || bytes.Count(body, []byte(`"service"`)) != places {
			return fmt.Errorf("%s answers otherwise than %s:\n%s\n%s", p.name, programs[0].name, body, first)
		}
	}
	return nil
}

func report(out io.Writer, results map[string]map[string][]outcome, rounds int, turn time.Duration, clients int, s *sink) error {
	_, _ = fmt.Fprintf(out, "%d rounds of %s each, %d clients, %d processors, %s; medians; ratios are of each round\n",
		rounds, turn, clients, runtime.NumCPU(), runtime.Version())
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, what := range []string{environments, record} {
		of := results[what]
		_, _ = fmt.Fprintf(w, "\n%s\trequests/s\tof bare\tp50\tp99\tCPU/request\tof bare\tand database\tbare's share\t\n", what)
		for _, name := range []string{bare, on, off, plain} {
			_, _ = fmt.Fprintf(w, "%s\t%.0f\t%.0f %%\t%.2f ms\t%.2f ms\t%.0f µs\t%.0f %%\t%.0f µs\t%.0f %%\t\n", name,
				median(of[name], func(i int) float64 { return of[name][i].rate }),
				100*median(of[name], func(i int) float64 { return of[name][i].rate / of[bare][i].rate }),
				median(of[name], func(i int) float64 { return ms(of[name][i].p50) }),
				median(of[name], func(i int) float64 { return ms(of[name][i].p99) }),
				median(of[name], func(i int) float64 { return of[name][i].cpu }),
				100*median(of[name], func(i int) float64 { return of[name][i].cpu / of[bare][i].cpu }),
				median(of[name], func(i int) float64 { return of[name][i].all() }),
				100*median(of[name], func(i int) float64 { return of[bare][i].all() / of[name][i].all() }))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, what := range []string{environments, record} {
		of := results[what]
		_, _ = fmt.Fprintf(out, "\n%s: the profile gives %+.1f %% requests/s and %+.1f %% CPU/request; telemetry costs %.1f %% of the requests/s", what,
			100*median(of[on], func(i int) float64 { return of[on][i].rate/of[plain][i].rate - 1 }),
			100*median(of[on], func(i int) float64 { return of[on][i].cpu/of[plain][i].cpu - 1 }),
			100*median(of[on], func(i int) float64 { return 1 - of[on][i].rate/of[off][i].rate }))
	}
	_, err := fmt.Fprintf(out, "\n%d spans, %d log records and %d metrics arrived meanwhile\n", s.spans.Load(), s.records.Load(), s.points.Load())
	return err
}

// all is the processor time of program and database: its inverse is how many requests a processor answers, whoever else uses it.
func (o outcome) all() float64 { return o.cpu + o.database }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// median of what each index gives.
func median[T any](all []T, value func(i int) float64) float64 {
	values := make([]float64, len(all))
	for i := range all {
		values[i] = value(i)
	}
	slices.SortFunc(values, cmp.Compare)
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}
