package main

import (
	"encoding/json"
	"fmt"
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
	conditions []struct {
		Description, When, OncePer string
		Send                       []string
	}
	bodies map[string]*template.Template
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
	n.bodies = map[string]*template.Template{}
	for key, text := range config.Data {
		name, isTemplate := strings.CutPrefix(key, "template.")
		if !isTemplate {
			continue
		}
		var message struct {
			Webhook map[string]struct{ Method, Path, Body string }
		}
		if err := yaml.UnmarshalStrict([]byte(text), &message); err != nil {
			t.Fatal(err)
		}
		hook := message.Webhook["ledger"]
		if hook.Method != http.MethodPost || hook.Path != "/v1/webhooks/argocd" {
			t.Fatalf("%s sends %s %s", name, hook.Method, hook.Path)
		}
		if n.bodies[name], err = template.New(name).Funcs(sprig.TxtFuncMap()).Parse(hook.Body); err != nil {
			t.Fatal(err)
		}
	}
	for _, condition := range n.conditions {
		if len(condition.Send) != 1 || n.bodies[condition.Send[0]] == nil {
			t.Fatalf("%s: sends %v", condition.Description, condition.Send)
		}
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

// render draws the body of a template as Argo CD does. Asked for what is no commit, its functions panic, and there is no
// notification.
func (n notifications) render(t *testing.T, name string, app map[string]any) string {
	t.Helper()
	type commit struct{ Date time.Time }
	date := commit{time.Date(2026, 11, 10, 11, 0, 0, 0, time.FixedZone("", 7200))}
	sources, _ := app["spec"].(map[string]any)["sources"].([]any)
	hold := func(revision string, isSingle bool) {
		if len(revision) != 40 || isSingle != (app["spec"].(map[string]any)["source"] != nil) {
			t.Errorf("asked for the commit %q", revision)
		}
	}
	var text strings.Builder
	if err := n.bodies[name].Execute(&text, map[string]any{"app": app, "repo": map[string]any{
		"GetCommitMetadata": func(revision string) any { hold(revision, true); return date },
		"GetCommitMetadataMultipleSources": func(source int, revision string) any {
			if hold(revision, false); source >= len(sources) {
				t.Errorf("asked for source %d", source)
			}
			return date
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
		"spec": {"destination": {"name": "prod", "namespace": "go-otlp-app"}, "source": {"repoURL": "https://example.org/x.git"}},
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

// only leaves the sync one workload, with an image or without.
func only(app map[string]any, kind, status, image string) {
	resource := map[string]any{"kind": kind, "name": "x", "status": status}
	if image != "" {
		resource["images"] = []any{image}
	}
	operation(app)["syncResult"].(map[string]any)["resources"] = []any{resource}
}

func remove(app map[string]any, finalizer string) {
	metadata := app["metadata"].(map[string]any)
	metadata["deletionTimestamp"], metadata["finalizers"] = "2026-11-10T10:00:00Z", []any{finalizer}
	app["status"].(map[string]any)["resources"] = []any{map[string]any{"kind": "Deployment", "name": "go-otlp-app", "namespace": "go-otlp-app"}}
}

func TestWhenArgoCDTellsOfARelease(t *testing.T) {
	const (
		started, healthy, degraded, failed, deleted = "A sync applies a workload", "A sync has applied or pruned a workload, and everything is healthy",
			"A sync has applied or pruned a workload, and something is degraded", "A sync that was to apply or prune a workload has failed",
			"An Application is deleted, and what it brought with it"
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
		{name: "degraded since before", phase: "Succeeded", health: "Degraded", since: before},
		{name: "degraded since before, and still", phase: "Succeeded", health: "Degraded", since: before, now: soon.Add(time.Minute), want: []string{degraded}},
		{name: "a StatefulSet", phase: "Succeeded", health: "Healthy", since: after, edit: func(app map[string]any) { only(app, "StatefulSet", "Synced", "x:1") }, want: []string{healthy}},
		{name: "a Rollout", phase: "Succeeded", health: "Healthy", since: after, edit: func(app map[string]any) { only(app, "Rollout", "Synced", "x:1") }, want: []string{healthy}},
		{name: "nothing but pruned", phase: "Succeeded", health: "Healthy", since: after, edit: func(app map[string]any) { only(app, "Deployment", "Pruned", "") }, want: []string{healthy}},
		{name: "a Job", phase: "Succeeded", health: "Healthy", since: after, edit: func(app map[string]any) { only(app, "Job", "Synced", "x:1") }},
		{name: "deleted", phase: "Running", health: "Healthy", since: before, edit: func(app map[string]any) {
			delete(app["status"].(map[string]any), "operationState")
			remove(app, "resources-finalizer.argocd.argoproj.io")
		}, want: []string{deleted}},
		{name: "deleted, and what it brought left", phase: "Running", health: "Healthy", since: before, edit: func(app map[string]any) {
			delete(app["status"].(map[string]any), "operationState")
			remove(app, "foregroundDeletion")
		}},
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
		body := n.render(t, "release", application(t, phase, "Healthy", "2026-11-10T10:03:00Z", nil))
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

// cluster is Argo CD with one Application: it syncs, its health changes, and its notifications controller looks at it
// whenever something has, and a minute later. What is told, is told to a ledger.
type cluster struct {
	t     *testing.T
	n     notifications
	s     *service
	began time.Time
	app   map[string]any
	told  map[string]bool
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	s := start(t, postgrestest.URL(t))
	s.until("ready", s.ready)
	c := &cluster{t: t, n: readNotifications(t), s: s, told: map[string]bool{}, began: time.Now().Add(-48 * time.Hour).UTC().Truncate(time.Second)}
	c.app = map[string]any{
		"metadata": map[string]any{"name": "prod-app", "labels": map[string]any{"team": "pay"}},
		"spec":     map[string]any{"destination": map[string]any{"name": "prod", "namespace": "shop"}, "source": map[string]any{"repoURL": "https://example.org/x.git"}},
		"status":   map[string]any{"health": map[string]any{"status": "Healthy", "lastTransitionTime": c.at(-60)}},
	}
	return c
}

func (c *cluster) at(minute int) string {
	return c.began.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339)
}

// sync runs from a minute on for one minute, and brings workloads (name:tag) or prunes them (-name).
func (c *cluster) sync(minute int, workloads ...string) {
	c.t.Helper()
	var resources []any
	for _, w := range workloads {
		name, tag, brings := strings.Cut(w, ":")
		r := map[string]any{"kind": "Deployment", "namespace": "shop", "name": strings.TrimPrefix(name, "-"), "status": "Pruned"}
		if brings {
			r["status"], r["images"] = "Synced", []any{"istio/proxyv2:1.27", "ghcr.io/x/shop:" + tag}
		}
		resources = append(resources, r)
	}
	// Every sync is of another commit.
	revision := fmt.Sprintf("%040x", minute+1)
	c.app["status"].(map[string]any)["operationState"] = map[string]any{
		"phase": "Running", "startedAt": c.at(minute), "operation": map[string]any{"sync": map[string]any{"revision": revision}},
		"syncResult": map[string]any{"revision": revision, "resources": resources},
	}
	c.look(minute)
	c.end(minute+1, "Succeeded")
}

// release is a sync after which everything is healthy.
func (c *cluster) release(minute int, workloads ...string) {
	c.t.Helper()
	c.sync(minute, workloads...)
	c.health(minute+3, "Healthy")
}

// retry is Argo CD's own, within one operation.
func (c *cluster) retry(minute int) {
	c.t.Helper()
	state := operation(c.app)
	result := state["syncResult"]
	state["phase"], state["finishedAt"] = "Running", nil
	delete(state, "syncResult")
	c.look(minute)
	state["syncResult"] = result
	c.look(minute)
}

func (c *cluster) end(minute int, phase string) {
	c.t.Helper()
	operation(c.app)["phase"], operation(c.app)["finishedAt"] = phase, c.at(minute)
	c.look(minute)
}

func (c *cluster) health(minute int, status string) {
	c.t.Helper()
	c.app["status"].(map[string]any)["health"] = map[string]any{"status": status, "lastTransitionTime": c.at(minute)}
	c.look(minute)
}

func (c *cluster) look(minute int) {
	c.t.Helper()
	now := c.began.Add(time.Duration(minute) * time.Minute)
	fired := c.n.fired(c.t, c.app, now)
	for _, condition := range c.n.conditions {
		once, fires := fired[condition.Description]
		key := fmt.Sprint(condition.Description, once)
		if !fires || c.told[key] {
			continue
		}
		c.told[key] = true
		c.send(c.n.render(c.t, condition.Send[0], c.app))
	}
}

func (c *cluster) send(body string) {
	c.t.Helper()
	if status, answer := c.s.ask(http.MethodPost, c.s.api+"/v1/webhooks/argocd", body); status != http.StatusOK {
		c.t.Fatalf("%s\nwas answered with %d: %s", body, status, answer)
	}
}

// again delivers everything once more that can be told of the Application as it is.
func (c *cluster) again(minute int) {
	c.t.Helper()
	clear(c.told)
	c.look(minute)
}

// running is what runs where, since which minute.
func (c *cluster) running() string {
	c.t.Helper()
	var got struct {
		Running []struct {
			Service, Environment, Track, Version string
			Since                                time.Time
		}
	}
	_, text := c.s.ask(http.MethodGet, c.s.api+"/v1/environments", "")
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		c.t.Fatal(err)
	}
	var all []string
	for _, r := range got.Running {
		all = append(all, fmt.Sprintf("%s %s %s %s since %.0f", r.Environment, r.Service, r.Track, r.Version, r.Since.Sub(c.began).Minutes()))
	}
	return strings.Join(all, ", ")
}

// measured is the measures of the team: deployments, changes delivered, the rate of failures, and restores in seconds.
func (c *cluster) measured() string {
	c.t.Helper()
	type quantiles struct {
		Median  *float64 `json:"median_seconds"`
		Samples int
	}
	var m struct {
		Deployments int
		Rate        *float64  `json:"change_failure_rate"`
		Lead        quantiles `json:"lead_time"`
		Restore     quantiles `json:"time_to_restore"`
	}
	_, text := c.s.ask(http.MethodGet, c.s.api+"/v1/dora?team=pay", "")
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		c.t.Fatal(err)
	}
	said := fmt.Sprintf("%d deployed, %d delivered", m.Deployments, m.Lead.Samples)
	if m.Rate != nil {
		said += fmt.Sprintf(", %.2f failed", *m.Rate)
	}
	if m.Restore.Median != nil {
		said += fmt.Sprintf(", %d restored in %.0f s", m.Restore.Samples, *m.Restore.Median)
	}
	return said
}

// Whole histories, from what Argo CD says of an Application to what the ledger says of it: the shipped conditions and
// templates, the service and its database.
func TestHistories(t *testing.T) {
	first := func(c *cluster) {
		c.sync(0, "shop:1.0")
		c.health(2, "Progressing")
		c.health(3, "Healthy")
	}
	for _, h := range []struct {
		name              string
		befalls           func(c *cluster)
		running, measured string
	}{
		{"a release", first, "prod shop stable 1.0 since 3", "1 deployed, 1 delivered, 0.00 failed"},
		{"wobble", func(c *cluster) {
			first(c)
			c.sync(10, "shop:1.1")
			c.health(12, "Progressing")
			c.health(13, "Degraded") // an autoscaler that has no metrics yet
			c.health(15, "Healthy")
			c.health(40, "Degraded") // of a node, long after
			c.health(45, "Healthy")
			c.again(50)
		}, "prod shop stable 1.1 since 15", "2 deployed, 2 delivered, 0.50 failed, 1 restored in 120 s"},
		{"degraded for good", func(c *cluster) {
			first(c)
			c.sync(10, "shop:1.1")
			c.health(12, "Degraded")
			c.look(30)
		}, "prod shop stable 1.0 since 3", "2 deployed, 1 delivered, 0.50 failed"},
		{"broken before, mended by the sync", func(c *cluster) {
			first(c)
			c.health(8, "Degraded")
			c.sync(10, "shop:1.1")
			c.health(11, "Progressing")
			c.health(12, "Healthy")
		}, "prod shop stable 1.1 since 12", "2 deployed, 2 delivered, 0.00 failed"},
		{"retry within the operation", func(c *cluster) {
			first(c)
			c.sync(10, "shop:1.1")
			c.retry(12)
			c.end(13, "Succeeded")
			c.health(14, "Progressing")
			c.health(15, "Healthy")
		}, "prod shop stable 1.1 since 15", "2 deployed, 2 delivered, 0.00 failed"},
		{"failed, and tried again", func(c *cluster) {
			first(c)
			c.sync(10, "shop:1.1")
			c.end(12, "Failed")
			c.sync(20, "shop:1.1")
			c.health(21, "Progressing")
			c.health(22, "Healthy")
		}, "prod shop stable 1.1 since 22", "3 deployed, 2 delivered, 0.33 failed, 1 restored in 600 s"},
		{"configuration alone", func(c *cluster) {
			first(c)
			for minute := 10; minute < 40; minute += 10 {
				c.sync(minute, "shop:1.0")
				c.look(minute + 3)
			}
		}, "prod shop stable 1.0 since 3", "1 deployed, 1 delivered, 0.00 failed"},
		{"one of two changes", func(c *cluster) {
			c.release(0, "shop:1.0", "cart:1.0")
			c.release(10, "shop:1.1", "cart:1.0")
		}, "prod cart stable 1.0 since 3, prod shop stable 1.1 since 13", "3 deployed, 3 delivered, 0.00 failed"},
		{"rollback by git", func(c *cluster) {
			first(c)
			c.release(10, "shop:1.1")
			c.release(30, "shop:1.0")
		}, "prod shop stable 1.0 since 33", "3 deployed, 2 delivered, 0.33 failed, 1 restored in 1200 s"},
		{"canary to stable, and its end", func(c *cluster) {
			first(c)
			c.release(10, "shop:1.0", "shop-canary:1.1")
			c.release(30, "shop:1.1", "shop-canary:1.1")
			c.sync(50, "shop:1.1", "-shop-canary")
			c.look(53)
		}, "prod shop stable 1.1 since 33", "2 deployed, 2 delivered, 0.00 failed"},
		{"a canary that goes back", func(c *cluster) {
			first(c)
			c.release(10, "shop:1.0", "shop-canary:1.1")
			c.release(20, "shop:1.0", "shop-canary:1.0")
		}, "prod shop canary 1.0 since 23, prod shop stable 1.0 since 3", "2 deployed, 2 delivered, 0.50 failed, 1 restored in 600 s"},
		{"pruned", func(c *cluster) {
			first(c)
			c.sync(10, "-shop")
			c.look(13)
		}, "", "1 deployed, 1 delivered, 0.00 failed"},
		{"the Application is deleted", func(c *cluster) {
			first(c)
			c.app["metadata"].(map[string]any)["deletionTimestamp"] = c.at(20)
			c.app["metadata"].(map[string]any)["finalizers"] = []any{"resources-finalizer.argocd.argoproj.io"}
			c.app["status"].(map[string]any)["resources"] = []any{map[string]any{"kind": "Deployment", "name": "shop", "namespace": "shop"}}
			c.look(20)
			c.again(21)
		}, "", "1 deployed, 1 delivered, 0.00 failed"},
		{"several sources, by the address of the cluster", func(c *cluster) {
			c.app["spec"] = map[string]any{
				"destination": map[string]any{"server": "https://10.0.0.1", "namespace": "shop"},
				"sources":     []any{map[string]any{"chart": "shop"}, map[string]any{"repoURL": "https://example.org/x.git"}},
			}
			c.app["metadata"].(map[string]any)["labels"].(map[string]any)["environment"] = "prod"
			c.sync(0, "shop:1.0@sha256:"+strings.Repeat("0", 64))
			result := operation(c.app)["syncResult"].(map[string]any)
			result["revisions"] = []any{"6.3.5", result["revision"]}
			delete(result, "revision")
			c.health(3, "Healthy")
		}, "prod shop stable 1.0 since 3", "1 deployed, 1 delivered, 0.00 failed"},
	} {
		t.Run(h.name, func(t *testing.T) {
			c := newCluster(t)
			h.befalls(c)
			if got := c.running(); got != h.running {
				t.Errorf("it runs %q, want %q", got, h.running)
			}
			if got := c.measured(); got != h.measured {
				t.Errorf("measured %q, want %q", got, h.measured)
			}
			if code := c.s.end(); code != 0 {
				t.Errorf("exit %d", code)
			}
		})
	}
}
