package policies.lib.registry_test

import data.policies.lib.registry

_overlay := {
	"objects": [
		{
			"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
			"spec": {"ports": [{"port": 80}, {"port": 9090}, {"port": "text"}, "text"], "selector": {"app": "web"}},
		},
		{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "bare"}, "spec": "text"},
		{"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "knative"}},
		{
			"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "otel", "namespace": "observability"},
			"spec": {"ports": [{"port": 4317}]},
		},
		{"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "metadata": {"name": "db", "namespace": "shop"}},
		{
			"apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": {"name": "pay", "namespace": "shop"},
			"spec": {"hosts": ["api.pay.example.com", 1], "ports": [{"number": 443}, {"number": "text"}]},
		},
		"text",
	],
	"external": [{"kind": "Service", "namespace": "istio-system", "name": "istiod", "ports": [15012]}, {"kind": "Secret", "namespace": "shop", "name": "web"}],
}

test_ports[name] if {
	some name, want in {
		"web.shop.svc.cluster.local": {80, 9090},
		"bare..svc.cluster.local": set(),
		"otel-collector.observability.svc.cluster.local": {4317},
		"db-rw.shop.svc.cluster.local": {5432},
		"istiod.istio-system.svc.cluster.local": {15012},
		"api.pay.example.com": {443},
	}
	ports := registry.ports(name) with input as _overlay
	ports == want
}

test_ports_of_the_unknown[name] if {
	some name in ["web", "web.default.svc.cluster.local", "knative.default.svc.cluster.local", "example.com", 1, null]
	not registry.ports(name) with input as _overlay
}

test_hides_ports[name] if {
	some name, want in {"a.shop.svc.cluster.local": true, "b.shop.svc.cluster.local": true, "c.shop.svc.cluster.local": false, "d.shop.svc.cluster.local": false}
	want == _hides_ports(name)
}

_hides_ports(name) if {
	registry.hides_ports(name) with input as {"objects": [], "external": [
		{"kind": "Service", "namespace": "shop", "name": "a"},
		{"kind": "Service", "namespace": "shop", "name": "b", "ports": []},
		{"kind": "Service", "namespace": "shop", "name": "c", "ports": [80]},
		{"kind": "Secret", "namespace": "shop", "name": "d"},
	]}
} else := false

test_known[host] if {
	some host, want in {
		"web.shop.svc.cluster.local": {"web.shop.svc.cluster.local"},
		"*.example.com": {"api.pay.example.com"},
		"*.shop.svc.cluster.local": {"web.shop.svc.cluster.local", "db-r.shop.svc.cluster.local", "db-ro.shop.svc.cluster.local", "db-rw.shop.svc.cluster.local"},
		"*.example.org": set(),
		"web": set(),
	}
	known := registry.known(host) with input as _overlay
	known == want
}

test_may_be_known[host] if {
	some host, want in {
		"web.shop.svc.cluster.local": true,
		"web..svc.cluster.local": true,
		"bare.anywhere.svc.cluster.local": true,
		"bare..svc.cluster.local": true,
		"other.shop.svc.cluster.local": false,
		"other..svc.cluster.local": false,
		"web.example.com": false,
		"web": false,
		"": false,
	}
	want == _may_be_known(host)
}

_may_be_known(host) if {
	registry.may_be_known(host) with input as _overlay
} else := false

test_title[name] if {
	some name, want in {"web..svc.cluster.local": "web", "web.shop.svc.cluster.local": "web.shop.svc.cluster.local", "api.example.com": "api.example.com", "": ""}
	registry.title(name) == want
}

test_title_of_no_text if registry.title(1) == 1

# Istio gives a namespace only to a name without a dot: web.shop stays what it is.
test_mesh_name[host] if {
	some host, want in {
		"web": "web.shop.svc.cluster.local",
		"web.shop": "web.shop",
		"web.shop.svc.cluster.local": "web.shop.svc.cluster.local",
		"*": "*",
		"*.example.com": "*.example.com",
	}
	registry.mesh_name(host, "shop") == want
}

test_dns_name[host] if {
	some host, want in {
		"web": "web.shop.svc.cluster.local",
		"web.other": "web.other.svc.cluster.local",
		"web.other.svc": "web.other.svc.cluster.local",
		"web.other.svc.cluster.local": "web.other.svc.cluster.local",
		"web.other.svc.cluster.local.": "web.other.svc.cluster.local",
		"api.example.com": "api.example.com",
	}
	registry.dns_name(host, "shop") == want
}

test_names_of_wrong_types if {
	every host in [1, null, {}, ["web"]] {
		registry.mesh_name(host, "shop") == host
		not registry.dns_name(host, "shop")
	}
}
