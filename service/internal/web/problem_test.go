package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
)

// docs/problems.md is where the type of every problem leads to.
func TestEveryProblemIsDescribed(t *testing.T) {
	page, err := os.ReadFile("../../../docs/problems.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, k := range problemKinds() {
		want = append(want, fmt.Sprintf("| <a id=%q></a>`%s` | %d | ", k.code, k.code, k.status))
	}
	got := regexp.MustCompile(`(?m)^\| <a id=.*?\| [0-9]+ \| `).FindAllString(string(page), -1)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("docs/problems.md has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestProblemNamesItsTrace(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	a := newAPI(t, Options{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))})
	p := readProblem(t, get(t, a, "/v1/releases?limit=no"), http.StatusUnprocessableEntity)
	if ended := spans.Ended(); len(ended) != 1 || p.TraceID != ended[0].SpanContext().TraceID().String() {
		t.Errorf("got trace %q of %v", p.TraceID, ended)
	}
}

// What Go's packages call themselves is no business of a client.
func TestProblemsDoNotSpeakGo(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	read[release.Release](t, send(t, a, post("/v1/releases", body("1.0.0", 10))), http.StatusCreated)
	for _, r := range []*http.Request{
		post("/v1/webhooks/argocd", `{"app":1}`),
		post("/v1/webhooks/argocd", `{"started_at":"yesterday"}`),
		post("/v1/webhooks/argocd", `{"started_at":5}`),
		post("/v1/webhooks/argocd", `{"app"`),
		post("/v1/webhooks/argocd", `[]`),
		post("/v1/releases", `{"app"x`),
		post("/v1/releases", `{'`),
		post("/v1/releases", strings.Replace(body("1.0.0", 10), "ana", "ben", 1)),
		httptest.NewRequest(http.MethodGet, "/v1/releases?cursor=x", http.NoBody),
	} {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		p := readProblem(t, w, w.Code)
		t.Logf("%d %s: %s", p.Status, p.Code, p.Detail)
		if w.Code < 400 || w.Code >= 500 {
			t.Errorf("got %d", w.Code)
		}
		for _, goes := range []string{"json:", "Go ", "record a release", "conflict:", "parsing time", "web.", "Time.", "strconv"} {
			if strings.Contains(p.Detail, goes) {
				t.Errorf("%q speaks Go: %s", goes, p.Detail)
			}
		}
	}
}

func TestTimesAreThoseOfRFC3339(t *testing.T) {
	for given, ok := range map[string]bool{
		"2026-11-01T10:00:00Z":           true,
		"2026-11-01T10:00:00.123456789Z": true,
		"2026-11-01T10:00:00+05:30":      true,
		"2026-11-01T10:00:00-00:00":      true,
		"2024-02-29T23:59:59Z":           true,
		"2026-11-01T10:00:00,5Z":         false,
		"2026-11-01T1:00:00Z":            false,
		"2026-11-01T24:00:00Z":           false,
		"2026-11-01T10:00:00+24:00":      false,
		"2026-11-01T10:00:00+05:60":      false,
		"2026-11-01t10:00:00z":           false,
		"2026-11-01 10:00:00Z":           false,
		"2026-11-01T10:00:00":            false,
		"2026-11-01T10:00Z":              false,
		"2026-11-01T10:00:60Z":           false,
		"2026-11-01T10:00:00.Z":          false,
		"2026-02-30T10:00:00Z":           false,
		"2026-11-01T10:00:00+0530":       false,
		"26-11-01T10:00:00Z":             false,
		" 2026-11-01T10:00:00Z":          false,
	} {
		if _, err := parseTime(given); (err == nil) != ok {
			t.Errorf("%s: got %v", given, err)
		}
		var d release.Draft
		err := decode([]byte(`{"started_at":"`+given+`"}`), &d)
		if ok != (err == nil) {
			t.Errorf("%s in a body: got %v", given, err)
		}
		if p, isProblem := err.(*problem); !ok && (!isProblem || p.Status != http.StatusUnprocessableEntity || len(p.Errors) != 1) {
			t.Errorf("%s in a body: got %v, want a fault that names the field", given, err)
		}
	}
}
