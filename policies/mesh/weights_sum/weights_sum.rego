# METADATA
# scope: package
# title: Weights of a split sum to 100
# description: |
#   Istio takes weights as proportions: 90 and 5 is not 90 %, and a destination whose weight is
#   missing gets no request at all. Only a sum of 100 reads as what happens. Small weights such as 1 and 2, below 50 in
#   sum, are plainly meant as proportions.
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRouteDestination
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: istio.io
#   fix: Give every destination of the split a whole weight, 100 in sum.
package policies.mesh.weights_sum

import data.policies.lib.mesh
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": array.concat(destination.path, ["weight"])} if {
	input.kind == "VirtualService"
	mesh.is_virtual_service(input)
	some split in mesh.splits(input)
	some destination in _weighted(split)
	weight := obj_lib.at(destination.value, ["weight"], null)
	not _is_weight(weight)
	msg := sprintf("a destination of %s has weight %v, which is no whole number from 0 to 100", [obj_lib.title(input), json.marshal(weight)])
}

deny contains {"msg": msg, "path": fields[count(fields) - 1], "with": array.slice(fields, 0, count(fields) - 1)} if {
	input.kind == "VirtualService"
	mesh.is_virtual_service(input)
	some split in mesh.splits(input)
	weights := [destination.value.weight |
		some destination in _weighted(split)
		_is_weight(destination.value.weight)
	]
	count(weights) > 0
	count(weights) == count(split.destinations)
	not sum(weights) in numbers.range(1, 49)
	sum(weights) != 100
	fields := [array.concat(destination.path, ["weight"]) | some destination in split.destinations]
	msg := sprintf("weights of %s sum to %v, not 100", [obj_lib.title(input), sum(weights)])
}

# A destination alone gets everything, with or without a weight.
_weighted(split) := split.destinations if {
	count(split.destinations) > 1
} else := [destination |
	some destination in split.destinations
	obj_lib.at(destination.value, ["weight"], null) != null
]

_is_weight(weight) if {
	is_number(weight)
	weight == floor(weight)
	weight >= 0
	weight <= 100
}
