# METADATA
# scope: package
# title: The OpenTelemetry Operator accepts every Collector and Instrumentation
# description: |
#   The operator's webhook refuses what the schema takes, and no sync applies it: what one mode alone
#   has in another, a target allocator that allocates nothing, more replicas than the autoscaler's
#   most, a name that no port may have, a sampler's argument that does not parse. As in version
#   0.140.0.
# related_resources:
#   - ref: https://github.com/open-telemetry/opentelemetry-operator/blob/v0.140.0/apis/v1beta1/collector_webhook.go
#   - ref: https://github.com/open-telemetry/opentelemetry-operator/blob/v0.140.0/apis/v1alpha1/instrumentation_webhook.go
#   - ref: https://github.com/open-telemetry/opentelemetry-operator/blob/v0.140.0/apis/v1alpha1/targetallocator_webhook.go
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: opentelemetry.io
#   fix: Correct the field that the message names, as the OpenTelemetry Operator wants it.
package policies.telemetry.operator_accepted

import data.policies.lib.entry
import data.policies.lib.object as obj_lib

_is_collector if {
	input.kind == "OpenTelemetryCollector"
	obj_lib.group(input) == "opentelemetry.io"
}

_is_instrumentation if {
	input.kind == "Instrumentation"
	obj_lib.group(input) == "opentelemetry.io"
}

_is_allocator if {
	input.kind == "TargetAllocator"
	obj_lib.group(input) == "opentelemetry.io"
}

_has_ports if _is_collector

_has_ports if _is_allocator

_has_ports if {
	input.kind == "OpAMPBridge"
	obj_lib.group(input) == "opentelemetry.io"
}

_at(path) := obj_lib.at(input, array.concat(["spec"], path), null)

# What is written and not empty, which is what the operator's types leave of it.
_is_set(path) if {
	value := _at(path)
	not value in ["", [], {}, false, null]
}

_mode := mode if {
	mode := _at(["mode"])
	is_string(mode)
	mode != ""
} else := "deployment" if _at(["mode"]) in {null, ""}

# What Collectors of one mode alone have. The rest of it the schema says itself.
_of_mode := {
	["volumeClaimTemplates"]: "statefulset",
	["persistentVolumeClaimRetentionPolicy"]: "statefulset",
}

deny contains {"msg": msg, "path": array.concat(["spec"], path), "with": {["spec", "mode"]}} if {
	_is_collector
	some path, mode in _of_mode
	_is_set(path)
	_mode != mode
	msg := sprintf("%s of %s is for the mode %s, and its mode is %s", [concat(".", path), obj_lib.title(input), mode, _mode])
}

# The webhook is done where an autoscaler has a most, and does not look at these.
_of_unscaled_mode := {
	["daemonSetUpdateStrategy", "type"]: "daemonset",
	["deploymentUpdateStrategy", "type"]: "deployment",
}

deny contains {"msg": msg, "path": array.concat(["spec"], path), "with": {["spec", "mode"]}} if {
	_is_collector
	not _has_most
	some path, mode in _of_unscaled_mode
	_is_set(path)
	_mode != mode
	msg := sprintf("%s of %s is for the mode %s, and its mode is %s", [path[0], obj_lib.title(input), mode, _mode])
}

_has_most if is_number(_at(["autoscaler", "maxReplicas"]))

deny contains {"msg": msg, "path": ["spec", "ingress", "type"], "with": {["spec", "mode"]}} if {
	_is_collector
	not _has_most
	_at(["ingress", "type"]) == "ingress"
	_mode == "sidecar"
	msg := sprintf("ingress of %s leads to a Service, and a Collector of the mode sidecar has none", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "ingress", "ruleType"], "with": {["spec", "ingress", "hostname"]}} if {
	_is_collector
	not _has_most
	_at(["ingress", "ruleType"]) == "subdomain"
	obj_lib.at(input, ["spec", "ingress", "hostname"], "") in {"", "*"}
	msg := sprintf("ingress of %s makes subdomains, and hostname says of which domain: it is not set", [obj_lib.title(input)])
}

_allocates if {
	_is_collector
	_at(["targetAllocator", "enabled"]) == true
}

_strategy := obj_lib.at(input, ["spec", "targetAllocator", "allocationStrategy"], "consistent-hashing")

deny contains {"msg": msg, "path": ["spec", "targetAllocator", "enabled"], "with": {["spec", "mode"]}} if {
	_allocates
	not _mode in {"statefulset", "daemonset"}
	msg := sprintf("a target allocator is for Collectors of the modes statefulset and daemonset, and the mode of %s is %s", [obj_lib.title(input), _mode])
}

deny contains {"msg": msg, "path": ["spec", "targetAllocator", "allocationStrategy"], "with": {["spec", "mode"]}} if {
	_allocates
	_mode == "daemonset"
	_strategy != "per-node"
	msg := sprintf("targetAllocator.allocationStrategy of %s is %s: in the mode daemonset it is per-node", [obj_lib.title(input), _strategy])
}

