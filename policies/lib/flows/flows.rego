# METADATA
# scope: package
# title: Connections that objects cannot do without
# description: |
#   Who sends to whom, as objects say it: addresses in the environment and the arguments of containers,
#   exporters and outputs, databases, monitors, routes, webhooks and sidecars. An end is as of
#   lib.network; what is not known of one is null.
package policies.lib.flows

import data.policies.lib.collector
import data.policies.lib.database
import data.policies.lib.endpoint
import data.policies.lib.entry
import data.policies.lib.envvar
import data.policies.lib.fluentbit
import data.policies.lib.labels
import data.policies.lib.mesh
import data.policies.lib.monitor
import data.policies.lib.object as obj_lib
import data.policies.lib.pods
import data.policies.lib.registry
import data.policies.lib.selector
import data.policies.lib.sidecar
import data.policies.lib.workload

_groups := {group.index: group | some group in pods.input_groups}

# METADATA
# description: |
#   The connections that objects of an overlay cannot do without: {from, to, port, why, named}. from and to
#   are ends, port is the pods' own; why begins with who needs it, and named says that it begins
#   with a question to the DNS.
input_flows := array.concat(_to_services, array.concat(_to_databases, array.concat(_of_databases, array.concat(_scraped, array.concat(_collected, array.concat(_routed, _sidecars))))))

_unknown := {"namespace": null, "group": null}

_end(group) := {"namespace": group.namespace, "group": group}

# Who names a Service in its environment, its arguments or its configuration.
_to_services := [flow |
	some sent in _sent
	some target in _targets(sent.name, sent.number)
	not _is_itself(sent.group, target.end)
	flow := {
		"from": _end(sent.group),
		"to": target.end,
		"port": target.port,
		"why": sprintf("%s sends to %s (%s)", [sent.group.title, sent.text, sent.where]),
		"named": true,
	}
]

_is_itself(group, end) if group.index == end.group.index

_sent contains {"group": group, "name": name, "number": number, "text": text, "where": variable.name} if {
	some index, obj in workload.input_workloads
	group := _groups[index]
	some variable in envvar.of(obj)
	not envvar.is_of_others(variable.name)
	[host, number, text] := _address(variable.value, variable.name)
	not host in workload.aliases(obj)
	name := registry.dns_name(host, obj_lib.namespace(obj))
}

_sent contains {"group": group, "name": name, "number": number, "text": text, "where": container.title} if {
	some index, obj in workload.input_workloads
	group := _groups[index]
	some container in workload.containers(obj)
	some field in ["args", "command"]
	some argument in container.value[field]
	contains(argument, "://")
	words := split(argument, "=")
	not envvar.is_of_others(words[0])
	[host, number, text] := _address(words[count(words) - 1], "")
	not host in workload.aliases(obj)
	name := registry.dns_name(host, obj_lib.namespace(obj))
}

_sent contains {"group": group, "name": name, "number": parsed.port, "text": value, "where": sprintf("exporter %s", [exporter.id])} if {
	some index, obj in collector.input_collectors
	group := _groups[index]
	some exporter in collector.used(obj, "exporters")
	some field in ["endpoint", "logs_endpoint", "metrics_endpoint", "traces_endpoint"]
	value := exporter.value[field]
	not exporter.type in {"debug", "file", "nop", "prometheus"}
	parsed := endpoint.parse(value)
	name := registry.dns_name(parsed.host, obj_lib.namespace(obj))
}

_sent contains {"group": group, "name": name, "number": number, "text": _text(output.host, number), "where": sprintf("an output of ConfigMap %s", [obj_lib.name(obj)])} if {
	some obj in obj_lib.of_kind[""].ConfigMap
	some config in fluentbit.configs(obj)
	some output in fluentbit.plugins(config, "outputs")
	number := _port_of(obj_lib.at(output, ["port"], 24224))
	name := registry.dns_name(output.host, obj_lib.namespace(obj))
	some index in _users[[obj_lib.namespace(obj), obj_lib.name(obj)]]
	group := _groups[index]
}

