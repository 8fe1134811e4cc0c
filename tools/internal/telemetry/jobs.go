package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func jobsScraped() *check.Check {
	return &check.Check{
		Name:  "telemetry/jobs-scraped",
		Title: "Alerts and dashboards ask for jobs that are scraped",
		Doc: "An expression that asks for a job that nobody scrapes is empty for ever: the alert is silent, the panel has no data. It is what is left " +
			"where a service got another name. A monitor in another repository may make any job, so this is said of the odd one out alone: the other " +
			"expressions of the same PrometheusRule or dashboard, three times as many at least, ask for one job, which a PodMonitor or ServiceMonitor of " +
			"the target makes, and this one for another, which none of them makes. So it is with the logs of a service in Loki (service_name) beside such " +
			"expressions, where nothing in the target is called that. Metrics of the cluster's own parts (container_, kube_, node_ and the like) may be of " +
			"other jobs, as may what sends its metrics itself (OTEL_SERVICE_NAME, service.name), what a configuration scrapes as a job_name, and what a recording " +
			"rule labels so. Nothing is said where a monitor or a configuration writes the label job by itself, where a monitor reaches into other " +
			"namespaces or keeps the labels of what it scrapes, or where the target configures scraping in another way.",
		Fix:      "Ask for the job that is scraped: the monitor's jobLabel says which label of the pod or the Service it is.",
		Severity: check.Warning, Scope: check.Overlay, Origin: "kgate", Convention: true,
		References: []string{
			"https://github.com/prometheus-operator/prometheus-operator/blob/v0.85.0/pkg/prometheus/promcfg.go",
			"https://prometheus.io/docs/concepts/jobs_instances/",
		},
		Bad: jobsBad, Good: jobsGood,
		Run: func(ctx context.Context, pass *check.Pass) error {
			p := promQL()
			for _, target := range pass.Targets {
				if hasVictoriaMetrics(target) {
					continue
				}
				scraped, certain := jobsOf(target)
				if !certain || len(scraped) == 0 {
					continue
				}
				named, certain := jobsNamed(target)
				if !certain {
					continue
				}
				judge := func(asked []askedJob) {
					judgeJobs(slices.DeleteFunc(asked, func(a askedJob) bool { return !a.logs && named[a.job] && !scraped[a.job] }), scraped)
				}
				for _, object := range target.Applied() {
					if err := ctx.Err(); err != nil {
						return err
					}
					at := place{pass: pass, target: target, object: object}
					if isPrometheusRule(object) {
						judge(jobsOfRules(p, at.at("spec", "groups")))
					}
					for _, dashboard := range dashboardsOf(at) {
						judge(jobsOfDashboard(p, dashboard))
					}
				}
			}
			return ctx.Err()
		},
	}
}

// jobsOf are the values of the label job that the monitors of a target give; certain where no other one can come of them.
func jobsOf(target *check.Target) (jobs map[string]bool, certain bool) {
	jobs = map[string]bool{}
	for _, o := range target.Applied() {
		if o.Group() != "monitoring.coreos.com" {
			continue
		}
		switch o.Kind {
		case "Probe", "ScrapeConfig":
			return nil, false
		case "Prometheus", "PrometheusAgent":
			if manifest.At(o.Value, "spec", "additionalScrapeConfigs") != nil {
				return nil, false
			}
		case "PodMonitor", "ServiceMonitor":
			made := jobsOfMonitor(target, o)
			if len(made) == 0 {
				return nil, false
			}
			for _, job := range made {
				jobs[job] = true
			}
		}
	}
	return jobs, true
}

