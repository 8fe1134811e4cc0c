package policies.traffic.let_through_test

import data.policies.traffic.let_through

_in(namespace, api_version, kind, name, rest) := object.union({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}, rest)

_pods(kind, name, container) := _in("shop", "apps/v1", kind, name, {"spec": {"template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [object.union({"name": "app"}, container)]}}}})

_web := _pods("Deployment", "web", {"env": [{"name": "CACHE_URL", "value": "redis://:secret@cache:6379/0"}], "ports": [{"name": "http", "containerPort": 8080}]})

_cache := _pods("StatefulSet", "cache", {"ports": [{"name": "redis", "containerPort": 6380}]})

_service := _in("shop", "v1", "Service", "cache", {"metadata": {"labels": {"of": "cache"}}, "spec": {"selector": {"app": "cache"}, "ports": [{"name": "redis", "port": 6379, "targetPort": "redis"}]}})

_policy(name, spec) := _in("shop", "networking.k8s.io/v1", "NetworkPolicy", name, {"spec": spec})

_of(app) := {"podSelector": {"matchLabels": {"app": app}}}

_dns := _policy("dns", {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}]})

_deny := _policy("deny", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})

_out(rule) := _policy("web", object.union(_of("web"), {"policyTypes": ["Egress"], "egress": [rule]}))

_into(rule) := _policy("cache", object.union(_of("cache"), {"ingress": [rule]}))

_right_out := _out({"to": [_of("cache")], "ports": [{"port": 6380}]})

_right_into := _into({"from": [_of("web")], "ports": [{"port": "redis"}]})

_base := [_web, _cache, _service]

_faults(objects) := {[fault.msg, fault.path] | some fault in found} if {
	found := let_through.deny with input as {"objects": objects, "external": []}
}

_all(more) := array.concat(_base, more)

_egress_msg := `Deployment "web" sends to cache:6379 (CACHE_URL), and no egress rule over Deployment "web" lets port 6380/TCP to StatefulSet "cache" through`

_ingress_msg := `Deployment "web" sends to cache:6379 (CACHE_URL), and no ingress rule over StatefulSet "cache" lets port 6380/TCP from Deployment "web" through`

_dns_msg := `Deployment "web" asks the DNS for the names that it sends to, and no egress rule over it lets port 53 through`

test_without_policies_everything_passes if _faults(_base) == set()

test_both_ends if {
	_faults(_all([_deny, _dns, _right_out, _right_into])) == set()
}

test_denies_what_has_no_rule if {
	_faults(_all([_deny])) == {
		[_egress_msg, ["objects", 3, "spec", "policyTypes", 1]],
		[_ingress_msg, ["objects", 3, "spec", "policyTypes", 0]],
		[_dns_msg, ["objects", 3, "spec", "policyTypes", 1]],
	}
}

# Its rules would let it through, if it were one for that direction.
test_rules_of_a_direction_that_no_policy_type_names if {
	idle := _policy("cache", object.union(_right_into.spec, {"policyTypes": ["Egress"], "egress": [{}]}))
	other := _policy("cache", object.union(_of("cache"), {"policyTypes": ["Egress"], "egress": [{}], "ingress": [{"ports": [{"port": 1}]}]}))
	_faults(_all([_deny, _dns, _right_out, idle])) == {[_ingress_msg, ["objects", 6, "spec", "policyTypes"]]}
	_faults(_all([_deny, _dns, _right_out, other])) == {[_ingress_msg, ["objects", 3, "spec", "policyTypes", 0]]}
}

test_denies_a_missing_rule_to_the_dns if {
	_faults(_all([_deny, _right_out, _right_into])) == {[_dns_msg, ["objects", 4, "spec", "egress"]]}
}