# The workloads that mount a ConfigMap.
_users := _users_of_config_maps

_users_of_config_maps[[obj_lib.namespace(obj), volume.configMap.name]] contains index if {
	some index, obj in workload.input_workloads
	some volume in workload.spec(obj).volumes
}

# What is filled in later is no number yet.
_port_of(port) := port if is_number(port)

_port_of(port) := to_number(port) if {
	is_string(port)
	regex.match(`^[0-9]{1,5}$`, port)
}

_text(host, number) := sprintf("%s:%v", [host, number]) if {
	number != null
} else := host

# Host and port of an address, and what of it may be shown: no password of it is.
_address(value, variable) := [lower(host), number, _text(host, number)] if {
	is_string(value)
	[[_, scheme, host, digits]] := regex.find_all_string_submatch_n(`^(?:([a-z][a-z0-9+.-]*)://)?(?:[^@/\s]*@)?([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::([0-9]{1,5}))?(?:[/?][^\s]*)?$`, value, 1)
	number := _number(scheme, digits, variable)
}

_number(_, digits, _) := to_number(digits) if digits != ""

_number(scheme, "", _) := {"amqp": 5672, "http": 80, "https": 443, "mongodb": 27017, "mysql": 3306, "nats": 4222, "postgres": 5432, "postgresql": 5432, "redis": 6379}[scheme]

_number("", "", variable) := null if regex.match(`(_|^)(HOST|HOSTNAME|ADDR|ADDRESS|SERVER)$`, variable)

# What answers to a name: ends with the port that the pods there have.
_targets(name, number) := array.concat(
	[{"end": _end(group), "port": port} |
		some at in _services[name]
		some port in _behind(at, input.objects[at], number)
		some group in port.groups
	],
	array.concat(
		[{"end": _end(_groups[index]), "port": _port(number, "TCP")} |
			some index in _collectors[name]
			number in collector.ports(input.objects[index])
		],
		array.concat(
			[{"end": _end(_groups[index]), "port": _port(5432, "TCP")} |
				some index in _databases[name]
				number in {5432, null}
			],
			[{"end": {"namespace": declared.namespace, "group": null}, "port": {"number": null, "protocol": "TCP", "names": null}} |
				some declared in _external[name]
				not _services[name]
				not _collectors[name]
			],
		),
	),
)

# What answers to a full name.
_services := _services_by_name

_services_by_name[_full_name(obj_lib.name(obj), obj_lib.namespace(obj))] contains index if {
	some index, obj in obj_lib.of_kind[""].Service
}

_collectors := _collectors_by_name

_collectors_by_name[_full_name(collector.service_name(obj), obj_lib.namespace(obj))] contains index if {
	some index, obj in collector.input_collectors
}

_databases := _databases_by_name

_databases_by_name[_full_name(sprintf("%s-%s", [obj_lib.name(obj), suffix]), obj_lib.namespace(obj))] contains index if {
	some index, obj in obj_lib.of_kind["postgresql.cnpg.io"].Cluster
	some suffix in ["r", "ro", "rw"]
}

_external := _external_by_name

_external_by_name[_full_name(declared.name, declared.namespace)] contains declared if {
	some declared in input.external
	declared.kind == "Service"
}

_full_name(name, namespace) := registry.dns_name(sprintf("%s.%s", [name, namespace]), "")

_port(number, protocol) := {"number": number, "protocol": protocol, "names": null}

# The pods behind a port of a Service, with the number that they have and the place of the Service's: one of several where no
# number is asked for.
_behind(at, service, number) := [{"number": own, "protocol": obj_lib.at(port, ["protocol"], "TCP"), "names": _names(groups, own), "groups": groups, "at": ["objects", at, "spec", "ports", i]} |
	some i, port in service.spec.ports
	_is_asked(port, service, number)
	groups := pods.selected_by_map(service.spec.selector, obj_lib.namespace(service))
	some own in {own | some group in groups; own := pods.own(port, group)}
]

_is_asked(port, _, number) if port.port == number

