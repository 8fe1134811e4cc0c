package policies.gitops.namespaces_exist_test

import data.policies.gitops.namespaces_exist

_deny(kind, namespace) := faults if {
	faults := namespaces_exist.deny with input as {
		"objects": [
			{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
			{"apiVersion": "example.com/v1", "kind": "Namespace", "metadata": {"name": "fake"}},
			"text",
			{"apiVersion": "v1", "kind": kind, "metadata": {"name": "web", "namespace": namespace}},
		],
		"external": [{"kind": "Namespace", "name": "argocd"}, {"kind": "Secret", "name": "secret", "namespace": "other"}],
	}
}

_kinds := ["CronJob", "DaemonSet", "Deployment", "Job", "Pod", "ReplicaSet", "ReplicationController", "StatefulSet", "ConfigMap"]

test_exists[sprintf("%s %v", [kind, namespace])] if {
	some kind in _kinds
	some namespace in ["shop", "argocd", "default", "kube-system", "kube-public", "kube-node-lease", "", null]
	_deny(kind, namespace) == set()
}

test_does_not_exist[sprintf("%s %v", [kind, namespace])] if {
	some kind in _kinds
	some namespace in ["shpo", "fake", "secret", "other", 1, {}]
	count(_deny(kind, namespace)) == 1
}

test_message if {
	_deny("Pod", "shpo") == {{
		"path": ["objects", 3, "metadata", "namespace"],
		"msg": `namespace "shpo" is neither rendered nor declared external`,
		"missing": {"kind": "Namespace", "namespace": "", "name": "shpo"},
	}}
}

test_what_is_in_no_namespace[kind] if {
	some kind, version in {"ClusterRole": "rbac.authorization.k8s.io/v1", "PriorityClass": "scheduling.k8s.io/v1", "Node": "v1"}
	namespaces_exist.deny == set() with input as {"objects": [{"apiVersion": version, "kind": kind, "metadata": {"name": "a", "namespace": "shpo"}}], "external": []}
}

test_what_deployers_read[kind] if {
	some kind, version in {"Application": "argoproj.io/v1alpha1", "AppProject": "argoproj.io/v1alpha1", "Kustomization": "kustomize.toolkit.fluxcd.io/v1", "ArtifactGenerator": "source.extensions.fluxcd.io/v1beta1"}
	namespaces_exist.deny == set() with input as {"objects": [{"apiVersion": version, "kind": kind, "metadata": {"name": "a", "namespace": "shpo"}}], "external": []}
	count(namespaces_exist.deny) == 1 with input as {"objects": [{"apiVersion": "example.com/v1", "kind": kind, "metadata": {"name": "a", "namespace": "shpo"}}], "external": []}
}

test_namespaces_that_a_platform_has_or_a_scaffold_leaves_open if {
	every name in ["openshift-operators", "system"] {
		namespaces_exist.deny == set() with input as {"objects": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web", "namespace": name}}], "external": []}
	}
}
