package telemetry

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/template"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"sigs.k8s.io/yaml"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
	"github.com/kgate-dev/gitops/tools/internal/spelling"
)

func adapterConfiguration() *check.Check {
	return &check.Check{
		Name:  "telemetry/adapter-rules",
		Title: "The rules of Prometheus' adapter can serve their metrics",
		Doc: "prometheus-adapter reads its configuration strictly: an unknown key, a regular expression that does not compile or a template that does " +
			"not parse ends it, and with it every autoscaler of the cluster that asks for a metric of one's own. A query that is no PromQL, and a series " +
			"whose name its own `name.matches` does not fit, it notices when it is asked: the metric is served to nobody. A configuration is known by " +
			"rules with a `seriesQuery` in a ConfigMap.",
		Fix:      "Correct the rule: `seriesQuery` selects series, `name.matches` fits their names, `metricsQuery` is PromQL with << >> around what is filled in.",
		Severity: check.Error, Scope: check.Overlay, Origin: "kgate",
		References: []string{
			"https://github.com/kubernetes-sigs/prometheus-adapter/blob/v0.12.0/docs/config.md",
			"https://github.com/kubernetes-sigs/prometheus-adapter/blob/v0.12.0/pkg/naming/metric_namer.go",
		},
		Bad: adapterBad, Good: adapterGood,
		Run: func(ctx context.Context, pass *check.Pass) error {
			p := promQL()
			for _, target := range pass.Targets {
				for _, object := range target.Applied() {
					if object.APIVersion != "v1" || object.Kind != "ConfigMap" {
						continue
					}
					data, _ := object.Value["data"].(map[string]any)
					for _, key := range slices.Sorted(maps.Keys(data)) {
						at := place{pass, target, object, manifest.Path{"data", key}}
						text, _ := data[key].(string)
						if !strings.Contains(text, "seriesQuery") || !strings.Contains(text, "ules:") || at.hidden() {
							continue
						}
						var config map[string]any
						if yaml.Unmarshal([]byte(text), &config) == nil && isAdapters(config) {
							judgeAdapter(p, at, config)
						}
					}
				}
			}
			return ctx.Err()
		},
	}
}

func isAdapters(config map[string]any) bool {
	return slices.ContainsFunc(append(manifest.ListAt(config, "rules"), manifest.ListAt(config, "externalRules")...), func(rule any) bool {
		return manifest.At(rule, "seriesQuery") != nil
	})
}

// shape is the keys of a mapping of the adapter's configuration, with what is below them; "*" is any key, nil any value.
type shape map[string]shape

// adapterShape is pkg/config/config.go of prometheus-adapter 0.12.0.
func adapterShape() shape {
	resources := shape{"template": nil, "namespaced": nil, "overrides": {"*": {"group": nil, "resource": nil}}}
	rule := shape{"seriesQuery": nil, "seriesFilters": {"is": nil, "isNot": nil}, "resources": resources, "name": {"matches": nil, "as": nil}, "metricsQuery": nil}
	usage := shape{"containerQuery": nil, "nodeQuery": nil, "resources": resources, "containerLabel": nil}
	return shape{"rules": rule, "externalRules": rule, "resourceRules": {"cpu": usage, "memory": usage, "window": nil}}
}

// judgeKeys reports keys that nothing reads. A list is judged as its items are.
func judgeKeys(at place, value any, known shape) {
	if known == nil {
		return
	}
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			judgeKeys(at.at(i), item, known)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			below, ok := known[key]
			if !ok {
				below, ok = known["*"]
			}
			if !ok {
				at.at(key).report("%s has no key %q: the adapter refuses its configuration%s", at.path, key,
					spelling.Meant(key, slices.Collect(maps.Keys(known))))
				continue
			}
			judgeKeys(at.at(key), v[key], below)
		}
	}
}

