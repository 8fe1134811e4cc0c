package telemetry

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/kgate-dev/gitops/service/internal/config"
)

// options sends everything to the Collector at address, without TLS.
func options(address string) Options {
	c := config.Default()
	c.OTLP.Endpoint, c.OTLP.Insecure = address, true
	return Options{App: c.App, OTLP: c.OTLP, Stdout: io.Discard}
}

func setup(t *testing.T, o Options) *Telemetry {
	t.Helper()
	tel, err := Setup(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		_ = tel.Shutdown(ended)
	})
	return tel
}

const traceID = "0af7651916cd43dd8448eb211c80319c"

// serve answers one request of a caller that is traced, as the service would.
func serve(t *testing.T, tel *Telemetry, sampled bool) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/releases", func(w http.ResponseWriter, r *http.Request) {
		tel.Logger.InfoContext(r.Context(), "release recorded", "service", "checkout")
		tel.ReleaseRecorded(r.Context(), "prod", "succeeded")
		w.WriteHeader(http.StatusCreated)
	})
	handler := otelhttp.NewHandler(mux, "any", otelhttp.WithTracerProvider(tel.TracerProvider), otelhttp.WithMeterProvider(tel.MeterProvider),
		otelhttp.WithPropagators(tel.Propagator))
	request := httptest.NewRequest(http.MethodPost, "/v1/releases", nil)
	flags := "00"
	if sampled {
		flags = "01"
	}
	request.Header.Set("Traceparent", "00-"+traceID+"-b7ad6b7169203331-"+flags)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusCreated {
		t.Fatalf("got status %d", answer.Code)
	}
}

func scrape(t *testing.T, tel *Telemetry, accept string) string {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", accept)
	answer := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		t.Fatalf("got status %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

func TestOneRequestArrivesWithOneTraceID(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=ledger")
	r := receive(t, nil)
	var out bytes.Buffer
	o := options(r.address)
	o.App = config.App{Name: "go-otlp-app", Version: "1.2.3", Environment: "prod"}
	o.Pod = config.Pod{Name: "pod-1", Namespace: "ns", IP: "10.0.0.1", Node: "node-1"}
	o.OTLP.ResourceAttributes = map[string]string{"team": "platform", "service.name": "loses"}
	o.OTLP.SampleRate = 0 // the caller's decision wins
	o.Version, o.Revision, o.Stdout = "stamped", "abc123", &out
	tel := setup(t, o)
	serve(t, tel, true)
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}

	if len(r.spans) != 1 || hex.EncodeToString(r.spans[0].TraceId) != traceID || r.spans[0].Name != "POST /v1/releases" {
		t.Fatalf("got spans %v", r.spans)
	}
	if len(r.records) != 1 || hex.EncodeToString(r.records[0].TraceId) != traceID || !bytes.Equal(r.records[0].SpanId, r.spans[0].SpanId) ||
		r.records[0].Body.GetStringValue() != "release recorded" || r.records[0].SeverityText != "INFO" {
		t.Errorf("got records %v", r.records)
	}
	var exemplars []*metrics.Exemplar
	for _, m := range r.metrics {
		switch m.Name {
		case "releases.recorded":
			exemplars = append(exemplars, m.GetSum().DataPoints[0].Exemplars...)
		case "http.server.request.duration":
			exemplars = append(exemplars, m.GetHistogram().DataPoints[0].Exemplars...)
		}
	}
	if len(exemplars) != 2 {
		t.Errorf("got exemplars %v, want one of the counter and one of the histogram", exemplars)
	}
	for _, e := range exemplars {
		if hex.EncodeToString(e.TraceId) != traceID {
			t.Errorf("got an exemplar of another trace: %v", e)
		}
	}

	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %q", err, out.String())
	}
	if line["trace_id"] != traceID || line["span_id"] != hex.EncodeToString(r.spans[0].SpanId) || line["msg"] != "release recorded" || line["service"] != "checkout" {
		t.Errorf("got line %v", line)
	}

	want := map[string]string{
		"service.name": "go-otlp-app", "service.version": "1.2.3", "deployment.environment.name": "prod", "team": "platform",
		"k8s.pod.name": "pod-1", "k8s.namespace.name": "ns", "k8s.pod.ip": "10.0.0.1", "k8s.node.name": "node-1",
		"service.instance.id": "ns.pod-1", "vcs.ref.head.revision": "abc123", "telemetry.sdk.language": "go", "process.runtime.name": "go",
	}
	if len(r.resources) != 3 {
		t.Errorf("got %d resources, want one a signal", len(r.resources))
	}
	for _, from := range r.resources {
		got := map[string]string{}
		for _, a := range from.Attributes {
			got[a.Key] = a.Value.GetStringValue()
		}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%s is %q, want %q", key, got[key], value)
			}
		}
	}
	if len(r.compression) != 1 || !r.compression["gzip"] {
		t.Errorf("got compression %v, want gzip", r.compression)
	}
	if got := r.headers.Get("x-tenant"); !slices.Equal(got, []string{"ledger"}) {
		t.Errorf("got header %q", got)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Errorf("the second Shutdown: %v", err)
	}
}

