package web

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
)

// TestSearchOfMoreNamesThanAreKnown: a name to the letter is meant, though only the first ones are there to choose from.
func TestSearchOfMoreNamesThanAreKnown(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	record := func(service, actor string) {
		t.Helper()
		text := strings.NewReplacer(`"shop"`, fmt.Sprintf("%q", service), `"ana"`, fmt.Sprintf("%q", actor)).Replace(body("1.0.0", 10))
		if w := send(t, a, post("/v1/releases", text)); w.Code != http.StatusCreated {
			t.Fatal(w.Code, w.Body)
		}
	}
	record("aaa-zzz", "anna-zoe")
	for i := range release.MaxNames {
		record(fmt.Sprintf("app-%03d", i), fmt.Sprintf("argocd/app-%03d", i))
	}
	record("zzz", "zoe")
	for query, want := range map[string]struct{ is, not string }{
		"service=zzz":   {`href="/services/zzz"`, `href="/services/aaa-zzz"`},
		"actor=zoe":     {`title="zoe"`, `title="anna-zoe"`},
		"service=a-zzz": {`href="/services/aaa-zzz"`, `href="/services/zzz"`}, // a part of one that is known
	} {
		w := get(t, a, "/releases?kind=all&"+query)
		if page := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(page, want.is) || strings.Contains(page, want.not) {
			t.Errorf("%s: %d, %v with %s, %v with %s", query, w.Code, strings.Contains(page, want.is), want.is, strings.Contains(page, want.not), want.not)
		}
	}
	// What turns the direction of what follows comes into no page.
	if w := get(t, a, "/releases?actor=%E2%80%AEevil"); w.Code != http.StatusUnprocessableEntity || strings.Contains(w.Body.String(), "\u202e") {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}

// TestPlaceThatRunsWhatItsUpstreamWentBackFrom: it ran there.
func TestPlaceThatRunsWhatItsUpstreamWentBackFrom(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	var bad release.Release
	for _, r := range []struct {
		environment, version string
		day                  int
	}{{"staging", "1.0.0", 10}, {"staging", "1.1.0", 11}, {"prod", "1.0.0", 12}, {"prod", "1.1.0", 13}} {
		made := read[release.Release](t, send(t, a, post("/v1/releases", strings.Replace(body(r.version, r.day), `"prod"`, fmt.Sprintf("%q", r.environment), 1))), http.StatusCreated)
		if r.environment == "staging" {
			bad = made
		}
	}
	request := post("/v1/releases/"+bad.ID, `{"outcome":"rolled_back","finished_at":"2026-11-14T10:00:00Z","actor":"ana"}`)
	request.Method = http.MethodPatch
	if w := send(t, a, request); w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	page := get(t, a, "/").Body.String()
	for _, want := range []string{"staging went back", "Staging had this, and runs 1.0.0 again.", "runs what staging went back from"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, wrong := range []string{"never had", "never ran"} {
		if strings.Contains(page, wrong) {
			t.Errorf("the page says %q of what ran there", wrong)
		}
	}
}

func TestMomentsOfQueries(t *testing.T) {
	for _, text := range []string{"2026-11-28", "2026-11-28T10:00", "2026-11-28T10:00:00", "2026-11-28T10:00:00Z", "2026-11-28T10:00:00.5+01:00"} {
		if _, ok := parseMoment(text); !ok {
			t.Errorf("%s is refused", text)
		}
	}
	for _, text := range []string{"", "now", "2026-11-28T1:00:00Z", "2026-11-28T1:00", "2026-11-28T10:00:00,5Z", "2026-11-28T10:00:00+24:00", "2026-11-28 10:00"} {
		if at, ok := parseMoment(text); ok {
			t.Errorf("%s is %s", text, at)
		}
	}
}