deny contains {"msg": msg, "path": ["spec", "targetAllocator", "allocationStrategy"], "with": {["spec", "mode"]}} if {
	_allocates
	_mode == "statefulset"
	_strategy == "per-node"
	msg := sprintf("targetAllocator.allocationStrategy of %s is per-node, which is for the mode daemonset, and its mode is statefulset", [obj_lib.title(input)])
}

# What it hands out. Of an older version, whose configuration is a text, nothing is said.
deny contains {"msg": msg, "path": ["spec", "config", "receivers"]} if {
	_allocates
	_mode in {"statefulset", "daemonset"}
	is_object(_at(["config", "receivers"]))
	not is_object(_at(["config", "receivers", "prometheus"]))
	msg := sprintf("%s has a target allocator, and no receiver prometheus that it hands targets to", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "config", "receivers", "prometheus"], "with": {["spec", "targetAllocator", "prometheusCR", "enabled"]}} if {
	_allocates
	_mode in {"statefulset", "daemonset"}
	not _at(["targetAllocator", "prometheusCR", "enabled"]) == true
	is_object(_at(["config", "receivers", "prometheus"]))
	obj_lib.at(input, ["spec", "config", "receivers", "prometheus", "config", "scrape_configs"], []) == []
	msg := sprintf("the target allocator of %s has nothing to hand out: neither scrape_configs nor targetAllocator.prometheusCR", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": ["spec", "prometheusCR", "denyNamespaces"], "with": {["spec", "prometheusCR", "allowNamespaces"]}} if {
	_is_allocator
	_at(["prometheusCR", "enabled"]) == true
	_is_set(["prometheusCR", "allowNamespaces"])
	_is_set(["prometheusCR", "denyNamespaces"])
	msg := sprintf("prometheusCR of %s has allowNamespaces and denyNamespaces: the operator takes one", [obj_lib.title(input)])
}

_ports := entry.list(_at(["ports"]), ["spec", "ports"])

deny contains {"msg": msg, "path": array.concat(port.path, ["name"])} if {
	_has_ports
	some port in _ports
	is_object(port.value)
	name := obj_lib.at(port.value, ["name"], "")
	is_string(name)
	not obj_lib.is_filled_in(name)
	not _is_port_name(name)
	msg := sprintf("a port of %s is called %q: a name of at most 15 lower-case letters, digits and single hyphens between them, with a letter", [obj_lib.title(input), name])
}

_is_port_name(name) if {
	count(name) <= 15
	regex.match(`^[a-z0-9]+(-[a-z0-9]+)*$`, name)
	regex.match(`[a-z]`, name)
}

deny contains {"msg": msg, "path": array.concat(port.path, ["port"])} if {
	_has_ports
	some port in _ports
	number := obj_lib.at(port.value, ["port"], null)
	is_number(number)
	not _within(number, 1, 65535)
	msg := sprintf("a port of %s has the number %v, which is not between 1 and 65535", [obj_lib.title(input), number])
}

_within(number, least, most) if {
	number >= least
	number <= most
}

deny contains {"msg": msg, "path": ["spec", "autoscaler", "minReplicas"]} if {
	_is_collector
	is_number(_at(["autoscaler", "minReplicas"]))
	_at(["autoscaler", "maxReplicas"]) == null
	msg := sprintf("autoscaler of %s has minReplicas and no maxReplicas", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": path, "with": {["spec", "autoscaler", "maxReplicas"]}} if {
	_is_collector
	_has_most
	some path in [["spec", "replicas"], ["spec", "autoscaler", "minReplicas"]]
	number := obj_lib.at(input, path, null)
	is_number(number)
	number > _at(["autoscaler", "maxReplicas"])
	msg := sprintf("%s of %s is %v, more than the %v of autoscaler.maxReplicas", [concat(".", array.slice(path, 1, count(path))), obj_lib.title(input), number, _at(["autoscaler", "maxReplicas"])])
}

deny contains {"msg": msg, "path": ["spec", "autoscaler", "behavior", direction, "stabilizationWindowSeconds"]} if {
	_is_collector
	_has_most
	some direction in ["scaleDown", "scaleUp"]
	seconds := _at(["autoscaler", "behavior", direction, "stabilizationWindowSeconds"])
	is_number(seconds)
	not _within(seconds, 0, 3600)
	msg := sprintf("%s.stabilizationWindowSeconds of %s is %v, which is not between 0 and 3600", [direction, obj_lib.title(input), seconds])
}

deny contains {"msg": msg, "path": metric.path} if {
	_is_collector
	_has_most
	some metric in entry.list(_at(["autoscaler", "metrics"]), ["spec", "autoscaler", "metrics"])
	is_object(metric.value)
	obj_lib.at(metric.value, ["type"], "") != "Pods"
	msg := sprintf("a metric of the autoscaler of %s is of the type %v: the operator takes Pods", [obj_lib.title(input), obj_lib.at(metric.value, ["type"], "none")])
}

deny contains {"msg": msg, "path": array.concat(metric.path, ["pods", "target", "type"])} if {
	_is_collector
	_has_most
	some metric in entry.list(_at(["autoscaler", "metrics"]), ["spec", "autoscaler", "metrics"])
	obj_lib.at(metric.value, ["type"], "") == "Pods"
	type := obj_lib.at(metric.value, ["pods", "target", "type"], null)
	is_string(type)
	not type in {"AverageValue", "Value"}
	msg := sprintf("a metric of the autoscaler of %s has a target of the type %s: the operator takes AverageValue and Value", [obj_lib.title(input), type])
}

# The operator wants a whole number of one or more.
deny contains {"msg": msg, "path": array.concat(metric.path, ["pods", "target", field])} if {
	_is_collector
	_has_most
	some metric in entry.list(_at(["autoscaler", "metrics"]), ["spec", "autoscaler", "metrics"])
	obj_lib.at(metric.value, ["type"], "") == "Pods"
	some type, field in {"AverageValue": "averageValue", "Value": "value"}
	obj_lib.at(metric.value, ["pods", "target", "type"], "") == type
	value := obj_lib.at(metric.value, ["pods", "target", field], null)
	_is_less_than_one(value)
	msg := sprintf("a metric of the autoscaler of %s has a target of %v: the operator takes whole numbers from 1", [obj_lib.title(input), value])
}

_is_less_than_one(value) if {
	is_number(value)
	value < 1
}

_is_less_than_one(value) if {
	is_string(value)
	regex.match(`^(0*[0-9]{1,3}m|0+(\.[0-9]+)?)$`, value)
}

deny contains {"msg": msg, "path": array.concat(["spec", "config", "receivers"], place.path)} if {
	_is_collector
	some steps in [["*", "endpoint"], ["*", "protocols", "*", "endpoint"]]
	some place in entry.places(_at(["config", "receivers"]), steps)
	is_string(place.value)
	some [_, digits] in regex.find_all_string_submatch_n(`:([0-9]{1,9})$`, place.value, 1)
	to_number(digits) > 65535
	_is_used(place.path[0])
	msg := sprintf("a receiver of %s listens at %s, and ports end at 65535", [obj_lib.title(input), place.value])
}

_is_used(receiver) if {
	some pipeline in _at(["config", "service", "pipelines"])
	receiver in obj_lib.at(pipeline, ["receivers"], [])
}

_agents := ["apacheHttpd", "dotnet", "go", "java", "nginx", "nodejs", "python"]

deny contains {"msg": msg, "path": ["spec", agent, "volumeLimitSize"], "with": {["spec", agent, "volumeClaimTemplate"]}} if {
	_is_instrumentation
	some agent in _agents
	_at([agent, "volumeLimitSize"]) != null
	_is_set([agent, "volumeClaimTemplate"])
	msg := sprintf("%s of %s has volumeLimitSize and volumeClaimTemplate: the operator takes one", [agent, obj_lib.title(input)])
}

# Of samplers that ask Jaeger; the rates of others are in telemetry/sampling-bounds.
deny contains {"msg": msg, "path": ["spec", "sampler", "argument"], "with": {["spec", "sampler", "type"]}} if {
	_is_instrumentation
	_at(["sampler", "type"]) in {"jaeger_remote", "parentbased_jaeger_remote"}
	argument := _at(["sampler", "argument"])
	is_string(argument)
	not obj_lib.is_filled_in(argument)
	some part in split(argument, ",")
	argument != ""
	fault := _fault(split(part, "="))
	msg := sprintf("sampler.argument of %s is refused: %s", [obj_lib.title(input), fault])
}

_fault(pair) := sprintf("%s is no key=value", [concat("=", pair)]) if count(pair) != 2

else := "the endpoint is empty" if pair == ["endpoint", ""]

else := sprintf("pollingIntervalMs is %s, and no whole number", [pair[1]]) if {
	pair[0] == "pollingIntervalMs"
	not regex.match(`^[+-]?[0-9]{1,18}$`, pair[1])
} else := sprintf("initialSamplingRate is %s, and no rate between 0 and 1", [pair[1]]) if {
	pair[0] == "initialSamplingRate"
	not _is_rate(pair[1])
}

# Rates in the forms that people write them; of others nothing is said.
_is_rate(text) if regex.match(`^\+?(0?\.[0-9]+|[01]|[01]\.|0\.[0-9]*|1\.0*)$`, text)

_is_rate(text) if regex.match(`[eExXpP_]`, text)
