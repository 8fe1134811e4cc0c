package policies.selector.opened_ports_test

import data.policies.lib.fixture_test as fixture
import data.policies.selector.opened_ports

_named(api_version, kind, spec) := {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}}, "spec": spec}

_policy(spec) := _named("networking.k8s.io/v1", "NetworkPolicy", object.union({"podSelector": {"matchLabels": {"app": "web"}}}, spec))

_ingress(port) := _policy({"ingress": [{"ports": [port]}]})

_to := {"podSelector": {"matchLabels": {"app": "web"}}}

_egress(to, port) := _policy({"egress": [{"to": to, "ports": [port]}]})

_pods_monitor(endpoint) := _named("monitoring.coreos.com/v1", "PodMonitor", {"selector": {"matchLabels": {"app": "web"}}, "podMetricsEndpoints": [endpoint]})

_services_monitor(spec) := _named("monitoring.coreos.com/v1", "ServiceMonitor", object.union({"selector": {"matchLabels": {"app": "web"}}}, spec))

_service := _named("v1", "Service", {"selector": {"app": "web"}, "ports": [
	{"name": "http", "port": 80, "targetPort": "http"},
	{"name": "metrics", "port": 90, "targetPort": 9090},
	{"name": "dns", "port": 53, "protocol": "UDP"},
]})

_pod := {
	"containers": [{"name": "app", "ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 9090}]}],
	"initContainers": [{"name": "proxy", "restartPolicy": "Always", "ports": [{"name": "stats", "containerPort": 15000}]}],
}

_faults(kind, obj) := {[fault.msg, fault.path] | some fault in found} if {
	found := opened_ports.deny with input as fixture.overlay([obj, _service, fixture.workload(kind, _pod, {})])
}

_good := {
	"a name": _ingress({"port": "http"}),
	"a name of a sidecar": _ingress({"port": "stats"}),
	"a name of injection": _ingress({"port": "http-envoy-prom"}),
	"a number": _ingress({"port": 8080}),
	"a number that is not declared": _ingress({"port": 7777}),
	"a range": _ingress({"port": 80, "endPort": 8080}),
	"no port": _ingress({"protocol": "TCP"}),
	"a Service's own": _ingress({"port": 53, "protocol": "UDP"}),
	"another protocol": _ingress({"port": 80, "protocol": "UDP"}),
	"text": _policy({"ingress": [{"ports": "http"}]}),
	"both numbers": _policy({"ingress": [{"ports": [{"port": 80}, {"port": 8080}]}]}),
	"out by name": _egress([_to], {"port": "http"}),
	"out to anybody": _egress([], {"port": "other"}),
	"out to addresses": _egress([_to, {"ipBlock": {"cidr": "10.0.0.0/8"}}], {"port": "other"}),
	"out to namespaces by a label": _egress([{"namespaceSelector": {"matchLabels": {"team": "a"}}}], {"port": "other"}),
	"out to a namespace that is not known": _egress([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}], {"port": "other"}),
	"a policy without pods": object.union(_ingress({"port": "other"}), {"spec": {"podSelector": {"matchLabels": {"app": "other"}}}}),
	"scraped by name": _pods_monitor({"port": "http"}),
	"scraped by number": _pods_monitor({"portNumber": 9090}),
	"scraped by the old field": _pods_monitor({"targetPort": 9090}),
	"scraped by a pattern": _pods_monitor({"port": "http|other"}),
	"scraped from the sidecar": _pods_monitor({"port": "http-envoy-prom"}),
	"scraped wherever": _pods_monitor({"path": "/metrics"}),
	"scraped from anywhere": object.union(_pods_monitor({"port": "other"}), {"spec": {"namespaceSelector": {"any": true}}}),
	"a Service's port": _services_monitor({"endpoints": [{"port": "metrics"}, {"targetPort": 9090}, {"port": "a|b"}]}),
	"a Service's port anywhere": _services_monitor({"endpoints": [{"port": "other"}], "namespaceSelector": {"any": true}}),
	"a Service of others": _services_monitor({"endpoints": [{"port": "other"}], "selector": {"matchLabels": {"app": "other"}}}),
	"a Service elsewhere": _services_monitor({"endpoints": [{"port": "other"}], "namespaceSelector": {"matchNames": ["other"]}}),
}

test_allows[note] if {
	some note, obj in _good
	_faults("Deployment", obj) == set()
}

test_allows_in_every_kind[kind] if {
	some kind, _ in fixture.spec_paths
	_faults(kind, _good["a name"]) == set()
	_faults(kind, _good["scraped by number"]) == set()
}

_bad := {
	"a name": [_ingress({"port": "web"}), ["spec", "ingress", 0, "ports", 0, "port"], "port web/TCP of NetworkPolicy \"web\" lets nothing through: the pods of %s have 9090/TCP, http (8080/TCP), stats (15000/TCP)"],
	"a name of another protocol": [_ingress({"port": "http", "protocol": "UDP"}), ["spec", "ingress", 0, "ports", 0, "port"], "port http/UDP of NetworkPolicy \"web\" lets nothing through: the pods of %s have 9090/TCP, http (8080/TCP), stats (15000/TCP)"],
	"a Service's number": [_ingress({"port": 80}), ["spec", "ingress", 0, "ports", 0, "port"], "port 80/TCP of NetworkPolicy \"web\" lets nothing through: it is that of a Service, and a policy holds for the pods' own, 8080"],
	"a Service's number of a number": [_ingress({"port": 90}), ["spec", "ingress", 0, "ports", 0, "port"], "port 90/TCP of NetworkPolicy \"web\" lets nothing through: it is that of a Service, and a policy holds for the pods' own, 9090"],
	"out": [_egress([_to], {"port": "web"}), ["spec", "egress", 0, "ports", 0, "port"], "port web/TCP of NetworkPolicy \"web\" lets nothing through: the pods of %s have 9090/TCP, http (8080/TCP), stats (15000/TCP)"],
	"out to the namespace": [_egress([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}], {"port": 80}), ["spec", "egress", 0, "ports", 0, "port"], "port 80/TCP of NetworkPolicy \"web\" lets nothing through: it is that of a Service, and a policy holds for the pods' own, 8080"],
	"scraped by name": [_pods_monitor({"port": "web"}), ["spec", "podMetricsEndpoints", 0, "port"], "port web of PodMonitor \"web\" scrapes nothing: the pods of %s have 9090/TCP, http (8080/TCP), stats (15000/TCP)"],
	"scraped by number": [_pods_monitor({"portNumber": 90}), ["spec", "podMetricsEndpoints", 0, "portNumber"], "port 90 of PodMonitor \"web\" scrapes nothing: the pods of %s have 9090/TCP, http (8080/TCP), stats (15000/TCP)"],
	"a Service's port": [_services_monitor({"endpoints": [{"port": "other"}]}), ["spec", "endpoints", 0, "port"], "port other of ServiceMonitor \"web\" scrapes nothing: Service \"web\" has dns, http, metrics"],
	"a Service's port in a namespace by its name": [_services_monitor({"endpoints": [{"port": "other"}], "namespaceSelector": {"matchNames": ["shop"]}}), ["spec", "endpoints", 0, "port"], "port other of ServiceMonitor \"web\" scrapes nothing: Service \"web\" has dns, http, metrics"],
}

