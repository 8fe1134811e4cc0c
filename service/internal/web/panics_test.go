package web

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPanicIsLoggedAndNotShown(t *testing.T) {
	var log bytes.Buffer
	a := newAPI(t, Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	for path, v := range map[string]any{"text": "secret-1", "error": errors.New("secret-2")} {
		a.handle("GET /test/"+path, func(http.ResponseWriter, *http.Request) error { panic(v) })
		w := httptest.NewRecorder()
		a.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/test/"+path, http.NoBody))
		readProblem(t, w, http.StatusInternalServerError)
		if strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "goroutine") {
			t.Errorf("the answer tells too much: %s", w.Body)
		}
	}
	for _, want := range []string{"secret-1", "secret-2", "panics_test.go", `"route":"/test/text","status":500`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
}

func TestPanicAfterTheFirstByteDropsTheConnection(t *testing.T) {
	a := newAPI(t, Options{})
	a.handle("GET /test/half", func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = w.Write([]byte("half an ans"))
		_ = http.NewResponseController(w).Flush()
		panic("boom")
	})
	s := httptest.NewUnstartedServer(a)
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.Start()
	defer s.Close()
	answer, err := s.Client().Get(s.URL + "/test/half")
	if err != nil {
		return
	}
	defer answer.Body.Close()
	if _, err := new(bytes.Buffer).ReadFrom(answer.Body); err == nil {
		t.Error("half an answer arrived as a whole one")
	}
}
