package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/kgate-dev/gitops/service/internal/postgrestest"
)

// scraped is what Prometheus adds to the service's series, with what it can be.
var scraped = map[string]string{
	"job":       "go-otlp-app",        // jobLabel of the PodMonitor
	"namespace": "go-otlp-app",        // the pod's, by the operator
	"pod":       "go-otlp-app-7d9c-1", // the pod's, by the operator
	"instance":  "10.1.2.3:9090",      // the address
	"component": "service",            // a relabeling of the PodMonitor
	"track":     "stable",             // podTargetLabels
	"version":   "1.2.3",              // podTargetLabels
}

// scrape returns the series of /metrics as Prometheus stores them: with the labels that it adds, and histograms taken
// apart.
func (s *service) scrape() []labels.Labels {
	s.t.Helper()
	_, text := s.ask(http.MethodGet, s.metrics+"/metrics", "")
	decoder := expfmt.NewDecoder(strings.NewReader(text), expfmt.NewFormat(expfmt.TypeTextPlain))
	var series []labels.Labels
	for {
		var family dto.MetricFamily
		if err := decoder.Decode(&family); err == io.EOF {
			break
		} else if err != nil {
			s.t.Fatal(err)
		}
		samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.Now()}, &family)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, sample := range samples {
			all := map[string]string{}
			for name, value := range sample.Metric {
				all[string(name)] = string(value)
			}
			for name, value := range scraped {
				if own, has := all[name]; has {
					s.t.Errorf("%s has a label %s=%q, which Prometheus would rename", all[model.MetricNameLabel], name, own)
				}
				all[name] = value
			}
			series = append(series, labels.FromMap(all))
		}
	}
	return series
}

// named is an expression of a manifest.
type named struct{ where, expr, uses string }

// faults lists what an expression asks for and no series has: a metric, a label, a value. uses is the text beside it that
// reads labels of its result.
func (n named) faults(series []labels.Labels) []string {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(n.expr)
	if err != nil {
		return []string{n.where + ": " + err.Error()}
	}
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, n.where+": "+fmt.Sprintf(format, args...)) }
	selected := func(from parser.Node) (names map[string]bool, found int) {
		names = map[string]bool{}
		parser.Inspect(from, func(node parser.Node, _ []parser.Node) error {
			selector, ok := node.(*parser.VectorSelector)
			if !ok {
				return nil
			}
			for _, s := range series {
				if !slices.ContainsFunc(selector.LabelMatchers, func(m *labels.Matcher) bool { return !m.Matches(s.Get(m.Name)) }) {
					found++
					s.Range(func(l labels.Label) { names[l.Name] = true })
				}
			}
			return nil
		})
		return names, found
	}
	grouped := map[string]bool{}
	selectors := 0
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			selectors++
			names, found := selected(node)
			if found == 0 {
				fault("no series is like %s", node)
			}
			for _, m := range node.LabelMatchers {
				// {no_such_label!="x"} matches every series.
				// {no_such_label=""} means just those that have none.
				if found > 0 && !names[m.Name] && !(m.Type == labels.MatchEqual && m.Value == "") {
					fault("no series of %s has a label %s", node, m.Name)
				}
			}
		case *parser.AggregateExpr:
			names, found := selected(node.Expr)
			for _, name := range node.Grouping {
				grouped[name] = true
				if found > 0 && !names[name] {
					fault("grouped by %s, which no series of %s has", name, node.Expr)
				}
			}
		}
		return nil
	})
	if selectors == 0 {
		fault("%s reads no metric", n.expr)
	}
	for _, label := range regexp.MustCompile(`\$labels\.([a-zA-Z_]+)|\{\{ *([a-z_]+) *\}\}`).FindAllStringSubmatch(n.uses, -1) {
		if name := label[1] + label[2]; !grouped[name] {
			fault("its text reads the label %s, which its result does not have", name)
		}
	}
	return faults
}

