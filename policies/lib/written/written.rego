# METADATA
# scope: package
# title: Objects that controllers make
# description: |
#   A Certificate, an ExternalSecret or a database Cluster is rendered; the Secrets, Services and
#   ServiceAccounts that its controller makes of it are in the cluster only. Which controllers do so is
#   said in data.relations, and what keys the Secrets and ConfigMaps have, where that is known.
package policies.lib.written

import data.policies.lib.entry
import data.policies.lib.object as obj_lib
import data.relations

# METADATA
# description: |
#   What is made of the objects of an overlay, each {kind, namespace, name}; namespace is "*" where it
#   is made in namespaces that nobody here knows.
input_objects contains {"kind": written.kind, "namespace": _namespace(written, obj), "name": name} if {
	some api_group, kinds in relations.writes
	some kind, made in kinds
	some obj in obj_lib.of_kind[api_group][kind]
	some written in made
	some name in _names(obj, written)
}

# METADATA
# description: the Secrets and ConfigMaps that are made with keys that are known, each {kind, namespace, name, keys}
input_keys contains {"kind": written.kind, "namespace": _namespace(written, obj), "name": name, "keys": _keys(obj, written.keys)} if {
	some [obj, written] in _made
	_has_known_keys(obj, written)
	some name in _names(obj, written)
}

# METADATA
# description: those that are made with keys that nobody here knows, as of input_objects
input_unknown := _unknown | {made |
	some made in input_objects
	made.kind in {"ConfigMap", "Secret"}
	not made in {object.remove(known, ["keys"]) | some known in input_keys}
}

_unknown contains {"kind": written.kind, "namespace": _namespace(written, obj), "name": name} if {
	some [obj, written] in _made
	not _has_known_keys(obj, written)
	some name in _names(obj, written)
}

_made := [[obj, written] |
	some api_group, kinds in relations.writes
	some kind, made in kinds
	some obj in obj_lib.of_kind[api_group][kind]
	some written in made
	written.kind in {"ConfigMap", "Secret"}
]

_has_known_keys(obj, written) if {
	written.keys
	every condition in object.get(written.keys, "unless", []) {
		_is_unset(obj, condition)
	}
}

_is_unset(obj, condition) if obj_lib.at(obj, condition.path, null) in {null, object.get(condition, "but", null)}

_keys(obj, known) := union({
	{key | some key in known.always},
	{key | some asked in known.asked; obj_lib.at(obj, asked.path, null) != null; some key in asked.keys},
	{key | some path in known.fields; some key, _ in obj_lib.at(obj, path, {})},
	{place.value | some path in known.entries; some place in entry.places(obj, path); is_string(place.value)},
})

# What a claim or a resource of Crossplane connects with.
input_objects contains {"kind": "Secret", "namespace": obj_lib.at(to, ["namespace"], obj_lib.namespace(obj)), "name": to.name} if {
	some obj in input.objects
	to := obj_lib.at(obj, ["spec", "writeConnectionSecretToRef"], null)
}

# What takes the place of the Secret. https://external-secrets.io/v1.3.2/guides/targeting-custom-resources/
input_objects contains {"kind": kind, "namespace": obj_lib.namespace(obj), "name": obj_lib.at(obj, ["spec", "target", "name"], obj_lib.name(obj))} if {
	some obj in obj_lib.of_kind["external-secrets.io"].ExternalSecret
	kind := obj_lib.at(obj, ["spec", "target", "manifest", "kind"], null)
	is_string(kind)
}

# The users of a database. https://postgres-operator.readthedocs.io/en/latest/user/#manifest-roles
input_objects contains {"kind": "Secret", "namespace": obj_lib.namespace(obj), "name": name} if {
	some obj in obj_lib.of_kind["acid.zalan.do"].postgresql
	some user, _ in obj_lib.at(obj, ["spec", "users"], {})
	is_string(user)
	name := sprintf("%s.%s.credentials.postgresql.acid.zalan.do", [replace(user, "_", "-"), obj_lib.name(obj)])
}

# cert-manager makes the Certificates of an Ingress that asks for them. https://cert-manager.io/docs/usage/ingress/
input_objects contains {"kind": "Secret", "namespace": obj_lib.namespace(obj), "name": tls.value} if {
	some obj in obj_lib.of_kind["networking.k8s.io"].Ingress
	some annotation, value in obj_lib.annotations(obj)
	_asks_for_certificate(annotation, value)
	some tls in entry.places(obj, ["spec", "tls", "*", "secretName"])
}

# So it does for the listeners of a Gateway, in its own namespace alone.
# https://cert-manager.io/docs/usage/gateway/
input_objects contains {"kind": "Secret", "namespace": obj_lib.namespace(obj), "name": ref.value.name} if {
	some kind in ["Gateway", "ListenerSet"]
	some obj in obj_lib.of_kind["gateway.networking.k8s.io"][kind]
	some annotation, value in obj_lib.annotations(obj)
	_asks_for_certificate(annotation, value)
	some ref in entry.places(obj, ["spec", "listeners", "*", "tls", "certificateRefs", "*"])
	obj_lib.at(ref.value, ["namespace"], obj_lib.namespace(obj)) == obj_lib.namespace(obj)
	obj_lib.at(ref.value, ["kind"], "Secret") == "Secret"
	is_string(ref.value.name)
}

# OpenShift makes the certificate of a Service that asks for one.
input_objects contains {"kind": "Secret", "namespace": obj_lib.namespace(obj), "name": name} if {
	some obj in obj_lib.of_kind[""].Service
	some stage in ["alpha", "beta"]
	name := obj_lib.annotations(obj)[sprintf("service.%s.openshift.io/serving-cert-secret-name", [stage])]
}

_asks_for_certificate(annotation, _) if annotation in {"cert-manager.io/cluster-issuer", "cert-manager.io/issuer"}

_asks_for_certificate("kubernetes.io/tls-acme", "true")

_namespace(written, obj) := "*" if {
	written.anywhere
} else := obj_lib.namespace(obj)

_names(obj, written) := found if {
	found := {place.value | some place in entry.places(obj, written.path); is_string(place.value); place.value != ""}
	count(found) > 0
} else := {strings.replace_n({"{name}": obj_lib.name(obj)}, written.name)}
