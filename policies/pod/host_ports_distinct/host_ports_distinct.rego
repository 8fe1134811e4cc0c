# METADATA
# scope: package
# title: No two pods of every node want one port of it
# description: |
#   A port of a node is one pod's. Where two DaemonSets for the same nodes ask for the same hostPort,
#   the scheduler finds no node for the pods of one of them: they wait for ever, or take the place of
#   the other's. With hostNetwork, every containerPort is one. Said of DaemonSets without affinity.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/configuration/overview/#services
#   - ref: https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/scheduler/framework/plugins/nodeports/node_ports.go
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: spec apps/ batch/ Pod
#   fix: Give one of them another port, or nodes of its own by a nodeSelector.
package policies.pod.host_ports_distinct

import data.policies.lib.object as obj_lib
import data.policies.lib.workload

deny contains {"msg": msg, "path": array.concat(["objects", b.index], b.path), "with": {array.concat(["objects", a.index], a.path)}} if {
	some wanted in _wanted
	some a in wanted
	some b in wanted
	a.index < b.index
	_may_share_an_address(a.address, b.address)
	msg := sprintf("the pods of %s and of %s want port %v/%s of every node that they are for: it is one pod's", [
		obj_lib.title(input.objects[b.index]),
		obj_lib.title(input.objects[a.index]),
		b.number,
		b.protocol,
	])
}

# By number, protocol and what chooses nodes.
_wanted[[port.number, port.protocol, _nodes(obj)]] contains port if {
	some index, obj in obj_lib.of_kind.apps.DaemonSet
	obj_lib.at(workload.spec(obj), ["affinity"], {}) == {}
	some container in workload.containers(obj)
	container.kind == "container"
	some i, declared in container.value.ports
	field := _field(obj, declared)
	is_number(declared[field])
	port := {
		"index": index,
		"number": declared[field],
		"protocol": obj_lib.at(declared, ["protocol"], "TCP"),
		"address": obj_lib.at(declared, ["hostIP"], ""),
		"path": array.concat(container.path, ["ports", i, field]),
	}
}

_nodes(obj) := obj_lib.at(workload.spec(obj), ["nodeSelector"], {})

# The API server writes the one into the other.
_field(_, declared) := "hostPort" if declared.hostPort > 0

_field(obj, declared) := "containerPort" if {
	obj_lib.at(declared, ["hostPort"], 0) == 0
	workload.spec(obj).hostNetwork == true
}

_may_share_an_address(a, b) if a == b

_may_share_an_address(a, b) if {
	some all in ["", "0.0.0.0"]
	all in {a, b}
}
