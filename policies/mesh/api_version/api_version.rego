# METADATA
# scope: package
# title: Istio resources use their v1 API
# description: |
#   v1alpha3 and v1beta1 are served only until Istio drops them; the upgrade that does so refuses
#   every sync of these objects. What kubectl writes back differs from git as well, since the
#   server prefers v1.
# related_resources:
#   - ref: https://istio.io/latest/blog/2024/v1-apis/
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: istio.io
#   fix: Write apiVersion <group>/v1; the fields are the same.
package policies.mesh.api_version

import data.policies.lib.object as obj_lib

# Kinds that have a v1. EnvoyFilter, ProxyConfig, WasmPlugin and TrafficExtension have none yet.
_stable := {
	"networking.istio.io": {"DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "VirtualService", "WorkloadEntry", "WorkloadGroup"},
	"security.istio.io": {"AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"},
	"telemetry.istio.io": {"Telemetry"},
}

deny contains {"msg": msg, "path": ["apiVersion"]} if {
	group := obj_lib.group(input)
	input.kind in _stable[group]
	want := concat("/", [group, "v1"])
	input.apiVersion != want
	msg := sprintf("%s has apiVersion %s, not %s", [obj_lib.title(input), input.apiVersion, want])
}
