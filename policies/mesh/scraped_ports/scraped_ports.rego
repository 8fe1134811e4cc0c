# METADATA
# scope: package
# title: Ports that are scraped in plain text accept it
# description: |
#   A Prometheus that has no sidecar speaks plain text. Where a PeerAuthentication wants mutual TLS on the port that
#   a PodMonitor, a ServiceMonitor or the annotations of the pods have scraped, the sidecar ends each connection:
#   the pods serve, and there is no metric of them. Said of pods that have a sidecar, of ports that go through it,
#   and of monitors without TLS. Istio merges what the annotations name into the sidecar's own metrics,
#   which anybody may read, so that they count only where prometheus.istio.io/merge-metrics is "false".
# related_resources:
#   - ref: https://istio.io/latest/docs/ops/integrations/prometheus/#tls-settings
#   - ref: https://istio.io/latest/docs/reference/config/security/peer_authentication/#PeerAuthentication
# custom:
#   severity: error
#   states: convention
#   scope: overlay
#   mentions: security.istio.io
#   fix: Give the port a mode of its own under portLevelMtls of a PeerAuthentication that selects the pods, PERMISSIVE or DISABLE, leave it out of the mesh by the annotation traffic.sidecar.istio.io/excludeInboundPorts of the pods, or scrape it with Istio's certificates by tlsConfig.
package policies.mesh.scraped_ports

import data.policies.lib.entry
import data.policies.lib.labels
import data.policies.lib.monitor
import data.policies.lib.object as obj_lib
import data.policies.lib.pods
import data.policies.lib.sidecar
import data.policies.lib.workload

deny contains {"msg": msg, "path": refusal.path, "with": paths} if {
	some index, numbers in _scrapes
	some number, scrapers in numbers
	group := _meshed[index]
	_goes_through_sidecar(input.objects[index], number)
	not _is_of_none(group)
	refusal := _refusal(group, number)
	titles := {obj_lib.title(input.objects[scraper.index]) | some scraper in scrapers; scraper.index != index} | {"its annotations" | some scraper in scrapers; scraper.index == index}
	paths := {scraper.path | some scraper in scrapers}
	msg := sprintf("%s wants mutual TLS on port %v of %s, which is scraped in plain text, by %s", [obj_lib.title(refusal.object), number, group.title, concat(" and ", titles)])
}

# The pods that have a sidecar, of namespaces of which nobody else makes pods.
_meshed := _meshed_groups

_meshed_groups[group.index] := group if {
	some group in pods.input_groups
	group.namespace in pods.input_namespaces
	sidecar.is_injected(workload.input_workloads[group.index])
	not _has_scraper
	not _is_rewired(group.namespace)
}

# What scrapes in plain text: by the pods, by the number of their port, {index, path}.
_scrapes := _scrapers_of_ports

_scrapers_of_ports[group.index][opened.number] contains {"index": index, "path": array.concat(["objects", index], endpoint.path)} if {
	some index, obj in _monitors("PodMonitor")
	some endpoint in _plain(obj, "podMetricsEndpoints")
	some group in pods.selected(_selector(obj), _watched(obj))
	_meshed[group.index]
	pods.selects(_selector(obj), group)
	some opened in group.ports
	monitor.names(endpoint.value, opened, ["port", "portNumber", "targetPort"])
}

_scrapers_of_ports[group.index][number] contains {"index": index, "path": array.concat(["objects", index], endpoint.path)} if {
	some index, obj in _monitors("ServiceMonitor")
	some endpoint in _plain(obj, "endpoints")
	some place in labels.selected("Service", _selector(obj), _watched(obj))
	service := input.objects[place]
	some group in pods.selected_by_map(service.spec.selector, obj_lib.namespace(service))
	_meshed[group.index]
	some number in monitor.behind(endpoint.value, service, group)
}

