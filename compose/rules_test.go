package compose

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

var update = flag.Bool("update", false, "write prometheus/rules.yaml anew")

const rulesHead = "# Made from what overlays/dev renders for go-otlp-app by `go test ./compose -update`, but for what the stack has no metrics of.\n"

// elsewhere are the metrics of exporters that the stack does not have: sidecars, kubelets and kube-state-metrics.
var elsewhere = regexp.MustCompile(`\b(istio_|track:istio_|container_|kube_)`)

// alerts returns the rules that a cluster has for the service, as a rule file, without those that read what the stack does not have.
func alerts(t *testing.T) []byte {
	t.Helper()
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(root, "overlays/dev/go-otlp-app"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []map[string]any `yaml:"groups"`
	}
	for _, object := range objects.Resources() {
		if object.GetKind() != "PrometheusRule" {
			continue
		}
		var of struct {
			Spec struct{ Groups []map[string]any }
		}
		if err := yaml.Unmarshal([]byte(object.MustYaml()), &of); err != nil {
			t.Fatal(err)
		}
		for _, group := range of.Spec.Groups {
			all, _ := group["rules"].([]any)
			group["rules"] = slices.DeleteFunc(all, func(rule any) bool {
				of, _ := rule.(map[string]any)
				expr, _ := of["expr"].(string)
				return elsewhere.MatchString(expr)
			})
			if len(group["rules"].([]any)) > 0 {
				file.Groups = append(file.Groups, group)
			}
		}
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(file); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

func faultsOfRules(content []byte) []error {
	_, faults := rulefmt.Parse(content, false, model.UTF8Validation, parser.NewParser(parser.Options{}), promslog.NewNopLogger())
	return faults
}

func TestRules(t *testing.T) {
	rules := alerts(t)
	for _, fault := range faultsOfRules(rules) {
		t.Error(fault)
	}
	for _, c := range []struct{ from, to, want string }{
		{"absent(up", "absent((up", "could not parse expression"},
		{"expr:", "exp:", "field exp not found"},
		{"for: 5m", "for: 5 minutes", "in duration"},
		{"{{ $labels.pod }}", "{{ $labels.pod }", "unexpected"},
		{"severity: critical", "sevérité-\xff: critical", "invalid"},
	} {
		changed := bytes.Replace(rules, []byte(c.from), []byte(c.to), 1)
		if bytes.Equal(changed, rules) {
			t.Fatalf("the rules have no %q: does this case still break something?", c.from)
		}
		var all strings.Builder
		for _, fault := range faultsOfRules(changed) {
			all.WriteString(fault.Error() + "\n")
		}
		if !strings.Contains(all.String(), c.want) {
			t.Errorf("%q for %q: got %q", c.to, c.from, all.String())
		}
	}
}

// The stack alerts by the cluster's rules.
func TestRulesOfTheStack(t *testing.T) {
	want := rulesHead + string(alerts(t))
	if *update {
		if err := os.WriteFile("prometheus/rules.yaml", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, "compose/prometheus/rules.yaml"); got != want {
		t.Error("prometheus/rules.yaml is not what overlays/dev renders: run go test ./compose -update")
	}
}

func TestPrometheusConfiguration(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		missing(t, "promtool is not installed: it comes with Debian's package prometheus")
	}
	check := func(file string) (string, error) {
		out, err := exec.CommandContext(t.Context(), promtool, "check", "config", file).CombinedOutput()
		return string(out), err
	}
	if out, err := check("prometheus/prometheus.yaml"); err != nil || !strings.Contains(out, "rules found") {
		t.Errorf("%v: %s", err, out)
	}
	changed := strings.Replace(read(t, "compose/prometheus/prometheus.yaml"), "job_name: prometheus", "job_name: go-otlp-app", 1)
	file := filepath.Join(t.TempDir(), "prometheus.yaml")
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := check(file); err == nil || !strings.Contains(out, "go-otlp-app") {
		t.Errorf("two jobs of one name: %v: %s", err, out)
	}
}

// A pod that nobody asks anything must read as zero: where it read as nothing, the autoscaler had no metric of an idle service
// (FailedGetPodsMetric), and Argo CD called its Application degraded.
func TestMetricOfIdlePods(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		missing(t, "promtool is not installed: it comes with Debian's package prometheus")
	}
	var config struct {
		Rules []struct {
			MetricsQuery string `yaml:"metricsQuery"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "base/platform/metrics-adapter/config/config.yaml")), &config); err != nil || len(config.Rules) != 1 {
		t.Fatalf("%v: %d rules of the adapter, want one", err, len(config.Rules))
	}
	const series = "http_server_request_duration_seconds_count"
	query := strings.NewReplacer("<<.Series>>", series, "<<.LabelMatchers>>", `namespace="go-otlp-app",pod=~"app-1|app-2"`, "<<.GroupBy>>", "pod").Replace(config.Rules[0].MetricsQuery)
	sample := func(pod, route, values string) map[string]any {
		return map[string]any{"series": fmt.Sprintf("%s{namespace=%q,pod=%q,job=%q,component=%q,http_route=%q}", series, "go-otlp-app", pod, "go-otlp-app", "service", route), "values": values}
	}
	unit, err := yaml.Marshal(map[string]any{
		"rule_files": []string{},
		"tests": []any{map[string]any{
			"interval": "15s",
			"input_series": []any{
				sample("app-1", "/v1/releases", "0+30x20"), sample("app-1", "/readyz", "0+15x20"),
				sample("app-2", "/readyz", "0+15x20"), sample("app-2", "/healthz", "0+15x20"),
			},
			"promql_expr_test": []any{map[string]any{
				"expr": query, "eval_time": "5m",
				"exp_samples": []any{map[string]any{"labels": `{pod="app-1"}`, "value": 2}, map[string]any{"labels": `{pod="app-2"}`, "value": 0}},
			}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "idle.yaml")
	if err := os.WriteFile(file, unit, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// Alerts fire where they are to, with texts that can be filled in, and not where they are not to.
func TestAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		missing(t, "promtool is not installed: it comes with Debian's package prometheus")
	}
	run := func(t *testing.T, file string) (string, error) {
		out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", file).CombinedOutput()
		return string(out), err
	}
	if out, err := run(t, "prometheus/alerts_test.yaml"); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	var tests struct {
		Tests []struct {
			Alerts []struct {
				Name string `yaml:"alertname"`
				Want []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose/prometheus/alerts_test.yaml")), &tests); err != nil {
		t.Fatal(err)
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, alert := range test.Alerts {
			fires[alert.Name] = fires[alert.Name] || len(alert.Want) > 0
			silent[alert.Name] = silent[alert.Name] || len(alert.Want) == 0
		}
	}
	var rules struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	if err := yaml.Unmarshal(alerts(t), &rules); err != nil || len(rules.Groups) == 0 {
		t.Fatalf("%v: %d groups", err, len(rules.Groups))
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if !fires[rule.Alert] || !silent[rule.Alert] {
				t.Errorf("%s: tested that it fires: %v; that it does not: %v", rule.Alert, fires[rule.Alert], silent[rule.Alert])
			}
		}
	}
}

// missing says what the machine lacks: a reason to skip for a person, and a fault in CI.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}
