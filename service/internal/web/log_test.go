package web

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRequestLog(t *testing.T) {
	var log bytes.Buffer
	a := newAPI(t, Options{Tokens: []string{goodToken}, Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	r := post("/v1/releases?password=hunter2", `{"service":"hunter2"}`)
	r.Header.Set("Authorization", "Bearer hunter2")
	r.Header.Set("Cookie", "hunter2")
	a.ServeHTTP(httptest.NewRecorder(), r)
	a.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, pathHealth, http.NoBody))

	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("a secret is in the log: %s", log.String())
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"credential refused","client.address":"192.0.2.1","route":"/v1/releases","reason":"unknown"`) {
		t.Fatalf("got %d lines, want one of the token and one of the request, none for the probe:\n%s", len(lines), log.String())
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(lines[1]), &line); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"method": "POST", "route": "/v1/releases", "status": 401.0, "level": "INFO"} {
		if line[name] != want {
			t.Errorf("got %s %v, want %v", name, line[name], want)
		}
	}
	if _, ok := line["duration"].(float64); !ok {
		t.Errorf("no duration: %v", line)
	}
}
