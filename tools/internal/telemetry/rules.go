package telemetry

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

func rules() *check.Check {
	return &check.Check{
		Name:  "telemetry/rules-parse",
		Title: "The rules of a PrometheusRule parse",
		Doc: "The API server takes any text for an expression. Prometheus Operator parses the rules of a PrometheusRule, and one that does not parse " +
			"costs all of them: its webhook refuses the object, or without the webhook it is left out, and every alert in it is gone. Judged by " +
			"Prometheus' own parsers of expressions, templates and rules. Nothing is said of LogQL, which Loki's rulers take from the same kind, nor " +
			"where the target has objects of VictoriaMetrics, whose language knows more.",
		Fix:      "Correct the expression or the template.",
		Severity: check.Error, Scope: check.Overlay, Origin: "kgate",
		References: []string{
			"https://github.com/prometheus-operator/prometheus-operator/blob/v0.85.0/pkg/operator/rules.go",
			"https://prometheus.io/docs/prometheus/latest/querying/basics/",
		},
		Bad: rulesBad, Good: rulesGood,
		Run: func(ctx context.Context, pass *check.Pass) error {
			p := promQL()
			for _, target := range pass.Targets {
				if hasVictoriaMetrics(target) {
					continue
				}
				for _, object := range target.Applied() {
					if isPrometheusRule(object) {
						judgeRules(p, place{pass, target, object, manifest.Path{"spec", "groups"}})
					}
				}
			}
			return ctx.Err()
		},
	}
}

func isPrometheusRule(o *manifest.Object) bool {
	return o.Group() == "monitoring.coreos.com" && o.Kind == "PrometheusRule"
}

// hasVictoriaMetrics reports a target whose rules may be read by another parser.
func hasVictoriaMetrics(target *check.Target) bool {
	return slices.ContainsFunc(target.Objects, func(o *manifest.Object) bool { return o.Group() == "operator.victoriametrics.com" })
}

func judgeRules(p parser.Parser, groups place) {
	for i, group := range manifest.ListAt(groups.object.Value, groups.path...) {
		for j, value := range manifest.ListAt(group, "rules") {
			if rule, ok := value.(map[string]any); ok {
				judgeRule(p, groups.at(i, "rules", j), rule)
			}
		}
	}
}

// judgeRule asks Prometheus about one field at a time, so that what is wrong has a line.
func judgeRule(p parser.Parser, at place, rule map[string]any) {
	alert, record := manifest.TextAt(rule, "alert"), manifest.TextAt(rule, "record")
	title := fmt.Sprintf("alert %q", alert)
	switch {
	case alert == "" && record == "":
		title = "a rule without a name"
	case alert == "":
		title = fmt.Sprintf("recording rule %q", record)
	}
	whole := rulefmt.Rule{Alert: alert, Record: record, Expr: "1"}
	if record != "" {
		for _, field := range []string{"annotations", "for", "keep_firing_for"} {
			if value, ok := rule[field]; ok && !isEmpty(value) {
				at.at(field).report("%s of a recording rule: only alerts have it, and %s is refused", field, title)
			}
		}
	}
	for _, wrong := range whole.Validate(rulefmt.RuleNode{}, model.UTF8Validation, p) {
		field := at
		if record != "" {
			field = at.at("record")
		}
		field.report("%s is no rule: %s", title, strings.TrimLeft(wrong.Error(), "0: ")) // it knows no line
	}
	switch expr := rule["expr"].(type) {
	case string:
		field := at.at("expr")
		if strings.TrimSpace(expr) == "" {
			field.report("expr of %s is empty", title)
		} else if f, wrong := unparsed(p, expr); wrong && !field.hidden() && !isOther(expr) {
			field.reportWithin(f, "expr of %s is no PromQL", title)
		}
	}
	one := rulefmt.Rule{Alert: "x", Expr: "1"}
	if record != "" {
		one = rulefmt.Rule{Record: "x", Expr: "1"}
	}
	for _, kind := range []string{"labels", "annotations"} {
		texts, _ := rule[kind].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(texts)) {
			text, ok := texts[name].(string)
			if !ok || record != "" && kind == "annotations" {
				continue
			}
			one.Labels, one.Annotations = nil, nil
			if kind == "labels" {
				one.Labels = map[string]string{name: text}
			} else {
				one.Annotations = map[string]string{name: text}
			}
			for _, wrong := range one.Validate(rulefmt.RuleNode{}, model.UTF8Validation, p) {
				at.at(kind, name).report("%s of %s is refused: %s", manifest.Path{kind, name}, title, templateFault(wrong.Error()))
			}
		}
	}
}

func isEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// templateFault is an error of a template without the names that Prometheus gives to it.
func templateFault(text string) string {
	if _, after, ok := strings.Cut(text, ": template: __alert_x:"); ok {
		return "the template does not parse: " + strings.TrimLeft(after, "0123456789: ")
	}
	return text
}

// quoted are texts in an expression; other is what PromQL has not: a stage, a filter or a function of LogQL, a modifier of MetricsQL.
var (
	quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|` + "`[^`]*`")
	other  = regexp.MustCompile(`(?i)\}\s*(?:\||!=|!~|!>)|\b(?:bytes_rate|bytes_over_time|rate_counter|approx_topk)\s*\(|\b(?:WITH\s*\(|default|if|ifnot|keep_metric_names|limit\s+\d+)\b`)
)

// isOther reports an expression that is plainly of another language.
func isOther(expression string) bool {
	return other.MatchString(quoted.ReplaceAllString(expression, `""`))
}