_scrapers_of_ports[index][number] contains {"index": index, "path": array.concat(["objects", index], array.concat(workload.template_path(obj), ["metadata", "annotations", "prometheus.io/port"]))} if {
	some index, _ in _meshed
	obj := input.objects[index]
	annotations := workload.annotations(obj)
	annotations["prometheus.io/scrape"] == "true"
	lower(object.get(annotations, "prometheus.io/scheme", "http")) == "http"
	lower(annotations["prometheus.istio.io/merge-metrics"]) in {"0", "f", "false"}
	regex.match(`^[1-9][0-9]{0,4}$`, annotations["prometheus.io/port"])
	number := to_number(annotations["prometheus.io/port"])
}

# A class of its Prometheus may bring certificates.
_monitors(kind) := {index: obj |
	some index, obj in obj_lib.of_kind["monitoring.coreos.com"][kind]
	not obj.spec.scrapeClass
}

_plain(obj, field) := [endpoint |
	some endpoint in entry.list(obj_lib.at(obj, ["spec", field], []), ["spec", field])
	is_object(endpoint.value)
	lower(obj_lib.at(endpoint.value, ["scheme"], "http")) == "http"
	every other in ["tlsConfig", "proxyUrl", "proxyFromEnvironment"] {
		obj_lib.at(endpoint.value, [other], null) == null
	}
	monitor.is_as_said(endpoint.value)
]

_selector(obj) := obj_lib.at(obj, ["spec", "selector"], {})

# The namespaces of pods with a sidecar that a monitor looks into.
_watched(obj) := _namespaces if {
	obj.spec.namespaceSelector.any == true
} else := _namespaces & {name | some name in obj.spec.namespaceSelector.matchNames} if {
	count(obj.spec.namespaceSelector.matchNames) > 0
} else := _namespaces & {obj_lib.namespace(obj)}

_namespaces := {group.namespace | some group in _meshed}

# What of the pods is none of the sidecar's: its own ports, and those that annotations keep from it.
_goes_through_sidecar(obj, number) if {
	not number in numbers.range(15000, 15090)
	annotations := workload.annotations(obj)
	every key in ["inject.istio.io/templates", "sidecar.istio.io/interceptionMode", "traffic.sidecar.istio.io/excludeInboundPorts", "traffic.sidecar.istio.io/includeInboundPorts"] {
		_says_nothing(key, object.get(annotations, key, null), number)
	}
	not contains(lower(object.get(annotations, "proxy.istio.io/config", "")), "interceptionmode")
}

_says_nothing(_, null, _)

# An empty list of what is included is one of no port.
_says_nothing(key, "", _) if key != "traffic.sidecar.istio.io/includeInboundPorts"

_says_nothing("sidecar.istio.io/interceptionMode", mode, _) if mode in {"REDIRECT", "TPROXY"}

_says_nothing("traffic.sidecar.istio.io/includeInboundPorts", "*", _)

_says_nothing("traffic.sidecar.istio.io/includeInboundPorts", list, number) if sprintf("%v", [number]) in _entries(list)

_says_nothing("traffic.sidecar.istio.io/excludeInboundPorts", list, number) if {
	every entry in _entries(list) {
		regex.match(`^[0-9]*$`, entry)
		entry != sprintf("%v", [number])
	}
}

_entries(list) := {trim_space(entry) | some entry in split(list, ",")}

# What scrapes is in the mesh itself, or may have its certificates.
_has_scraper if {
	some index, obj in workload.input_workloads
	some container in workload.containers(obj)
	regex.match(`(^|/)(alloy|grafana-agent|opentelemetry-collector[a-z-]*|otelcol[a-z-]*|prometheus|vmagent)([:@]|$)`, container.value.image)
	_may_have_certificates(index)
}

_has_scraper if {
	some [api_group, kind] in [["monitoring.coreos.com", "Prometheus"], ["monitoring.coreos.com", "PrometheusAgent"], ["opentelemetry.io", "OpenTelemetryCollector"], ["operator.victoriametrics.com", "VMAgent"]]
	some index, _ in obj_lib.of_kind[api_group][kind]
	_may_have_certificates(index)
}

_may_have_certificates(index) if sidecar.is_injected(workload.input_workloads[index])

_may_have_certificates(index) if sidecar.asks(obj_lib.namespace(input.objects[index]))

