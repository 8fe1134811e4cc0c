package policies.mesh.scraped_ports_test

import data.policies.lib.fixture_test as fixture
import data.policies.mesh.scraped_ports

_namespace := {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}}

_ports := [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9090}]

_web(annotations) := object.union(
	fixture.workload("Deployment", {"containers": [{"name": "app", "image": "example.com/web:1", "ports": _ports}]}, {}),
	{"spec": {"template": {"metadata": {"labels": {"app": "web"}, "annotations": annotations}}}},
)

_auth(name, namespace, spec) := {"apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication", "metadata": {"name": name, "namespace": namespace}, "spec": spec}

_strict := {"mtls": {"mode": "STRICT"}}

_of_web := {"selector": {"matchLabels": {"app": "web"}}}

_pod_monitor(spec) := {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "web", "namespace": "shop"}, "spec": object.union({"selector": {"matchLabels": {"app": "web"}}}, spec)}

_scraping(endpoint) := _pod_monitor({"podMetricsEndpoints": [endpoint]})

_monitor := _scraping({"port": "metrics"})

_service := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}}, "spec": {"selector": {"app": "web"}, "ports": [{"name": "web", "port": 80, "targetPort": "http"}, {"name": "prom", "port": 81, "targetPort": 9090}]}}

_service_monitor(spec, namespace) := {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "web", "namespace": namespace}, "spec": object.union({"selector": {"matchLabels": {"app": "web"}}}, spec)}

_deny(objects) := faults if faults := scraped_ports.deny with input as fixture.overlay(objects)

_denied(objects) := {fault.path | some fault in _deny(objects)}

# What a PodMonitor scrapes of pods without annotations, under some PeerAuthentications.
_under(policies) := {array.slice(path, 2, 9) | some path in _denied(array.concat([_namespace, _web({}), _monitor], policies))}

# What is scraped under one for the namespace.
_scraped(objects) := {fault.msg | some fault in _deny(array.concat([_namespace, _auth("default", "shop", _strict)], objects))}

test_denies if {
	_deny([_namespace, _web({}), _monitor, _auth("default", "shop", _strict)]) == {{
		"msg": `PeerAuthentication "default" wants mutual TLS on port 9090 of Deployment "web", which is scraped in plain text, by PodMonitor "web"`,
		"path": ["objects", 3, "spec", "mtls", "mode"],
		"with": {["objects", 2, "spec", "podMetricsEndpoints", 0]},
	}}
}

