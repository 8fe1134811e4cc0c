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
		{"alert: A\nexpr: 'sum by (app) (bytes_rate({app=\"a\"}[5m])) > bytes_over_time({app=\"a\"}[5m])'", nil},
		{"alert: A\nexpr: 'approx_topk(3, sum by (app) (rate_counter ({app=\"a\"}[5m])))'", nil},
		{"alert: A\nexpr: sum(bytes_rte(up[5m]))", []string{at + `.expr: expr of alert "A" is no PromQL at character 5: unknown function`}},
		{"alert: A\nexpr: up default 0", nil},
		// What Prometheus 2 and 3 call one function.
		{"alert: A\nexpr: holt_winters(up[1h], 0.5, 0.5) > double_exponential_smoothing(up[1h], 0.5, 0.5)", nil},
		{"alert: A\nexpr: holt_winters(up[1h], 0.5)", []string{at + `.expr: expr of alert "A" is no PromQL: expected 3 argument(s) in call to "holt_winters", got 2`}},
		{"alert: A\nexpr: holt_winters(up[1h], 0.5, 0.5) > rate(up)", []string{at + `.expr: expr of alert "A" is no PromQL: expected type range vector`}},
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
		{"a uid of another", board(`{"uid": "shop"}`) + "---\n" + strings.Replace(board("{\n  \"uid\": \"shop\"\n}"), "name: c", "name: d", 1), file + `: a.json of ConfigMap d has the uid "shop" of a.json of ConfigMap c: Grafana writes neither`},
		{"a uid for another Grafana", board(`{"uid": "shop"}`) + "---\n" + strings.NewReplacer("name: c", "name: d", "'1'", "team").Replace(board(`{"uid": "shop"}`)), ""},
		{"no uids", board(`{"uid": ""}`) + "---\n" + strings.Replace(board(`{"uid": ""}`), "name: c", "name: d", 1), ""},
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

func TestOTTL(t *testing.T) {
	for _, text := range []string{
		`set(log.attributes["a"], "b")`, `set(log.body, log.attributes["msg"]) where log.attributes["msg"] != nil`,
		`set(log.severity_number, SEVERITY_NUMBER_INFO) where log.severity_text == "INFO"`, `set(log.trace_id.string, log.attributes["trace_id"])`,
		`delete_matching_keys(log.attributes, "^(a|b)$")`, `set(log.attributes["x"], ParseJSON(log.body)["a"][0])`,
		`set(log.attributes["x"], {"a": [1, -2.5, 0xff], "b": true})`, `replace_pattern(span.name, pattern="a", replacement="b", function=SHA256)`,
		`set(log.attributes["x"], (1 + 2) * Len(log.attributes) - 3) where (log.flags + 1) > 2 and (not IsString(log.body) or true)`,
		`set(log.attributes["a"], "with \" and (") where not (log.body == nil)`, `keep_keys(resource.attributes, ["a", "b"])`,
		`set(span.attributes["n"], Int(span.attributes["m"]) / 2) where span.status.code == STATUS_CODE_ERROR`,
		`drop()`, `function_of_a_later_release(log.attributes)`, `set(profile.anything, 1)`, `set(instrumentation_scope.name, log.cache["a"])`,
		`set(log.attributes["a"], Map(log.attributes, (k, v) => k == "a" and v != nil))`,
	} {
		if what := ottlFault(text, "", false, false); what != "" {
			t.Errorf("%s: %s", text, what)
		}
	}
	for _, test := range []struct{ text, context, want string }{
		{`set(log.attribute["a"], 1)`, "", "there is no path log.attribute; did you mean `attributes`?"},
		{`set(log.colour, 1)`, "", "there is no path log.colour"},
		{`set(span.status.text, 1)`, "", "there is no path span.status.text"},
		{`set(attributes["a"], 1)`, "", "the path attributes does not begin with a context"},
		{`set(attributes["a"], 1)`, "log", ""},
		{`set(attributse["a"], 1)`, "log", "there is no path attributse; did you mean `attributes`?"},
		{`set(logs.body, 1)`, "", "\"logs\" is no context; did you mean `log`?"},
		{`set(resource.attributes["a"], 1)`, "span", ""},
		{`sett(log.body, 1)`, "", "there is no function sett; did you mean `set`?"},
		{`delete_keys(log.attributes, "a")`, "", "there is no function delete_keys; did you mean `delete_key`?"},
		{`set(log.body, Isstring(log.body))`, "", "there is no function Isstring; did you mean `IsString`?"},
		{`set(log.body, 1`, "", "it does not parse: it ends too early"},
		{`set(log.body, 1))`, "", `it does not parse: unexpected ")" at character 17`},
		{`set(log.body, "a)`, "", "it does not parse: a text stays open at character 15"},
		{`set(log.body, 'a')`, "", `it does not parse: unexpected "'" at character 15`},
		{`set(log.body, 1) when true`, "", `it does not parse: unexpected "when" at character 18`},
		{`set(log.body, 1) where log.body = "a"`, "", `it does not parse: unexpected "=" at character 33`},
		{`set(log.body, 1) where`, "", "it does not parse: it ends too early"},
		{`set(log.body 1)`, "", `it does not parse: unexpected "1" at character 14`},
		{`Concat(log.body)`, "", `it does not parse: unexpected "Concat" at character 1`},
		{`log.body == 1`, "", `it does not parse`},
		{"", "", "it does not parse: it ends too early"},
		{"set(" + strings.Repeat("(", 200), "", "it does not parse"},
	} {
		if got := ottlFault(test.text, test.context, false, false); !strings.HasPrefix(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s in %q: got %q, want %q", test.text, test.context, got, test.want)
		}
	}
	if what := ottlFault(`set(log.colour, 1)`, "", false, true); what != "" {
		t.Errorf("a path of a later release: %s", what)
	}
	if what := ottlFault(`attributes["a"] == "b" and IsMatch(name, "^x")`, "span", true, false); what != "" {
		t.Errorf("a condition: %s", what)
	}
	if what := ottlFault(`set(name, "a")`, "span", true, false); what == "" {
		t.Error("a statement is no condition")
	}
}

