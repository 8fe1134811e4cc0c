# METADATA
# scope: package
# title: Pods have a ServiceAccount of their own
# description: |
#   Every pod that names none shares the namespace's ServiceAccount "default": a permission that one
#   of them is given is given to all, and the mesh and the audit log cannot tell them apart.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/security/service-accounts/
# custom:
#   severity: error
#   states: convention
#   scope: object
#   mentions: spec apps/ batch/ Pod
#   fix: Make a ServiceAccount for the workload and name it in serviceAccountName.
package policies.pod.service_account

import data.policies.lib.object as obj_lib
import data.policies.lib.part

deny contains {"msg": msg, "path": path} if {
	some pod in part.input_pods
	name := obj_lib.at(pod.fields, ["serviceAccountName"], "")
	not _is_own(pod, name)
	msg := sprintf("the pods of %s run under a shared ServiceAccount: serviceAccountName is %q", [pod.title, sprintf("%v", [name])])
	path := pod.paths.serviceAccountName
}

# An operator makes one where none is named.
_is_own(pod, "") if not pod.complete

_is_own(_, name) if {
	is_string(name)
	not name in {"", "default"}
}