_is_asked(_, service, null) if count(service.spec.ports) == 1

_names(groups, number) := null if {
	some group in groups
	group.ports == null
} else := {opened.name | some group in groups; some opened in group.ports; opened.number == number}

# Who reads the Secret with the address of a database.
_to_databases := [flow |
	some index, obj in workload.input_workloads
	some container in workload.containers(obj)
	some variable in container.value.env
	secret := variable.valueFrom.secretKeyRef
	some cluster_index in _secrets[[obj_lib.namespace(obj), secret.name]]
	cluster := input.objects[cluster_index]
	secret.key in {"fqdn-jdbc-uri", "fqdn-uri", "host", "jdbc-uri", "pgpass", "uri"}
	flow := {
		"from": _end(_groups[index]),
		"to": _end(_groups[cluster_index]),
		"port": {"number": 5432, "protocol": "TCP", "names": {"postgresql"}},
		"why": sprintf("%s connects to %s (%s)", [obj_lib.title(obj), obj_lib.title(cluster), variable.name]),
		"named": true,
	}
]

_secrets := _secrets_of_databases

_secrets_of_databases[[obj_lib.namespace(obj), sprintf("%s-%s", [obj_lib.name(obj), role])]] contains index if {
	some index, obj in obj_lib.of_kind["postgresql.cnpg.io"].Cluster
	some role in ["app", "superuser"]
}

# Instances copy from each other, and the operator asks each how it is.
_of_databases := array.concat(
	[{"from": _end(_groups[index]), "to": _end(_groups[index]), "port": {"number": 5432, "protocol": "TCP", "names": {"postgresql"}}, "why": sprintf("instances of %s copy from each other", [obj_lib.title(obj)]), "named": true} |
		some index, obj in obj_lib.of_kind["postgresql.cnpg.io"].Cluster
		database.instances(obj) > 1
	],
	[{"from": _unknown, "to": _end(_groups[index]), "port": {"number": 8000, "protocol": "TCP", "names": {"status"}}, "why": sprintf("the operator asks the instances of %s how they are", [obj_lib.title(obj)]), "named": false} |
		some index, obj in obj_lib.of_kind["postgresql.cnpg.io"].Cluster
	],
)

# Whoever scrapes: where it runs is not known here.
_scraped := [flow |
	some scrape in _scrapes
	flow := {
		"from": _unknown,
		"to": _end(scrape.group),
		"port": {"number": scrape.number, "protocol": "TCP", "names": _names([scrape.group], scrape.number)},
		"why": scrape.why,
		"named": false,
	}
]

_scrapes contains {"group": group, "number": opened.number, "why": _scrape(obj, group)} if {
	some found in pods.input_selectors
	obj := input.objects[found.index]
	obj.kind == "PodMonitor"
	is_array(found.namespaces)
	some group in pods.selected(found.selector, found.namespaces)
	group.namespace in found.namespaces
	selector.matches(found.selector, group.labels[0])
	some endpoint in obj.spec.podMetricsEndpoints
	monitor.is_as_said(endpoint)
	some opened in group.ports
	opened.protocol == "TCP"
	endpoint.port == opened.name
}

_scrapes contains {"group": group, "number": number, "why": _scrape(obj, group)} if {
	some obj in obj_lib.of_kind["monitoring.coreos.com"].ServiceMonitor
	some namespace in _watched(obj)
	some place in labels.selected("Service", obj_lib.at(obj, ["spec", "selector"], {}), {namespace})
	service := input.objects[place]
	some group in pods.selected_by_map(service.spec.selector, namespace)
	group.ports != null
	some endpoint in obj.spec.endpoints
	monitor.is_as_said(endpoint)
	some number in monitor.behind(endpoint, service, group)
}

# Istio has its sidecar scraped in the place of the pod.
_scrapes contains {"group": _groups[index], "number": to_number(port), "why": sprintf("annotations of %s have it scraped", [obj_lib.title(obj)])} if {
	some index, obj in workload.input_workloads
	annotations := workload.annotations(obj)
	annotations["prometheus.io/scrape"] == "true"
	port := annotations["prometheus.io/port"]
	regex.match(`^[1-9][0-9]{0,4}$`, port)
	not sidecar.is_injected(obj)
}

