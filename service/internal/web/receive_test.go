package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
	"github.com/kgate-dev/gitops/service/internal/release"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

// only is the one release of an answer to an event.
func only(t *testing.T, got received) release.Release {
	t.Helper()
	if len(got.Releases) != 1 || len(got.Skipped) != 0 {
		t.Fatalf("got %+v", got)
	}
	return got.Releases[0]
}

func TestFluxEvents(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	tell := func(old, new string) received {
		t.Helper()
		event := `{"involvedObject":{"kind":"Kustomization","namespace":"flux-system","name":"shop"},"severity":"info",
			"timestamp":"2026-11-10T10:00:00Z","reason":"ReconciliationSucceeded","message":"Reconciliation finished",
			"metadata":{"revision":"main@sha1:` + commit + `","env":"prod","version":"1.0.0","team":"pay"},"reportingController":"kustomize-controller"}`
		return read[received](t, send(t, a, post("/v1/webhooks/flux", strings.Replace(event, old, new, 1))), http.StatusOK)
	}
	r := only(t, tell("", ""))
	if r.Service != "shop" || r.Environment != "prod" || r.Version != "1.0.0" || r.Revision != commit || r.Outcome != release.Succeeded ||
		r.Actor != "flux/flux-system/shop" || r.Team != "pay" || r.Kind != release.Deployment {
		t.Errorf("got %+v", r)
	}
	// Another commit with the same version configures.
	if r := only(t, tell(`10:00:00Z","reason":"ReconciliationSucceeded","message":"Reconciliation finished",
			"metadata":{"revision":"main@sha1:0`, `10:30:00Z","reason":"ReconciliationSucceeded","message":"Reconciliation finished",
			"metadata":{"revision":"main@sha1:f`)); r.Kind != release.Configuration {
		t.Errorf("got %+v", r)
	}
	// Flux tries again, and tells of every try: it is one release, which recovers.
	failing := func(minute, reason string) received {
		return tell(`10:00:00Z","reason":"ReconciliationSucceeded","message":"Reconciliation finished",
			"metadata":{"revision":"main@sha1:`+commit+`","env":"prod","version":"1.0.0"`, minute+`","reason":"`+reason+`","message":"",
			"metadata":{"revision":"main@sha1:`+commit+`","env":"prod","version":"1.1.0"`)
	}
	first := only(t, failing("11:00:00Z", "HealthCheckFailed"))
	again := only(t, failing("11:10:00Z", "ReconciliationFailed"))
	well := only(t, failing("11:20:00Z", "ReconciliationSucceeded"))
	if first.Outcome != release.Failed || again.ID != first.ID || well.ID != first.ID || well.Outcome != release.Succeeded || well.FailedAt.Minute() != 0 || well.SucceededAt.Minute() != 20 {
		t.Errorf("got %+v, %+v, %+v", first, again, well)
	}
	for minute, reason := range map[string]string{"11:00:00Z": "HealthCheckFailed", "11:10:00Z": "ReconciliationFailed", "11:15:00Z": "HealthCheckFailed", "11:20:00Z": "ReconciliationSucceeded"} {
		if late := only(t, failing(minute, reason)); late.ID != first.ID || late.Outcome != release.Succeeded || late.FailedAt.Minute() != 0 || late.SucceededAt.Minute() != 20 {
			t.Errorf("%s at %s, once more: %+v", reason, minute, late)
		}
	}
	if got := failing("11:30:00Z", "Progressing"); len(got.Releases)+len(got.Skipped) != 0 {
		t.Errorf("progress is %+v", got)
	}
	if got := tell(`"env":"prod",`, ``); len(got.Releases) != 0 || len(got.Skipped) != 1 || !strings.Contains(got.Skipped[0].Detail, "environment") {
		t.Errorf("without an environment: %+v", got)
	}

	chart := `{"involvedObject":{"kind":"HelmRelease","namespace":"cart-dev","name":"cart-canary"},"timestamp":"2026-11-10T10:00:00Z",
		"reason":"UpgradeSucceeded","metadata":{"helm.toolkit.fluxcd.io/revision":"6.3.5","app-version":"2.0"}}`
	r = only(t, read[received](t, send(t, a, post("/v1/webhooks/flux", chart)), http.StatusOK))
	if r.Service != "cart" || r.Track != release.Canary || r.Environment != "cart-dev" || r.Version != "2.0" || r.Revision != "6.3.5" {
		t.Errorf("got %+v", r)
	}
	gone := strings.NewReplacer("UpgradeSucceeded", "UninstallSucceeded", "10:00", "12:00").Replace(chart)
	if got := only(t, read[received](t, send(t, a, post("/v1/webhooks/flux", gone)), http.StatusOK)); got.ID != r.ID || got.Outcome != release.Removed {
		t.Errorf("got %+v", got)
	}
}

