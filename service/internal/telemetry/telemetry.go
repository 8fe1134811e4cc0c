// Package telemetry makes the service's traces, metrics and logs, and sends them to a Collector.
package telemetry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	goruntime "go.opentelemetry.io/contrib/instrumentation/runtime"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"

	"github.com/kgate-dev/gitops/service/internal/config"
)

// scope names what this service itself records, as against what libraries record in it.
const scope = "github.com/kgate-dev/gitops/service"

// Options is what Setup needs to know.
type Options struct {
	App      config.App
	Pod      config.Pod
	OTLP     config.OTLP
	Level    slog.Leveler // lowest level of a log record, nil for info
	Version  string       // stamped into the binary; used where App.Version is ""
	Revision string       // commit of the binary; "" to take it from the build information
	Stdout   io.Writer    // where log lines go, nil for os.Stdout
}

// Telemetry is the providers. Nothing is global: whoever records is given a provider, so that two of them can live in
// one process, as they do in tests. HandleErrors is the one exception, and has to be called.
type Telemetry struct {
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	Propagator     propagation.TextMapPropagator // W3C trace context and baggage
	Logger         *slog.Logger                  // JSON lines, and the same records over OTLP
	Registry       *prometheus.Registry          // what MetricsHandler serves

	console  slog.Handler // JSON lines alone
	releases metric.Int64Counter
	parts    []part
	conn     *grpc.ClientConn

	shutdown sync.Once
	stopped  error
}

// part is one thing to flush and stop.
type part struct {
	name string
	stop func(context.Context) error
}

// Setup starts telemetry. It does not wait for the Collector and does not fail for its absence: its errors are about
// the options.
//
// With OTEL_SDK_DISABLED nothing leaves by itself: no spans, no log records and no metrics over OTLP. Log lines are still
// written, trace context is still passed on, and /metrics still answers who asks: the autoscaler and the alerts live on
// it, and what instruments the service in the SDK's place, eBPF, makes traces alone.
//
// What waits for the Collector is bounded: by OTLP.Batch for spans and for log records, beyond which new ones are
// dropped, and by the number of series for metrics, whose sums go on.
func Setup(ctx context.Context, o Options) (*Telemetry, error) {
	stdout := o.Stdout
	if stdout == nil {
		stdout = os.Stdout
	}
	level := o.Level
	if level == nil {
		level = slog.LevelInfo
	}
	t := &Telemetry{
		Propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}),
		Registry:   prometheus.NewRegistry(),
		console:    withTrace(slog.NewJSONHandler(stdout, &slog.HandlerOptions{Level: level})),
	}
	if o.OTLP.Disabled {
		t.TracerProvider = nooptrace.NewTracerProvider()
		t.Logger = slog.New(t.console)
		if err := t.measure(); err != nil {
			return nil, fmt.Errorf("set telemetry up: %w", err)
		}
		return t, nil
	}
	if err := t.start(ctx, o, level); err != nil {
		return nil, errors.Join(fmt.Errorf("set telemetry up: %w", err), t.Shutdown(ctx))
	}
	return t, nil
}

func (t *Telemetry) start(ctx context.Context, o Options, level slog.Leveler) error {
	from, err := newResource(ctx, o)
	if err != nil {
		return err
	}
	if t.conn, err = dial(o.OTLP); err != nil {
		return err
	}

	spans, err := otlptracegrpc.New(ctx, otlptracegrpc.WithGRPCConn(t.conn), otlptracegrpc.WithTimeout(o.OTLP.Timeout))
	if err != nil {
		return fmt.Errorf("export traces: %w", err)
	}
	tracers := sdktrace.NewTracerProvider(
		sdktrace.WithResource(from),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.OTLP.SampleRate))),
		sdktrace.WithBatcher(spans,
			sdktrace.WithMaxQueueSize(o.OTLP.Batch.QueueSize),
			sdktrace.WithMaxExportBatchSize(o.OTLP.Batch.MaxSize),
			sdktrace.WithBatchTimeout(o.OTLP.Batch.Timeout),
			sdktrace.WithExportTimeout(o.OTLP.Timeout)),
	)
	t.TracerProvider = tracers
	t.parts = append(t.parts, part{"traces", tracers.Shutdown})

	records, err := otlploggrpc.New(ctx, otlploggrpc.WithGRPCConn(t.conn), otlploggrpc.WithTimeout(o.OTLP.Timeout))
	if err != nil {
		return fmt.Errorf("export logs: %w", err)
	}
	loggers := sdklog.NewLoggerProvider(
		sdklog.WithResource(from),
		sdklog.WithProcessor(sdklog.NewBatchProcessor(records,
			sdklog.WithMaxQueueSize(o.OTLP.Batch.QueueSize),
			sdklog.WithExportMaxBatchSize(o.OTLP.Batch.MaxSize),
			sdklog.WithExportInterval(o.OTLP.Batch.Timeout),
			sdklog.WithExportTimeout(o.OTLP.Timeout))),
	)
	t.parts = append(t.parts, part{"logs", loggers.Shutdown})
	t.Logger = slog.New(slog.NewMultiHandler(t.console,
		atLeast(level, otelslog.NewHandler(scope, otelslog.WithLoggerProvider(loggers)))))

	points, err := otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithGRPCConn(t.conn), otlpmetricgrpc.WithTimeout(o.OTLP.Timeout))
	if err != nil {
		return fmt.Errorf("export metrics: %w", err)
	}
	return t.measure(sdkmetric.WithResource(from),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(points,
			sdkmetric.WithInterval(o.OTLP.MetricInterval),
			sdkmetric.WithTimeout(o.OTLP.Timeout))))
}

