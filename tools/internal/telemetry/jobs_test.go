package telemetry

import (
	"fmt"
	"strings"
	"testing"
)

// shopRules are rules of which three ask for the job shop.
func shopRules(more ...string) string {
	text := "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: shop, namespace: shop}\nspec:\n  groups:\n  - name: shop\n    rules:\n"
	for i, expression := range append([]string{`absent(up{job="shop"})`, `shop_errors{job="shop"} / shop_orders{job="shop"}`}, more...) {
		text += fmt.Sprintf("    - alert: A%d\n      expr: |\n        0 <\n        %s\n", i, expression)
	}
	return text
}

func dashboard(expressions ...string) string {
	var panels []string
	for i, expression := range expressions {
		source := "prometheus"
		if strings.HasPrefix(expression, "{") {
			source = "loki"
		}
		panels = append(panels, fmt.Sprintf(`{"title": "P%d", "datasource": {"type": %q}, "targets": [{"expr": %q}]}`, i, source, expression))
	}
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d, namespace: shop, labels: {grafana_dashboard: \"1\"}}\ndata:\n  d.json: |\n    {\"panels\": [\n      " +
		strings.Join(panels, ",\n      ") + "]}\n"
}

func collects(line string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: collector, namespace: shop}\ndata:\n  config.yaml: |\n    scrape_configs:\n      - " + line + "\n---\n"
}

func sends(variable string) string {
	return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: sender, namespace: shop}\nspec: {template: {spec: {containers: [{name: app, env: [" + variable + "]}]}}}\n---\n"
}

