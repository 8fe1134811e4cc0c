package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
	"github.com/expr-lang/expr"
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
)

// notifications is ../argocd/notifications.yaml, evaluated with the two libraries that Argo CD evaluates it with:
// expr for conditions, text/template with sprig's functions for bodies.
type notifications struct {
	conditions []struct{ Description, When, OncePer string }
	body       *template.Template
}

func readNotifications(t *testing.T) notifications {
	t.Helper()
	content, err := os.ReadFile("../argocd/notifications.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct{ Data map[string]string }
	if err := yaml.Unmarshal(content, &config); err != nil {
		t.Fatal(err)
	}
	var n notifications
	if err := yaml.Unmarshal([]byte(config.Data["trigger.on-release"]), &n.conditions); err != nil {
		t.Fatal(err)
	}
	var message struct {
		Webhook map[string]struct{ Method, Path, Body string }
	}
	if err := yaml.UnmarshalStrict([]byte(config.Data["template.release"]), &message); err != nil {
		t.Fatal(err)
	}
	hook := message.Webhook["ledger"]
	if hook.Method != http.MethodPost || hook.Path != "/v1/webhooks/argocd" {
		t.Fatalf("it sends %s %s", hook.Method, hook.Path)
	}
	if n.body, err = template.New("body").Funcs(sprig.TxtFuncMap()).Parse(hook.Body); err != nil {
		t.Fatal(err)
	}
	return n
}

// fired are the descriptions of the conditions that hold for app at a moment, and what each is told once per.
func (n notifications) fired(t *testing.T, app map[string]any, now time.Time) map[string]any {
	t.Helper()
	environment := map[string]any{"app": app, "time": map[string]any{
		"Now": func() time.Time { return now },
		"Parse": func(text string) time.Time {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				panic(err)
			}
			return at
		},
	}}
	fired := map[string]any{}
	for _, condition := range n.conditions {
		holds, err := expr.Eval(condition.When, environment)
		if err != nil {
			t.Fatalf("%s: %v", condition.Description, err)
		}
		if holds != true {
			continue
		}
		if fired[condition.Description], err = expr.Eval(condition.OncePer, environment); err != nil {
			t.Fatal(err)
		}
	}
	return fired
}

