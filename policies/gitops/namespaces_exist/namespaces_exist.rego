# METADATA
# scope: package
# title: Namespaces of objects exist
# description: |
#   The API server refuses an object in a namespace that nobody made, and the whole sync fails with
#   it. A misspelt namespace that does exist is worse: the object lands where nobody looks.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   fix: Render the Namespace, correct the name, or declare it under external in kgate.yaml.
package policies.gitops.namespaces_exist

import data.policies.lib.object as obj_lib

deny contains {"msg": msg, "path": ["objects", i, "metadata", "namespace"], "missing": missing} if {
	some i, obj in input.objects
	namespace := obj_lib.at(obj, ["metadata", "namespace"], "")
	namespace != ""
	not obj_lib.is_of_cluster(obj)
	not _is_for_a_deployer(obj)
	not namespace in _known
	missing := {"kind": "Namespace", "namespace": "", "name": namespace}
	msg := sprintf("namespace %v is neither rendered nor declared external", [json.marshal(namespace)])
}

# What tells Argo CD or Flux what to deploy stands where these run.
_is_for_a_deployer(obj) if {
	obj.kind in {"Application", "ApplicationSet", "AppProject"}
	obj_lib.group(obj) == "argoproj.io"
}

_is_for_a_deployer(obj) if endswith(obj_lib.group(obj), ".fluxcd.io")

_known contains namespace if some namespace in ["default", "kube-system", "kube-public", "kube-node-lease"]

# Where Flux runs, which its own bootstrap makes.
_known contains "flux-system"

# What every cluster of OpenShift has.
_known contains namespace if {
	some namespace in [
		"openshift",
		"openshift-apiserver",
		"openshift-authentication",
		"openshift-cluster-node-tuning-operator",
		"openshift-cluster-version",
		"openshift-config",
		"openshift-config-managed",
		"openshift-console",
		"openshift-controller-manager",
		"openshift-dns",
		"openshift-etcd",
		"openshift-image-registry",
		"openshift-infra",
		"openshift-ingress",
		"openshift-ingress-operator",
		"openshift-insights",
		"openshift-kube-apiserver",
		"openshift-machine-api",
		"openshift-machine-config-operator",
		"openshift-marketplace",
		"openshift-monitoring",
		"openshift-multus",
		"openshift-network-operator",
		"openshift-node",
		"openshift-operator-lifecycle-manager",
		"openshift-operators",
		"openshift-user-workload-monitoring",
	]
}

# Kubebuilder writes it into the parts of config/, and config/default puts the project's own in its place.
_known contains "system"

_known contains obj_lib.name(obj) if {
	some obj in obj_lib.of_kind[""].Namespace
}

_known contains declared.name if {
	some declared in input.external
	declared.kind == "Namespace"
}
