package telemetry

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kgate-dev/gitops/tools/internal/check"
	"github.com/kgate-dev/gitops/tools/internal/manifest"
)

// found is what a check finds in manifests, each as path: message.
func found(t testing.TB, name, text string) []string {
	t.Helper()
	documents, err := manifest.ParseDocuments("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	target := &check.Target{Path: "a"}
	for _, d := range documents {
		objects, err := d.Objects()
		if err != nil {
			t.Fatal(err)
		}
		target.Objects = append(target.Objects, objects...)
	}
	checks, err := check.Select(Checks(), []string{name})
	if err != nil {
		t.Fatal(err)
	}
	result, failed := check.Run(t.Context(), check.Plan{Checks: checks, Targets: []*check.Target{target}})
	if len(failed) > 0 {
		t.Fatal(failed)
	}
	said := []string{}
	for _, f := range result.Findings {
		said = append(said, fmt.Sprintf("%s: %s", f.Path, f.Message))
	}
	slices.Sort(said)
	return said
}

// hold compares what a check finds with what it should, each of which begins as written.
func hold(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestChecks(t *testing.T) {
	if err := check.Verify(Checks()); err != nil {
		t.Fatal(err)
	}
	for _, c := range Checks() {
		if got := found(t, c.Name, c.Bad); len(got) == 0 {
			t.Errorf("%s finds nothing in its bad example", c.Name)
		}
		hold(t, found(t, c.Name, c.Good))
	}
}

func indent(text string, by int) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", by))
}

func rule(text string) string {
	return "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: r}\nspec:\n  groups:\n    - name: g\n      rules:\n        - " + indent(text, 10) + "\n"
}

func TestRules(t *testing.T) {
	const name = "telemetry/rules-parse"
	at := "spec.groups[0].rules[0]"
	for _, test := range []struct {
		rule string
		want []string
	}{
		{"alert: A\nexpr: up == 0", nil},
		{"alert: A\nexpr: 1", nil},
		{"alert: A\nexpr: up == 0)", []string{at + `.expr: expr of alert "A" is no PromQL at character 9: unexpected right parenthesis`}},
		{"alert: A\nexpr: |\n  sum(\n    rate(up)\n  )", []string{at + `.expr: expr of alert "A" is no PromQL at 2:8: expected type range vector`}},
		{"alert: A\nexpr: rte(up[5m])", []string{at + `.expr: expr of alert "A" is no PromQL at character 1: unknown function`}},
		{"alert: A\nexpr: rate(up[5 minutes])", []string{at + `.expr: expr of alert "A" is no PromQL`}},
		{"alert: A\nexpr: ''", []string{at + `.expr: expr of alert "A" is empty`}},
		{"record: a:b\nexpr: sum by (job (up)", []string{at + `.expr: expr of recording rule "a:b" is no PromQL`}},
		{"record: a:b\nexpr: up\nfor: 5m\nannotations: {a: b}", []string{at + `.annotations: annotations of a recording rule`, at + `.for: for of a recording rule`}},
		{"record: 'up{a=\"b\"}'\nexpr: up", []string{at + `.record: recording rule "up{a=\"b\"}" is no rule: braces present`}},
		{"alert: A\nrecord: b\nexpr: up", []string{at + `.record: alert "A" is no rule: only one of`}},
		{"expr: up", []string{at + `: a rule without a name is no rule: one of 'record' or 'alert' must be set`}},
		{"alert: A\nexpr: up\nannotations: {a: '{{ $labels.job }'}", []string{at + `.annotations.a: annotations.a of alert "A" is refused: the template does not parse: unexpected "}" in operand`}},
		{"alert: A\nexpr: up\nlabels: {a: '{{ $label.job }}'}", []string{at + `.labels.a: labels.a of alert "A" is refused: the template does not parse: undefined variable "$label"`}},
		{"alert: A\nexpr: up\nlabels: {a: '{{ $value | humanise }}'}", []string{at + `.labels.a: labels.a of alert "A" is refused: the template does not parse: function "humanise" not defined`}},
		{"alert: A\nexpr: up\nlabels: {__name__: b}", []string{at + `.labels.__name__: labels.__name__ of alert "A" is refused: invalid label name`}},
		{"alert: A\nexpr: up\nannotations: {a: '{{ with query \"up\" }}{{ . | first | value | humanize1024 }}{{ end }} {{ $externalURL }}'}", nil},
		// What Loki and VictoriaMetrics take from the same kind.
		{"alert: A\nexpr: 'sum(rate({app=\"a\"} |= \"error\" | json [5m])) > 1'", nil},
		{"alert: A\nexpr: up default 0", nil},
		{"alert: A\nexpr: 'limitk(1, up) and fill(1) and on() up.total'", []string{at + `.expr: expr of alert "A" is no PromQL`}},
		{"alert: A\nexpr: 'limitk(1, up) and info(up)'", nil},
	} {
		t.Run(test.rule, func(t *testing.T) { hold(t, found(t, name, rule(test.rule)), test.want...) })
	}
	victoria := "---\napiVersion: operator.victoriametrics.com/v1beta1\nkind: VMAgent\nmetadata: {name: a}\n"
	hold(t, found(t, name, rule("alert: A\nexpr: rollup_rate(up)")+victoria))
}

func board(text string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: {grafana_dashboard: '1'}}\ndata:\n  a.json: |\n    " + indent(text, 4) + "\n"
}

