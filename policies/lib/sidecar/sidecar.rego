# METADATA
# scope: package
# title: The pods that have a sidecar of Istio
# description: |
#   Injection as labels and annotations of pods and of the Namespaces of an overlay ask for it. A Namespace that is
#   not rendered says nothing: its pods count as having none, but where their own label asks.
# related_resources:
#   - ref: https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy
package policies.lib.sidecar

import data.policies.lib.object as obj_lib
import data.policies.lib.workload

# METADATA
# description: |
#   whether the pods of a workload have one: the pods' label says, or else the namespace's. Pods on the host's network get
#   none.
is_injected(obj) if {
	not workload.spec(obj).hostNetwork == true
	_wants(_said(obj), obj_lib.namespace(obj))
}

# The annotation of old counts where there is no label, and the webhook is not asked for its sake.
_said(obj) := workload.labels(obj)[_key] if {
	workload.labels(obj)[_key]
} else := "false" if {
	workload.annotations(obj)[_key] == "false"
} else := "unsaid"

_key := "sidecar.istio.io/inject"

_wants("true", namespace) if object.get(_labels(namespace), "istio-injection", "") != "disabled"

_wants("unsaid", namespace) if asks(namespace)

# METADATA
# description: whether a Namespace of the overlay asks for sidecars in its pods
asks(namespace) if object.get(_labels(namespace), "istio-injection", "") == "enabled"

asks(namespace) if {
	object.get(_labels(namespace), "istio.io/rev", "") != ""
	object.get(_labels(namespace), "istio-injection", "") == ""
}

# Of several Namespaces of one name, a fault of its own, everything counts.
_labels(namespace) := object.union_n([obj_lib.labels(found) | some found in _namespaces[namespace]])

_namespaces := _namespaces_by_name

_namespaces_by_name[obj_lib.name(obj)] contains obj if some obj in obj_lib.of_kind[""].Namespace