func TestSampling(t *testing.T) {
	r := receive(t, nil)
	o := options(r.address)
	o.OTLP.SampleRate, o.OTLP.Compression = 0, "none"
	tel := setup(t, o)
	serve(t, tel, false) // the caller did not sample
	_, root := tel.TracerProvider.Tracer("test").Start(t.Context(), "root")
	root.End()
	if root.SpanContext().IsSampled() {
		t.Error("a root is sampled at rate 0")
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.spans) != 0 || len(r.records) != 1 || hex.EncodeToString(r.records[0].TraceId) != traceID {
		t.Errorf("got spans %v and records %v", r.spans, r.records)
	}
	if len(r.compression) != 1 || !r.compression[""] {
		t.Errorf("got compression %v, want none", r.compression)
	}
}

// What this package, and otelhttp with its providers, bring. The service's own test holds the manifests to all of it.
func TestMetricNames(t *testing.T) {
	tel := setup(t, options("127.0.0.1:1"))
	serve(t, tel, true)
	text := scrape(t, tel, "text/plain")
	for _, name := range []string{"releases_recorded_total", "http_server_request_duration_seconds_count", "go_goroutine_count", "go_memory_used_bytes", "target_info"} {
		if !regexp.MustCompile(`(?m)^` + name + `(\{| )`).MatchString(text) {
			t.Errorf("%s is not served", name)
		}
	}
	if want := `releases_recorded_total{environment="prod",outcome="succeeded"} 1`; !strings.Contains(text, want) {
		t.Errorf("got\n%s\nwant %s", text, want)
	}
	if strings.Contains(text, "# {") {
		t.Error("exemplars in a format that has none")
	}

	open := scrape(t, tel, "application/openmetrics-text; version=1.0.0")
	for _, name := range []string{"releases_recorded_total", "http_server_request_duration_seconds_bucket"} {
		if !regexp.MustCompile(`(?m)^` + name + `\{.* # \{.*trace_id="` + traceID + `"`).MatchString(open) {
			t.Errorf("%s has no exemplar in\n%s", name, open)
		}
	}
}

func TestDisabled(t *testing.T) {
	r := receive(t, nil)
	var out bytes.Buffer
	o := options(r.address)
	o.OTLP.Disabled, o.Stdout = true, &out
	tel := setup(t, o)
	serve(t, tel, true)
	// The autoscaler reads this, whoever makes the traces.
	if text := scrape(t, tel, "text/plain"); !strings.Contains(text, `releases_recorded_total{environment="prod",outcome="succeeded"} 1`) ||
		!strings.Contains(text, "http_server_request_duration_seconds_count{") || !strings.Contains(text, "go_goroutine_count ") {
		t.Errorf("got metrics %s", text)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.spans)+len(r.records)+len(r.metrics) != 0 {
		t.Error("something was sent")
	}
	if !strings.Contains(out.String(), `"trace_id":"`+traceID+`"`) {
		t.Errorf("the log line lost its trace: %s", out.String())
	}
}

