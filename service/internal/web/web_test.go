package web

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/kgate-dev/gitops/service/internal/release"
)

// unasked is the ledger of tests whose requests never get as far: a call panics.
type unasked struct{ release.Ledger }

func newAPI(t *testing.T, o Options) *API {
	t.Helper()
	if o.Ledger == nil {
		o.Ledger = unasked{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// send gives r to a and holds the answer to the description, and the request too where it was accepted.
func send(t *testing.T, a http.Handler, r *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	var body strings.Builder
	sent := r.Clone(r.Context())
	r.Body = io.NopCloser(io.TeeReader(r.Body, &body))
	a.ServeHTTP(w, r)
	holdAnswer(t, sent, w)
	if w.Code < http.StatusBadRequest {
		if ok, why := validRequest(t, sent, body.String()); !ok {
			t.Errorf("%s %s is accepted, and the description does not allow it: %s", r.Method, r.URL, why)
		}
	}
	return w
}

func get(t *testing.T, a http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	return send(t, a, httptest.NewRequest(http.MethodGet, target, http.NoBody))
}

const goodToken = "a-token-that-may-write"

// post makes a request that may write.
func post(target, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+goodToken)
	return r
}

func readProblem(t *testing.T, w *httptest.ResponseRecorder, status int) problem {
	t.Helper()
	if w.Code != status {
		t.Fatalf("got status %d, want %d: %s", w.Code, status, w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("got Content-Type %q", got)
	}
	var p problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != status || p.Type != problemTypes+p.Code || p.Code == "" || p.Title == "" || p.Detail == "" {
		t.Errorf("incomplete problem %+v", p)
	}
	return p
}

// places are where the faults of p are.
func places(p problem) []string {
	var all []string
	for _, f := range p.Errors {
		all = append(all, f.Pointer+f.Parameter+f.Header)
	}
	return all
}

func TestNewRefuses(t *testing.T) {
	for name, o := range map[string]Options{
		"no ledger":      {},
		"empty token":    {Ledger: unasked{}, Tokens: []string{"a", ""}},
		"negative limit": {Ledger: unasked{}, MaxConcurrency: -1},
	} {
		if _, err := New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWhatIsNotThereIsAProblem(t *testing.T) {
	a := newAPI(t, Options{})
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/nothing", 404, ""},
		{"GET", "/index.html", 404, ""},
		{"POST", "/", 405, "GET, HEAD"},
		{"GET", "/v1/releases/", 404, ""},
		{"DELETE", "/v1/releases", 405, "GET, HEAD, POST"},
		{"PUT", "/v1/releases/x", 405, "GET, HEAD, PATCH"},
		{"GET", "/v1/webhooks/argocd", 405, "POST"},
		{"POST", "/healthz", 405, "GET, HEAD"},
		{"BREW", "/v1/dora", 405, "GET, HEAD"},
	} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(c.method, c.path, http.NoBody))
		readProblem(t, w, c.status)
		if got := w.Header().Get("Allow"); got != c.allow {
			t.Errorf("%s %s: got Allow %q, want %q", c.method, c.path, got, c.allow)
		}
	}
}

func TestEveryAnswerIsSecured(t *testing.T) {
	a := newAPI(t, Options{})
	for _, path := range []string{"/healthz", "/nothing", "/openapi.json"} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		for name, want := range map[string]string{
			"X-Content-Type-Options":  "nosniff",
			"Cache-Control":           "no-store",
			"Referrer-Policy":         "no-referrer",
			"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: got %s %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestHEADHasNoBody(t *testing.T) {
	s := httptest.NewServer(newAPI(t, Options{}))
	defer s.Close()
	answer, err := s.Client().Head(s.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || len(body) != 0 {
		t.Errorf("got %d %q %v", answer.StatusCode, body, err)
	}
}

func TestSpansAreNamedByRoute(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	tracing := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	a := newAPI(t, Options{TracerProvider: tracing, MaxConcurrency: 1})
	a.handle("GET /test/{secret}/boom", func(http.ResponseWriter, *http.Request) error { panic("boom") })

	for _, target := range []string{"/healthz", "/test/hunter2/boom", "/nothing", "/?window=x"} {
		a.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, target, http.NoBody))
	}
	// A request that is shed never gets to its handler, and is named all the same.
	a.slots <- struct{}{}
	a.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/environments", http.NoBody))

	var names []string
	for _, s := range spans.Ended() {
		names = append(names, s.Name())
	}
	if got, want := strings.Join(names, "|"), "GET /healthz|GET /test/{secret}/boom|GET|GET /|GET /v1/environments"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if got := attributeOf(spans.Ended()[1].Attributes(), "http.route"); got != "/test/{secret}/boom" {
		t.Errorf("got http.route %q", got)
	}
	if got := attributeOf(spans.Ended()[3].Attributes(), "http.route"); got != "/" {
		t.Errorf("the page's http.route is %q", got)
	}
	if len(spans.Ended()[1].Events()) == 0 || spans.Ended()[1].Status().Code.String() != "Error" {
		t.Errorf("the panic is not in its span: %v", spans.Ended()[1].Status())
	}
}

// Whose a request is, nobody tells who is not trusted.
func TestSpansNameTheClient(t *testing.T) {
	for _, c := range []struct {
		trusted []netip.Prefix
		want    string
	}{
		{nil, "192.0.2.1"}, // as httptest has it
		{[]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, "198.51.100.7"},
	} {
		spans := tracetest.NewSpanRecorder()
		a := newAPI(t, Options{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)), TrustedProxies: c.trusted})
		r := httptest.NewRequest(http.MethodGet, "/healthz", http.NoBody)
		r.Header.Set("X-Forwarded-For", "203.0.113.1, 198.51.100.7")
		a.ServeHTTP(httptest.NewRecorder(), r)
		var said []string
		for _, kv := range spans.Ended()[0].Attributes() {
			if kv.Key == semconv.ClientAddressKey {
				said = append(said, kv.Value.String())
			}
		}
		if !slices.Equal(said, []string{c.want}) {
			t.Errorf("trusting %v: the client is %q, want %s", c.trusted, said, c.want)
		}
	}
}

