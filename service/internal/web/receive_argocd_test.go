package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
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
		got := read[received](t, send(t, a, post("/v1/webhooks/argocd", c.body)), http.StatusOK).Releases
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

// What cannot be recorded is named and loses nothing else; and nothing makes Argo CD send the same again.
func TestNotificationSkips(t *testing.T) {
	for _, c := range []struct {
		old, new string
		releases int
		skipped  []string // what, and a part of why
	}{
		{`"Succeeded"`, `"Done"`, 0, []string{"prod-app", "phase must be"}},
		{`"Healthy"`, `"Fine"`, 0, []string{"prod-app", "health must be"}},
		{`"0123456789abcdef0123456789abcdef01234567"`, `"main"`, 0, []string{"shop", "revision", "shop-canary", "revision"}},
		{`"started_at":"2026-11-10T10:00:00Z",`, ``, 0, []string{"shop", "started_at is required", "shop-canary", "started_at is required"}},
		{`"2026-11-10T10:02:00Z"`, `null`, 0, []string{"shop", "finished_at is required", "shop-canary", "finished_at is required"}},
		{`"shop-canary"`, `"shop"`, 1, []string{"shop", "is in the same place as shop"}},
		{`["ghcr.io/x/shop:1.1.0@sha256:00"]`, `[]`, 1, []string{"shop-canary", "has no image"}},
		{`ghcr.io/x/shop:1.0.0`, `ghcr.io/x/shop:-`, 1, []string{"shop", "version"}},
		{`"environment":"prod"`, `"environment":""`, 0, []string{"shop", "which environment", "shop-canary", "which environment"}},
		{`"2026-11-10T09:00:00Z"`, `"2026-11-10T11:00:00Z"`, 2, nil}, // a commit by a clock that is ahead
		{`"actor":""`, `"actor":"","newer":{"field":1}`, 2, nil},
		{`"Succeeded"`, `"Deleted"`, 2, nil}, // and they are gone
	} {
		t.Run(c.new, func(t *testing.T) {
			a := newLedgerAPI(t, postgrestest.URL(t))
			r := post("/v1/webhooks/argocd", strings.Replace(synced, c.old, c.new, 1))
			w := httptest.NewRecorder()
			a.ServeHTTP(w, r)
			got := read[received](t, w, http.StatusOK)
			if len(got.Releases) != c.releases || len(got.Skipped) != len(c.skipped)/2 {
				t.Fatalf("got %s", w.Body)
			}
			for i, s := range got.Skipped {
				if s.What != c.skipped[2*i] || !strings.Contains(s.Detail, c.skipped[2*i+1]) {
					t.Errorf("skipped %+v, want %v", s, c.skipped[2*i:2*i+2])
				}
			}
		})
	}
}

func TestNotificationOfDegradedThenHealthy(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	at := func(health, since string) string {
		return strings.NewReplacer(`"Healthy"`, `"`+health+`","health_since":"`+since+`"`).Replace(synced)
	}
	read[received](t, send(t, a, post("/v1/webhooks/argocd", at("Degraded", "2026-11-10T10:03:00Z"))), http.StatusOK)
	got := read[received](t, send(t, a, post("/v1/webhooks/argocd", at("Healthy", "2026-11-10T10:05:00Z"))), http.StatusOK)
	for _, r := range got.Releases {
		if r.Outcome != release.Succeeded || r.SucceededAt.Minute() != 5 || r.FailedAt == nil || r.FailedAt.Minute() != 3 {
			t.Errorf("got %+v", r)
		}
	}
	// Degraded once more, told by whoever has lost that it was told: the first stays, and nobody sends again.
	late := read[received](t, send(t, a, post("/v1/webhooks/argocd", at("Degraded", "2026-11-10T12:00:00Z"))), http.StatusOK)
	if len(got.Releases) != 2 || len(late.Releases) != 0 || len(late.Skipped) != 2 || !strings.Contains(late.Skipped[0].Detail, "is recorded as failed with another finished_at") {
		t.Errorf("got %+v, then %+v", got, late)
	}
}

func TestNotificationPrunes(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	read[received](t, send(t, a, post("/v1/webhooks/argocd", synced)), http.StatusOK)
	// While the sync runs, when something went is not known, and nothing is missing: it is told at the end.
	pruned := strings.Replace(synced, `"deployments"`, `"removed":[{"kind":"Deployment","name":"other"}],"deployments"`, 1)
	running := strings.NewReplacer(`"Succeeded"`, `"Running"`, `"2026-11-10T10:02:00Z"`, "null").Replace(pruned)
	ended := strings.Replace(pruned, `"2026-11-10T10:02:00Z"`, "null", 1)
	for body, want := range map[string]string{running: "", ended: "Deployment/other finished_at is required where something was removed"} {
		skipped := ""
		for _, s := range read[received](t, send(t, a, post("/v1/webhooks/argocd", body)), http.StatusOK).Skipped {
			if strings.HasPrefix(s.What, "Deployment/") {
				skipped += s.What + " " + s.Detail
			}
		}
		if skipped != want {
			t.Errorf("skipped %q, want %q", skipped, want)
		}
	}
	deleted := `{"app":"prod-app","environment":"prod","phase":"Deleted","finished_at":"2026-11-10T12:00:00Z","removed":[{"kind":"Deployment","name":"shop-canary"},{"kind":"Deployment","name":"never"}]}`
	for _, want := range []int{1, 0} {
		if got := read[received](t, send(t, a, post("/v1/webhooks/argocd", deleted)), http.StatusOK); len(got.Releases) != want || len(got.Skipped) != 0 {
			t.Errorf("got %+v, want %d", got, want)
		}
	}
	left := read[runningList](t, get(t, a, "/v1/environments"), http.StatusOK).Running
	if len(left) != 1 || left[0].Track != release.Stable {
		t.Errorf("got %+v", left)
	}
}

