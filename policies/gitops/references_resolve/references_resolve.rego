# METADATA
# scope: package
# title: What is referred to exists
# description: |
#   A pod whose ConfigMap, Secret or claim is missing, or lacks the key, does not start, one without its ServiceAccount or PriorityClass
#   is never created; a binding to a role that is not there grants nothing; an operator does nothing without what a resource names. The
#   API server takes them all. Most often a generated name with its hash is written by hand, or is named in a field of a custom resource,
#   where Kustomize does not put the hash. There is what controllers make of rendered resources, what Kubernetes, OpenShift, Istio and Flux
#   bring themselves, and any Service of kube-system where the target renders none. What others mostly have (Gateways, Services behind routes,
#   sources of Flux) is asked for only where the target has one of the kind, in that namespace if it is another, or something is external.
# related_resources:
#   - ref: https://kubernetes.io/docs/concepts/configuration/configmap/
#   - ref: https://kubernetes.io/docs/concepts/configuration/secret/
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   fix: Render the object, correct the name or key, or declare under external in kgate.yaml who provides it.
package policies.gitops.references_resolve

import data.policies.lib.object as obj_lib
import data.policies.lib.reference
import data.policies.lib.written
import data.relations

deny contains {"msg": msg, "path": array.concat(["objects", i], _field(input.objects[i], ref)), "with": _similar(ref), "missing": missing} if {
	some i, refs in reference.input_references
	some ref in refs
	not _exists(ref)
	not obj_lib.is_filled_in(ref.name)
	not obj_lib.is_filled_in(ref.namespace)
	missing := {"kind": ref.kind, "namespace": ref.namespace, "name": ref.name}
	obj := input.objects[i]
	msg := sprintf("%s refers to %v %v%s, which is %s", [
		obj_lib.title(obj),
		ref.kind,
		json.marshal(ref.name),
		_where(ref),
		_instead(obj, ref),
	])
}

deny contains {"msg": msg, "path": array.concat(["objects", i], _key_path(input.objects[i], ref, key))} if {
	some i, refs in reference.input_references
	some ref in refs
	count(ref.keys) > 0
	keys := union(_keys[ref.kind][ref.namespace][ref.name])
	some key in ref.keys
	not key in keys
	not obj_lib.is_filled_in(key)
	not _is_written_by_others(ref)
	obj := input.objects[i]
	msg := sprintf("%s reads key %v of %s %q, which has %s", [obj_lib.title(obj), json.marshal(key), ref.kind, ref.name, _listing(keys)])
}

# Where one of the name is in another namespace, and the wrong one is written beside the name, that is the field to edit.
_field(obj, ref) := namespace if {
	namespace := array.concat(array.slice(ref.path, 0, count(ref.path) - 1), ["namespace"])
	object.get(obj, namespace, null) == ref.namespace
	ref.namespace != obj_lib.namespace(obj)
	some other in input.objects
	other.kind == ref.kind
	obj_lib.name(other) == ref.name
} else := ref.path

# The key stands beside the name, or in one of the items that stand there.
_key_path(obj, ref, key) := array.concat(beside, ["items", item, "key"]) if {
	beside := array.slice(ref.path, 0, count(ref.path) - 1)
	item := min([i | some i, item in object.get(obj, beside, {}).items; item.key == key])
} else := array.concat(array.slice(ref.path, 0, count(ref.path) - 1), ["key"]) if {
	is_string(key)
} else := ref.path

# What is there in its place. The hash itself differs from overlay to overlay.
_instead(obj, ref) := sprintf("rendered as %s-<hash>%s", [ref.name, _advice(obj)]) if {
	some other in obj_lib.of_kind[""][ref.kind]
	_may_be_one(ref.namespace, obj_lib.namespace(other))
	_is_hashed(obj_lib.name(other), ref.name)
} else := sprintf("rendered as %s-<hash>%s", [ref.name, obj_lib.within("in", namespaces[0])]) if {
	namespaces := sort([obj_lib.namespace(other) | some other in obj_lib.of_kind[""][ref.kind]; _is_hashed(obj_lib.name(other), ref.name)])
	count(namespaces) > 0
} else := "neither rendered nor declared external"

# The ten letters that Kustomize has for a hash.
_is_hashed(name, other) if {
	is_string(other)
	startswith(name, concat("", [other, "-"]))
	regex.match(`^[2456789bcdfghkmt]{10}$`, trim_prefix(name, concat("", [other, "-"])))
}

# Kustomize knows the fields of Kubernetes' own kinds.
_advice(obj) := "" if {
	_is_kubernetes(obj_lib.group(obj))
} else := ": Kustomize knows no such field of this kind unless a nameReference of `configurations` names it"