_not_dns := [
	{"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]},
	{"to": [_of("cache")]},
	{"ports": [{"port": 54, "protocol": "UDP"}]},
]

test_what_is_no_rule_to_the_dns if {
	every rule in _not_dns {
		[msg | some [msg, _] in _faults(_all([_out(rule)])); msg == _dns_msg] == [_dns_msg]
	}
}

_may_be_dns := [
	{},
	{"ports": [{"port": 53}]},
	{"ports": [{"port": 5353, "protocol": "UDP"}]},
	{"to": [{"ipBlock": {"cidr": "169.254.20.10/32"}}]},
	{"to": [{"namespaceSelector": {}}], "ports": [{"port": "dns", "protocol": "UDP"}]},
	{"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}], "ports": [{"port": 1, "endPort": 65535}]},
]

test_what_may_be_a_rule_to_the_dns if {
	every rule in _may_be_dns {
		_faults(_all([_right_out, _policy("more", object.union(_of("web"), {"egress": [rule]}))])) == set()
	}
}

_lets_out := {
	"everything": {},
	"the port, as a range": {"ports": [{"port": 6000, "endPort": 6400}]},
	"the port by its name": {"to": [_of("cache")], "ports": [{"port": "redis"}]},
	"any port": {"to": [_of("cache")]},
	"any port of the protocol": {"to": [_of("cache")], "ports": [{"protocol": "TCP"}]},
	"the namespace": {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}]},
	"namespaces by a label that others may give": {"to": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]},
	"addresses": {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]},
}

test_lets_out[note] if {
	some note, rule in _lets_out
	_faults(_all([_dns, _out(rule)])) == set()
}

_holds_back := {
	"nothing": [{"to": [_of("other")]}, ["spec", "egress", 0, "to", 0, "podSelector", "matchLabels", "app"]],
	"another port": [{"to": [_of("cache")], "ports": [{"port": 6381}]}, ["spec", "egress", 0, "ports", 0, "port"]],
	"a nearby port": [{"to": [_of("cache")], "ports": [{"port": 7000}, {"port": 6308}]}, ["spec", "egress", 0, "ports", 1, "port"]],
	"other ports": [{"to": [_of("cache")], "ports": [{"port": 7000}, {"port": 6390, "endPort": 6399}]}, ["spec", "egress", 0, "ports"]],
	"another protocol": [{"to": [_of("cache")], "ports": [{"port": 6380, "protocol": "UDP"}]}, ["spec", "egress", 0, "ports", 0, "port"]],
	"another name": [{"to": [_of("cache")], "ports": [{"port": "other"}]}, ["spec", "egress", 0, "ports", 0, "port"]],
	"the Service's port": [{"to": [_of("cache")], "ports": [{"port": 6379}]}, ["spec", "egress", 0, "ports", 0, "port"]],
	"another namespace": [{"to": [object.union(_of("cache"), {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}})]}, ["spec", "egress", 0, "to", 0, "namespaceSelector", "matchLabels", "kubernetes.io/metadata.name"]],
	"other pods": [{"to": [object.union(_of("other"), {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}})]}, ["spec", "egress"]],
}

test_holds_back[note] if {
	some note, [rule, path] in _holds_back
	_faults(_all([_dns, _out(rule)])) == {[_egress_msg, array.concat(["objects", 4], path)]}
}

test_holds_back_on_the_way_in if {
	_faults(_all([_into({"from": [_of("cache")], "ports": [{"port": 6380}]})])) == {[_ingress_msg, ["objects", 3, "spec", "ingress"]]}
	_faults(_all([_into({"from": [_of("web")], "ports": [{"port": 6379}]})])) == {[_ingress_msg, ["objects", 3, "spec", "ingress", 0, "ports", 0, "port"]]}
}

test_directions_where_the_policy_names_none if {
	_faults(_all([_policy("web", object.union(_of("web"), {"ingress": []}))])) == set()
	count(_faults(_all([_dns, _policy("web", object.union(_of("web"), {"egress": [{"to": [_of("web")]}]}))]))) == 1
}

_others := {
	"Cilium": _in("shop", "cilium.io/v2", "CiliumNetworkPolicy", "more", {}),
	"Calico": _in("", "projectcalico.org/v3", "GlobalNetworkPolicy", "more", {}),
	"Linkerd": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "annotations": {"linkerd.io/inject": "enabled"}}},
	"a mesh without sidecars": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"istio.io/dataplane-mode": "ambient"}}},
}

test_says_nothing_beside[note] if {
	some note, obj in _others
	_faults(_all([_deny, obj])) == set()
}