// measure starts metrics: for /metrics, and for what the options add.
func (t *Telemetry) measure(more ...sdkmetric.Option) error {
	// Without the scope's labels: they carry a library's version, and its upgrade would start every series anew.
	scraped, err := otelprometheus.New(otelprometheus.WithRegisterer(t.Registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return fmt.Errorf("serve metrics: %w", err)
	}
	meters := sdkmetric.NewMeterProvider(append(more, sdkmetric.WithReader(scraped))...)
	t.MeterProvider = meters
	t.parts = append(t.parts, part{"metrics", meters.Shutdown})
	if err := goruntime.Start(goruntime.WithMeterProvider(meters)); err != nil {
		return fmt.Errorf("measure the Go runtime: %w", err)
	}
	if err := measureProcess(meters.Meter(scope)); err != nil {
		return err
	}
	return t.instruments()
}

// instruments creates what the service itself counts.
func (t *Telemetry) instruments() (err error) {
	t.releases, err = t.MeterProvider.Meter(scope).Int64Counter("releases.recorded",
		metric.WithDescription("Releases that the ledger has recorded."), metric.WithUnit("{release}"))
	return err
}

// ReleaseRecorded counts one release: releases_recorded_total{environment, outcome}. Call it once a recorded
// outcome, not for a repeated delivery.
func (t *Telemetry) ReleaseRecorded(ctx context.Context, environment, outcome string) {
	t.releases.Add(ctx, 1, metric.WithAttributes(attribute.String("environment", environment), attribute.String("outcome", outcome)))
}

// MetricsHandler serves /metrics: Prometheus text, and OpenMetrics with exemplars to those who ask for it.
func (t *Telemetry) MetricsHandler() http.Handler {
	return promhttp.HandlerFor(t.Registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true,
		ErrorLog:          slog.NewLogLogger(t.console, slog.LevelError),
		// Two scrapers, an impatient one and a person. Collecting more often at once only costs.
		MaxRequestsInFlight: 4,
	})
}

// Transport makes spans and http.client.request.duration of the requests that go over base. It tells those who are asked nothing of
// the trace: they are not of this system.
func (t *Telemetry) Transport(base http.RoundTripper) http.RoundTripper {
	return otelhttp.NewTransport(base, otelhttp.WithTracerProvider(t.TracerProvider), otelhttp.WithMeterProvider(t.MeterProvider),
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()))
}

// HandleErrors sends what the OpenTelemetry SDK complains of to the console: of errors, and of what it warns of, one
// line each every ten seconds at most. It sets the process-wide error handler and logger of go.opentelemetry.io/otel, the only ones that the SDK has; main
// calls it once. The lines do not go over OTLP: a Collector that is down would be told of itself.
func (t *Telemetry) HandleErrors() {
	// One for each: what was dropped is not kept back because of the error that made it wait.
	limited := func() *errorLog {
		return &errorLog{logger: slog.New(t.console), every: 10 * time.Second, now: time.Now}
	}
	otel.SetErrorHandler(limited())
	otel.SetLogger(logr.New(limited()))
}

// Shutdown sends what still waits, all signals at the same time, and stops. It returns when ctx ends, whatever the
// Collector does; the error then names the signals that may be incomplete. A second call returns the first one's
// error.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	t.shutdown.Do(func() {
		type result struct {
			index int
			err   error
		}
		// With room for all: one that comes late finds nobody waiting, and ends all the same.
		results := make(chan result, len(t.parts))
		for i, p := range t.parts {
			go func() { results <- result{i, p.stop(ctx)} }()
		}
		errs := make([]error, len(t.parts))
		late := map[int]bool{}
		for i := range t.parts {
			late[i] = true
		}
		for ended := false; len(late) > 0 && !ended; {
			select {
			case r := <-results:
				delete(late, r.index)
				if r.err != nil {
					errs[r.index] = fmt.Errorf("flush %s: %w", t.parts[r.index].name, r.err)
				}
			case <-ctx.Done():
				ended = true
			}
		}
		for i := range late {
			errs[i] = fmt.Errorf("flush %s: %w", t.parts[i].name, ctx.Err())
		}
		// Calls that still hang end with their connection.
		if t.conn != nil {
			errs = append(errs, t.conn.Close())
		}
		t.stopped = errors.Join(errs...)
	})
	return t.stopped
}

// dial makes the one connection that all signals share. The exporters could each make their own, but would then take
// parts of the configuration from the environment: OTEL_EXPORTER_OTLP_ENDPOINT=http://… would turn TLS off, whatever
// OTLP_INSECURE says.
func dial(o config.OTLP) (*grpc.ClientConn, error) {
	options := []grpc.DialOption{
		grpc.WithUserAgent("go-otlp-app"),
		// Notices a Collector whose node has gone without a word. Servers refuse pings that are more frequent.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 5 * time.Minute, Timeout: 20 * time.Second}),
	}
	if o.Insecure {
		options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	} else {
		settings, err := tlsConfig(o)
		if err != nil {
			return nil, err
		}
		options = append(options, grpc.WithTransportCredentials(credentials.NewTLS(settings)))
	}
	if o.Compression == "gzip" {
		options = append(options, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
	}
	conn, err := grpc.NewClient(o.Endpoint, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to the Collector %s: %w", o.Endpoint, err)
	}
	return conn, nil
}

func tlsConfig(o config.OTLP) (*tls.Config, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.Certificate != "" {
		pem, err := os.ReadFile(o.Certificate)
		if err != nil {
			return nil, fmt.Errorf("read OTEL_EXPORTER_OTLP_CERTIFICATE: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read OTEL_EXPORTER_OTLP_CERTIFICATE: %s holds no PEM certificate", o.Certificate)
		}
	}
	if o.ClientCertificate != "" {
		pair, err := tls.LoadX509KeyPair(o.ClientCertificate, o.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("read OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: %w", err)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return settings, nil
}
