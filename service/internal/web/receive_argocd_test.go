package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
)

// synced is a notification of a sync that brought a canary beside the stable version.
const synced = `{"app":"prod-app","environment":"prod","phase":"Succeeded","health":"Healthy",
	"revision":"0123456789abcdef0123456789abcdef01234567","actor":"",
	"committed_at":"2026-11-10T09:00:00Z","started_at":"2026-11-10T10:00:00Z","finished_at":"2026-11-10T10:02:00Z",
	"deployments":[{"name":"shop","images":["docker.io/istio/proxyv2:1.27.0","ghcr.io/x/shop:1.0.0"]},
		{"name":"shop-canary","images":["ghcr.io/x/shop:1.1.0@sha256:00"]}]}`

func TestNotificationIsRecordedOnce(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	running := strings.NewReplacer(`"Succeeded"`, `"Running"`, `"2026-11-10T10:02:00Z"`, "null").Replace(synced)
	progressing := strings.Replace(synced, `"Healthy"`, `"Progressing"`, 1)
	var ids []string
	for i, c := range []struct {
		body    string
		outcome release.Outcome
	}{
		{running, release.Started}, {running, release.Started}, {progressing, release.Started},
		{synced, release.Succeeded}, {synced, release.Succeeded},
		{running, release.Succeeded}, // late
	} {
		got := read[releaseList](t, send(t, a, post("/v1/webhooks/argocd", c.body)), http.StatusOK).Releases
		if len(got) != 2 {
			t.Fatalf("delivery %d: got %+v", i, got)
		}
		if ids == nil {
			ids = []string{got[0].ID, got[1].ID}
		}
		for j, want := range []struct {
			track   release.Track
			version string
		}{{release.Stable, "1.0.0"}, {release.Canary, "1.1.0"}} {
			r := got[j]
			if r.ID != ids[j] || r.Outcome != c.outcome || r.Track != want.track || r.Version != want.version ||
				r.Service != "shop" || r.Environment != "prod" || r.Actor != "argocd/prod-app" {
				t.Errorf("delivery %d: got %+v", i, r)
			}
		}
	}
	if page := read[releasePage](t, get(t, a, "/v1/releases"), http.StatusOK); len(page.Releases) != 2 {
		t.Errorf("got %d releases", len(page.Releases))
	}
}

func TestNotificationWithoutDeployments(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	none := synced[:strings.Index(synced, `[{"name"`)] + "[]}"
	if got := send(t, a, post("/v1/webhooks/argocd", none)).Body.String(); got != "{\"releases\":[]}\n" {
		t.Errorf("got %s", got)
	}
}

func TestNotificationFaults(t *testing.T) {
	a := newAPI(t, Options{Tokens: []string{goodToken}, Now: clock})
	for _, c := range []struct {
		old, new string
		places   []string
	}{
		{`"prod-app"`, `""`, []string{"#/app"}},
		{`"environment":"prod"`, `"environment":"Prod!"`, []string{"#/environment"}},
		{`"Succeeded"`, `"Done"`, []string{"#/phase"}},
		{`"Healthy"`, `"Fine"`, []string{"#/health"}},
		{`"0123456789abcdef0123456789abcdef01234567"`, `"main"`, []string{"#/revision"}},
		{`"started_at":"2026-11-10T10:00:00Z",`, ``, []string{"#/started_at"}},
		{`"2026-11-10T10:02:00Z"`, `null`, []string{"#/finished_at"}},
		{`"shop-canary"`, `"shop"`, []string{"#/deployments/1/name"}},
		{`"name":"shop",`, `"name":"Shop",`, []string{"#/deployments/0/images"}},
		{`ghcr.io/x/shop:1.0.0`, `ghcr.io:443/x/shop`, []string{"#/deployments/0/images"}},
		{`ghcr.io/x/shop:1.0.0`, `ghcr.io/x/shop:-`, []string{"#/deployments/0/images"}},
	} {
		p := readProblem(t, send(t, a, post("/v1/webhooks/argocd", strings.Replace(synced, c.old, c.new, 1))), http.StatusUnprocessableEntity)
		if !slices.Equal(places(p), c.places) {
			t.Errorf("%s: got faults at %v (%s), want %v", c.new, places(p), p.Errors, c.places)
		}
	}
}

func TestVersionOf(t *testing.T) {
	for _, c := range []struct {
		images []string
		want   string
	}{
		{[]string{"shop:1"}, "1"},
		{[]string{"localhost:5000/shop:1"}, "1"},
		{[]string{"localhost:5000/shop"}, ""},
		{[]string{"shop@sha256:00"}, ""},
		{[]string{"other:2"}, "2"},
		{[]string{"other:2", "more:3"}, ""},
		{[]string{"shop:1", "x/shop:2"}, ""},
		{nil, ""},
	} {
		if got, _ := versionOf("shop", c.images); got != c.want {
			t.Errorf("%v: got %q, want %q", c.images, got, c.want)
		}
	}
}