func (n notifications) render(t *testing.T, app map[string]any) string {
	t.Helper()
	type commit struct{ Date time.Time }
	var text strings.Builder
	if err := n.body.Execute(&text, map[string]any{"app": app, "repo": map[string]any{
		"GetCommitMetadata": func(string) (*commit, error) {
			return &commit{time.Date(2026, 11, 10, 11, 0, 0, 0, time.FixedZone("", 7200))}, nil
		},
	}}); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// application is what the notifications controller sees: the Application as JSON has it, status included.
func application(t *testing.T, phase, health, healthSince string, edit func(app map[string]any)) map[string]any {
	t.Helper()
	app := map[string]any{}
	text := `{
		"metadata": {"name": "prod-app"},
		"spec": {"destination": {"name": "prod", "namespace": "go-otlp-app"}},
		"status": {
			"health": {"status": ` + strconv.Quote(health) + `, "lastTransitionTime": ` + strconv.Quote(healthSince) + `},
			"operationState": {
				"phase": ` + strconv.Quote(phase) + `,
				"startedAt": "2026-11-10T10:00:00Z", "finishedAt": "2026-11-10T10:02:00Z",
				"operation": {"initiatedBy": {"username": "ada"}, "sync": {"revision": "0123456789abcdef0123456789abcdef01234567"}},
				"syncResult": {"revision": "0123456789abcdef0123456789abcdef01234567", "resources": [
					{"version": "v1", "kind": "ConfigMap", "name": "c", "status": "Synced"},
					{"group": "apps", "version": "v1", "kind": "Deployment", "name": "go-otlp-app", "status": "Synced",
						"images": ["ghcr.io/kgate-dev/go-otlp-app:1.0.0"]},
					{"group": "apps", "version": "v1", "kind": "Deployment", "name": "go-otlp-app-canary", "status": "Synced",
						"images": ["ghcr.io/kgate-dev/go-otlp-app:1.1.0"]},
					{"group": "apps", "version": "v1", "kind": "Deployment", "name": "old", "status": "Pruned"}]}}}}`
	if err := json.Unmarshal([]byte(text), &app); err != nil {
		t.Fatal(err)
	}
	if phase == "Running" {
		delete(operation(app), "finishedAt")
	}
	if edit != nil {
		edit(app)
	}
	return app
}

func operation(app map[string]any) map[string]any {
	return app["status"].(map[string]any)["operationState"].(map[string]any)
}

func TestWhenArgoCDTellsOfARelease(t *testing.T) {
	const (
		started, healthy, degraded, failed = "A sync applies a Deployment", "A sync has applied a Deployment, and everything is healthy",
			"A sync has applied a Deployment, and it does not become healthy", "A sync that was to apply a Deployment has failed"
		before, during, after = "2026-11-09T00:00:00Z", "2026-11-10T10:01:00Z", "2026-11-10T10:03:00Z"
	)
	n := readNotifications(t)
	soon := time.Date(2026, 11, 10, 10, 2, 5, 0, time.UTC)
	for _, c := range []struct {
		name, phase, health, since string
		now                        time.Time
		edit                       func(app map[string]any)
		want                       []string
	}{
		{name: "running", phase: "Running", health: "Healthy", since: before, want: []string{started}},
		{name: "running, nothing applied yet", phase: "Running", health: "Healthy", since: before, edit: func(app map[string]any) {
			operation(app)["syncResult"].(map[string]any)["resources"] = nil
		}},
		{name: "running, no result yet", phase: "Running", health: "Healthy", since: before, edit: func(app map[string]any) {
			delete(operation(app), "syncResult")
		}},
		{name: "rolling out", phase: "Succeeded", health: "Progressing", since: during},
		{name: "the health of the old pods", phase: "Succeeded", health: "Healthy", since: before},
		{name: "healthy since the sync", phase: "Succeeded", health: "Healthy", since: after, want: []string{healthy}},
		{name: "nothing to roll out", phase: "Succeeded", health: "Healthy", since: before, now: soon.Add(time.Minute), want: []string{healthy}},
		{name: "degraded", phase: "Succeeded", health: "Degraded", since: after, want: []string{degraded}},
		{name: "failed", phase: "Failed", health: "Healthy", since: before, want: []string{failed}},
		{name: "error", phase: "Error", health: "Missing", since: before, want: []string{failed}},
		{name: "no operation", edit: func(app map[string]any) { delete(app["status"].(map[string]any), "operationState") }},
		{name: "never synced", edit: func(app map[string]any) { delete(app, "status") }},
		{name: "drift undone", phase: "Succeeded", health: "Healthy", since: after, edit: func(app map[string]any) {
			operation(app)["operation"].(map[string]any)["sync"].(map[string]any)["autoHealAttemptsCount"] = 1
		}},
		{name: "dry run", phase: "Succeeded", health: "Healthy", since: after, edit: func(app map[string]any) {
			operation(app)["operation"].(map[string]any)["sync"].(map[string]any)["dryRun"] = true
		}},
		{name: "no Deployment", phase: "Succeeded", health: "Healthy", since: after, edit: func(app map[string]any) {
			result := operation(app)["syncResult"].(map[string]any)
			result["resources"] = result["resources"].([]any)[:1]
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.now.IsZero() {
				c.now = soon
			}
			fired := n.fired(t, application(t, c.phase, c.health, c.since, c.edit), c.now)
			if got := slices.Sorted(maps.Keys(fired)); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			for condition, key := range fired {
				if key != "2026-11-10T10:00:00Z" {
					t.Errorf("%s: once per %v", condition, key)
				}
			}
		})
	}
}

func TestArgoCDNotificationsAreRecorded(t *testing.T) {
	n := readNotifications(t)
	s := start(t, postgrestest.URL(t))
	s.until("ready", s.ready)
	for _, phase := range []string{"Running", "Running", "Succeeded", "Succeeded", "Running"} { // delivered at least once, and late
		body := n.render(t, application(t, phase, "Healthy", "2026-11-10T10:03:00Z", nil))
		if status, answer := s.ask(http.MethodPost, s.api+"/v1/webhooks/argocd", body); status != http.StatusOK {
			t.Fatalf("%s\nwas answered with %d: %s", body, status, answer)
		}
	}
	var page struct {
		Releases []struct{ Service, Environment, Track, Version, Actor, Outcome, CommittedAt string }
	}
	_, text := s.ask(http.MethodGet, s.api+"/v1/releases", "")
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "committed_at", "committedAt")), &page); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"stable": "1.0.0", "canary": "1.1.0"}
	for _, r := range page.Releases {
		if r.Version != want[r.Track] || r.Service != "go-otlp-app" || r.Environment != "prod" || r.Actor != "ada" ||
			r.Outcome != "succeeded" || r.CommittedAt != "2026-11-10T09:00:00Z" {
			t.Errorf("recorded %+v", r)
		}
		delete(want, r.Track)
	}
	if len(page.Releases) != 2 || len(want) > 0 {
		t.Errorf("got %s", text)
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit %d", code)
	}
}
