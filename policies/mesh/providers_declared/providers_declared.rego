# METADATA
# scope: package
# title: A provider that a policy names is declared
# description: |
#   A Telemetry names tracers, access logs and metrics by what the mesh configuration calls them, an
#   AuthorizationPolicy its authorizer. istiod passes over a tracer that nobody declares and says so in
#   its log; an authorizer that is missing denies every request. Said where providers are known: rendered
#   in a mesh configuration, which is whole in istiod's ConfigMap, or of the kind ExtensionProvider under external in kgate.yaml.
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/istio.mesh.v1alpha1/#MeshConfig-ExtensionProvider
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: istio.io
#   fix: Name a provider of the mesh configuration, or declare it as ExtensionProvider under external.
package policies.mesh.providers_declared

import data.policies.lib.entry
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": array.concat(["objects", i], place.path), "missing": missing} if {
	_is_told
	some kind, paths in _paths
	some i, obj in object.get(obj_lib.of_kind, kind, {})
	some path in paths
	some place in entry.places(obj, path)
	is_string(place.value)
	not place.value in _declared
	not place.value in _built_in
	missing := {"kind": "ExtensionProvider", "namespace": "", "name": place.value}
	msg := sprintf("%s names the provider %q, which is not declared: there is %s", [obj_lib.title(obj), place.value, _known])
}

_known := concat(", ", sort(_declared)) if count(_declared) > 0

else := "none"

_is_told if count(_declared) > 0

# What an operator's resource leaves out, a profile may bring.
_is_told if count(_configs) > 0

_paths := {
	["telemetry.istio.io", "Telemetry"]: [["spec", field, "*", "providers", "*", "name"] | some field in ["tracing", "metrics", "accessLogging"]],
	["security.istio.io", "AuthorizationPolicy"]: [["spec", "provider", "name"]],
}

# istiod has these without a word.
# https://github.com/istio/istio/blob/1.28.0/pkg/config/mesh/mesh.go
_built_in := {"envoy", "prometheus", "stackdriver"}

_declared contains declared.name if {
	some declared in input.external
	declared.kind == "ExtensionProvider"
}

_declared contains provider.name if {
	some mesh in _meshes
	some provider in mesh.extensionProviders
	is_string(provider.name)
}

_meshes contains mesh if some mesh in _configs

_configs contains mesh if {
	some obj in obj_lib.of_kind[""].ConfigMap
	regex.match(`^istio(-|$)`, obj_lib.name(obj))
	yaml.is_valid(obj.data.mesh)
	mesh := yaml.unmarshal(obj.data.mesh)
	is_object(mesh)
}

_meshes contains obj.spec.meshConfig if some obj in obj_lib.of_kind["install.istio.io"].IstioOperator

_meshes contains obj.spec.values.meshConfig if some obj in obj_lib.of_kind["sailoperator.io"].Istio
