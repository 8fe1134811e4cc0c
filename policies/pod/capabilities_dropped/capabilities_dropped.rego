# METADATA
# scope: package
# title: Containers drop all capabilities
# description: |
#   A container runtime grants fourteen Linux capabilities by default (NET_RAW among them: enough to
#   spoof ARP on the node's bridge). A service on ports above 1023 needs none of them; the only one
#   that Pod Security's restricted level lets a container add back is NET_BIND_SERVICE.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Set securityContext.capabilities.drop to [ALL] on every container and add none but NET_BIND_SERVICE.
package policies.pod.capabilities_dropped

import data.policies.lib.object as obj_lib
import data.policies.lib.part

deny contains {"msg": msg, "path": path} if {
	some container in part.input_containers
	container.complete
	not _drops_all(container.value)
	msg := sprintf("%s keeps Linux capabilities: capabilities.drop does not name ALL", [container.title])
	path := part.path(container, ["securityContext", "capabilities", "drop"])
}

deny contains {"msg": msg, "path": path} if {
	some container in part.input_containers
	some index, capability in _added(container.value)
	capability != "NET_BIND_SERVICE"
	msg := sprintf("%s adds the capability %v", [container.title, capability])
	path := part.path(container, ["securityContext", "capabilities", "add", index])
}

_drops_all(container) if "ALL" in container.securityContext.capabilities.drop

_added(container) := added if {
	added := obj_lib.at(container, ["securityContext", "capabilities", "add"], [])
	is_array(added)
} else := [container.securityContext.capabilities.add]