test_says_nothing_of_the_network_of_the_node if {
	host := object.union(_web, {"spec": {"template": {"spec": {"hostNetwork": true}}}})
	_faults([host, _cache, _service, _deny]) == set()
}

_annotated := object.union(_web, {"spec": {"template": {"metadata": {"annotations": {"linkerd.io/inject": "enabled"}}}}})

_ambient := object.union(_web, {"spec": {"template": {"metadata": {"labels": {"istio.io/dataplane-mode": "ambient"}}}}})

test_says_nothing_of_proxies_with_ports_of_their_own if {
	every web in [_annotated, _ambient] {
		_faults([web, _cache, _service, _deny]) == set()
	}
}

# A selector that selects nobody is the mistake: both findings miss the same pods.
test_missing_is_what_a_selector_misses if {
	faults := let_through.deny with input as {"objects": _all([_dns, _out({"to": [_of("other")]})]), "external": []}
	{fault.missing | some fault in faults} == {{"kind": "pods", "namespace": "shop", "name": `{"app":"other"}`}}
	every name, app in {"out": "wb", "web": "other"} {
		lost := let_through.deny with input as {"objects": _all([_deny, _dns, _right_into, _policy(name, object.union(_right_out.spec, _of(app)))]), "external": []}
		{[fault.path, fault.missing] | some fault in lost} == {[["objects", 6, "spec", "podSelector", "matchLabels", "app"], {"kind": "pods", "namespace": "shop", "name": sprintf(`{"app":"%s"}`, [app])}]}
	}
	open := let_through.deny with input as {"objects": _all([_deny, _dns, _right_into]), "external": []}
	{fault.missing.kind | some fault in open} == {"policies"}
}

