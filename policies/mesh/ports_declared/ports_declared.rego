# METADATA
# scope: package
# title: Ports with a mode of mutual TLS are declared
# description: |
#   portLevelMtls of a PeerAuthentication is by the pods' own ports, and Istio takes any number. One
#   that no container of the selected pods declares is most often that of a Service, or a port that
#   has moved: the port that was meant then has the mode of all others, and whoever was to reach it
#   without mutual TLS is refused.
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/security/peer_authentication/#PeerAuthentication
# custom:
#   severity: error
#   states: convention
#   scope: overlay
#   mentions: istio.io
#   fix: Give the number of a port that a container declares, or declare the port.
package policies.mesh.ports_declared

import data.policies.lib.object as obj_lib
import data.policies.lib.pods

deny contains {"msg": msg, "path": ["objects", found.index, "spec", "portLevelMtls", port], "missing": missing} if {
	some found in pods.input_selectors
	obj := input.objects[found.index]
	obj.kind == "PeerAuthentication"
	is_array(found.namespaces)
	groups := pods.with_ports(found.selector, found.namespaces)
	some port, _ in obj.spec.portLevelMtls
	not _is_declared(groups, port)
	not _is_of_istio(port)
	not pods.is_injected(port, groups)
	missing := pods.missing_port(found.selector, found.namespaces, port)
	msg := sprintf("port %s of %s is none that the pods of %s declare; they declare %s", [port, obj_lib.title(obj), pods.titles(groups), pods.opened(groups)])
}

# Pods that declare no port at all say nothing about theirs.
_is_declared(groups, port) if {
	some group in groups
	some opened in group.ports
	sprintf("%v", [opened.number]) == port
}

_is_declared(groups, _) if {
	some group in groups
	count(group.ports) == 0
}

# Of the sidecar itself.
_is_of_istio(port) if startswith(port, "150")