func TestDashboards(t *testing.T) {
	const name = "telemetry/dashboards-parse"
	file := `data["a.json"]`
	broken := file + `: a.json of ConfigMap c is no JSON`
	query := func(expression string) string {
		return board(fmt.Sprintf(`{"panels": [{"title": "T", "datasource": {"type": "prometheus"}, "targets": [{"expr": %q}]}]}`, expression))
	}
	for _, test := range []struct{ name, text, want string }{
		{"nothing", board("{}"), ""},
		{"a comma that is missing", board("{\n  \"a\": 1\n\n  \"b\": 2\n}"), broken + " at 2:8: a comma is missing"},
		{"in a list", board("{\"a\": [1\n2]}"), broken + " at character 8: a comma is missing"},
		{"a comma too many", board("{\n  \"a\": 1,\n}"), broken + " at 3:1: invalid character '}'"},
		{"no end", board("{\n  \"a\": [1"), broken + " at 2:9: it ends before"},
		{"two", board("{}\n{}"), broken + " at 2:1: something follows"},
		{"a list", board("[]"), broken + " at character 1: it is a JSON array"},
		{"another file", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, labels: {grafana_dashboard: '1'}}\ndata: {a.txt: '{'}\n", ""},
		{"no dashboard", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a.json: '{'}\n", ""},
		{"an operator's", "apiVersion: grafana.integreatly.org/v1beta1\nkind: GrafanaDashboard\nmetadata: {name: c}\nspec: {json: '{'}\n", "spec.json: json of GrafanaDashboard c is no JSON"},
		{"elsewhere", "apiVersion: grafana.integreatly.org/v1beta1\nkind: GrafanaDashboard\nmetadata: {name: c}\nspec: {url: a}\n", ""},
		{"a query", query("sum(rate(up[5m])"), file + `.panels[0].targets[0].expr: the query of panel "T" of a.json of ConfigMap c is no PromQL: unclosed left parenthesis`},
		{"variables of Grafana's own", query("rate(up[$__rate_interval]) * $__range_s + increase(up[${__range}]) + avg_over_time(up[$window:])"), ""},
		{"and a fault beside them", query("rate(up[$__rate_interval]"), file + `.panels[0].targets[0].expr: the query of panel`},
		{"variables in texts", query(`rate(up{job=~"$job|${other:regex}"}[5m]))`), file + `.panels[0].targets[0].expr: the query of panel`},
		{"variables elsewhere", query("$function(up[5m])"), ""},
		{"another source", board(`{"panels": [{"datasource": {"type": "loki"}, "targets": [{"expr": "{a=\"b\"} |= \"c\""}, {"datasource": {"type": "prometheus"}, "expr": "("}]}]}`), file + `.panels[0].targets[1].expr: the query of panel "" of`},
		{"a source that is not known", board(`{"panels": [{"targets": [{"expr": "("}]}, {"datasource": "$x", "targets": [{"expr": "("}]}]}`), ""},
		{"a row", board(`{"panels": [{"type": "row", "panels": [{"datasource": {"type": "prometheus"}, "targets": [{"expr": "("}]}]}]}`), file + `.panels[0].panels[0].targets[0].expr: the query of panel "" of`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var want []string
			if test.want != "" {
				want = []string{test.want}
			}
			hold(t, found(t, name, test.text), want...)
		})
	}
}