func FuzzOTTL(f *testing.F) {
	f.Add(`set(log.attributes["a"], (1 + 2) * {"a": [x, 0xff]}) where not (a == b) or IsMatch(c, d = "e")`)
	f.Add(`((((((((((((((((((((((((((((((((((((((((((((`)
	f.Fuzz(func(t *testing.T, text string) {
		ottlFault(text, "log", false, true)
		ottlFault(text, "", true, false)
	})
}

func pipelines(text string) string {
	return "apiVersion: opentelemetry.io/v1beta1\nkind: OpenTelemetryCollector\nmetadata: {name: c}\nspec:\n  image: x:0.145.0\n  config:\n    " + indent(text, 4) + "\n"
}

func TestCollector(t *testing.T) {
	const (
		name = "telemetry/collector-configuration"
		ends = "receivers: {otlp: }\nexporters: {debug: }\n"
		pipe = "service: {pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}"
		at   = "spec.config."
	)
	for _, test := range []struct {
		name, config string
		want         []string
	}{
		{"all is used", ends + pipe, nil},
		{"no service", ends, nil},
		{"a processor that is not configured", ends + "processors: {batch: }\nservice: {pipelines: {traces: {receivers: [otlp], processors: [bach], exporters: [debug]}}}", []string{
			at + "service.pipelines.traces.processors[0]: pipeline \"traces\" names processor bach, which is not configured: the Collector does not start; did you mean `batch`?",
		}},
		{"several", "receivers: {otlp/a: }\nexporters: {debug: }\nprocessors: {x: }\nextensions: {pprof: }\n" + pipe, []string{
			at + "extensions.pprof: extension pprof is configured, and service.extensions does not name it",
			at + "processors.x: processor x is configured, and no pipeline uses it",
			at + `service.pipelines.traces.receivers[0]: pipeline "traces" names receiver otlp, which is not configured: the Collector does not start`,
		}},
		{"an extension", ends + "service: {extensions: [health_check], pipelines: {traces: {receivers: [otlp], exporters: [debug]}}}", []string{
			at + "service.extensions[0]: service.extensions names extension health_check, which is not configured",
		}},
		{"no ends", ends + "service: {pipelines: {logs: {receivers: [otlp]}, tracs: {receivers: [otlp], exporters: [debug], procesors: []}}}", []string{
			at + `service.pipelines.logs: pipeline "logs" has no exporter`,
			at + "service.pipelines.tracs.procesors: pipeline \"tracs\" has no key \"procesors\": it has receivers, processors and exporters; did you mean `processors`?",
			at + "service.pipelines.tracs: pipeline \"tracs\" is of no signal: a name begins with traces, metrics, logs or profiles; did you mean `traces`?",
		}},
		{"connectors", ends + "connectors: {forward: , count: , spanmetrics: }\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [forward, count]}, metrics: {receivers: [count], exporters: [debug]}}}", []string{
			at + "connectors.forward: connector forward is the exporter of a pipeline and the receiver of none",
			at + "connectors.spanmetrics: connector spanmetrics is configured, and no pipeline uses it",
		}},
		{"keys", "receivers: {otlp: {protocols: {grcp: }}}\nexporters: {debug: {verbosty: detailed, of_ours: 1}}\n" + pipe, []string{
			at + "exporters.debug.verbosty: exporter debug has no key verbosty: the Collector does not start; did you mean `verbosity`?",
			at + "receivers.otlp.protocols.grcp: receiver otlp has no key grcp: the Collector does not start; did you mean `grpc`?",
		}},
		{"variables", ends + "service: {pipelines: {traces: {receivers: [otlp], exporters: [debug, '${env:EXPORTER}']}}}", nil},
		{"conditions", ends + "processors: {filter: {error_mode: ignore, traces: {span: ['nam == \"a\"']}, log_conditions: ['log.body == ', {context: log, conditions: ['IsMatch(body, \"a\")']}]}}\n" +
			"service: {pipelines: {traces: {receivers: [otlp], processors: [filter], exporters: [debug]}}}", []string{
			at + "processors.filter.log_conditions[0]: a condition of processor filter is refused: it does not parse: it ends too early",
			at + "processors.filter.traces.span[0]: a condition of processor filter is refused: there is no path nam",
		}},
		{"two styles", ends + "processors: {transform: {log_statements: ['set(log.body, 1)', {context: log, statements: ['set(body, ${env:X})']}]}}\n" +
			"service: {pipelines: {traces: {receivers: [otlp], processors: [transform], exporters: [debug]}}}", []string{
			at + "processors.transform.log_statements[1]: log_statements of processor transform has statements and groups",
		}},
	} {
		t.Run(test.name, func(t *testing.T) { hold(t, found(t, name, pipelines(test.config)), test.want...) })
	}
	text := "apiVersion: opentelemetry.io/v1alpha1\nkind: OpenTelemetryCollector\nmetadata: {name: c}\nspec:\n  config: |\n    " +
		indent(ends+"service: {pipelines: {traces: {receivers: [otpl], exporters: [debug]}}}", 4) + "\n"
	hold(t, found(t, name, text),
		at+`service.pipelines.traces.receivers[0]: pipeline "traces" names receiver otpl`)
	hold(t, found(t, name, strings.Replace(text, "spec:\n", "spec:\n  args: {config: /etc/more.yaml}\n", 1)))
}

func TestAdapterArguments(t *testing.T) {
	deployment := func(image, argument string) string {
		return fmt.Sprintf("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{image: %q, args: [%q, 1]}]}}}\n", image, argument)
	}
	const name = "telemetry/adapter-arguments"
	for _, image := range []string{"prometheus-adapter", "x.io/a/prometheus-adapter:v1@sha256:00", "x.io:5000/k8s-prometheus-adapter:1"} {
		hold(t, found(t, name, deployment(image, "--prometheus-ulr=http://a")),
			"spec.template.spec.containers[0].args[0]: there is no argument --prometheus-ulr of prometheus-adapter: it does not start; did you mean `--prometheus-url`?")
		for _, argument := range []string{"--prometheus-url=http://a", "--later", "-v4", "text", ""} {
			hold(t, found(t, name, deployment(image, argument)))
		}
	}
	hold(t, found(t, name, deployment("x.io/prometheus-adapter/proxy:1", "--prometheus-ulr=a")))
}