// jobsOfMonitor are the jobs that a monitor can give; none where that is not known.
func jobsOfMonitor(target *check.Target, monitor *manifest.Object) (jobs []string) {
	if selector, ok := manifest.At(monitor.Value, "spec", "namespaceSelector").(map[string]any); ok && len(selector) > 0 {
		return nil
	}
	endpoints := manifest.ListAt(monitor.Value, "spec", "endpoints")
	if monitor.Kind == "PodMonitor" {
		endpoints = manifest.ListAt(monitor.Value, "spec", "podMetricsEndpoints")
	}
	for _, endpoint := range endpoints {
		if honours, _ := manifest.At(endpoint, "honorLabels").(bool); honours {
			return nil
		}
		for _, list := range []string{"relabelings", "metricRelabelings"} {
			for _, step := range manifest.ListAt(endpoint, list) {
				action := strings.ToLower(manifest.TextAt(step, "action"))
				if written := manifest.TextAt(step, "targetLabel"); written == "job" || strings.Contains(written, "$") || strings.HasPrefix(action, "label") {
					return nil
				}
			}
		}
	}
	label := manifest.TextAt(monitor.Value, "spec", "jobLabel")
	if label == "" && monitor.Kind == "PodMonitor" {
		return []string{monitor.Namespace + "/" + monitor.Name}
	}
	for _, o := range target.Applied() {
		if monitor.Kind == "ServiceMonitor" && o.Kind == "Service" && o.Group() == "" {
			jobs = append(jobs, o.Name) // also where it has no such label
		}
		for _, metadata := range [][]any{{"metadata"}, {"spec", "template", "metadata"}, {"spec", "jobTemplate", "spec", "template", "metadata"}} {
			if value := manifest.TextAt(o.Value, append(metadata, "labels", label)...); label != "" && value != "" {
				jobs = append(jobs, value)
			}
		}
	}
	return jobs
}

// Where jobs come from beside monitors, in an object or in a text that one holds.
var (
	jobNamed   = regexp.MustCompile(`(?:\bjob_name|\bservice\.name|"OTEL_SERVICE_NAME","value)\\?["']?\s*[:=]\s*\\?["']?([^\s"'\\,;}]+)`)
	jobWritten = regexp.MustCompile(`\btarget_label\\?["']?\s*:\s*\\?["']?job\b`)
)

// jobsNamed are the jobs of a target that no monitor makes: of scrape configurations, of what sends its metrics itself, and of
// recording rules; certain where there are no others.
func jobsNamed(target *check.Target) (jobs map[string]bool, certain bool) {
	jobs = map[string]bool{}
	for _, o := range target.Applied() {
		if isPrometheusRule(o) {
			for _, group := range manifest.ListAt(o.Value, "spec", "groups") {
				for _, rule := range manifest.ListAt(group, "rules") {
					jobs[manifest.TextAt(rule, "labels", "job")] = true
				}
			}
			continue
		}
		if jobWritten.Match(o.JSON) {
			return nil, false
		}
		for _, found := range jobNamed.FindAllSubmatch(o.JSON, -1) {
			jobs[string(found[1])] = true
		}
	}
	return jobs, true
}

// askedJob is a selector of an expression that asks for one job.
type askedJob struct {
	at         place
	title      string // of whom
	expression string
	job        string
	offset     int  // of the selector in the expression
	own        bool // the field is the expression, and not a text with it
	logs       bool // of a service, by the label that OpenTelemetry's logs have
}

// logStream is a selector of Loki's that names one service.
var logStream = regexp.MustCompile(`^\s*\{[^{}]*\bservice_name\s*=\s*"([^"\\$\[]+)"`)

func jobsOfRules(p parser.Parser, groups place) (asked []askedJob) {
	for i, group := range manifest.ListAt(groups.object.Value, groups.path...) {
		for j, value := range manifest.ListAt(group, "rules") {
			title := "alert " + manifest.TextAt(value, "alert")
			if record := manifest.TextAt(value, "record"); record != "" {
				title = "recording rule " + record
			}
			at := groups.at(i, "rules", j, "expr")
			if expression := manifest.TextAt(value, "expr"); !at.hidden() {
				asked = append(asked, jobsIn(p, askedJob{at: at, title: title, expression: expression, own: true})...)
			}
		}
	}
	return asked
}

