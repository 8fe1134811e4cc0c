package telemetry

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

func adapterServes() *check.Check {
	return &check.Check{
		Name:  "telemetry/adapter-serves",
		Title: "An autoscaler's metrics are served by the adapter that is rendered with it",
		Doc: "An autoscaler that asks for a metric which no rule of prometheus-adapter makes gets none, says FailedGetPodsMetric in its conditions and scales nothing; " +
			"Argo CD calls its Application Degraded. Asked where the target renders the APIService of the metrics, and the adapter's configuration in " +
			"the namespace to which that leads. A rule serves what `name.as` makes of the series that it selects; of series that it does not name nobody here knows " +
			"more than what is fixed in `name.as`.",
		Fix:      "Ask for a metric that a rule serves, or add the rule to the adapter's configuration.",
		Severity: check.Error, Scope: check.Overlay, Origin: "kgate",
		References: []string{
			"https://github.com/kubernetes-sigs/prometheus-adapter/blob/v0.12.0/pkg/naming/metric_namer.go",
			"https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#support-for-metrics-apis",
		},
		Bad:  servesExample("{name: http_requests_total} # the name of the series"),
		Good: servesExample("{name: http_requests_per_second}"),
		Run: func(ctx context.Context, pass *check.Pass) error {
			for _, target := range pass.Targets {
				adapters := adaptersOf(target)
				for _, object := range target.Applied() {
					if len(adapters) > 0 && object.Group() == "autoscaling" && object.Kind == "HorizontalPodAutoscaler" {
						judgeMetrics(pass, target, object, adapters)
					}
				}
			}
			return ctx.Err()
		},
	}
}

// serving is what serves the metrics of one API, as far as the target says.
type serving struct {
	object *manifest.Object // the configuration
	path   manifest.Path    // of its text
	rules  []any
}

// adaptersOf are the adapters behind the APIServices of a target, by their group. One whose configuration is not known, or that
// is not alone, is left out: it may serve anything.
func adaptersOf(target *check.Target) map[string]serving {
	lists := map[string]string{"custom.metrics.k8s.io": "rules", "external.metrics.k8s.io": "externalRules"}
	type server struct{ group, namespace, service string }
	var servers []server
	for _, object := range target.Applied() {
		text := func(steps ...any) string { return manifest.TextAt(object.Value, steps...) }
		if group := text("spec", "group"); object.Group() == "apiregistration.k8s.io" && object.Kind == "APIService" && lists[group] != "" {
			servers = append(servers, server{group, text("spec", "service", "namespace"), text("spec", "service", "name")})
		}
	}
	found := map[string]serving{}
	for _, s := range servers {
		// Of two servers in a namespace, the configuration is one's.
		if slices.ContainsFunc(servers, func(other server) bool { return other.namespace == s.namespace && other.service != s.service }) {
			continue
		}
		if configured, config, only := configuredIn(target, s.namespace); only {
			configured.rules = manifest.ListAt(config, lists[s.group])
			found[s.group] = configured
		}
	}
	return found
}

// configuredIn is the one configuration of an adapter in a namespace.
func configuredIn(target *check.Target, namespace string) (found serving, config map[string]any, only bool) {
	for _, object := range target.Applied() {
		if object.APIVersion != "v1" || object.Kind != "ConfigMap" || object.Namespace != namespace {
			continue
		}
		data, _ := object.Value["data"].(map[string]any)
		for key, value := range data {
			text, _ := value.(string)
			if !strings.Contains(text, "seriesQuery") {
				continue
			}
			path := manifest.Path{"data", key}
			var one map[string]any
			if found.object != nil || object.Hides(path) || yaml.Unmarshal([]byte(text), &one) != nil || !isAdapters(one) {
				return serving{}, nil, false
			}
			found, config = serving{object: object, path: path}, one
		}
	}
	return found, config, found.object != nil
}

// judgeMetrics reports metrics that no rule of the adapter behind their API serves.
func judgeMetrics(pass *check.Pass, target *check.Target, object *manifest.Object, adapters map[string]serving) {
	for i, metric := range manifest.ListAt(object.Value, "spec", "metrics") {
		for field, group := range map[string]string{"pods": "custom.metrics.k8s.io", "object": "custom.metrics.k8s.io", "external": "external.metrics.k8s.io"} {
			behind, known := adapters[group]
			name := manifest.TextAt(metric, field, "metric", "name")
			path := manifest.Path{"spec", "metrics", i, field, "metric", "name"}
			if !known || name == "" || object.Hides(path) {
				continue
			}
			names, served := behind.serves(name)
			if served {
				continue
			}
			what := "they serve none by its name"
			if len(names) > 0 {
				what = "they serve " + strings.Join(names, ", ")
			}
			pass.Report(target, object, path, fmt.Sprintf("%s %q takes %s, which no rule of the adapter in ConfigMap %q serves: %s%s",
				object.Kind, object.Name, name, behind.object.Name, what, spelling.Meant(name, names)),
				check.Field{Target: target, Object: behind.object, Path: behind.path})
		}
	}
}

// serves reports whether a rule may serve a metric, and names those that are known to be served.
func (a serving) serves(metric string) (names []string, served bool) {
	for _, rule := range a.rules {
		name, open := servedBy(rule)
		if open != nil && open.MatchString(metric) || name == metric {
			return nil, true
		}
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, false
}

var (
	submatch = regexp.MustCompile(`\$(\w+|\{\w+\})`)
	anything = regexp.MustCompile("")
)

// servedBy is the metric that a rule makes of the one series that it selects; of others, and of what cannot be read, an
// expression that every metric of the rule fits. A rule that serves nothing has neither.
func servedBy(rule any) (name string, open *regexp.Regexp) {
	matchers, err := promQL().ParseMetricSelector(manifest.TextAt(rule, "seriesQuery"))
	if err != nil {
		return "", anything
	}
	series := ""
	for _, m := range matchers {
		if m.Name == "__name__" && m.Type == labels.MatchEqual {
			series = m.Value
		}
	}
	matches, as := manifest.TextAt(rule, "name", "matches"), manifest.TextAt(rule, "name", "as")
	if matches == "" {
		matches = ".*"
	}
	compiled, err := regexp.Compile(matches)
	if err != nil {
		return "", anything
	}
	if as == "" {
		as = fmt.Sprintf("$%d", min(compiled.NumSubexp(), 1))
	}
	if series != "" {
		found := compiled.FindStringSubmatchIndex(series)
		if found == nil {
			return "", nil
		}
		return string(compiled.ExpandString(nil, as, series, found)), nil
	}
	var fixed strings.Builder
	last := 0
	for _, at := range submatch.FindAllStringIndex(as, -1) {
		fixed.WriteString(regexp.QuoteMeta(as[last:at[0]]) + ".*")
		last = at[1]
	}
	fixed.WriteString(regexp.QuoteMeta(as[last:]))
	return "", regexp.MustCompile("^" + fixed.String() + "$")
}
