package ledgertelemetry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/kgate-dev/gitops/service/internal/postgres"
	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, url string) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), postgres.Options{URL: url, MaxConns: 4, Production: []string{"prod*"}, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// draft is a release that took ten minutes, of a commit two hours before.
func draft(service, environment, version string, ago time.Duration, outcome release.Outcome) release.Draft {
	begun := noon.Add(-ago)
	ended, committed := begun.Add(10*time.Minute), begun.Add(-2*time.Hour)
	return release.Draft{
		Service: service, Environment: environment, Track: release.Stable, Version: version, Revision: strings.Repeat("a", 39) + version[len(version)-1:],
		Actor: "argocd", Outcome: outcome, StartedAt: &begun, FinishedAt: &ended, CommittedAt: &committed,
	}
}

func record(t *testing.T, s release.Ledger, d release.Draft) release.Release {
	t.Helper()
	r, _, err := s.Record(t.Context(), d, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// watched is a reader with what its metrics say.
type watched struct {
	*Reader
	t   *testing.T
	sdk *sdkmetric.ManualReader
	log bytes.Buffer
	now time.Time
}

func watch(t *testing.T, s release.Ledger) *watched {
	t.Helper()
	w := &watched{t: t, sdk: sdkmetric.NewManualReader(), now: noon}
	r, err := New(Options{
		Ledger: s, Production: []string{"prod*"}, Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.sdk)),
		Steps: func(running []release.Running) []release.Step {
			return release.Steps(running, release.DefaultPromotion())
		},
		Logger: slog.New(slog.NewTextHandler(&w.log, nil)), Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Reader = r
	return w
}

// says is every point, as "name{attributes}" with its value.
func (w *watched) says() map[string]float64 {
	w.t.Helper()
	var all metricdata.ResourceMetrics
	if err := w.sdk.Collect(w.t.Context(), &all); err != nil {
		w.t.Fatal(err)
	}
	points := map[string]float64{}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			for _, p := range m.Data.(metricdata.Gauge[float64]).DataPoints {
				var labels []string
				for _, a := range p.Attributes.ToSlice() {
					labels = append(labels, string(a.Key)+"="+a.Value.String())
				}
				points[m.Name+"{"+strings.Join(labels, ",")+"}"] = p.Value
			}
		}
	}
	return points
}

func TestMetricsOfTheLedger(t *testing.T) {
	server := postgrestest.Start(t)
	s := open(t, server.URL(t))
	w := watch(t, s)
	if got := w.says(); len(got) != 0 {
		t.Errorf("before the first reading: %v", got)
	}
	hour := time.Hour
	record(t, s, draft("api", "dev", "1.0", 90*hour, release.Succeeded))
	record(t, s, draft("api", "prod", "1.0", 80*hour, release.Succeeded))
	record(t, s, draft("api", "dev", "1.1", 70*hour, release.Succeeded))
	record(t, s, draft("api", "dev", "1.2", 60*hour, release.Succeeded))
	record(t, s, draft("web", "prod", "2.0", 50*hour, release.Failed))
	record(t, s, draft("web", "prod", "2.1", 48*hour, release.Succeeded))
	record(t, s, draft("web", "dev", "2.1", 47*hour, release.Succeeded))
	if err := w.read(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	since := func(ago time.Duration) float64 { return float64(noon.Add(-ago).Add(10 * time.Minute).Unix()) }
	want := map[string]float64{
		"release.running.start_time{environment=dev,release.service=api,release.track=stable,release.version=1.2}":  since(60 * hour),
		"release.running.start_time{environment=prod,release.service=api,release.track=stable,release.version=1.0}": since(80 * hour),
		"release.running.start_time{environment=dev,release.service=web,release.track=stable,release.version=2.1}":  since(47 * hour),
		"release.running.start_time{environment=prod,release.service=web,release.track=stable,release.version=2.1}": since(48 * hour),
		"release.behind{environment=prod,release.service=api,upstream=dev}":                                         2,
		"release.behind{environment=prod,release.service=web,upstream=dev}":                                         0,
		"release.behind.duration{environment=prod,release.service=api,upstream=dev}":                                (70*hour - 10*time.Minute).Seconds(),
		"dora.deployments{}":                                     3,
		"dora.deployments{release.service=api}":                  1,
		"dora.deployments{release.service=web}":                  2,
		"dora.deployment.frequency{}":                            3.0 / 30,
		"dora.deployment.frequency{release.service=api}":         1.0 / 30,
		"dora.deployment.frequency{release.service=web}":         2.0 / 30,
		"dora.change_failure{}":                                  1.0 / 3,
		"dora.change_failure{release.service=api}":               0,
		"dora.change_failure{release.service=web}":               0.5,
		"dora.lead_time{quantile=0.5}":                           (2*hour + 10*time.Minute).Seconds(),
		"dora.lead_time{quantile=0.9}":                           (2*hour + 10*time.Minute).Seconds(),
		"dora.lead_time{quantile=0.5,release.service=api}":       (2*hour + 10*time.Minute).Seconds(),
		"dora.lead_time{quantile=0.9,release.service=api}":       (2*hour + 10*time.Minute).Seconds(),
		"dora.lead_time{quantile=0.5,release.service=web}":       (2*hour + 10*time.Minute).Seconds(),
		"dora.lead_time{quantile=0.9,release.service=web}":       (2*hour + 10*time.Minute).Seconds(),
		"dora.time_to_restore{quantile=0.5}":                     (2 * hour).Seconds(),
		"dora.time_to_restore{quantile=0.9}":                     (2 * hour).Seconds(),
		"dora.time_to_restore{quantile=0.5,release.service=web}": (2 * hour).Seconds(),
		"dora.time_to_restore{quantile=0.9,release.service=web}": (2 * hour).Seconds(),
		"release.metrics.truncated{kind=places}":                 0,
		"release.metrics.truncated{kind=services}":               0,
		"release.metrics.read_time{}":                            float64(noon.Unix()),
	}
	got := w.says()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if value, has := got[name]; !has || value-want[name] > 1e-9 || want[name]-value > 1e-9 {
			t.Errorf("%s is %v (%v), want %v", name, value, has, want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, has := want[name]; !has {
			t.Errorf("got %s = %v", name, got[name])
		}
	}

	// The database goes: what was read last is told for a while, and then nothing is.
	server.Kill(t)
	if err := w.read(t.Context(), false); !errors.Is(err, release.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	w.now = noon.Add(stale * DefaultInterval)
	if len(w.says()) != len(want) {
		t.Error("what was read last is gone already")
	}
	w.now = w.now.Add(time.Second)
	if got := w.says(); len(got) != 0 {
		t.Errorf("what was read long ago is still told: %v", got)
	}
	// And comes back; the measures stay as they were read until their turn.
	server.Restart(t)
	if err := w.read(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if got := w.says(); got["dora.deployments{}"] != 3 || got["release.behind{environment=prod,release.service=api,upstream=dev}"] != 2 {
		t.Errorf("got %v", got)
	}
}

// More places and services than metrics may have of each are cut, and that is said: in a metric, and once in the log.
func TestMetricsAreBounded(t *testing.T) {
	s := open(t, postgrestest.URL(t))
	for i := range MaxPlaces + 1 {
		record(t, s, draft(fmt.Sprintf("service-%03d", i), "prod", "1.0", time.Hour, release.Succeeded))
	}
	w := watch(t, s)
	for range 2 {
		if err := w.read(t.Context(), true); err != nil {
			t.Fatal(err)
		}
	}
	counts := map[string]int{}
	got := w.says()
	for name := range got {
		name, _, _ = strings.Cut(name, "{")
		counts[name]++
	}
	if counts["release.running.start_time"] != MaxPlaces || counts["dora.deployments"] != MaxServices+1 ||
		got["release.metrics.truncated{kind=places}"] != 1 || got["release.metrics.truncated{kind=services}"] != 1 {
		t.Errorf("got %v", counts)
	}
	if log := w.log.String(); strings.Count(log, "level=WARN") != 2 || !strings.Contains(log, "kind=places most=500") || !strings.Contains(log, "kind=services most=100") {
		t.Errorf("got log %s", log)
	}
}

func TestRunReadsUntilItEnds(t *testing.T) {
	s := open(t, postgrestest.URL(t))
	record(t, s, draft("api", "prod", "1.0", time.Hour, release.Succeeded))
	w := watch(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); w.last.Load() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it reads nothing")
		}
	}
	cancel()
	<-ended
	if got := w.says(); got["dora.deployments{}"] != 1 {
		t.Errorf("got %v", got)
	}
}

func TestSpansNameTheRelease(t *testing.T) {
	s := open(t, postgrestest.URL(t))
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	l := Traced(s, provider)
	ctx, root := provider.Tracer("test").Start(t.Context(), "request")

	d := draft("api", "prod", "1.0", time.Hour, release.Succeeded)
	r, _, err := l.Record(ctx, d, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Move(ctx, r.ID, release.Move{Outcome: release.RolledBack}); err != nil {
		t.Fatal(err)
	}
	other := d
	other.Actor = "somebody else"
	if _, _, err := l.Record(ctx, other, ""); !errors.Is(err, release.ErrConflict) {
		t.Fatalf("got %v", err)
	}
	web := record(t, l, draft("web", "prod", "1.0", time.Hour, release.Succeeded)) // without a span above it
	if removed, err := l.Remove(ctx, release.Place{Service: "web", Environment: "prod", Track: release.Stable}, noon, "argocd"); err != nil || len(removed) != 1 {
		t.Fatalf("got %v, %v", removed, err)
	}
	root.End()

	want := []struct {
		name, service, id, status string
		code                      codes.Code
	}{
		{"record release", "api", r.ID, "succeeded", codes.Unset},
		{"move release", "api", r.ID, "rolled_back", codes.Unset},
		{"record release", "api", "", "succeeded", codes.Error},
		{"remove release", "web", web.ID, "removed", codes.Unset},
	}
	spans := recorder.Ended()
	if len(spans) != len(want)+1 {
		t.Fatalf("got %d spans", len(spans))
	}
	for i, c := range want {
		span := spans[i]
		got := map[attribute.Key]string{}
		for _, a := range span.Attributes() {
			got[a.Key] = a.Value.String()
		}
		if span.Name() != c.name || span.Parent().SpanID() != root.SpanContext().SpanID() || span.Status().Code != c.code ||
			got["release.service"] != c.service || got["deployment.environment.name"] != "prod" || got["deployment.id"] != c.id ||
			got["deployment.status"] != c.status || got["release.version"] != "1.0" || got["release.track"] != "stable" || len(got["vcs.ref.head.revision"]) != 40 {
			t.Errorf("%s %v: %v", span.Name(), span.Status(), got)
		}
	}
}