func jobsOfDashboard(p parser.Parser, at place) (asked []askedJob) {
	text := manifest.TextAt(at.object.Value, at.path...)
	var dashboard map[string]any
	if at.hidden() || json.Unmarshal([]byte(text), &dashboard) != nil {
		return nil
	}
	panels, _ := dashboard["panels"].([]any)
	eachQuery(at.at("panels"), panels, typesOf(dashboard), func(at place, panel, source, expression string) {
		of := askedJob{at: at, title: fmt.Sprintf("panel %q", panel), expression: expression}
		switch source {
		case "prometheus":
			filled, certain := filledIn(expression)
			if of.expression = filled; certain && !isOther(expression) {
				asked = append(asked, jobsIn(p, of)...)
			}
		case "loki":
			if stream := logStream.FindStringSubmatch(expression); stream != nil {
				of.job, of.logs = stream[1], true
				asked = append(asked, of)
			}
		}
	})
	return asked
}

// ofCluster are metrics of what every cluster runs, whose jobs come with it.
var ofCluster = regexp.MustCompile(`^(?:ALERTS|aggregator|alertmanager|apiserver|cadvisor|cluster|code|container|coredns|etcd|grafana|istio_build|kube|kubelet|kubeproxy|` +
	`machine|namespace|node|pilot|prober|prometheus|scheduler|storage|volume|workqueue)(?:_|:|$)`)

// jobsIn are the selectors of an expression that ask for one job, each with what is known of the expression.
func jobsIn(p parser.Parser, of askedJob) (asked []askedJob) {
	parsed, err := p.ParseExpr(of.expression)
	if err != nil {
		return nil
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		var name string
		var jobs []string
		for _, m := range selector.LabelMatchers {
			switch {
			case m.Name == model.MetricNameLabel && m.Type == labels.MatchEqual:
				name = m.Value
			case m.Name == "job" && m.Type == labels.MatchEqual && !anyVariable.MatchString(m.Value):
				jobs = append(jobs, m.Value)
			}
		}
		if name != "" && !ofCluster.MatchString(name) && len(jobs) == 1 && jobs[0] != "" {
			of.job, of.offset = jobs[0], int(selector.PosRange.Start)
			asked = append(asked, of)
		}
		return nil
	})
	return asked
}

// fewest is how many times as many selectors ask for the one job as for the other.
const fewest = 3

// judgeJobs reports the one expression that asks for another job than all others of the same object, and the logs of a service that
// nothing in the target is called as.
func judgeJobs(asked []askedJob, scraped map[string]bool) {
	times := map[string]int{}
	for _, a := range asked {
		if !a.logs {
			times[a.job]++
		}
	}
	known := slices.DeleteFunc(slices.Collect(maps.Keys(times)), func(job string) bool { return !scraped[job] })
	if len(known) != 1 || len(times) > 2 {
		return
	}
	usual := known[0]
	var odd []askedJob
	for _, a := range asked {
		switch {
		case a.logs && a.job != usual && times[usual] >= fewest && !isCalled(a.at.target, a.job):
			a.at.report("%s asks for the logs of %q, and nothing in the target is called that; the %d others beside it ask for job %q",
				a.title, a.job, times[usual], usual)
		case !a.logs && a.job != usual:
			odd = append(odd, a)
		}
	}
	// The job of a PodMonitor without a jobLabel has a slash: that of another repository's is told by it.
	if len(odd) == 0 || times[usual] < fewest*len(odd) || strings.Contains(odd[0].job, "/") {
		return
	}
	for i, a := range odd {
		if i > 0 && a.at.path.String() == odd[i-1].at.path.String() {
			continue
		}
		message := fmt.Sprintf("%s asks for job %q, which no monitor of the target makes; the %d others beside it ask for %q", a.title, a.job, times[usual], usual)
		if f := faultAt(a.expression, a.offset, ""); a.own {
			a.at.pass.ReportLine(a.at.target, a.at.object, a.at.path, f.line, message)
		} else {
			a.at.report("%s", message)
		}
	}
}

// isCalled reports a name that an object of a target has, or a label of one or of its pods, or an environment variable.
func isCalled(target *check.Target, name string) bool {
	quoted := fmt.Sprintf("%q", name)
	return slices.ContainsFunc(target.Objects, func(o *manifest.Object) bool {
		if o.Name == name {
			return true
		}
		// A dashboard says the name in a text, in which it stands among others.
		return o.Kind != "ConfigMap" && strings.Contains(string(o.JSON), quoted)
	})
}