_filled(msg, kind) := replace(msg, "%s", sprintf("%s \"web\"", [kind]))

test_denies[note] if {
	some note, _ in _bad
	_denied("Deployment", note)
}

test_denies_in_every_kind[kind] if {
	some kind, _ in fixture.spec_paths
	_denied(kind, "a name")
	_denied(kind, "scraped by number")
}

_denied(kind, note) if {
	[obj, path, msg] := _bad[note]
	_faults(kind, obj) == {[_filled(msg, kind), array.concat(["objects", 0], path)]}
}

test_pods_without_ports if {
	pod := {"containers": [{"name": "app"}]}
	service := object.union(_service, {"spec": {"ports": [{"port": 80}]}})
	faults := opened_ports.deny with input as fixture.overlay([_ingress({"port": "http"}), _services_monitor({"endpoints": [{"port": "http"}]}), service, fixture.workload("Deployment", pod, {})])
	{fault.msg | some fault in faults} == {
		`port http/TCP of NetworkPolicy "web" lets nothing through: the pods of Deployment "web" have none by a name`,
		`port http of ServiceMonitor "web" scrapes nothing: Service "web" has none by a name`,
	}
}

# Another target, or a chart, may have pods with the port.
test_what_is_missing if {
	objects := [_ingress({"port": "web"}), _service, fixture.workload("Deployment", _pod, {})]
	{fault.missing | some fault in opened_ports.deny} == {{"kind": "pods", "namespace": "shop", "name": `{"matchExpressions":[],"matchLabels":{"app":"web"},"port":"web/TCP"}`}} with input as fixture.overlay(objects)
}

# Another Service goes by the same number to the pods' own.
test_a_number_that_is_the_pods_own_as_well if {
	every port in [{"port": 80}, {"port": 80, "targetPort": 80}, {"port": 81, "targetPort": 80}] {
		other := object.union(_service, {"metadata": {"name": "other"}, "spec": {"ports": [port]}})
		opened_ports.deny == set() with input as fixture.overlay([_ingress({"port": 80}), _service, other, fixture.workload("Deployment", _pod, {})])
	}
	declared := object.union(_pod, {"containers": [{"name": "app", "ports": [{"name": "http", "containerPort": 8080}, {"containerPort": 80}]}]})
	opened_ports.deny == set() with input as fixture.overlay([_ingress({"port": 80}), _service, fixture.workload("Deployment", declared, {})])
}

# A monitor of the Services that an operator makes selects them too.
test_services_of_operators if {
	collector := {"apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector", "metadata": {"name": "gw", "namespace": "shop"}}
	objects := [_services_monitor({"endpoints": [{"port": "other"}]}), _service, fixture.workload("Deployment", _pod, {})]
	count(opened_ports.deny) == 1 with input as fixture.overlay(objects)
	opened_ports.deny == set() with input as fixture.overlay(array.concat(objects, [collector]))
	count(opened_ports.deny) == 1 with input as fixture.overlay(array.concat(objects, [object.union(collector, {"metadata": {"namespace": "other"}})]))
}
