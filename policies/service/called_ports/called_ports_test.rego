package policies.service.called_ports_test

import data.policies.service.called_ports

_service := {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"ports": [{"name": "http", "port": 80}, {"port": 443, "targetPort": 8443}]}}

_deny(service, obj) := faults if {
	faults := called_ports.deny with input as {"objects": [service, obj]}
}

_api(service) := {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "v1.a"}, "spec": {"service": object.union({"name": "web", "namespace": "shop"}, service)}}

_hook(service) := {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "a"}, "webhooks": [{"clientConfig": {"url": "https://a"}}, {"clientConfig": {"service": object.union({"name": "web", "namespace": "shop"}, service)}}]}

_ingress(port) := {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"rules": [{"http": {"paths": [{"backend": {"service": {"name": "web", "port": port}}}]}}]}}

test_ports_of_the_service if {
	every obj in [_api({}), _api({"port": 443}), _hook({}), _hook({"port": 80}), _ingress({"number": 80}), _ingress({"name": "http"})] {
		_deny(_service, obj) == set()
	}
}

test_other_ports if {
	_deny(_service, _api({"port": 8443})) == {{
		"path": ["objects", 1, "spec", "service", "port"],
		"msg": `APIService "v1.a" calls port 8443 of Service "web", which has 80, 443, http`,
		"with": {["objects", 0, "spec", "ports", 0, "port"], ["objects", 0, "spec", "ports", 1, "port"]},
	}}
	{fault.path | some fault in _deny(_service, _hook({"port": 8443}))} == {["objects", 1, "webhooks", 1, "clientConfig", "service", "port"]}
	every port in [{"number": 8080}, {"name": "web"}] {
		{fault.path | some fault in _deny(_service, _ingress(port))} == {["objects", 1, "spec", "rules", 0, "http", "paths", 0, "backend", "service", "port"]}
	}
	plain := object.union(_service, {"spec": {"ports": [{"port": 80}]}})
	{[fault.path, fault.msg] | some fault in _deny(plain, _api({}))} == {[["objects", 1, "spec", "service", "name"], `APIService "v1.a" calls port 443 of Service "web", which has 80`]}
}

test_what_is_not_known if {
	every obj in [_api({"name": "other", "port": 1}), _api({"namespace": "ops", "port": 1}), _ingress({}), _ingress([]), _ingress({"name": "${PORT}"}), _api({"port": "{{ port }}"}), _api({"port": [1]})] {
		_deny(_service, obj) == set()
	}
	_deny(object.union(_service, {"spec": {"type": "ExternalName"}}), _api({"port": 1})) == set()
	every ports in [null, "text", [], ["text"]] {
		_deny(object.union(_service, {"spec": {"ports": ports}}), _api({"port": 1})) == set()
	}
}

# Prometheus takes a number for that of a container, and a name for that of the Service's port.
test_numbers_of_containers if {
	every want in [[9093, 0], ["http", 0], ["other", 1]] {
		prometheus := {"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"alerting": {"alertmanagers": [{"name": "web", "namespace": "shop", "port": want[0]}]}}}
		count(_deny(_service, prometheus)) == want[1]
	}
}

_route(backend) := {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"rules": [{"backendRefs": [object.union({"name": "web"}, backend)]}]}}

test_routes if {
	every backend in [{"port": 80}, {}, {"port": 8080, "kind": "Pool", "group": "example.com"}, {"port": 8080, "namespace": "ops"}] {
		_deny(_service, _route(backend)) == set()
	}
	{fault.path | some fault in _deny(_service, _route({"port": 8080}))} == {["objects", 1, "spec", "rules", 0, "backendRefs", 0, "port"]}
	ingress := {"apiVersion": "traefik.io/v1alpha1", "kind": "IngressRoute", "metadata": {"name": "a", "namespace": "shop"}, "spec": {"routes": [{"services": [{"name": "web"}, {"name": "web", "port": "http"}, {"name": "web@file", "port": 1}, {"name": "web", "port": 8080}]}]}}
	{fault.path | some fault in _deny(_service, ingress)} == {["objects", 1, "spec", "routes", 0, "services", 3, "port"]}
}

_calling(name, value) := {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "cart", "namespace": "shop"}, "spec": {"template": {"metadata": {"labels": {"app": "cart"}}, "spec": {"containers": [{"name": "app", "env": [{"name": name, "value": value}]}]}}}}

test_addresses if {
	every value in ["http://web:80", "http://web.shop/a", "http://web", "http://other:8080", "http://web.ops:8080", "web:8080", "http://web:8080,http://b", "http://${HOST}:8080", "see http://web:8080", "http://web.example.com:8080"] {
		_deny(_service, _calling("WEB", value)) == set()
	}
	every value in ["http://web:8080", "http://web.shop:8080/a?b=c", "http://web.shop.svc.cluster.local:8080"] {
		{[fault.path, fault.msg] | some fault in _deny(_service, _calling("WEB", value))} == {[["objects", 1, "spec", "template", "spec", "containers", 0, "env", 0, "value"], `container "app" of Deployment "cart" (WEB) calls port 8080 of Service "web", which has 80, 443, http`]}
	}
	every name in ["OTEL_EXPORTER_OTLP_ENDPOINT", "CORS_ALLOWED_ORIGINS", "PUBLIC_URL", "OAUTH_REDIRECT_URL"] {
		_deny(_service, _calling(name, "http://web:8080")) == set()
	}
	aliased := object.union(_calling("WEB", "http://web:8080"), {"spec": {"template": {"spec": {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["Web"]}]}}}})
	_deny(_service, aliased) == set()
	every spec in [{"clusterIP": "None"}, {"type": "ExternalName"}, {"selector": {"app": "cart"}}] {
		_deny(object.union(_service, {"spec": spec}), _calling("WEB", "http://web:8080")) == set()
	}
}
