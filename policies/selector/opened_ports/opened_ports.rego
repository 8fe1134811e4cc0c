# METADATA
# scope: package
# title: Policies and monitors name ports that pods have
# description: |
#   A port of a NetworkPolicy is the pods' own, by its name or its number; that of a Service lets nothing
#   through. A PodMonitor scrapes a port that a container declares, a ServiceMonitor one that
#   the Service names, and nothing where there is none. Said only where the pods are known here.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/network-policies/#targeting-a-range-of-ports
#   - ref: https://github.com/prometheus-operator/prometheus-operator/blob/v0.85.0/pkg/prometheus/promcfg.go
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: NetworkPolicy PodMonitor ServiceMonitor
#   fix: Name a port that a container of the selected pods declares, or declare it there.
package policies.selector.opened_ports

import data.policies.lib.entry
import data.policies.lib.object as obj_lib
import data.policies.lib.pods

# A name that none of the pods has.
deny contains {"msg": msg, "path": array.concat(["objects", port.index], port.path), "missing": missing} if {
	some port in _policy_ports
	is_string(port.value)
	not _is_open(port.groups, {"name": port.value, "protocol": port.protocol})
	not pods.is_injected(port.value, port.groups)
	missing := pods.missing_port(port.asked.selector, port.asked.namespaces, sprintf("%s/%s", [port.value, port.protocol]))
	msg := sprintf("port %s/%s of %s lets nothing through: %s", [port.value, port.protocol, obj_lib.title(input.objects[port.index]), _instead(port.groups)])
}

# The number of a Service.
deny contains {"msg": msg, "path": array.concat(["objects", port.index], port.path), "missing": missing} if {
	some port in _policy_ports
	is_number(port.value)
	not port.entry.endPort
	own := pods.behind(port.value, port.protocol, port.groups)
	not own in port.beside
	missing := pods.missing_port(port.asked.selector, port.asked.namespaces, sprintf("%v/%s", [port.value, port.protocol]))
	msg := sprintf("port %v/%s of %s lets nothing through: it is that of a Service, and a policy holds for the pods' own, %v", [port.value, port.protocol, obj_lib.title(input.objects[port.index]), own])
}

_instead(groups) := sprintf("the pods of %s have %s", [pods.titles(groups), pods.opened(groups)]) if {
	pods.opened(groups) != ""
} else := sprintf("the pods of %s have none by a name", [pods.titles(groups)])

_is_open(groups, port) if {
	some group in groups
	some opened in group.ports
	object.subset(opened, port)
}

# The ports of policies whose pods are known: {index, path, value, protocol, entry, beside, asked, groups}.
_policy_ports := [port |
	some index, obj in obj_lib.of_kind["networking.k8s.io"].NetworkPolicy
	some [direction, side] in [["ingress", "from"], ["egress", "to"]]
	some i, rule in obj.spec[direction]
	asked := _asked(obj, direction, rule, side)
	lists := [groups | some ask in asked; groups := pods.with_ports(ask.selector, ask.namespaces)]
	count(lists) == count(asked)
	some j, listed in rule.ports
	port := {
		"index": index,
		"path": ["spec", direction, i, "ports", j, "port"],
		"value": listed.port,
		"protocol": obj_lib.at(listed, ["protocol"], "TCP"),
		"entry": listed,
		"beside": {other.port | some other in rule.ports},
		"asked": asked[0],
		"groups": _together(lists),
	}
]

_together(lists) := lists[0] if {
	count(lists) == 1
} else := [group | some groups in lists; some group in groups]

# On the way in the ports are those of the policy's pods, on the way out those of the peers.
_asked(obj, "ingress", _, _) := [{"selector": obj_lib.at(obj, ["spec", "podSelector"], {}), "namespaces": [obj_lib.namespace(obj)]}]

_asked(obj, "egress", rule, side) := asked if {
	count(rule[side]) > 0
	asked := [{"selector": obj_lib.at(peer, ["podSelector"], {}), "namespaces": namespaces} |
		some peer in rule[side]
		not peer.ipBlock
		namespaces := _namespaces(obj, obj_lib.at(peer, ["namespaceSelector"], null))
		is_array(namespaces)
	]
	count(asked) == count(rule[side])
}

_namespaces(obj, null) := [obj_lib.namespace(obj)]

_namespaces(_, chosen) := pods.named_namespaces(chosen) if chosen != null

# What a PodMonitor scrapes.
deny contains {"msg": msg, "path": array.concat(["objects", found.index], array.concat(endpoint.path, [field])), "missing": missing} if {
	some found in pods.input_selectors
	obj := input.objects[found.index]
	obj.kind == "PodMonitor"
	is_array(found.namespaces)
	groups := pods.with_ports(found.selector, found.namespaces)
	some endpoint in entry.list(obj_lib.at(obj, ["spec", "podMetricsEndpoints"], []), ["spec", "podMetricsEndpoints"])
	field := _field(endpoint.value)
	value := endpoint.value[field]
	not _is_scraped(groups, value)
	missing := pods.missing_port(found.selector, found.namespaces, sprintf("%v", [value]))
	msg := sprintf("port %v of %s scrapes nothing: %s", [value, obj_lib.title(obj), _instead(groups)])
}

# The first of them that is set counts.
_field(endpoint) := [field | some field in ["port", "portNumber", "targetPort"]; obj_lib.at(endpoint, [field], "") != ""][0]

_is_scraped(groups, value) if _is_open(groups, {"name": value})

_is_scraped(groups, value) if _is_open(groups, {"number": value})

_is_scraped(groups, value) if pods.is_injected(value, groups)

# A pattern of several names.
_is_scraped(_, value) if {
	is_string(value)
	not regex.match(`^[A-Za-z0-9-]+$`, value)
}

# What a ServiceMonitor scrapes is a port of the Services that it selects.
deny contains {"msg": msg, "path": array.concat(["objects", index], array.concat(endpoint.path, ["port"])), "missing": missing} if {
	some index, obj in obj_lib.of_kind["monitoring.coreos.com"].ServiceMonitor
	monitored := pods.monitored(obj)
	services := [input.objects[at] | some at in monitored.services]
	count(services) > 0
	some endpoint in entry.list(obj_lib.at(obj, ["spec", "endpoints"], []), ["spec", "endpoints"])
	value := obj_lib.at(endpoint.value, ["port"], "")
	regex.match(`^[A-Za-z0-9-]+$`, value)
	names := {port.name | some service in services; some port in service.spec.ports}
	not value in names
	missing := pods.missing_port(obj.spec.selector, monitored.namespaces, value)
	msg := sprintf("port %s of %s scrapes nothing: %s %s", [value, obj_lib.title(obj), concat(" and ", {obj_lib.title(service) | some service in services}), _named(names)])
}

_named(names) := sprintf("has %s", [concat(", ", names)]) if {
	count(names) > 0
} else := "has none by a name"
