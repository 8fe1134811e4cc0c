package telemetry

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
)

// What this service asks of others is measured, and they are told nothing of its traces.
func TestTransport(t *testing.T) {
	var told http.Header
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { told = r.Header }))
	defer other.Close()
	tel := setup(t, options("127.0.0.1:1"))
	ctx, span := tel.TracerProvider.Tracer("test").Start(t.Context(), "request")
	defer span.End()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, other.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: tel.Transport(http.DefaultTransport)}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if told == nil || told.Get("Traceparent") != "" {
		t.Errorf("the other is told %v", told)
	}
	text := scrape(t, tel, "text/plain")
	if !regexp.MustCompile(`(?m)^http_client_request_duration_seconds_count\{[^}]*http_response_status_code="200"[^}]*server_address="127\.0\.0\.1"[^}]*\} 1$`).MatchString(text) {
		t.Errorf("it is not measured in\n%s", text)
	}
}
