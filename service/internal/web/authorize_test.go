package web

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kgate-dev/gitops/service/internal/access"
	"github.com/kgate-dev/gitops/service/internal/postgres"
	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
)

func TestWritesNeedAToken(t *testing.T) {
	without := newAPI(t, Options{})
	// An empty body is a faulty release, and an event that tells nothing.
	for path, accepted := range map[string]int{
		"/v1/releases": 422, "/v1/webhooks/argocd": 200, "/v1/webhooks/flux": 200, "/v1/webhooks/github": 200, "/v1/webhooks/cdevents": 200,
	} {
		with := newAPI(t, Options{Tokens: []string{"the-old-one", goodToken}})
		for _, c := range []struct {
			name   string
			api    *API
			values []string
			status int
			code   string
		}{
			{"none configured", without, []string{"Bearer " + goodToken}, 403, codeNoTokens},
			{"none configured, none sent", without, nil, 403, codeNoTokens},
			{"none sent", with, nil, 401, codeTokenRequired},
			{"wrong", with, []string{"Bearer wrong"}, 401, codeTokenInvalid},
			{"empty", with, []string{"Bearer "}, 401, codeTokenInvalid},
			{"beginning of a good one", with, []string{"Bearer " + goodToken[:5]}, 401, codeTokenInvalid},
			{"good one and more", with, []string{"Bearer " + goodToken + "x"}, 401, codeTokenInvalid},
			{"two in one", with, []string{"Bearer " + goodToken + ", Bearer " + goodToken}, 401, codeTokenInvalid},
			{"its hash", with, []string{"Bearer " + access.SumOf(goodToken)}, 401, codeTokenInvalid},
			{"other scheme", with, []string{"Basic " + goodToken}, 401, codeTokenInvalid},
			{"as a password", with, []string{basic(goodToken)}, 401, codeTokenInvalid},
			{"no scheme", with, []string{goodToken}, 401, codeTokenInvalid},
			{"two headers", with, []string{"Bearer " + goodToken, "Bearer wrong"}, 401, codeTokenInvalid},
			{"good", with, []string{"Bearer " + goodToken}, accepted, "invalid_request"},
			{"good, other case", with, []string{"bearer " + goodToken}, accepted, "invalid_request"},
			{"good, the old one", with, []string{"Bearer the-old-one"}, accepted, "invalid_request"},
		} {
			t.Run(path+" "+c.name, func(t *testing.T) {
				r := post(path, `{}`)
				r.Header.Del("Authorization")
				for _, v := range c.values {
					r.Header.Add("Authorization", v)
				}
				w := send(t, c.api, r)
				if c.status == http.StatusOK && w.Code == http.StatusOK {
					return
				}
				if p := readProblem(t, w, c.status); p.Code != c.code {
					t.Errorf("got code %q, want %q", p.Code, c.code)
				}
				if got := w.Header().Get("WWW-Authenticate"); strings.HasPrefix(got, "Bearer ") != (c.status == 401) {
					t.Errorf("got WWW-Authenticate %q", got)
				}
				if strings.Contains(w.Body.String(), goodToken) {
					t.Error("the answer holds a token")
				}
			})
		}
	}
}

func basic(password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("anybody:"+password))
}

// Whoever may not write is told so before the body is read.
func TestRefusedBodyIsNotRead(t *testing.T) {
	a := newAPI(t, Options{Tokens: []string{goodToken}})
	r := post("/v1/releases", "")
	r.Header.Del("Authorization")
	r.Body = unreadable{t}
	if w := send(t, a, r); w.Code != http.StatusUnauthorized {
		t.Errorf("got %d", w.Code)
	}
}

type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, http.ErrBodyReadAfterClose
}
func (u unreadable) Close() error { return nil }

// Every route but health needs a permission: the next that is added as well.
func TestEveryRouteNeedsAPermission(t *testing.T) {
	a := newAPI(t, Options{Tokens: []string{goodToken}, ReadsNeedToken: true})
	for _, pattern := range a.patterns {
		method, path, _ := strings.Cut(pattern, " ")
		path = strings.NewReplacer("{id}", "x", "{$}", "").Replace(path)
		for _, authorization := range []string{"", "Bearer wrong", basic("wrong")} {
			r := httptest.NewRequest(method, path, strings.NewReader(`{}`))
			r.RemoteAddr = "192.0.2." + fmt.Sprint(len(path)) + ":1" // none fails often
			r.Header.Set("Content-Type", "application/json")
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			if exempt(r) {
				continue
			}
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s with %q: got %d, WWW-Authenticate %q", pattern, authorization, w.Code, w.Header().Get("WWW-Authenticate"))
			}
		}
	}
}

