package ledgertelemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// Bounds of what the metrics hold, and of how old it may be. What is beyond a bound is left out, and
// release.metrics.truncated says so.
const (
	// MaxPlaces is how many places release.running.start_time and release.behind tell of: the first by service, environment
	// and track.
	MaxPlaces = 500
	// MaxServices is how many services the measures tell of each for itself.
	MaxServices = 100
	// Window is what the measures look back on.
	Window = 30 * 24 * time.Hour

	// DefaultInterval is how often what runs is read, and every measureEvery-th time the measures, which cost more.
	DefaultInterval = time.Minute
	measureEvery    = 5
	readTimeout     = 30 * time.Second
	// stale is after how many intervals without a reading the last one is told no more.
	stale = 10
)

// Options is what a Reader reads.
type Options struct {
	Ledger     release.Ledger
	Production []string // environments, by name or glob, that the measures are of
	// Steps are the promotions whose two sides are compared.
	Steps    func(running []release.Running) []release.Step
	Interval time.Duration // default DefaultInterval
	Meter    metric.MeterProvider
	Logger   *slog.Logger
	Now      func() time.Time // default time.Now
}

// Reader reads the ledger beside the requests, once an interval and not once a scrape, and tells what it read last. Every replica reads, and
// all tell the same: whoever asks takes the greatest of them.
type Reader struct {
	o         Options
	last      atomic.Pointer[reading]
	truncated map[string]bool // what was said to be
}

// reading is all that one round has read, with its attributes made.
type reading struct {
	at        time.Time
	running   []sample
	behind    []sample
	waiting   []sample
	measures  []measured
	truncated map[string]bool
}

type sample struct {
	value float64
	of    metric.MeasurementOption
}

// measured is the measures of one service, or of all.
type measured struct {
	attributes []attribute.KeyValue
	m          release.Measures
}

// Kinds of what is bounded.
const (
	places   = "places"
	services = "services"
)

// New returns a reader whose metrics are there, and empty until Run has read.
func New(o Options) (*Reader, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	r := &Reader{o: o, truncated: map[string]bool{}}
	if err := r.register(o.Meter.Meter(scope)); err != nil {
		return nil, fmt.Errorf("measure the ledger: %w", err)
	}
	return r, nil
}

// register makes the instruments and what observes them.
func (r *Reader) register(m metric.Meter) error {
	var errs []error
	var all []metric.Observable
	gauge := func(name, unit, description string) metric.Float64ObservableGauge {
		g, err := m.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs, all = append(errs, err), append(all, g)
		return g
	}
	running := gauge("release.running.start_time", "s", "When what runs in a place was released, in seconds since 1970.")
	behind := gauge("release.behind", "{release}", "How many releases succeeded in the environment before, and not in this one; 0 where both run the same.")
	waiting := gauge("release.behind.duration", "s", "How long the first of those releases has waited.")
	deployments := gauge("dora.deployments", "{deployment}", "Deployments to production in the last 30 days.")
	frequency := gauge("dora.deployment.frequency", "{deployment}/d", "Deployments to production a day, over the last 30.")
	lead := gauge("dora.lead_time", "s", "From commit to production, over the last 30 days.")
	failures := gauge("dora.change_failure", "1", "The part of the deployments to production that failed, over the last 30 days.")
	restore := gauge("dora.time_to_restore", "s", "From a failure in production until it was restored, over the last 30 days.")
	truncated := gauge("release.metrics.truncated", "", "1 where there are more places or services than metrics tell of, else 0.")
	read := gauge("release.metrics.read_time", "s", "When these metrics were read from the ledger, in seconds since 1970.")
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err := m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		last := r.last.Load()
		if last == nil || r.o.Now().Sub(last.at) > stale*r.o.Interval {
			return nil // better nothing than what is no more
		}
		o.ObserveFloat64(read, unix(last.at))
		for kind, is := range last.truncated {
			value := 0.0
			if is {
				value = 1
			}
			o.ObserveFloat64(truncated, value, metric.WithAttributes(attribute.String("kind", kind)))
		}
		for _, s := range last.running {
			o.ObserveFloat64(running, s.value, s.of)
		}
		for _, s := range last.behind {
			o.ObserveFloat64(behind, s.value, s.of)
		}
		for _, s := range last.waiting {
			o.ObserveFloat64(waiting, s.value, s.of)
		}
		for _, s := range last.measures {
			of := metric.WithAttributes(s.attributes...)
			o.ObserveFloat64(deployments, float64(s.m.Deployments), of)
			o.ObserveFloat64(frequency, s.m.DeploymentFrequency, of)
			if s.m.ChangeFailureRate != nil {
				o.ObserveFloat64(failures, *s.m.ChangeFailureRate, of)
			}
			observeQuantiles(o, lead, s.m.LeadTime, s.attributes)
			observeQuantiles(o, restore, s.m.TimeToRestore, s.attributes)
		}
		return nil
	}, all...)
	return err
}

