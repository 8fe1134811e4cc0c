package overlays

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/resmap"
)

// services are those that have a folder in base/services, by the object that says what each is called.
func services(t *testing.T) (all []service) {
	t.Helper()
	files, err := filepath.Glob("../base/services/*/service.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no services: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s service
		if err := yaml.Unmarshal(data, &s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return all
}

type service struct {
	Metadata struct{ Name, Namespace string }
	Spec     struct{ Severity string }
}

// rules are a rule file of Prometheus.
type rules struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []rule `yaml:"rules"`
	} `yaml:"groups"`
}

type rule struct {
	Alert       string            `yaml:"alert,omitempty"`
	Record      string            `yaml:"record,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

// rulesOf are the rules that an overlay renders for a service, all but those that are its own alone.
func rulesOf(t *testing.T, objects resmap.ResMap, s service) rules {
	t.Helper()
	var all rules
	for _, object := range objects.Resources() {
		if object.GetKind() != "PrometheusRule" || object.GetName() == s.Metadata.Name+"-own" {
			continue
		}
		if object.GetNamespace() != s.Metadata.Namespace {
			t.Errorf("%s is in namespace %s", object.GetName(), object.GetNamespace())
		}
		var of struct{ Spec rules }
		if err := yaml.Unmarshal([]byte(object.MustYaml()), &of); err != nil {
			t.Fatal(err)
		}
		all.Groups = append(all.Groups, of.Spec.Groups...)
	}
	return all
}

// labels are written as PromQL does, in any order.
type labels map[string]string

func (l labels) with(more ...string) labels {
	out := labels{}
	for name, value := range l {
		out[name] = value
	}
	for i := 0; i+1 < len(more); i += 2 {
		out[more[i]] = more[i+1]
	}
	return out
}

func (l labels) String() string {
	var all []string
	for name, value := range l {
		all = append(all, fmt.Sprintf("%s=%q", name, value))
	}
	slices.Sort(all)
	return "{" + strings.Join(all, ", ") + "}"
}

// situation is what Prometheus has seen for twenty minutes, and the alerts that fire then.
type situation struct {
	name   string
	series map[string]string // values by series, in the notation of promtool
	fires  []labels
	canary bool // only where there is one
}

// pod are series of a pod that is scraped and whose sidecar has counted requests, of which some failed and some were slow.
func pod(s service, track string, failed, slow int) map[string]string {
	at := labels{"namespace": s.Metadata.Namespace, "pod": s.Metadata.Name + "-" + track, "job": s.Metadata.Name, "track": track}
	counted := at.with("component", "proxy", "reporter", "destination", "connection_security_policy", "mutual_tls")
	series := map[string]string{
		"up" + at.with("component", "service").String(): "1x80",
		"up" + at.with("component", "proxy").String():   "1x80",
		// Prometheus' own, to which nobody answers: they are no requests.
		"istio_requests_total" + counted.with("connection_security_policy", "none", "response_code", "503").String():           "0+50x80",
		"istio_request_duration_milliseconds_bucket" + counted.with("connection_security_policy", "none", "le", "10").String(): "0x80",
		"istio_requests_total" + counted.with("response_code", "200").String():                                                 fmt.Sprintf("0+%dx80", 1000-failed),
		"istio_request_duration_milliseconds_bucket" + counted.with("le", "10").String():                                       fmt.Sprintf("0+%dx80", 1000-slow),
		"istio_request_duration_milliseconds_bucket" + counted.with("le", "500").String():                                      fmt.Sprintf("0+%dx80", 1000-slow),
		"istio_request_duration_milliseconds_bucket" + counted.with("le", "1000").String():                                     "0+1000x80",
		"istio_request_duration_milliseconds_bucket" + counted.with("le", "+Inf").String():                                     "0+1000x80",
	}
	if failed > 0 {
		series["istio_requests_total"+counted.with("response_code", "503").String()] = fmt.Sprintf("0+%dx80", failed)
	}
	return series
}

func together(all ...map[string]string) map[string]string {
	out := map[string]string{}
	for _, some := range all {
		for series, values := range some {
			out[series] = values
		}
	}
	return out
}

func situations(s service) []situation {
	job := labels{"job": s.Metadata.Name, "namespace": s.Metadata.Namespace}
	firing := func(alert, severity string, of labels, more ...string) labels {
		return of.with("alertname", alert, "alertstate", "firing", "severity", severity).with(more...)
	}
	other := service{}
	other.Metadata.Name, other.Metadata.Namespace = "another", s.Metadata.Namespace
	container := labels{"namespace": s.Metadata.Namespace, "pod": s.Metadata.Name + "-stable", "container": "app"}
	sidecar := container.with("container", "istio-proxy")
	limit := func(of labels) string {
		return "kube_pod_container_resource_limits" + of.with("resource", "memory", "unit", "byte").String()
	}
	periods := func(of labels, throttled int) map[string]string {
		return map[string]string{
			"container_cpu_cfs_periods_total" + of.String():           "0+150x80",
			"container_cpu_cfs_throttled_periods_total" + of.String(): fmt.Sprintf("0+%dx80", throttled),
		}
	}
	return []situation{
		{name: "all is well", series: together(pod(s, "stable", 9, 9), map[string]string{
			"container_memory_working_set_bytes" + container.String(): "89x80", limit(container): "100x80",
		}, periods(container, 30))},
		{name: "another service is not well", series: together(pod(s, "stable", 0, 0), pod(other, "stable", 500, 500))},
		{name: "nothing is scraped", fires: []labels{firing("ServiceAbsent", s.Spec.Severity, labels{"job": s.Metadata.Name, "component": "service", "track": "stable"})}},
		{name: "no pod answers", series: map[string]string{"up" + job.with("pod", "a", "component", "service", "track", "stable").String(): "0x80", "up" + job.with("pod", "a", "component", "proxy", "track", "stable").String(): "1x80"},
			fires: []labels{firing("ServiceAbsent", s.Spec.Severity, labels{"job": s.Metadata.Name})}},
		{name: "requests fail", series: pod(s, "stable", 11, 0), fires: []labels{firing("ServiceErrors", s.Spec.Severity, job, "track", "stable")}},
		{name: "every request fails", series: pod(s, "stable", 1000, 0), fires: []labels{firing("ServiceErrors", s.Spec.Severity, job, "track", "stable")}},
		{name: "requests are slow", series: pod(s, "stable", 0, 11), fires: []labels{firing("ServiceSlow", "warning", job, "track", "stable")}},
		{name: "memory is short", series: together(pod(s, "stable", 0, 0), map[string]string{
			"container_memory_working_set_bytes" + container.String(): "91x80", limit(container): "100x80",
			"container_memory_working_set_bytes" + sidecar.String(): "99x80", limit(sidecar): "100x80",
		}), fires: []labels{firing("ServiceMemory", "warning", job, "pod", container["pod"], "track", "stable")}},
		{name: "CPU is short", series: together(pod(s, "stable", 0, 0), periods(container, 45), periods(sidecar, 149)),
			fires: []labels{firing("ServiceThrottled", "warning", job, "pod", container["pod"], "track", "stable")}},
		{name: "the canary is no worse", canary: true, series: together(pod(s, "stable", 5, 5), pod(s, "canary", 9, 9))},
		{name: "the canary fails", canary: true, series: together(pod(s, "stable", 0, 0), pod(s, "canary", 20, 0)),
			fires: []labels{firing("CanaryErrors", "warning", job), firing("ServiceErrors", s.Spec.Severity, job, "track", "canary")}},
		{name: "both fail", canary: true, series: together(pod(s, "stable", 20, 0), pod(s, "canary", 20, 0)),
			fires: []labels{firing("ServiceErrors", s.Spec.Severity, job, "track", "canary"), firing("ServiceErrors", s.Spec.Severity, job, "track", "stable")}},
		{name: "the canary is slow", canary: true, series: together(pod(s, "stable", 0, 0), pod(s, "canary", 0, 500)),
			fires: []labels{firing("CanarySlow", "warning", job), firing("ServiceSlow", "warning", job, "track", "canary")}},
	}
}

// Every service has the alerts of the components that it takes, and each fires when it should and not otherwise.
func TestAlerts(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("promtool is not installed: it comes with Debian's package prometheus")
		}
		t.Skip("promtool is not installed: it comes with Debian's package prometheus")
	}
	r := manifests(t)
	canaries := 0
	for _, s := range services(t) {
		of := rulesOf(t, r.build(t, "overlays/prod/"+s.Metadata.Name), s)
		alerts := map[string]rule{}
		for _, group := range of.Groups {
			for _, one := range group.Rules {
				alerts[one.Alert] = one
			}
		}
		_, canary := alerts["CanaryErrors"]
		if canary {
			canaries++
		}
		fired := map[string]bool{}
		var tests []any
		for _, now := range situations(s) {
			if now.canary && !canary {
				continue
			}
			input, firing := []any{}, []any{}
			for series, values := range now.series {
				input = append(input, map[string]any{"series": series, "values": values})
			}
			for _, alert := range now.fires {
				firing = append(firing, map[string]any{"labels": "ALERTS" + alert.String(), "value": 1})
				fired[alert["alertname"]] = true
				for _, text := range alerts[alert["alertname"]].Annotations {
					for _, label := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
						if alert[label[1]] == "" {
							t.Errorf("%s, %s: %q reads a label that the alert does not have", s.Metadata.Name, now.name, text)
						}
					}
				}
			}
			tests = append(tests, map[string]any{"name": now.name, "interval": "15s", "input_series": input, "promql_expr_test": []any{
				map[string]any{"expr": `ALERTS{alertstate="firing"}`, "eval_time": "20m", "exp_samples": firing},
			}})
		}
		for name := range alerts {
			if name != "" && !fired[name] {
				t.Errorf("%s: nothing tries alert %s", s.Metadata.Name, name)
			}
		}
		dir := t.TempDir()
		for name, content := range map[string]any{"rules.yaml": of, "test.yaml": map[string]any{"rule_files": []string{"rules.yaml"}, "evaluation_interval": "15s", "tests": tests}} {
			data, err := yaml.Marshal(content)
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		command := exec.CommandContext(t.Context(), promtool, "test", "rules", "test.yaml")
		command.Dir = dir
		if out, err := command.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", s.Metadata.Name, err, out)
		}
	}
	if canaries == 0 {
		t.Error("no service has a canary: does this test still try its alerts?")
	}
}

// target are labels of every series that a PodMonitor of a service brings.
const target = " namespace pod job component track version"

// exported are the labels of series that every service has.
func exported() map[string]string {
	const (
		// https://istio.io/latest/docs/reference/config/metrics/
		istio = " reporter connection_security_policy response_code response_flags request_protocol source_canonical_service source_workload source_workload_namespace destination_canonical_service" + target
		// The kubelet's, /metrics/cadvisor.
		cadvisor = " namespace pod container"
	)
	return map[string]string{
		"up":                   target,
		"istio_requests_total": istio,
		"istio_request_duration_milliseconds_bucket": istio + " le",
		"container_cpu_usage_seconds_total":          cadvisor,
		"container_cpu_cfs_periods_total":            cadvisor,
		"container_cpu_cfs_throttled_periods_total":  cadvisor,
		"container_memory_working_set_bytes":         cadvisor,
		// https://github.com/kubernetes/kube-state-metrics/tree/main/docs/metrics
		"kube_pod_container_resource_limits":                   " namespace pod container resource unit",
		"kube_pod_container_status_restarts_total":             " namespace pod container",
		"kube_horizontalpodautoscaler_spec_max_replicas":       " namespace horizontalpodautoscaler",
		"kube_horizontalpodautoscaler_spec_min_replicas":       " namespace horizontalpodautoscaler",
		"kube_horizontalpodautoscaler_status_desired_replicas": " namespace horizontalpodautoscaler",
		"kube_horizontalpodautoscaler_status_current_replicas": " namespace horizontalpodautoscaler",
		"track:istio_requests_errors:ratio_rate5m":             " namespace job track",
		"track:istio_request_duration_milliseconds:p99_rate5m": " namespace job track",
	}
}

// unknown lists what an expression reads and no series has.
func unknown(expression string) (faults []string) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	if err != nil {
		return []string{err.Error()}
	}
	known := exported()
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		names, ok := known[selector.Name]
		if !ok {
			faults = append(faults, "no service has a metric "+selector.Name)
			return nil
		}
		for _, matcher := range selector.LabelMatchers {
			if matcher.Name != "__name__" && !slices.Contains(strings.Fields(names), matcher.Name) {
				faults = append(faults, selector.Name+" has no label "+matcher.Name)
			}
		}
		return nil
	})
	return faults
}

// Alerts and dashboard of every service read what every service has, of exporters that a cluster must have.
func TestMetricsOfEveryService(t *testing.T) {
	r := manifests(t)
	for _, s := range services(t) {
		for _, group := range rulesOf(t, r.build(t, "overlays/prod/"+s.Metadata.Name), s).Groups {
			for _, one := range group.Rules {
				for _, fault := range unknown(one.Expr) {
					t.Errorf("%s, %s%s: %s", s.Metadata.Name, one.Alert, one.Record, fault)
				}
				if selected := regexp.MustCompile(`job="([^"]*)"`).FindAllStringSubmatch(one.Expr, -1); len(selected) == 0 {
					t.Errorf("%s, %s%s: it is about no service", s.Metadata.Name, one.Alert, one.Record)
				} else {
					for _, job := range selected {
						if job[1] != s.Metadata.Name {
							t.Errorf("%s, %s%s: it is about %s", s.Metadata.Name, one.Alert, one.Record, job[1])
						}
					}
				}
			}
		}
	}
	data, err := os.ReadFile("../base/platform/dashboards/service.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct {
				DataSource struct{ Type string }
				Expr       string
			}
		}
	}
	if err := json.Unmarshal(data, &dashboard); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			if target.DataSource.Type != "prometheus" {
				continue
			}
			asked++
			expression := strings.ReplaceAll(target.Expr, "$__rate_interval", "1m")
			for _, fault := range unknown(expression) {
				t.Errorf("panel %s: %s", panel.Title, fault)
			}
			if !strings.Contains(expression, "$service") {
				t.Errorf("panel %s is about no service: %s", panel.Title, expression)
			}
		}
	}
	if asked == 0 {
		t.Error("the dashboard asks nothing")
	}
	for expression, want := range map[string]string{
		`rate(http_requests_total{job="a"}[5m])`: "no service has a metric",
		`up{job="a", route="b"}`:                 "no label route",
		`up{job="a"`:                             "parse error",
	} {
		if got := strings.Join(unknown(expression), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q", expression, got, want)
		}
	}
}