_is_kubernetes(api_group) if not contains(api_group, ".")

_is_kubernetes(api_group) if endswith(api_group, ".k8s.io")

# The names that may have been meant: one begins as the other does.
_similar(ref) := {["objects", j, "metadata", "name"] |
	some j, other in input.objects
	other.kind == ref.kind
	_may_be_one(ref.namespace, obj_lib.namespace(other))
	name := obj_lib.name(other)
	is_string(name)
	is_string(ref.name)
	ref.name != ""
	_begins(name, ref.name)
}

_begins(name, other) if startswith(name, other)

_begins(name, other) if startswith(other, name)

_where(ref) := obj_lib.within("in", ref.namespace) if ref.namespace != "*"

else := ""

_listing(keys) := "no keys" if count(keys) == 0

else := sprintf("only %s", [concat(", ", keys)])

_exists(ref) if ref.name in _known[ref.kind][ref.namespace]

_exists(ref) if {
	some namespace, names in _known[ref.kind]
	_may_be_one(ref.namespace, namespace)
	ref.name in names
}

# What is declared without a namespace is no object of every namespace.
_exists(ref) if {
	some namespace, names in _declared[ref.kind]
	ref.namespace in {"", "*", namespace}
	ref.name in names
}

_may_be_one("*", _)

_may_be_one(a, "*") if a != "*"

_may_be_one(a, b) if {
	a != "*"
	b != "*"
	obj_lib.may_be_one(a, b)
}

# A StatefulSet's controller makes a claim of each template for each of its pods.
_exists(ref) if {
	ref.kind == "PersistentVolumeClaim"
	some namespace, prefixes in _claimed
	_may_be_one(ref.namespace, namespace)
	some prefix in prefixes
	startswith(ref.name, prefix)
	regex.match(`^[0-9]+$`, substring(ref.name, count(prefix), -1))
}

# What every cluster has.
_exists(ref) if {
	ref.kind == "ServiceAccount"
	ref.name == "default"
}

_exists(ref) if {
	ref.kind == "ServiceAccount"
	ref.name in {"builder", "deployer"} # of OpenShift
}

# kube-controller-manager makes one for each of its controllers. TestControllers holds the list to the API server's own roles for them.
_exists(ref) if {
	ref.kind == "ServiceAccount"
	_may_be_one(ref.namespace, "kube-system")
	ref.name in _controllers
}

# What OpenShift's own operators keep in its namespaces no repository says.
_exists(ref) if {
	is_string(ref.namespace)
	regex.match(`^openshift(-.*)?$`, ref.namespace)
	not ref.namespace in _rendered_namespaces
}

_exists(ref) if {
	ref.kind == "ConfigMap"
	ref.name in {"istio-ca-root-cert", "kube-root-ca.crt", "openshift-service-ca.crt"}
}

_exists(ref) if {
	ref.kind == "Service"
	ref.name == "kubernetes"
	_may_be_one(ref.namespace, "default")
}

# What Flux's bootstrap, or its operator, makes of itself in its own namespace.
_exists(ref) if {
	ref.kind in {"Bucket", "GitRepository", "Kustomization", "OCIRepository", "Secret"}
	ref.name == "flux-system"
	_may_be_one(ref.namespace, "flux-system")
}

_exists(ref) if {
	ref.kind == "Service"
	ref.name in {"notification-controller", "source-controller", "webhook-receiver"}
	_may_be_one(ref.namespace, "flux-system")
}

# What came with the cluster, such as its network's own page, where nobody here brings any.
_exists(ref) if {
	ref.kind == "Service"
	ref.namespace == "kube-system"
	not _known.Service["kube-system"]
}

_exists(ref) if {
	ref.kind == "PriorityLevelConfiguration"
	ref.name in {"catch-all", "exempt", "global-default", "leader-election", "node-high", "system", "workload-high", "workload-low"}
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
	ref.name in {"basic-user", "cluster-monitoring-view", "cluster-reader", "registry-admin", "registry-editor", "registry-viewer", "self-provisioner"} # of OpenShift
}

_exists(ref) if {
	ref.kind == "ClusterRole"
	is_string(ref.name)
	startswith(ref.name, "system:")
}

_exists(ref) if {
	ref.kind == "Role"
	_may_be_one(ref.namespace, "kube-system")
	ref.name == "extension-apiserver-authentication-reader"
}

_rendered_namespaces := {obj_lib.name(obj) | some obj in obj_lib.of_kind[""].Namespace}

