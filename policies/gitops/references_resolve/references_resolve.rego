# METADATA
# scope: package
# title: What is referred to exists
# description: |
#   A pod whose ConfigMap, Secret or claim is missing hangs in ContainerCreating, one whose
#   ServiceAccount or PriorityClass is missing is never created; a binding to a role that is not
#   there grants nothing, and one to an admission policy that is not there refuses nothing. Each is
#   accepted by the API server and found out after the sync, most often when a generated name with
#   its hash is written by hand.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/configuration/configmap/
#   - ref: https://kubernetes.io/docs/concepts/configuration/secret/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   fix: Render the object, correct the name or key, or declare under external in kgate.yaml who provides it.
package policies.gitops.references_resolve

import data.policies.lib.collector
import data.policies.lib.object as obj_lib
import data.policies.lib.reference

deny contains {"msg": msg, "path": array.concat(["objects", i], ref.path), "with": _similar(ref)} if {
	some i, refs in reference.input_references
	some ref in refs
	not _exists(ref)
	obj := input.objects[i]
	msg := sprintf("%s refers to %v %v%s, which is neither rendered nor declared external", [
		obj_lib.title(obj),
		ref.kind,
		json.marshal(ref.name),
		_where(ref),
	])
}

deny contains {"msg": msg, "path": array.concat(["objects", i], ref.path)} if {
	some i, refs in reference.input_references
	some ref in refs
	some key in ref.keys
	some keys in _keys[ref.kind][ref.namespace][ref.name]
	not key in keys
	obj := input.objects[i]
	msg := sprintf("%s reads key %v of %s %q, which has %s", [obj_lib.title(obj), json.marshal(key), ref.kind, ref.name, _listing(keys)])
}

# The names that may have been meant: one begins as the other does.
_similar(ref) := {["objects", j, "metadata", "name"] |
	some j, other in input.objects
	other.kind == ref.kind
	ref.namespace in {"", obj_lib.namespace(other)}
	name := obj_lib.name(other)
	is_string(name)
	is_string(ref.name)
	ref.name != ""
	_begins(name, ref.name)
}

_begins(name, other) if startswith(name, other)

_begins(name, other) if startswith(other, name)

_where(ref) := sprintf(" in namespace %v", [ref.namespace]) if ref.namespace != ""

else := ""

_listing(keys) := "no keys" if count(keys) == 0

else := sprintf("only %s", [concat(", ", keys)])

_exists(ref) if ref.name in _known[ref.kind][ref.namespace]

# What every cluster has.
_exists(ref) if {
	ref.kind == "ServiceAccount"
	ref.name == "default"
}

_exists(ref) if {
	ref.kind == "ConfigMap"
	ref.name == "kube-root-ca.crt"
}

_exists(ref) if {
	ref.kind == "PriorityClass"
	ref.name in {"system-cluster-critical", "system-node-critical"}
}

_exists(ref) if {
	ref.kind == "ClusterRole"
	ref.name in {"admin", "cluster-admin", "edit", "view"}
}

_exists(ref) if {
	ref.kind == "ClusterRole"
	is_string(ref.name)
	startswith(ref.name, "system:")
}

_exists(ref) if {
	ref.kind == "Role"
	ref.namespace == "kube-system"
	ref.name == "extension-apiserver-authentication-reader"
}

_namespaced := {
	"": {"ConfigMap", "PersistentVolumeClaim", "Secret", "ServiceAccount"},
	"rbac.authorization.k8s.io": {"Role"},
}

_clusterwide := {
	"admissionregistration.k8s.io": {"ValidatingAdmissionPolicy"},
	"rbac.authorization.k8s.io": {"ClusterRole"},
	"scheduling.k8s.io": {"PriorityClass"},
}

_known := _known_by_kind

_known_by_kind[kind][obj_lib.namespace(obj)] contains obj_lib.name(obj) if {
	some api_group, kinds in _namespaced
	some kind in kinds
	some obj in obj_lib.of_kind[api_group][kind]
}

_known_by_kind[kind][""] contains obj_lib.name(obj) if {
	some api_group, kinds in _clusterwide
	some kind in kinds
	some obj in obj_lib.of_kind[api_group][kind]
}

_known_by_kind[declared.kind][namespace] contains declared.name if {
	some declared in input.external
	namespace := obj_lib.at(declared, ["namespace"], "")
}

# The operators make the ServiceAccount that their pods run under.
_known_by_kind.ServiceAccount[obj_lib.namespace(obj)] contains collector.service_name(obj) if {
	some obj in collector.input_collectors
	not obj.spec.serviceAccount
}

_known_by_kind.ServiceAccount[obj_lib.namespace(obj)] contains obj_lib.name(obj) if {
	some obj in obj_lib.of_kind["postgresql.cnpg.io"].Cluster
}

_keys := _keys_by_kind

_keys_by_kind[kind][obj_lib.namespace(obj)][obj_lib.name(obj)] contains keys if {
	some kind in ["ConfigMap", "Secret"]
	some obj in obj_lib.of_kind[""][kind]
	keys := {key |
		some field in ["data", "binaryData", "stringData"]
		some key, _ in obj[field]
	}
}