func observeQuantiles(o metric.Observer, of metric.Float64ObservableGauge, q release.Quantiles, attributes []attribute.KeyValue) {
	for quantile, value := range map[string]*time.Duration{"0.5": q.Median, "0.9": q.P90} {
		if value != nil {
			o.ObserveFloat64(of, value.Seconds(), metric.WithAttributes(append(slices.Clip(attributes), attribute.String("quantile", quantile))...))
		}
	}
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1e3 }

// Run reads until ctx ends. What cannot be read is read again an interval later: why, those say who need the ledger.
func (r *Reader) Run(ctx context.Context) {
	tick := time.NewTicker(r.o.Interval)
	defer tick.Stop()
	for round := 0; ; {
		if err := r.read(ctx, round%measureEvery == 0); err == nil {
			round++
		} else if ctx.Err() == nil {
			r.o.Logger.DebugContext(ctx, "the ledger's metrics were not read", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// read reads all, the measures where it is told to, and tells it from then on.
func (r *Reader) read(ctx context.Context, measures bool) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	now := r.o.Now()
	running, err := r.o.Ledger.RunningAt(ctx, release.RunningFilter{Limit: MaxPlaces})
	if err != nil {
		return err
	}
	next := &reading{at: now, truncated: map[string]bool{places: false, services: false}}
	if len(running) == MaxPlaces {
		last := running[MaxPlaces-1]
		more, err := r.o.Ledger.RunningAt(ctx, release.RunningFilter{
			After: release.Place{Service: last.Service, Environment: last.Environment, Track: last.Track}, Limit: 1,
		})
		if err != nil {
			return err
		}
		next.truncated[places] = len(more) > 0
	}
	for _, p := range running {
		next.running = append(next.running, sample{unix(p.Since), metric.WithAttributes(
			serviceKey.String(p.Service), attribute.String("environment", p.Environment), trackKey.String(string(p.Track)), versionKey.String(p.Version))})
	}
	if err := r.compare(ctx, running, next); err != nil {
		return err
	}
	if measures {
		if err := r.measure(ctx, running, next); err != nil {
			return err
		}
	} else if last := r.last.Load(); last != nil {
		next.measures, next.truncated[services] = last.measures, last.truncated[services]
	}
	r.last.Store(next)
	r.sayTruncated(ctx, next)
	return nil
}

// compare reads how far places are behind. What came to a place by another way than the environment before has no number: it is left out.
func (r *Reader) compare(ctx context.Context, running []release.Running, next *reading) error {
	steps := r.o.Steps(running)
	lags, err := r.o.Ledger.Lags(ctx, steps)
	if err != nil {
		return err
	}
	behind := map[release.Step]release.Lag{}
	for _, l := range lags {
		behind[l.Step] = l
	}
	for _, step := range steps {
		of := metric.WithAttributes(serviceKey.String(step.Service), attribute.String("environment", step.Environment), attribute.String("upstream", step.Upstream))
		lag, differs := behind[step]
		if differs && !lag.Known {
			continue
		}
		next.behind = append(next.behind, sample{float64(lag.Releases), of})
		if lag.Releases > 0 {
			next.waiting = append(next.waiting, sample{max(0, next.at.Sub(lag.Since).Seconds()), of})
		}
	}
	return nil
}

// measure reads the measures of production: of all of it, and of each service that runs there.
func (r *Reader) measure(ctx context.Context, running []release.Running, next *reading) error {
	m, err := r.o.Ledger.Measures(ctx, release.Scope{}, Window, next.at)
	if err != nil {
		return err
	}
	next.measures = []measured{{m: m}}
	var names []string
	for _, p := range running {
		if release.IndexEnvironment(r.o.Production, p.Environment) >= 0 && !slices.Contains(names, p.Service) {
			names = append(names, p.Service)
		}
	}
	if len(names) > MaxServices {
		names, next.truncated[services] = names[:MaxServices], true
	}
	for _, name := range names {
		m, err := r.o.Ledger.Measures(ctx, release.Scope{Service: name}, Window, next.at)
		if err != nil {
			return err
		}
		next.measures = append(next.measures, measured{[]attribute.KeyValue{serviceKey.String(name)}, m})
	}
	return nil
}

// sayTruncated logs once that something is left out, and once that it is no more.
func (r *Reader) sayTruncated(ctx context.Context, now *reading) {
	for kind, is := range now.truncated {
		if is == r.truncated[kind] {
			continue
		}
		r.truncated[kind] = is
		if is {
			r.o.Logger.WarnContext(ctx, "the ledger's metrics leave out what is beyond their bound", "kind", kind, "most", map[string]int{places: MaxPlaces, services: MaxServices}[kind])
		} else {
			r.o.Logger.InfoContext(ctx, "the ledger's metrics leave out nothing", "kind", kind)
		}
	}
}