func manifest(t *testing.T, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", name))
	if err == nil {
		err = yaml.Unmarshal(content, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// rendered reads an object of the service as an environment renders it.
func rendered(t *testing.T, kind, name string, into any) {
	t.Helper()
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), "../overlays/dev/go-otlp-app")
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects.Resources() {
		if object.GetKind() != kind || object.GetName() != name {
			continue
		}
		if err := yaml.Unmarshal([]byte(object.MustYaml()), into); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no %s %s is rendered", kind, name)
}

func expressionsOfRules(t *testing.T) (all []named) {
	var rules struct {
		Spec struct {
			Groups []struct {
				Rules []struct {
					Alert, Record, Expr string
					Annotations         map[string]string
				}
			}
		}
	}
	manifest(t, "base/services/go-otlp-app/alerts.yaml", &rules)
	for _, group := range rules.Spec.Groups {
		for _, rule := range group.Rules {
			all = append(all, named{"alert " + rule.Alert, rule.Expr, fmt.Sprint(rule.Annotations)})
		}
	}
	return all
}

func expressionsOfDashboard(t *testing.T) (all []named) {
	files, err := filepath.Glob("../base/services/go-otlp-app/dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		all = append(all, expressionsOfBoard(t, file)...)
	}
	return all
}

func expressionsOfBoard(t *testing.T, file string) (all []named) {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct {
				DataSource         struct{ Type string }
				Expr, LegendFormat string
			}
		}
	}
	if err := json.Unmarshal(content, &dashboard); err != nil {
		t.Fatal(err)
	}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			if target.DataSource.Type == "prometheus" {
				all = append(all, named{"panel " + panel.Title, strings.ReplaceAll(target.Expr, "$__rate_interval", "1m"), target.LegendFormat})
			}
		}
	}
	return all
}

func expressionsOfDataSources(t *testing.T) (all []named) {
	var file struct {
		DataSources []struct {
			Name string
			JSON struct {
				Metrics struct {
					Queries []struct{ Name, Query string }
				} `yaml:"tracesToMetrics"`
			} `yaml:"jsonData"`
		} `yaml:"datasources"`
	}
	manifest(t, "compose/grafana/provisioning/datasources/datasources.yaml", &file)
	for _, source := range file.DataSources {
		for _, query := range source.JSON.Metrics.Queries {
			all = append(all, named{"data source " + source.Name + ", " + query.Name, query.Query, ""})
		}
	}
	return all
}

// expressionsOfAdapter are the questions that prometheus-adapter asks for the metrics of the HorizontalPodAutoscaler.
func expressionsOfAdapter(t *testing.T) (all []named) {
	var config struct {
		Rules []struct {
			SeriesQuery  string `yaml:"seriesQuery"`
			MetricsQuery string `yaml:"metricsQuery"`
			Name         struct{ Matches, As string }
			Resources    struct {
				Overrides map[string]struct{ Resource string }
			}
		}
	}
	manifest(t, "base/platform/metrics-adapter/config/config.yaml", &config)
	var autoscaler struct {
		Spec struct {
			Metrics []struct {
				Type string
				Pods struct{ Metric struct{ Name string } }
			}
		}
	}
	manifest(t, "base/components/autoscaling/horizontal-pod-autoscaler.yaml", &autoscaler)
	asked := 0
	for _, metric := range autoscaler.Spec.Metrics {
		if metric.Type != "Pods" {
			continue
		}
		asked++
		served := false
		for _, rule := range config.Rules {
			selector, err := parser.NewParser(parser.Options{}).ParseExpr(rule.SeriesQuery)
			if err != nil {
				t.Fatal(err)
			}
			series := selector.(*parser.VectorSelector).Name
			matches := regexp.MustCompile(rule.Name.Matches)
			if !matches.MatchString(series) || matches.ReplaceAllString(series, rule.Name.As) != metric.Pods.Metric.Name {
				continue
			}
			served = true
			var pods []string
			for label, override := range rule.Resources.Overrides {
				if override.Resource == "pod" {
					pods = append(pods, label)
				}
			}
			// https://github.com/kubernetes-sigs/prometheus-adapter/blob/master/docs/config.md
			query, err := template.New("").Delims("<<", ">>").Parse(rule.MetricsQuery)
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			if err := query.Execute(&text, map[string]string{
				"Series": series, "LabelMatchers": `namespace="go-otlp-app",pod=~"go-otlp-app-7d9c-1|go-otlp-app-7d9c-2"`, "GroupBy": strings.Join(pods, ","),
			}); err != nil {
				t.Fatal(err)
			}
			all = append(all, named{"series of " + metric.Pods.Metric.Name, rule.SeriesQuery, ""}, named{"metric " + metric.Pods.Metric.Name, text.String(), "{{ pod }}"})
		}
		if !served {
			t.Errorf("the autoscaler asks for %s, which no rule of the adapter makes", metric.Pods.Metric.Name)
		}
	}
	if asked == 0 {
		t.Error("the autoscaler asks for no metric of pods: does this test still read it?")
	}
	return all
}

