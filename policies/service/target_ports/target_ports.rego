# METADATA
# scope: package
# title: Services send to ports that their pods have
# description: |
#   A target port by a name that no container of a pod declares leaves the pod out of the Service's
#   endpoints, which may be meant; where no selected pod declares it, nobody answers. TCP and UDP are different ports. A port by its number needs no declaration:
#   what a container declares opens and closes nothing.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: Service
#   fix: Declare the port, with its name and protocol, on a container of the pods that the Service selects, or name one that is there.
package policies.service.target_ports

import data.policies.lib.labels
import data.policies.lib.object as obj_lib
import data.policies.lib.workload

deny contains {"msg": msg, "path": ["objects", index, "spec", "ports", entry, "targetPort"], "with": with_fields, "fact": fact} if {
	some index, service in obj_lib.of_kind[""].Service
	some entry, port in service.spec.ports
	target := _target(port)
	not is_number(target)
	protocol := obj_lib.at(port, ["protocol"], "TCP")
	closed := labels.selected_by_map("pods", service.spec.selector, {obj_lib.namespace(service)})
	count(closed) > 0
	every i in closed {
		not _opens(input.objects[i], target, protocol)
	}
	with_fields := {array.concat(["objects", i], path) | some i in closed; some path in _opened(input.objects[i])}
	titles := concat(" and ", {workload.title(input.objects[i]) | some i in closed})
	fact := sprintf("%v/%v of %v", [target, protocol, closed])
	msg := sprintf("%s sends to a port that %s %s: %v/%v", [obj_lib.title(service), titles, _lack(count(closed)), target, protocol])
}

_lack(1) := "does not have"

_lack(n) := "do not have" if n > 1

# Without a target port, and with the empty name, the Service's own number is meant.
_target(port) := target if {
	target := obj_lib.at(port, ["targetPort"], 0)
	target != ""
}

# What the pods have instead.
_opened(obj) := {array.concat(container.path, ["ports", i, "name"]) |
	some container in workload.containers(obj)
	container.kind in {"container", "sidecar"}
	some i, port in container.value.ports
	port.name
}

_opens(obj, target, protocol) if {
	some container in workload.containers(obj)
	container.kind in {"container", "sidecar"}
	some port in container.value.ports
	obj_lib.at(port, ["protocol"], "TCP") == protocol
	target == port.name
}
