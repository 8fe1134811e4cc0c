package telemetry

// The examples of the checks.
const (
	rulesBad = `apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: shop, namespace: shop}
spec:
  groups:
    - name: shop
      rules:
        - alert: ShopDown
          # A parenthesis stays open.
          expr: sum by (job) (rate(http_requests_total{job="shop"}[5m]) == 0
          for: 5m
          annotations:
            summary: '{{ $labels.job } answers nobody' # so does the action
`
	rulesGood = `apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: shop, namespace: shop}
spec:
  groups:
    - name: shop
      rules:
        - alert: ShopDown
          expr: sum by (job) (rate(http_requests_total{job="shop"}[5m])) == 0
          for: 5m
          annotations:
            summary: '{{ $labels.job }} answers nobody'
        # A window of its own, a subquery, and a histogram without buckets.
        - record: shop:latency:p99
          expr: |
            histogram_quantile(0.99,
              sum by (job) (rate(http_request_duration_seconds{job=~"shop|till"}[5m] offset 1m))
            ) or max_over_time(shop:latency:p99[1h:5m])
          labels:
            team: '{not a template}'
`
)

const (
	jobsBad = monitorOfShop + rulesOfShop + `
        # What the shop was called before.
        - {alert: ShopSlow, expr: 'shop_latency_seconds{job="store"} > 1'}
`
	jobsGood = monitorOfShop + rulesOfShop + `
        # The kubelet's, a PodMonitor's of another repository, and several.
        - {alert: ShopFull, expr: 'container_memory_working_set_bytes{job="kubelet"} > 1e9'}
        - {alert: TillDown, expr: 'up{job="till/till"} == 0'}
        - {alert: AnyDown, expr: 'up{job=~"shop|till"} == 0'}
`
	rulesOfShop = `apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: shop, namespace: shop}
spec:
  groups:
    - name: shop
      rules:
        - {alert: ShopDown, expr: 'absent(up{job="shop"})'}
        - alert: ShopErrors
          expr: shop_errors:rate5m{job="shop"} / shop_orders:rate5m{job="shop"} > 0.01`
	monitorOfShop = `apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata: {name: shop, namespace: shop}
spec:
  jobLabel: app
  selector: {matchLabels: {app: shop}}
  podMetricsEndpoints: [{port: metrics}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers: [{name: shop, image: 'shop:1', ports: [{name: metrics, containerPort: 9090}]}]
---
`
	dashboardsBad = `apiVersion: v1
kind: ConfigMap
metadata:
  name: shop
  namespace: monitoring
  labels: {grafana_dashboard: "1"}
data:
  shop.json: |
    {
      "title": "Shop"
      "panels": []
    }
`
	dashboardsGood = `apiVersion: v1
kind: ConfigMap
metadata:
  name: shop
  namespace: monitoring
  labels: {grafana_dashboard: "1"}
data:
  shop.json: |
    {
      "title": "Shop",
      "templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus"}]},
      "panels": [
        {"title": "Requests", "datasource": "${source}", "targets": [
          {"expr": "sum by (job) (rate(http_requests_total{job=~\"$job\"}[$__rate_interval]))"},
          {"expr": "topk($most, http_requests_total)"}]},
        {"title": "Log", "datasource": {"type": "loki"},
         "targets": [{"expr": "{app=\"shop\"} |= \"error\""}]}
      ]
    }
  notes.txt: '{ no dashboard'
`
	adapterBad = `apiVersion: v1
kind: ConfigMap
metadata: {name: prometheus-adapter, namespace: monitoring}
data:
  config.yaml: |
    rules:
      # The series is called http_requests_total.
      - seriesQuery: http_request_total{namespace!="",pod!=""}
        resources: {template: <<.Resource>>}
        name: {matches: ^http_requests_total$, as: http_requests_per_second}
        # A parenthesis stays open.
        metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m]) by (<<.GroupBy>>)
`
	adapterGood = `apiVersion: v1
kind: ConfigMap
metadata: {name: prometheus-adapter, namespace: monitoring}
data:
  config.yaml: |
    rules:
      - seriesQuery: http_requests_total{namespace!="",pod!=""}
        resources: {template: <<.Resource>>}
        name: {matches: ^http_requests_total$, as: http_requests_per_second}
        metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[2m])) by (<<.GroupBy>>)
      # Any series of some names, and labels one by one.
      - seriesQuery: '{__name__=~"^container_.*",namespace!=""}'
        seriesFilters: [{isNot: _total$}]
        resources: {overrides: {namespace: {resource: namespace}}}
        name: {matches: ^container_(.*)$}
        metricsQuery: |
          sum(<<.Series>>{pod="<<index .LabelValuesByName "pod">>"})
            by (<<range .GroupBySlice>><<.>>,<<end>> job)
`
)

// servesExample is an autoscaler that asks for a metric, and the adapter that serves another one than the series.
func servesExample(metric string) string {
	return `apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.custom.metrics.k8s.io}
spec:
  group: custom.metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  service: {name: prometheus-adapter, namespace: monitoring}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: prometheus-adapter, namespace: monitoring}
data:
  config.yaml: |
    rules:
      - seriesQuery: http_requests_total{namespace!=""}
        resources: {overrides: {namespace: {resource: namespace}, pod: {resource: pod}}}
        name: {matches: ^(.*)_total$, as: "${1}_per_second"}
        metricsQuery: sum(rate(<<.Series>>{<<.LabelMatchers>>}[1m])) by (<<.GroupBy>>)
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: go-otlp-app, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: go-otlp-app}
  minReplicas: 2
  maxReplicas: 10
  metrics:
    - type: Pods
      pods:
        metric: ` + metric + `
        target: {type: AverageValue, averageValue: "10"}
`
}

