package policies.mesh.api_version_test

import data.policies.mesh.api_version

_deny(version, kind) := faults if {
	faults := api_version.deny with input as {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}}
}

_kinds := {
	"networking.istio.io": ["DestinationRule", "Gateway", "ServiceEntry", "Sidecar", "VirtualService", "WorkloadEntry", "WorkloadGroup"],
	"security.istio.io": ["AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication"],
	"telemetry.istio.io": ["Telemetry"],
}

test_current[kind] if {
	some group, kinds in _kinds
	some kind in kinds
	_deny(concat("/", [group, "v1"]), kind) == set()
}

test_outdated[sprintf("%v %v", [kind, version])] if {
	some group, kinds in _kinds
	some kind in kinds
	some version in ["v1alpha1", "v1alpha3", "v1beta1", "v2"]
	count(_deny(concat("/", [group, version]), kind)) == 1
}

# "networking.istio.io" without a slash is a version of the core group.
test_without_a_version if _deny("networking.istio.io", "VirtualService") == set()

test_other_kinds if {
	_deny("networking.istio.io/v1alpha3", "EnvoyFilter") == set()
	_deny("gateway.networking.k8s.io/v1beta1", "Gateway") == set()
	_deny(1, "Gateway") == set()
	_deny("networking.istio.io/v1alpha3", 1) == set()
}

test_message if {
	_deny("networking.istio.io/v1beta1", "VirtualService") == {{
		"path": ["apiVersion"],
		"msg": `VirtualService "web" has apiVersion networking.istio.io/v1beta1, not networking.istio.io/v1`,
	}}
}
