package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/service/internal/postgres"
	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// now is the clock of tests with a ledger.
var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// newLedgerAPI is an API over a PostgreSQL of its own database.
func newLedgerAPI(t *testing.T, url string) *API {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Options{URL: url, Now: clock, MaxConns: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return newAPI(t, Options{Ledger: store, Tokens: []string{goodToken}, Promotion: []string{"dev*", "staging*", "prod*"}, Now: clock})
}

func read[T any](t *testing.T, w *httptest.ResponseRecorder, status int) T {
	t.Helper()
	if w.Code != status {
		t.Fatalf("got status %d, want %d: %s", w.Code, status, w.Body)
	}
	var v T
	d := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// body of a release that succeeded in prod on the day of November 2026.
func body(version string, day int) string {
	return fmt.Sprintf(`{"service":"shop","environment":"prod","version":%q,"revision":"0123abc","actor":"ana","outcome":"succeeded",
		"committed_at":"2026-11-%02dT08:00:00Z","started_at":"2026-11-%02dT10:00:00Z","finished_at":"2026-11-%02dT10:05:00Z"}`, version, day, day, day)
}

func TestRecordAndRead(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	w := send(t, a, post("/v1/releases", body("1.0.0", 10)))
	first := read[release.Release](t, w, http.StatusCreated)
	if first.Track != release.Stable || first.Version != "1.0.0" || w.Header().Get("Location") != "/v1/releases/"+first.ID {
		t.Errorf("got %+v at %q", first, w.Header().Get("Location"))
	}

	w = send(t, a, post("/v1/releases", body("1.0.0", 10)))
	if again := read[release.Release](t, w, http.StatusOK); again.ID != first.ID || w.Header().Get(replayed) != "true" {
		t.Errorf("the same facts became another release: %+v", again)
	}
	if got := read[release.Release](t, get(t, a, "/v1/releases/"+first.ID), http.StatusOK); got.ID != first.ID {
		t.Errorf("got %+v", got)
	}
	for _, id := range []string{"00000000-0000-7000-8000-000000000000", "nothing", "%00", "'"} {
		readProblem(t, get(t, a, "/v1/releases/"+id), http.StatusNotFound)
	}

	rolledBack := strings.Replace(strings.Replace(body("1.0.0", 10), `"succeeded"`, `"rolled_back"`, 1), "10:05", "11:00", 1)
	if got := read[release.Release](t, send(t, a, post("/v1/releases", rolledBack)), http.StatusCreated); got.ID != first.ID || got.Outcome != release.RolledBack {
		t.Errorf("got %+v", got)
	}
	removed := strings.Replace(rolledBack, `"rolled_back"`, `"removed"`, 1)
	readProblem(t, send(t, a, post("/v1/releases", removed)), http.StatusConflict)
}

func patch(target, body string) *http.Request {
	r := post(target, body)
	r.Method = http.MethodPatch
	return r
}

func TestMoveByID(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	started := strings.Replace(strings.Replace(body("1.0.0", 10), `"succeeded"`, `"started"`, 1), `,"finished_at":"2026-11-10T10:05:00Z"`, "", 1)
	id := read[release.Release](t, send(t, a, post("/v1/releases", started)), http.StatusCreated).ID
	for i, c := range []struct {
		body    string
		outcome release.Outcome
	}{
		{`{"outcome":"failed","finished_at":"2026-11-10T10:03:00Z"}`, release.Failed},
		{`{"outcome":"succeeded","finished_at":"2026-11-10T10:05:00Z","actor":"Zoë"}`, release.Succeeded},
		{`{"outcome":"succeeded"}`, release.Succeeded},
		{`{"outcome":"started"}`, release.Succeeded},
		{`{"outcome":"removed"}`, release.Removed},
	} {
		w := send(t, a, patch("/v1/releases/"+id, c.body))
		got := read[release.Release](t, w, http.StatusOK)
		if got.ID != id || got.Outcome != c.outcome || (w.Header().Get(replayed) == "true") != (i == 2 || i == 3) {
			t.Errorf("%s: got %+v, replayed %q", c.body, got, w.Header().Get(replayed))
		}
	}
	if running := read[runningList](t, get(t, a, "/v1/environments"), http.StatusOK).Running; len(running) != 0 {
		t.Errorf("what is removed runs: %+v", running)
	}
	readProblem(t, send(t, a, patch("/v1/releases/"+id, `{"outcome":"rolled_back"}`)), http.StatusConflict)
	readProblem(t, send(t, a, patch("/v1/releases/00000000-0000-7000-8000-000000000000", `{"outcome":"removed"}`)), http.StatusNotFound)
	p := readProblem(t, send(t, a, patch("/v1/releases/"+id, `{"outcome":"timed_out","team":"Pay!"}`)), http.StatusUnprocessableEntity)
	if !slices.Equal(places(p), []string{"#/outcome", "#/team"}) {
		t.Errorf("got faults at %v", places(p))
	}
	r := patch("/v1/releases/"+id, `{"outcome":"removed"}`)
	r.Header.Del("Authorization")
	readProblem(t, send(t, a, r), http.StatusUnauthorized)
}

func TestEveryFaultIsNamed(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	p := readProblem(t, send(t, a, post("/v1/releases", `{"service":"Shop","outcome":"done","started_at":"2030-01-01T00:00:00Z"}`)), http.StatusUnprocessableEntity)
	for _, want := range []string{"#/service", "#/environment", "#/version", "#/revision", "#/actor", "#/outcome", "#/started_at"} {
		if !slices.Contains(places(p), want) {
			t.Errorf("%s is not named: %v", want, places(p))
		}
	}
	for query, want := range map[string]string{
		"limit=0": "limit", "limit=201": "limit", "limit=x": "limit", "limit=": "limit", "outcome=done": "outcome", "track=red": "track",
		"kind=other": "kind",
		"service=A":  "service", "from=yesterday": "from", "cursor=x": "cursor", "enviroment=prod": "enviroment",
		"track=stable&track=canary":                         "track",
		"from=2026-11-02T00:00:00Z&to=2026-11-01T00:00:00Z": "to",
		"version=%ff": "version",
	} {
		p := readProblem(t, get(t, a, "/v1/releases?"+query), http.StatusUnprocessableEntity)
		if !slices.Equal(places(p), []string{want}) {
			t.Errorf("%s: got faults at %v", query, places(p))
		}
	}
	for _, window := range []string{"0d", "367d", "30", "30h", "-1d", "99999d", "d", "%2B5d"} {
		p := readProblem(t, get(t, a, "/v1/dora?window="+window), http.StatusUnprocessableEntity)
		if !slices.Equal(places(p), []string{"window"}) {
			t.Errorf("window %s: got faults at %v", window, places(p))
		}
	}
	readProblem(t, get(t, a, "/v1/releases?a=%zz"), http.StatusBadRequest)
	readProblem(t, get(t, a, "/v1/environments?team=shop"), http.StatusUnprocessableEntity)
	for _, key := range []string{"", "a b", "é", strings.Repeat("k", 256)} {
		r := post("/v1/releases", body("1.0.0", 10))
		r.Header.Set(idempotencyKey, key)
		if p := readProblem(t, send(t, a, r), http.StatusUnprocessableEntity); !slices.Equal(places(p), []string{idempotencyKey}) {
			t.Errorf("key %q: got faults at %v", key, places(p))
		}
	}
}

func TestPages(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	if got := get(t, a, "/v1/releases").Body.String(); got != "{\"releases\":[]}\n" {
		t.Errorf("an empty ledger answers %s", got)
	}
	for day := 1; day <= 5; day++ {
		read[release.Release](t, send(t, a, post("/v1/releases", body(fmt.Sprintf("1.0.%d", day), day))), http.StatusCreated)
	}
	var versions []string
	for target := "/v1/releases?service=shop&limit=2"; target != ""; {
		w := get(t, a, target)
		page := read[releasePage](t, w, http.StatusOK)
		for _, r := range page.Releases {
			versions = append(versions, r.Version)
		}
		link, more := strings.CutPrefix(w.Header().Get("Link"), "<")
		if more != (page.Next != "") {
			t.Fatalf("next %q, Link %q", page.Next, link)
		}
		target, _, _ = strings.Cut(link, ">")
	}
	if got := strings.Join(versions, " "); got != "1.0.5 1.0.4 1.0.3 1.0.2 1.0.1" {
		t.Errorf("got %s", got)
	}
	next := read[releasePage](t, get(t, a, "/v1/releases?limit=2"), http.StatusOK).Next
	readProblem(t, get(t, a, "/v1/releases?service=other&cursor="+next), http.StatusUnprocessableEntity)
}

func TestEnvironmentsAndMeasures(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	empty := read[measures](t, get(t, a, "/v1/dora"), http.StatusOK)
	if empty.Window != "30d" || empty.Deployments != 0 || empty.ChangeFailureRate != nil || empty.LeadTime.Median != nil {
		t.Errorf("got %+v", empty)
	}
	read[release.Release](t, send(t, a, post("/v1/releases", body("1.0.0", 10))), http.StatusCreated)
	read[release.Release](t, send(t, a, post("/v1/releases", body("1.1.0", 12))), http.StatusCreated)
	running := read[runningList](t, get(t, a, "/v1/environments"), http.StatusOK).Running
	if len(running) != 1 || running[0].Version != "1.1.0" || running[0].Environment != "prod" {
		t.Errorf("got %+v", running)
	}
	for query, want := range map[string]int{"environment=prod": 2, "environment=dev": 0, "service=shop": 2, "service=cart": 0, "team=pay": 0} {
		if m := read[measures](t, get(t, a, "/v1/dora?"+query), http.StatusOK); m.Deployments != want {
			t.Errorf("%s: %d deployments, want %d", query, m.Deployments, want)
		}
	}
	if p := readProblem(t, get(t, a, "/v1/dora?team=Pay!"), http.StatusUnprocessableEntity); !slices.Equal(places(p), []string{"team"}) {
		t.Errorf("got faults at %v", places(p))
	}
	m := read[measures](t, get(t, a, "/v1/dora?window=20d"), http.StatusOK)
	if m.Deployments != 2 || m.LeadTime.Median == nil || *m.LeadTime.Median != 7500 || m.DeploymentFrequency != 0.1 {
		t.Errorf("got %+v", m)
	}
}

func TestIdempotencyRace(t *testing.T) {
	s := httptest.NewServer(newLedgerAPI(t, postgrestest.URL(t)))
	defer s.Close()
	const writers = 12
	answers := make([]string, writers)
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			r, err := http.NewRequest(http.MethodPost, s.URL+"/v1/releases", strings.NewReader(body("1.0.0", 10)))
			if err != nil {
				t.Error(err)
				return
			}
			r.Header = post("/", "").Header
			r.Header.Set(idempotencyKey, "one-key")
			answer, err := s.Client().Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer answer.Body.Close()
			var b bytes.Buffer
			if _, err := b.ReadFrom(answer.Body); err != nil || answer.StatusCode != http.StatusCreated {
				t.Errorf("got %d %s %v", answer.StatusCode, b.String(), err)
			}
			answers[i] = b.String()
		})
	}
	group.Wait()
	for _, got := range answers {
		if got != answers[0] {
			t.Errorf("got two answers to one key:\n%s%s", got, answers[0])
		}
	}
}