test_modes[name] if {
	port := {"portLevelMtls": {"9090": {"mode": "PERMISSIVE"}}}
	some name, [policies, paths] in {
		"none": [[], set()],
		"namespace": [[_auth("default", "shop", _strict)], {["spec", "mtls", "mode"]}],
		"namespace, an empty selector": [[_auth("default", "shop", object.union({"selector": {"matchLabels": {}}}, _strict))], {["spec", "mtls", "mode"]}],
		"namespace, permissive": [[_auth("default", "shop", {"mtls": {"mode": "PERMISSIVE"}}), _auth("default", "istio-system", _strict)], set()],
		"namespace, nothing said": [[_auth("default", "shop", {}), _auth("default", "istio-system", _strict)], {["spec", "mtls", "mode"]}],
		"two of a namespace that agree": [[_auth("a", "shop", _strict), _auth("b", "shop", _strict)], {["spec", "mtls", "mode"]}],
		"two of a namespace that do not": [[_auth("a", "shop", _strict), _auth("b", "shop", {"mtls": {"mode": "DISABLE"}})], set()],
		"another namespace": [[_auth("default", "other", _strict)], set()],
		"mesh": [[_auth("default", "istio-system", _strict)], {["spec", "mtls", "mode"]}],
		"mesh, with a selector": [[_auth("default", "istio-system", object.union(_of_web, _strict))], set()],
		"mesh, nothing said": [[_auth("default", "istio-system", {"mtls": {"mode": "UNSET"}})], set()],
		"pods": [[_auth("web", "shop", object.union(_of_web, _strict))], {["spec", "mtls", "mode"]}],
		"other pods": [[_auth("web", "shop", object.union({"selector": {"matchLabels": {"app": "other"}}}, _strict))], set()],
		"pods, permissive": [[_auth("default", "shop", _strict), _auth("web", "shop", object.union(_of_web, {"mtls": {"mode": "PERMISSIVE"}}))], set()],
		"pods, nothing said": [[_auth("web", "shop", _of_web), _auth("default", "shop", _strict)], {["spec", "mtls", "mode"]}],
		"pods, the port": [[_auth("default", "shop", _strict), _auth("web", "shop", object.union_n([_of_web, _strict, port]))], set()],
		"pods, another port": [[_auth("web", "shop", object.union_n([_of_web, _strict, {"portLevelMtls": {"8080": {"mode": "PERMISSIVE"}}}]))], {["spec", "mtls", "mode"]}],
		"pods, a port of none": [[_auth("web", "shop", object.union_n([_of_web, _strict, {"portLevelMtls": {"9091": {"mode": "PERMISSIVE"}}}]))], set()],
		"pods, a port of Istio": [[_auth("web", "shop", object.union_n([_of_web, _strict, {"portLevelMtls": {"15090": {"mode": "DISABLE"}}}]))], {["spec", "mtls", "mode"]}],
		"pods, the port strict": [[_auth("web", "shop", object.union(_of_web, {"portLevelMtls": {"9090": {"mode": "STRICT"}}}))], {["spec", "portLevelMtls", "9090", "mode"]}],
		"pods, of the port nothing said": [[_auth("web", "shop", object.union_n([_of_web, _strict, {"portLevelMtls": {"9090": null}}]))], {["spec", "mtls", "mode"]}],
		"two of the pods that do not agree": [[_auth("web", "shop", object.union(_of_web, _strict)), _auth("web-metrics", "shop", object.union(_of_web, port))], set()],
		"by a label that who runs pods gives": [[_auth("web", "shop", object.union({"selector": {"matchLabels": {"istio.io/rev": "1-27"}}}, _strict))], set()],
		"a port without a selector": [[_auth("default", "shop", object.union(_strict, port))], {["spec", "mtls", "mode"]}],
	}
	_under(policies) == paths
}

test_no_sidecar if {
	strict := _auth("default", "shop", _strict)
	every namespace in [{}, {"labels": {"istio.io/dataplane-mode": "ambient"}}, {"labels": {"istio-injection": "disabled"}}] {
		_deny([object.union({"apiVersion": "v1", "kind": "Namespace"}, {"metadata": object.union({"name": "shop"}, namespace)}), _web({}), _monitor, strict]) == set()
	}
	_deny([_web({}), _monitor, strict]) == set()
	_deny([_namespace, _web({"sidecar.istio.io/inject": "false"}), _monitor, strict]) == set()
}

# Somebody else has a part in the namespace.
test_namespace_of_others if {
	scraped_ports.deny == set() with input as object.union(
		fixture.overlay([_namespace, _web({}), _monitor, _auth("default", "shop", _strict)]),
		{"external": [{"kind": "Namespace", "name": "shop"}]},
	)
}

test_pod_monitors if {
	every endpoint in [{"port": "metrics"}, {"portNumber": 9090}, {"targetPort": 9090}, {"port": "metrics", "scheme": "HTTP"}, {"port": "metrics", "relabelings": [{"targetLabel": "job", "replacement": "web"}]}] {
		count(_scraped([_web({}), _scraping(endpoint)])) == 1
	}
	every endpoint in [
		{"port": "metrics", "scheme": "https"},
		{"port": "metrics", "scheme": "HTTPS", "tlsConfig": {"caFile": "/etc/istio-certs/root-cert.pem", "insecureSkipVerify": true}},
		{"port": "metrics", "tlsConfig": {}},
		{"port": "metrics", "proxyUrl": "http://proxy.mesh:3128"},
		{"port": "metrics", "relabelings": [{"targetLabel": "__scheme__", "replacement": "https"}]},
		{"port": "metrics", "relabelings": [{"sourceLabels": ["__meta_kubernetes_pod_phase"], "action": "Keep", "regex": "Running"}]},
		{"port": "http-envoy-prom"},
		{"port": "other", "portNumber": 9090},
		{},
		"text",
	] {
		_scraped([_web({}), _scraping(endpoint)]) == set()
	}
	every spec in [{"scrapeClass": "istio-mtls"}, {"namespaceSelector": {"matchNames": ["other"]}}, {"selector": {"matchLabels": {"app": "other"}}}] {
		_scraped([_web({}), object.union(_monitor, {"spec": spec})]) == set()
	}
	every spec in [{"namespaceSelector": {"any": true}}, {"namespaceSelector": {"matchNames": ["shop"]}}] {
		count(_scraped([_web({}), object.union(_monitor, {"metadata": {"namespace": "monitoring"}, "spec": spec})])) == 1
	}
	_scraped([_web({}), object.union(_monitor, {"metadata": {"namespace": "monitoring"}})]) == set()
}