// Every metric, label and value that a manifest names is one that the running service exposes.
func TestManifestsNameMetricsThatExist(t *testing.T) {
	database := postgrestest.Start(t)
	url := database.URL(t)
	database.Kill(t)
	s := start(t, url, "LEDGER_METRICS_INTERVAL=100ms")
	// Without a database, for answers of 5xx.
	s.until("alive", func() bool { status, _ := s.ask(http.MethodGet, s.api+"/healthz", ""); return status == http.StatusOK })
	if status, body := s.ask(http.MethodGet, s.api+"/v1/environments", ""); status != http.StatusServiceUnavailable {
		t.Fatalf("got %d %s", status, body)
	}
	database.Restart(t)
	s.until("ready", s.ready)
	for i, outcome := range []string{"succeeded", "failed", "rolled_back"} {
		if status, body := s.ask(http.MethodPost, s.api+"/v1/releases", draft(fmt.Sprintf("1.0.%d", i), outcome)); status != http.StatusCreated {
			t.Fatalf("got %d %s", status, body)
		}
	}
	if status, body := s.ask(http.MethodGet, s.api+"/v1/environments", ""); status != http.StatusOK {
		t.Fatalf("got %d %s", status, body)
	}
	s.fillLedger()
	series := s.scrape()

	for source, expressions := range map[string][]named{
		"rules": expressionsOfRules(t), "dashboard": expressionsOfDashboard(t), "data sources": expressionsOfDataSources(t), "adapter": expressionsOfAdapter(t),
	} {
		if len(expressions) == 0 {
			t.Errorf("%s: no expression: does this test still read them?", source)
		}
		for _, expression := range expressions {
			for _, fault := range expression.faults(series) {
				t.Error(fault)
			}
		}
	}

	for _, c := range []struct{ expr, uses, want string }{
		{`sum(pgxpool_acquired_connections)`, "", "no series is like"},
		{`releases_recorded_total{result="failed"}`, "", "no series is like"},
		{`releases_recorded_total{outcome="exploded"}`, "", "no series is like"},
		{`releases_recorded_total{result!="failed"}`, "", "has a label result"},
		{`go_goroutine_count{job="another"}`, "", "no series is like"},
		{`sum by (route) (rate(http_server_request_duration_seconds_count[1m]))`, "", "grouped by route"},
		{`histogram_quantile(0.5, sum by (le) (rate(http_server_request_duration_seconds_sum[1m])))`, "", "grouped by le"},
		{`sum by (pod) (go_goroutine_count)`, "{{ $labels.track }}", "reads the label track"},
		{`sum by (pod) (go_goroutine_count)`, "{{track}}", "reads the label track"},
		{`sum by (pod (go_goroutine_count)`, "", "parse error"},
		{`vector(1)`, "", "reads no metric"},
	} {
		if got := strings.Join(named{"test", c.expr, c.uses}.faults(series), "\n"); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.expr, got, c.want)
		}
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// What Prometheus adds is what the manifests have it add.
func TestScrapedLabels(t *testing.T) {
	var monitor struct {
		Spec struct {
			JobLabel        string   `yaml:"jobLabel"`
			PodTargetLabels []string `yaml:"podTargetLabels"`
			Selector        struct {
				MatchLabels map[string]string `yaml:"matchLabels"`
			}
		}
	}
	rendered(t, "PodMonitor", scraped["job"], &monitor)
	if got := monitor.Spec.Selector.MatchLabels[monitor.Spec.JobLabel]; got != scraped["job"] {
		t.Errorf("the job of the pods is %q, want %q", got, scraped["job"])
	}
	if got := monitor.Spec.PodTargetLabels; !slices.Equal(got, []string{"track", "version"}) {
		t.Errorf("the pods' labels on their series are %v", got)
	}
	var stack struct {
		Jobs []struct {
			Name    string `yaml:"job_name"`
			Targets []struct {
				Targets []string
				Labels  map[string]string
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	manifest(t, "compose/prometheus/prometheus.yaml", &stack)
	found := false
	for _, job := range stack.Jobs {
		if job.Name != scraped["job"] {
			continue
		}
		found = true
		// Those that alerts and dashboard group by.
		for _, label := range []string{"namespace", "pod", "track"} {
			if job.Targets[0].Labels[label] == "" {
				t.Errorf("the stack's series have no label %s", label)
			}
		}
	}
	if !found {
		t.Errorf("the stack scrapes no job %s", scraped["job"])
	}
}

// A point of a graph leads to its trace by the exemplar of its series.
func TestExemplars(t *testing.T) {
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	s := start(t, postgrestest.URL(t), "OTLP_SAMPLE_RATE=0")
	s.until("ready", s.ready)
	traced(s, trace, http.MethodPost, "/v1/releases", draft("1.0.0", "succeeded"), http.StatusCreated)

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.metrics+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	// As Prometheus asks.
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := response.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/openmetrics-text; version=1.0.0") {
		t.Errorf("got %s", got)
	}
	if !bytes.HasSuffix(text, []byte("# EOF\n")) {
		t.Errorf("it does not end as OpenMetrics does: %s", text[max(0, len(text)-100):])
	}
	for _, series := range []string{
		`http_server_request_duration_seconds_bucket\{[^}]*http_route="/v1/releases"[^}]*\}`,
		`db_client_operation_duration_seconds_bucket\{[^}]*db_query_summary="BATCH INSERT releases INSERT release_transitions; SELECT releases"[^}]*\}`,
		`releases_recorded_total\{[^}]*\}`,
	} {
		if !regexp.MustCompile(`(?m)^` + series + ` \S+ # \{[^}]*trace_id="` + trace + `"`).Match(text) {
			t.Errorf("no exemplar of the request in %s", series)
		}
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// Whoever makes the traces, the autoscaler and the alerts read /metrics: without it, one would no longer scale down and
// the other would report that no pod is there.
func TestMetricsWithTheSDKDisabled(t *testing.T) {
	s := start(t, postgrestest.URL(t), "OTEL_SDK_DISABLED=true", "LEDGER_METRICS_INTERVAL=100ms")
	s.until("ready", s.ready)
	if status, body := s.ask(http.MethodPost, s.api+"/v1/releases", draft("1.0.0", "failed")); status != http.StatusCreated {
		t.Fatalf("got %d %s", status, body)
	}
	s.fillLedger()
	series := s.scrape()
	for _, expression := range append(expressionsOfAdapter(t), expressionsOfRules(t)...) {
		for _, fault := range expression.faults(series) {
			t.Error(fault)
		}
	}
	if code := s.end(); code != 0 {
		t.Errorf("exit %d", code)
	}
}

// fillLedger records what every metric of the ledger tells of, one that failed and one that waits among it, and returns when it is told.
func (s *service) fillLedger() {
	s.t.Helper()
	began := time.Now().Add(-10 * time.Hour)
	for i, r := range []struct{ environment, version, outcome string }{
		{"dev", "1", "succeeded"}, {"prod", "1", "succeeded"}, {"prod", "2", "failed"}, {"prod", "3", "succeeded"}, {"dev", "3", "succeeded"}, {"dev", "4", "succeeded"},
	} {
		at := began.Add(time.Duration(i) * time.Hour)
		body := fmt.Sprintf(`{"service": "till", "environment": %q, "version": %q, "revision": "0123456789abcdef0123456789abcdef0123456%s", "actor": "ann", "track": "stable",
			"outcome": %q, "committed_at": %q, "started_at": %q, "finished_at": %q}`, r.environment, r.version, r.version, r.outcome,
			at.Add(-time.Hour).UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339), at.Add(time.Minute).UTC().Format(time.RFC3339))
		if status, answer := s.ask(http.MethodPost, s.api+"/v1/releases", body); status != http.StatusCreated {
			s.t.Fatalf("got %d %s", status, answer)
		}
	}
	s.until("telling of the ledger", func() bool {
		_, text := s.ask(http.MethodGet, s.metrics+"/metrics", "")
		return strings.Contains(text, "\nrelease_behind_duration_seconds{") && strings.Contains(text, `dora_time_to_restore_seconds{quantile="0.5",release_service="till"}`)
	})
}

// traced sends a request of a trace that is sampled, and returns the id of the caller's span.
func traced(s *service, trace, method, path, body string, want int) string {
	s.t.Helper()
	const parent = "00f067aa0ba902b7"
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.api+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Traceparent", "00-"+trace+"-"+parent+"-01")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, err := io.ReadAll(response.Body); err != nil || response.StatusCode != want {
		s.t.Fatalf("%s %s: %v %d %s", method, path, err, response.StatusCode, text)
	}
	return parent
}
