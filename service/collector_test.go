package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	metrics "go.opentelemetry.io/proto/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/otlp/resource/v1"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // what senders use
	"google.golang.org/protobuf/proto"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
)

// backends is what a Collector sends to: a gRPC server for every signal, and the OTLP paths of Loki and Prometheus. It
// keeps all that arrives.
type backends struct {
	grpc string // host:port
	http string // http://host:port

	mu        sync.Mutex
	spans     []*traces.Span
	records   []*logs.LogRecord
	metrics   []*metrics.Metric
	resources map[string][]map[string]string // by signal
}

func startBackends(t *testing.T) *backends {
	t.Helper()
	b := &backends{resources: map[string][]map[string]string{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.grpc = listener.Addr().String()
	server := grpc.NewServer()
	collectortrace.RegisterTraceServiceServer(server, traceBackend{b: b})
	collectorlogs.RegisterLogsServiceServer(server, logsBackend{b: b})
	collectormetrics.RegisterMetricsServiceServer(server, metricsBackend{b: b})
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-served })

	mux := http.NewServeMux()
	mux.HandleFunc("POST /otlp/v1/logs", func(w http.ResponseWriter, r *http.Request) {
		var request collectorlogs.ExportLogsServiceRequest
		if receive(t, w, r, &request) {
			b.keepLogs(&request)
		}
	})
	mux.HandleFunc("POST /api/v1/otlp/v1/metrics", func(w http.ResponseWriter, r *http.Request) {
		var request collectormetrics.ExportMetricsServiceRequest
		if receive(t, w, r, &request) {
			b.keepMetrics(&request)
		}
	})
	web := httptest.NewServer(mux)
	t.Cleanup(web.Close)
	b.http = web.URL
	return b
}

// receive reads what an OTLP exporter posts, and answers that it was taken.
func receive(t *testing.T, w http.ResponseWriter, r *http.Request, into proto.Message) bool {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Errorf("%s: %v", r.URL, err)
			return false
		}
		body = unpacked
	}
	content, err := io.ReadAll(body)
	if err == nil {
		err = proto.Unmarshal(content, into)
	}
	if err != nil {
		t.Errorf("%s: %v", r.URL, err)
		return false
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	return true
}

func (b *backends) keepResource(signal string, r *resource.Resource) {
	b.resources[signal] = append(b.resources[signal], attributes(r.GetAttributes()))
}

func (b *backends) keepLogs(request *collectorlogs.ExportLogsServiceRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, from := range request.ResourceLogs {
		b.keepResource("logs", from.Resource)
		for _, scope := range from.ScopeLogs {
			b.records = append(b.records, scope.LogRecords...)
		}
	}
}

// received is how many log records have come.
func (b *backends) received() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.records)
}

func (b *backends) keepMetrics(request *collectormetrics.ExportMetricsServiceRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, from := range request.ResourceMetrics {
		b.keepResource("metrics", from.Resource)
		for _, scope := range from.ScopeMetrics {
			b.metrics = append(b.metrics, scope.Metrics...)
		}
	}
}

type traceBackend struct {
	collectortrace.UnimplementedTraceServiceServer
	b *backends
}

func (s traceBackend) Export(_ context.Context, request *collectortrace.ExportTraceServiceRequest) (*collectortrace.ExportTraceServiceResponse, error) {
	s.b.mu.Lock()
	defer s.b.mu.Unlock()
	for _, from := range request.ResourceSpans {
		s.b.keepResource("traces", from.Resource)
		for _, scope := range from.ScopeSpans {
			s.b.spans = append(s.b.spans, scope.Spans...)
		}
	}
	return &collectortrace.ExportTraceServiceResponse{}, nil
}

type logsBackend struct {
	collectorlogs.UnimplementedLogsServiceServer
	b *backends
}

func (s logsBackend) Export(_ context.Context, request *collectorlogs.ExportLogsServiceRequest) (*collectorlogs.ExportLogsServiceResponse, error) {
	s.b.keepLogs(request)
	return &collectorlogs.ExportLogsServiceResponse{}, nil
}