func TestManyWorkloads(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	var all []string
	for i := range 60 {
		kind := []string{"Deployment", "StatefulSet", "DaemonSet", "Rollout"}[i%4]
		all = append(all, fmt.Sprintf(`{"kind":%q,"name":"shop-%d","images":["ghcr.io/x/shop-%d:1.0"]}`, kind, i, i))
	}
	body := synced[:strings.Index(synced, `[{"name"`)] + "[" + strings.Join(all, ",") + "]}"
	if got := read[received](t, send(t, a, post("/v1/webhooks/argocd", body)), http.StatusOK); len(got.Releases) != 60 || len(got.Skipped) != 0 {
		t.Errorf("%d releases, skipped %+v", len(got.Releases), got.Skipped)
	}
}

func TestPlaceOfAWorkload(t *testing.T) {
	for _, c := range []struct {
		name string
		n    notification
		w    workload
		want release.Place
	}{
		{"cluster", notification{Environment: "prod", Namespace: "shop"}, workload{Name: "cart-canary"}, release.Place{Service: "cart", Environment: "prod", Track: release.Canary}},
		{"address and label", notification{Server: "https://1.2.3.4", Namespace: "shop", Labels: applicationLabels{Environment: "Prod EU"}}, workload{Name: "cart"},
			release.Place{Service: "cart", Environment: "prod-eu", Track: release.Stable}},
		{"address and namespace", notification{Server: "https://1.2.3.4", Namespace: "shop-dev"}, workload{Name: "cart"}, release.Place{Service: "cart", Environment: "shop-dev", Track: release.Stable}},
		{"own cluster", notification{Environment: "in-cluster", Namespace: "default", Labels: applicationLabels{Environment: "dev"}}, workload{Name: "cart"},
			release.Place{Service: "cart", Environment: "dev", Track: release.Stable}},
		{"name of a kind, and label", notification{Environment: "dev", Labels: applicationLabels{Name: "cart"}}, workload{Name: "app-canary", Namespace: "shop"},
			release.Place{Service: "cart", Environment: "dev", Track: release.Canary}},
		{"name of a kind, and namespace", notification{Environment: "dev"}, workload{Name: "server", Namespace: "shop"}, release.Place{Service: "shop", Environment: "dev", Track: release.Stable}},
		{"name with a dot", notification{Environment: "dev"}, workload{Name: "cart.v2"}, release.Place{Service: "cart-v2", Environment: "dev", Track: release.Stable}},
		{"nothing tells", notification{Server: "https://1.2.3.4", Namespace: "default"}, workload{Name: "cart"}, release.Place{}},
	} {
		got, ok := c.n.place(c.w)
		if ok != (c.want != release.Place{}) || ok && got != c.want {
			t.Errorf("%s: got %+v, %t, want %+v", c.name, got, ok, c.want)
		}
	}
}

func TestRevisionOfSources(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	for _, c := range []struct {
		one  string
		many []string
		want string
	}{
		{commit, nil, commit}, {"1.2.3", nil, "1.2.3"}, {"", []string{"1.2.3", commit}, commit}, {"", []string{"1.2.3", "4.5.6"}, "1.2.3"}, {"", nil, ""},
	} {
		if got := (notification{Revision: c.one, Revisions: c.many}).revision(); got != c.want {
			t.Errorf("%q and %q: got %q, want %q", c.one, c.many, got, c.want)
		}
	}
}

func TestVersionOfAWorkload(t *testing.T) {
	for _, c := range []struct {
		images []string
		want   string
	}{
		{[]string{"shop:1"}, "1"},
		{[]string{"localhost:5000/shop:1"}, "1"},
		{[]string{"localhost:5000/shop"}, "latest"},
		{[]string{"shop@sha256:00"}, "sha256:00"},
		{[]string{"shop:1@sha256:00"}, "1"},
		{[]string{"other:2"}, "2"},
		{[]string{"docker.io/istio/proxyv2:1.27", "other:2"}, "2"},
		{[]string{"proxy:3", "x/shop-api:2"}, "2"},
		{[]string{"other:2", "more:3"}, "2"},
		{[]string{"other:2", "shop:1", "x/shop-migrate:4"}, "1"},
		{[]string{"fluent-bit:2"}, "2"},
	} {
		if got := versionOf(ownImage("shop", "shop", c.images)); got != c.want {
			t.Errorf("%v: got %q, want %q", c.images, got, c.want)
		}
	}
	if got := ownImage("shop", "shop", nil); got != "" {
		t.Errorf("of no image: %q", got)
	}
}