func adapter(text string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  config.yaml: |\n    " + indent(text, 4) + "\n"
}

func TestAdapter(t *testing.T) {
	const name = "telemetry/adapter-rules"
	file := `data["config.yaml"]`
	one := file + ".rules[0]"
	for _, test := range []struct {
		config string
		want   []string
	}{
		{"rules:\n- seriesQuery: a\n  metricsQuery: <<.Series>>", nil},
		{"rules:\n- seriesQuery: 'a{'\n  metricsQuery: a", []string{one + `.seriesQuery: seriesQuery "a{" selects no series`}},
		{"rules:\n- seriesQuery: rate(a[5m])\n  metricsQuery: a", []string{one + `.seriesQuery: seriesQuery "rate(a[5m])" selects no series`}},
		{"rules:\n- seriesQuery: a_b\n  name: {matches: ^b}\n  metricsQuery: a", []string{one + `.seriesQuery: seriesQuery selects a_b, which name.matches "^b" does not fit`}},
		{"rules:\n- seriesQuery: '{__name__=\"a_b\"}'\n  name: {matches: ^b}\n  metricsQuery: a", []string{one + `.seriesQuery: seriesQuery selects a_b`}},
		{"rules:\n- seriesQuery: '{__name__=~\"a_b\"}'\n  name: {matches: ^b}\n  metricsQuery: a", nil},
		{"rules:\n- seriesQuery: a_b\n  name: {matches: b}\n  metricsQuery: a", nil},
		{"rules:\n- seriesQuery: a\n  name: {matches: (a}\n  metricsQuery: a", []string{one + `.name.matches: name.matches "(a" is no regular expression`}},
		{"rules:\n- seriesQuery: a\n  name: {matches: (a)(.*)}\n  metricsQuery: a", []string{one + `.name.matches: name.matches "(a)(.*)" has 2 groups`}},
		{"rules:\n- seriesQuery: a\n  seriesFilters: [{is: b}, {isNot: b}, {is: a, isNot: b}, {isNot: (}]\n  metricsQuery: a", []string{
			one + `.seriesFilters[0].is: is "b" leaves out a`, one + `.seriesFilters[2]: a filter of series has one of`, one + `.seriesFilters[3].isNot: isNot "(" of a filter`,
		}},
		{"rules:\n- seriesQuery: a\n  metricsQuery: <<.Serie>>", []string{one + `.metricsQuery: metricsQuery cannot be filled in:`}},
		{"rules:\n- seriesQuery: a\n  metricsQuery: <<.Series", []string{one + `.metricsQuery: metricsQuery does not parse as a template:`}},
		{"rules:\n- seriesQuery: a\n  metricsQuery: sum(<<.Series>>{<<.LabelMatchers>>) by (<<.GroupBy>>)", []string{one + `.metricsQuery: metricsQuery is no PromQL once it is filled in:`}},
		{"rules:\n- seriesQuery: a\n  metricQuery: a", []string{one + ".metricQuery: " + one + " has no key \"metricQuery\": the adapter refuses its configuration; did you mean `metricsQuery`?"}},
		{"externalRules:\n- seriesQuery: a\n  metricsQuery: sum(", []string{file + `.externalRules[0].metricsQuery: metricsQuery is no PromQL`}},
		{"rules: [{seriesQuery: a, metricsQuery: a}]\nresourceRules: {cpu: {containerQuery: sum(, resources: {overrides: {x: {resource: pod}}}}, window: 5m}", []string{file + `.resourceRules.cpu.containerQuery: containerQuery is no PromQL`}},
		{"rules: {seriesQuery: a}", nil},
		{"rules: [{expr: a, seriesQuery: }]", nil},
	} {
		t.Run(test.config, func(t *testing.T) { hold(t, found(t, name, adapter(test.config)), test.want...) })
	}
}