type metricsBackend struct {
	collectormetrics.UnimplementedMetricsServiceServer
	b *backends
}

func (s metricsBackend) Export(_ context.Context, request *collectormetrics.ExportMetricsServiceRequest) (*collectormetrics.ExportMetricsServiceResponse, error) {
	s.b.keepMetrics(request)
	return &collectormetrics.ExportMetricsServiceResponse{}, nil
}

// attributes are those that are text or numbers.
func attributes(from []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, a := range from {
		switch value := a.Value.GetValue().(type) {
		case *common.AnyValue_StringValue:
			all[a.Key] = value.StringValue
		default:
			all[a.Key] = a.Value.String()
		}
	}
	return all
}

// collector is a running Collector of the pinned release.
type collector struct {
	t       *testing.T
	process *exec.Cmd
	ended   chan error
	log     *lines
}

func addresses(t *testing.T, n int) []string {
	t.Helper()
	all := make([]string, n)
	for i := range all {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		// Held until all are known, so that they differ.
		defer func() { _ = listener.Close() }()
		all[i] = listener.Addr().String()
	}
	return all
}

// startCollector runs .cache/bin/otelcol with these configurations, and returns when it is healthy.
func startCollector(t *testing.T, health string, environ []string, configs ...string) *collector {
	t.Helper()
	binary, err := filepath.Abs("../.cache/bin/otelcol")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(binary); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no Collector: make collector")
		}
		t.Skip("there is no Collector: make collector")
	}
	c := &collector{t: t, ended: make(chan error, 1), log: &lines{}}
	c.process = exec.Command(binary)
	for _, config := range configs {
		c.process.Args = append(c.process.Args, "--config="+config)
	}
	c.process.Env = environ
	c.process.Stdout, c.process.Stderr = c.log, c.log
	if err := c.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { c.ended <- c.process.Wait() }()
	t.Cleanup(func() {
		_ = c.process.Process.Kill()
		if t.Failed() {
			t.Logf("the Collector said:\n%s", c.log)
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(60 * time.Second); ; {
		if response, err := http.Get("http://" + health); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return c
			}
		}
		select {
		case <-tick.C:
		case err := <-c.ended:
			t.Fatalf("the Collector ended: %v\n%s", err, c.log)
		case <-deadline:
			t.Fatalf("the Collector is not healthy within 60 s\n%s", c.log)
		}
	}
}

// end has it send what it holds, and stop.
func (c *collector) end() {
	c.t.Helper()
	if err := c.process.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	select {
	case err := <-c.ended:
		if err != nil {
			c.t.Errorf("the Collector: %v", err)
		}
	case <-time.After(60 * time.Second):
		c.t.Fatal("the Collector did not end")
	}
}

// startFrom is start with a file of this content.
func startFrom(t *testing.T, file string, environ ...string) *service {
	t.Helper()
	name := filepath.Join(t.TempDir(), "app.yaml")
	if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	ports := addresses(t, 2)
	_, api, _ := net.SplitHostPort(ports[0])
	_, internal, _ := net.SplitHostPort(ports[1])
	ctx, stop := context.WithCancel(t.Context())
	s := &service{
		t: t, stop: stop, done: make(chan int, 1), stdout: &lines{}, problems: &lines{}, api: "http://" + ports[0], metrics: "http://" + ports[1],
		environ: append([]string{"SERVER_PORT=" + api, "METRICS_PORT=" + internal, "API_TOKENS=" + token}, environ...),
	}
	go func() { s.done <- run(ctx, []string{"serve", "-config", name}, s.environ, s.stdout, s.problems) }()
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("stdout:\n%s\nstderr:\n%s", s.stdout, s.problems)
		}
	})
	return s
}

// environmentOfTheStack is what compose.yaml tells the service, but for what is elsewhere in a test.
func environmentOfTheStack(t *testing.T) []string {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../compose.yaml"}, cli.WithEnv([]string{"VERSION=1.2.3", "POSTGRES_PASSWORD=a", "API_TOKENS=b", "GRAFANA_PASSWORD=c"}))
	if err != nil {
		t.Fatal(err)
	}
	stack, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var environ []string
	for name, value := range stack.Services["app"].Environment {
		if !slices.Contains([]string{"DATABASE_URL", "API_TOKENS", "OTLP_ENDPOINT"}, name) {
			environ = append(environ, name+"="+*value)
		}
	}
	if len(environ) < 9 {
		t.Fatalf("compose.yaml sets only %v", environ)
	}
	return environ
}

