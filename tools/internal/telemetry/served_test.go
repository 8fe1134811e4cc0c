package telemetry

import (
	"fmt"
	"strings"
	"testing"
)

func TestAdapterServes(t *testing.T) {
	service := func(group string) string {
		return fmt.Sprintf("{apiVersion: apiregistration.k8s.io/v1, kind: APIService, metadata: {name: v1beta1.%s}, spec: {group: %[1]s, service: {namespace: monitoring}}}", group)
	}
	configured := func(name, config string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: monitoring}\ndata:\n  config.yaml: |\n    %s\n", name, strings.ReplaceAll(config, "\n", "\n    "))
	}
	autoscaler := func(field, metric string) string {
		return fmt.Sprintf("{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: web, namespace: shop}, spec: {metrics: [{type: Resource, resource: {name: cpu}}, {%s: {metric: {name: %s}}}]}}", field, metric)
	}
	custom, external := service("custom.metrics.k8s.io"), service("external.metrics.k8s.io")
	named := "rules:\n- {seriesQuery: 'http_requests_total{namespace!=\"\"}', name: {matches: ^(.*)_total$, as: '${1}_per_second'}}"
	at := "spec.metrics[1]."
	for _, test := range []struct {
		name string
		with []string
		want []string
	}{
		{"a metric that is served", []string{custom, configured("a", named), autoscaler("pods", "http_requests_per_second")}, nil},
		{"the name of the series", []string{custom, configured("a", named), autoscaler("pods", "http_requests_total")}, []string{
			at + `pods.metric.name: HorizontalPodAutoscaler "web" takes http_requests_total, which no rule of the adapter in ConfigMap "a" serves: they serve http_requests_per_second`}},
		{"a misspelt one", []string{custom, configured("a", named), autoscaler("object", "http_request_per_second")}, []string{
			at + "object.metric.name: HorizontalPodAutoscaler \"web\" takes http_request_per_second, which no rule of the adapter in ConfigMap \"a\" serves: they serve http_requests_per_second; did you mean `http_requests_per_second`?"}},
		{"another API", []string{custom, configured("a", named), autoscaler("external", "http_requests_total")}, nil},
		{"from outside", []string{external, configured("a", "rules: []\nexternalRules: [{seriesQuery: depth}]"), autoscaler("external", "depth")}, nil},
		{"nothing from outside", []string{external, configured("a", named), autoscaler("external", "depth")}, []string{at + `external.metric.name: HorizontalPodAutoscaler "web" takes depth, which no rule of the adapter in ConfigMap "a" serves: they serve none by its name`}},
		{"another server beside", []string{custom, strings.Replace(external, "{namespace:", "{name: agent, namespace:", 1), configured("a", named), autoscaler("external", "depth"), autoscaler("pods", "b")}, nil},
		{"no API", []string{configured("a", named), autoscaler("pods", "b")}, nil},
		{"no configuration", []string{custom, autoscaler("pods", "b")}, nil},
		{"a configuration in another namespace", []string{custom, strings.ReplaceAll(configured("a", named), "monitoring", "shop"), autoscaler("pods", "b")}, nil},
		{"two configurations", []string{custom, configured("a", named), configured("b", "rules: [{seriesQuery: b}]"), autoscaler("pods", "c")}, nil},
		{"a configuration that does not parse", []string{custom, configured("a", "rules: [{seriesQuery: b}"), autoscaler("pods", "c")}, nil},
		{"any series", []string{custom, configured("a", "rules: [{seriesQuery: '{namespace!=\"\"}'}]"), autoscaler("pods", "b")}, nil},
		{"some series", []string{custom, configured("a", "rules: [{seriesQuery: '{__name__=~\"^http_.*\"}', name: {matches: '^(.*)_total$', as: 'my_${1}_rate'}}]"), autoscaler("pods", "my_a_rate")}, nil},
		{"never of some series", []string{custom, configured("a", "rules: [{seriesQuery: '{__name__=~\"^http_.*\"}', name: {matches: '^(.*)_total$', as: 'my_${1}_rate'}}]"), autoscaler("pods", "a_rate")}, []string{
			at + `pods.metric.name: HorizontalPodAutoscaler "web" takes a_rate`}},
		{"the first group", []string{custom, configured("a", "rules: [{seriesQuery: a_b, name: {matches: ^(.*)_b$}}]"), autoscaler("pods", "a")}, nil},
		{"no group", []string{custom, configured("a", "rules: [{seriesQuery: a_b, name: {matches: ^a_b$}}]"), autoscaler("pods", "a_b")}, nil},
		{"what cannot be read", []string{custom, configured("a", "rules: [{seriesQuery: 'a{'}, {seriesQuery: b, name: {matches: '('}}]"), autoscaler("pods", "c")}, nil},
		{"a rule that serves nothing", []string{custom, configured("a", "rules: [{seriesQuery: a, name: {matches: ^b$}}]"), autoscaler("pods", "a")}, []string{at + `pods.metric.name: HorizontalPodAutoscaler "web" takes a, which no rule of the adapter in ConfigMap "a" serves: they serve none by its name`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			hold(t, found(t, "telemetry/adapter-serves", strings.Join(test.with, "\n---\n")), test.want...)
		})
	}
}