func TestReadsThatNeedAToken(t *testing.T) {
	a := newAPI(t, Options{Access: keeper(t, `{"tokens":[
		{"name":"reader","sha256":"`+access.SumOf("a-reader")+`","expires":"never","allow":["read"]},
		{"name":"writer","sha256":"`+access.SumOf("a-writer")+`","expires":"never","allow":["write"],"environments":["*"],"services":["*"]}]}`),
		ReadsNeedToken: true})
	for _, c := range []struct {
		target, authorization string
		status                int
		challenge             string
	}{
		{"/healthz", "", 200, ""},
		{"/openapi.json", "", 401, "Basic "},
		{"/", "", 401, "Basic "},
		{"/v1/environments", "", 401, "Bearer "},
		{"/openapi.json", basic("a-reader"), 200, ""},
		{"/openapi.json", "Bearer a-reader", 200, ""},
		{"/openapi.json", basic("a-writer"), 403, ""},
		{"/openapi.json", basic("wrong"), 401, "Basic "},
		{"/openapi.json", "Basic !", 401, "Basic "},
	} {
		r := httptest.NewRequest(http.MethodGet, c.target, http.NoBody)
		if c.authorization != "" {
			r.Header.Set("Authorization", c.authorization)
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != c.status || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), c.challenge) {
			t.Errorf("%s with %q: got %d, WWW-Authenticate %q", c.target, c.authorization, w.Code, w.Header().Get("WWW-Authenticate"))
		}
	}
	// HEAD is a GET.
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/v1/environments", http.NoBody))
	if w.Code != http.StatusUnauthorized {
		t.Errorf("HEAD: got %d", w.Code)
	}
}

