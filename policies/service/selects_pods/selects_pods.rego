# METADATA
# scope: package
# title: Services select pods
# description: |
#   A Service whose selector matches no pod template of its namespace has no endpoints: DNS answers, and every connection is refused or,
#   behind the mesh, a 503. One renamed label is enough. Pods that an operator makes of a rendered resource count. Labels that pods get
#   when they run (their own name in a StatefulSet, the hash of a Rollout, who leads in Vault or Patroni) are asked of no template. A
#   Service without a selector, an ExternalName and one of the control plane have their endpoints from elsewhere. Beside a release of
#   a Helm chart, or a resource of a kind that nobody defines, nobody knows which pods there are.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/services-networking/service/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: Service
#   fix: Select labels that the pod template carries, in the Service's own namespace.
package policies.service.selects_pods

import data.policies.lib.labels
import data.policies.lib.object as obj_lib
import data.policies.lib.operator
import data.policies.lib.pods
import data.policies.lib.selector
import data.policies.lib.workload

deny contains {"msg": msg, "path": ["objects", index, "spec", "selector"], "missing": missing} if {
	some index, service in obj_lib.of_kind[""].Service
	not _is_external(service)
	wanted := obj_lib.at(service, ["spec", "selector"], {})
	wanted != {}
	not _is_of_control_plane(wanted)
	not _selects_pods(service, wanted)
	not pods.may_have_others(obj_lib.namespace(service))
	missing := {"kind": "pods", "namespace": obj_lib.namespace(service), "name": json.marshal(_labels(wanted))}
	msg := sprintf("%s reaches nothing: no pod%s has the labels %s", [obj_lib.title(service), obj_lib.within("of", obj_lib.namespace(service)), json.marshal(wanted)])
}

# Labels that what runs in a pod gives it once it runs: Vault's and Patroni's say which pod leads.
_is_of_runtime(key, _) if startswith(key, "vault-")

_is_of_runtime("spilo-role", _)

_is_of_runtime("role", wanted) if _is_of_patroni(wanted)

_is_of_patroni(wanted) if wanted["cluster-name"]

_is_of_patroni(wanted) if wanted.application in {"patroni", "spilo"}

# What is in no template: Argo Rollouts gives the pods a hash, and the Service of a track the hash to select; the controller of a
# StatefulSet gives each pod its own name.
_labels(wanted) := object.remove(_of_template(wanted), [_pod_name]) if is_object(wanted)

else := wanted

# The kubelets of a control plane run its pods from files.
_is_of_control_plane(wanted) if wanted.tier == "control-plane"

_is_of_control_plane(wanted) if {
	some label in ["component", "k8s-app"]
	wanted[label] in {"etcd", "kube-apiserver", "kube-controller-manager", "kube-dns", "kube-proxy", "kube-scheduler"}
}

_is_external(service) if service.spec.type == "ExternalName"

_selects_pods(service, wanted) if {
	count(labels.selected_by_map("pods", _of_template(wanted), labels.near("pods", obj_lib.namespace(service)))) > 0
}

_selects_pods(service, wanted) if {
	some obj in obj_lib.of_kind["argoproj.io"].Rollout
	obj_lib.may_be_one(obj_lib.namespace(obj), obj_lib.namespace(service))
	some own_labels in workload.label_sets(obj)
	selector.matches_map(_of_template(wanted), own_labels)
}

# Each pod of a StatefulSet has its own name as a label.
_selects_pods(service, wanted) if {
	pod := wanted[_pod_name]
	is_string(pod)
	some obj in workload.input_workloads
	obj.kind == "StatefulSet"
	obj_lib.may_be_one(obj_lib.namespace(obj), obj_lib.namespace(service))
	regex.match(`^-[0-9]+$`, trim_prefix(pod, obj_lib.name(obj)))
	selector.matches_map(wanted, object.union(workload.labels(obj), {_pod_name: pod}))
}

_selects_pods(service, wanted) if {
	some obj in operator.input_resources
	obj_lib.may_be_one(obj_lib.namespace(obj), obj_lib.namespace(service))
	operator.is_selected_by_map(obj, wanted)
}

_pod_name := "statefulset.kubernetes.io/pod-name"

_of_template(wanted) := object.remove(wanted, array.concat(_given, [key | some key, _ in wanted; _is_of_runtime(key, wanted)])) if is_object(wanted)

else := wanted

_given := [_rollout_hash, "apps.kubernetes.io/pod-index"]

_rollout_hash := "rollouts-pod-template-hash"
