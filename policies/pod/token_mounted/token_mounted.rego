# METADATA
# scope: package
# title: Pods carry a token only where they use it
# description: |
#   Every pod gets a token of the API server mounted unless its spec or its ServiceAccount says no.
#   A service that never calls the API server hands that token to whoever breaks into it, together
#   with every permission that its ServiceAccount is given later. A pod whose ServiceAccount is
#   bound to a role in the same overlay is taken to use it.
# related_resources:
#   - ref: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#opt-out-of-api-credential-automounting
# custom:
#   severity: error
#   states: convention
#   scope: overlay
#   mentions: spec apps/ batch/ Pod
#   fix: Set automountServiceAccountToken to false on the pod, or bind its ServiceAccount to the role that it needs.
package policies.pod.token_mounted

import data.policies.lib.object as obj_lib
import data.policies.lib.role
import data.policies.lib.workload

deny contains {"msg": msg, "path": path} if {
	some index, obj in workload.input_workloads
	pod := workload.spec(obj)
	not _mounts_nothing(obj, pod)
	not _is_bound(_account(obj, pod))
	msg := sprintf("the pods of %s mount a token that nothing gives a permission: automountServiceAccountToken is not false and no binding names ServiceAccount %q", [workload.title(obj), _account(obj, pod).name])
	path := array.concat(["objects", index], array.concat(workload.spec_path(obj), ["automountServiceAccountToken"]))
}

# A projected token with an audience is for somebody else than the API server: Vault, a cloud.
deny contains {"msg": msg, "path": path} if {
	some index, obj in workload.input_workloads
	pod := workload.spec(obj)
	some v, volume in pod.volumes
	some s, source in volume.projected.sources
	token := source.serviceAccountToken
	obj_lib.at(token, ["audience"], "") == ""
	not _is_bound(_account(obj, pod))
	msg := sprintf("the pods of %s mount a token that nothing gives a permission: volume %v projects one and no binding names ServiceAccount %q", [workload.title(obj), obj_lib.at(volume, ["name"], v), _account(obj, pod).name])
	path := array.concat(["objects", index], array.concat(workload.spec_path(obj), ["volumes", v, "projected", "sources", s, "serviceAccountToken"]))
}

_account(obj, pod) := {
	"name": obj_lib.at(pod, ["serviceAccountName"], "default"),
	"namespace": obj_lib.namespace(obj),
}

# The pod's own word wins; where it has none, the ServiceAccount's does.
_mounts_nothing(_, pod) if pod.automountServiceAccountToken == false

_mounts_nothing(obj, pod) if {
	obj_lib.at(pod, ["automountServiceAccountToken"], null) == null
	_account(obj, pod) in _without_token
}

_without_token contains {"name": obj_lib.name(account), "namespace": obj_lib.namespace(account)} if {
	some account in obj_lib.of_kind[""].ServiceAccount
	account.automountServiceAccountToken == false
}

_is_bound(account) if {
	some subject in _bound
	subject.name == account.name
	obj_lib.may_be_one(subject.namespace, account.namespace)
}

_bound contains {"name": subject.name, "namespace": namespace} if {
	some binding in input.objects
	role.is_binding(binding)
	some subject in binding.subjects
	subject.kind == "ServiceAccount"
	namespace := obj_lib.at(subject, ["namespace"], obj_lib.namespace(binding))
}
