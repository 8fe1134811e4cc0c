# METADATA
# scope: package
# title: No field of Istio that does nothing or is deprecated
# description: |
#   The schema still takes these fields. consecutiveErrors is read by nothing, so no endpoint is
#   ever ejected for its errors; others work only beside a second field that is missing, or are
#   deprecated and lose against their successor.
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/networking/destination-rule/#OutlierDetection
#   - ref: https://github.com/istio/api/blob/v1.31.1/networking/v1alpha3/destination_rule.proto
#   - ref: https://github.com/istio/api/blob/v1.31.1/networking/v1alpha3/virtual_service.proto
# custom:
#   severity: error
#   states: fact
#   scope: object
#   mentions: istio.io
#   fix: Use the field that the message names.
package policies.mesh.inert_fields

import data.policies.lib.entry
import data.policies.lib.mesh
import data.policies.lib.object as obj_lib

# What a traffic policy may hold, by the path below the policy.
_policy_fields := [
	{"path": ["outlierDetection", "consecutiveErrors"], "instead": "it is read by nothing: use consecutive5xxErrors"},
	{"path": ["loadBalancer", "warmupDurationSecs"], "instead": "it is deprecated: use warmup.duration"},
	{"path": ["loadBalancer", "consistentHash", "minimumRingSize"], "instead": "it is deprecated: use ringHash.minimumRingSize"},
]

_rule_fields := [
	{"path": ["mirrorPercent"], "instead": "it is deprecated: use mirrorPercentage.value"},
	{"path": ["mirror_percent"], "instead": "it is deprecated: use mirrorPercentage.value"},
	{"path": ["corsPolicy", "allowOrigin"], "instead": "it is deprecated: use allowOrigins"},
	{"path": ["fault", "delay", "percent"], "instead": "it is deprecated: use percentage.value"},
]

deny contains {"msg": msg, "path": path} if {
	some place in _places
	some field in place.fields
	value := obj_lib.at(place.value, field.path, null)
	value != null
	path := array.concat(place.path, field.path)
	msg := sprintf("%s sets %s to %v; %s", [obj_lib.title(input), concat(".", field.path), json.marshal(value), field.instead])
}

deny contains {"msg": msg, "path": path} if {
	some policy in _policies
	policy.value.loadBalancer.simple == "LEAST_CONN"
	path := array.concat(policy.path, ["loadBalancer", "simple"])
	msg := sprintf("%s balances by LEAST_CONN, which is deprecated: use LEAST_REQUEST", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": path} if {
	some policy in _policies
	detection := policy.value.outlierDetection
	obj_lib.at(detection, ["consecutiveLocalOriginFailures"], null) != null
	not detection.splitExternalLocalOriginErrors == true
	path := array.concat(policy.path, ["outlierDetection", "consecutiveLocalOriginFailures"])
	msg := sprintf("%s sets consecutiveLocalOriginFailures, which counts only where splitExternalLocalOriginErrors is true", [obj_lib.title(input)])
}

deny contains {"msg": msg, "path": path} if {
	some policy in _policies
	detection := policy.value.outlierDetection
	gateway := detection.consecutiveGatewayErrors
	is_number(gateway)
	any_error := obj_lib.at(detection, ["consecutive5xxErrors"], 5)
	is_number(any_error)
	any_error > 0
	gateway >= any_error
	path := array.concat(policy.path, ["outlierDetection", "consecutiveGatewayErrors"])
	msg := sprintf("%s sets consecutiveGatewayErrors to %v, which is never reached: consecutive5xxErrors is %v and counts them too", [obj_lib.title(input), gateway, any_error])
}

deny contains {"msg": msg, "path": path} if {
	some policy in _policies
	setting := policy.value.loadBalancer.localityLbSetting
	some field in ["failover", "failoverPriority"]
	obj_lib.at(setting, [field], null) != null
	not policy.value.outlierDetection
	path := array.concat(policy.path, ["loadBalancer", "localityLbSetting", field])
	msg := sprintf("%s sets %s without outlierDetection, so no endpoint is ever found unhealthy and nothing fails over", [obj_lib.title(input), field])
}

deny contains {"msg": msg, "path": path, "with": {array.concat(rule.path, ["timeout"])}} if {
	input.kind == "VirtualService"
	mesh.is_virtual_service(input)
	some rule in mesh.rules(input)
	each := obj_lib.at(rule.value, ["retries", "perTryTimeout"], null)
	whole := obj_lib.at(rule.value, ["timeout"], null)
	_nanoseconds(whole) > 0
	_nanoseconds(each) > _nanoseconds(whole)
	path := array.concat(rule.path, ["retries", "perTryTimeout"])
	msg := sprintf("%s gives a try %v, which it never has: the timeout of the whole is %v, and nothing is tried again", [obj_lib.title(input), each, whole])
}

_nanoseconds(text) := time.parse_duration_ns(text) if {
	is_string(text)
	regex.match(`^([0-9]{1,6}(\.[0-9]{1,9})?(h|m|s|ms|us|ns)){1,6}$`, text)
}

_places contains {"value": policy.value, "path": policy.path, "fields": _policy_fields} if some policy in _policies

_places contains {"value": rule.value, "path": rule.path, "fields": _rule_fields} if {
	input.kind == "VirtualService"
	mesh.is_virtual_service(input)
	some rule in mesh.rules(input)
}

_policies contains policy if {
	input.kind == "DestinationRule"
	mesh.is_destination_rule(input)
	some policy in _levels(obj_lib.at(input, ["spec", "trafficPolicy"], {}), ["spec", "trafficPolicy"])
}

_policies contains policy if {
	input.kind == "DestinationRule"
	mesh.is_destination_rule(input)
	some subset in mesh.subsets(input)
	some policy in _levels(obj_lib.at(subset.value, ["trafficPolicy"], {}), array.concat(subset.path, ["trafficPolicy"]))
}

# A traffic policy and its settings by port, which hold the same fields.
_levels(policy, path) := array.concat(
	[{"value": policy, "path": path}],
	entry.list(obj_lib.at(policy, ["portLevelSettings"], null), array.concat(path, ["portLevelSettings"])),
)