test_service_monitors if {
	every endpoint in [{"port": "prom"}, {"targetPort": 9090}, {"targetPort": "metrics"}] {
		_scraped([_web({}), _service, _service_monitor({"endpoints": [endpoint]}, "shop")]) == {`PeerAuthentication "default" wants mutual TLS on port 9090 of Deployment "web", which is scraped in plain text, by ServiceMonitor "web"`}
	}
	every endpoint in [{"port": "prom", "scheme": "https", "tlsConfig": {"insecureSkipVerify": true}}, {"port": "other"}, {"targetPort": 1}, {}] {
		_scraped([_web({}), _service, _service_monitor({"endpoints": [endpoint]}, "shop")]) == set()
	}
	_scraped([_web({}), _service, _service_monitor({"endpoints": [{"port": "prom"}]}, "monitoring")]) == set()
	_scraped([_web({}), _service, _service_monitor({"selector": {"matchLabels": {"app": "other"}}, "endpoints": [{"port": "prom"}]}, "shop")]) == set()
	count(_scraped([_web({}), _service, _service_monitor({"namespaceSelector": {"any": true}, "endpoints": [{"port": "prom"}]}, "monitoring")])) == 1
}

test_annotations if {
	scraped := {"prometheus.io/scrape": "true", "prometheus.io/port": "9090", "prometheus.istio.io/merge-metrics": "false"}
	_deny([_namespace, _web(scraped), _auth("default", "shop", _strict)]) == {{
		"msg": `PeerAuthentication "default" wants mutual TLS on port 9090 of Deployment "web", which is scraped in plain text, by its annotations`,
		"path": ["objects", 2, "spec", "mtls", "mode"],
		"with": {["objects", 1, "spec", "template", "metadata", "annotations", "prometheus.io/port"]},
	}}
	_scraped([_web(scraped), _monitor]) == {`PeerAuthentication "default" wants mutual TLS on port 9090 of Deployment "web", which is scraped in plain text, by PodMonitor "web" and its annotations`}

	# With merging, which is the default, what is scraped is port 15020.
	_scraped([_web(object.remove(scraped, {"prometheus.istio.io/merge-metrics"}))]) == set()
	every other in [
		{"prometheus.istio.io/merge-metrics": "true"},
		{"prometheus.istio.io/merge-metrics": "text"},
		{"prometheus.io/scrape": "false"},
		{"prometheus.io/scheme": "https"},
		{"prometheus.io/port": "metrics"},
		{"prometheus.io/port": "15020"},
		{"prometheus.io/port": "15090"},
	] {
		_scraped([_web(object.union(scraped, other))]) == set()
	}
}

test_ports_beside_the_sidecar if {
	every annotations in [
		{"traffic.sidecar.istio.io/excludeInboundPorts": "8081, 9090"},
		{"traffic.sidecar.istio.io/excludeInboundPorts": "${PORTS}"},
		{"traffic.sidecar.istio.io/includeInboundPorts": "8080"},
		{"traffic.sidecar.istio.io/includeInboundPorts": ""},
		{"sidecar.istio.io/interceptionMode": "NONE"},
		{"inject.istio.io/templates": "grpc-agent"},
		{"proxy.istio.io/config": "interceptionMode: NONE"},
	] {
		_scraped([_web(annotations), _monitor]) == set()
	}
	every annotations in [
		{"traffic.sidecar.istio.io/excludeInboundPorts": "8081"},
		{"traffic.sidecar.istio.io/excludeInboundPorts": ""},
		{"traffic.sidecar.istio.io/includeInboundPorts": "*"},
		{"traffic.sidecar.istio.io/includeInboundPorts": "8080,9090"},
		{"sidecar.istio.io/interceptionMode": "TPROXY"},
		{"proxy.istio.io/config": "holdApplicationUntilProxyStarts: true"},
	] {
		count(_scraped([_web(annotations), _monitor])) == 1
	}
}

