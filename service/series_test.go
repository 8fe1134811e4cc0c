package main

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
)

// What a client may choose makes no series: neither Host, path nor method.
func TestClientsMakeNoSeries(t *testing.T) {
	s := start(t, postgrestest.URL(t))
	s.until("ready", s.ready)
	ask := func(i int) {
		method, path, host := http.MethodGet, "/v1/environments", "go-otlp-app"
		if i > 0 {
			method, path, host = fmt.Sprintf("M%d", i), fmt.Sprintf("/v1/nowhere/%d", i), fmt.Sprintf("host-%d.example:%d", i, i)
		}
		for _, r := range []struct{ method, path, host string }{{method, "/v1/environments", "go-otlp-app"}, {http.MethodGet, path, "go-otlp-app"}, {http.MethodGet, "/v1/environments", host}} {
			request, err := http.NewRequestWithContext(t.Context(), r.method, s.api+r.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = r.host
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
		}
	}
	count := func() (n int) {
		for _, series := range s.scrape() {
			if series.Get("url_scheme") != "" {
				n++
			}
		}
		return n
	}
	ask(0)
	ask(1)
	before := count()
	for i := range 50 {
		ask(2 + i)
	}
	if after := count(); after != before {
		t.Errorf("fifty clients with their own Host, path and method made %d series of %d", after, before)
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit %d", code)
	}
}