func TestJobsScraped(t *testing.T) {
	service := "apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: shop, labels: {app: store}}\nspec: {ports: [{port: 80}]}\n---\n" +
		"apiVersion: monitoring.coreos.com/v1\nkind: ServiceMonitor\nmetadata: {name: m, namespace: shop}\nspec: {selector: {}, endpoints: [{port: http}]}\n---\n"
	const odd = `A2 asks for job "store", which no monitor of the target makes; the 3 others beside it ask for "shop"`
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"a job that is scraped":      {monitorOfShop + shopRules(`shop_latency{job="shop"}`), nil},
		"one that is not":            {monitorOfShop + shopRules(`shop_latency{job="store"}`), []string{"spec.groups[0].rules[2].expr: alert " + odd}},
		"twice in an expression":     {monitorOfShop + shopRules(`shop_a{job="store"}`, `shop_b{job="shop"} + shop_c{job="shop"} + shop_d{job="shop"}`, `shop_e{job="store"}`), []string{"spec.groups[0].rules[2].expr", "spec.groups[0].rules[4].expr"}},
		"by the name of a Service":   {service + shopRules(`shop_latency{job="store"}`), []string{"spec.groups[0].rules[2].expr: alert " + odd}},
		"or its label":               {strings.Replace(service, "{selector", "{jobLabel: app, selector", 1) + shopRules(`shop_latency{job="store"}`), nil},
		"in a dashboard":             {monitorOfShop + dashboard(`a{job="shop"}`, `b{job="shop"}`, `rate(c{job="store"}[$__rate_interval])`, `d{job="shop"}`), []string{`data["d.json"]`}},
		"logs of nothing":            {monitorOfShop + dashboard(`a{job="shop"}`, `b{job="shop"}`, `c{job="shop"}`, `{service_name="store"} |= "a"`), []string{`data["d.json"].panels[3].targets[0].expr: panel "P3" asks for the logs of "store", and nothing`}},
		"logs of something":          {monitorOfShop + dashboard(`a{job="shop"}`, `b{job="shop"}`, `c{job="shop"}`, `{service_name="shop"}`, `{service_name="metrics"}`, `{service_name=~"store"}`, `{app="store"}`), nil},
		"logs where little is known": {monitorOfShop + dashboard(`a{job="shop"}`, `b{job="shop"}`, `{service_name="store"}`), nil},
		"with a variable":            {monitorOfShop + dashboard(`a{job="shop"}`, `b{job="shop"}`, `c{job="$job"}`, `d{job="shop"}`), nil},
		"as many of each":            {monitorOfShop + shopRules(`shop_a{job="store"} + shop_b{job="store"}`), nil},
		"several others":             {monitorOfShop + shopRules(`shop_a{job="store"}`, `shop_a{job="till"}`), nil},
		"nobody is scraped":          {shopRules(`shop_latency{job="store"}`), nil},
		"a cluster's own":            {monitorOfShop + shopRules(`kube_pod_info{job="kube-state-metrics"}`), nil},
		"what a PodMonitor calls so": {monitorOfShop + shopRules(`shop_latency{job="shop/shop"}`), nil},
		"any":                        {monitorOfShop + shopRules(`shop_latency{job=~"store|shop"}`, `shop_latency{job!="store"}`), nil},
		"no PromQL":                  {monitorOfShop + shopRules(`shop_latency{job="store"`), nil},
		"a monitor that says which":  {strings.Replace(monitorOfShop, "{port: metrics}", "{port: metrics, relabelings: [{targetLabel: job, replacement: store}]}", 1) + shopRules(`shop_latency{job="store"}`), nil},
		"one that keeps labels":      {strings.Replace(monitorOfShop, "{port: metrics}", "{port: metrics, honorLabels: true}", 1) + shopRules(`shop_latency{job="store"}`), nil},
		"one that maps labels":       {strings.Replace(monitorOfShop, "{port: metrics}", "{port: metrics, relabelings: [{action: LabelMap, regex: a_(.*)}]}", 1) + shopRules(`shop_latency{job="store"}`), nil},
		"one of all namespaces":      {strings.Replace(monitorOfShop, "jobLabel", "namespaceSelector: {any: true}\n  jobLabel", 1) + shopRules(`shop_latency{job="store"}`), nil},
		"pods of elsewhere":          {strings.Replace(monitorOfShop, "jobLabel: app", "jobLabel: cnpg.io/cluster", 1) + shopRules(`shop_latency{job="store"}`), nil},
		"another way to scrape":      {monitorOfShop + "apiVersion: monitoring.coreos.com/v1alpha1\nkind: ScrapeConfig\nmetadata: {name: s, namespace: shop}\n---\n" + shopRules(`shop_latency{job="store"}`), nil},
		"a job of a configuration":   {monitorOfShop + collects("job_name: 'store'") + shopRules(`shop_latency{job="store"}`), nil},
		"another one of it":          {monitorOfShop + collects("job_name: storeroom") + shopRules(`shop_latency{job="store"}`), []string{"spec.groups[0].rules[2].expr: alert " + odd}},
		"one that it writes":         {monitorOfShop + collects(`"target_label": "job"`) + shopRules(`shop_latency{job="store"}`), nil},
		"a service that sends":       {monitorOfShop + sends("{name: OTEL_SERVICE_NAME, value: store}") + shopRules(`shop_latency{job="store"}`), nil},
		"by its attributes":          {monitorOfShop + sends("{name: OTEL_RESOURCE_ATTRIBUTES, value: 'a=b,service.name=store,c=d'}") + shopRules(`shop_latency{job="store"}`), nil},
		"another service that sends": {monitorOfShop + sends("{name: OTEL_SERVICE_NAME, value: till}") + shopRules(`shop_latency{job="store"}`), []string{"spec.groups[0].rules[2].expr: alert " + odd}},
		"a recording rule's label":   {monitorOfShop + shopRules(`shop_latency{job="store"}`) + "    - {record: 'a:b', expr: vector(1), labels: {job: store}}\n", nil},
		"a language of its own":      {monitorOfShop + "apiVersion: operator.victoriametrics.com/v1beta1\nkind: VMAgent\nmetadata: {name: a, namespace: shop}\n---\n" + shopRules(`shop_latency{job="store"}`), nil},
	} {
		t.Run(name, func(t *testing.T) { hold(t, found(t, "telemetry/jobs-scraped", test.text), test.want...) })
	}
}