func judgeAdapter(p parser.Parser, at place, config map[string]any) {
	judgeKeys(at, config, adapterShape())
	for _, list := range []string{"rules", "externalRules"} {
		for i, rule := range manifest.ListAt(config, list) {
			judgeSeries(p, at.at(list, i), rule)
			judgeQuery(p, at.at(list, i, "metricsQuery"), manifest.TextAt(rule, "metricsQuery"))
		}
	}
	for _, resource := range []string{"cpu", "memory"} {
		for _, query := range []string{"containerQuery", "nodeQuery"} {
			judgeQuery(p, at.at("resourceRules", resource, query), manifest.TextAt(config, "resourceRules", resource, query))
		}
	}
}

// judgeSeries holds what a rule selects to what its own filters and its name let through.
func judgeSeries(p parser.Parser, at place, rule any) {
	query := manifest.TextAt(rule, "seriesQuery")
	matchers, err := p.ParseMetricSelector(query)
	if f, wrong := promQLFault(query, err); wrong {
		at.at("seriesQuery").report("seriesQuery %q selects no series: %s", query, f.what)
	}
	name := ""
	for _, m := range matchers {
		if m.Name == "__name__" && m.Type == labels.MatchEqual && err == nil {
			name = m.Value
		}
	}
	for i, filter := range manifest.ListAt(rule, "seriesFilters") {
		is, not := manifest.TextAt(filter, "is"), manifest.TextAt(filter, "isNot")
		field, expression := "is", is
		if is == "" {
			field, expression = "isNot", not
		}
		if (is == "") == (not == "") {
			at.at("seriesFilters", i).report("a filter of series has one of is and isNot, and this one has not: the adapter refuses its configuration")
			continue
		}
		compiled, err := regexp.Compile(expression)
		switch {
		case err != nil:
			at.at("seriesFilters", i, field).report("%s %q of a filter of series is no regular expression: %v", field, expression, err)
		case name != "" && compiled.MatchString(name) != (field == "is"):
			at.at("seriesFilters", i, field).report("%s %q leaves out %s, which seriesQuery selects alone: the rule serves nothing", field, expression, name)
		}
	}
	matches := manifest.TextAt(rule, "name", "matches")
	if matches == "" {
		return
	}
	compiled, err := regexp.Compile(matches)
	switch {
	case err != nil:
		at.at("name", "matches").report("name.matches %q is no regular expression: %v", matches, err)
	case name != "" && !compiled.MatchString(name):
		at.pass.Report(at.target, at.object, at.at("seriesQuery").path,
			fmt.Sprintf("seriesQuery selects %s, which name.matches %q does not fit: the rule serves nothing", name, matches),
			check.Field{Target: at.target, Object: at.object, Path: at.at("name", "matches").path})
	case manifest.TextAt(rule, "name", "as") == "" && compiled.NumSubexp() > 1:
		at.at("name", "matches").report("name.matches %q has %d groups, and name.as does not say which is the name: the adapter refuses its configuration", matches, compiled.NumSubexp())
	}
}

// filling is what the adapter fills into a query.
type filling struct {
	Series            string
	LabelMatchers     string
	LabelValuesByName map[string]string
	GroupBy           string
	GroupBySlice      []string
}

func judgeQuery(p parser.Parser, at place, query string) {
	if query == "" {
		return
	}
	field := at.path[len(at.path)-1]
	parsed, err := template.New("").Delims("<<", ">>").Parse(query)
	if err != nil {
		at.report("%s does not parse as a template: %s", field, strings.TrimPrefix(err.Error(), "template: "))
		return
	}
	var filled bytes.Buffer
	err = parsed.Execute(&filled, filling{
		Series: "series", LabelMatchers: `namespace="n",pod=~"a|b"`, LabelValuesByName: map[string]string{"namespace": "n", "pod": "a|b"},
		GroupBy: "pod", GroupBySlice: []string{"pod"},
	})
	if err != nil {
		if strings.Contains(err.Error(), "can't evaluate field") {
			at.report("%s cannot be filled in: %s", field, strings.TrimPrefix(err.Error(), "template: "))
		}
		return // what else fails may depend on the labels that are asked for
	}
	if f, wrong := unparsed(p, filled.String()); wrong && !isOther(filled.String()) {
		at.report("%s is no PromQL once it is filled in: %s", field, f.what)
	}
}