// flood records far more than the queues hold, and returns how many of each.
func flood(t *testing.T, tel *Telemetry) int {
	t.Helper()
	const n = 20_000
	payload := strings.Repeat("x", 1024)
	tracer := tel.TracerProvider.Tracer("test")
	for range n {
		ctx, span := tracer.Start(t.Context(), "request", trace.WithAttributes(attribute.String("payload", strings.Clone(payload))))
		tel.Logger.InfoContext(ctx, "request", "payload", strings.Clone(payload))
		tel.ReleaseRecorded(ctx, "prod", "succeeded")
		span.End()
	}
	return n
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func small(address string) Options {
	o := options(address)
	o.OTLP.Batch = config.Batch{MaxSize: 64, Timeout: 10 * time.Millisecond, QueueSize: 256}
	o.OTLP.MetricInterval = time.Second
	return o
}

// The 20,000 spans and records of flood hold 40 MiB in their payloads; the queues hold less than 1 MiB of that.
const mostGrowth = 12 << 20

func TestCollectorAbsent(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()

	tel := setup(t, small(address))
	before := heap()
	sent := flood(t, tel)
	if after := heap(); after > before+mostGrowth {
		t.Errorf("the heap grew by %d bytes", after-before)
	}
	if want := fmt.Sprintf(`releases_recorded_total{environment="prod",outcome="succeeded"} %d`, sent); !strings.Contains(scrape(t, tel, "text/plain"), want) {
		t.Errorf("/metrics has not %s", want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := tel.Shutdown(ctx); err == nil {
		t.Error("Shutdown says that all was sent")
	}
}

func TestCollectorHangs(t *testing.T) {
	r := receive(t, make(chan struct{}))
	tel := setup(t, small(r.address))
	before := heap()
	flood(t, tel)
	<-r.arrived
	if after := heap(); after > before+mostGrowth {
		t.Errorf("the heap grew by %d bytes", after-before)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err := tel.Shutdown(ctx)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that the deadline has passed", err)
	}
	if again := tel.Shutdown(t.Context()); again != err {
		t.Errorf("the second Shutdown: %v", again)
	}
}

// A slow Collector that recovers gets what the queues held, in batches of the size that is configured.
func TestCollectorRecovers(t *testing.T) {
	hang := make(chan struct{})
	r := receive(t, hang)
	o := small(r.address)
	o.OTLP.Timeout = time.Minute
	tel := setup(t, o)
	sent := flood(t, tel)
	<-r.arrived
	close(hang)
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The queue, the batch that was being sent, and the one that was being filled.
	most := o.OTLP.Batch.QueueSize + 2*o.OTLP.Batch.MaxSize
	for signal, got := range map[string]int{"spans": len(r.spans), "records": len(r.records)} {
		if got < o.OTLP.Batch.QueueSize || got > most {
			t.Errorf("%d of %d %s arrived, want between %d and %d", got, sent, signal, o.OTLP.Batch.QueueSize, most)
		}
	}
	if r.largest > o.OTLP.Batch.MaxSize {
		t.Errorf("a batch of %d", r.largest)
	}
	var last *metrics.Metric
	for _, m := range r.metrics {
		if m.Name == "releases.recorded" {
			last = m
		}
	}
	if last == nil {
		t.Fatal("the counter did not arrive")
	}
	if got := last.GetSum().DataPoints[0].GetAsInt(); got != int64(sent) {
		t.Errorf("the counter says %d, want %d: sums lose nothing", got, sent)
	}
}

// certificate writes a self-signed certificate for 127.0.0.1 and returns it with the name of its file.
func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func TestTLS(t *testing.T) {
	// The exporters would take these for leave to send in the clear.
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_INSECURE", "true")
	pair, file := certificate(t)
	r := receive(t, nil, grpc.Creds(credentials.NewServerTLSFromCert(&pair)))
	o := options(r.address)
	o.OTLP.Insecure, o.OTLP.Certificate = false, file
	tel := setup(t, o)
	serve(t, tel, true)
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.spans) != 1 || len(r.records) != 1 || len(r.metrics) == 0 {
		t.Errorf("got %d spans, %d records, %d metrics", len(r.spans), len(r.records), len(r.metrics))
	}

	t.Run("unknown authority", func(t *testing.T) {
		o.OTLP.Certificate = ""
		o.OTLP.Timeout = time.Second
		tel := setup(t, o)
		serve(t, tel, true)
		if err := tel.Shutdown(t.Context()); err == nil {
			t.Error("sent to a Collector that nobody vouches for")
		}
		if len(r.spans) != 1 {
			t.Error("a span arrived")
		}
	})
	t.Run("files", func(t *testing.T) {
		empty := filepath.Join(t.TempDir(), "empty.pem")
		if err := os.WriteFile(empty, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, change := range []func(*config.OTLP){
			func(c *config.OTLP) { c.Certificate = "/nowhere" },
			func(c *config.OTLP) { c.Certificate = empty },
			func(c *config.OTLP) { c.ClientCertificate, c.ClientKey = file, empty },
		} {
			o := o
			change(&o.OTLP)
			if _, err := Setup(t.Context(), o); err == nil || !strings.Contains(err.Error(), "set telemetry up: read OTEL_EXPORTER_OTLP_") {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestErrorsAreFew(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	l := &errorLog{logger: slog.New(slog.NewTextHandler(&out, nil)), every: 10 * time.Second, now: func() time.Time { return now }}
	for range 1000 {
		l.Handle(errors.New("collector is away"))
	}
	now = now.Add(10 * time.Second)
	l.Handle(errors.New("still away"))
	l.Handle(nil)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `error="collector is away" kept_back_since_last_line=0`) ||
		!strings.Contains(lines[1], `error="still away" kept_back_since_last_line=999`) {
		t.Errorf("got\n%s", out.String())
	}
}

func TestWarningsOfTheSDK(t *testing.T) {
	var out bytes.Buffer
	l := &errorLog{logger: slog.New(slog.NewTextHandler(&out, nil)), now: time.Now}
	sdk := logr.New(l)
	sdk.V(4).Info("TracerProvider created")
	sdk.V(1).WithName("x").WithValues("y", 1).Info("dropped log records", "dropped", 7)
	sdk.Error(errors.New("negative"), "parse duration", "value", "-1")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `error="dropped log records" dropped=7`) ||
		!strings.Contains(lines[1], `error="parse duration: negative" value=-1`) {
		t.Errorf("got\n%s", out.String())
	}
}

// lines is written by the SDK's goroutines, those of earlier tests too.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func TestHandleErrors(t *testing.T) {
	var out lines
	o := options("127.0.0.1:1")
	o.Stdout = &out
	setup(t, o).HandleErrors()
	otel.Handle(errors.New("the Collector is away"))
	out.mu.Lock()
	defer out.mu.Unlock()
	if !strings.Contains(out.text.String(), `"msg":"telemetry is incomplete"`) {
		t.Errorf("got %s", out.text.String())
	}
}

func TestTraceIsBesideTheLevel(t *testing.T) {
	var out bytes.Buffer
	o := options("127.0.0.1:1")
	o.Stdout, o.Level = &out, slog.LevelWarn
	tel := setup(t, o)
	id, _ := trace.TraceIDFromHex(traceID)
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: trace.SpanID{1}}))
	logger := tel.Logger.With("a", 1).WithGroup("g").With("b", 2).WithGroup("h")
	if logger.Enabled(ctx, slog.LevelInfo) {
		t.Error("info is enabled at warn")
	}
	logger.InfoContext(ctx, "not written")
	logger.WarnContext(ctx, "written", "c", 3)
	logger.Warn("no trace", "c", 4)
	var first, second map[string]any
	decoder := json.NewDecoder(&out)
	if err := errors.Join(decoder.Decode(&first), decoder.Decode(&second)); err != nil {
		t.Fatal(err)
	}
	group := first["g"].(map[string]any)
	if first["trace_id"] != traceID || first["span_id"] != "0100000000000000" || first["a"] != 1.0 || group["b"] != 2.0 ||
		group["h"].(map[string]any)["c"] != 3.0 || first["msg"] != "written" {
		t.Errorf("got %v", first)
	}
	if _, has := second["trace_id"]; has || second["a"] != 1.0 || second["g"].(map[string]any)["b"] != 2.0 {
		t.Errorf("got %v", second)
	}
}