// One request, seen in Jaeger, Loki and Prometheus under one trace id: the service as compose.yaml runs it sends to a
// Collector as compose.yaml runs it.
func TestTelemetryOfARequest(t *testing.T) {
	b := startBackends(t)
	ports := addresses(t, 4)
	host, port, _ := net.SplitHostPort(ports[3])
	c := startCollector(t, ports[2], []string{
		"OTLP_GRPC_LISTEN=" + ports[0], "OTLP_HTTP_LISTEN=" + ports[1], "HEALTH_LISTEN=" + ports[2], "METRICS_HOST=" + host, "METRICS_PORT=" + port,
		"JAEGER_ENDPOINT=" + b.grpc, "LOKI_ENDPOINT=" + b.http + "/otlp", "PROMETHEUS_ENDPOINT=" + b.http + "/api/v1/otlp",
	}, "../compose/collector/config.yaml")

	const trace = "0af7651916cd43dd8448eb211c80319c"
	// Nothing is sent before the end, so that what arrives shows that the end sends it. Nothing is sampled but what the
	// caller did: an exemplar lasts until the next one of its bucket, from a probe perhaps.
	s := startFrom(t, "otlp: {shutdown_timeout: 60s, batch: {timeout: 1h}}", append(environmentOfTheStack(t),
		"DATABASE_URL="+postgrestest.URL(t), "OTLP_ENDPOINT="+ports[0], "OTEL_METRIC_EXPORT_INTERVAL=3600000", "OTLP_SAMPLE_RATE=0")...)
	s.until("ready", s.ready)
	parent := traced(s, trace, http.MethodPost, "/v1/releases", draft("1.0.0", "succeeded"), http.StatusCreated)
	if code := s.end(); code != 0 {
		t.Errorf("exit %d", code)
	}
	if text := s.stdout.String(); strings.Contains(text, "telemetry was not flushed") || strings.Contains(text, "telemetry is incomplete") {
		t.Errorf("telemetry was lost: %s", text)
	}
	if _, own := s.ask(http.MethodGet, "http://"+ports[3]+"/metrics", ""); !strings.Contains(own, "otelcol_receiver_accepted_spans") {
		t.Errorf("the Collector's own metrics: %s", own)
	}
	c.end()

	// The spans: the server's below the caller's, and every other one below the server's.
	below := map[string]*traces.Span{}
	var server *traces.Span
	for _, span := range b.spans {
		if hex.EncodeToString(span.TraceId) != trace {
			continue
		}
		below[hex.EncodeToString(span.SpanId)] = span
		if span.Kind == traces.Span_SPAN_KIND_SERVER {
			if server != nil {
				t.Errorf("a second span of the server: %v", span)
			}
			server = span
		}
	}
	if server == nil {
		t.Fatalf("no span of the server among %d", len(b.spans))
	}
	if server.Name != "POST /v1/releases" || hex.EncodeToString(server.ParentSpanId) != parent {
		t.Errorf("the span of the server is %q below %x", server.Name, server.ParentSpanId)
	}
	if got := attributes(server.Attributes); got["http.route"] != "/v1/releases" || got["http.response.status_code"] != "int_value:201" {
		t.Errorf("the span of the server says %v", got)
	}
	queries := 0
	for _, span := range below {
		if span == server {
			continue
		}
		up := span
		for up != nil && up != server {
			up = below[hex.EncodeToString(up.ParentSpanId)]
		}
		if up == nil {
			t.Errorf("%s is not below the server's span", span.Name)
		}
		if span.StartTimeUnixNano < server.StartTimeUnixNano || span.EndTimeUnixNano > server.EndTimeUnixNano {
			t.Errorf("%s is not within the server's span", span.Name)
		}
		if got := attributes(span.Attributes); span.Kind == traces.Span_SPAN_KIND_CLIENT && got["db.system.name"] == "postgresql" && got["db.collection.name"] == "releases" &&
			got["db.query.summary"] == span.Name && strings.Contains(span.Name, "INSERT releases") && strings.Contains(got["db.query.text"], "INSERT INTO releases") {
			queries++
		}
	}
	if queries == 0 {
		names := []string{}
		for _, span := range below {
			names = append(names, fmt.Sprint(span.Name, span.Kind, attributes(span.Attributes)))
		}
		t.Errorf("no span of the statement that records among %v", names)
	}

	// The log records of the request.
	found := map[string]string{}
	for _, record := range b.records {
		if hex.EncodeToString(record.TraceId) == trace {
			found[record.Body.GetStringValue()] = hex.EncodeToString(record.SpanId)
		}
	}
	if found["request"] != hex.EncodeToString(server.SpanId) {
		t.Errorf("the log record of the request is of span %q, want %x: %v", found["request"], server.SpanId, found)
	}

	// The metrics, each with an exemplar that leads to the trace.
	led := map[string]bool{}
	for _, m := range b.metrics {
		var exemplars []*metrics.Exemplar
		for _, point := range m.GetHistogram().GetDataPoints() {
			exemplars = append(exemplars, point.Exemplars...)
		}
		for _, point := range m.GetSum().GetDataPoints() {
			exemplars = append(exemplars, point.Exemplars...)
		}
		for _, e := range exemplars {
			if hex.EncodeToString(e.TraceId) == trace {
				led[m.Name] = true
			}
		}
	}
	for _, name := range []string{"http.server.request.duration", "db.client.operation.duration", "releases.recorded"} {
		if !led[name] {
			t.Errorf("no exemplar of %s leads to the trace: %v", name, led)
		}
	}

	// Whose telemetry it is.
	for _, signal := range []string{"traces", "logs", "metrics"} {
		if len(b.resources[signal]) == 0 {
			t.Errorf("no %s arrived", signal)
		}
		want := map[string]string{
			"service.name": "go-otlp-app", "service.version": "1.2.3", "deployment.environment.name": "compose", "telemetry.sdk.language": "go",
		}
		if signal == "metrics" {
			want["service.namespace"] = "otlp"
		}
		for _, got := range b.resources[signal] {
			for key, value := range want {
				if got[key] != value {
					t.Errorf("%s: %s is %q, want %q", signal, key, got[key], value)
				}
			}
			if got["service.instance.id"] == "" || got["service.instance.id"] != b.resources["traces"][0]["service.instance.id"] {
				t.Errorf("%s: service.instance.id is %q", signal, got["service.instance.id"])
			}
		}
	}
}