_prometheus(kind, api_version, spec) := {"apiVersion": api_version, "kind": kind, "metadata": {"name": "all", "namespace": "monitoring"}, "spec": spec}

test_scraper_in_the_mesh if {
	monitoring := {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "monitoring", "labels": {"istio.io/rev": "1-27"}}}
	every scraper in [
		[_prometheus("Prometheus", "monitoring.coreos.com/v1", {}), monitoring],
		[_prometheus("OpenTelemetryCollector", "opentelemetry.io/v1beta1", {"mode": "statefulset"}), monitoring],
		[_prometheus("Prometheus", "monitoring.coreos.com/v1", {"podMetadata": {"labels": {"sidecar.istio.io/inject": "true"}}})],
		[_prometheus("PrometheusAgent", "monitoring.coreos.com/v1alpha1", {"volumeMounts": [{"mountPath": "/etc/istio-certs/", "name": "istio-certs"}]})],
		[_prometheus("Prometheus", "monitoring.coreos.com/v1", {"scrapeClasses": [{"name": "mesh", "default": true}]})],
		[_prometheus("VMAgent", "operator.victoriametrics.com/v1beta1", {"podMetadata": {"annotations": {"sidecar.istio.io/userVolume": "[]"}}})],
		[_own_prometheus({"sidecar.istio.io/inject": "true"})],
	] {
		_scraped(array.concat([_web({}), _monitor], scraper)) == set()
	}
	every scraper in [
		_prometheus("Prometheus", "monitoring.coreos.com/v1", {"replicas": 2}),
		_prometheus("OpenTelemetryCollector", "opentelemetry.io/v1beta1", {"config": {"receivers": {"prometheus": {"config": "istio_requests_total"}}}}),
		_own_prometheus({}),
	] {
		count(_scraped([_web({}), _monitor, scraper])) == 1
	}
}

_own_prometheus(labels) := {
	"apiVersion": "apps/v1",
	"kind": "StatefulSet",
	"metadata": {"name": "prometheus", "namespace": "monitoring"},
	"spec": {"template": {"metadata": {"labels": object.union({"app": "prometheus"}, labels)}, "spec": {"containers": [{"name": "prometheus", "image": "quay.io/prometheus/prometheus:v3.7.0"}]}}},
}

test_listeners_by_hand if {
	every spec in [["EnvoyFilter", {}], ["Sidecar", {"ingress": [{"port": {"number": 9090, "protocol": "HTTP", "name": "metrics"}, "captureMode": "NONE"}]}]] {
		[kind, fields] := spec
		every namespace in ["shop", "istio-system"] {
			_scraped([_web({}), _monitor, {"apiVersion": "networking.istio.io/v1alpha3", "kind": kind, "metadata": {"name": "own", "namespace": namespace}, "spec": fields}]) == set()
		}
	}
	count(_scraped([_web({}), _monitor, {"apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": {"name": "own", "namespace": "shop"}, "spec": {"egress": [{"hosts": ["./*"]}]}}])) == 1
	count(_scraped([_web({}), _monitor, {"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": {"name": "own", "namespace": "other"}, "spec": {}}])) == 1
}

# What is malformed is none of this rule.
test_malformed if {
	every spec in ["text", null, {"podMetricsEndpoints": "text"}, {"podMetricsEndpoints": [null]}] {
		_scraped([_web({}), {"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}]) == set()
	}
	every spec in ["text", null, {"mtls": "STRICT"}, {"selector": "text"}] {
		_under([_auth("default", "shop", spec)]) == set()
	}
}