func TestFluxRevisions(t *testing.T) {
	for given, want := range map[string][2]string{
		"main@sha1:" + commit: {"main", commit}, "v1.2@sha1:" + commit: {"v1.2", commit}, "1.2.3@sha256:00": {"1.2.3", "sha256:00"},
		"1.2.3": {"1.2.3", "1.2.3"}, "main/" + commit: {"main", commit}, "": {"", ""},
	} {
		if name, revision := splitFluxRevision(given); name != want[0] || revision != want[1] {
			t.Errorf("%s: got %q and %q", given, name, revision)
		}
	}
}

const githubStatus = `{"action":"created","deployment":{"id":1,"sha":"` + commit + `","ref":"v1.2.0","environment":"Production (EU)",
	"created_at":"2026-11-10T10:00:00Z","creator":{"login":"ada"},"payload":{}},
	"deployment_status":{"state":"in_progress","created_at":"2026-11-10T10:03:00Z"},"repository":{"name":"shop"}}`

// signed is a request of GitHub, which signs and sends no token.
func signed(body, secret string) *http.Request {
	r := post("/v1/webhooks/github", body)
	r.Header.Del("Authorization")
	r.Header.Set("X-GitHub-Event", "deployment_status")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

func TestGitHubEvents(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	tell := func(state, minute string) received {
		t.Helper()
		body := strings.NewReplacer("in_progress", state, "10:03", minute).Replace(githubStatus)
		return read[received](t, send(t, a, signed(body, goodToken)), http.StatusOK)
	}
	begun := only(t, tell("in_progress", "10:03"))
	if begun.Service != "shop" || begun.Environment != "production-eu" || begun.Version != "v1.2.0" || begun.Revision != commit ||
		begun.Outcome != release.Started || begun.Actor != "ada" {
		t.Errorf("got %+v", begun)
	}
	ended := only(t, tell("success", "10:05"))
	if ended.ID != begun.ID || ended.Outcome != release.Succeeded || ended.SucceededAt.Minute() != 5 {
		t.Errorf("got %+v", ended)
	}
	if got := tell("inactive", "11:00"); len(got.Releases)+len(got.Skipped) != 0 {
		t.Errorf("inactive is %+v", got)
	}
	own := strings.NewReplacer(`"payload":{}`, `"payload":{"service":"cart","version":"7","track":"canary","team":"pay"}`, `v1.2.0`, `main`).Replace(githubStatus)
	if r := only(t, read[received](t, send(t, a, post("/v1/webhooks/github", own)), http.StatusOK)); r.Service != "cart" || r.Version != "7" || r.Track != release.Canary || r.Team != "pay" {
		t.Errorf("got %+v", r)
	}
	branch := strings.NewReplacer(`"payload":{}`, `"payload":""`, `v1.2.0`, `main`, `"shop"`, `"other"`).Replace(githubStatus)
	if r := only(t, read[received](t, send(t, a, post("/v1/webhooks/github", branch)), http.StatusOK)); r.Version != commit[:12] {
		t.Errorf("the version of a branch is %q", r.Version)
	}
	for name, r := range map[string]*http.Request{"another secret": signed(githubStatus, "a-token-of-somebody"), "no hex": signed(githubStatus, goodToken)} {
		if name == "no hex" {
			r.Header.Set("X-Hub-Signature-256", "sha256=xyz")
		}
		readProblem(t, send(t, a, r), http.StatusUnauthorized)
	}
	ping := signed(`{"zen":"x"}`, goodToken)
	ping.Header.Set("X-GitHub-Event", "ping")
	if got := read[received](t, send(t, a, ping), http.StatusOK); len(got.Releases)+len(got.Skipped) != 0 {
		t.Errorf("ping is %+v", got)
	}
	readProblem(t, send(t, newAPI(t, Options{}), signed(githubStatus, "")), http.StatusForbidden)
}

func TestCDEvents(t *testing.T) {
	a := newLedgerAPI(t, postgrestest.URL(t))
	event := func(predicate, version, at string) string {
		return `{"context":{"version":"0.4.1","id":"1","source":"/tekton","type":"dev.cdevents.service.` + predicate + `.0.2.0","timestamp":"2026-11-10T` + at + `:00Z"},
			"subject":{"id":"service/shop","type":"service","content":{"environment":{"id":"env/prod"},
			"artifactId":"pkg:oci/shop@sha256%3A` + strings.Repeat(version, 64) + `?tag=1.` + version + `"}}}`
	}
	tell := func(body, media string) received {
		t.Helper()
		r := post("/v1/webhooks/cdevents", body)
		r.Header.Set("Content-Type", media)
		return read[received](t, send(t, a, r), http.StatusOK)
	}
	first := only(t, tell(event("deployed", "0", "10:00"), "application/json"))
	if first.Service != "shop" || first.Environment != "prod" || first.Version != "1.0" || first.Revision != "sha256:"+strings.Repeat("0", 64) || first.Actor != "/tekton" {
		t.Errorf("got %+v", first)
	}
	second := only(t, tell(`{"specversion":"1.0","id":"1","source":"/tekton","type":"dev.cdevents.service.upgraded.0.2.0","data":`+event("upgraded", "1", "11:00")+`}`, cloudEventsMedia))
	only(t, tell(event("rolledback", "0", "12:00"), "application/json"))
	if got := read[release.Release](t, get(t, a, "/v1/releases/"+second.ID), http.StatusOK); got.Outcome != release.RolledBack {
		t.Errorf("what was rolled back is %+v", got)
	}
	if got := only(t, tell(event("removed", "0", "13:00"), "application/json")); got.Version != "1.0" || got.Outcome != release.Removed {
		t.Errorf("got %+v", got)
	}
	for what, body := range map[string]string{
		"artifact":    strings.Replace(event("deployed", "0", "14:00"), "pkg:", "", 1),
		"environment": strings.Replace(event("deployed", "0", "14:00"), "env/prod", "", 1),
	} {
		if got := tell(body, "application/json"); len(got.Releases) != 0 || len(got.Skipped) != 1 || !strings.Contains(got.Skipped[0].Detail, what) {
			t.Errorf("%s: %+v", what, got)
		}
	}
	if got := tell(strings.Replace(event("deployed", "0", "14:00"), "cdevents.service", "cdevents.build", 1), "application/json"); len(got.Releases)+len(got.Skipped) != 0 {
		t.Errorf("a build is %+v", got)
	}
}

// FuzzEvents holds that no event, however odd, is answered with a failure of the service.
func FuzzEvents(f *testing.F) {
	f.Add("argocd", synced)
	f.Add("github", githubStatus)
	f.Add("flux", `{"involvedObject":{"kind":"HelmRelease","name":"a"},"reason":"InstallSucceeded","metadata":{"revision":"@"}}`)
	f.Add("cdevents", `{"data":{"context":{"type":"dev.cdevents.service.removed"},"subject":{"id":"/"}}}`)
	f.Fuzz(func(t *testing.T, sender, body string) {
		var n news
		switch sender {
		case "argocd":
			var e notification
			if decodeEvent([]byte(body), &e) == nil {
				n = e.news()
			}
		case "flux":
			var e fluxEvent
			if decodeEvent([]byte(body), &e) == nil {
				n = e.news()
			}
		case "github":
			var e githubEvent
			if decodeEvent([]byte(body), &e) == nil {
				n = e.news()
			}
		default:
			var e cdEvent
			if decodeEvent([]byte(body), &e) == nil {
				n = e.news()
			}
		}
		for _, told := range n.told {
			d := believable(told.draft.Normal())
			if err := d.Validate(now); err == nil && (d.Service == "" || d.Environment == "") {
				t.Errorf("%+v is valid", d)
			}
		}
		for _, r := range n.removed {
			if r.place.Service == "" || r.place.Environment == "" {
				t.Errorf("%+v is removed", r.place)
			}
		}
	})
}