func attributeOf(all []attribute.KeyValue, key attribute.Key) string {
	for _, kv := range all {
		if kv.Key == key {
			return kv.Value.String()
		}
	}
	return ""
}

// The alert on busy pods and the metrics adapter read these two.
func TestMetrics(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	a := newAPI(t, Options{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
	inside := make(chan struct{})
	release := make(chan struct{})
	a.handle("GET /test/block", func(w http.ResponseWriter, _ *http.Request) error {
		close(inside)
		<-release
		return answer(w, http.StatusOK, status{"ok"})
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/test/block", http.NoBody))
	}()
	<-inside
	if got := activeRequests(t, reader); got != 1 {
		t.Errorf("got %d active requests, want 1", got)
	}
	close(release)
	<-done
	if got := activeRequests(t, reader); got != 0 {
		t.Errorf("got %d active requests, want 0", got)
	}
	duration, ok := collected(t, reader, "http.server.request.duration").(metricdata.Histogram[float64])
	if !ok || len(duration.DataPoints) != 1 {
		t.Fatalf("no http.server.request.duration: %v", duration)
	}
	if got := attributeOf(duration.DataPoints[0].Attributes.ToSlice(), "http.route"); got != "/test/block" {
		t.Errorf("got http.route %q", got)
	}
}

func activeRequests(t *testing.T, reader sdkmetric.Reader) int64 {
	t.Helper()
	sum, ok := collected(t, reader, "http.server.active_requests").(metricdata.Sum[int64])
	if !ok || len(sum.DataPoints) != 1 {
		t.Fatalf("no http.server.active_requests: %v", sum)
	}
	return sum.DataPoints[0].Value
}

func collected(t *testing.T, reader sdkmetric.Reader, name string) metricdata.Aggregation {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			if m.Name == name {
				return m.Data
			}
		}
	}
	return nil
}

func TestTimeLimit(t *testing.T) {
	a := newAPI(t, Options{RequestTimeout: time.Nanosecond})
	a.handle("GET /test/slow", func(_ http.ResponseWriter, r *http.Request) error {
		<-r.Context().Done()
		return r.Context().Err()
	})
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/test/slow", http.NoBody))
	readProblem(t, w, http.StatusGatewayTimeout)
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestGoneClientIsNotAFailure(t *testing.T) {
	a := newAPI(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	a.handle("GET /test/gone", func(_ http.ResponseWriter, r *http.Request) error {
		cancel()
		<-r.Context().Done()
		return r.Context().Err()
	})
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/test/gone", http.NoBody).WithContext(ctx))
	readProblem(t, w, statusClientClosedRequest)
}

func TestDrainingAsksClientsToLeave(t *testing.T) {
	a := newAPI(t, Options{})
	if got := get(t, a, "/healthz").Header().Get("Connection"); got != "" {
		t.Errorf("before: Connection: %q", got)
	}
	a.Drain()
	if w := get(t, a, "/healthz"); w.Code != http.StatusOK || w.Header().Get("Connection") != "close" {
		t.Errorf("draining: %d, Connection: %q", w.Code, w.Header().Get("Connection"))
	}
}