const (
	collectorBad = `apiVersion: opentelemetry.io/v1beta1
kind: OpenTelemetryCollector
metadata: {name: otel, namespace: observability}
spec:
  image: otel/opentelemetry-collector-contrib:0.145.0
  config:
    receivers:
      otlp: {protocols: {grpc: {}}}
    processors:
      transform:
        log_statements:
          - set(log.attribute["a"], "b") # log.attributes
    exporters:
      otlp_grpc:
        endpoint: gateway.telemetry:4317
        compresion: gzip # compression
    service:
      pipelines:
        logs:
          receivers: [otlp]
          processors: [transform, batch] # batch is not configured
          exporters: [otlp_grpc]
`
	collectorGood = `apiVersion: opentelemetry.io/v1beta1
kind: OpenTelemetryCollector
metadata: {name: otel, namespace: observability}
spec:
  image: otel/opentelemetry-collector-contrib:0.145.0
  config:
    receivers:
      otlp: {protocols: {grpc: {}}}
      of_our_own: {anything: goes}
    processors:
      batch: {}
      transform:
        log_statements:
          - set(log.body, "b") where resource.attributes["c"] != nil and not IsMatch(log.body, "x")
      transform/level:
        log_statements:
          - context: log
            statements: ['set(severity_text, Concat([attributes["level"], "!"], ""))']
      filter/noise:
        metrics: {datapoint: ['value_int * 2 == (4 + 1) or metric.name == "up"']}
    exporters:
      otlp_grpc: {endpoint: 'gateway.telemetry:4317', compression: gzip}
    connectors:
      forward: {}
    service:
      pipelines:
        logs:
          receivers: [otlp]
          processors: [transform, transform/level, batch]
          exporters: [forward]
        logs/out: {receivers: [forward], exporters: [otlp_grpc]}
        metrics: {receivers: [of_our_own], processors: [filter/noise], exporters: [otlp_grpc]}
`
)

const (
	fluentBitBad = `apiVersion: v1
kind: ConfigMap
metadata: {name: fluent-bit, namespace: logging}
data:
  fluent-bit.yaml: |
    pipeline:
      inputs:
        - name: tail
          tag: kube.*
          path: /var/log/containers/*.log
          mem_buf_limt: 5MB # mem_buf_limit
      filters:
        - name: kubernets # kubernetes
          match: kube.*
      outputs:
        - name: forward
          match: kub.* # fits no tag
          host: collector.observability
`
	fluentBitGood = `apiVersion: v1
kind: ConfigMap
metadata: {name: fluent-bit, namespace: logging}
data:
  fluent-bit.yaml: |
    pipeline:
      inputs:
        - name: tail
          tag: kube.<namespace>.<pod>
          tag_regex: (?<pod>[^_]+)_(?<namespace>[^_]+)_
          path: /var/log/containers/*.log
          Mem_Buf_Limit: 5MB
        - name: systemd # its tag is systemd.0
      filters:
        - name: kubernetes
          match: kube.shop.*
        - name: of_our_own
          match: '*'
          anything: goes
      outputs:
        - name: forward
          match_regex: ^(kube|systemd)\.
          host: collector.observability
          net.keepalive: off
`
)

const (
	argumentsBad = `apiVersion: apps/v1
kind: Deployment
metadata: {name: prometheus-adapter, namespace: monitoring}
spec:
  template:
    spec:
      containers:
        - name: adapter
          image: registry.k8s.io/prometheus-adapter/prometheus-adapter:v0.12.0
          args:
            - --config=/etc/adapter/config.yaml
            - --metrics-relist-intervall=1m # interval
`
	argumentsGood = `apiVersion: apps/v1
kind: Deployment
metadata: {name: prometheus-adapter, namespace: monitoring}
spec:
  template:
    spec:
      containers:
        - name: adapter
          image: registry.k8s.io/prometheus-adapter/prometheus-adapter:v0.12.0
          args:
            - --config=/etc/adapter/config.yaml
            - --metrics-relist-interval=1m
            - --of-a-later-release
            - --v=4
        - name: proxy
          image: example.com/proxy:1
          args: [--metric-relist-interval=1m]
`
)

const (
	alertmanagerBad = `apiVersion: monitoring.coreos.com/v1alpha1
kind: AlertmanagerConfig
metadata: {name: shop, namespace: shop}
spec:
  route:
    receiver: chat
    routes:
      - receiver: pager # which nothing is called
        groupByy: [alertname]
      - receiver: pagers
  receivers:
    - name: chat
      webhookConfigs:
        - url: chat.example.com/hook # whose scheme nobody said
`
	alertmanagerGood = `apiVersion: monitoring.coreos.com/v1alpha1
kind: AlertmanagerConfig
metadata: {name: shop, namespace: shop}
spec:
  route:
    receiver: chat
    groupBy: ['...']
    routes:
      # One that goes on, and one that is silent at night.
      - matchers: [{name: severity, matchType: '=~', value: warning|info}]
        groupWait: 1m30s
        muteTimeIntervals: [night]
        continue: true
        routes: [{receiver: chat, matchers: [{name: team, value: shop}]}]
      - {receiver: nobody}
  receivers:
    - name: nobody
    - name: chat
      webhookConfigs:
        - urlSecret: {name: chat, key: url}
          httpConfig: {authorization: {credentials: {name: chat, key: token}}}
  muteTimeIntervals:
    - name: night
      timeIntervals:
        - times: [{startTime: '22:00', endTime: '24:00'}]
          weekdays: [monday:friday, sunday]
          daysOfMonth: [{start: -7, end: -1}]
          months: ['1:3', december]
          years: ['2026:2030']
`
)
