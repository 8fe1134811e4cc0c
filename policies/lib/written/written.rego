# METADATA
# scope: package
# title: Objects that controllers make
# description: |
#   A Certificate, an ExternalSecret or a database Cluster is rendered; the Secrets, Services and
#   ServiceAccounts that its controller makes of it are in the cluster only. Which controllers do so is
#   said in data.relations. What a Secret made so holds is not known here.
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

# What a claim or a resource of Crossplane connects with.
input_objects contains {"kind": "Secret", "namespace": obj_lib.at(to, ["namespace"], obj_lib.namespace(obj)), "name": to.name} if {
	some obj in input.objects
	to := obj_lib.at(obj, ["spec", "writeConnectionSecretToRef"], null)
}

# cert-manager makes the Certificates of an Ingress that asks for them.
# https://cert-manager.io/docs/usage/ingress/
input_objects contains {"kind": "Secret", "namespace": obj_lib.namespace(obj), "name": tls.value} if {
	some obj in obj_lib.of_kind["networking.k8s.io"].Ingress
	some annotation, value in obj_lib.annotations(obj)
	_asks_for_certificate(annotation, value)
	some tls in entry.places(obj, ["spec", "tls", "*", "secretName"])
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