// keeper knows what an access file says.
func keeper(t *testing.T, content string) *access.Keeper {
	t.Helper()
	name := filepath.Join(t.TempDir(), "access.yaml")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := access.New(access.Options{File: name, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A token that is for one environment or service, or for events alone, is that on every path that writes.
func TestScopes(t *testing.T) {
	store, err := postgres.Open(t.Context(), postgres.Options{URL: postgrestest.URL(t), Now: clock, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	a := newAPI(t, Options{Ledger: store, Now: clock, Access: keeper(t, `
tokens:
  - {name: all, sha256: `+access.SumOf(goodToken)+`, expires: never, allow: [write, ingest], environments: ["*"], services: ["*"]}
  - {name: dev, sha256: `+access.SumOf("for-dev")+`, expires: never, allow: [write, ingest], environments: [dev, dev-*], services: ["*"]}
  - {name: shop, sha256: `+access.SumOf("for-shop")+`, expires: never, allow: [write, ingest], environments: ["*"], services: [shop]}
  - {name: events, sha256: `+access.SumOf("for-events")+`, expires: never, allow: [ingest], environments: ["*"], services: ["*"]}
  - {name: github, secret: a-secret-for-github, expires: never, allow: [ingest], environments: [dev], services: ["*"]}
  - {name: late, sha256: `+access.SumOf("for-nothing-more")+`, expires: 2026-11-20T11:59:59Z, allow: [write], environments: ["*"], services: ["*"]}
`)})
	as := func(token string, r *http.Request) *httptest.ResponseRecorder {
		t.Helper()
		r.Header.Set("Authorization", "Bearer "+token)
		return send(t, a, r)
	}
	refuse := func(w *httptest.ResponseRecorder, status int, code string) {
		t.Helper()
		if p := readProblem(t, w, status); p.Code != code {
			t.Errorf("got code %s, want %s", p.Code, code)
		}
	}
	refuse(as("for-dev", post("/v1/releases", body("1.0.0", 10))), 403, codeOutOfScope)
	refuse(as("for-events", post("/v1/releases", body("1.0.0", 10))), 403, codePermissionMissing)
	refuse(as("for-nothing-more", post("/v1/releases", body("1.0.0", 10))), 401, codeTokenExpired)
	r := read[release.Release](t, as("for-shop", post("/v1/releases", body("1.0.0", 10))), 201)
	if r.RecordedVia != "token:shop" {
		t.Errorf("recorded via %q", r.RecordedVia)
	}
	// By its id alone, a release is in its environment all the same.
	refuse(as("for-dev", patch("/v1/releases/"+r.ID, `{"outcome":"removed"}`)), 403, codeOutOfScope)
	refuse(as("for-events", patch("/v1/releases/"+r.ID, `{"outcome":"removed"}`)), 403, codePermissionMissing)
	refuse(as("for-dev", patch("/v1/releases/00000000-0000-7000-8000-000000000000", `{"outcome":"removed"}`)), 404, "not_found")
	cart := strings.Replace(body("1.0.0", 10), `"shop"`, `"cart"`, 1)
	refuse(as("for-shop", post("/v1/releases", cart)), 403, codeOutOfScope)

	// Of an event, each part is judged, and what is refused is named.
	sync := `{"app":"both","environment":"prod","namespace":"n","phase":"Succeeded","health":"Healthy","revision":"` + commit + `",
		"started_at":"2026-11-12T10:00:00Z","finished_at":"2026-11-12T10:05:00Z","deployments":[
		{"kind":"Deployment","name":"shop","images":["x/shop:2.0.0"]},{"kind":"Deployment","name":"cart","images":["x/cart:2.0.0"]}],
		"removed":[{"kind":"Deployment","name":"pay"}]}`
	got := read[received](t, as("for-shop", post("/v1/webhooks/argocd", sync)), 200)
	if len(got.Releases) != 1 || got.Releases[0].Service != "shop" || len(got.Skipped) != 2 ||
		got.Skipped[0].What != "Deployment/cart" || got.Skipped[1].What != "Deployment/pay" || !strings.Contains(got.Skipped[0].Detail, `token:shop may not ingest releases of "cart" in "prod"`) {
		t.Errorf("got %+v", got)
	}
	for path, event := range map[string]string{
		"argocd": sync,
		"flux": `{"involvedObject":{"kind":"Kustomization","namespace":"flux-system","name":"shop"},"timestamp":"2026-11-13T10:00:00Z",
			"reason":"ReconciliationSucceeded","metadata":{"revision":"main@sha1:` + commit + `","env":"prod","version":"3.0.0"}}`,
		"github": githubStatus,
		"cdevents": `{"context":{"type":"dev.cdevents.service.removed.0.2.0","source":"x","timestamp":"2026-11-14T10:00:00Z"},
			"subject":{"id":"shop","content":{"environment":{"id":"prod"}}}}`,
	} {
		got := read[received](t, as("for-dev", post("/v1/webhooks/"+path, event)), 200)
		if len(got.Releases) != 0 || len(got.Skipped) == 0 || !strings.Contains(got.Skipped[0].Detail, "token:dev may not ingest") {
			t.Errorf("%s: got %+v", path, got)
		}
	}
	if got := read[received](t, as("for-events", post("/v1/webhooks/argocd", sync)), 200); len(got.Releases) != 2 || got.Releases[1].RecordedVia != "token:events" || got.Releases[0].RecordedVia != "token:shop" {
		t.Errorf("got %+v", got)
	}

	// Who signs is somebody too.
	signedBy := func(secret string) received {
		r := signed(githubStatus, secret)
		return read[received](t, send(t, a, r), 200)
	}
	if got := signedBy("a-secret-for-github"); len(got.Releases) != 0 || len(got.Skipped) != 1 || !strings.Contains(got.Skipped[0].Detail, "token:github may not") {
		t.Errorf("got %+v", got)
	}
	// Of a token that is kept as a hash, neither it nor the hash signs.
	for _, secret := range []string{goodToken, access.SumOf(goodToken), "", "wrong"} {
		refuse(send(t, a, signed(githubStatus, secret)), 401, codeTokenInvalid)
	}

	history, err := store.History(t.Context(), r.ID)
	if err != nil || len(history) != 1 || history[0].RecordedVia != "token:shop" {
		t.Errorf("got %+v, %v", history, err)
	}
	read[release.Release](t, as(goodToken, patch("/v1/releases/"+r.ID, `{"outcome":"removed"}`)), 200)
	history, err = store.History(t.Context(), r.ID)
	if err != nil || len(history) != 2 || history[1].RecordedVia != "token:all" {
		t.Errorf("got %+v, %v", history, err)
	}
	if got := read[release.Release](t, get(t, a, "/v1/releases/"+r.ID), 200); got.RecordedVia != "token:shop" {
		t.Errorf("through whom it was recorded has changed: %q", got.RecordedVia)
	}
}

// Who fails often is told to wait, by the address that a trusted proxy says; a good token is not held back.
func TestFailedAttempts(t *testing.T) {
	var log bytes.Buffer
	a := newAPI(t, Options{Tokens: []string{goodToken}, Now: clock, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	try := func(token, forwarded string) *httptest.ResponseRecorder {
		t.Helper()
		r := post("/v1/webhooks/flux", `{}`)
		r.Header.Set("Authorization", "Bearer "+token)
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		return send(t, a, r) // from 192.0.2.1, as httptest has it
	}
	for i := range 10 {
		// What stands to the left is made up, and makes no other client.
		readProblem(t, try("wrong", fmt.Sprintf("203.0.113.%d, 198.51.100.7", i)), 401)
	}
	w := try("wrong", "198.51.100.7")
	if p := readProblem(t, w, 429); p.Code != codeTooManyFailures || w.Header().Get("Retry-After") != "6" {
		t.Errorf("got %s, Retry-After %q", p.Code, w.Header().Get("Retry-After"))
	}
	readProblem(t, try("wrong", "198.51.100.8"), 401)
	if w := try(goodToken, "198.51.100.7"); w.Code != http.StatusOK {
		t.Errorf("a good token is held back: %d", w.Code)
	}
	lines := strings.Count(log.String(), "credential refused")
	if lines != 11 || !strings.Contains(log.String(), "client.address=198.51.100.7") || strings.Contains(log.String(), "203.0.113") {
		t.Errorf("%d lines are\n%s", lines, &log)
	}
	if strings.Contains(log.String(), "wrong") {
		t.Error("the log has what was sent")
	}
}

// Bodies that are slow in coming keep nobody out.
func TestSlowBodiesHoldNoSlot(t *testing.T) {
	const slots = 2
	a := newAPI(t, Options{Tokens: []string{goodToken}, MaxConcurrency: slots})
	s := httptest.NewServer(a)
	defer s.Close()
	var slow []net.Conn
	begin := func() {
		t.Helper()
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		if _, err := fmt.Fprintf(c, "POST /v1/webhooks/flux HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: 2\r\n\r\n{", goodToken); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, c)
	}
	for range 3 * slots {
		begin()
	}
	// All of them have come as far as their body.
	for len(a.bodies) < 3*slots {
		if t.Context().Err() != nil {
			t.Fatal("the slow ones have not come")
		}
		time.Sleep(time.Millisecond)
	}
	ask := func() int {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, s.URL+"/v1/webhooks/flux", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = post("/", "").Header
		answer, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	if len(a.slots) != 0 || ask() != http.StatusOK {
		t.Errorf("%d slots are taken by bodies that have not come", len(a.slots))
	}
	// What is on the way is bounded all the same.
	for range (bodiesASlot - 3) * slots {
		begin()
	}
	for len(a.bodies) < bodiesASlot*slots {
		time.Sleep(time.Millisecond)
	}
	if got := ask(); got != http.StatusServiceUnavailable {
		t.Errorf("got %d with every place for a body taken", got)
	}
	for _, c := range slow {
		if _, err := fmt.Fprint(c, "}"); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("a slow one got %v, %v", answer, err)
		}
	}
}

// A token of an issuer that cannot be asked is neither accepted nor refused, and is no failure of who sends it.
func TestIssuerThatCannotBeAsked(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	var log bytes.Buffer
	a := newAPI(t, Options{Now: clock, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})), Access: keeper(t, `{"issuers":[{"name":"ci","issuer":"`+gone.URL+`","audience":"ledger","grants":[
		{"claims":{"sub":"repo:*"},"allow":["ingest"],"environments":["*"],"services":["*"]}]}]}`)})
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"alg":"RS256","kid":"k"}`)) + "." + encode([]byte(`{"iss":"`+gone.URL+`","aud":"ledger","sub":"repo:x"}`)) + "." + encode([]byte("signature"))
	for range 20 {
		r := post("/v1/webhooks/flux", `{}`)
		r.Header.Set("Authorization", "Bearer "+token)
		w := send(t, a, r)
		if p := readProblem(t, w, http.StatusServiceUnavailable); p.Code != codeIssuerUnavailable || w.Header().Get("Retry-After") == "" {
			t.Fatalf("got %+v", p)
		}
	}
	if got := strings.Count(log.String(), "\n"); got < 1 || got > 2 {
		t.Errorf("%d errors are logged for one outage:\n%s", got, &log)
	}
}