// msgpack, https://github.com/msgpack/msgpack/blob/master/spec.md, as much of it as a record needs.
func packString(s string) []byte {
	return append([]byte{0xda, byte(len(s) >> 8), byte(len(s))}, s...)
}

func packMap(m map[string]any) []byte {
	out := []byte{0xde, byte(len(m) >> 8), byte(len(m))}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, packString(key)...)
		switch value := m[key].(type) {
		case string:
			out = append(out, packString(value)...)
		case map[string]any:
			out = append(out, packMap(value)...)
		case int:
			out = binary.BigEndian.AppendUint64(append(out, 0xcf), uint64(value))
		}
	}
	return out
}

// forwarded is one event in the packed form of https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1,
// as Fluent Bit sends it where it wants an answer.
func forwarded(tag, chunk string, at time.Time, record map[string]any) []byte {
	entry := []byte{0x92, 0xd7, 0x00}
	entry = binary.BigEndian.AppendUint32(entry, uint32(at.Unix()))
	entry = binary.BigEndian.AppendUint32(entry, uint32(at.Nanosecond()))
	entry = append(entry, packMap(record)...)
	out := append([]byte{0x93}, packString(tag)...)
	out = append(out, 0xc5, byte(len(entry)>>8), byte(len(entry)))
	out = append(out, entry...)
	return append(out, packMap(map[string]any{"chunk": chunk, "size": 1})...)
}

