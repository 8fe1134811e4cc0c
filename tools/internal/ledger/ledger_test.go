package ledger

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestLast(t *testing.T) {
	release := func(version, outcome, more string) string {
		return fmt.Sprintf(`{"releases": [{"id": "1", "service": "app", "environment": "staging", "version": %q, "outcome": %q, "recorded_at": "2026-11-20T10:00:00Z"%s}]}`, version, outcome, more)
	}
	answers := map[string]string{
		"1.2.0": release("1.2.0", "succeeded", `, "started_at": "2026-11-20T09:00:00Z", "succeeded_at": "2026-11-20T09:05:00Z", "finished_at": "2026-11-20T09:06:00Z"`),
		"1.3.0": release("1.3.0", "rolled_back", `, "started_at": "2026-11-20T09:00:00Z", "succeeded_at": "2026-11-20T09:05:00Z", "finished_at": "2026-11-20T11:00:00Z"`),
		"1.4.0": `{"releases": []}`,
		"1.5.0": `{"other": 1}`,
		"1.6.0": `<html>`,
		"1.7.0": release("1.2.0", "succeeded", ""),
		"1.8.0": strings.Repeat(" ", maxAnswer+1),
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.URL.Path != "/base/v1/releases" || q.Get("service") != "app" || q.Get("environment") != "staging" || q.Get("track") != "stable" || q.Get("kind") != "deployment" || r.Header.Get("Authorization") != "Bearer secret" {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		switch q.Get("version") {
		case "moved":
			http.Redirect(w, r, "https://elsewhere.example.com/", http.StatusFound)
		case "gone":
			http.Error(w, "no", http.StatusServiceUnavailable)
		default:
			_, _ = w.Write([]byte(answers[q.Get("version")]))
		}
	}))
	defer server.Close()
	c := Client{URL: server.URL + "/base", Token: "secret"}
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for version, want := range map[string]Release{
		"1.2.0": {"succeeded", at("2026-11-20T09:05:00Z")},
		"1.3.0": {"rolled_back", at("2026-11-20T11:00:00Z")},
		"1.4.0": {},
	} {
		got, known, err := c.Last(t.Context(), "app", "staging", version)
		if err != nil || got != want || known != (want.Outcome != "") {
			t.Errorf("%s: %+v, %t, %v; want %+v", version, got, known, err, want)
		}
	}
	for version, said := range map[string]string{
		"1.5.0": "no list of releases", "1.6.0": "no list of releases", "1.7.0": "it was asked for app 1.7.0 in staging, and answers with app 1.2.0",
		"1.8.0": "longer than 1 MB", "moved": "it leads to elsewhere.example.com", "gone": "it answers 503",
	} {
		if _, _, err := c.Last(t.Context(), "app", "staging", version); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%s: %v; want %q", version, err, said)
		}
	}
	for address, said := range map[string]string{
		"ftp://ledger": "no URL of http or https", "http://ledger.example.com": "KGATE_LEDGER_TOKEN is set and would be readable", "https://user:pw@ledger.example.com": "without a user",
	} {
		if _, _, err := (Client{URL: address, Token: "secret"}).Last(t.Context(), "app", "staging", "1"); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("%s: %v; want %q", address, err, said)
		}
	}
}