_controllers := {
	"attachdetach-controller", "bootstrap-signer", "certificate-controller", "cloud-provider",
	"clusterrole-aggregation-controller", "cronjob-controller", "daemon-set-controller", "deployment-controller",
	"device-taint-eviction-controller", "disruption-controller", "endpoint-controller", "endpointslice-controller",
	"endpointslicemirroring-controller", "ephemeral-volume-controller", "expand-controller", "generic-garbage-collector",
	"horizontal-pod-autoscaler", "job-controller", "kube-apiserver-serving-clustertrustbundle-publisher",
	"legacy-service-account-token-cleaner", "namespace-controller", "node-controller", "persistent-volume-binder",
	"pod-garbage-collector", "podcertificaterequestcleaner", "pv-protection-controller", "pvc-protection-controller",
	"replicaset-controller", "replication-controller", "resource-claim-controller", "resourcequota-controller",
	"root-ca-cert-publisher", "route-controller", "selinux-warning-controller", "service-account-controller",
	"service-cidrs-controller", "service-controller", "statefulset-controller", "storage-version-migrator-controller",
	"token-cleaner", "ttl-after-finished-controller", "ttl-controller", "validatingadmissionpolicy-status-controller",
	"volumeattributesclass-protection-controller",
}

# What pods and bindings name, and what data.relations knows of other kinds.
_referred := {
	["", "ConfigMap"],
	["", "PersistentVolumeClaim"],
	["", "Secret"],
	["", "ServiceAccount"],
	["rbac.authorization.k8s.io", "ClusterRole"],
	["rbac.authorization.k8s.io", "Role"],
} | {[field.group, field.kind] |
	some fields in array.concat([relations.pod.fields, relations.pod.annotations], [fields | some kinds in relations.references; some fields in kinds])
	some field in fields
	not field.provided
}

_clusterwide := {"ClusterRole", "PriorityClass"} | {field.kind |
	some kinds in relations.references
	some fields in kinds
	some field in fields
	field.cluster
}

_known := _known_by_kind

_known_by_kind[kind][namespace] contains obj_lib.name(obj) if {
	some [api_group, kind] in _referred
	some obj in obj_lib.of_kind[api_group][kind]
	namespace := _namespace(kind, obj)
}

_namespace(kind, obj) := "" if {
	kind in _clusterwide
} else := obj_lib.namespace(obj)

_declared := _declared_by_kind

_declared_by_kind[declared.kind][namespace] contains declared.name if {
	some declared in input.external
	namespace := obj_lib.at(declared, ["namespace"], "")
}

_known_by_kind[made.kind][made.namespace] contains made.name if some made in written.input_objects

_keys := _keys_by_kind

_keys_by_kind[kind][obj_lib.namespace(obj)][obj_lib.name(obj)] contains keys if {
	some kind in ["ConfigMap", "Secret"]
	some obj in obj_lib.of_kind[""][kind]
	keys := {key |
		some field in ["data", "binaryData", "stringData"]
		some key, _ in obj[field]
	}
}

# Others put further keys into these: a token and its certificates, bundles of certificates, what a replicator copies.
_is_filled(obj) if obj.type == "kubernetes.io/service-account-token"

_is_filled(obj) if {
	some text in [obj_lib.labels(obj), obj_lib.annotations(obj)]
	some key in [
		"config.openshift.io/inject-trusted-cabundle", "service.alpha.openshift.io/inject-cabundle", "service.beta.openshift.io/inject-cabundle",
		"replicator.v1.mittwald.de/replicate-from", "reflector.v1.k8s.emberstack.com/reflects",
	]
	text[key]
}

# Something makes another of the same name, of which nobody here knows the keys.
_is_written_by_others(ref) if {
	some made in written.input_unknown
	made.kind == ref.kind
	made.name == ref.name
	_may_be_one(made.namespace, ref.namespace)
}

_is_written_by_others(ref) if {
	some obj in obj_lib.of_kind[""][ref.kind]
	obj_lib.name(obj) == ref.name
	obj_lib.namespace(obj) == ref.namespace
	_is_filled(obj)
}

# What controllers make, and what is in every namespace.
_keys_by_kind[made.kind][made.namespace][made.name] contains made.keys if some made in written.input_keys

_keys_by_kind.ConfigMap[ref.namespace][ref.name] contains {key} if {
	some refs in reference.input_references
	some ref in refs
	ref.kind == "ConfigMap"
	count(ref.keys) > 0
	key := {"istio-ca-root-cert": "root-cert.pem", "kube-root-ca.crt": "ca.crt", "openshift-service-ca.crt": "service-ca.crt"}[ref.name]
}

_claimed := _claimed_in

_claimed_in[obj_lib.namespace(obj)] contains sprintf("%s-%s-", [template.metadata.name, obj_lib.name(obj)]) if {
	some obj in obj_lib.of_kind.apps.StatefulSet
	some template in obj_lib.at(obj, ["spec", "volumeClaimTemplates"], [])
	is_string(template.metadata.name)
}
