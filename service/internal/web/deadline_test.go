package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A request that uses all of its time is answered, although the server's own timeouts end before it: neither may the
// one of reading cancel it, nor the one of writing cut the answer.
func TestAllOfTheTimeMayBeUsed(t *testing.T) {
	const short = 50 * time.Millisecond
	a := newAPI(t, Options{RequestTimeout: 4 * short, Tokens: []string{goodToken}})
	a.handle("GET /test/slow", func(_ http.ResponseWriter, r *http.Request) error {
		<-r.Context().Done()
		return r.Context().Err()
	})
	a.handle("POST /test/slow", func(w http.ResponseWriter, r *http.Request) error {
		var n notification
		if err := decodeBody(w, r, 100, &n); err != nil {
			return err
		}
		<-r.Context().Done()
		return r.Context().Err()
	})
	s := httptest.NewUnstartedServer(a)
	s.Config.ReadTimeout, s.Config.WriteTimeout = short, short
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.Start()
	defer s.Close()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r, err := http.NewRequest(method, s.URL+"/test/slow", strings.NewReader(`{"app":"a"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = post("/", "").Header
		answer, err := s.Client().Do(r)
		if err != nil {
			t.Errorf("%s: %v", method, err)
			continue
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusGatewayTimeout || !strings.Contains(string(body), "took longer than it may") {
			t.Errorf("%s: got %s %q %v", method, answer.Status, body, err)
		}
	}
}

// The server reads on while a handler works, and so still notices that nobody waits any more.
func TestGoneClientIsNoticed(t *testing.T) {
	a := newAPI(t, Options{})
	inside, ended := make(chan struct{}), make(chan struct{})
	a.handle("GET /test/gone", func(_ http.ResponseWriter, r *http.Request) error {
		close(inside)
		<-r.Context().Done()
		close(ended)
		return r.Context().Err()
	})
	s := httptest.NewUnstartedServer(a)
	s.Config.ReadTimeout, s.Config.WriteTimeout = time.Hour, time.Hour
	s.Start()
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-inside; cancel() }()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/test/gone", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := s.Client().Do(r); err == nil {
		_ = answer.Body.Close()
		t.Fatal("answered although the client has gone")
	}
	<-ended
}