_scrape(obj, group) := sprintf("%s scrapes %s", [obj_lib.title(obj), group.title])

# The namespaces that a monitor names, or else its own.
_watched(obj) := {name | some name in obj.spec.namespaceSelector.matchNames} if {
	count(obj.spec.namespaceSelector.matchNames) > 0
} else := {obj_lib.namespace(obj)} if {
	not obj.spec.namespaceSelector.any == true
}

# What the operator's ServiceMonitor scrapes of a Collector, where its configuration says nothing else.
_collected := [{"from": _unknown, "to": _end(_groups[index]), "port": _port(8888, "TCP"), "why": sprintf("the ServiceMonitor of %s scrapes it", [obj_lib.title(obj)]), "named": false} |
	some index, obj in collector.input_collectors
	obj.spec.observability.metrics.enableMetrics == true
	not collector.config(obj).service.telemetry.metrics
]

# What routes, webhooks and APIServices send to Services. Who calls is not known here.
_routed := [flow |
	some call in _calls
	some at in _services[call.name]
	service := input.objects[at]
	some port in _behind(at, service, call.number)
	some group in port.groups
	flow := {"from": _unknown, "to": _end(group), "port": port, "why": sprintf("%s sends to %s", [call.title, obj_lib.title(service)]), "named": false}
]

_calls contains {"title": obj_lib.title(obj), "name": registry.mesh_name(destination.value.host, obj_lib.namespace(obj)), "number": obj_lib.at(destination.value, ["port", "number"], null)} if {
	some obj in mesh.input_virtual_services
	some destination in mesh.destinations(obj)
}

_calls contains {"title": obj_lib.title(obj), "name": registry.dns_name(backend.value.name, obj_lib.namespace(obj)), "number": backend.value.port.number} if {
	some obj in obj_lib.of_kind["networking.k8s.io"].Ingress
	some backend in array.concat(
		entry.places(obj, ["spec", "rules", "*", "http", "paths", "*", "backend", "service"]),
		entry.places(obj, ["spec", "defaultBackend", "service"]),
	)
}

_calls contains {"title": obj_lib.title(obj), "name": registry.dns_name(sprintf("%s.%s", [called.name, called.namespace]), ""), "number": obj_lib.at(called, ["port"], 443)} if {
	some [api_group, kind, path] in [
		["apiregistration.k8s.io", "APIService", ["spec", "service"]],
		["admissionregistration.k8s.io", "MutatingWebhookConfiguration", ["webhooks", "*", "clientConfig", "service"]],
		["admissionregistration.k8s.io", "ValidatingWebhookConfiguration", ["webhooks", "*", "clientConfig", "service"]],
	]
	some obj in obj_lib.of_kind[api_group][kind]
	some place in entry.places(obj, path)
	called := place.value
}

_calls contains {"title": obj_lib.title(obj), "name": registry.dns_name(sprintf("%s.%s", [backend.value.name, obj_lib.at(backend.value, ["namespace"], obj_lib.namespace(obj))]), ""), "number": backend.value.port} if {
	some kind in ["GRPCRoute", "HTTPRoute", "TCPRoute", "TLSRoute"]
	some obj in obj_lib.of_kind["gateway.networking.k8s.io"][kind]
	some backend in entry.places(obj, ["spec", "rules", "*", "backendRefs", "*"])
	obj_lib.at(backend.value, ["kind"], "Service") == "Service"
}

# A sidecar has its certificates and its configuration from istiod.
_sidecars := [{"from": _end(_groups[index]), "to": _unknown, "port": _port(15012, "TCP"), "why": sprintf("the sidecar of %s has its certificate from istiod", [obj_lib.title(obj)]), "named": true} |
	some index, obj in workload.input_workloads
	sidecar.is_injected(obj)
]