func TestKeyIsForOneBody(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	r := post("/v1/releases", body("1.0.0", 10))
	r.Header.Set(idempotencyKey, "one-key")
	read[release.Release](t, send(t, a, r), http.StatusCreated)
	r = post("/v1/releases", body("1.1.0", 10))
	r.Header.Set(idempotencyKey, "one-key")
	if p := readProblem(t, send(t, a, r), http.StatusUnprocessableEntity); p.Code != codeIdempotencyKeyReused {
		t.Errorf("got code %q", p.Code)
	}
}

func TestReadiness(t *testing.T) {
	server := postgrestest.Start(t)
	a := newLedgerAPI(t, server.URL(t))
	if w := get(t, a, pathReady); w.Code != http.StatusOK {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	server.Kill(t)
	for _, path := range []string{pathReady, "/v1/environments", "/v1/releases", "/v1/dora"} {
		w := get(t, a, path)
		readProblem(t, w, http.StatusServiceUnavailable)
		if w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", path)
		}
	}
	readProblem(t, send(t, a, post("/v1/releases", body("1.0.0", 10))), http.StatusServiceUnavailable)
	if w := get(t, a, pathHealth); w.Code != http.StatusOK {
		t.Errorf("without a database the process says it is ill: %d", w.Code)
	}
	server.Restart(t)
	if w := get(t, a, pathReady); w.Code != http.StatusOK {
		t.Errorf("not ready with the database back: %s", w.Body)
	}
	a.Drain()
	readProblem(t, get(t, a, pathReady), http.StatusServiceUnavailable)
	if w := get(t, a, "/v1/environments"); w.Code != http.StatusOK {
		t.Errorf("requests are refused while draining: %d", w.Code)
	}
}

