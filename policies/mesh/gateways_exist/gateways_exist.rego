# METADATA
# scope: package
# title: VirtualServices are bound to Gateways that exist
# description: |
#   Routes for a Gateway that is not there are given to no proxy: who calls from outside gets 404.
#   A name without a namespace is a Gateway of the VirtualService's own. istioctl analyze says so
#   too (IST0101). A Gateway of a namespace that is neither the VirtualService's nor rendered may be anybody's: of
#   these this is said where kgate.yaml declares something external, or a Gateway is rendered.
# related_resources:
#   - ref: https://istio.io/latest/docs/reference/config/networking/virtual-service/#VirtualService
#   - ref: https://istio.io/latest/docs/reference/config/analysis/ist0101/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: istio.io
#   fix: Name a Gateway as namespace/name, or declare under external in kgate.yaml who provides it.
package policies.mesh.gateways_exist

import data.policies.lib.entry
import data.policies.lib.mesh
import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": array.concat(["objects", i], gateway.path), "missing": {"kind": "Gateway", "namespace": at.namespace, "name": at.name}} if {
	some i, obj in mesh.input_virtual_services
	some gateway in _gateways(obj)
	at := _named(gateway.value, obj)
	_is_told(at, obj)
	not _exists(at)
	msg := sprintf("%s is bound to Gateway %q%s, which is neither rendered nor declared external", [obj_lib.title(obj), at.name, obj_lib.within("of", at.namespace)])
}

_gateways(obj) := array.concat(
	entry.list(obj_lib.at(obj, ["spec", "gateways"], null), ["spec", "gateways"]),
	[gateway |
		some rule in mesh.rules(obj)
		some match in entry.list(obj_lib.at(rule.value, ["match"], null), array.concat(rule.path, ["match"]))
		some gateway in entry.list(obj_lib.at(match.value, ["gateways"], null), array.concat(match.path, ["gateways"]))
		not gateway.value in obj_lib.at(obj, ["spec", "gateways"], ["mesh"])
	],
)

_named(text, obj) := {"namespace": namespace, "name": name} if {
	is_string(text)
	[namespace, name] = split(text, "/")
	namespace != ""
	not obj_lib.is_filled_in(text)
} else := {"namespace": obj_lib.namespace(obj), "name": text} if {
	is_string(text)
	not text in {"", "mesh"}
	not contains(text, "/")
	not contains(text, ".") # a full name of old
	not obj_lib.is_filled_in(text)
}

_is_told(at, obj) if {
	at.namespace != ""
	at.namespace == obj_lib.namespace(obj)
}

_is_told(at, _) if at.namespace in _namespaces

# Who declares nothing and renders none has not begun to say what others' namespaces have.
_is_told(_, _) if count(input.external) > 0

_is_told(_, _) if count(object.get(obj_lib.of_kind, ["networking.istio.io", "Gateway"], {})) > 0

_namespaces := {obj_lib.name(obj) | some obj in obj_lib.of_kind[""].Namespace}

_exists(at) if {
	some gateway in obj_lib.of_kind["networking.istio.io"].Gateway
	obj_lib.name(gateway) == at.name
	obj_lib.may_be_one(obj_lib.namespace(gateway), at.namespace)
}

_exists(at) if {
	some declared in input.external
	declared.kind == "Gateway"
	declared.name == at.name
	at.namespace in {"", obj_lib.at(declared, ["namespace"], "")}
}
