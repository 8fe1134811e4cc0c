# METADATA
# scope: package
# title: A class of the cluster is rendered or declared
# description: |
#   A volume of a StorageClass, or a pod of a RuntimeClass, that the cluster lacks waits for ever or is
#   never made; an Ingress, a Gateway or a certificate of a class or an issuer that nobody has is left
#   alone. Most come with the cluster: kgate.yaml says who provides them, where it has something
#   external at all, or one of the kind is rendered. A Helm chart of the cluster may bring any.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/storage/storage-classes/
# custom:
#   severity: error
#   states: convention
#   scope: overlay
#   fix: Correct the name, render the class, or declare it under external in kgate.yaml with who provides it.
package policies.gitops.classes_exist

import data.policies.lib.object as obj_lib
import data.policies.lib.reference

deny contains {"msg": msg, "path": array.concat(["objects", i], ref.path), "with": _similar(ref), "missing": missing} if {
	some i, refs in reference.input_provided
	some ref in refs
	_is_told(ref)
	not _is_known(ref)
	not obj_lib.is_filled_in(ref.name)
	missing := {"kind": ref.kind, "namespace": "", "name": ref.name}
	msg := sprintf("%s refers to %s %v, which is neither rendered nor declared external", [obj_lib.title(input.objects[i]), ref.kind, json.marshal(ref.name)])
}

# Who declares nothing has not begun to say what the cluster has.
_is_told(_) if count(input.external) > 0

_is_told(ref) if {
	some obj in input.objects
	obj.kind == ref.kind
}

_is_known(ref) if ref.name in _known[ref.kind]

_known := _known_by_kind

_known_by_kind[obj.kind] contains obj_lib.name(obj) if {
	some obj in input.objects
	is_string(obj.kind)
}

_known_by_kind[declared.kind] contains declared.name if some declared in input.external

# A volume that is rendered may have a class that is a word for it and nothing else.
_known_by_kind.StorageClass contains volume.spec.storageClassName if some volume in obj_lib.of_kind[""].PersistentVolume

_similar(ref) := {["objects", j, "metadata", "name"] |
	some j, other in input.objects
	other.kind == ref.kind
	is_string(ref.name)
	_begins(obj_lib.name(other), ref.name)
}

_begins(name, other) if startswith(name, other)

_begins(name, other) if startswith(other, name)