// A line that the service wrote to its standard output, as Fluent Bit forwards it, leaves the cluster's Collector as a
// record of its trace and its pod.
func TestForwardedLine(t *testing.T) {
	b := startBackends(t)
	ports := addresses(t, 4)
	dir := t.TempDir()
	var object struct{ Spec struct{ Config yaml.Node } }
	manifest(t, "base/platform/collector/open-telemetry-collector.yaml", &object)
	var config struct {
		Service struct {
			Pipelines map[string]map[string][]string
		}
	}
	if err := object.Spec.Config.Decode(&config); err != nil {
		t.Fatal(err)
	}
	// k8sattributes asks a cluster. Everything else is as committed.
	for name, pipeline := range config.Service.Pipelines {
		rest := slices.DeleteFunc(pipeline["processors"], func(p string) bool { return p == "k8sattributes" })
		config.Service.Pipelines[name] = map[string][]string{"processors": rest}
	}
	endpoint := func(address string) map[string]any { return map[string]any{"endpoint": address} }
	changes := map[string]any{
		"receivers": map[string]any{
			"otlp":          map[string]any{"protocols": map[string]any{"grpc": endpoint(ports[0]), "http": endpoint(ports[1])}},
			"fluentforward": endpoint(ports[2]),
		},
		"exporters":  map[string]any{"otlp_grpc/gateway": endpoint(b.grpc)},
		"extensions": map[string]any{"health_check": endpoint(ports[3])},
		"service": map[string]any{
			"pipelines": config.Service.Pipelines,
			"telemetry": map[string]any{"metrics": map[string]any{"level": "none"}},
		},
	}
	for name, content := range map[string]any{"cluster.yaml": &object.Spec.Config, "here.yaml": changes} {
		text, err := yaml.Marshal(content)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c := startCollector(t, ports[3], nil, filepath.Join(dir, "cluster.yaml"), filepath.Join(dir, "here.yaml"))

	const trace, span, chunk = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "p8n9gmxTQVC8/nh2wlKKeQ=="
	conn, err := net.Dial("tcp", ports[2])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	at := time.Date(2026, 11, 1, 10, 0, 0, 123456789, time.UTC)
	if _, err := conn.Write(forwarded("kube.var.log.containers.go-otlp-app", chunk, at, map[string]any{
		// What tail, its multiline parser and the kubernetes filter (merge_log on, keep_log off) make of a line.
		"stream": "stderr", "_p": "F", "time": "2026-11-01T10:00:00.123456789Z",
		"level": "WARN", "msg": "request", "trace_id": trace, "span_id": span, "route": "/v1/releases", "status": 503,
		"kubernetes": map[string]any{
			"namespace_name": "go-otlp-app", "pod_name": "go-otlp-app-7d9c", "pod_id": "7a1b", "container_name": "app",
			"labels": map[string]any{"app.kubernetes.io/name": "go-otlp-app", "version": "1.2.3"},
		},
	})); err != nil {
		t.Fatal(err)
	}
	// It answers when it has the chunk: Fluent Bit keeps it on disk until then.
	if err := conn.SetReadDeadline(time.Now().Add(60 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 256)
	n, err := conn.Read(answer)
	if err != nil || !bytes.Contains(answer[:n], []byte("ack")) || !bytes.Contains(answer[:n], []byte(chunk)) {
		t.Errorf("got %q, %v, want an answer for the chunk", answer[:n], err)
	}
	// The receiver answers before it hands the chunk on, and forgets at its end what it has not: so it is not ended yet.
	for deadline := time.Now().Add(60 * time.Second); b.received() == 0 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	c.end()

	if len(b.records) != 1 {
		t.Fatalf("got records %v", b.records)
	}
	record := b.records[0]
	if hex.EncodeToString(record.TraceId) != trace || hex.EncodeToString(record.SpanId) != span {
		t.Errorf("the record is of trace %x and span %x", record.TraceId, record.SpanId)
	}
	if record.Body.GetStringValue() != "request" || record.SeverityText != "WARN" || record.SeverityNumber != logs.SeverityNumber_SEVERITY_NUMBER_WARN {
		t.Errorf("got %v", record)
	}
	if record.TimeUnixNano != uint64(at.UnixNano()) {
		t.Errorf("its time is %v", time.Unix(0, int64(record.TimeUnixNano)).UTC())
	}
	if got := slices.Sorted(maps.Keys(attributes(record.Attributes))); !slices.Equal(got, []string{"fluent.tag", "log.iostream", "route", "status"}) {
		t.Errorf("its attributes are %v", got)
	}
	want := map[string]string{
		"service.name": "go-otlp-app", "service.version": "1.2.3", "k8s.namespace.name": "go-otlp-app", "k8s.pod.name": "go-otlp-app-7d9c",
		"k8s.pod.uid": "7a1b", "k8s.container.name": "app", "deployment.environment.name": "unset", "k8s.cluster.name": "unset",
	}
	if got := b.resources["logs"]; len(got) != 1 || !maps.Equal(got[0], want) {
		t.Errorf("its resource is %v, want %v", got, want)
	}
}

// A Collector that hangs costs no request anything: all of them are answered while not one export is, what does not fit
// the queues is dropped and said so, and the service ends in the time that it has for the last flush.
func TestCollectorThatHangs(t *testing.T) {
	for _, c := range []struct {
		name    string
		timeout time.Duration // of an export
		says    string        // the service, while it runs
		hang    func(t *testing.T, listener net.Listener) (called <-chan struct{})
	}{
		// An export that has failed is what the SDK counts its losses after.
		{"calls without an answer", 300 * time.Millisecond, `"error":"dropped log records"`, hangCalls},
		// Nothing ends this export but the end of the service: its deadline for the last flush is the only one.
		{"connections without an answer", 10 * time.Minute, "", hangConnections},
	} {
		t.Run(c.name, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			called := c.hang(t, listener)
			s := startFrom(t, fmt.Sprintf("otlp: {timeout: %v, shutdown_timeout: 200ms, batch: {max_size: 16, timeout: 10ms, queue_size: 64}}", c.timeout),
				"DATABASE_URL="+postgrestest.URL(t), "OTLP_ENDPOINT="+listener.Addr().String(), "OTLP_INSECURE=true", "OTLP_SAMPLE_RATE=1")
			s.until("ready", s.ready)
			<-called
			// Each makes a log record and several spans.
			const requests = 800
			work := make(chan int)
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					for i := range work {
						if status, body := s.ask(http.MethodPost, s.api+"/v1/releases", draft(fmt.Sprintf("1.0.%d", i), "succeeded")); status != http.StatusCreated {
							t.Errorf("request %d: %d %s", i, status, body)
						}
					}
				})
			}
			for i := range requests {
				work <- i
			}
			close(work)
			group.Wait()
			s.until("saying that telemetry is lost", func() bool { return strings.Contains(s.stdout.String(), c.says) })
			if _, text := s.ask(http.MethodGet, s.metrics+"/metrics", ""); !strings.Contains(text, fmt.Sprintf(`releases_recorded_total{environment="prod",outcome="succeeded"} %d`, requests)) {
				t.Errorf("/metrics does not count all %d releases", requests)
			}
			if code := s.end(); code != 0 {
				t.Errorf("exit %d", code)
			}
			if !strings.Contains(s.stdout.String(), "telemetry was not flushed") {
				t.Error("it does not say that the last telemetry was lost")
			}
		})
	}
}

// hangCalls serves gRPC that takes calls of any service and does not answer them.
func hangCalls(t *testing.T, listener net.Listener) <-chan struct{} {
	called := make(chan struct{})
	var once sync.Once
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		once.Do(func() { close(called) })
		<-stream.Context().Done()
		return stream.Context().Err()
	}))
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Stop(); <-served })
	return called
}

// hangConnections takes connections and says nothing on them.
func hangConnections(t *testing.T, listener net.Listener) <-chan struct{} {
	called := make(chan struct{})
	served := make(chan struct{})
	go func() {
		defer close(served)
		for first := true; ; first = false {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			if first {
				close(called)
			}
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-served })
	return called
}
