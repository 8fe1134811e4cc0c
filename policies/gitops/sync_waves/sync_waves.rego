# METADATA
# scope: package
# title: Sync waves order what depends on each other
# description: |
#   Argo CD waits for a wave to be healthy before it starts the next. A VirtualService that is
#   applied with or before its DestinationRule routes to subsets that Envoy does not know yet: 503.
#   A workload in an earlier wave than its ConfigMap, Secret or ServiceAccount never becomes
#   healthy, so the wave that would bring them never starts and the sync hangs.
# related_resources:
#   - ref: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/
#   - ref: https://istio.io/latest/docs/ops/best-practices/traffic-management/#avoid-503-errors-while-reconfiguring-service-routes
# custom:
#   severity: error
#   states: fact
#   scope: overlay
#   mentions: argoproj.io helm.sh
#   fix: Set argocd.argoproj.io/sync-wave so that what is depended on comes first.
package policies.gitops.sync_waves

import data.policies.lib.argo
import data.policies.lib.mesh
import data.policies.lib.object as obj_lib
import data.policies.lib.reference
import data.policies.lib.registry

deny contains {"msg": msg, "path": array.concat(["objects", i], argo.wave_path)} if {
	some i, obj in input.objects
	not _orders[i]
	msg := sprintf("%s has sync wave %v, which is no whole number, so Argo CD takes it for 0", [obj_lib.title(obj), json.marshal(argo.wave(obj))])
}

deny contains {"msg": _message(need), "path": array.concat(["objects", need.index], argo.wave_path)} if {
	some need in _unmet
	not _is_shared(input.objects[need.index])
}

# What several targets may render is there where another one of the cluster has been synced.
deny contains {"msg": _message(need), "path": array.concat(["objects", need.index], argo.wave_path), "missing": missing} if {
	some need in _unmet
	needed := input.objects[need.index]
	_is_shared(needed)
	missing := {"kind": needed.kind, "namespace": "", "name": obj_lib.name(needed)}
}

_is_shared(obj) if obj.kind in {"CustomResourceDefinition", "Namespace"}

_message(need) := msg if {
	needed := input.objects[need.index]
	obj := input.objects[need.user]
	msg := sprintf("%s is synced in %s and %s, which needs it%s, in %s", [
		obj_lib.title(needed),
		_when(needed, obj),
		obj_lib.title(obj),
		{true: " to be there before", false: ""}[need.strictly],
		_when(obj, needed),
	])
}

# The wave, and where the phases differ that of the hook, which comes before any wave.
_when(obj, other) := sprintf("wave %v", [argo.wave(obj)]) if {
	argo.phase(obj) == argo.phase(other)
} else := sprintf("wave %v of %s", [argo.wave(obj), argo.phase(obj)])

_orders := {i: argo.order(obj) | some i, obj in input.objects}

# Which object (user) needs which that comes too late (index), both as indexes in input.objects. Inside
# a wave Argo CD applies Namespaces, CRDs, Secrets, ConfigMaps and accounts before workloads.
_unmet contains {"user": user, "index": index, "strictly": false} if {
	some user, obj in input.objects
	not obj_lib.is_of_cluster(obj)
	some index in _index.Namespace[""][obj.metadata.namespace]
	user != index
	_orders[index] > _orders[user]
}

_unmet contains {"user": user, "index": index, "strictly": false} if {
	some user, obj in input.objects
	some index in _definitions[obj_lib.group(obj)][obj.kind]
	user != index
	_orders[index] > _orders[user]
}

_unmet contains {"user": user, "index": index, "strictly": false} if {
	some user, refs in reference.input_references
	not _binds(input.objects[user])
	some ref in refs
	some index in _index[ref.kind][ref.namespace][ref.name]
	user != index
	_orders[index] > _orders[user]
}

# All are in wave 0 where nobody writes of waves, and there is no Argo CD perhaps.
_unmet contains {"user": user, "index": index, "strictly": true} if {
	_is_for_argo_cd
	some user, obj in mesh.input_virtual_services
	some destination in mesh.destinations(obj)
	destination.value.subset
	host := registry.mesh_name(destination.value.host, obj_lib.namespace(obj))
	some index in _destination_rules[host]
	user != index
	_orders[index] >= _orders[user]
}

_is_for_argo_cd if {
	some obj in input.objects
	some key, _ in obj_lib.annotations(obj)
	startswith(key, "argocd.argoproj.io/")
}

# A binding is healthy as it is, whether its account is there or not.
_binds(obj) if obj_lib.group(obj) == "rbac.authorization.k8s.io"

_index := _index_by_kind

_index_by_kind.Namespace[""][obj_lib.name(obj)] contains i if some i, obj in obj_lib.of_kind[""].Namespace

_index_by_kind[kind][obj_lib.namespace(obj)][obj_lib.name(obj)] contains i if {
	some kind in ["ConfigMap", "PersistentVolumeClaim", "Secret", "ServiceAccount"]
	some i, obj in obj_lib.of_kind[""][kind]
}

_index_by_kind.PriorityClass[""][obj_lib.name(obj)] contains i if {
	some i, obj in obj_lib.of_kind["scheduling.k8s.io"].PriorityClass
}

_definitions := _definitions_by_group

_definitions_by_group[obj.spec.group][obj.spec.names.kind] contains i if {
	some i, obj in obj_lib.of_kind["apiextensions.k8s.io"].CustomResourceDefinition
}

_destination_rules := _destination_rules_by_host

_destination_rules_by_host[host] contains i if {
	some i, obj in mesh.input_destination_rules
	some host in registry.known(registry.mesh_name(obj.spec.host, obj_lib.namespace(obj)))
}