_may_have_certificates(index) if count(obj_lib.at(input.objects[index], ["spec", "scrapeClasses"], [])) > 0

_may_have_certificates(index) if {
	written := json.marshal(input.objects[index])
	some text in ["sidecar.istio.io", "istio-certs", "istio-proxy"]
	contains(written, text)
}

# Listeners are written by hand.
_is_rewired(namespace) if {
	some kind in ["EnvoyFilter", "Sidecar"]
	some obj in obj_lib.of_kind["networking.istio.io"][kind]
	obj_lib.namespace(obj) in {namespace, _root}
	_is_of_listeners(obj)
}

_is_of_listeners(obj) if obj.kind == "EnvoyFilter"

_is_of_listeners(obj) if count(obj_lib.at(obj, ["spec", "ingress"], [])) > 0

_root := "istio-system"

# What wants mutual TLS of a port, {object, path}; undefined where that is not certain: of several PeerAuthentications
# for the same pods the oldest counts, and nobody here knows which that is.
_refusal(group, number) := found[0] if {
	policies := _choosy[group.index]
	every index in policies {
		pods.selects(input.objects[index].spec.selector, group)
	}
	found := [refusal | some index in policies; some refusal in _of_port(index, group.namespace, number)]
	count(found) == count(policies)
} else := _of_namespace(group.namespace) if not _choosy[group.index]

# Those with a selector that may be for pods, by the pods.
_choosy := _choosy_by_group

_choosy_by_group[group.index] contains index if {
	some namespace in _namespaces
	some index, obj in _policies[namespace]
	_is_choosy(obj)
	some group in pods.selected(obj.spec.selector, [namespace])
	_meshed[group.index]
}

# In the root namespace they are for the whole mesh, and those with a selector for nothing.
_policies := _by_namespace

_by_namespace[namespace] := {index: obj |
	some index, obj in obj_lib.of_kind["security.istio.io"].PeerAuthentication
	obj_lib.namespace(obj) == namespace
} if {
	some namespace in (_namespaces | {_root})
}

_is_choosy(obj) if count(obj_lib.at(obj, ["spec", "selector", "matchLabels"], {})) > 0

_of_port(index, namespace, number) := [_strict(index, ["spec", "portLevelMtls", port, "mode"]) | mode == "STRICT"] if {
	port := sprintf("%v", [number])
	mode := _mode(input.objects[index], ["spec", "portLevelMtls", port, "mode"])
	mode != "UNSET"
} else := [_strict(index, ["spec", "mtls", "mode"]) | mode == "STRICT"] if {
	mode := _mode(input.objects[index], ["spec", "mtls", "mode"])
	mode != "UNSET"
} else := [_of_namespace(namespace)]

_strict(index, path) := {"object": input.objects[index], "path": array.concat(["objects", index], path)}

_mode(obj, path) := obj_lib.at(obj, path, "UNSET")

_of_namespace(namespace) := _of_level(_level(namespace)) if {
	count(_level(namespace)) > 0
} else := _of_mesh if {
	_level(namespace) == {}
}

_level(namespace) := {index: _mode(obj, ["spec", "mtls", "mode"]) | some index, obj in _policies[namespace]; not _is_choosy(obj)}

_of_level(modes) := _strict(min(object.keys(modes)), ["spec", "mtls", "mode"]) if {
	every mode in modes {
		mode == "STRICT"
	}
} else := _of_mesh if {
	every mode in modes {
		mode == "UNSET"
	}
}

_of_mesh := _strict(min(object.keys(modes)), ["spec", "mtls", "mode"]) if {
	modes := _level(_root)
	count(modes) > 0
	every mode in modes {
		mode == "STRICT"
	}
}

# mesh/ports-declared says that a port which was meant has moved.
_is_of_none(group) if {
	some index in _choosy[group.index]
	some port, _ in input.objects[index].spec.portLevelMtls
	every opened in group.ports {
		sprintf("%v", [opened.number]) != port
	}
	not startswith(port, "150")
	not pods.is_injected(port, [group])
}