func TestPagesOfWhatRuns(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	for _, service := range []string{"a", "b", "c", "d", "e"} {
		read[release.Release](t, send(t, a, post("/v1/releases", strings.Replace(body("1.0.0", 10), `"shop"`, strconv.Quote(service), 1))), http.StatusCreated)
	}
	var services []string
	pages := 0
	for target := "/v1/environments?environment=prod&limit=2"; target != ""; pages++ {
		w := get(t, a, target)
		page := read[runningList](t, w, http.StatusOK)
		for _, r := range page.Running {
			services = append(services, r.Service)
		}
		link, more := strings.CutPrefix(w.Header().Get("Link"), "<")
		if more != (page.Next != "") {
			t.Fatalf("next %q, Link %q", page.Next, link)
		}
		target, _, _ = strings.Cut(link, ">")
	}
	if got := strings.Join(services, ""); got != "abcde" || pages != 3 {
		t.Errorf("got %s on %d pages", got, pages)
	}
	if one := read[runningList](t, get(t, a, "/v1/environments?service=c"), http.StatusOK); len(one.Running) != 1 || one.Next != "" {
		t.Errorf("got %+v", one)
	}
	for at, want := range map[string]int{"2026-11-09T12:00": 0, "2026-11-10T10:04:59Z": 0, "2026-11-10T10:05:00Z": 5, "2026-11-10T12:06:00%2B02:00": 5} {
		if then := read[runningList](t, get(t, a, "/v1/environments?at="+at), http.StatusOK); len(then.Running) != want {
			t.Errorf("at %s %d run, want %d", at, len(then.Running), want)
		}
	}
	if w := get(t, a, "/v1/environments?at=2026-11-11T00:00&limit=2"); !strings.Contains(w.Header().Get("Link"), "at=2026-11-11T00%3A00") {
		t.Errorf("the next page is of another time: %q", w.Header().Get("Link"))
	}
	for query, place := range map[string]string{"at=noon": "at", "limit=0": "limit", "limit=201": "limit", "cursor=x": "cursor", "cursor=YS9iL2M": "cursor", "service=No": "service"} {
		if p := readProblem(t, get(t, a, "/v1/environments?"+query), http.StatusUnprocessableEntity); !slices.Equal(places(p), []string{place}) {
			t.Errorf("%s: got faults at %v", query, places(p))
		}
	}
}