# One that would not let it through, or is for other pods, is another mistake: mended, it lets through no more.
test_a_selector_of_another_mistake if {
	every idle in [
		_policy("out", object.union(_right_out.spec, _of("other"))),
		_policy("web", object.union(_of("wb"), {"policyTypes": ["Egress"], "egress": [{"ports": [{"port": 1}]}]})),
		_policy("web", object.union(_of("wb"), {"policyTypes": ["Ingress"], "egress": [{}]})),
		_policy("out", object.union(_right_out.spec, {"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["other"]}]}})),
	] {
		_faults(_all([_deny, _dns, _right_into, idle])) == {[_egress_msg, ["objects", 3, "spec", "policyTypes", 1]]}
	}
}

# A digit more, less or another is the port that was meant, if another rule would do as well.
test_names_the_port_that_is_nearly_the_one if {
	every port in [638, 63801, 6280, 6830, 6379] {
		rules := {"policyTypes": ["Egress"], "egress": [{"to": [_of("cache")], "ports": [{"port": 9}, {"port": port}]}, {"to": [_of("cache")], "ports": [{"port": 443}]}]}
		_faults(_all([_deny, _dns, _right_into, _policy("web", object.union(_of("web"), rules))])) == {[_egress_msg, ["objects", 6, "spec", "egress", 0, "ports", 1, "port"]]}
	}
	rules := {"policyTypes": ["Egress"], "egress": [{"to": [_of("cache")], "ports": [{"port": 63}]}, {"to": [_of("cache")], "ports": [{"port": 443}]}]}
	_faults(_all([_deny, _dns, _right_into, _policy("web", object.union(_of("web"), rules))])) == {[_egress_msg, ["objects", 6, "spec", "egress"]]}
}

_names(objects) := {msg | some [msg, _] in _faults(objects)}

_collector(spec) := _in("shop", "opentelemetry.io/v1beta1", "OpenTelemetryCollector", "otel", {"spec": object.union(
	{
		"networkPolicy": {"enabled": false},
		"config": {
			"receivers": {"otlp": {"protocols": {"grpc": {}}}},
			"exporters": {"otlp": {"endpoint": "cache:6379"}, "debug": {}},
			"service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["otlp", "debug"]}}},
		},
	},
	spec,
)})

_sender(field, value) := _pods("Deployment", "web", {field: value})

test_who_sends_to_a_collector if {
	web := _sender("env", [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel-collector:4317"}])
	into := `Deployment "web" sends to otel-collector:4317 (OTEL_EXPORTER_OTLP_ENDPOINT), and no ingress rule over OpenTelemetryCollector "otel" lets port 4317/TCP from Deployment "web" through`
	into in _names([web, _collector({}), _deny, _dns])
	not into in _names([web, _collector({"networkPolicy": {"enabled": true}}), _deny, _dns])
	not into in _names([web, _collector({}), _policy("in", {"podSelector": {}, "ingress": [{"ports": [{"port": 4317}]}]}), _dns])
}

test_a_collector_sends_and_is_scraped if {
	found := _names([_collector({"observability": {"metrics": {"enableMetrics": true}}}), _cache, _service, _deny, _dns])
	found == {
		`OpenTelemetryCollector "otel" sends to cache:6379 (exporter otlp), and no egress rule over OpenTelemetryCollector "otel" lets port 6380/TCP to StatefulSet "cache" through`,
		`OpenTelemetryCollector "otel" sends to cache:6379 (exporter otlp), and no ingress rule over StatefulSet "cache" lets port 6380/TCP from OpenTelemetryCollector "otel" through`,
		`the ServiceMonitor of OpenTelemetryCollector "otel" scrapes it, and no ingress rule over OpenTelemetryCollector "otel" lets port 8888/TCP from anywhere through`,
	}
}

test_arguments_and_hosts if {
	every sender in [
		_sender("args", ["--url=http://cache.shop.svc:6379/path", "other"]),
		_sender("command", ["app", "tcp://cache:6379"]),
		_sender("env", [{"name": "CACHE_HOST", "value": "cache"}]),
		_sender("env", [{"name": "CACHE", "value": "cache.shop:6379"}]),
	] {
		count(_names([sender, _cache, _service, _deny, _dns])) == 2
	}
	every sender in [
		_sender("env", [{"name": "NAME", "value": "cache"}]),
		_sender("env", [{"name": "CACHE", "value": "cache:80"}]),
		_sender("env", [{"name": "CACHE", "value": "other:6379"}]),
		_sender("env", [{"name": "CACHE", "value": "cache:6379,other:6379"}]),
		_sender("env", [{"name": "CACHE", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]),
	] {
		_names([sender, _cache, _service, _deny, _dns]) == set()
	}
}

test_an_address_of_its_own if {
	web := _sender("env", [{"name": "OWN_URL", "value": "http://web:80"}])
	service := _in("shop", "v1", "Service", "web", {"spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}})
	_names([web, service, _deny, _dns]) == set()
}

_cluster(instances) := _in("shop", "postgresql.cnpg.io/v1", "Cluster", "db", {"spec": {"instances": instances}})

_reading := _sender("env", [{"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {"name": "db-app", "key": "uri"}}}])

test_databases if {
	_names([_reading, _cluster(2), _deny, _dns]) == {
		`Deployment "web" connects to Cluster "db" (DATABASE_URL), and no egress rule over Deployment "web" lets port 5432/TCP to Cluster "db" through`,
		`Deployment "web" connects to Cluster "db" (DATABASE_URL), and no ingress rule over Cluster "db" lets port 5432/TCP from Deployment "web" through`,
		`instances of Cluster "db" copy from each other, and no egress rule over Cluster "db" lets port 5432/TCP to Cluster "db" through`,
		`instances of Cluster "db" copy from each other, and no ingress rule over Cluster "db" lets port 5432/TCP from Cluster "db" through`,
		`the operator asks the instances of Cluster "db" how they are, and no ingress rule over Cluster "db" lets port 8000/TCP from anywhere through`,
	}
	own := {"podSelector": {"matchLabels": {"cnpg.io/cluster": "db"}}}
	_names([_reading, _cluster(1), _policy("db", object.union(own, {"ingress": [{"from": [_of("web")], "ports": [{"port": "postgresql"}]}, {"ports": [{"port": "status"}]}]}))]) == set()
	_names([_sender("env", [{"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db-app", "key": "password"}}}]), _cluster(1), _out({}), _into({})]) == set()
}

_monitor(spec) := _in("shop", "monitoring.coreos.com/v1", "ServiceMonitor", "cache", {"spec": object.union({"selector": {"matchLabels": {"of": "cache"}}, "endpoints": [{"port": "redis"}]}, spec)})

test_calls_from_anywhere if {
	every obj, title in {
		_in("shop", "monitoring.coreos.com/v1", "PodMonitor", "cache", {"spec": {"selector": {"matchLabels": {"app": "cache"}}, "podMetricsEndpoints": [{"port": "redis"}]}}): `PodMonitor "cache" scrapes StatefulSet "cache"`,
		_monitor({}): `ServiceMonitor "cache" scrapes StatefulSet "cache"`,
		_monitor({"namespaceSelector": {"matchNames": ["shop"]}, "endpoints": [{"targetPort": "redis"}]}): `ServiceMonitor "cache" scrapes StatefulSet "cache"`,
		_in("shop", "networking.istio.io/v1", "VirtualService", "cache", {"spec": {"tcp": [{"route": [{"destination": {"host": "cache", "port": {"number": 6379}}}]}]}}): `VirtualService "cache" sends to Service "cache"`,
		_in("shop", "networking.istio.io/v1", "VirtualService", "one", {"spec": {"http": [{"route": [{"destination": {"host": "cache.shop.svc.cluster.local"}}]}]}}): `VirtualService "one" sends to Service "cache"`,
		_in("shop", "networking.k8s.io/v1", "Ingress", "cache", {"spec": {"defaultBackend": {"service": {"name": "cache", "port": {"number": 6379}}}}}): `Ingress "cache" sends to Service "cache"`,
		_in("shop", "gateway.networking.k8s.io/v1", "TCPRoute", "cache", {"spec": {"rules": [{"backendRefs": [{"name": "cache", "port": 6379}]}]}}): `TCPRoute "cache" sends to Service "cache"`,
		_in("", "apiregistration.k8s.io/v1", "APIService", "cache", {"spec": {"service": {"name": "cache", "namespace": "shop", "port": 6379}}}): `APIService "cache" sends to Service "cache"`,
		_in("", "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "cache", {"webhooks": [{"clientConfig": {"service": {"name": "cache", "namespace": "shop", "port": 6379}}}]}): `ValidatingWebhookConfiguration "cache" sends to Service "cache"`,
	} {
		_names([obj, _cache, _service, _deny, _dns]) == {sprintf(`%s, and no ingress rule over StatefulSet "cache" lets port 6380/TCP from anywhere through`, [title])}
		_names([obj, _cache, _service, _into({"from": [_of("nobody")], "ports": [{"port": 6380}]})]) == set()
	}
}

test_monitors_that_may_scrape_elsewhere if {
	every spec in [
		{"selector": {"matchLabels": {"of": "other"}}},
		{"namespaceSelector": {"any": true}},
		{"namespaceSelector": {"matchNames": ["other"]}},
		{"endpoints": [{"port": "other"}, {"targetPort": 1}]},
		{"endpoints": [{"port": "redis", "relabelings": [{"action": "drop"}]}]},
	] {
		_names([_monitor(spec), _cache, _service, _deny, _dns]) == set()
	}
}

_scraped_by(annotations) := object.union(_cache, {"spec": {"template": {"metadata": {"annotations": annotations}}}})

test_annotations if {
	scraped := {"prometheus.io/scrape": "true", "prometheus.io/port": "9121"}
	_names([_scraped_by(scraped), _deny, _dns]) == {`annotations of StatefulSet "cache" have it scraped, and no ingress rule over StatefulSet "cache" lets port 9121/TCP from anywhere through`}
	_names([_scraped_by(scraped), _into({"ports": [{"port": 9121}]})]) == set()
	every annotations in [{"prometheus.io/scrape": "false"}, {"prometheus.io/port": "http"}, {"prometheus.io/port": "{{ .Port }}"}] {
		_names([_scraped_by(object.union(scraped, annotations)), _deny, _dns]) == set()
	}
	injected := object.union(_scraped_by(scraped), {"spec": {"template": {"metadata": {"labels": {"sidecar.istio.io/inject": "true"}}}}})
	_names([injected, _into({"from": [_of("web")], "ports": [{"port": 1}]})]) == set()
}

test_sidecars if {
	injected := {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"istio-injection": "enabled"}}}
	msg := `the sidecar of StatefulSet "cache" has its certificate from istiod, and no egress rule over StatefulSet "cache" lets port 15012/TCP to anywhere through`
	_names([_cache, injected, _deny, _dns]) == {msg}
	labelled := object.union(_cache, {"spec": {"template": {"metadata": {"labels": {"sidecar.istio.io/inject": "true"}}}}})
	_names([labelled, _deny, _dns]) == {msg}
	without := object.union(_cache, {"spec": {"template": {"metadata": {"labels": {"sidecar.istio.io/inject": "false"}}}}})
	_names([without, injected, _deny, _dns]) == set()
	_names([object.union(_cache, {"spec": {"template": {"metadata": {"annotations": {"sidecar.istio.io/inject": "false"}}}}}), injected, _deny, _dns]) == set()
}

test_fluent_bit if {
	agent := object.union(_pods("DaemonSet", "fluent-bit", {}), {"spec": {"template": {"spec": {"volumes": [{"configMap": {"name": "fluent-bit"}}]}}}})
	config := _in("shop", "v1", "ConfigMap", "fluent-bit", {"data": {"fluent-bit.yaml": yaml.marshal({"pipeline": {"outputs": [{"name": "forward", "host": "cache", "port": 6379}]}})}})
	count(_names([agent, config, _cache, _service, _deny, _dns])) == 2
}

_to_others(rule) := {fault.msg | some fault in faults} if {
	web := _sender("env", [{"name": "GATEWAY", "value": "gateway.telemetry:4317"}])
	external := [{"kind": "Service", "namespace": "telemetry", "name": "gateway", "ports": [4317]}]
	faults := let_through.deny with input as {"objects": [web, _dns, _out(rule)], "external": external}
}

test_services_of_others if {
	telemetry := {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "telemetry"}}}
	_to_others({"to": [telemetry], "ports": [{"port": 14317}]}) == set()
	_to_others({"to": [_of("web")]}) == {`Deployment "web" sends to gateway.telemetry:4317 (GATEWAY), and no egress rule over Deployment "web" lets it to namespace telemetry through`}
}

# A port that is none is said once: what selector/opened-ports says misses the same.
test_missing_is_the_port_that_pods_do_not_have if {
	every listed in [{"port": "web"}, {"port": 6379}] {
		monitor := _in("shop", "monitoring.coreos.com/v1", "PodMonitor", "cache", {"spec": {"selector": {"matchLabels": {"app": "cache"}}, "podMetricsEndpoints": [{"port": "redis"}]}})
		faults := let_through.deny with input as {"objects": [monitor, _cache, _service, _into({"ports": [listed]})], "external": []}
		{fault.missing.name | some fault in faults} == {sprintf(`{"matchExpressions":[],"matchLabels":{"app":"cache"},"port":"%v/TCP"}`, [listed.port])}
		{fault.path | some fault in faults} == {["objects", 3, "spec", "ingress", 0, "ports", 0, "port"]}
	}
}

test_addresses_of_databases if {
	every value in ["postgres://user:secret@db-rw/ledger", "db-ro.shop:5432", "postgresql://db-r.shop.svc.cluster.local:5432"] {
		web := _sender("env", [{"name": "URL", "value": value}])
		found := _names([web, _cluster(1), _deny, _dns])
		count({msg | some msg in found; startswith(msg, `Deployment "web" sends to db-`)}) == 2
	}
	_names([_sender("env", [{"name": "URL", "value": "db-rw:5433"}]), _cluster(1), _out({}), _into({})]) == set()
}

# Declared for targets that do not render it: here it is known better.
test_services_that_are_declared_and_rendered if {
	external := [{"kind": "Service", "namespace": "shop", "name": name, "ports": [6379]} | some name in ["cache", "otel-collector"]]
	web := _sender("env", [{"name": "CACHE", "value": "cache:6379"}, {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel-collector:4317"}])
	out := _out({"to": [_of("web")], "ports": [{"port": 1}]})
	faults := let_through.deny with input as {"objects": [web, _cache, _service, _collector({}), _dns, out], "external": external}
	{fault.msg | some fault in faults; startswith(fault.msg, "Deployment")} == {
		`Deployment "web" sends to cache:6379 (CACHE), and no egress rule over Deployment "web" lets port 6380/TCP to StatefulSet "cache" through`,
		`Deployment "web" sends to otel-collector:4317 (OTEL_EXPORTER_OTLP_ENDPOINT), and no egress rule over Deployment "web" lets port 4317/TCP to OpenTelemetryCollector "otel" through`,
	}
}

test_ports_that_a_service_keeps if {
	every port in [{"port": 6380}, {"port": 6380, "targetPort": 6380}] {
		service := object.union(_service, {"spec": {"ports": [port]}})
		web := _sender("env", [{"name": "CACHE", "value": "cache:6380"}])
		count(_names([web, _cache, service, _deny, _dns])) == 2
	}
}

test_a_policy_that_is_nothing_but_its_name if {
	count(_names([_web, _cache, _service, _policy("deny", {"podSelector": {}})])) == 1
}

_sending(spec) := object.union(_in("shop", "apps/v1", "Deployment", "web", {}), {"spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}}})

_env(name, value) := {"containers": [{"name": "app", "env": [{"name": name, "value": value}]}]}

_without_a_rule(spec) := _faults([_sending(spec), _cache, _service, _dns, _policy("web", object.union(_of("web"), {"policyTypes": ["Egress"], "egress": []}))])

_arguments(argument) := {"containers": [{"name": "app", "args": [argument]}]}

# Who may call, or where a browser is sent to, is nobody that the pods call.
test_addresses_for_others if {
	every name in ["CORS_ORIGIN", "ALLOWED_ORIGINS", "OAUTH_REDIRECT_URL", "PUBLIC_URL", "csrf_trusted_origin"] {
		_without_a_rule(_env(name, "http://cache:6379")) == set()
	}
	every name in ["CACHE_URL", "ORIGINAL_URL"] {
		count(_without_a_rule(_env(name, "http://cache:6379"))) == 1
	}
	_without_a_rule(_arguments("--cors-origin=http://cache:6379")) == set()
	count(_without_a_rule(_arguments("--cache=http://cache:6379"))) == 1
}

test_names_that_are_in_the_file_of_hosts if {
	spec := {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["Cache"]}]}
	_without_a_rule(object.union(_env("CACHE_URL", "http://cache:6379"), spec)) == set()
	_without_a_rule(object.union({"containers": [{"name": "app", "args": ["http://cache:6379"]}]}, spec)) == set()
}

test_a_host_without_a_port if {
	{msg | some [msg, _] in _without_a_rule(_env("CACHE_HOST", "cache"))} == {
		`Deployment "web" sends to cache (CACHE_HOST), and no egress rule over Deployment "web" lets port 6380/TCP to StatefulSet "cache" through`,
	}
}

test_a_rendered_dns_server if {
	named := [_policy("web", object.union(_of("web"), {"policyTypes": ["Egress"], "egress": [
		{"to": [_of("names")], "ports": [{"port": 53, "protocol": "UDP"}]},
		{"to": [_of("cache")]},
	]}))]
	server := _pods("Deployment", "names", {"ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}]})
	_faults(_all(array.concat(named, [server]))) == set()
	other := _pods("Deployment", "names", {"ports": [{"name": "http", "containerPort": 80}]})
	{msg | some [msg, _] in _faults(_all(array.concat(named, [other])))} == {_dns_msg}
}

# The pods of the DNS are in kube-system, and not known here.
test_the_namespace_of_the_dns if {
	objects := [object.union(obj, {"metadata": {"namespace": "kube-system"}}) |
		some obj in _all([_policy("web", object.union(_of("web"), {"policyTypes": ["Egress"], "egress": [
			{"to": [{"podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}], "ports": [{"port": 53, "protocol": "UDP"}]},
			{"to": [_of("cache")]},
		]}))])
	]
	_faults(objects) == set()
}
